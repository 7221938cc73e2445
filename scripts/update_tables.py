"""Writes the tables that documents take from code and figures: supported layers into README.md and docs/supported.md,
synthesis figures of the models into docs/benchmarks.md. --check only compares."""

from __future__ import annotations

import sys
from pathlib import Path

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


def main() -> None:
    tables = {
        "README.md": ("supported", supported()),
        "docs/supported.md": ("layers", full()),
        "docs/benchmarks.md": ("synthesis", overview(every(ROOT / "models"), "ecp5-85k")),
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
