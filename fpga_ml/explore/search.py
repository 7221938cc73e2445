"""A search: the best hardware of a model, as a front of quality against cost.

OUT/subject.json       what is searched; a search of something else needs another folder
OUT/fpga_ml.toml       its settings; given/ models and samples that were given in memory
OUT/measured/KEY.json  noise of a tensor at some bits
OUT/trials/KEY.json    a trial's result, and KEY.quantised.keras its model where it was trained
OUT/journal.log        Optuna's, where it draws the trials
OUT/points/N/          a point of the front: fpga_ml.toml, and project/ where it was built
OUT/search.json, .html what was found
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml import __version__, cluster
from fpga_ml.config import CONFIG_FILE, Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.explore import knobs as space
from fpga_ml.explore import levels
from fpga_ml.explore.architecture import architecture, trained
from fpga_ml.explore.driver import Driver, Effort, How
from fpga_ml.explore.points import prove as prove_front
from fpga_ml.explore.store import Store
from fpga_ml.explore.subject import Opened, Subject, bits, opened
from fpga_ml.frontend.load import load
from fpga_ml.frontend.prepare import samples_of
from fpga_ml.frontend.save import content_of, file_of
from fpga_ml.hls.project import disk_errors
from fpga_ml.naming import folder_name
from fpga_ml.progress import Watcher, stage, watching
from fpga_ml.whole import put

_KEPT = "what is done is kept: run the same again to go on"


@dataclass(frozen=True)
class Search:
    """What a search found. folder: where it lies; found: what search.json holds."""

    folder: Path
    found: Mapping[str, Any]

    @property
    def front(self) -> list[Mapping[str, Any]]:
        """The trials of the front, the best objective first."""
        rows = {row["number"]: row for row in self.found["trials"]}
        return [rows[number] for number in self.found["front"]]

    @property
    def agrees(self) -> bool:
        """Whether every point that was built is what its trial said, in every bit."""
        return all(point["proved"] is not False for point in self.found["points"])

    def cheapest(self, loss: float, cost: str = "luts") -> Mapping[str, Any]:
        """The trial of the front with the lowest cost of those that lose no more than `loss` on the test samples."""
        held = [row for row in self.front if row["loss"]["mean"] <= loss]
        if not held:
            raise FpgaMlError(f"no point loses {loss:g} or less", where=str(self.folder), do="allow more, or more trials")
        return min(held, key=lambda row: float(row["costs"][cost]))


def search(
    model: Any,
    *,
    data: Any = None,
    train: Any = None,
    epochs: int = 5,
    hgq: bool = False,
    objective: str | None = None,
    costs: Sequence[str] = ("luts", "latency_ns"),
    trials: int = 40,
    time_s: float | None = None,
    trial_limit_s: float = 600.0,
    prove: int | None = None,
    workers: int = 0,
    dask: str | None = None,
    seed: int = 1,
    sampler: str = "nsga2",
    generation: int = 8,
    marks: Sequence[Mapping[str, Any]] = (),
    output: Path | str | None = None,
    config: Config | None = None,
    progress: bool | Watcher = True,
    **settings: Any,
) -> Search:
    """Search the bits of a float model for the best hardware: a Pareto front of an objective and costs. Each trial is priced
    by the RTL that a build would write, and the points of the front are built and proved.

    Parameters
    ----------
    model
        A float Keras model, a path to one, or a folder with float.keras. Or `file.py:function` (`module:function`) of a
        function build(trial) that makes a network of what it asks for with `trial.suggest_int` and
        `trial.suggest_categorical`. Each trial then trains one of its networks, as a float model and with its bits; losses
        are those to the greatest one.
    data
        Samples with labels, as `compile` takes them. Every other one scores the trials, those between test the front.
    train, epochs
        Samples with labels to train on: each trial is then the QKeras twin with its bits and its share of zero weights,
        trained for so many epochs from the float model's weights. None: trials are not trained.
    hgq
        The trials are one training of the HGQ2 twin instead, which finds the width of each weight (Sun et al.,
        arXiv:2405.00645). It has as many levels as there are trials, of so many epochs each; resources weigh more in the
        loss from level to level. Each level is a trial.
    objective
        auc, accuracy, mse, width (standard deviation of output - target), or module:function of outputs and labels, which
        is to be high; None: auc of classes, mse of targets.
    costs
        Of the front, all to be low: luts, ffs, dsps, rom_bits, memory_bits, latency_cycles, latency_ns, interval_cycles.
    trials, time_s
        How many trials, those of earlier runs in the folder among them; seconds after which no more are begun.
    trial_limit_s
        Seconds after which a trial that does not end is given up.
    prove
        How many points of the front to build; None: all.
    workers, dask
        Local processes, 0 for one a core; or the address of a Dask scheduler whose workers see the same files.
    seed
        With the same seed the same trials are made, whoever computes them.
    sampler, generation
        Of Optuna, nsga2 or tpe, once the first points are tried; how many trials are asked for at a time.
    marks
        Published points to show beside: {"name", "costs": {name: value}, "score"}.
    output
        Folder, by default searches/NAME. What it holds of the same search is not done again.
    config, progress, **settings
        As of `compile`.

    Raises
    ------
    FpgaMlError
        For what cannot be searched, and where no trial could be built.
    """
    if hgq and train is None:
        raise FpgaMlError("HGQ2 finds the widths in training, and there are no data to train on", do="give samples: --train")
    if train is not None and epochs < 1:
        raise FpgaMlError(f"epochs = {epochs}", do="train for 1 epoch or more")
    how = How(tuple(costs), seed, sampler, generation)
    effort = Effort(trials, time_s, trial_limit_s, prove)
    try:
        with watching(progress) as watcher:
            with stage(watcher, "load"):
                subject, out = _subject(model, data, train, epochs, objective, config, settings, output)
                if hgq and subject.build is not None:
                    raise FpgaMlError(
                        "HGQ2 trains one network", where=subject.build, do="leave --hgq out, or give one network"
                    )
                subject = replace(subject, levels=trials if hgq else 0)
                it = opened(subject)
                knobs = levels.checked(subject) if hgq else bits(subject)
                store = Store(out, _same(it, how))
                with disk_errors(out):
                    store.begin()
            with disk_errors(out, kept=_KEPT), cluster.workers(workers, dask, "search") as run:
                driver = Driver(store, it, knobs, how, effort, run, tuple(marks))
                found = _levels(driver, watcher) if hgq else _sampled(driver, watcher)
                with stage(watcher, "points"):
                    found = prove_front(driver, found)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_KEPT) from None
    return Search(out, found)


def _sampled(driver: Driver, watcher: Watcher | None) -> dict[str, Any]:
    with stage(watcher, "sensitivity"):
        starts = driver.starts()
    with driver.studied() as study, stage(watcher, "trials"):
        return driver.trials(study, starts)


def _levels(driver: Driver, watcher: Watcher | None) -> dict[str, Any]:
    with stage(watcher, "trials"):
        return levels.levels(driver)


def _subject(
    model: Any,
    data: Any,
    train: Any,
    epochs: int,
    asked: str | None,
    config: Config | None,
    settings: Mapping[str, Any],
    output: Path | str | None,
) -> tuple[Subject, Path]:
    """The subject, and the folder of its search. Models and arrays in memory are written there, for the workers."""
    build = str(model) if isinstance(model, (str, Path)) and ":" in str(model) and not Path(model).exists() else None
    if build is not None and train is None:
        do = "give --train FILE.npz with x and y"
        raise FpgaMlError("networks that a function makes have to be trained", where=build, do=do)
    in_memory = not isinstance(model, (str, Path))
    if in_memory and not hasattr(model, "get_weights"):
        raise FpgaMlError(f"the model is of type {type(model).__name__}", do="give a Keras model, or a path to one")
    called = str(model.name) if in_memory else Path((build or str(model)).replace(".py:", ".")).resolve().stem
    out = Path(output) if output is not None else Path("searches") / folder_name(called)
    own = None if in_memory else Path(model) / CONFIG_FILE
    config = config or (Config.read(own) if own is not None and own.exists() else Config())
    text = json.dumps(space.plain(config.replace(saturate=True).replace(**settings)), sort_keys=True)
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        if in_memory:
            model = _written(out, content_of(model), ".keras", partial(file_of, model))
        files = [_on_disk(out, samples) for samples in (data, train)]
        if build is not None:
            model = _greatest(out, build, str(files[1]), epochs, json.loads(text).get("seed", Config().seed))
    epochs = epochs if train is not None else 0
    return Subject(called, str(model), files[0], text, asked, str(Path.cwd()), files[1], epochs, build), out


def _greatest(out: Path, build: str, data: str, epochs: int, seed: int) -> Path:
    """The file of the greatest network that a function makes, trained."""
    of = architecture(build, Path.cwd(), seed)
    _, model = of.asked()
    follows = json.dumps([build, _of_file(of.source), _of_file(Path(data)), epochs, seed, __version__])

    def file() -> bytes:
        trained(model, samples_of(load(model), data, seed), epochs, seed)
        return file_of(model)

    return _written(out, follows.encode(), ".keras", file)


def _on_disk(out: Path, data: Any) -> str | None:
    """The file of samples; of arrays in memory the one that they are written to."""
    if data is None or isinstance(data, (str, Path)):
        return None if data is None else str(data)
    arrays: dict[str, Any] = {k: np.asarray(a) for k, a in (data if isinstance(data, Mapping) else {"x": data}).items()}
    content = b"".join(f"{k} {a.dtype} {a.shape}".encode() + a.tobytes() for k, a in sorted(arrays.items()))
    return str(_written(out, content, ".npz", partial(_packed, arrays)))


def _packed(arrays: Mapping[str, Any]) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def _written(out: Path, content: bytes, suffix: str, file: Callable[[], bytes]) -> Path:
    """A file in the search's folder that is called by its content."""
    path = out / "given" / f"{hashlib.sha256(content).hexdigest()[:20]}{suffix}"
    if not path.exists():
        put(path, file())
    return path


def _same(it: Opened, how: How) -> dict[str, Any]:
    """All that the results of a search follow from, in plain values."""
    subject = it.subject
    return {
        "model": _of_file(subject.file),
        "data": _of_file(subject.samples),
        "training data": _of_file(Path(subject.train) if subject.train is not None else None),
        "build": [subject.build, _of_file(it.architecture.source)] if it.architecture is not None else [],
        "epochs": subject.epochs,
        "levels": subject.levels,
        "settings": subject.settings,
        "objective": [it.objective.name, _of_file(it.objective.source)],
        **{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(how).items()},
        "version": __version__,
    }


def _of_file(path: Path | None) -> str:
    """Its name where it is called by its content, else its SHA-256."""
    if path is None:
        return ""
    return path.name if path.parent.name == "given" else hashlib.sha256(path.read_bytes()).hexdigest()
