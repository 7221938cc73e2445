"""Builds the trained models anew and keeps their reports in docs/gallery, where the site takes them from.

A model whose report is there is left alone: remove docs/gallery/NAME.json to build it again, or name the models.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import fpga_ml
from fpga_ml.report.document import read

ROOT = Path(__file__).parent.parent
GALLERY = ROOT / "docs" / "gallery"


def main() -> None:
    os.chdir(ROOT)
    named = sys.argv[1:]
    GALLERY.mkdir(exist_ok=True)
    for data in sorted(Path("models").glob("*/sample.npz")):
        model, target = data.parent, GALLERY / f"{data.parent.name}.json"
        if (named and model.name not in named) or (not named and target.exists()):
            continue
        with tempfile.TemporaryDirectory() as folder:
            fpga_ml.compile(model, output=Path(folder) / model.name)
            report = read(Path(folder) / model.name)
        target.write_text(json.dumps(report, separators=(",", ":")) + "\n")
        print(target)


if __name__ == "__main__":
    main()
