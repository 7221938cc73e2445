"""The trained models under models/: what each is, its figures, and the figures computed again at every stage.

A folder with an fpga_ml.toml is a model's. It holds model.py, train.py, float.keras, quantised.keras, sample.npz, card.md
and figures.json (what `evaluate` found when it was committed), as far as there is something of the kind. figures.py defines
`figures(outputs: list of (N, ...), sample: {array: (N, ...)}) -> {name: number}`, `sample` holding beside its arrays
`float`, the float model's outputs; without it the model is a classifier.
"""

from __future__ import annotations

import json
import runpy
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fpga_ml.archive import read_arrays
from fpga_ml.config import CONFIG_FILE, Config
from fpga_ml.errors import FpgaMlError, suggest

if TYPE_CHECKING:
    from fpga_ml.progress import Watcher
    from fpga_ml.project import Project

FIGURES_FILE, CARD_FILE, SAMPLE_FILE = "figures.json", "card.md", "sample.npz"
TRAINING_FILE = "training.json"
STAGES = ("float", "quantised", "csim", "emulator", "rtl")
Array = npt.NDArray[np.float64]
Figures = dict[str, float]
Judge = Callable[[Sequence[Array], Mapping[str, Any]], Figures]


@dataclass(frozen=True)
class Model:
    """A folder under models/."""

    folder: Path

    @property
    def title(self) -> str:
        card = self.folder / CARD_FILE
        return card.read_text().splitlines()[0].lstrip("# ") if card.exists() else "(no card yet)"

    @property
    def figures(self) -> dict[str, Any]:
        """What figures.json holds; {} where the model has not been evaluated."""
        path = self.folder / FIGURES_FILE
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found


def every(root: Path) -> list[Model]:
    """The models of a checkout, by name."""
    found = [Model(p.parent) for p in sorted(root.glob(f"*/{CONFIG_FILE}"))]
    if not found:
        raise FpgaMlError(
            "there are no trained models", where=str(root), do="run this in a checkout of fpga_ml, or give --folder"
        )
    return found


def named(root: Path, name: str) -> Model:
    known = {m.folder.name: m for m in every(root)}
    if name not in known:
        raise FpgaMlError(f"unknown model '{name}'", do=suggest(name, known))
    return known[name]


def train(model: Model, arguments: Sequence[str]) -> None:
    """Run the model's train.py with the arguments, in this process; it may import from its folder and from models/."""
    script = model.folder / "train.py"
    if not script.exists():
        raise FpgaMlError(f"'{model.folder}' holds no train.py", do="train it by its own means")
    with _importing_from(model.folder), _arguments([str(script), *arguments]):
        runpy.run_path(str(script), run_name="__main__")


@dataclass(frozen=True)
class Run:
    """A model built on a sample. outputs: {stage: (N, ...) an output}; sample: the npz's arrays, of the same jets, and
    `float`, the float model's outputs; report: the build's."""

    outputs: Mapping[str, tuple[Array, ...]]
    sample: Mapping[str, Any]
    report: Mapping[str, Any]


def run(
    model: Model,
    *,
    data: Path | None = None,
    output: Path | None = None,
    rtl: bool = False,
    progress: bool | Watcher = True,
) -> Run:
    """Build the model up to the emulator. data: an npz like the folder's sample.npz (default); output: where the project is
    to stay, else it is dropped; rtl: every sample goes through the RTL as well (Verilator)."""
    from fpga_ml.pipeline import compile
    from fpga_ml.simulate.emulate import emulate

    origin = data or model.folder / SAMPLE_FILE
    if not origin.exists():
        raise FpgaMlError(f"no sample '{origin}'", do="train the model, or give --data")
    path = model.folder / CONFIG_FILE
    config = (Config.read(path) if path.exists() else Config()).replace(until="emulate")
    if rtl:
        config = config.replace(until="cosim", cosim_vectors=config.vectors, simulators=("verilator",))
    with tempfile.TemporaryDirectory() as scratch:
        target = output or Path(scratch) / model.folder.name
        project = compile(model.folder, data=origin, config=config, output=target, progress=progress)
        outputs = dict(project.outputs)
        if project.graph is not None:
            outputs["emulator"] = tuple(emulate(project.graph, project.x))
        if rtl:
            outputs |= _from_rtl(project)
    arrays = read_arrays(origin, "give an .npz like the folder's sample")
    sample = {k: a[: len(project.x[0])] if a.ndim else a for k, a in arrays.items()}
    return Run(outputs, {**sample, "float": outputs.get("float")}, project.report)


def _from_rtl(project: Project) -> dict[str, tuple[Array, ...]]:
    """{"rtl": outputs} where every sample gave the bits of C-simulation; {} where one did not: see the report."""
    runs = project.report["cosim"]
    if not runs:
        why = next(
            text for stage in ("csim", "emulate", "rtl", "cosim") if (text := project.report["stages"][stage]) != "ran"
        )
        raise FpgaMlError("the RTL was not simulated", where=project.report["model"]["name"], do=why)
    return {"rtl": project.outputs["csim"]} if all(r["passed"] for r in runs) else {}


def evaluate(
    model: Model,
    *,
    data: Path | None = None,
    output: Path | None = None,
    rtl: bool = False,
    progress: bool | Watcher = True,
) -> dict[str, Any]:
    """Figures of a run: {model, data, samples, bit_exact_vs_quantised_model, emulator_mismatches, bit_exact_rtl_vs_csim
    (None: not simulated), and for each stage that ran, float, quantised, csim, emulator, rtl: {figure: number}}."""
    judge = _judge(model)
    done = run(model, data=data, output=output, rtl=rtl, progress=progress)
    emulator = done.report["emulator"]
    return {
        "model": model.folder.name,
        "data": (data or model.folder / SAMPLE_FILE).name,
        "samples": done.report["data"]["samples"],
        "bit_exact_vs_quantised_model": done.report["csim"]["bit_exact_vs_quantised_model"],
        "emulator_mismatches": None if emulator is None else emulator["mismatches"],
        "bit_exact_rtl_vs_csim": all(r["passed"] for r in done.report["cosim"]) if rtl else None,
        **{stage: judge(done.outputs[stage], done.sample) for stage in STAGES if stage in done.outputs},
    }


def save(model: Model, figures: dict[str, Any]) -> None:
    """Enter figures as the model's own: figures.json, rounded to the digits that matter, and the table of the card."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: rounded(v) for k, v in value.items()}
        return round(value, 6) if isinstance(value, float) else value

    (model.folder / FIGURES_FILE).write_text(json.dumps(rounded(figures), indent=2) + "\n")
    card, training = model.folder / CARD_FILE, model.folder / TRAINING_FILE
    tables = {"figures": table(figures)}
    if training.exists():
        tables["seeds"] = seeds_table(json.loads(training.read_text())["runs"])
    if card.exists():
        text = card.read_text()
        for name, lines in tables.items():
            text = entered(text, name, lines)
        card.write_text(text)


def entered(card: str, name: str, lines: str) -> str:
    """A card's text with what stands between the marks of a name replaced; as it is where they are missing."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    if begin not in card:
        return card
    before, rest = card.split(begin)
    return f"{before}{begin}{lines}{end}{rest.split(end)[1]}"


def seeds_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Mean and standard deviation over seeds as rows of a card, of a training's runs: {stage, seed, figure: number, ...}."""
    stages = list(dict.fromkeys(r["stage"] for r in runs if "seed" in r))
    rows = {s: [r for r in runs if r["stage"] == s and "seed" in r] for s in stages}
    seeds = ", ".join(dict.fromkeys(str(r["seed"]) for s in stages for r in rows[s]))
    lines = [f"| seeds {seeds} | {' | '.join(stages)} |", "|---" * (len(stages) + 1) + "|"]
    for name in [k for k in rows[stages[0]][0] if k not in ("stage", "seed")]:
        values = [np.array([r[name] for r in rows[s]], np.float64) for s in stages]
        lines.append(f"| {name} | " + " | ".join(map(_over_seeds, values)) + " |")
    return "\n".join(lines) + "\n"


def _over_seeds(values: npt.NDArray[np.float64]) -> str:
    """Mean and standard deviation; one has none."""
    return f"{values.mean():.4f}" + (f" +- {values.std(ddof=1):.4f}" if len(values) > 1 else "")


def table(figures: dict[str, Any]) -> str:
    """The figures as rows of a card: one a figure, one column a stage."""
    stages = [s for s in STAGES if s in figures]
    lines = [f"| {figures['samples']} samples | {' | '.join(stages)} |", "|---" * (len(stages) + 1) + "|"]
    for name in figures[stages[0]]:
        cells = [figures[s][name] for s in stages]
        lines.append(f"| `{name}` | " + " | ".join(f"{c:.4f}" if abs(c) < 100 else f"{c:.2f}" for c in cells) + " |")
    return "\n".join(lines) + "\n"


def _judge(model: Model) -> Judge:
    path = model.folder / "figures.py"
    if not path.exists():
        return classifier
    with _importing_from(model.folder):
        judge: Judge = runpy.run_path(str(path))["figures"]
    return judge


def classifier(outputs: Sequence[Array], sample: Mapping[str, npt.NDArray[Any]]) -> Figures:
    """AUC with its error and accuracy; for two classes the background that is left at half the signal, and 1 / it."""
    from fpga_ml.science.jets.metrics import auc, background_efficiency, mean_auc, rejection

    scores, y = outputs[0].reshape(len(outputs[0]), -1), sample["y"]
    if scores.shape[1] > 2:
        value, error = mean_auc(scores, y)
        return {"auc": value, "auc_error": error, "accuracy": float((scores.argmax(1) == y).mean())}
    signal = scores[:, -1]
    decided = scores.argmax(1) if scores.shape[1] == 2 else (signal > 0.5).astype(int)
    value, error = auc(signal, y)
    left, inverse = background_efficiency(signal, y), rejection(signal, y)
    return {
        "auc": value,
        "auc_error": error,
        "accuracy": float((decided == y).mean()),
        "background_efficiency_at_half": left[0],
        "rejection_at_half": inverse[0],
        "rejection_at_half_error": inverse[1],
    }


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Imports look in the folder first, then in its parent. The folder's own modules are forgotten afterwards, for every
    model has a model.py."""
    before, places = set(sys.modules), [str(folder.resolve()), str(folder.resolve().parent)]
    sys.path[:0] = places
    try:
        yield
    finally:
        for place in places:
            sys.path.remove(place)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).parent == folder.resolve():
                del sys.modules[name]


@contextmanager
def _arguments(arguments: Sequence[str]) -> Iterator[None]:
    kept, sys.argv = sys.argv, list(arguments)
    try:
        yield
    finally:
        sys.argv = kept
