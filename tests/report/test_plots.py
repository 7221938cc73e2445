"""What is drawn lies where the axes say that it lies."""

from __future__ import annotations

import copy
import re
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from elements import Element, read
from test_page import at

from fpga_ml.ir.network import Process
from fpga_ml.numerics import FixedType
from fpga_ml.project import Project
from fpga_ml.report.page import render
from fpga_ml.report.plots.network import costs
from fpga_ml.report.plots.svg import Scale

PIXEL = 0.05


@pytest.fixture(scope="module")
def drawings(whole: dict[str, Any]) -> list[Element]:
    return list(read(render(whole)).every("svg", aria_labelledby=None))


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


def test_roc_curves(whole: dict[str, Any]) -> None:
    """A curve is drawn where background is left, the band everywhere; both lie where the axes say."""
    whole = copy.deepcopy(whole)
    whole["roc"][0]["background_efficiency"]["csim"][:4] = [0.0] * 4  # a threshold above all background
    whole["roc"][0]["band"]["csim"]["low"][:4] = [0.0] * 4
    drawing = next(read(render(whole)).every("svg", aria_labelledby="plot-roc-title plot-roc-desc"))
    x, y = axis(drawing, "x"), axis(drawing, "y", log=True)
    least = min(float(t.attributes["data-y"]) for t in drawing.every("text", data_y=None))
    drawn = []
    for path in drawing.every("path", data_json=None):
        place = path.attributes["data-json"]
        signal = np.array(at(whole, "/".join(place.split("/")[:3]) + "/signal_efficiency"))
        points = np.array(re.findall(r"([\d.]+) ([\d.]+)", path.attributes["d"]), float)
        if "/band/" in place:
            band = at(whole, place)
            values = np.concatenate([band["high"], band["low"][::-1]])
            want = np.stack([x(np.concatenate([signal, signal[::-1]])), y(np.maximum(values, least))], 1)
        else:
            values = np.array(at(whole, place))
            want = np.stack([x(signal[values > 0]), y(values[values > 0])], 1)
        np.testing.assert_allclose(points, want, atol=PIXEL)
        drawn.append(place.split("/")[3:])
    each = [["band", "csim"], ["background_efficiency", "csim"], ["background_efficiency", "float"]]
    assert sorted(drawn) == sorted(each * len(whole["roc"]))


def test_types(whole: dict[str, Any], drawings: list[Element]) -> None:
    drawing = next(d for d in drawings if d.attributes["aria-labelledby"].startswith("plot-types"))
    x = axis(drawing, "x", log=True)
    rows = {g.attributes["data-json"]: g for g in drawing.every("g", data_json=None)}
    assert list(rows) == [f"/quantisation/{k}" for k, row in enumerate(whole["quantisation"]) if row["quantiles"]]
    for place, group in rows.items():
        row, parts = at(whole, place), {e.attributes["class"].split()[0]: e.attributes for e in group.every(class_=None)}
        held = parts["held"]
        low, high = x([row["step"], row["largest"]])
        assert (float(held["x"]), float(held["x"]) + float(held["width"])) == pytest.approx((low, high), abs=2 * PIXEL)
        assert float(parts["reach"]["x2"]) == pytest.approx(x(row["quantiles"][-1]), abs=PIXEL)
        assert float(parts["median"]["x1"]) == pytest.approx(x(row["quantiles"][3]), abs=PIXEL)
        assert ("lost" in parts) == (row["quantiles"][-1] > row["largest"])


def test_waves(whole: dict[str, Any], drawings: list[Element]) -> None:
    """Levels and numbers that are drawn are those that were seen, in the cycles of the axis."""
    drawing = next(d for d in drawings if d.attributes["aria-labelledby"].startswith("plot-waves"))
    x = axis(drawing, "x")
    names = {row["signal"]: row for row in whole["cosim"][0]["waves"]}
    groups = {g.attributes["data-json"]: g for g in drawing.every("g", data_json=None)}
    assert len(groups) == len(names) > 8
    for place, group in groups.items():
        row = at(whole, place)
        wires = list(group.every("path", class_="wire"))
        assert bool(wires) != bool(row["tensor"])
        if not wires:
            buses = list(group.every("polygon"))
            assert [b.attributes["class"] for b in buses] == [
                "bus unknown" if v is None else "bus value" for v in row["values"]
            ]
            begins = [float(b.attributes["points"].split(",")[0]) for b in buses]
            assert begins == pytest.approx([float(x(c)) for c in row["cycles"]], abs=2 * PIXEL)
            continue
        ends = [float(h) for h in re.findall(r"H([\d.]+)", wires[0].attributes["d"])]
        assert ends[:-1] == pytest.approx([float(x(c)) for c in row["cycles"][1:]], abs=2 * PIXEL)
        levels = [float(v) for v in re.findall(r"(?:M[\d.]+ |V)([\d.]+)", wires[0].attributes["d"])]
        assert [v == min(levels) for v in levels] == [bool(v) for v in row["values"]] or len(set(row["values"])) == 1


def test_the_last_value_of_a_stream_is_the_first_output(stream: Project) -> None:
    run = stream.report["cosim"][0]
    (output,) = stream.report["model"]["outputs"]
    wave = next(w for w in run["waves"] if w["tensor"] == output["name"])
    seen = [v for c, v in zip(wave["cycles"], wave["values"], strict=True) if c <= run["latency_cycles"]][-1]
    assert seen is not None
    assert seen * FixedType.parse(output["type"]).lsb == stream.outputs["csim"][0].reshape(-1)[0]
    tokens = [w["signal"] for w in run["waves"] if w["signal"].endswith(": token")]
    assert tokens == [f"{row['channel']}: token" for row in run["timeline"]]


def test_network(whole: dict[str, Any], drawings: list[Element]) -> None:
    """A box a layer, an arrow for each read, the shade of the most expensive layer the strongest."""
    drawing = next(d for d in drawings if d.attributes["aria-labelledby"].startswith("plot-network"))
    boxes = list(drawing.every("a", data_json=None))
    assert [b.attributes["data-json"] for b in boxes] == [f"/layers/{k}" for k in range(len(whole["layers"]))]
    assert sum(len(row["reads"]) for row in whole["layers"]) == len(list(drawing.every("path", class_="edge")))
    luts = [
        sum(r["area"]["luts"] for r in whole["rtl"]["layers"] if r["name"].split("_")[0] == n["name"])
        for n in whole["layers"]
    ]
    shares = [float(re.search(r"--luts: ([\d.]+)", b.attributes["style"])[1]) for b in boxes]  # type: ignore[index]
    assert shares == pytest.approx([n / max(luts) for n in luts], abs=1e-3)
    page = read(render(whole))
    for k in range(len(boxes)):
        assert next(page.every("article", id=f"layer-{k}")).text


def test_a_layer_owns_its_parts_only(whole: dict[str, Any]) -> None:
    """fc and fc_1 are two layers: fc_1_fold is not fc's."""
    report = copy.deepcopy(whole)
    area = {"luts": 1, "multipliers": 0, "rom_bits": 0, "memory_bits": 0}
    row = {"kind": "map", "start_cycle": 0, "latency_cycles": 1, "interval_cycles": 1, "area": area}
    report["layers"] = [{**report["layers"][0], "name": name, "reads": []} for name in ("fc", "fc_1")]
    report["rtl"]["layers"] = [{**row, "name": name} for name in ("fc", "fc_fold", "fc_1", "fc_1_fold", "fcx")]
    assert [c.processes for c in costs(report)] == [(0, 1), (2, 3)]


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


def test_each_kind_of_process_has_a_colour() -> None:
    style = files("fpga_ml.report").joinpath("templates/style.css").read_text()
    kinds = {p.kind for p in Process.__subclasses__()}
    assert {"map", "fold", "window", "collect", "split"} <= kinds
    assert {kind for kind in kinds if f"rect.kind-{kind} " not in style} == {"map"}  # every bar's, where no other is said
    for kind in kinds:
        assert len(re.findall(rf"--{kind}: #", style)) == 3, kind  # light, dark, paper


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
