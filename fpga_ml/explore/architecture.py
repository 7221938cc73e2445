"""A user's build(trial): networks that differ in a few numbers and names, which the search chooses with the bits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.explore import knobs as space
from fpga_ml.explore.knobs import Knob, Params
from fpga_ml.explore.objective import imported
from fpga_ml.frontend.load import Source, load
from fpga_ml.frontend.train import check_trainable, seeded, train
from fpga_ml.samples import Samples

_DO = "write def build(trial), which asks for all its numbers and returns a Keras model"
_ALL = "ask for all numbers at the beginning, whatever is chosen"


@dataclass
class Given:
    """What `build` is called with: it asks for numbers as of an Optuna trial, always for the same ones.

    chosen: {name: choice}, where the numbers are known; otherwise the greatest, or the least, of each is given.
    """

    chosen: Params | None = None
    greatest: bool = True
    knobs: dict[str, Knob] = field(default_factory=dict)

    def suggest_int(self, name: str, low: int, high: int, step: int = 1) -> int:
        """A whole number from low to high (included)."""
        if not (low <= high and step > 0 and (high - low) % step == 0):
            raise FpgaMlError(f"'{name}' goes from {low} to {high} in steps of {step}", do="give steps that end at high")
        return self._of(Knob(name, "", "architecture", low, high, step))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        if not choices:
            raise FpgaMlError(f"'{name}' has no choices", do="give some")
        named = tuple(str(choice) for choice in choices)
        return choices[self._of(Knob(name, "", "architecture", 0, len(choices) - 1, names=named))]

    def _of(self, knob: Knob) -> int:
        if self.knobs.setdefault(knob.name, knob) != knob:
            raise FpgaMlError(f"'{knob.name}' is asked for twice, of different choices", do="give each its own name")
        if self.chosen is None:
            return knob.high if self.greatest else knob.low
        if knob.name not in self.chosen:
            raise FpgaMlError(f"'{knob.name}' is asked for with some choices only", do=_ALL)
        return self.chosen[knob.name]

    def __getattr__(self, name: str) -> Any:
        raise FpgaMlError(
            f"build asks for trial.{name}, which a search of hardware does not have",
            do=suggest(name, ("suggest_int", "suggest_categorical")),
        )


@dataclass(frozen=True)
class Architecture:
    """build: the user's function; source: its file; seed: of the weights that a model begins with."""

    build: Callable[[Given], Any]
    source: Path
    seed: int

    def asked(self) -> tuple[list[Knob], Any]:
        """Its numbers, and the model with the greatest of each. Raises FpgaMlError where they depend on each other."""
        wide, narrow = Given(), Given(greatest=False)
        model = self._built(wide)
        self._built(narrow)
        if wide.knobs != narrow.knobs:
            other = ", ".join(sorted(f"'{k.name}'" for k in set(wide.knobs.values()) ^ set(narrow.knobs.values())))
            raise FpgaMlError(
                f"build asks for {other} with some choices only, or for other choices of it",
                where=str(self.source),
                do=_ALL,
            )
        for name in (_WEIGHTS.name, _RESULTS.name, _ZEROS.name):
            if name in wide.knobs:
                raise FpgaMlError(f"'{name}' is a number of the search", where=str(self.source), do="give it another name")
        return list(wide.knobs.values()), model

    def made(self, params: Params) -> Any:
        """The model with these choices."""
        return self._built(Given(params))

    def _built(self, given: Given) -> Any:
        seeded(self.seed)
        try:
            model = self.build(given)
        except FpgaMlError as error:
            raise error if error.where else FpgaMlError(error.what, where=str(self.source), do=error.do) from None
        except Exception as error:
            raise FpgaMlError(f"build raises {type(error).__name__}: {error}", where=str(self.source), do=_DO) from None
        if not hasattr(model, "get_weights"):
            raise FpgaMlError(f"build returns a {type(model).__name__}", where=str(self.source), do=_DO)
        return model


def architecture(name: str, folder: Path, seed: int) -> Architecture:
    """Of a function's name, as `imported` takes it."""
    build = imported(name, folder, "the model")
    return Architecture(build, Path(inspect.getfile(build)), seed)


def trained(model: Any, data: Samples, epochs: int, seed: int) -> Source:
    """A float model, trained in place."""
    check_trainable(data)
    assert data.y is not None
    train(model, data.x, data.y, epochs=epochs, seed=seed)
    return load(model)


_WEIGHTS = Knob("weight bits", "", "weights", space.LEAST_BITS, 8)
_RESULTS = Knob("result bits", "", "results", space.LEAST_BITS, 10)
_ZEROS = space.sparsity("")


def knobs(own: Sequence[Knob]) -> list[Knob]:
    """Those of the architecture, and the bits and the share of zeros of all layers."""
    return [*own, _WEIGHTS, _RESULTS, _ZEROS]


_STARTS: tuple[Mapping[str, int], ...] = tuple(
    {_WEIGHTS.name: bits, _RESULTS.name: bits + 2, _ZEROS.name: zeros} for bits, zeros in ((8, 0), (6, 45), (4, 60))
)


def starts(every: Sequence[Knob]) -> list[tuple[Params, str]]:
    """The greatest, the middle and the least network, each with many, some and few bits."""
    own = [k for k in every if k.kind == "architecture"]
    sizes = [{k.name: k.choices[(len(k.choices) - 1) * at // 2] for k in own} for at in (2, 1, 0)]
    return [({**size, **rest}, "start") for rest in _STARTS for size in sizes]
