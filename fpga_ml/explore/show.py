"""A search on a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fpga_ml.errors import FpgaMlError
from fpga_ml.explore import page
from fpga_ml.explore.driver import FOUND_FILE
from fpga_ml.explore.findings import measured
from fpga_ml.explore.search import Search
from fpga_ml.hls.project import disk_errors

_VERDICT = {True: "yes", False: "no", None: "not built"}


def show(search: Search, console: Console) -> None:
    """The front as a table, and where the rest is."""
    found = search.found
    name, costs = found["objective"]["name"], found["costs"]
    proofs = {point["number"]: point for point in found["points"]}
    table = Table("point", name, "loss on test samples", *costs, "proved", show_edge=False)
    for row in search.front:
        loss, proof = row["loss"], proofs.get(row["number"], {"proved": None})
        table.add_row(
            str(row["number"]),
            f"{row['score']:.4g}",
            measured(loss),
            *(f"{row['costs'][cost]:,}" for cost in costs),
            _VERDICT[proof["proved"]],
        )
    console.print(table)
    failed = sum(row["state"] == "failed" for row in found["trials"])
    count = len(found["trials"])
    told = f"{count} trial{'s' * (count != 1)}" + f", {failed} of them failed" * bool(failed)
    console.print(f"{told}; the float model: {name} {found['objective']['float']:.4g}", highlight=False)
    for number, proof in proofs.items():
        if proof["proved"] is False:
            console.print(f"point {number}: {proof['said']}", highlight=False, markup=False, soft_wrap=True)
    where = f"{search.folder}/search.html shows it; search.json has the command that builds each point"
    console.print(where, highlight=False, markup=False, soft_wrap=True)


def show_folders(folders: Sequence[Path], *, output: Path | None, as_json: bool) -> None:
    """A finished search, or two side by side as a page."""
    searches = [Search(folder, _read(folder)) for folder in folders]
    if as_json:
        found = [one.found for one in searches]
        print(json.dumps(found if len(found) > 1 else found[0], indent=2))
        return
    for one in searches:
        show(one, Console())
    if len(searches) == 1:
        if output is not None:
            page.write(searches[0].found, output)
        return
    names = [folder.resolve().name for folder in folders]
    first, second = names if names[0] != names[1] else map(str, folders)
    target = output or folders[0] / f"compare_{names[1]}.html"
    with disk_errors(target):
        target.write_text(page.render_comparison(searches[0].found, searches[1].found, (first, second)), encoding="utf-8")
    Console().print(f"both: {target}", soft_wrap=True, markup=False, highlight=False)


def _read(folder: Path) -> Mapping[str, Any]:
    path = folder / FOUND_FILE
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FpgaMlError(
            f"this is no search: {error}", where=str(path), do="give a folder that fpga-ml search wrote"
        ) from None
    return found


def read_marks(path: Path | None) -> Sequence[Mapping[str, Any]]:
    """Published points from a file: a list of {"name", "costs": {name: value}, "score"}."""
    if path is None:
        return ()
    do = 'write [{"name": "...", "costs": {"luts": 5000}, "score": 0.9}]'
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        good = all(
            isinstance(m["name"], str)
            and isinstance(m["score"], (int, float))
            and all(isinstance(v, (int, float)) for v in m["costs"].values())
            for m in found
        )
    except OSError as error:
        raise FpgaMlError(f"cannot be read: {error.strerror}", where=str(path), do="check --marks") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        good = False
    if not good:
        raise FpgaMlError("these are no published points", where=str(path), do=do)
    return list(found)
