"""report.html: one file that holds all it shows, made of nothing but report.json."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from fpga_ml.report import plots
from fpga_ml.report.compare import SECTIONS as compared
from fpga_ml.report.compare import compare
from fpga_ml.report.figures import Figures, escaped, real, spoken

SECTIONS = {
    "model": "What was built",
    "agreement": "Agreement",
    "layers": "Layers",
    "errors": "Errors layer by layer",
    "outputs": "Outputs",
    "timeline": "Timeline",
    "buffers": "FIFOs",
    "resources": "Resources",
    "critical-path": "Critical path",
    "cosim": "Co-simulation",
    "build": "The build",
}
CELLS = {"luts": "LUT", "ffs": "FF", "dsps": "DSP", "brams": "BRAM"}


def write(report: Mapping[str, Any], path: Path) -> None:
    """The page of a report that is valid by the schema."""
    path.write_text(render(report), encoding="utf-8", errors="replace")


def render(report: Mapping[str, Any]) -> str:
    """A page with every section; one that has no data says why."""
    figures = Figures(report)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            r=report,
            f=figures,
            sections=SECTIONS,
            missing=missing(report),
            panels=plots.places(report),
            verdict=verdict(report),
            agreement=_agreement(report),
        )
    )


def render_comparison(a: Mapping[str, Any], b: Mapping[str, Any], names: tuple[str, str]) -> str:
    """A page with both, row by row; names: what to call them."""
    return (
        _environment()
        .get_template("compare.html.j2")
        .render(a=a, b=b, fa=Figures(a, "a:"), fb=Figures(b, "b:"), names=names, rows=compare(a, b), sections=compared)
    )


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
    """{section or part of one: why it has nothing to show}."""
    stages, rtl = report["stages"], report["rtl"]
    no_reference = report["model"].get("no_reference", "")
    without_reference = f"there is no Keras reference: {no_reference}" if no_reference else ""
    no_rtl = _why(stages, "rtl")
    found = {
        "agreement": "" if report["csim"] else _why(stages, "csim"),
        "types": "" if report["quantisation"] else without_reference or "no tensor is rounded by a quantizer",
        "errors": _no_errors(report, without_reference),
        "outputs": "" if report["distributions"] else "; ".join(filter(None, (without_reference, _why(stages, "csim")))),
        "roc": _no_roc(report),
        "decisions": "" if report["decisions"] else _no_decisions(report),
        "timeline": "" if rtl else no_rtl,
        "buffers": no_rtl if not rtl else "" if rtl["buffers"] else _no_buffers(rtl),
        "estimate": "" if rtl else no_rtl,
        "synth": "" if report["synth"] else no_rtl or _not_synthesised(stages),
        "cosim": "" if report["cosim"] else _why(stages, "cosim"),
    }
    paths = any(run["critical_path"] for run in report["synth"])
    none_named = "no tool that ran names the cells of its longest path"
    return found | {"critical-path": "" if paths else none_named if report["synth"] else found["synth"]}


def _why(stages: Mapping[str, str], stage: str) -> str:
    return f"the stage '{stage}' did not run: {stages[stage]}" if stages[stage] != "ran" else ""


def _not_synthesised(stages: Mapping[str, str]) -> str:
    return f"the RTL was not synthesised ({stages.get('synth', 'not asked for')}); 'fpga-ml synth' does it"


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


def _change(part: float) -> str:
    """A relative change, in per cent up to a factor of ten."""
    if abs(part) >= 9:
        return f"\N{MULTIPLICATION SIGN} {real(1 + part, 3)}"
    return ("+" if part > 0 else "") + f"{real(100 * part, 3)} %"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fpga_ml.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"plots": plots, "spoken": spoken, "cells": CELLS, "escaped": escaped, "change": _change}
    return environment
