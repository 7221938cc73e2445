"""Makes a set of simulated jets; a run that was interrupted goes on where it stopped.

    python scripts/generate_jets.py five_class --pt 1000 --events 20000 -o data
    python scripts/generate_jets.py quark_gluon --pt 200 --events 100000 --seed 2 --dask tcp://host:8786 -o data

Needs pip install 'fpga_ml[jets]'. Sets, classes and arrays: fpga_ml/science/jets/sets.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.jets.generate import Order, generate
from fpga_ml.science.jets.sets import SETS, jet_set


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--pt", type=int, help="bin in GeV; default: the set's first")
    parser.add_argument("--events", type=int, default=10000, help="of each class, that are simulated to their end")
    parser.add_argument("--shard-events", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--dask", help="address of a Dask scheduler, in place of processes here")
    parser.add_argument("-o", "--output", type=Path, default=Path("data"))
    return parser.parse_args()


def main() -> None:
    a = _arguments()
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    try:
        order = Order(a.set, a.pt or jet_set(a.set).pt_bins_gev[0], a.events, a.shard_events, a.seed)
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(f"{order.name} shards", total=None)

            def started(total: int):
                progress.update(task, total=total)
                return lambda done: progress.advance(task, done)

            folder = generate(order, a.output, jobs=a.jobs, dask=a.dask, started=started)
    except FpgaMlError as error:
        sys.exit(f"error: {error}")
    print(folder)


if __name__ == "__main__":
    main()
