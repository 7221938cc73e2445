"""Vendors' scripts are run by tclsh with the vendors' commands played by stubs/, which check options, files and order.

The stubs stand on PATH as the tools would: running, failing, time-outs and missing tools are those of the tool's road.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from fpga_ml.cli import main
from fpga_ml.devices import Cells
from fpga_ml.errors import FpgaMlError
from fpga_ml.report import document
from fpga_ml.synthesise.project import synthesise, write_scripts
from fpga_ml.synthesise.vendor.flow import quoted

STUBS, REPORTS = Path(__file__).parent / "stubs", Path(__file__).parent / "reports"
PART, QUARTUS_PART = "xcvu13p-flga2577-2-e", "5CEBA9F31C7"
PROGRAMS = {
    "vivado": "vivado.tcl",
    "quartus_sh": "quartus_sh.tcl",
    "vitis-run": "vitis-run.tcl",
    "vivado_hls": "vitis-run.tcl",
}
DEVICES = {"vivado": PART, "quartus": QUARTUS_PART, "vitis": PART}
tools = pytest.mark.parametrize("tool", DEVICES)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH holds the system's programs and an empty folder, this one: no vendor's tool."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), "/usr/bin", "/bin"]))
    monkeypatch.setenv("FAKE_REPORTS", str(REPORTS))
    return folder


@pytest.fixture
def installed(bare: Path) -> Path:
    """As `bare`, with every tool."""
    for program, stub in PROGRAMS.items():
        play(bare, program, f'exec tclsh {shlex.quote(str(STUBS / stub))} "$@"')
    return bare


def play(folder: Path, program: str, does: str) -> None:
    file = folder / program
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)


def test_vivado(project: Path, installed: Path) -> None:
    found = synthesise(project, tool="vivado")
    assert (found.tool, found.device, found.effort, found.timing) == ("vivado", PART, "route", "routed")
    assert found.cells == Cells(33187, 14203, 3, 2.5)
    assert found.available == Cells(1728000, 3456000, 12288, 2688)
    assert found.fmax_mhz == pytest.approx(1000 / 5.214)
    assert [(s.layer, s.delay_ns) for s in found.critical_path] == [("fc1", 0.0), ("fc1", 5.153)]
    log, *reports = found.logs
    assert [line for line in (project / log).read_text().splitlines() if "design" in line] == [
        f"fake: {step}" for step in ("synth_design", "opt_design", "place_design", "phys_opt_design", "route_design")
    ]
    assert all((project / report).exists() for report in reports)
    (row,) = document.read(project)["synth"]
    assert (row["luts"], row["latency_ns"]) == (33187, pytest.approx(row["latency_cycles"] * 5.214, abs=0.01))


def test_vivado_with_less_effort(project: Path, installed: Path) -> None:
    """Each effort is an entry of its own."""
    for effort, timing in (("estimate", "synthesised"), ("place", "placed")):
        found = synthesise(project, tool="vivado", effort=effort)  # type: ignore[arg-type]
        assert (found.effort, found.timing) == (effort, timing)
    assert "route_design" not in (project / found.logs[0]).read_text()
    assert len(document.read(project)["synth"]) == 2


def test_quartus(project: Path, installed: Path) -> None:
    found = synthesise(project, tool="quartus", device=QUARTUS_PART)
    assert (found.tool, found.effort, found.timing, found.fmax_mhz) == ("quartus", "route", "routed", 140.0)
    assert found.cells == Cells(21345, 14711, 5, 2)
    assert "33,402 ALUTs" in found.notes[0]
    assert "Slow 1100mV 0C Model" in found.notes[0]


def test_quartus_has_no_default_device_and_no_estimate(project: Path, installed: Path) -> None:
    with pytest.raises(FpgaMlError, match="no device is given"):
        synthesise(project, tool="quartus")
    with pytest.raises(FpgaMlError, match="--tool quartus does not do 'estimate'"):
        synthesise(project, tool="quartus", device=QUARTUS_PART, effort="estimate")


def test_vitis_runs_the_script_that_hls4ml_wrote(project: Path, installed: Path) -> None:
    found = synthesise(project, tool="vitis")
    assert (found.tool, found.device, found.effort, found.timing) == ("vitis", PART, "estimate", "hls estimate")
    assert found.cells == Cells(40512, 8123, 17, 2)
    assert found.fmax_mhz == pytest.approx(1000 / 3.482)
    assert (found.latency_cycles, found.interval_cycles) == (13, 2)  # the latency that co-simulation saw
    assert "C/RTL co-simulation passed" in found.notes
    ran = [line.removeprefix("fake: ") for line in (project / found.logs[0]).read_text().splitlines() if "fake: " in line]
    assert ran == ["open_project", "csim_design", "csynth_design", "cosim_design", "export_design"]


def test_vitis_steps(project: Path, installed: Path) -> None:
    found = synthesise(project, tool="vitis", steps=["synth"])
    assert found.latency_cycles == 12
    assert "C/RTL co-simulation was not run" in found.notes
    assert "cosim_design" not in (project / found.logs[0]).read_text()
    with pytest.raises(FpgaMlError, match=r"unknown step 'cosimm'\n  where: --steps\n  do:    did you mean 'cosim'\?"):
        synthesise(project, tool="vitis", steps=["synth", "cosimm"])
    with pytest.raises(FpgaMlError, match="without the step synth"):
        synthesise(project, tool="vitis", steps=["csim"])


def test_steps_are_those_of_an_hls_tool(project: Path, installed: Path) -> None:
    for tool in ("open", "vivado", "quartus"):
        with pytest.raises(FpgaMlError, match="only an HLS tool has steps\n  where: --steps"):
            synthesise(project, tool=tool, device="xcup", steps=["synth"])


def test_vivado_hls_takes_a_project_of_the_vivado_backend(project: Path, installed: Path) -> None:
    """Its script takes its options from the command line: an unknown one would be passed over, a wrong one run."""
    settings = project / "project.tcl"
    settings.write_text(settings.read_text().replace('set backend "vitis"', 'set backend "vivado"'))
    script = project / "build_prj.tcl"
    options = "array set opt {reset 0 csim 1 synth 1 cosim 1 validation 1 export 0 vsynth 0 fifo_opt 0}"
    parse = 'foreach arg $::argv { foreach o [lsort [array names opt]] { regexp "$o=+(\\\\w+)" $arg unused opt($o) } }'
    given = script.read_text()
    assert "source [file join $tcldir build_opt.tcl]" in given
    script.write_text(given.replace("source [file join $tcldir build_opt.tcl]", f"{options}\n{parse}"))
    found = synthesise(project, tool="vitis", steps=["synth", "export"])
    ran = [line.removeprefix("fake: ") for line in (project / found.logs[0]).read_text().splitlines() if "fake: " in line]
    assert ran == ["open_project", "csynth_design", "export_design"]


def test_the_hls_project_is_for_one_part(project: Path, installed: Path) -> None:
    with pytest.raises(FpgaMlError, match=f"the HLS project is for {PART}, not for xc7z020clg400-1"):
        synthesise(project, tool="vitis", device="xc7z020clg400-1")


def test_vitis_needs_no_rtl_of_ours(project: Path, installed: Path) -> None:
    report = document.read(project)
    report |= {"rtl": None, "stages": report["stages"] | {"rtl": "recurrent"}}
    document.write(report, project / "report.json")
    assert synthesise(project, tool="vitis", steps=["synth"]).cells.luts == 40512
    with pytest.raises(FpgaMlError, match="there is no RTL to synthesise: recurrent"):
        synthesise(project, tool="vivado")


@tools
def test_a_missing_tool_leaves_scripts_and_says_how_to_run_them(project: Path, bare: Path, tool: str) -> None:
    with pytest.raises(FpgaMlError) as caught:
        synthesise(project, tool=tool, device=DEVICES[tool])
    text = str(caught.value)
    assert "was not found: nothing was synthesised" in text
    assert "--only reports" in text
    assert document.read(project)["synth"] == []
    play(bare, "vitis-run", f'exec tclsh {STUBS / "vitis-run.tcl"} "$@"')
    play(bare, "vivado", f'exec tclsh {STUBS / "vivado.tcl"} "$@"')
    play(bare, "quartus_sh", f'exec tclsh {STUBS / "quartus_sh.tcl"} "$@"')
    by_hand = write_scripts(project, tool=tool, device=DEVICES[tool])
    assert by_hand in text
    subprocess.run(["sh", "-c", by_hand], check=True, capture_output=True)  # as a user would
    found = synthesise(project, tool=tool, device=DEVICES[tool], only_reports=True)
    assert document.read(project)["synth"] == [found.as_json()]


@tools
def test_scripts_run_where_the_project_was_copied_to(project: Path, installed: Path, tmp_path: Path, tool: str) -> None:
    """To a folder with a blank in its name, on another machine for example."""
    write_scripts(project, tool=tool, device=DEVICES[tool])
    there = tmp_path / "other place" / "project"
    there.parent.mkdir()
    project.rename(there)
    by_hand = write_scripts(there, tool=tool, device=DEVICES[tool])
    subprocess.run(["sh", "-c", by_hand], check=True, capture_output=True)
    assert synthesise(there, tool=tool, device=DEVICES[tool], only_reports=True).cells.ffs > 0


@pytest.mark.parametrize(
    ("tool", "step", "title"),
    [
        ("vivado", "place_design", "Vivado: vivado failed with exit code 1"),
        ("quartus", "fit", "Quartus: quartus_sh failed with exit code 1"),
        ("vitis", "csynth_design", "Vitis HLS: vitis-run failed with exit code 1"),
    ],
)
def test_a_tool_that_fails_shows_its_own_error(
    project: Path, installed: Path, monkeypatch: pytest.MonkeyPatch, tool: str, step: str, title: str
) -> None:
    synthesise(project, tool=tool, device=DEVICES[tool])
    before = document.read(project)["synth"]
    monkeypatch.setenv("FAKE_FAIL", step)
    with pytest.raises(FpgaMlError) as caught:
        synthesise(project, tool=tool, device=DEVICES[tool])
    assert str(caught.value).startswith(f"{title}:\n    ERROR: [Fake 1-1] {step} failed")
    assert "log.txt" in str(caught.value)
    assert document.read(project)["synth"] == before
    with pytest.raises(FpgaMlError, match="No such file"):  # the reports of the run before it are gone
        synthesise(project, tool=tool, device=DEVICES[tool], only_reports=True)


@pytest.mark.parametrize(
    ("tool", "report", "name"),
    [
        ("vivado", "timing.rpt", "timing_route.rpt"),
        ("quartus", "sta.rpt", "myproject.sta.rpt"),
        ("vitis", "csynth.xml", "myproject_csynth.xml"),
    ],
)
def test_a_tool_that_ends_well_without_its_report(
    project: Path, installed: Path, monkeypatch: pytest.MonkeyPatch, tool: str, report: str, name: str
) -> None:
    monkeypatch.setenv("FAKE_SKIP", report)
    with pytest.raises(FpgaMlError, match=rf"ended without writing {name}:\n    "):
        synthesise(project, tool=tool, device=DEVICES[tool])


def test_a_cosimulation_that_fails(project: Path, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    for name in ("csynth.xml", "cosim.rpt"):
        (reports / name).write_text((REPORTS / name).read_text().replace("Pass", "Fail"))
    monkeypatch.setenv("FAKE_REPORTS", str(reports))
    with pytest.raises(FpgaMlError, match="C/RTL co-simulation says 'Fail'"):
        synthesise(project, tool="vitis")


@tools
def test_a_time_limit_ends_the_tool_and_what_it_started(project: Path, bare: Path, tmp_path: Path, tool: str) -> None:
    """As the vendors' programs do, this one is a shell that starts another; that one would hold the pipe open."""
    alive = tmp_path / "alive"
    for program in PROGRAMS:
        play(bare, program, f"(sleep 3; touch {alive}) & wait")
    with pytest.raises(FpgaMlError, match="no end after 1 s"):
        synthesise(project, tool=tool, device=DEVICES[tool], time_limit_s=1)
    subprocess.run(["sleep", "3"], check=True)
    assert not alive.exists()


@pytest.mark.parametrize("fault", ["read_verilogg foo", "place_design -quickly", "read_verilog -sv nothing.sv", "set x {"])
def test_the_stubs_find_faults_in_a_script(project: Path, installed: Path, fault: str) -> None:
    """Else a script that runs would prove nothing."""
    by_hand = write_scripts(project, tool="vivado")
    script = project / "synth" / PART / "vivado" / "vivado.tcl"
    run = subprocess.run(["sh", "-c", by_hand], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    script.write_text(script.read_text().replace("synth_design ", f"{fault}\nsynth_design "))
    assert subprocess.run(["sh", "-c", by_hand], capture_output=True, check=False).returncode == 1


def test_a_source_that_is_missing_fails(project: Path, installed: Path) -> None:
    (project / "rtl" / "myproject_fc1.sv").unlink()
    with pytest.raises(FpgaMlError, match=r"myproject_fc1.sv' is gone"):
        synthesise(project, tool="vivado")
    with pytest.raises(FpgaMlError, match=r"myproject_fc1.sv' is gone"):
        synthesise(project, tool="quartus", device=QUARTUS_PART)


@pytest.mark.parametrize("name", ["plain", "with blank", "$dollar", "[brackets]", "{brace", "back\\slash", 'quote"', "a;b"])
def test_names_are_quoted_for_tcl(name: str) -> None:
    said = subprocess.run(["tclsh"], input=f"puts {quoted(name)}\n", capture_output=True, text=True, check=True)
    assert said.stdout == f"{name}\n"


def test_on_the_command_line(project: Path, bare: Path, installed: Path) -> None:
    call = CliRunner().invoke
    done = call(main, ["synth", str(project), "--tool", "vivado", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["luts"] == 33187
    done = call(main, ["synth", str(project), "--tool", "quartus", "--device", QUARTUS_PART, "--only", "scripts"])
    assert (done.exit_code, "quartus_sh -t quartus.tcl" in done.stdout) == (0, True)
    (installed / "vivado").unlink()
    done = call(main, ["synth", str(project), "--tool", "vivado"])
    assert done.exit_code == 1
    assert "scripts written, but 'vivado' was not found" in done.stderr
    done = call(main, ["synth", str(project), "--only", "scripts"])
    assert (done.exit_code, "--tool open has no scripts" in done.stderr) == (1, True)
