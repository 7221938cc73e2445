"""report.html: one file that holds all it shows, made of nothing but report.json."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from fpga_ml.report import plots
from fpga_ml.report.compare import CAUSES, PARTS, RESULTS, Row, changed, compare, renamed
from fpga_ml.report.figures import Figures, escaped, real, spoken
from fpga_ml.report.outputs import MOST_CURVES

SECTIONS = {
    "network": "Network",
    "agreement": "Agreement",
    "outputs": "Outputs",
    "types": "Types and rounding",
    "timeline": "Timing",
    "buffers": "FIFOs",
    "resources": "Resources",
    "critical-path": "Critical path",
    "cosim": "Co-simulation",
    "build": "The build",
}
_PARTS = {
    "errors": "Differences by layer",
    "roc": "ROC curves",
    "decisions": "Flipped decisions",
    "waves": "Waveform",
    "synth": "Resources by device",
}
CELLS = {"luts": "LUT", "ffs": "FF", "dsps": "DSP", "brams": "BRAM"}


def write(report: Mapping[str, Any], path: Path) -> None:
    """The page of a report that is valid by the schema."""
    path.write_text(render(report), encoding="utf-8", errors="replace")


def render(report: Mapping[str, Any]) -> str:
    """A page with the sections that have something to show; the last one says what the others lack."""
    figures, lacking = Figures(report), missing(report)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            r=report,
            f=figures,
            sections={name: title for name, title in SECTIONS.items() if not lacking.get(name)},
            missing=lacking,
            reasons=_reasons(lacking),
            waves=_most_waves(report),
            most_curves=MOST_CURVES,
            verdict=verdict(report),
            agreement=_agreement(report),
        )
    )


def render_comparison(a: Mapping[str, Any], b: Mapping[str, Any], names: tuple[str, str]) -> str:
    """A page with both: what changed, the largest effect first, then why; names: what to call them."""
    rows = compare(a, b)
    tables = {
        "results": ("What changed", changed(rows, RESULTS)),
        "parts": ("In layers, rounding and FIFOs", changed(rows, PARTS)),
        "causes": ("Settings and model", changed(rows, CAUSES)),
        "same": ("The same in both", [row for row in rows if not row.differs]),
    }
    return (
        _environment()
        .get_template("compare.html.j2")
        .render(
            a=a,
            b=b,
            fa=Figures(a, "a:"),
            fb=Figures(b, "b:"),
            names=names,
            rows=rows,
            tables=tables,
            results=RESULTS,
            renamed=renamed(a, b),
        )
    )


def _most_waves(report: Mapping[str, Any]) -> int | None:
    """The place of the co-simulation that saw the most wires; None where none kept any."""
    seen = [len(run.get("waves", ())) for run in report["cosim"]]
    return seen.index(max(seen)) if any(seen) else None


def verdict(report: Mapping[str, Any]) -> str:
    """pass, fail, or part where nothing disagreed but not everything ran."""
    csim, emulator, runs = report["csim"], report["emulator"], report["cosim"]
    exact = None if csim is None else csim["bit_exact_vs_quantised_model"]
    if exact is False or (emulator and emulator["mismatches"]) or any(not run["passed"] for run in runs):
        return "fail"
    return "pass" if exact and emulator and runs else "part"


def _agreement(report: Mapping[str, Any]) -> str:
    """Of C-simulation with the quantised model, in a word or two."""
    csim = report["csim"]
    if csim is None:
        return ""
    up_to = "the bits of float64" if csim.get("wider_than_float64") else "tables"
    alike = {True: "bit for bit", False: "differs", None: f"bit for bit up to {up_to}"}
    return "no reference" if "no_reference" in report["model"] else alike[csim["bit_exact_vs_quantised_model"]]


def missing(report: Mapping[str, Any]) -> dict[str, str]:
    """{section or part of one: why it has nothing to show}, '' where it has."""
    stages, rtl = report["stages"], report["rtl"]
    no_reference = report["model"].get("no_reference", "")
    without_reference = f"there is no Keras reference: {no_reference}" if no_reference else ""
    no_rtl = _why(stages, "rtl")
    not_synthesised = "" if report["synth"] else no_rtl or _not_synthesised(stages)
    paths = any(run["critical_path"] for run in report["synth"])
    waves = any(run.get("waves") for run in report["cosim"])
    no_cosim = "" if report["cosim"] else _why(stages, "cosim") or "no simulator ran"
    return {
        "agreement": "" if report["csim"] else _why(stages, "csim"),
        "errors": _no_errors(report, without_reference),
        "outputs": "" if report["distributions"] else "; ".join(filter(None, (without_reference, _why(stages, "csim")))),
        "roc": _no_roc(report),
        "decisions": "" if report["decisions"] else _no_decisions(report),
        "types": "" if report["quantisation"] else without_reference or "no tensor is rounded by a quantizer",
        "timeline": "" if rtl else no_rtl,
        "waves": "" if waves else no_cosim or "the simulation kept none",
        "buffers": no_rtl if not rtl else "" if rtl["buffers"] else _no_buffers(rtl),
        "resources": "" if rtl or report["synth"] else no_rtl,
        "synth": not_synthesised,
        "critical-path": "" if paths else not_synthesised or "no tool that ran names the cells of its longest path",
        "cosim": no_cosim,
    }


def _reasons(lacking: Mapping[str, str]) -> dict[str, list[str]]:
    """{why something is not on the page: what is not there for that reason}."""
    found: dict[str, list[str]] = {}
    for name, why in lacking.items():
        if why:
            found.setdefault(why, []).append((SECTIONS | _PARTS)[name])
    return found


def _why(stages: Mapping[str, str], stage: str) -> str:
    return f"the stage '{stage}' did not run: {stages[stage]}" if stages[stage] != "ran" else ""


def _not_synthesised(stages: Mapping[str, str]) -> str:
    return f"the RTL was not synthesised: {stages.get('synth', 'not asked for')}"


def _no_errors(report: Mapping[str, Any], without_reference: str) -> str:
    csim = report["csim"]
    if csim is None:
        return _why(report["stages"], "csim")
    return "" if csim["layers"] else without_reference or "no tensor is seen by both Keras and C-simulation"


def _no_roc(report: Mapping[str, Any]) -> str:
    if report["roc"]:
        return ""
    if not report["data"]["labels"]:
        return "the samples have no labels"
    return "the labels are no classes that both occur: figures of merit are those of a regression"


def _no_decisions(report: Mapping[str, Any]) -> str:
    if report["model"].get("no_reference"):
        return "there is no Keras reference"
    return _why(report["stages"], "csim") or "the model decides nothing: its output is no softmax, nor one sigmoid"


def _no_buffers(rtl: Mapping[str, Any]) -> str:
    if rtl["arch"] == "parallel":
        return "in the parallel architecture all layers are one pipeline that never waits: there are none"
    return "no two units of this stream have one between them"


def _change(row: Row) -> str:
    """How a figure changes, in words."""
    match row.told:
        case "factor", by:
            return f"\N{MULTIPLICATION SIGN} {real(by, 3)}"
        case "part", by:
            return f"{_signed(100 * by)} %"
        case "difference", by:
            return _signed(by)
    from_zero = row.a == 0 and isinstance(row.b, (int, float))
    return "" if not row.differs else "from 0" if from_zero else "differs"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + real(value, 3)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fpga_ml.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "plots": plots,
        "spoken": spoken,
        "cells": CELLS,
        "escaped": escaped,
        "change": _change,
    }
    return environment
