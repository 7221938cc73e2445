"""The course of a search: measure each tensor alone, then trials in generations; what is known is written after each."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fpga_ml import progress
from fpga_ml.cluster import Run
from fpga_ml.config import CONFIG_FILE
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.explore import architecture, exchange, page, trial
from fpga_ml.explore import knobs as space
from fpga_ml.explore.knobs import Knob, Params
from fpga_ml.explore.store import Store
from fpga_ml.explore.study import SAMPLERS, Asked, Study, front
from fpga_ml.explore.subject import Opened, Subject
from fpga_ml.explore.trial import Noise
from fpga_ml.sizing import COSTS
from fpga_ml.whole import put

TRIALS, _MEASURED = "trials", "measured"
FOUND_FILE = "search.json"
_UNIFORM_BITS, _TRAINED_BITS = (4, 6, 8, 12), (3, 4, 6, 8)
_MANY_ZEROS = 60  # per cent
_EXCHANGED = 12  # points of the exchange that are tried
_POLL_S = 1.0
_HOPELESS = 1e6  # noise


@dataclass(frozen=True)
class How:
    """As the arguments of `search`."""

    costs: tuple[str, ...]
    seed: int
    sampler: str
    generation: int

    def __post_init__(self) -> None:
        for name in self.costs:
            if name not in COSTS:
                raise FpgaMlError(f"unknown cost '{name}'", do=suggest(name, COSTS))
        if not self.costs or len(set(self.costs)) < len(self.costs):
            raise FpgaMlError(f"costs = {', '.join(self.costs) or 'none'}", do="give one cost or several, each once")
        if self.sampler not in SAMPLERS:
            raise FpgaMlError(f"unknown sampler '{self.sampler}'", do=suggest(self.sampler, SAMPLERS))
        if self.generation < 2:
            raise FpgaMlError(f"generation = {self.generation}", do="ask for 2 trials or more at a time")


@dataclass(frozen=True)
class Effort:
    """As the arguments of `search`."""

    trials: int
    time_s: float | None
    limit_s: float
    prove: int | None

    def __post_init__(self) -> None:
        for name, value, least in (("trials", self.trials, 1), ("prove", self.prove or 0, 0)):
            if value < least:
                raise FpgaMlError(f"{name} = {value}", do=f"give {least} or more")
        for name, seconds in (("time", self.time_s), ("trial limit", self.limit_s)):
            if seconds is not None and not seconds > 0:
                raise FpgaMlError(f"the {name} is {seconds} s", do="give seconds above 0")


@dataclass(frozen=True)
class Driver:
    """Gives work to `run`, and keeps what comes of it."""

    store: Store
    it: Opened
    knobs: Sequence[Knob]
    how: How
    effort: Effort
    run: Run
    marks: tuple[Mapping[str, Any], ...]
    began: float = field(default_factory=time.monotonic)

    def starts(self) -> list[tuple[Params, str]]:
        """The first points to try: uniform bits, and those that exchange finds from each tensor's noise; where trials are
        trained, without zeros and with many."""
        if self.it.architecture is not None:
            return architecture.starts(self.knobs)
        rounded = [k for k in self.knobs if k.kind != "sparsity"]
        pruned = [k for k in self.knobs if k.kind == "sparsity"]
        shares = (0, _MANY_ZEROS) if pruned else (0,)
        noises = self._noises(rounded, exchange.measurements(rounded))
        steps = exchange.exchange(rounded, exchange.alone(rounded, noises), noises[0].luts)
        points = [({k.name: k.near(b) for k in rounded}, "uniform") for b in (_TRAINED_BITS if pruned else _UNIFORM_BITS)]
        points += [(dict(p), "exchange") for p in exchange.spread(steps, _EXCHANGED // len(shares))]
        starts = [(p | {k.name: k.near(share) for k in pruned}, origin) for share in shares for p, origin in points]
        return [start for i, start in enumerate(starts) if start[0] not in [known for known, _ in starts[:i]]]

    def _noises(self, rounded: Sequence[Knob], asked: Sequence[Params]) -> list[Noise]:
        """Of the assignments, in their order; one that cannot be built is as bad as can be."""
        missing = [p for p in asked if self.store.get(_MEASURED, p) is None]
        progress.expect(len(missing), "tensors and bits")
        for one in self.run(trial.noise, [(self.it.subject, rounded, p) for p in missing], self.effort.limit_s):
            if one.error is not None and (missing[one.index] == asked[0] or not isinstance(one.error, FpgaMlError)):
                raise one.error
            found = one.result or Noise(_HOPELESS, {})
            self.store.keep(_MEASURED, missing[one.index], asdict(found))
            progress.done(1, "tensors and bits")
        found = [Noise(**(self.store.get(_MEASURED, p) or {})) for p in asked]
        return [one if one.luts else replace(one, luts=found[0].luts) for one in found]

    @contextmanager
    def studied(self) -> Iterator[Study]:
        first = "maximize" if self.it.objective.better == "higher" else "minimize"
        directions = [first, *("minimize" for _ in self.how.costs)]
        study = Study(self.store.folder, self.knobs, directions, self.how.seed, self.how.sampler, self.how.generation)
        try:
            yield study
        finally:
            study.close()

    def trials(self, study: Study, starts: Sequence[tuple[Params, str]]) -> dict[str, Any]:
        """What was found, generation by generation, until as many are finished as were asked for, by this process or by
        others in the same folder."""
        study.begin(starts)
        progress.expect(self.effort.trials, "trials")
        progress.done(len(study.finished()), "trials")
        while True:
            asked = study.orphans()
            if not self.is_late:
                asked += study.ask(self.effort.trials)
            if asked:
                self._generation(study, asked)
                self.found(study.finished())
            elif study.running:
                time.sleep(_POLL_S)
            else:
                return self.found(study.finished())

    @property
    def is_late(self) -> bool:
        """Whether no more trials are to begin."""
        return self.effort.time_s is not None and time.monotonic() - self.began > self.effort.time_s

    def _generation(self, study: Study, asked: Sequence[Asked]) -> None:
        """Compute the trials and tell their results in order."""
        missing = [one for one in asked if self.store.get(TRIALS, one.params) is None]
        failed: dict[int, str] = {}
        for outcome in self.run(
            trial.tried, [(self.it.subject, self.knobs, one.params) for one in missing], self.effort.limit_s
        ):
            one = missing[outcome.index]
            if outcome.error is None:
                result, files = outcome.result
                for name, content in files.items():
                    put(self.store.path(TRIALS, one.params, f".{name}"), content)
                self.store.keep(TRIALS, one.params, asdict(result))
            else:
                failed[one.number] = outcome.said
            progress.done(1, "trials")
        progress.done(len(asked) - len(missing), "trials")
        for one in sorted(asked, key=lambda a: a.number):
            kept = self.store.get(TRIALS, one.params)
            values = None if kept is None else (kept["score"], *(kept["costs"][c] for c in self.how.costs))
            study.tell(one.number, values, failed.get(one.number, ""))

    def found(self, finished: Mapping[int, tuple[Asked, str | None]]) -> dict[str, Any]:
        """What is known so far, written to search.json and search.html. finished: {number: the trial, and why it failed, or
        None}. Raises FpgaMlError where no trial could be built."""
        rows = [self._row(number, one, why) for number, (one, why) in sorted(finished.items())]
        good = {row["number"]: row for row in rows if row["state"] == "done"}
        if rows and not good:
            do = "mend that; other settings need another folder"
            raise FpgaMlError(f"no trial could be built: {rows[0]['why']}", where=str(self.store.folder), do=do)
        sign = -1 if self.it.objective.better == "higher" else 1
        values = [(n, (sign * row["score"], *(row["costs"][c] for c in self.how.costs))) for n, row in good.items()]
        best = front(values)
        if best:
            score = f"best {self.it.objective.name} {good[best[0]]['score']:.4g}"
            progress.doing(f"{score}, {len(best)} on the front")
        found = self._described() | {"trials": rows, "front": best, "points": [], "marks": list(self.marks)}
        write(self.store.folder, found)
        return found

    def _row(self, number: int, one: Asked, why: str | None) -> dict[str, Any]:
        kept = self.store.get(TRIALS, one.params) if why is None else None
        row = {"number": number, "state": "failed", "why": why or "", "origin": one.origin, "params": dict(one.params)}
        if kept is None:
            return row | dict.fromkeys(("score", "score_test", "loss", "costs", "seconds"))
        mean, error = kept["loss"]
        return row | kept | {"state": "done", "loss": {"mean": mean, "error": error}}

    def _command(self) -> str:
        """What searches the same again."""
        subject, config = self.it.subject, self.store.folder / CONFIG_FILE
        put(config, space.toml(json.loads(subject.settings)))
        options: dict[str, Any] = {
            "--data": subject.samples,
            "--train": subject.train,
            "--epochs": subject.epochs or None,
            "--objective": self.it.objective.name,
            "--cost": ",".join(self.how.costs),
            "--trials": self.effort.trials,
            "--time": self.effort.time_s,
            "--trial-limit": self.effort.limit_s,
            "--prove": self.effort.prove,
            "--seed": self.how.seed,
            "--sampler": self.how.sampler,
            "--generation": self.how.generation,
            "--config": config,
            "-o": self.store.folder,
        }
        words = ["fpga-ml", "search", subject.build or subject.model, *(["--hgq"] if subject.levels else [])]
        return shlex.join([*words, *(str(w) for name, v in options.items() if v is not None for w in (name, v))])

    def _described(self) -> dict[str, Any]:
        it, config = self.it, self.it.subject.config
        score, score_test = it.scores(it.float_outputs)
        samples = len(it.every)
        goal = {"name": it.objective.name, "better": it.objective.better, "float": score, "float_test": score_test}
        return {
            "version": 1,
            "model": it.subject.name,
            "command": self._command(),
            "how": _how(it.subject),
            "arch": str(config.arch),
            "device": config.device,
            "clock_ns": config.clock_ns,
            "seed": self.how.seed,
            "objective": goal,
            "samples": {"validation": -(-samples // 2), "test": samples // 2},
            "costs": list(self.how.costs),
            "knobs": [_knob(k) for k in self.knobs],
        }


def _how(subject: Subject) -> str:
    """Which of the kinds of searches it is, as explore/findings.py names them."""
    if subject.levels:
        return "hgq"
    if subject.build is not None:
        return "architecture"
    return "bits" if subject.train is None else "training"


def _knob(k: Knob) -> dict[str, Any]:
    return {"name": k.name, "layer": k.layer, "kind": k.kind, "choices": list(k.choices), "names": list(k.names)}


def write(folder: Path, found: Mapping[str, Any]) -> None:
    """search.json and its page."""
    put(folder / FOUND_FILE, json.dumps(found, indent=1) + "\n")
    put(folder / "search.html", page.render(found))
