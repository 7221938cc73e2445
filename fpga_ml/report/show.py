"""`fpga-ml report`: a saved project, or two, on the terminal, as JSON, and as a page."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from fpga_ml.errors import FpgaMlError
from fpga_ml.report import page
from fpga_ml.report.brief import show_brief
from fpga_ml.report.compare import as_json as comparison
from fpga_ml.report.compare import compare
from fpga_ml.report.document import consistent, read
from fpga_ml.report.summary import differences, show


def show_one(project: Path, *, output: Path | None, as_json: bool, verbose: bool = False) -> None:
    """Its six lines, with `verbose` all of it, and report.html anew, beside report.json unless `output` says where."""
    report = read(project)
    if as_json:
        print(json.dumps(report, indent=2))
        return
    target = output or _folder(project) / "report.html"
    with consistent(project):
        text = page.render(report)
        show_brief(report, Console(), target)
        if verbose:
            show(report, Console())
    _write(text, target)


def show_two(one: Path, other: Path, *, output: Path | None, as_json: bool) -> None:
    """What differs, and a page with both, by default in the first one's folder."""
    a, b = read(one), read(other)
    names = _names(one, other)
    with consistent(one):
        rows = compare(a, b)
        text = "" if as_json else page.render_comparison(a, b, names)
    if as_json:
        print(json.dumps(comparison(rows, a, b), indent=2))
        return
    Console().print(differences(rows, names))
    target = output or _folder(one) / f"compare_{_folder(other).resolve().name}.html"
    _write(text, target)
    Console().print(f"  page: {target}", soft_wrap=True, markup=False)


def _folder(project: Path) -> Path:
    return project if project.is_dir() else project.parent


def _names(one: Path, other: Path) -> tuple[str, str]:
    """Their folders' names, or as they were given where these are the same."""
    a, b = _folder(one).resolve().name, _folder(other).resolve().name
    return (a, b) if a != b else (str(one), str(other))


def _write(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise FpgaMlError(
            f"cannot write: {error.strerror or error}", where=str(path), do="choose another file with -o"
        ) from error
