"""`fpga-ml synth`: results in report.json, valid by its schema, and one clear message for what goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.report import document
from fpga_ml.synthesise.project import synthesise


def test_results_go_into_the_report(project: Path) -> None:
    found = synthesise(project, device="xcup")
    assert synthesise(project, device="xcup").cells == found.cells
    (row,) = document.read(project)["synth"]
    assert (row["device"], row["luts"], row["ffs"]) == ("xcup", found.cells.luts, found.cells.ffs)
    assert row["luts"] > 100
    assert row["latency_ns"] == pytest.approx(row["latency_cycles"] * 1000 / row["fmax_mhz"], rel=1e-3)


def test_an_unknown_tool_or_device(project: Path) -> None:
    with pytest.raises(FpgaMlError, match="unknown tool 'vivdo'"):
        synthesise(project, tool="vivdo", device="xcup")
    with pytest.raises(FpgaMlError, match=r"unknown device 'ecp5-84k'\n  do:    did you mean 'ecp5-85k'\?"):
        synthesise(project, device="ecp5-84k")


def test_a_project_without_rtl(project: Path) -> None:
    report = document.read(project)
    report |= {"rtl": None, "stages": report["stages"] | {"rtl": "not asked for (--until csim)"}}
    document.write(report, project / "report.json")
    with pytest.raises(FpgaMlError, match=r"there is no RTL to synthesise: not asked for \(--until csim\)"):
        synthesise(project, device="xcup")
