"""Draws docs/physics/*.svg from the committed models, their samples and training.json.

python scripts/plot_physics.py [roc ams regression generator ...]    # needs pip install 'fpga_ml[jets]'
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "fpga_ml", "svg.fonttype": "none", "font.size": 9, "figure.figsize": (4.8, 3.4)})
import matplotlib.pyplot as plt  # noqa: E402
from sklearn.metrics import roc_curve  # noqa: E402

from fpga_ml.science.models import Run, _importing_from, named, run  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "physics"
LOOK = {"float": ("black", "-"), "quantised": ("tab:blue", "--"), "csim": ("tab:red", ":")}


def done(name: str) -> Run:
    return run(named(ROOT / "models", name))


def save(figure: Any, name: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    print(OUT / f"{name}.svg")


SHOWN = {  # in comparison.json: label, colour, line
    "particles": ("particles", "0.6", "-"),
    "BDT of the five": ("BDT of five observables", "tab:green", "-"),
    "grey": ("compact CNN, one channel", "tab:orange", "--"),
    "float": ("compact CNN", "black", "-"),
    "quantised": ("compact CNN, hardware", "tab:red", ":"),
    "paper, float": ("paper's CNN", "tab:blue", "-"),
    "paper, quantised": ("paper's CNN, hardware", "tab:purple", ":"),
}


def _shown(name: str) -> tuple[str, str, str] | None:
    """How a row of comparison.json is drawn; None where it is not."""
    folder, _, stage = name.partition(", ")
    return SHOWN.get(f"paper, {stage}" if "paper" in folder else stage or name)


def roc() -> None:
    """jet_cnn*: gluon efficiency and significance improvement against quark efficiency, of each pT bin, band: 1 sigma."""
    for path in sorted((ROOT / "models").glob("jet_cnn*/comparison.json")):
        found = json.loads(path.read_text())
        at, gluons = np.array(found["quark_efficiency"]), found["test_jets"] / 2
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
        for name, row in found["of"].items():
            if (look := _shown(name)) is None:
                continue
            label, colour, line = look
            curve = np.maximum(row["gluon_efficiency"], 1 / gluons)
            error = np.sqrt(curve * (1 - curve) / gluons)
            left.plot(at, curve, line, color=colour, label=label)
            right.plot(at, at / np.sqrt(curve), line, color=colour, label=label)
            if label == "compact CNN":
                low, high = np.maximum(curve - error, 0.3 / gluons), curve + error
                left.fill_between(at, low, high, color="0.85")
                right.fill_between(at, at / np.sqrt(high), at / np.sqrt(low), color="0.85")
        left.set(xlabel="quark efficiency", ylabel="gluon efficiency", yscale="log", ylim=(3e-3, 1))
        right.set(xlabel="quark efficiency", ylabel="significance improvement", ylim=(0.5, 3.5))
        left.legend(fontsize=7)
        figure.suptitle(f"{found['pt_gev']:,} to {1.1 * found['pt_gev']:,.0f} GeV", fontsize=9)
        save(figure, f"quark_gluon_{found['pt_gev']}")


def tagger() -> None:
    """jet_tagger: one class against the rest, float and C-simulation of the 6-bit form."""
    found = done("jet_tagger")
    figure, axes = plt.subplots()
    for c, name in enumerate(("g", "q", "W", "Z", "t")):
        for stage in ("float", "csim"):
            false, true, _ = roc_curve(found.sample["y"] == c, found.outputs[stage][0][:, c])
            label = name if stage == "float" else None
            axes.plot(true, np.maximum(false, 1e-4), LOOK[stage][1], color=f"C{c}", label=label)
    axes.set(
        xlabel="efficiency", ylabel="efficiency of the rest", yscale="log", ylim=(1e-3, 1), title="- float  : C-simulation"
    )
    axes.legend()
    save(figure, "jet_tagger_roc")


def ams() -> None:
    """w_pivot: AMS against the threshold, mean and spread over seeds; and AUC against KS of every run."""
    runs = json.loads((ROOT / "models" / "w_pivot" / "training.json").read_text())["runs"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    kinds = list(dict.fromkeys((r["stage"], r["lambda"]) for r in runs))
    for i, (stage, lam) in enumerate(kinds):
        mine = [r for r in runs if (r["stage"], r["lambda"]) == (stage, lam)]
        curves = np.array([r["ams"] for r in mine])
        label = f"{lam:g}" if isinstance(lam, float) else "0, trained at z = 0"
        label += ", 8 bit" if stage == "quantised" else ""
        mean, spread = curves.mean(0), curves.std(0, ddof=1)
        x = np.arange(curves.shape[1]) / 100
        left.plot(x, mean, color=f"C{i}", label=label)
        left.fill_between(x, mean - spread, mean + spread, color=f"C{i}", alpha=0.2)
        right.plot([r["ks"] for r in mine], [r["auc"] for r in mine], "s" if stage == "quantised" else "o", color=f"C{i}")
    left.set(xlabel="threshold on the score", ylabel="AMS", ylim=(0, 9))
    left.legend(title="lambda", loc="upper left", ncols=2, fontsize=8)
    right.set(xlabel="KS distance of the background, z = 0 and 1", ylabel="AUC at z = 0")
    save(figure, "w_pivot_ams")


def regression() -> None:
    """jet_regression: what is left between found and true pT and mass, before and after."""
    found = done("jet_regression")
    reco, truth = (np.asarray(found.sample[k], np.float64) for k in ("reco", "truth"))
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    ranges = (np.linspace(-0.25, 0.25, 61), np.linspace(-40, 60, 61))

    def residuals(pt: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return pt / truth[:, 0] - 1, mass - truth[:, 1]

    drawn = {"reconstructed": residuals(reco[:, 0], reco[:, 1])}
    for stage in LOOK:
        ratio, mass = (o.reshape(-1) for o in found.outputs[stage])
        drawn[stage] = residuals(ratio * reco[:, 0], mass * 80.0)
    for i, label in enumerate(("pT / true pT - 1", "mass - true mass [GeV]")):
        for stage, values in drawn.items():
            colour, line = LOOK.get(stage, ("0.6", "-"))
            axes[i].hist(values[i], ranges[i], histtype="step", color=colour, linestyle=line, label=stage)
        axes[i].set(xlabel=label, ylabel="jets")
    axes[0].legend()
    save(figure, "jet_regression")


def generator() -> None:
    """jet_generator: spectra of simulated and generated jets."""
    found = done("jet_generator")
    with _importing_from(ROOT / "models" / "jet_generator"):
        from figures import PT_UNIT_GEV, SPECTRA, spectra
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.2), layout="constrained")
    names = {"mass": "mass [GeV]", "pt": "pT [GeV]", "lit": "pixels above 0.5 GeV"}
    for axis, key in zip(axes, SPECTRA, strict=True):
        simulated = np.asarray(found.sample[key], np.float64)
        generated = {s: spectra(found.outputs[s][0] * PT_UNIT_GEV)[key] for s in ("float", "csim")}
        low, high = np.percentile(np.concatenate([simulated, generated["float"]]), (0.2, 99.8))
        edges = np.arange(np.floor(low), high + 1) - 0.5 if key == "lit" else np.linspace(low, high, 50)
        axis.hist(simulated, edges, color="0.8", label="simulated")
        for stage, values in generated.items():
            axis.hist(values, edges, histtype="step", color=LOOK[stage][0], linestyle=LOOK[stage][1], label=stage)
        axis.set(xlabel=names[key], ylabel="jets")
    axes[0].legend()
    save(figure, "jet_generator_spectra")


PLOTS: dict[str, Callable[[], None]] = {f.__name__: f for f in (roc, tagger, ams, regression, generator)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PLOTS:
        PLOTS[name]()
