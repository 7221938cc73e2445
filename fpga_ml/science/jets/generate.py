"""Making a data set: shards of events on all cores or on a Dask cluster, resumable, with seeds and checksums kept.

OUT/NAME/shards/CLASS_0003.npz   a shard: arrays as fpga_ml.science.jets.sets documents them
OUT/NAME/manifest.json           settings, versions, and of every shard its seed, jets and SHA-256
OUT/NAME/NAME_CLASS.npz, card.md the merged arrays and the data card
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.jets.sets import Arrays, JetSet, jet_set
from fpga_ml.whole import put

_EVENT_STEP = 1_000_000
_MAX_SEED = 900_000_000


@dataclass(frozen=True)
class Order:
    """What to make. pt_gev: lowest jet pT of the bin (nominal pT of five_class); events: of each class; seed: of all."""

    name: str
    pt_gev: int
    events: int
    shard_events: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        known = jet_set(self.name).pt_bins_gev
        if self.pt_gev not in known:
            raise FpgaMlError(f"the set '{self.name}' has no bin at {self.pt_gev} GeV", do=f"known: {known}")
        if self.events < 1 or not 1 <= self.shard_events <= _EVENT_STEP:
            raise FpgaMlError(f"{self.events} events in shards of {self.shard_events}", do="use 1 or more of both")

    @property
    def set(self) -> JetSet:
        return jet_set(self.name)

    def shards(self) -> list[Shard]:
        number = -(-self.events // self.shard_events)
        return [
            Shard(
                self.name,
                kind,
                index,
                self.pt_gev,
                min(self.shard_events, self.events - index * self.shard_events),
                self.seed,
            )
            for index in range(number)
            for kind in self.set.classes
        ]


@dataclass(frozen=True)
class Shard:
    """One class's events of one seed."""

    set: str
    kind: str
    index: int
    pt_gev: int
    events: int
    base_seed: int

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.index:04d}"

    @property
    def seed(self) -> int:
        """Pythia's seed, 1 .. 900,000,000, a function of everything that names the shard; pile-up takes the next one."""
        text = f"{self.set}/{self.kind}/{self.pt_gev}/{self.index}/{self.base_seed}"
        return 1 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") % (_MAX_SEED - 1)

    def make(self) -> Arrays:
        arrays = jet_set(self.set).make(self.kind, self.pt_gev, self.events, self.seed)
        return {**arrays, "event": arrays["event"] + self.index * _EVENT_STEP}


def digest(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and bytes: of the numbers, not of how they were packed."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        a = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {a.dtype.str} {a.shape}".encode())
        total.update(a.tobytes())
    return total.hexdigest()


def generate(
    order: Order,
    out: Path,
    *,
    jobs: int = 0,
    dask: str | None = None,
    started: Callable[[int], Callable[[int], None]] = lambda _total: lambda _done: None,
) -> Path:
    """Make what is missing of a data set and merge it; returns its folder. jobs: processes, 0 for one a core; dask: the
    address of a scheduler instead; started(number of shards) gives the function told of each that is done."""
    folder = out / f"{order.name}_pt{order.pt_gev}"
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    manifest = _manifest(order, folder)
    shards = order.shards()
    missing = [s for s in shards if not _is_whole(s, folder, manifest)]
    tell = started(len(shards))
    tell(len(shards) - len(missing))
    with _executor(min(jobs or os.cpu_count() or 1, max(len(missing), 1)), dask) as pool:
        running = {pool.submit(Shard.make, s): s for s in missing}
        try:
            for future in as_completed(running):
                _keep(running[future], future.result(), folder, manifest)
                tell(1)
        except BaseException:
            for future in running:
                future.cancel()
            raise
    _merge(order, folder, manifest)
    return folder


def _manifest(order: Order, folder: Path) -> dict[str, Any]:
    """The folder's manifest, or a new one; it is an error to continue another order's folder."""
    path = folder / "manifest.json"
    ours = {k: v for k, v in asdict(order).items() if k != "events"}
    if not path.exists():
        return {"order": ours, "versions": _versions(), "shards": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    for key, value in ours.items():
        if found["order"][key] != value:
            raise FpgaMlError(
                f"the folder holds shards made with {key} = {found['order'][key]}, now it is {value}",
                where=str(path),
                do="give another output folder, or the same settings; only `events` may grow",
            )
    return found


def _versions() -> dict[str, str]:
    found = {}
    for package in ("pythia8mc", "fastjet", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _path(shard: Shard, folder: Path) -> Path:
    return folder / "shards" / f"{shard.name}.npz"


def _read(path: Path) -> Arrays:
    with np.load(path) as z:
        return {k: z[k] for k in z.files}


def _is_whole(shard: Shard, folder: Path, manifest: dict[str, Any]) -> bool:
    entry, path = manifest["shards"].get(shard.name), _path(shard, folder)
    if entry is None or entry["events"] != shard.events or not path.exists():
        return False
    try:
        return bool(digest(_read(path)) == entry["sha256"])
    except Exception:  # a torn or foreign file, in whatever way: make it again
        return False


def _keep(shard: Shard, arrays: Arrays, folder: Path, manifest: dict[str, Any]) -> None:
    """Write a shard and enter it; each file is written beside and renamed, so an interrupted run loses one shard."""
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    put(_path(shard, folder), packed.getvalue())
    entry = {"seed": shard.seed, "events": shard.events, "jets": len(arrays["event"]), "sha256": digest(arrays)}
    manifest["shards"][shard.name] = entry
    put(folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True))


def _merge(order: Order, folder: Path, manifest: dict[str, Any]) -> None:
    """Shards of each class in order as one file, and the card."""
    totals: dict[str, tuple[int, str]] = {}
    for kind in order.set.classes:
        parts = [_read(_path(s, folder)) for s in order.shards() if s.kind == kind]
        merged = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        np.savez_compressed(folder / f"{order.name}_{kind}.npz", **merged)  # type: ignore[arg-type]
        totals[kind] = len(merged["event"]), digest(merged)
    put(folder / "card.md", card(order, totals, manifest["versions"]))


def card(order: Order, totals: dict[str, tuple[int, str]], versions: dict[str, str]) -> str:
    """The data card: what was simulated, the arrays, jets and checksum of every class, and how to make it again."""
    made = ", ".join(f"{k} {v}" for k, v in versions.items())
    lines = [f"# {order.name}, {order.pt_gev} GeV", "", f"{order.set.title}.", ""]
    lines += [
        f"Pythia 8, proton-proton at 13 TeV, no detector simulation; labels of the hard process. Made with {made}.",
        "",
    ]
    lines += ["| class | Pythia settings | jets | SHA-256 of the arrays |", "|---|---|---|---|"]
    for kind, settings in order.set.classes.items():
        lines.append(f"| {kind} | {', '.join(settings)} | {totals[kind][0]} | {totals[kind][1][:16]} |")
    lines += ["", "| array | shape of one jet, unit, meaning |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in order.set.arrays.items()]
    command = f"python scripts/generate_jets.py {order.name} --pt {order.pt_gev} --events {order.events}"
    lines += ["", f"    {command} --shard-events {order.shard_events} --seed {order.seed}", ""]
    return "\n".join(lines)


@contextmanager
def _executor(jobs: int, dask: str | None) -> Iterator[Executor]:
    if dask is None:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            yield pool
        return
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise FpgaMlError(
            "distributed is not installed", do="pip install 'fpga_ml[jets,cluster]', here and on the workers"
        ) from None
    with distributed.Client(dask) as client:
        yield client.get_executor()
