"""The whole shell in both simulators, behind a line that is driven bit by bit, with fpga_ml.board as the host.

What the results must be is C-simulation's (the reference project, parallel), or NumPy's own sums.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from lint import lint_files
from numpy.testing import assert_array_equal

from fpga_ml.board.interface import Ends, Interface
from fpga_ml.board.lines import Line, line_for, spi, uart
from fpga_ml.board.project import interface_of
from fpga_ml.board.shell import TOP, shell_files
from fpga_ml.board.tb.test_board import Settings
from fpga_ml.devices.boards import BOARDS, GATEMATE_EVB, TANG_PRIMER, ULX3S, BoardKind
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Axis, Channel, Loop, Map, Network, Window
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_network, emit_stream
from fpga_ml.simulate.prove import SIMULATORS
from fpga_ml.toolchain import cocotb_setup, icarus, verilator
from fpga_ml.toolchain.run import Command, run

Array = npt.NDArray[np.float64]
IDENTITY = bytes(range(1, 9))
FIVE, ELEVEN, SUM, WIDE = (FixedType.parse(f"ap_fixed<{t}>") for t in ("5,3", "11,6", "6,4", "12,7"))
both = pytest.mark.parametrize("simulator", SIMULATORS)


@dataclass(frozen=True)
class Wired:
    """clocks_per_bit: of the shell's clock."""

    line: Line
    clocks_per_bit: int


UART, SPI = Wired(uart(4, 3000), 4), Wired(spi(3000), 8)
either = pytest.mark.parametrize("wired", [UART, SPI], ids=lambda wired: wired.line.name)


@dataclass(frozen=True)
class Case:
    """A project's RTL, samples, and what must come out."""

    rtl: dict[str, str]
    face: Interface
    x: list[Array]
    y: list[Array]


def parallel() -> Case:
    """Two inputs, two signed outputs: sums of neighbours and of pairs."""
    a, b = Channel("a", (FIVE,) * 3), Channel("b", (ELEVEN,) * 2)
    y, z = Channel("y", (SUM,) * 2), Channel("z", (WIDE,))
    builder = Builder("sums")
    wires = [builder.input(w) for c in (a, b) for w in c.wires]
    kernel = builder.build(
        [builder.add(wires[0], wires[1]), builder.add(wires[1], wires[2]), builder.add(wires[3], wires[4])]
    )
    rtl = emit_network(Network("sums", (a, b), ("y", "z"), (Map("sum", (a, b), (y, z), kernel),)), 5.0)
    face = Interface(
        "sums", "parallel", False, (Ends("a", FIVE, (3,), 1), Ends("b", ELEVEN, (2,), 1)),
        (Ends("y", SUM, (2,), 1), Ends("z", WIDE, (1,), 1)), IDENTITY,
    )  # fmt: skip
    xa, xb = values(FIVE, 12, 3), values(ELEVEN, 12, 2)
    return Case(dict(rtl.files), face, [xa, xb], [xa[:, 1:] + xa[:, :-1], xb.sum(axis=1, keepdims=True)])


def stream(*, frame_last: bool = False) -> Case:
    """Two series of six: the sums of neighbours of one, and one plus the other, beat by beat."""
    a, b = Channel("a", (FIVE,), 6), Channel("b", (ELEVEN,), 6)
    pairs, y, z = Channel("pairs", (FIVE,) * 2, 5), Channel("y", (SUM,), 5), Channel("z", (WIDE,), 6)
    neighbours, both_ = Builder("neighbours"), Builder("both")
    first = neighbours.build([neighbours.add(*(neighbours.input(w) for w in pairs.wires))])
    second = both_.build([both_.add(both_.input(a.wires[0]), both_.input(b.wires[0]))])
    line = Window("line", (a,), (pairs,), Axis(1, 1), Axis(6, 5, 2), (0,))
    processes = (line, Map("neighbours", (pairs,), (y,), first), Map("both", (a, b), (z,), second))
    rtl = emit_stream(Network("sums", (a, b), ("y", "z"), processes), 5.0, frame_last=frame_last)
    face = Interface(
        "sums", "stream", frame_last, (Ends("a", FIVE, (6, 1), 6), Ends("b", ELEVEN, (6, 1), 6)),
        (Ends("y", SUM, (5, 1), 5), Ends("z", WIDE, (6, 1), 6)), IDENTITY,
    )  # fmt: skip
    xa, xb = values(FIVE, 12, 6, 1), values(ELEVEN, 12, 6, 1)
    return Case(dict(rtl.files), face, [xa, xb], [xa[:, 1:] + xa[:, :-1], xa + xb])


def in_turn() -> Case:
    """Series of four, three of them interleaved: their sums."""
    a, y, kernel = Channel("a", (FIVE,), 12), Channel("y", (WIDE,), 3), Builder("add")
    given, total = (kernel.input(w) for w in (a.wires[0], y.wires[0]))
    loop = Loop("sum", (a,), (y,), kernel.build([kernel.cast(kernel.add(given, total), WIDE)]), (WIDE,), interleaved=3)
    rtl = emit_stream(Network("sums", (a,), ("y",), (loop,), 3), 5.0)
    ends = (Ends("a", FIVE, (4, 1), 12, 3),), (Ends("y", WIDE, (1,), 3, 3),)
    x = values(FIVE, 11, 4, 1)
    return Case(dict(rtl.files), Interface("sums", "stream", False, *ends, IDENTITY), [x], [x.sum(axis=1)])


def reference(folder: Path) -> Case:
    """The pinned tagger with C-simulation's outputs."""
    face = interface_of(folder)
    x, y = (np.loadtxt(folder / "tb_data" / f"tb_{name}.dat") for name in ("input_features", "output_predictions"))
    rtl = {f.name: f.read_text() for f in sorted((folder / "rtl").glob("*.sv"))}
    return Case(rtl, face, [x[:12]], [y[:12]])


def mute(case: Case) -> Case:
    """The same, with a model that gives nothing."""
    top = case.rtl["sums.sv"]
    old = "assign ap_ready = " if case.face.arch == "parallel" else "assign y_TVALID = "
    assert old in top
    return Case(case.rtl | {"sums.sv": top.replace(old, f"{old}1'b0 & ")}, case.face, case.x, case.y)


def values(t: FixedType, *shape: int) -> Array:
    return t.real(np.random.default_rng(t.width).integers(t.min_raw, t.max_raw, size=shape, endpoint=True))


def written(case: Case, folder: Path, line: Line, board: BoardKind = ULX3S) -> list[Path]:
    """The sources of the board's top."""
    files = {**case.rtl, **shell_files(case.face, line, board.leds, high=board.high)}
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def simulated(
    case: Case,
    folder: Path,
    simulator: str,
    tests: Sequence[str],
    wired: Wired = UART,
    timeout_s: float = 120,
    board: BoardKind = ULX3S,
) -> list[Array]:
    """Run these of fpga_ml/board/tb/test_board.py, each in a simulation of its own, and give the outputs that `samples`
    saw."""
    line = wired.line
    sources = written(case, folder, line, board)
    cocotb, build = cocotb_setup.find(), folder / "build"
    build.mkdir()
    if simulator == "icarus":
        vvp = icarus.find()
        icarus.build(vvp, sources, TOP, build)
        command = icarus.command(vvp, build, cocotb.icarus_module)
    else:
        ports = ("clk", "led", *(port.name for port in line.ports))
        verilator.build(verilator.find(), sources, TOP, ports, cocotb.verilator_main, cocotb.libraries, build, optimise=True)
        command = verilator.command(build, 1)
    cycles = line.timeout_cycles
    settings = Settings(line.name, case.face, wired.clocks_per_bit, cycles, 3 * cycles, case.x, folder / "y.npz")
    (folder / "settings").write_bytes(pickle.dumps(settings))
    environment = {
        **dict(cocotb.environment),
        "COCOTB_TOPLEVEL": TOP,
        "COCOTB_TEST_MODULES": "fpga_ml.board.tb.test_board",
        "BOARD_SETTINGS": str(folder / "settings"),
    }
    if simulator == "verilator":
        environment["COCOTB_TRUST_INERTIAL_WRITES"] = "1"
    for test in tests:
        results = folder / f"{test}.xml"
        only = {"COCOTB_TEST_FILTER": f"{test}$", "COCOTB_RESULTS_FILE": str(results)}
        said = run(
            Command(command, folder, {**environment, **only}), what="the board", do="see its message", timeout_s=timeout_s
        ).stdout
        assert " PASS=1 " in said, said[-6000:]
    found = np.load(folder / "y.npz") if (folder / "y.npz").exists() else {}
    return [found[f"y{k}"] for k in range(len(found))]


@both
@either
@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_results_are_exact_and_faults_have_names(arch: str, wired: Wired, simulator: str, tmp_path: Path) -> None:
    case = {"parallel": parallel, "stream": stream}[arch]()
    tests = ["samples", "frame_faults", f"{wired.line.name}_faults", "noise"]
    for found, right in zip(simulated(case, tmp_path, simulator, tests, wired), case.y, strict=True):
        assert_array_equal(found, right)


@both
@either
def test_the_tagger_gives_what_c_simulation_gives(project: Path, wired: Wired, simulator: str, tmp_path: Path) -> None:
    case = reference(project)
    (found,) = simulated(case, tmp_path, simulator, ["samples"], wired)
    assert_array_equal(found, case.y[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jet_tagger_pruned", "jet_cnn"])
def test_models_give_what_the_emulator_gives(repository: Path, name: str, tmp_path: Path) -> None:
    """As they are built for the board, on their own samples."""
    import fpga_ml
    from fpga_ml.config import Config

    folder = repository / "models" / name
    config = Config.read(folder / "fpga_ml.toml").replace(until="rtl", device="ecp5-85k", clock_ns=20.0, vectors=60)
    interval = {"jet_tagger_pruned": None, "jet_cnn": 12_000}[name]
    project = fpga_ml.compile(folder, config=config.replace(interval_cycles=interval), output=tmp_path / name)
    rtl = {file: (project.folder / file).read_text() for file in project.report["rtl"]["files"]}
    face = interface_of(project.folder)
    for simulator, samples in (("verilator", 2), ("icarus", 1)):  # which takes minutes an image
        place, x = tmp_path / simulator, [a[:samples] for a in project.x]
        place.mkdir()
        case = Case({Path(f).name: text for f, text in rtl.items()}, face, x, [project.emulate(x)])
        for found, right in zip(
            simulated(case, place, simulator, ["samples"], Wired(uart(4, 60_000), 4), 1800), case.y, strict=True
        ):
            assert_array_equal(found, right)


@pytest.mark.parametrize("board", [TANG_PRIMER, GATEMATE_EVB], ids=lambda board: board.name)
def test_boards_with_fewer_leds(board: BoardKind, tmp_path: Path) -> None:
    """At their own clock and the usual baud rate; LEDs are no part of what comes out."""
    case, clocks = parallel(), round(board.clock_mhz)
    wired = Wired(uart(clocks, 1000 * clocks), clocks)
    for found, right in zip(simulated(case, tmp_path, "icarus", ["samples"], wired, board=board), case.y, strict=True):
        assert_array_equal(found, right)


def test_leds_show_what_the_board_has() -> None:
    tops = {name: shell_files(parallel().face, UART.line, board.leds)["board.sv"] for name, board in BOARDS.items()}
    assert "output logic [7:0] led\n" in tops["ulx3s-85f"]
    assert "assign led = {blink, running, 2'd0, status};" in tops["ulx3s-85f"]
    assert "output logic [3:0] led\n" in tops["tang-primer-20k"]
    assert "assign led = ~{blink, status[2:0]};" in tops["tang-primer-20k"]
    assert "output logic led\n" in tops["gatematea1-evb"]
    assert "assign led = ~{blink};" in tops["gatematea1-evb"]


def test_frames_with_a_marked_end(tmp_path: Path) -> None:
    case = stream(frame_last=True)
    for found, right in zip(simulated(case, tmp_path, "icarus", ["samples"]), case.y, strict=True):
        assert_array_equal(found, right)


def test_samples_that_are_interleaved(tmp_path: Path) -> None:
    case = in_turn()
    assert_array_equal(simulated(case, tmp_path, "icarus", ["samples"])[0], case.y[0])


def test_a_usual_baud_rate_and_lines_that_are_off(tmp_path: Path) -> None:
    """25 clocks a bit, as a board has it; and baud rates 2 % off, which fewer clocks a bit would not show."""
    case = parallel()
    found = simulated(case, tmp_path, "verilator", ["samples", "uart_faults"], Wired(uart(25, 18750), 25))
    assert_array_equal(found[0], case.y[0])


def test_spi_slower_than_it_could_be(tmp_path: Path) -> None:
    case = parallel()
    found = simulated(case, tmp_path, "verilator", ["samples", "spi_faults"], Wired(spi(9000), 25))
    assert_array_equal(found[0], case.y[0])


@either
@pytest.mark.parametrize("arch", ["parallel", "stream"])
def test_a_model_that_never_answers(arch: str, wired: Wired, tmp_path: Path) -> None:
    case = {"parallel": parallel, "stream": stream}[arch]()
    simulated(mute(case), tmp_path, "icarus", ["stuck"], wired)


FAULTS = {
    "the sum is not looked at": ("board_frames", "sum_next != 16'd0", "1'b0", "frame_faults"),
    "the length is not looked at": ("board_frames", "length == 16'(SAMPLE_BYTES)", "1'b1", "frame_faults"),
    "it waits for ever": ("board_frames", "(late | rx_end)", "rx_end", "frame_faults"),
    "nothing is lost": ("board_frames", "overrun <= overrun | lost", "overrun <= 1'b0", "uart_faults"),
    "zeros are lost": ("board_frames", "lost = rx_valid & (rx_broken | rx_data != 8'd0)", "lost = rx_valid", "uart_faults"),
    "bytes the wrong way round": ("board_feeder", "<< (8 * BEAT_BYTES - 8)", "<< 0", "samples"),
    "a byte too few": ("board_taker", "left <= LEFT'(BEAT_BYTES);", "left <= LEFT'(BEAT_BYTES - 1);", "samples"),
    "bits of a glitch": ("board_uart_rx", "(left == 4'd10 & settled[1])", "(1'b0)", "uart_faults"),
    "a selection ends nothing": ("board_frames", "(late | rx_end)", "late", "spi_faults"),
    "polls keep a model alive": ("board_frames", "receiving & rx_valid | cut", "rx_valid | cut", "stuck"),
    "answers wait for ever": ("board_frames", "else if (late) begin", "else if (rst) begin", "spi_faults"),
    "an overrun outlives its answer": ("board_frames", "overrun <= 1'b0;\n        state", "state", "spi_faults"),
    "a bit ahead of the edge": ("board_spi", "else if (fall) out", "else if (rise) out", "spi_faults"),
    "a byte is gone before it is read": (
        "board_spi",
        "tx_ready = through & filled",
        "tx_ready = rise & between & filled",
        "spi_faults",
    ),
    "a cut byte is not forgotten": ("board_spi", "if (rx_end) bits <= 3'd0;\n    else if", "if", "spi_faults"),
    "MISO for ever": ("board", "cs_n ? 1'bz : miso_bit", "miso_bit", "spi_faults"),
    "the last byte again": ("board_spi", "tx_valid ? tx_data : 8'd0", "tx_data", "spi_faults"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_shell_are_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, old, new, test = FAULTS[fault]
    wired = SPI if test in ("spi_faults", "stuck") else UART
    whole = shell_files

    def broken(*given: Any, **options: Any) -> dict[str, str]:
        files = dict(whole(*given, **options))
        assert old in files[f"{module}.sv"]
        return files | {f"{module}.sv": files[f"{module}.sv"].replace(old, new)}

    monkeypatch.setitem(globals(), "shell_files", broken)
    case = parallel()
    if test == "stuck":
        case = mute(case)
    try:
        found = simulated(case, tmp_path, "icarus", [test], wired)
    except (AssertionError, FpgaMlError):
        return
    assert test == "samples", "no test of the frames saw it"
    assert not all(np.array_equal(a, b) for a, b in zip(found, case.y, strict=True))


def test_our_lint_is_quiet(tmp_path: Path) -> None:
    for case in (parallel(), stream(), stream(frame_last=True)):
        for wired in (UART, SPI):
            lint_files(written(case, tmp_path, wired.line), TOP, tmp_path)  # raises where it warns
    for board in BOARDS.values():
        lint_files(written(parallel(), tmp_path, UART.line, board), TOP, tmp_path)


def test_a_baud_rate_that_the_clock_cannot_make() -> None:
    assert line_for("uart", 25, 1_000_000) == uart(25, 2_500_000)
    assert line_for("uart", 25, 115_200) == uart(217, 2_500_000)
    with pytest.raises(
        FpgaMlError, match=r"a clock of 25 MHz makes no 9,000,000 baud\n  where: --baud\n  do:    use 6,250,000"
    ):
        line_for("uart", 25, 9_000_000)


def test_an_spi_clock_that_the_board_cannot_follow() -> None:
    assert line_for("spi", 25, 3_125_000) == spi(2_500_000)
    with pytest.raises(
        FpgaMlError, match=r"does not follow SPI at 3,125,001 Hz\n  where: --baud\n  do:    use 3,125,000 or"
    ):
        line_for("spi", 25, 3_125_001)


def test_a_module_of_the_project_with_a_name_of_ours() -> None:
    with pytest.raises(FpgaMlError, match="the project has a module 'board_taker'"):
        shell_files(parallel().face, SPI.line, ULX3S.leds, taken=["x", "board_taker"])
    with pytest.raises(FpgaMlError, match="the project has a module 'board_spi'"):
        shell_files(parallel().face, SPI.line, ULX3S.leds, taken=["board_spi"])
    shell_files(parallel().face, UART.line, ULX3S.leds, taken=["board_spi"])
