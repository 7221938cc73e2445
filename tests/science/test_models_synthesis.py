"""Synthesis figures of a model: rows take the place of their own kind only, and the card follows."""

from __future__ import annotations

import json
from pathlib import Path

from fpga_ml.devices import Cells
from fpga_ml.science.models import Model, every
from fpga_ml.science.synthesis import overview, row, save
from fpga_ml.synthesise.result import PathStep, Synthesis


def entry(device: str, luts: int) -> dict[str, object]:
    found = Synthesis(
        tool="yosys",
        version="1",
        device=device,
        effort="estimate",
        cells=Cells(luts, 20, 3, 1.5),
        available=None,
        fmax_mhz=50.0,
        timing="delay model",
        latency_cycles=4,
        interval_cycles=1,
        critical_path=(PathStep("fc1", "a", 1.0), PathStep("fc1", "b", 2.0), PathStep("", "c", 1.0)),
        seconds=1.0,
        memory_mb=None,
        logs=(),
    )
    return row(found.as_json())


def test_rows_and_card(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# a model\n\ntext\n")
    save(Model(tmp_path), [entry("xcup", 1000), entry("ecp5-85k", 2000)])
    save(Model(tmp_path), [entry("xcup", 1500)])
    rows = json.loads((tmp_path / "synthesis.json").read_text())
    assert [(r["device"], r["luts"]) for r in rows] == [("ecp5-85k", 2000), ("xcup", 1500)]
    assert rows[0]["critical_layers"] == ["fc1", ""]
    card = (tmp_path / "card.md").read_text()
    assert card.startswith("# a model\n\ntext\n\n## Synthesis\n<!-- synthesis: begin -->\n| device |")
    assert card.count("synthesis: begin") == card.count("synthesis: end") == 1
    assert "| xcup | estimate | 1,500 | 20 | 3 | 1.5 | 50.0 (delay model) | 4 | 80 | fc1, the top |" in card
    assert "1,000" not in card


# Attention multiplies data with data: 776 products, and an ECP5-85k has 156 DSPs.
BEYOND_ECP5 = {"particle_transformer"}
PLACED_ELSEWHERE = {"jet_cnn_pt100", "jet_cnn_pt500", "jet_cnn_pt1000"}  # the hardware of jet_cnn, with other weights


def test_every_model_is_estimated_and_placed_or_routed(repository: Path) -> None:
    for model in every(repository / "models"):
        rows = json.loads((model.folder / "synthesis.json").read_text())
        if model.folder.name in BEYOND_ECP5:
            assert [(r["device"], r["effort"]) for r in rows] == [("xcup", "estimate")]
            continue
        efforts = {r["effort"]: r for r in rows if r["device"] == "ecp5-85k"}
        if model.folder.name in PLACED_ELSEWHERE:
            assert "estimate" in efforts
            continue
        physical = [efforts[e] for e in ("place", "route") if e in efforts]
        assert physical, model.folder.name
        assert {r["timing"] for r in physical} <= {"placed", "routed"}
        assert {r["luts"] for r in physical} == {efforts["estimate"]["luts"]}


def test_overview(tmp_path: Path) -> None:
    """A row a model, also before it is placed, by its routed clock where it was only routed; none for one of another
    device only."""
    one, two, three, four = models = [Model(tmp_path / name) for name in ("one", "two", "three", "four")]
    for model in models:
        model.folder.mkdir()
    save(one, [entry("ecp5-85k", 1000), {**entry("ecp5-85k", 1000), "effort": "place", "fmax_mhz": 40.04}])
    save(two, [entry("ecp5-85k", 2000)])
    save(three, [entry("xcup", 3000)])
    save(four, [entry("ecp5-85k", 3000), {**entry("ecp5-85k", 3000), "effort": "route", "fmax_mhz": 30.0}])
    assert overview(models, "ecp5-85k").splitlines()[2:] == [
        "| one | 1,000 | 20 | 3 | 1.5 | 50.0 | 40.0 | 4 | 1 |",
        "| two | 2,000 | 20 | 3 | 1.5 | 50.0 |  | 4 | 1 |",
        "| four | 3,000 | 20 | 3 | 1.5 | 50.0 | 30.0, routed | 4 | 1 |",
    ]
