"""What a model is to be good at, as one number of its outputs and the labels."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.report import metrics
from fpga_ml.samples import Samples

Array = npt.NDArray[np.float64]
_RESAMPLED = 50


@dataclass(frozen=True)
class Objective:
    """of: outputs, (N, ...) each, and labels (N, ...) to a number, of which `better` is sought; source: the file of a user's
    function."""

    name: str
    better: Literal["higher", "lower"]
    of: Callable[[Sequence[Array], npt.NDArray[Any]], float]
    source: Path | None = None

    def score(self, outputs: Sequence[Array], y: npt.NDArray[Any]) -> float:
        """Raises FpgaMlError where it is no number."""
        try:
            found = float(self.of(outputs, y))
        except Exception as error:
            what = f"the objective '{self.name}' raises {type(error).__name__}: {error}"
            raise FpgaMlError(what, do="it is called with a list of arrays and y, and is to return a number") from None
        if not np.isfinite(found):
            raise FpgaMlError(f"the objective '{self.name}' is {found}", do="see which outputs it cannot judge")
        return found

    def worse(self, score: float, than: float) -> float:
        """By how much a score is worse than another."""
        return than - score if self.better == "higher" else score - than

    def drawn(self, outputs: Sequence[Array], y: npt.NDArray[Any]) -> list[float]:
        """Scores on the samples, and on as many of them drawn with replacement, again and again, the same ones each time."""
        rng = np.random.default_rng(1)
        rows = [rng.integers(0, len(y), len(y)) for _ in range(_RESAMPLED)]
        return [self.score(outputs, y), *(float(self.of([a[at] for a in outputs], y[at])) for at in rows)]

    def loss(self, drawn: Sequence[float], reference: Sequence[float]) -> tuple[float, float]:
        """By how much scores are worse than those of a reference, and the standard error of that, of what `drawn` gave for
        both (paired bootstrap; B. Efron, Ann. Statist. 7, 1979)."""
        mean, *each = (self.worse(a, b) for a, b in zip(drawn, reference, strict=True))
        return mean, float(np.nanstd(each))


def _table(outputs: Sequence[Array], samples: int) -> Array:
    """All outputs side by side, (samples, numbers)."""
    return np.concatenate([a.reshape(samples, -1) for a in outputs], axis=1)


def _auc(outputs: Sequence[Array], y: npt.NDArray[Any]) -> float:
    found = metrics.classifier(_table(outputs[:1], len(y)), y.reshape(-1))["auc"]
    return float("nan") if found is None else found


def _accuracy(outputs: Sequence[Array], y: npt.NDArray[Any]) -> float:
    return float(metrics.classifier(_table(outputs[:1], len(y)), y.reshape(-1))["accuracy"] or 0.0)


def _mse(outputs: Sequence[Array], y: npt.NDArray[Any]) -> float:
    return float(np.mean((_table(outputs, len(y)) - y.reshape(len(y), -1)) ** 2))


def _width(outputs: Sequence[Array], y: npt.NDArray[Any]) -> float:
    return metrics.regression(_table(outputs, len(y)), y)["width"]


KNOWN = {
    "auc": Objective("auc", "higher", _auc),
    "accuracy": Objective("accuracy", "higher", _accuracy),
    "mse": Objective("mse", "lower", _mse),
    "width": Objective("width", "lower", _width),
}
_LABELS = "give an .npz with x and y; of several outputs, y has their numbers side by side"
_OF_CLASSES = ("auc", "accuracy")


def objective(name: str | None, samples: Samples, folder: Path) -> Objective:
    """By its name: one of those above, or `module:function`, of a module that can be imported or lies in `folder`, a
    function of outputs and labels whose result is to be high. None: auc of classes, mse of targets."""
    if samples.y is None:
        raise FpgaMlError("there are no labels to judge a model by", where=samples.origin, do=_LABELS)
    if name is None:
        name = "auc" if samples.classified else "mse"
    if samples.classified and len(np.unique(samples.y)) == 1:
        raise FpgaMlError("all labels are of one class", where=samples.origin, do="give samples of each class")
    if name in KNOWN:
        if samples.classified != (name in _OF_CLASSES):
            kind = "class numbers" if samples.classified else "targets"
            do = " or ".join(n for n in KNOWN if (n in _OF_CLASSES) == samples.classified)
            raise FpgaMlError(f"the objective '{name}' does not suit labels that are {kind}", do=f"use {do}")
        return KNOWN[name]
    if ":" not in name:
        raise FpgaMlError(
            f"unknown objective '{name}'", do=f"{suggest(name, KNOWN)}, or module:function of outputs and labels"
        )
    of = imported(name, folder, "the objective")
    return Objective(name, "higher", of, Path(inspect.getfile(of)))


def imported(name: str, folder: Path, what: str) -> Any:
    """A user's function: `module:function`, of a module that can be imported or lies in `folder`, or `file.py:function`, of
    a path from there."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    module, _, function = name.rpartition(":")
    try:
        return getattr(_of_file(folder / module) if module.endswith(".py") else import_module(module), function)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        do = "write module:function or file.py:function"
        raise FpgaMlError(f"{what} '{name}' cannot be imported: {why}", do=do) from None


def _of_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None  # a name that ends with .py has both
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found
