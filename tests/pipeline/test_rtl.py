"""From Keras to SystemVerilog: C-simulation, emulator, Verilator and Icarus agree bit for bit; broken RTL is caught."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from rich.console import Console
from simulators import USUAL
from zoo import ZOO, samples

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Layer
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import Rounding
from fpga_ml.report import document
from fpga_ml.report.summary import show
from fpga_ml.rtl.architecture import PARALLEL, Rtl
from fpga_ml.simulate.cosim import Vectors, cosim
from fpga_ml.simulate.emulate import emulate_outputs
from fpga_ml.simulate.foreign import Foreign
from fpga_ml.simulate.prove import raw_inputs, vectors_of
from fpga_ml.tb.verilog import read_top

SHORT = ["tagger_6bit", "tagger_binary", "tagger_ternary", "skip_6bit", "two_inputs_two_heads_float"]
LONG = [name for name in ZOO if name not in SHORT]
CASES = [(name, 40) for name in SHORT] + [pytest.param(name, 1000, marks=pytest.mark.slow) for name in [*SHORT, *LONG]]


@pytest.mark.parametrize(("name", "vectors"), CASES)
def test_rtl_equals_csim_in_two_simulators(name: str, vectors: int, tmp_path: Path) -> None:
    model = ZOO[name]()
    config = Config(cosim_vectors=vectors)
    project = fpga_ml.compile(model, data=samples(model, max(vectors, 100)), config=config, output=tmp_path / "p")
    report = project.report
    assert report["emulator"]["mismatches"] == 0
    assert [run["simulator"] for run in report["cosim"]] == ["verilator", "icarus"]
    assert "foreign_rtl" not in report
    for run in report["cosim"]:
        assert run["passed"], run["texts"]
        kinds, modes, all_of_them = run["kinds"], run["modes"], not run["not_asked"]
        assert all_of_them or run["simulator"] == "icarus"  # a large design's vectors take too long there
        assert (kinds["samples"], kinds["corners"], kinds["uniform"]) == (vectors, 7, 64) or not all_of_them
        assert sum(kinds.values()) == run["vectors"] == modes[0]["vectors"]
        assert 0 <= run["edges"]["unmet"] < run["edges"]["sought"]
        assert [m["vectors"] for m in modes[1:]] == [min(200, run["vectors"])] * 2
        assert [m["resets"] > 0 for m in modes] == [False, False, True]
        assert (f"{kinds['edges']} at inner edges" in shown(report)) == bool(kinds["edges"])
        most = vectors + 7 + 64 + 512  # corners, whole types, inner edges
        assert (most - 512 if all_of_them else 6) <= run["vectors"] <= most
        assert run["latency_cycles"] == report["rtl"]["latency_cycles"]
        assert run["interval_cycles"] == report["rtl"]["interval_cycles"] == 1
        assert run["stalls"] > 0


@pytest.mark.parametrize(
    "name",
    ["skip_6bit", pytest.param("tagger_6bit", marks=pytest.mark.slow), pytest.param("conv1d_6bit", marks=pytest.mark.slow)],
)
@pytest.mark.usefixtures("in_rounds")
def test_reuse_factor_shares_hardware(name: str, tmp_path: Path) -> None:
    """In as many cycles between two inputs, also where a layer would be smaller at once."""
    model = ZOO[name]()
    project = fpga_ml.compile(
        model,
        data=samples(model, 100),
        config=Config(reuse_factor=4, cosim_vectors=40, simulators=USUAL),
        output=tmp_path / "p",
    )
    rtl = project.report["rtl"]
    assert rtl["interval_cycles"] == 4
    assert {row["interval_cycles"] for row in rtl["layers"] if row["kind"] == "fold"} == {4}
    for run in project.report["cosim"]:
        assert run["passed"], run["texts"]
        assert (run["latency_cycles"], run["interval_cycles"]) == (rtl["latency_cycles"], 4)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> fpga_ml.Project:
    model = ZOO["skip_6bit"]()
    config = Config(until="emulate")
    return fpga_ml.compile(model, data=samples(model), config=config, output=tmp_path_factory.mktemp("rtl") / "p")


def _graph(project: fpga_ml.Project) -> LayerGraph:
    assert project.graph is not None
    return project.graph


def _texts(project: fpga_ml.Project, rtl: Rtl, folder: Path) -> list[str]:
    """What co-simulation under Verilator says of some RTL, against the right outputs."""
    x = [a[:50] for a in samples(ZOO["skip_6bit"]())]
    graph = _graph(project)
    given = raw_inputs(graph, x)
    vectors = vectors_of(graph, given, emulate_outputs(graph, given))
    (folder / "rtl").mkdir()
    return cosim(rtl.write(folder / "rtl"), rtl.top, vectors, folder / "sim", "verilator").texts(1000)


def _built(project: fpga_ml.Project, change: Callable[[Layer], Layer] = lambda layer: layer) -> Rtl:
    """change: what becomes of each layer before it is lowered."""
    graph = _graph(project)
    return PARALLEL.build(graph.with_layers([change(layer) for layer in graph.layers]), 5.0)


def test_right_rtl_passes(project: fpga_ml.Project, tmp_path: Path) -> None:
    assert _texts(project, _built(project), tmp_path) == []


def test_one_flipped_weight_bit_is_caught(project: fpga_ml.Project, tmp_path: Path) -> None:
    def flip(layer: Layer) -> Layer:
        if not isinstance(layer, Linear) or layer.name != "fc2":
            return layer
        weights = layer.weights.copy()
        weights[0, 3, 5] ^= 1
        return replace(layer, weights=weights)

    texts = _texts(project, _built(project, flip), tmp_path)
    assert texts
    assert "expected" in texts[0]
    assert "got" in texts[0]
    assert "cycle" in texts[0]


def test_one_wrong_rounding_is_caught(project: fpga_ml.Project, tmp_path: Path) -> None:
    def floor(layer: Layer) -> Layer:
        if layer.name != "relu2":
            return layer
        return replace(layer, result=replace(layer.result, rounding=Rounding.TRN))

    assert _texts(project, _built(project, floor), tmp_path)


def test_one_dropped_register_is_caught(project: fpga_ml.Project, tmp_path: Path) -> None:
    """One element of a layer comes a cycle early: back-to-back vectors mix."""
    rtl = _built(project)
    name, text = next((n, t) for n, t in rtl.files.items() if "fc2" in n)
    lines = text.splitlines(keepends=True)
    row = next(i for i, line in enumerate(lines) if "<=" in line)
    target, source = (part.strip(" ;\n") for part in lines[row].split("<="))
    lines[row] = ""
    end = max(i for i, line in enumerate(lines) if line.strip() == "endmodule")
    lines.insert(end, f"  assign {target} = {source};\n")
    assert _texts(project, replace(rtl, files={**rtl.files, name: "".join(lines)}), tmp_path)


def test_rtl_is_the_same_every_time(project: fpga_ml.Project) -> None:
    assert _built(project).files == _built(project).files


def test_a_faster_clock_takes_more_cycles(project: fpga_ml.Project) -> None:
    cycles = [PARALLEL.build(_graph(project), clock).latency_cycles for clock in (20.0, 5.0, 2.5)]
    assert cycles == sorted(cycles)
    assert cycles[0] < cycles[-1]


class Told:
    """A watcher that keeps the names of the stages."""

    def __init__(self, stages: list[str]) -> None:
        self.stages = stages

    def plan(self, stages: Sequence[str]) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    @contextmanager
    def stage(self, name: str) -> Iterator[MagicMock]:
        self.stages.append(name)
        yield MagicMock()


def shown(report: dict[str, Any]) -> str:
    """The summary on the terminal."""
    console = Console(record=True, width=400, file=io.StringIO())
    show(report, console)
    return console.export_text()


def assert_says_whose(project: Path, folder: Path) -> None:
    """The report of a build with RTL from elsewhere: data, page and terminal."""
    report, page = document.read(project), (project / "report.html").read_text()
    assert (report["foreign_rtl"]["folder"], report["foreign_rtl"]["top"]) == (str(folder), "myproject")
    assert f"rtl=fpga_ml.simulate.foreign.Foreign.of({str(folder)!r})" in report["command"]
    text = shown(report)
    assert f"RTL of {folder}, top myproject, simulated in its place" in text
    assert "our own RTL, not simulated: " in text
    assert "not checked: the cycles of ap_ready" in text
    assert "TDATA" not in text
    for words in ("RTL from elsewhere was simulated in place of ours", "Latency of our own RTL", str(folder)):
        assert words in page


def wrapper(rtl: Rtl, folder: Path, given: str, output: str) -> None:
    """A top around ours that calls the input 'jets' and has the outputs last first, as y_0, y_1 and so on."""
    top = read_top([folder / f"{rtl.top}.sv"], rtl.top)
    names = {p.name: p.name.replace(given, "jets", 1).replace(f"{output}_", "y_", 1) for p in top.ports}
    header = ", ".join(f"{p.direction} [{p.width_bits - 1}:0] {names[p.name]}" for p in reversed(top.ports))
    wired = ", ".join(f".{ours}({theirs})" for ours, theirs in names.items())
    (folder / "vendor.sv").write_text(f"module vendor_top ({header});\n{rtl.top} inner ({wired});\nendmodule\n")


def test_a_top_with_other_names(project: fpga_ml.Project, tmp_path: Path) -> None:
    """It is bound by its numbers, and the report tells which port is which."""
    rtl, model = _built(project), ZOO["skip_6bit"]()
    (output,), (given,) = ([p["name"] for p in project.report["model"][side]] for side in ("outputs", "inputs"))
    folder = tmp_path / "verilog"
    folder.mkdir()
    rtl.write(folder)
    wrapper(rtl, folder, given, output)
    foreign = Foreign.of(folder, {given: "jets"}, top="vendor_top")
    config = Config(cosim_vectors=10, simulators=("icarus",))
    found = fpga_ml.compile(model, data=samples(model), config=config, output=tmp_path / "p", rtl=foreign)
    assert found.agrees, found.report["cosim"]
    elements = found.report["model"]["outputs"][0]["shape"][-1]
    assert found.report["foreign_rtl"]["ports"] == [
        {"ours": given, "theirs": ["jets"]},
        {"ours": output, "theirs": [f"y_{k}" for k in range(elements)]},
    ]
    assert f"ports jets <- {given}" in shown(found.report)
    travelling = Vectors.load(found.folder / "tests" / "vectors.json")
    assert [t.name for t in (*travelling.inputs, *travelling.outputs)] == [given, output]


def test_verilog_that_does_not_compile_is_an_error_before_conversion(tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text(
        "module myproject (input ap_clk, ap_rst, ap_start, x, output ap_done, ap_ready, ap_idle, y_0, y_1,"
        " y_2);\nwire\nendmodule\n"
    )
    stages: list[str] = []
    with pytest.raises(FpgaMlError, match="compiling 'myproject' with Verilator"):
        fpga_ml.compile(ZOO["skip_6bit"](), output=tmp_path / "p", rtl=tmp_path, progress=Told(stages))
    assert stages == ["load"]


def test_other_verilog_in_place_of_ours(project: fpga_ml.Project, tmp_path: Path) -> None:
    """`--rtl DIR`: the same model against Verilog from elsewhere, right and wrong."""
    model = ZOO["skip_6bit"]()
    folder = tmp_path / "verilog"
    folder.mkdir()
    _built(project).write(folder)

    def passed(name: str) -> list[bool]:
        """As the build says, and for more samples; our own RTL is in the project all the same."""
        config = Config(cosim_vectors=20, simulators=USUAL)
        found = fpga_ml.compile(model, data=samples(model), config=config, output=tmp_path / name, rtl=folder)
        assert all((found.folder / file).exists() for file in found.report["rtl"]["files"])
        more = found.cosim(samples(model)[0][20:50])
        assert all(run.vectors > 30 + 7 for run in more)
        assert [run.passed for run in more] == [run["passed"] for run in found.report["cosim"]]
        return [run.passed for run in more]

    assert passed("right") == [True] * len(USUAL)
    assert_says_whose(tmp_path / "right", folder)
    top = folder / "myproject_relu2.sv"
    top.write_text(top.read_text().replace(" + ", " - ", 1) if " + " in top.read_text() else "")
    assert passed("wrong") == [False] * len(USUAL)
