"""The points of a front: a folder each, with what builds it, and its proof."""

from __future__ import annotations

import fcntl
import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml import progress
from fpga_ml.config import CONFIG_FILE
from fpga_ml.explore import knobs as space
from fpga_ml.explore.driver import TRIALS, Driver, write
from fpga_ml.explore.prove import proved
from fpga_ml.explore.trial import Result
from fpga_ml.frontend.load import FLOAT_FILE, QUANTISED_FILE
from fpga_ml.whole import put

_PROOF = "proof.json"


def prove(driver: Driver, found: Mapping[str, Any]) -> dict[str, Any]:
    """What was found, with the points of the front: all have a folder, and as many as were asked for are built. One process
    at a time does so in a search's folder."""
    store, rows = driver.store, {row["number"]: row for row in found["trials"]}
    with (store.folder / "points.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folders = {number: _folder(driver, rows[number]) for number in found["front"]}
        asked = _spread(found["front"], driver.effort.prove)
        missing = [number for number in asked if not (folders[number] / _PROOF).exists()]
        progress.expect(len(missing), "points")
        expected = [store.get(TRIALS, rows[number]["params"]) or {} for number in missing]
        results = [Result(**{**kept, "loss": tuple(kept["loss"])}) for kept in expected]
        arguments = [(driver.it.subject, folders[n], result) for n, result in zip(missing, results, strict=True)]
        failed = {}
        for one in driver.run(proved, arguments):
            if one.error is None:
                put(folders[missing[one.index]] / _PROOF, json.dumps(asdict(one.result)) + "\n")
            else:  # another time it may be built
                failed[missing[one.index]] = one.said
            progress.done(1, "points")
        whole = {**found, "points": [_row(driver, n, folder, failed.get(n)) for n, folder in folders.items()]}
        write(store.folder, whole)
    return whole


def _folder(driver: Driver, row: Mapping[str, Any]) -> Path:
    """Of a trial, with its settings, and its model where that was trained."""
    folder, it = driver.store.folder / "points" / str(row["number"]), driver.it
    config = space.applied(it.subject.config, driver.knobs, row["params"])
    trained, own = (driver.store.path(TRIALS, row["params"], f".{name}") for name in (QUANTISED_FILE, FLOAT_FILE))
    folder.mkdir(parents=True, exist_ok=True)
    if trained.exists():
        shutil.copyfile(trained, folder / QUANTISED_FILE)
        shutil.copyfile(own if own.exists() else it.subject.file, folder / FLOAT_FILE)
    put(folder / CONFIG_FILE, space.toml(space.plain(config)))
    return folder


def _row(driver: Driver, number: int, folder: Path, failed: str | None) -> dict[str, Any]:
    """failed: why it could not be built this time."""
    proof, subject = folder / _PROOF, driver.it.subject
    known = {"passed": None, "said": "not built"} if failed is None else {"passed": False, "said": failed}
    if proof.exists():
        known = json.loads(proof.read_text())
    trained = (folder / QUANTISED_FILE).exists()
    words = ["fpga-ml", "compile", folder if trained else subject.file, "--data", subject.samples]
    words += [] if trained else ["--config", folder / CONFIG_FILE]
    command = shlex.join([str(word) for word in words])
    return {
        "number": number,
        "folder": str(folder),
        "proved": known["passed"],
        "said": known["said"],
        "command": command,
    }


def _spread(numbers: Sequence[int], count: int | None) -> list[int]:
    """So many of a row, its ends among them; None: all."""
    if count is None or count >= len(numbers):
        return list(numbers)
    return [numbers[round(i)] for i in np.linspace(0, len(numbers) - 1, count)] if count else []
