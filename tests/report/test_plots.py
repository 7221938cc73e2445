"""What is drawn lies where the axes say that it lies."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from elements import Element, read
from test_page import at

from fpga_ml.report.page import render
from fpga_ml.report.plots import Scale

PIXEL = 0.05


@pytest.fixture(scope="module")
def drawings(whole: dict[str, Any]) -> list[Element]:
    return list(read(render(whole)).every("svg", role="img"))


def axis(drawing: Element, direction: str, *, log: bool = False) -> Any:
    """Value -> pixel, a line through the ticks that are written."""
    ticks = list(drawing.every("text", **{f"data_{direction}": None}))
    values = np.array([float(t.attributes[f"data-{direction}"]) for t in ticks])
    pixels = np.array([float(t.attributes[direction]) for t in ticks]) - (4 if direction == "y" else 0)
    values = np.log10(values) if log else values
    slope, offset = np.polyfit(values, pixels, 1)
    np.testing.assert_allclose(pixels, slope * values + offset, atol=PIXEL)
    return lambda v: slope * (np.log10(v) if log else np.asarray(v, float)) + offset


def test_histograms(whole: dict[str, Any], drawings: list[Element]) -> None:
    drawn = 0
    for drawing in drawings:
        for path in drawing.every("path", data_json=None):
            place = path.attributes["data-json"]
            if not place.startswith("/distributions"):
                continue
            counts = np.array(at(whole, place))
            edges = np.array(at(whole, "/".join(place.split("/")[:3]) + "/edges"))
            x, y = axis(drawing, "x"), axis(drawing, "y", log=True)
            if place.endswith("csim"):
                dots = np.array(re.findall(r"M([\d.]+) ([\d.]+)h0", path.attributes["d"]), float)
                middles = (edges[1:] + edges[:-1])[counts > 0] / 2
                np.testing.assert_allclose(dots, np.stack([x(middles), y(counts[counts > 0])], 1), atol=PIXEL)
            else:
                levels = np.array(re.findall(r"V([\d.]+)H", path.attributes["d"]), float)
                rights = np.array(re.findall(r"H([\d.]+)", path.attributes["d"]), float)
                np.testing.assert_allclose(rights, x(edges[1:]), atol=PIXEL)
                np.testing.assert_allclose(levels, y(np.maximum(counts, 0.5)), atol=PIXEL)
            drawn += 1
    assert drawn == sum(len(row["counts"]) for row in whole["distributions"])


def test_roc_curves(whole: dict[str, Any], drawings: list[Element]) -> None:
    drawn = 0
    for drawing in drawings:
        for path in drawing.every("path", data_json=None):
            place = path.attributes["data-json"]
            if not place.startswith("/roc"):
                continue
            x, y = axis(drawing, "x"), axis(drawing, "y", log=True)
            least = min(float(t.attributes["data-y"]) for t in drawing.every("text", data_y=None))
            points = np.array(re.findall(r"([\d.]+) ([\d.]+)", path.attributes["d"]), float)
            signal = at(whole, "/".join(place.split("/")[:3]) + "/signal_efficiency")
            want = np.stack([x(signal), y(np.maximum(at(whole, place), least))], 1)
            np.testing.assert_allclose(points, want, atol=PIXEL)
            drawn += 1
    assert drawn == 3 * len(whole["roc"]) > 0


def test_timeline(whole: dict[str, Any], drawings: list[Element]) -> None:
    drawing = next(d for d in drawings if d.attributes["aria-labelledby"].startswith("plot-timeline"))
    x = axis(drawing, "x")
    bars = {b.attributes["data-json"]: b.attributes for b in drawing.every("rect", data_json=None)}
    assert list(bars) == [f"/rtl/layers/{k}" for k in range(len(whole["rtl"]["layers"]))]
    for place, bar in bars.items():
        row = at(whole, place)
        begin, width = float(bar["x"]), float(bar["width"])
        assert begin == pytest.approx(x(row["start_cycle"]), abs=PIXEL)
        length = x(row["start_cycle"] + row["latency_cycles"]) - begin
        assert width == pytest.approx(max(length, 3.0), abs=2 * PIXEL)
        assert bar["class"] == f"bar kind-{row['kind']}"


def test_bars_in_tables_are_as_long_as_their_share(whole: dict[str, Any]) -> None:
    page = read(render(whole))
    section = next(page.every("section", id="buffers"))
    cells = [c for c in section.every("td") if "fill" in c.attributes.get("class", "").split()]
    assert len(cells) == len(whole["rtl"]["buffers"]) > 0
    for cell, row in zip(cells, whole["rtl"]["buffers"], strict=True):
        part = float(cell.attributes["style"].removeprefix("--part: "))
        assert part == pytest.approx(row["high_water"] / row["depth"], abs=1e-4)
    devices = next(next(page.every("section", id="resources")).every("table"))
    assert [c.attributes["class"] for c in devices.every("td") if "over" in c.attributes.get("class", "").split()] == [
        "n fill over"
    ]


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3.2, 4.1, False, [-2, 0, 2, 4]),
        (0, 1113, False, [0, 500, 1000]),
        (0.5, 3000, True, [1, 10, 100, 1000]),
        (1e-4, 1, True, [1e-4, 1e-3, 0.01, 0.1, 1]),
    ],
)
def test_ticks(low: float, high: float, log: bool, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 100, log).ticks() == pytest.approx(ticks)
