"""Writes the tables that documents take from code and figures: supported layers into README.md and docs/supported.md,
synthesis figures of the models into docs/benchmarks.md, classifiers of quark and gluon jets into docs/physics.md, searches
of the models into docs/search.md. --check only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fpga_ml.activations import CONVERTIBLE
from fpga_ml.bridge.convertible import QUANTIZERS
from fpga_ml.frontend.operations.table import supported_operations
from fpga_ml.frontend.support.table import full, short
from fpga_ml.science.models import entered, every
from fpga_ml.science.synthesis import overview

ROOT = Path(__file__).parent.parent


def supported() -> str:
    rows = (
        ("activations", sorted(CONVERTIBLE)),
        ("activation quantizers", sorted(QUANTIZERS)),
        ("operations (`keras.ops`)", supported_operations()),
    )
    lines = [f"| {name} | {', '.join(items)} |\n" for name, items in rows]
    return "".join([short(), "\n| | |\n", "|---|---|\n", *lines])


def quark_gluon() -> str:
    """Of models/jet_cnn*/comparison.json, a row for each classifier of each bin."""
    head = (
        "pT, GeV",
        "classifier",
        "AUC",
        "1 / gluon efficiency at half of the quarks",
        "AUC less the BDT's",
        "AUC less float's",
    )
    lines = [f"| {' | '.join(head)} |\n", "|---" * len(head) + "|\n"]
    bins = [json.loads(p.read_text()) for p in (ROOT / "models").glob("jet_cnn*/comparison.json")]
    for found in sorted(bins, key=lambda b: int(b["pt_gev"])):
        place = f"{found['pt_gev']:,}"
        for name, row in found["of"].items():
            cells = [
                place,
                name,
                f"{row['auc']:.4f} +- {row['auc_error']:.4f}",
                f"{row['rejection_at_half']:.1f} +- {row['rejection_at_half_error']:.1f}",
                *(_difference(row.get(key)) for key in ("auc_less_bdt", "auc_less_float")),
            ]
            lines.append(f"| {' | '.join(cells)} |\n")
            place = ""
    return "".join(lines)


def _difference(pair: list[float] | None) -> str:
    return "" if pair is None else f"{pair[0]:+.4f} +- {pair[1]:.4f}"


_HOW = {"bits": "", "training": " (trained)", "hgq": " (HGQ2)"}


def searches() -> str:
    """Of models/*/search.json: for each search the model as it is today, uniform bits, and what was found."""
    head = ("model", "trials", "", "loss on test samples", "LUTs", "latency, ns")
    lines = [f"| {' | '.join(head)} |\n", "|---" * len(head) + "|\n"]
    for path in sorted((ROOT / "models").glob("*/search.json")):
        for how, found in json.loads(path.read_text()).items():
            name = f"{path.parent.name}, {found['objective']['name']}{_HOW[how]}"
            place, trials = name, str(found["trials"])
            for row, one in found["rows"].items():
                loss, costs = one["loss"], one["costs"]
                cells = [f"{loss['mean']:.4f} +- {loss['error']:.4f}", f"{costs['luts']:,}", f"{costs['latency_ns']:g}"]
                lines.append(f"| {' | '.join([place, trials, row, *cells])} |\n")
                place = trials = ""
    return "".join(lines)


def uniform_bits() -> str:
    """Of models/*/search.json: the fewest bits, the same everywhere, that lose no more than the search allows or than two
    errors."""
    lines = ["| model | loss allowed | as trained | trained on |\n", "|---" * 4 + "|\n"]
    for path in sorted((ROOT / "models").glob("*/search.json")):
        every = json.loads(path.read_text())
        first = next(iter(every.values()))
        cells = [_fewest(every.get(how)) for how in ("bits", "training")]
        lines.append(f"| {path.parent.name}, {first['objective']['name']} | {first['most']:.3g} | {' | '.join(cells)} |\n")
    return "".join(lines)


def _fewest(found: dict[str, Any] | None) -> str:
    """Bits, their loss and LUTs."""
    rows = sorted((int(b), row) for b, row in (found or {}).get("uniform", {}).items())
    for bits, row in rows:
        loss = row["loss"]
        if loss["mean"] <= found["most"] or loss["mean"] <= 2 * loss["error"]:
            return f"{bits} bits, {loss['mean']:.4f} +- {loss['error']:.4f}, {row['costs']['luts']:,} LUTs"
    return f"more than {rows[-1][0]} bits" if rows else ""


def main() -> None:
    tables = {
        "README.md": ("supported", supported()),
        "docs/supported.md": ("layers", full()),
        "docs/benchmarks.md": ("synthesis", overview(every(ROOT / "models"), "ecp5-85k")),
        "docs/physics.md": ("quark_gluon", quark_gluon()),
        "docs/search.md": ("searches", searches()),
        "docs/bits.md": ("bits", uniform_bits()),
    }
    for file, (name, table) in tables.items():
        text = (ROOT / file).read_text()
        new = entered(text, name, table)
        if "--check" not in sys.argv:
            (ROOT / file).write_text(new)
        elif new != text:
            sys.exit(f"{file}: run `make tables`")


if __name__ == "__main__":
    main()
