"""Writes hls_projects/reference anew, or says what is different (--check).

The project is a 6-bit dense tagger 8-6-3 with seeded weights, built up to RTL. What is kept: the HLS project without
hls4ml's own library, rtl/, the vectors of tests/ and report.json without what depends on machine and time, and without
histograms.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import qkeras

import fpga_ml
from fpga_ml.config import Config

REFERENCE = Path(__file__).parent.parent / "hls_projects" / "reference"
LIBRARY = ("nnet_utils", "ap_types", "__pycache__")  # hls4ml's and the compiler's, not ours
KEPT = (".cpp", ".h", ".txt", ".tcl", ".sv", ".json", ".dat")
STAMPED = ("build_lib.sh", "hls4ml_config.yml")  # paths and stamps of hls4ml's
VOLATILE = ("command", "versions", "timings_s", "fpga_ml")


def tagger() -> keras.Model:
    """8 features, 6 hidden units, 3 classes; every weight from one seeded stream."""
    rng = np.random.default_rng(7)
    stack: list[keras.Layer] = [keras.Input((8,), name="features")]
    for i, n in enumerate((6, 3), start=1):
        kernel, bias = (qkeras.quantized_bits(6, 0, alpha=1) for _ in range(2))
        stack.append(qkeras.QDense(n, kernel_quantizer=kernel, bias_quantizer=bias, name=f"fc{i}"))
        if i == 1:
            stack.append(qkeras.QActivation(qkeras.quantized_relu(6, 2), name="relu1"))
    model = keras.Sequential([*stack, keras.layers.Softmax(name="softmax")], name="reference")
    for layer in model.layers:
        layer.set_weights([rng.normal(0.0, 0.4, w.shape) for w in layer.weights])
    return model


def build(folder: Path) -> dict[str, str]:
    """Text by path of what is kept of a new build."""
    data = np.random.default_rng(5).normal(size=(50, 8))
    fpga_ml.compile(
        tagger(), data=data, output=folder / "reference", config=Config(until="rtl", vectors=50, softmax_table_bits=6)
    )
    return kept(folder / "reference")


def kept(folder: Path) -> dict[str, str]:
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.suffix in KEPT and f.name not in STAMPED]
    named = {str(f.relative_to(folder)): f for f in files if not set(LIBRARY) & set(f.relative_to(folder).parts)}
    return {name: _steady(f) for name, f in named.items()}


def _steady(file: Path) -> str:
    text = file.read_text()
    if file.name != "report.json":
        return text
    report = {k: v for k, v in json.loads(text).items() if k not in VOLATILE}
    report["distributions"] = []  # a thousand counts
    for stage in ("csim", "emulator"):
        report[stage].pop("samples_per_s", None)
    return json.dumps(report, indent=1) + "\n"


def differences(built: dict[str, str]) -> list[str]:
    """One line a file that is new, gone or different."""
    known = {str(f.relative_to(REFERENCE)): f.read_text() for f in REFERENCE.rglob("*") if f.is_file()}
    found = [f"{name}: new" for name in built.keys() - known.keys()]
    found += [f"{name}: gone" for name in known.keys() - built.keys()]
    found += [f"{name}: different" for name in built.keys() & known.keys() if built[name] != known[name]]
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        built = build(Path(folder))
    found = differences(built)
    print("\n".join(found) or "hls_projects/reference is current")
    if check:
        sys.exit(bool(found))
    shutil.rmtree(REFERENCE, ignore_errors=True)
    for name, text in built.items():
        (REFERENCE / name).parent.mkdir(parents=True, exist_ok=True)
        (REFERENCE / name).write_text(text)


if __name__ == "__main__":
    main()
