"""Writes the table of supported layers into README.md from the registry; --check only compares."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fpga_ml.bridge.convert import ACTIVATIONS, QUANTIZERS, supported_layers

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- supported: begin -->", "<!-- supported: end -->"


def table() -> str:
    keras_layers = [n for n in supported_layers() if not re.match(r"Q[A-Z]", n)]
    q_layers = [n for n in supported_layers() if re.match(r"Q[A-Z]", n)]
    rows = (
        ("Keras layers", keras_layers),
        ("QKeras layers", q_layers),
        ("activations", sorted(ACTIVATIONS)),
        ("activation quantizers", sorted(QUANTIZERS)),
    )
    lines = [f"| {name} | {', '.join(items)} |" for name, items in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def main() -> None:
    text = README.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    new = f"{text[:start]}\n{table()}\n{text[end:]}"
    if "--check" in sys.argv:
        sys.exit(0 if new == text else "README.md: run `make supported`")
    README.write_text(new)


if __name__ == "__main__":
    main()
