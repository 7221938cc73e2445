"""The HGQ2 twin of a model, trained with a resource weight that rises: each level of the weight begins where the one before
ended, and its model is a trial (C. Sun et al., arXiv:2405.00645)."""

from __future__ import annotations

import fcntl
import time
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml import progress
from fpga_ml.explore import trial
from fpga_ml.explore.driver import TRIALS, Driver
from fpga_ml.explore.knobs import Knob, Params
from fpga_ml.explore.study import Asked
from fpga_ml.explore.subject import Array, Opened, Subject, opened
from fpga_ml.explore.trial import Result
from fpga_ml.frontend.hgq.rewrite import fit_ranges, to_hgq
from fpga_ml.frontend.hgq.train import train, unit
from fpga_ml.frontend.inputs import as_configured
from fpga_ml.frontend.load import QUANTISED_FILE
from fpga_ml.frontend.rename import as_given
from fpga_ml.frontend.save import file_of, read_back
from fpga_ml.frontend.train import Goal, check_labels
from fpga_ml.samples import Samples
from fpga_ml.whole import put

_NAME, _ORIGIN = "resource weight", "level"
_FIRST, _LAST = 0.3, 10.0  # resource weights, in units of the loss over the EBOPs of the model that is not trained


def checked(subject: Subject) -> list[Knob]:
    """What is varied. Raises FpgaMlError for a model that has no HGQ2 twin, and for labels that cannot be trained on."""
    it = opened(subject)
    assert it.training.y is not None  # the subject has seen to it
    check_labels(it.source.model, it.training.y)
    _twin(it)
    return [Knob(_NAME, "", "level", 0, subject.levels - 1)]


def levels(driver: Driver) -> dict[str, Any]:
    """What was found when all levels are trained and judged, or the time is over. One process at a time does so in a
    search's folder."""
    finished: dict[int, tuple[Asked, str | None]] = {}
    progress.expect(driver.it.subject.levels, "trials")
    with (driver.store.folder / "levels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in range(driver.it.subject.levels):
            params = _params(number)
            if driver.is_late and driver.store.get(TRIALS, params) is None:
                break
            finished[number] = (Asked(number, params, _ORIGIN), _level(driver, number))
            progress.done(1, "trials")
            if not _file(driver, params).exists():
                break  # the next one has nothing to begin with
            if any(why is None for _, why in finished.values()):
                driver.found(finished)
        return driver.found(finished)


def _level(driver: Driver, number: int) -> str | None:
    """Train a level and judge it, as far as that is not done. Why it could not be, if so."""
    subject, params, path = driver.it.subject, _params(number), _file(driver, _params(number))
    if not path.exists():
        before = str(_file(driver, _params(number - 1))) if number else None
        (one,) = driver.run(trained, [(subject, number, before)], driver.effort.limit_s)
        if one.error is not None:
            return str(one.said)
        put(path, one.result)
    if driver.store.get(TRIALS, params) is None:
        (one,) = driver.run(judged, [(subject, str(path))], driver.effort.limit_s)
        if one.error is not None:
            return str(one.said)
        driver.store.keep(TRIALS, params, asdict(one.result))
    return None


def _params(number: int) -> Params:
    return {_NAME: number}


def _file(driver: Driver, params: Params) -> Path:
    return driver.store.path(TRIALS, params, f".{QUANTISED_FILE}")


# On a worker


def trained(subject: Subject, level: int, before: str | None) -> bytes:
    """The .keras file of a level. before: that of the level below, None for the first."""
    it = opened(subject)
    x, y = _training(it)
    model = _twin(it) if before is None else read_back(Path(before))
    share = _FIRST * (_LAST / _FIRST) ** (level / max(subject.levels - 1, 1))
    goal = Goal.of(model, y, it.source.model, x)
    train(model, x, goal, beta=share * _unit(subject), epochs=subject.epochs, seed=subject.config.seed + level)
    fit_ranges(model, [np.concatenate(pair) for pair in zip(x, _rounded(it, it.calibration), strict=True)])
    return file_of(model)


def judged(subject: Subject, file: str) -> Result:
    """Of a level's model."""
    began, it = time.perf_counter(), opened(subject)
    return trial.judged(it, trial.trained_source(it, Path(file)), subject.config, began)


@lru_cache(maxsize=2)
def _unit(subject: Subject) -> float:
    """By the labels: what the twin loses to its teacher is next to nothing at the start."""
    (x, y), twin = _training(it := opened(subject)), _twin(it)
    return unit(twin, x, Goal.of(twin, y))


def _twin(it: Opened) -> Any:
    """With the user's names, not trained."""
    names = it.source.names
    model = as_given(it.source.model, names)
    return to_hgq(model, dict(zip([t.name for t in model.inputs], _rounded(it, it.calibration), strict=True)))


def _training(it: Opened) -> tuple[list[Array], npt.NDArray[Any]]:
    assert it.training.y is not None  # the subject has seen to it
    return _rounded(it, it.training), it.training.y


def _rounded(it: Opened, samples: Samples) -> list[Array]:
    """As hardware receives them, where the configuration says how."""
    return as_configured(it.source.model, samples.x, it.source.identified(it.subject.config))
