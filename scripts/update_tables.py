"""Writes the tables that documents take from code and figures: supported layers into README.md, synthesis figures of the
models into docs/benchmarks.md. --check only compares."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fpga_ml.activations import CONVERTIBLE
from fpga_ml.bridge.convertible import QUANTIZERS, supported_layers
from fpga_ml.frontend.operations.table import supported_operations
from fpga_ml.science.models import entered, every
from fpga_ml.science.synthesis import overview

ROOT = Path(__file__).parent.parent


def supported() -> str:
    keras_layers = [n for n in supported_layers() if not re.match(r"Q[A-Z]", n)]
    q_layers = [n for n in supported_layers() if re.match(r"Q[A-Z]", n)]
    rows = (
        ("Keras layers", keras_layers),
        ("QKeras layers", q_layers),
        ("activations", sorted(CONVERTIBLE)),
        ("activation quantizers", sorted(QUANTIZERS)),
        ("operations (`keras.ops`)", supported_operations()),
    )
    lines = [f"| {name} | {', '.join(items)} |\n" for name, items in rows]
    return "".join(["| | |\n", "|---|---|\n", *lines])


def main() -> None:
    tables = {
        "README.md": ("supported", supported()),
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
