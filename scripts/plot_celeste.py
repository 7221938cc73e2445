"""Draws docs/celeste/*.svg from the figures beside them, and prints the tables of docs/celeste.md.

fpga-ml celeste check --preset D16 --json > docs/celeste/check-D16.json    # minutes each; D14, D16, D18
python scripts/plot_celeste.py                                             # needs pip install 'fpga_ml[celeste]'
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "fpga_ml", "svg.fonttype": "none", "font.size": 9})
import matplotlib.pyplot as plt  # noqa: E402

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "celeste"
PRESETS = ("D14", "D16", "D18")
WANTED = {"bias": ("D16", 0.01), "value_bias": ("D18", 0.02)}
COLOURS = ("tab:orange", "tab:blue", "tab:green")


def worst(scene: dict[str, Any], figure: str, statistic: str = "max") -> float:
    """Of a scene's parameters."""
    return float(max(one[statistic] for one in scene[figure].values()))


def draw(checks: dict[str, dict[str, Any]]) -> None:
    """Largest bias of a maximum, by gradient and by value, and error of log L, against scene and preset."""
    names = list(next(iter(checks.values()))["scenes"])
    at, width = np.arange(len(names)), 0.27
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.2), layout="constrained")
    titles = ("bias of the fit, % of sigma", "bias of the value, % of sigma", "error of log L of a patch")
    for axis, title, name in zip(axes, titles, ("bias", "value_bias", "value_error"), strict=True):
        for i, (preset, check) in enumerate(checks.items()):
            scenes = check["scenes"].values()
            heights = [one[name] if name == "value_error" else 100 * worst(one, name) for one in scenes]
            axis.bar(at + (i - 1) * width, heights, width, label=preset, color=COLOURS[i])
        if name in WANTED:
            preset, limit = WANTED[name]
            axis.axhline(100 * limit, color="black", linewidth=0.8, linestyle="--", label=f"wanted of {preset}")
        else:
            axis.axhline(0.1, color="black", linewidth=0.8, linestyle="--", label="wanted of D18")
        axis.set(yscale="log", title=title)
        axis.set_xticks(at, names, rotation=40, ha="right")
        axis.legend(fontsize=7)
    save(figure, "bias")


def save(figure: Any, name: str) -> None:
    figure.savefig(FOLDER / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def tables(checks: dict[str, dict[str, Any]]) -> None:
    """As docs/celeste.md has them."""
    print("| scene | " + " | ".join(f"{p}: bias (rms), value bias, log L" for p in checks) + " |")
    print("|---" * (1 + len(checks)) + "|")
    for name in next(iter(checks.values()))["scenes"]:
        cells = []
        for check in checks.values():
            one = check["scenes"][name]
            largest, rms, value = 100 * worst(one, "bias"), 100 * worst(one, "bias", "rms"), 100 * worst(one, "value_bias")
            cells.append(f"{largest:.2f} ({rms:.2f}), {value:.2f}, {one['value_error']:.3f}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(
        "\n| star or galaxy | asked | taken for galaxies | "
        + " | ".join(f"{p}: changed, log odds error" for p in checks)
        + " |"
    )
    print("|---" * (3 + len(checks)) + "|")
    for name, one in next(iter(checks.values()))["decisions"].items():
        cells = [f"{c['decisions'][name]['changed']}, {c['decisions'][name]['odds_error']:.2f}" for c in checks.values()]
        print(f"| {name} | {one['asked']} | {one['galaxies']} | " + " | ".join(cells) + " |")


def main() -> None:
    checks = {preset: json.loads((FOLDER / f"check-{preset}.json").read_text()) for preset in PRESETS}
    draw(checks)
    tables(checks)


if __name__ == "__main__":
    main()
