"""Optuna asks and is told; what it knows lies in a journal, so that a search goes on where it was stopped.

Trials are asked for in generations and told in order, each drawn with a seed of its own number: who computes them, and how
often the search was stopped, changes nothing. Several processes may search in one folder at a time. Each holds a lock while
it lives; the open trials of one that died are taken over.
"""

from __future__ import annotations

import fcntl
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.explore.knobs import Knob, Params

SAMPLERS = ("nsga2", "tpe")
_NAME = "search"
_DRIVER, _ORIGIN = "driver", "origin"


@dataclass(frozen=True)
class Asked:
    """A trial to be computed; origin: uniform, exchange, start or sampler."""

    number: int
    params: Params
    origin: str


class Study:
    """directions: "maximize" or "minimize", of the objective and of each cost."""

    def __init__(
        self, folder: Path, knobs: Sequence[Knob], directions: Sequence[str], seed: int, sampler: str, generation: int
    ) -> None:
        try:
            self._optuna: Any = import_module("optuna")
        except ImportError:
            raise FpgaMlError("Optuna is not installed", do="pip install 'fpga_ml[search]'") from None
        logging.getLogger("optuna").setLevel(logging.CRITICAL)
        self.knobs, self.seed, self.sampler, self.generation = knobs, seed, sampler, generation
        self.drivers = folder / "drivers"
        self.drivers.mkdir(exist_ok=True)
        self.me = uuid.uuid4().hex
        self._lock = (self.drivers / self.me).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        journal = folder / "journal.log"
        backends: Any = import_module("optuna.storages.journal")
        lock = backends.JournalFileSymlinkLock(str(journal))
        _mend(journal, lock)
        self._storage = self._optuna.storages.JournalStorage(backends.JournalFileBackend(str(journal), lock))
        self._study = self._optuna.create_study(
            storage=self._storage, study_name=_NAME, directions=list(directions), load_if_exists=True
        )
        self._distributions = {k.name: self._optuna.distributions.IntDistribution(k.low, k.high, step=k.step) for k in knobs}

    def close(self) -> None:
        self._lock.close()
        with suppress(OSError):
            (self.drivers / self.me).unlink()

    def begin(self, starts: Sequence[tuple[Params, str]]) -> None:
        """The first assignments to try, of a study that has none yet."""
        with self._alone():
            for params, origin in starts if not self._trials() else ():
                self._study.enqueue_trial(dict(params), user_attrs={_ORIGIN: origin}, skip_if_exists=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Others that search in the folder wait."""
        with (self.drivers / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def orphans(self) -> list[Asked]:
        """Open trials whose process died; they are this one's from now on."""
        running = [t for t in self._trials() if t.state.name == "RUNNING"]
        lost = [t for t in running if not self._lives(t.user_attrs.get(_DRIVER, ""))]
        for trial in lost:
            self._storage.set_trial_user_attr(trial._trial_id, _DRIVER, self.me)
        for trial in (t for t in lost if len(t.params) < len(self.knobs)):
            self.tell(trial.number, None, "the search was stopped when it asked for this trial")
        return [self._asked(t) for t in lost if len(t.params) == len(self.knobs)]

    def _lives(self, driver: str) -> bool:
        if driver == self.me:
            return True
        path = self.drivers / driver
        if not path.is_file():
            return False
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def ask(self, most: int) -> list[Asked]:
        """The rest of a generation, but no more than `most` in all, by anybody."""
        with self._alone():
            rest = -self.begun % self.generation or self.generation
            return self._ask(max(min(rest, most - self.begun), 0))

    def _ask(self, count: int) -> list[Asked]:
        found = []
        for _ in range(count):
            self._study.sampler = self._sampler(len(self._trials()))
            trial = self._study.ask(self._distributions)
            trial.set_user_attr(_DRIVER, self.me)
            found.append(Asked(trial.number, dict(trial.params), trial.user_attrs.get(_ORIGIN, "sampler")))
        return found

    def _sampler(self, number: int) -> Any:
        seed = int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])
        if self.sampler == "tpe":
            return self._optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 * self.generation, constant_liar=True)
        return self._optuna.samplers.NSGAIISampler(seed=seed, population_size=self.generation)

    def tell(self, number: int, values: Sequence[float] | None, why: str = "") -> None:
        """values: None for a trial that failed, why."""
        trial = next(t for t in self._trials() if t.number == number)
        if trial.state.is_finished():
            return
        if values is None:
            self._storage.set_trial_user_attr(trial._trial_id, "why", why)
        states = self._optuna.trial.TrialState
        self._study.tell(number, values, state=states.COMPLETE if values is not None else states.FAIL)

    def finished(self) -> Mapping[int, tuple[Asked, str | None]]:
        """{number: the trial, and why it failed, or None}."""
        return {
            t.number: (self._asked(t), None if t.state.name == "COMPLETE" else t.user_attrs.get("why", "no reason is known"))
            for t in self._trials()
            if t.state.is_finished()
        }

    @property
    def running(self) -> bool:
        """Whether somebody computes a trial."""
        return any(t.state.name == "RUNNING" for t in self._trials())

    @property
    def begun(self) -> int:
        """Trials that were asked for, by anybody."""
        return sum(t.state.name != "WAITING" for t in self._trials())

    def _trials(self) -> list[Any]:
        found: list[Any] = self._study.get_trials(deepcopy=False)
        return found

    def _asked(self, trial: Any) -> Asked:
        return Asked(trial.number, dict(trial.params), trial.user_attrs.get(_ORIGIN, "sampler"))


def _mend(journal: Path, lock: Any) -> None:
    """A process that was killed while it wrote, or a full disk, leaves half a line: it goes."""
    if not journal.exists():
        return
    lock.acquire()
    try:
        content = journal.read_bytes()
        if content and not content.endswith(b"\n"):
            with journal.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


def front(rows: Sequence[tuple[int, Sequence[float]]]) -> list[int]:
    """Of (number, values, all of them better where lower): the numbers of those that none beats in all; of equal ones the
    first. By the first value."""
    kept = []
    for number, values in rows:
        beaten = any(
            all(a <= b for a, b in zip(other, values, strict=True)) and (tuple(other) != tuple(values) or at < number)
            for at, other in rows
            if at != number
        )
        if not beaten:
            kept.append((tuple(values), number))
    return [number for _, number in sorted(kept)]
