"""Draws docs/bits/*.svg: how many bits a network needs, on the five-class tagger and on what searches kept.

python scripts/plot_bits.py [ranges noise saturation quality ...]    # needs pip install 'fpga_ml[jets,search]'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "fpga_ml", "svg.fonttype": "none", "font.size": 9, "figure.figsize": (4.8, 3.4)})
import matplotlib.pyplot as plt  # noqa: E402

from fpga_ml.explore import trial  # noqa: E402
from fpga_ml.explore.subject import Opened, Subject, bits, opened  # noqa: E402
from fpga_ml.frontend.rebuild import Probe  # noqa: E402
from fpga_ml.numerics import FixedType  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "bits"
MODEL = "jet_tagger"
SHOWN_BITS = 6
WIDTHS = (3, 4, 5, 6, 8, 10)
NAMES = {
    ("jet_tagger", "bits"): ("five classes, dense, as trained", "tab:red", "o--"),
    ("jet_tagger", "training"): ("five classes, dense, trained on", "tab:red", "o-"),
    ("particle_deepsets", "bits"): ("five classes, DeepSets, as trained", "tab:blue", "s--"),
    ("particle_deepsets", "training"): ("five classes, DeepSets, trained on", "tab:blue", "s-"),
    ("constituent_gru", "bits"): ("five classes, GRU, as trained", "tab:green", "^--"),
    ("jet_cnn", "bits"): ("quark or gluon, CNN, as trained", "tab:orange", "v--"),
}


def tagger() -> Opened:
    folder = ROOT / "models" / MODEL
    return opened(Subject(MODEL, str(folder), None, json.dumps({"saturate": True}), "auc", str(ROOT)))


def save(figure: Any, name: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    print(OUT / f"{name}.svg")


def values(it: Opened) -> dict[str, np.ndarray]:
    """What tensors hold on some samples in the float model: its inputs, and the results that hardware rounds."""
    kept = [k.layer for k in bits(it.subject) if k.kind in ("input", "results")]
    found = Probe(it.source.model).select([it.source.names.identifier(name) for name in kept], it.few.x)
    return dict(zip(kept, (a.reshape(-1) for a in found.values()), strict=True))


def ranges() -> None:
    """Magnitudes in powers of two, and the smallest and the largest that a type of SHOWN_BITS bits holds."""
    every = values(tagger())
    figure, axes = plt.subplots(figsize=(5.2, 0.36 * len(every) + 1.2))
    edges = np.arange(-12, 8, 0.25)
    for row, (name, a) in enumerate(reversed(every.items())):
        t = FixedType.for_values(a, SHOWN_BITS)
        heights, _ = np.histogram(np.log2(np.abs(a[a != 0])), edges)
        axes.fill_between(edges[:-1], row, row + 0.85 * heights / heights.max(), step="post", color="0.7", lw=0)
        ends = np.log2([t.lsb, max(-t.min, t.max)])
        axes.plot(ends, [row, row], color="tab:red", lw=3, solid_capstyle="butt")
        axes.text(-12.3, row + 0.1, name, ha="right")
    axes.set_yticks([])
    axes.set_xlabel("magnitude of the values, log2")
    axes.spines[["left", "right", "top"]].set_visible(False)
    save(figure, "ranges")


def noise() -> None:
    """Of each tensor rounded alone: mean square difference in the outputs, to that of 12 bits everywhere."""
    it = tagger()
    knobs = [k for k in bits(it.subject) if k.kind != "table"]
    every = [*knobs, *(k for k in bits(it.subject) if k.kind == "table")]
    widest = {k.name: k.high for k in every}
    figure, axes = plt.subplots()
    for k in knobs:
        powers = [trial.noise(it.subject, every, {**widest, k.name: b}).power for b in WIDTHS]
        style = {"weights": "-", "results": "--", "input": ":"}[k.kind]
        axes.plot(WIDTHS, np.sqrt(powers), style, label=k.name, lw=1.2)
    axes.set_yscale("log")
    axes.set_xlabel("bits of one tensor")
    axes.set_ylabel("noise in the outputs, r.m.s.")
    axes.legend(fontsize=6, ncols=2)
    save(figure, "noise")


def saturation() -> None:
    """Mean square error of one tensor against its largest value, for some widths; the point: where nothing saturates."""
    name, a = max(values(tagger()).items(), key=lambda pair: float(np.abs(pair[1]).max() / pair[1].std()))
    figure, axes = plt.subplots()
    for width, colour in ((4, "tab:red"), (6, "tab:blue"), (8, "tab:green")):
        whole = FixedType.for_range(float(a.min()), float(a.max()), width)
        types = [
            FixedType(whole.signed, width, i, whole.rounding, whole.overflow)
            for i in range(whole.integer - 6, whole.integer + 2)
        ]
        errors = [float(np.sqrt(np.mean((t.quantise(a) - a) ** 2))) for t in types]
        axes.plot([t.max + t.lsb for t in types], errors, color=colour, label=f"{width} bits")
        axes.plot([whole.max + whole.lsb], [errors[types.index(whole)]], "o", color=colour)
    axes.set(xscale="log", yscale="log", xlabel="largest value of the type", ylabel="rounding and saturation error, r.m.s.")
    axes.set_xscale("log", base=2)
    axes.set_title(name, fontsize=9)
    axes.legend()
    save(figure, "saturation")


def quality() -> None:
    """Loss in AUC against bits that are the same everywhere, of the networks whose search was kept."""
    figure, axes = plt.subplots()
    for (name, how), (label, colour, style) in NAMES.items():
        path = ROOT / "models" / name / "search.json"
        found = json.loads(path.read_text()).get(how, {}) if path.exists() else {}
        rows = sorted((int(b), row["loss"]) for b, row in found.get("uniform", {}).items())
        if rows:
            losses = [loss["mean"] for _, loss in rows]
            axes.errorbar(
                [b for b, _ in rows],
                losses,
                [loss["error"] for _, loss in rows],
                fmt=style,
                color=colour,
                label=label,
                ms=4,
                lw=1,
            )
    axes.axhline(0.0, color="0.6", lw=0.8)
    axes.set_yscale("symlog", linthresh=0.002)
    axes.set_ylim(bottom=-0.004)
    axes.set_xlabel("bits, the same everywhere")
    axes.set_ylabel("loss in AUC")
    axes.legend(fontsize=7)
    save(figure, "quality")


FIGURES = {f.__name__: f for f in (ranges, noise, saturation, quality)}

if __name__ == "__main__":
    for asked in sys.argv[1:] or FIGURES:
        FIGURES[asked]()
