"""report.html by itself: every figure on it is report.json's, nothing is empty, nothing is fetched, nothing is run."""

from __future__ import annotations

import copy
import math
import re
from typing import Any

import pytest
from elements import Element, read

from fpga_ml.project import Project
from fpga_ml.report.figures import real
from fpga_ml.report.page import SECTIONS, missing, render

SOURCES = ("data-json", "data-ratio", "data-product", "data-sum", "data-columns")
DASH = "\N{EN DASH}"


def at(report: Any, pointer: str) -> Any:
    """RFC 6901, written anew."""
    for word in pointer.split("/")[1:]:
        word = word.replace("~1", "/").replace("~0", "~")
        report = report[word] if isinstance(report, dict) else report[int(word)]
    return report


def number(text: str) -> float:
    """What a reader takes a shown number for."""
    text = text.replace(",", "").replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ").removesuffix(" %")
    mantissa, _, power = text.partition(" \N{MULTIPLICATION SIGN} 10")
    return float(mantissa) * 10.0 ** float(power or 0)


def said(value: Any) -> str:
    """What stands on the page for a value that is no number."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", [], {}):
        return DASH
    if isinstance(value, list):
        return " \N{MULTIPLICATION SIGN} ".join(f"{v:,}" if isinstance(v, int) else said(v) for v in value)
    return str(value)


@pytest.fixture(scope="module", params=["parallel", "stream", "whole"])
def pair(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Element]:
    """A report and its page."""
    found = request.getfixturevalue(request.param)
    report = found.report if isinstance(found, Project) else found
    return report, read(render(report))


def test_every_figure_is_the_reports(pair: tuple[dict[str, Any], Element]) -> None:
    report, page = pair
    shown = [e for e in page.every(data_json=None) if not any(p.tag == "svg" for p in e.above())]
    assert len(shown) > 150
    for element in shown:
        value = at(report, element.attributes["data-json"])
        if element.tag == "data":
            assert float(element.attributes["value"]) == value
            exact = isinstance(value, int)
            assert math.isclose(number(element.text), value, rel_tol=0 if exact else 6e-4), element.attributes
        elif isinstance(value, dict):
            assert all(str(k) in element.text for k in value)
        else:
            assert element.text == said(value)


def test_ratios_products_and_tables_are_the_reports(pair: tuple[dict[str, Any], Element]) -> None:
    report, page = pair
    found = 0
    for kind, scale in (("ratio", 100.0), ("product", 1.0)):
        for element in page.every(**{f"data_{kind}": None}):
            one, other = (at(report, p) for p in element.attributes[f"data-{kind}"].split())
            want = one * other if kind == "product" else one / other if other else 0.0
            assert math.isclose(float(element.attributes["value"]), want, rel_tol=1e-12)
            assert math.isclose(number(element.text), scale * want, rel_tol=6e-3)
            found += 1
    for element in page.every(data_sum=None):
        assert int(element.attributes["value"]) == sum(at(report, p) for p in element.attributes["data-sum"].split())
        assert number(element.text) == int(element.attributes["value"])
        found += 1
    for table in page.every("table", data_columns=None):
        columns = [at(report, p) for p in table.attributes["data-columns"].split()]
        rows = [[c.text for c in row.every("td")] for row in next(table.every("tbody")).every("tr")]
        assert len(rows) == len(columns[1])
        for row, values in zip(rows, zip(*columns, strict=False), strict=True):
            numbers = [(t, v) for t, v in zip(row, values, strict=True) if v is not None]
            assert all(math.isclose(number(t), v, rel_tol=6e-4) for t, v in numbers)
            found += 1
    assert found > 10


def test_no_number_is_without_a_source(pair: tuple[dict[str, Any], Element]) -> None:
    _, page = pair
    cells = [*page.every("td"), *page.every("dd"), *page.every("span", class_=None)]
    for cell in [c for c in cells if c.tag != "span" or c.attributes["class"].startswith("big")]:
        for text, element in _texts(cell):
            if re.search(r"(?<![A-Za-z])\d", text):
                assert any(s in e.attributes for e in element.above() for s in SOURCES), (text, cell.text)


COLUMNS = {
    "LUT": "luts",
    "FF": "ffs",
    "DSP": "dsps",
    "BRAM": "brams",
    "clock, MHz": "fmax_mhz",
    "latency, ns": "latency_ns",
    "time, s": "seconds",
    "memory, MB": "memory_mb",
    "delay, ns": "delay_ns",
    "ROM, bits": "rom_bits",
    "memory, bits": "memory_bits",
    "width, bits": "width_bits",
    "high water": "high_water",
    "lowest": "low",
    "highest": "high",
    "noise rms": "added_rms",
    "largest": "added_max",
    "largest error": "max_abs_err",
    "differ": "different",
    "from": "origin",
    "before": "reader",
    "through": "what",
    "reuse": "reuse_factor",
    "rounds built": "rounds",
    "at once": "at_once",
    "weights are": "weights",
    "type holds": "largest",
    "starts": "start_cycle",
    "starts, cycle": "start_cycle",
    "takes, cycles": "latency_cycles",
    "a new input every": "interval_cycles",
    "spans": "latency_cycles",
    "latency": "latency_cycles",
    "latency, cycles": "latency_cycles",
    "interval, cycles": "interval_cycles",
    "values that differ": "mismatches",
    "stalled cycles": "stalls",
    "weights": "weight",
    "sums": "accum",
    "process": "name",
    "first, cycle": "first_cycle",
    "last, cycle": "last_cycle",
    "simulator": "simulator",
    "signal rms": "signal_rms",
    "layer": "layer|name",
    "tensor": "layer|tensor",
}
SAME = (
    "products",
    "zeros",
    "step",
    "device",
    "tool",
    "effort",
    "kind",
    "shape",
    "result",
    "type",
    "values",
    "channel",
    "depth",
)
COLUMNS |= {name: name for name in (*SAME, "multipliers", "saturated", "vectors", "auc", "accuracy")}


def test_columns_and_rows_hold_what_they_are_called(pair: tuple[dict[str, Any], Element]) -> None:
    """The pointer of a cell ends as its column is called, and all of a row are of one entry."""
    report, page = pair
    judged = set()
    for table in page.every("table"):
        heads = [h.text for h in next(table.every("thead")).every("th")]
        for row in next(table.every("tbody")).every("tr"):
            cells = [c for c in row.children if isinstance(c, Element)]
            assert len(cells) == len(heads)
            entries = set()
            for head, cell in zip(heads, cells, strict=True):
                pointer = next((e.attributes["data-json"] for e in cell.every(data_json=None)), "")
                if not pointer or head not in COLUMNS:
                    continue
                assert re.search(f"/({COLUMNS[head]})$", pointer), (head, pointer)
                judged.add(head)
                entries.add(re.sub(r"/(area|types)?/?\w+$", "", pointer))
            kinds = {re.sub(r"\d+", "", e) for e in entries}
            assert len(entries) == len(kinds), entries
            if kinds == {"/layers/", "/rtl/layers/"}:
                assert len({at(report, entry)["name"] for entry in entries}) == 1
    assert len(judged) > 20


def _texts(element: Element) -> list[tuple[str, Element]]:
    found = []
    for child in element.children:
        found += [(child, element)] if isinstance(child, str) else _texts(child)
    return found


def test_every_section_has_something_to_say(pair: tuple[dict[str, Any], Element]) -> None:
    report, page = pair
    sections = {s.attributes["id"]: s for s in page.every("section")}
    lacking = missing(report)
    assert list(sections) == [name for name in SECTIONS if not lacking.get(name)]
    for name, section in sections.items():
        heading = next(section.every("h2"))
        assert heading.text == SECTIONS[name]
        assert len(section.text.replace(heading.text, "").strip()) > 30
        for table in section.every("table"):
            assert any(True for _ in next(table.every("tbody")).every("td")), "an empty table"
    links = {a.attributes["href"] for n in page.every("nav") for a in n.every("a")}
    assert links == {f"#{name}" for name in sections}


def reasons(report: dict[str, Any]) -> dict[str, str]:
    """{what is not on the page: why}."""
    found: dict[str, str] = {}
    for absent in read(render(report)).every("ul", class_="plain absent"):
        names, whys = ([e.text for e in absent.every(tag)] for tag in ("b", "span"))
        found |= {name: why for line, why in zip(names, whys, strict=True) for name in line.split(", ")}
    return found


def test_what_did_not_run_says_why(parallel: Project, whole: dict[str, Any]) -> None:
    assert not reasons(whole)
    found = reasons(parallel.report)
    assert found["Co-simulation"] == found["Waveform"]
    assert "stage 'cosim' did not run: not asked for (--until cosim runs it)" in found["Co-simulation"]
    assert "one pipeline that never waits" in found["FIFOs"]
    assert "--until synth runs it" in found["Resources by device"]
    assert found["Critical path"] == found["Resources by device"]
    assert len(found) == 5

    bare = copy.deepcopy(parallel.report)
    bare |= {"csim": None, "emulator": None, "rtl": None, "metrics": {}, "distributions": [], "roc": [], "decisions": None}
    bare["quantisation"] = []
    bare["data"] |= {"labels": False}
    bare["model"] |= {"no_reference": "TernaryDense is gone"}
    bare["stages"] |= {"csim": "no compiler", "emulate": "needs csim", "rtl": "needs emulate"}
    found = reasons(bare)
    assert "stage 'csim' did not run: no compiler" in found["Agreement"]
    assert "stage 'csim' did not run: no compiler" in found["Differences by layer"]
    assert "there is no Keras reference: TernaryDense is gone" in found["Types and rounding"]
    assert "labels" in found["ROC curves"]
    for section in ("Timing", "FIFOs", "Resources"):
        assert "stage 'rtl' did not run: needs emulate" in found[section]


def test_a_report_from_before_fifos_had_a_bound(whole: dict[str, Any]) -> None:
    old = copy.deepcopy(whole)
    del old["rtl"]["fifo_bits"]
    for row in old["rtl"]["buffers"]:
        row.pop("least_depth", None)
    assert "FIFO has less" in render(whole)
    assert "FIFO has less" not in render(old)


def test_a_stream_without_labels_has_no_roc(stream: Project) -> None:
    found = reasons(stream.report)
    assert found["ROC curves"] == "the samples have no labels"
    assert "decides nothing" in found["Flipped decisions"]


def test_a_lone_output_is_that_of_class_one(whole: dict[str, Any]) -> None:
    report = copy.deepcopy(whole)
    report["distributions"] = [row | {"output": "y", "element": 0} for row in report["distributions"][:1]]
    report["data"]["class_names"] = ["background", "signal"]
    report |= {"roc": [], "confusion": None, "decisions": None}
    captions = [c.text for c in read(render(report)).every("figcaption")]
    assert "y[0], signal: values" in captions


def test_classes_without_a_curve_are_named(parallel: Project) -> None:
    report = copy.deepcopy(parallel.report)
    assert "Without a curve" not in read(render(report)).text
    del report["roc"][2]
    assert "Without a curve: class 2. A curve needs samples" in read(render(report)).text


def test_a_sum_over_the_processes_of_a_layer(whole: dict[str, Any]) -> None:
    """The table beside the diagram counts what a layer needs besides its own process."""
    section = next(read(render(whole)).every("section", id="network"))
    sums = [e.attributes["data-sum"].split() for e in section.every(data_sum=None)]
    luts = [place for places in sums for place in places if place.endswith("luts")]
    assert sorted(luts) == sorted(f"/rtl/layers/{k}/area/luts" for k in range(len(whole["rtl"]["layers"])))


def test_agreement_up_to_the_first_table(whole: dict[str, Any]) -> None:
    report = copy.deepcopy(whole)
    report["csim"] |= {"bit_exact_vs_quantised_model": None, "compared_at": ["behind", "first"]}
    text = next(read(render(report)).every("section", id="agreement")).text
    assert "Up to the first table C-simulation is the quantised model." in text
    assert "behind" not in text.split("Tensor by tensor")[0]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "pass"),
        ({"cosim": []}, "part"),
        ({"emulator": {"samples_per_s": 1.0, "mismatches": 2}}, "fail"),
        ({"cosim/0/passed": False}, "fail"),
        ({"csim/bit_exact_vs_quantised_model": False}, "fail"),
        ({"csim/bit_exact_vs_quantised_model": None}, "part"),
    ],
)
def test_verdict(whole: dict[str, Any], change: dict[str, Any], verdict: str) -> None:
    report = copy.deepcopy(whole)
    for path, value in change.items():
        *above, last = path.split("/")
        at(report, "/".join(["", *above]) if above else "")[last] = value
    badge = next(read(render(report)).every("header")).every("span")
    assert next(badge).attributes["class"] == f"badge {verdict}"


def test_it_holds_all_it_shows(pair: tuple[dict[str, Any], Element], stream: Project) -> None:
    report, page = pair
    assert not list(page.every("script")) + list(page.every("img")) + list(page.every("iframe"))
    policy = next(page.every("meta", http_equiv="Content-Security-Policy")).attributes["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    text = render(report)
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "url(" not in text
    assert "@import" not in text
    assert [e.attributes["href"] for e in page.every("link")] == ["data:,"]
    ids = [e.attributes["id"] for e in page.every(id=None)]
    assert len(ids) == len(set(ids))
    streamed = read(render(stream.report))
    ids = [e.attributes["id"] for e in streamed.every(id=None)]
    for link in streamed.every("a", href=None):
        target = link.attributes["href"]
        there = target[1:] in ids if target.startswith("#") else (stream.folder / target).exists()
        assert there, target


def test_names_are_text(whole: dict[str, Any]) -> None:
    report = copy.deepcopy(whole)
    evil = '"><script>alert(1)</script>'
    report["model"]["name"] = report["layers"][0]["name"] = report["rtl"]["layers"][0]["name"] = evil
    report["versions"]["a/b~c"] = "9"
    page = read(render(report))
    assert not list(page.every("script"))
    assert next(page.every("h1")).text == evil
    assert "a/b~c 9" in page.text


def test_it_can_be_read_without_seeing(pair: tuple[dict[str, Any], Element]) -> None:
    _, page = pair
    for drawing in [s for s in page.every("svg") if s.attributes.get("aria-hidden") != "true"]:
        title, about = drawing.attributes["aria-labelledby"].split()
        links = bool(list(drawing.every("a")))
        assert drawing.attributes["role"] == ("group" if links else "img")
        assert next(drawing.every("title", id=title)).text
        assert next(drawing.every("desc", id=about)).text
        figure = next((e for e in drawing.above() if e.tag == "figure"), None)
        assert figure is not None
    assert all(th.attributes.get("scope") in ("row", "col") for th in page.every("th"))
    assert next(page.every("html")).attributes["lang"] == "en"
    for scroller in page.every("div", role="region"):
        assert scroller.attributes["aria-label"]
        assert scroller.attributes["tabindex"] == "0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (0.88901, "0.8890"),
        (-0.00012346, "\N{MINUS SIGN}1.235 \N{MULTIPLICATION SIGN} 10<sup>\N{MINUS SIGN}4</sup>"),
        (123456.7, "123,457"),
        (2e9, "2 \N{MULTIPLICATION SIGN} 10<sup>9</sup>"),
        (0.0, "0"),
        (9.99999e-4, "1.000 \N{MULTIPLICATION SIGN} 10<sup>\N{MINUS SIGN}3</sup>"),
        (math.inf, "inf"),
    ],
)
def test_real_numbers(value: float, text: str) -> None:
    assert real(value) == text.replace(" ", "\N{NO-BREAK SPACE}")
