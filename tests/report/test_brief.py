"""The end of a build in six lines: what they say in each case, and that nothing is cut."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fpga_ml.report.brief import show_brief

PAGE = Path("hls_projects") / "a_project_with_a_rather_long_name_and_a_long_folder" / "below" / "report.html"


@pytest.fixture
def report(project: Path) -> dict[str, Any]:
    """Of the reference project, as if its RTL had been simulated."""
    found = json.loads((project / "report.json").read_text())
    found["csim"] |= {"max_abs_err_vs_quantised": 0.0}
    runs = [
        {"simulator": name, "passed": True, "vectors": n, "texts": []} for name, n in (("verilator", 1234), ("icarus", 99))
    ]
    return {**found, "cosim": runs, "stages": dict.fromkeys(found["stages"], "ran")}


def said(report: dict[str, Any], width: int = 80) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    show_brief(report, console, PAGE)
    return console.export_text()


def words(report: dict[str, Any]) -> str:
    """On one line."""
    return " ".join(said(report, 1000).split())


@pytest.mark.parametrize("width", [80, 60, 200])
def test_nothing_is_cut(width: int, report: dict[str, Any]) -> None:
    lines = said(report, width).splitlines()
    assert max(map(len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(said(report, 1000).split())
    labels = [line.split("  ")[0] for line in lines if line[:1].strip()]
    assert [w for w in labels if w in ("accuracy", "latency", "resources", "proved on", "report")] == [
        *("accuracy", "latency", "resources", "proved on", "report"),
    ]


def test_the_figures_are_the_reports(report: dict[str, Any]) -> None:
    text, rtl = words(report), report["rtl"]
    assert "PROVED: Keras (quantised), C-simulation, emulator and RTL agree bit for bit" in text
    assert f"{rtl['latency_cycles']} cycles of {rtl['clock_ns']:g} ns" in text
    assert f"{rtl['area']['luts']:,} LUT" in text
    assert f"{report['csim']['samples']:,} samples in C-simulation" in text
    assert "1,234 vectors in Verilator, 99 vectors in Icarus" in text


def test_after_a_table(report: dict[str, Any]) -> None:
    report["csim"] |= {"max_abs_err_vs_quantised": 0.004, "compared_at": ["logits"]}
    text = words(report)
    assert (
        "PROVED: Keras (quantised), C-simulation, emulator and RTL agree bit for bit up to logits; after the table" in text
    )
    assert "outputs differ from Keras by 0.004 at most" in text


def test_a_table_inside(report: dict[str, Any]) -> None:
    """Nothing at the outputs is compared with Keras bit for bit."""
    report["csim"] |= {"bit_exact_vs_quantised_model": None, "max_abs_err_vs_quantised": 0.02}
    text = words(report)
    assert "PROVED: C-simulation, emulator and RTL agree bit for bit; Keras (quantised) agrees up to the first table" in text
    assert "differs at the outputs by 0.02 at most" in text
    report["csim"] |= {"wider_than_float64": ["y"], "max_abs_err_vs_quantised": None}
    assert "Keras (quantised) agrees up to the bits of float64" in words(report)


def test_a_share_of_the_device(report: dict[str, Any]) -> None:
    report["rtl"]["available"] = {"luts": 83_640, "ffs": 83_640, "dsps": 156, "brams": 208}
    report["rtl"]["area"]["luts"] = 41_820
    assert "41,820 LUT (50%)" in words(report)  # nextpnr: an LFE5U-85F has 83,640


DIFFERENCE = {
    **{"layer": "dense", "sample": 3, "index": [1], "expected": 0.5, "got": 0.25},
    **{"expected_type": "ap_fixed<8,2>", "got_type": "ap_fixed<8,3>", "cause": "another type"},
}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "csim": (
        {"csim": {"bit_exact_vs_quantised_model": False, "first_difference": DIFFERENCE}},
        "C-simulation is not the quantised model: layer dense, sample 3, index [1]: expected 0.5 (ap_fixed<8,2>), got 0.25",
    ),
    "emulator": ({"emulator": {"mismatches": 7}}, "the emulator is not C-simulation in 7 values"),
    "rtl": ({"cosim": [{"passed": False, "texts": ["y, element 0"]}]}, "is not C-simulation: y, element 0"),
}


def merged(report: Any, change: Any) -> Any:
    if isinstance(change, dict) and isinstance(report, dict):
        return {**report, **{k: merged(report[k], v) for k, v in change.items()}}
    if isinstance(change, list) and change and isinstance(change[0], dict):
        return [merged(report[0], change[0]), *report[1:]]
    return change


@pytest.mark.parametrize("name", FAULTS)
def test_a_difference_is_the_verdict(name: str, report: dict[str, Any]) -> None:
    change, text = FAULTS[name]
    found = words(merged(copy.deepcopy(report), change))
    assert f"DIFFERENT: {text}" in found or ("DIFFERENT: " in found and text in found)
    assert "PROVED" not in found
    assert "bit for bit" not in found


def test_as_far_as_it_ran(report: dict[str, Any]) -> None:
    states = {
        stage: "ran" if stage in ("convert", "csim") else f"not asked for (--until {stage} runs it)"
        for stage in report["stages"]
    }
    found = words({**report, "stages": states, "emulator": None, "rtl": None, "cosim": []})
    assert "Keras (quantised) and C-simulation agree bit for bit" in found
    assert "PROVED" not in found
    assert "latency unknown: no RTL (not asked for (--until rtl runs it))" in found


def test_what_one_has_to_know(report: dict[str, Any]) -> None:
    report["data"]["given"] = False
    report["notes"] = [f"note {k} [of five]" for k in range(5)]
    found = words(report)
    assert "no data given" in found
    assert "note 2 [of five]" in found
    assert "note 3" not in found
    assert "2 more: fpga-ml report -v" in found
