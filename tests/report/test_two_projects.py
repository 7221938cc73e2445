"""Two projects side by side."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from elements import read
from test_page import at

from fpga_ml.project import Project
from fpga_ml.report.compare import RESULTS, as_json, compare
from fpga_ml.report.compare import changed as changed_rows
from fpga_ml.report.page import render, render_comparison


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "fpga_ml", *map(str, words)], capture_output=True, text=True, check=False)


def changed(report: dict[str, Any]) -> dict[str, Any]:
    other = copy.deepcopy(report)
    other["rtl"]["latency_cycles"] = 3 * report["rtl"]["latency_cycles"]
    other["layers"][1]["types"]["result"] = "ap_fixed<9,3>"
    other["csim"]["argmax_flips"] = 0
    other["timings_s"] = {"load": 1e9}
    del other["synth"][1]
    return other


def test_a_project_is_like_itself(whole: dict[str, Any]) -> None:
    rows = compare(whole, copy.deepcopy(whole))
    assert len(rows) > 100
    assert not any(row.differs for row in rows)
    assert all(row.change in (0, None) for row in rows)


def test_only_what_differs_is_marked(whole: dict[str, Any]) -> None:
    whole = copy.deepcopy(whole)
    whole["csim"]["argmax_flips"] = 4
    rows = {(r.section, r.name): r for r in compare(whole, changed(whole)) if r.differs}
    name = whole["layers"][1]["name"]
    assert rows[("Hardware", "latency_cycles")].change == 2
    assert rows[("Layers", f"{name}: result")].b == "ap_fixed<9,3>"
    assert rows[("Layers", f"{name}: result")].change is None
    assert rows[("Agreement", "argmax_flips")].change == -1
    gone = [row for (section, _), row in rows.items() if section == "Synthesis"]
    assert {row.name.split(",")[0] for row in gone} == {"xcup"}
    assert all(row.b is None and not row.b_at and row.a_at for row in gone)
    assert len(rows) == 3 + len(gone)


def test_the_largest_effect_comes_first(whole: dict[str, Any]) -> None:
    """A factor counts like its inverse; a verdict comes before every number, what only one has after."""
    other = copy.deepcopy(whole)
    other["rtl"] |= {
        "latency_cycles": 4 * whole["rtl"]["latency_cycles"],
        "register_bits": whole["rtl"]["register_bits"] + 1,
    }
    other["rtl"]["area"]["luts"] = whole["rtl"]["area"]["luts"] // 8
    other["cosim"][0]["passed"] = False
    del other["synth"][1]
    names = [row.name for row in changed_rows(compare(whole, other), RESULTS)]
    assert names[:4] == ["icarus: passed", "estimated luts", "latency_cycles", "register_bits"]
    assert len(names) > 4
    assert all(name.startswith("xcup") for name in names[4:])


def test_layers_with_other_names_are_paired_by_their_order(whole: dict[str, Any]) -> None:
    other = json.loads(re.sub(rf'"{whole["layers"][1]["name"]}(?=[_."])', '"other', json.dumps(whole)))
    rows = compare(whole, other)
    assert f"{whole['layers'][1]['name']} / other: kind" in [row.name for row in rows]
    assert not [row for row in rows if row.section == "Layers" and not (row.a_at and row.b_at)]
    other["layers"] = other["layers"][1:]  # another network: by names only
    rows = compare(whole, other)
    assert "other: kind" in [row.name for row in rows if row.section == "Layers" and not row.a_at]


def test_the_page_shows_both(whole: dict[str, Any], stream: Project) -> None:
    reports = {"a": whole, "b": stream.report}
    page = read(render_comparison(whole, stream.report, ("one & two", "three")))
    shown = list(page.every("data", data_json=None))
    assert {e.attributes["data-json"][0] for e in shown} == {"a", "b"}
    for element in shown:
        side, pointer = element.attributes["data-json"].split(":", 1)
        assert float(element.attributes["value"]) == at(reports[side], pointer)
    rows = compare(whole, stream.report)
    tables = {s.attributes["id"]: [r for r in s.every("tr") if "class" in r.attributes] for s in page.every("section")}
    assert [r.attributes["class"] for r in tables["same"]] == ["same"] * sum(not row.differs for row in rows)
    differing = [r for name in ("results", "parts", "causes") for r in tables[name]]
    assert [r.attributes["class"] for r in differing] == ["differs"] * sum(row.differs for row in rows)
    assert list(tables) == ["results", "parts", "roc", "timeline", "causes", "same"]
    assert next(page.every("h1")).text == "one & two and three"
    ids = [e.attributes["id"] for e in page.every(id=None)]
    assert len(ids) == len(set(ids))


def test_on_the_command_line(parallel: Project, stream: Project, tmp_path: Path) -> None:
    done = run("report", parallel.folder, stream.folder, "-o", tmp_path / "both.html")
    assert done.returncode == 0, done.stderr
    assert "figures differ" in done.stdout
    names = (parallel.folder.name, stream.folder.name)
    assert (tmp_path / "both.html").read_text() == render_comparison(parallel.report, stream.report, names)

    done = run("report", parallel.folder, stream.folder, "--json")
    rows = compare(parallel.report, stream.report)
    assert json.loads(done.stdout) == json.loads(json.dumps(as_json(rows, parallel.report, stream.report)))
    assert not list(parallel.folder.glob("compare*"))


def test_a_saved_project_makes_its_page_again(parallel: Project, tmp_path: Path) -> None:
    page = parallel.folder / "report.html"
    written = page.read_text()
    assert written == render(parallel.report)
    page.unlink()
    done = run("report", parallel.folder)
    assert done.returncode == 0, done.stderr
    assert str(page) in done.stdout
    assert page.read_text() == written
    assert "cannot write: " in run("report", parallel.folder, "-o", tmp_path / "none" / "page.html").stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "holds no report.json"),
        ("{", "not valid JSON"),
        ("[]", "the report is of version None"),
        ('{"schema_version": 2}', "the report is of version 2, this fpga_ml reads version 3"),
        ('{"schema_version": 3}', "no whole report: the report: "),
        ('{"schema_version": 3, "metrics": {"csim": {"accuracy": NaN}}}', "not valid JSON: NaN is no number"),
    ],
)
def test_what_is_no_project(parallel: Project, tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "report.json").write_text(text)
    done = run("report", parallel.folder, tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert str(tmp_path) in done.stderr


def test_a_negative_count_is_no_report(parallel: Project, tmp_path: Path) -> None:
    report = copy.deepcopy(parallel.report)
    report["csim"]["samples"] = -5  # type: ignore[index]
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert "no whole report: csim" in run("report", tmp_path).stderr


def test_renamed_layers_and_other_settings_are_in_the_head(whole: dict[str, Any]) -> None:
    old = whole["layers"][1]["name"]
    other = json.loads(re.sub(rf'"{old}(?=[_."])', '"other', json.dumps(whole)))
    other["config"]["bits"] = 5
    head = next(read(render_comparison(whole, other, ("a", "b"))).every("header")).text
    assert f"Renamed layers, paired by their place: {old} / other" in head
    assert f"Other settings: bits {whole['config']['bits']} and 5" in head
    assert "No result differs." in head


def test_three_are_too_many(parallel: Project) -> None:
    assert "3 projects given" in run("report", *[parallel.folder] * 3).stderr
