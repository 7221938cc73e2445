"""Random networks through the compiler: scripts/fuzz.py --seeds 0-299 [--until cosim] [--json FILE].

A seed gives the same network in every run of the same commit. Each seed is built in a process of its own and gets one
verdict:

  agreed        every simulation that ran gave the same bits
  refused       fpga_ml gave an error message, or a stage did not run and the report says why
  disagreement  two simulations gave different bits
  crash         a compiler, or a program that it made, ended with an error
  traceback     fpga_ml ended with an exception that is no error message
  hang          no end within --limit-s

The last four are finds; with one the exit code is 1. What is printed at the end:

  agreed, by the last stage   how many seeds ran up to which stage
  layers, quantizers, backend, arch   in how many seeds that agreed each of them was
  refused                     how often each message was given, without names and numbers
  then each find, with its seed, its layers and what went wrong

The outcomes go to a file, a JSON line each (fuzzing.Outcome). A run leaves out the seeds that are in it, if they were run
with the same commit and the same --until.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}

import fuzzing  # noqa: E402

from fpga_ml.progress import progress_bar  # noqa: E402


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=_seeds, required=True, help="17 or 0-299")
    parser.add_argument("--until", choices=("emulate", "cosim"), default="emulate", help="the last stage of each build")
    parser.add_argument("--limit-s", type=float, default=300.0, help="for each seed; one that takes longer hangs")
    parser.add_argument(
        "--json", type=Path, default=Path("fuzz.jsonl"), help="the file of outcomes, which a run goes on from"
    )
    parser.add_argument("--fresh", action="store_true", help="begin the file anew")
    parser.add_argument("--keep", type=Path, help="a folder for the projects of finds")
    return parser.parse_args()


def main() -> int:
    asked = _arguments()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    run = fuzzing.Run(asked.until, asked.limit_s, commit, asked.keep)
    if asked.fresh:
        asked.json.unlink(missing_ok=True)
    with progress_bar() as progress:
        task, finds = progress.add_task("seeds", total=len(asked.seeds)), Counter[str]()

        def show(outcome: fuzzing.Outcome) -> None:
            finds[outcome.verdict] += 1
            counts = ", ".join(f"{n} {verdict}" for verdict, n in finds.items())
            progress.update(task, advance=1, description=f"seeds: {counts}")

        found = fuzzing.recorded(asked.seeds, run, asked.json, show)
    print(fuzzing.summary(found))
    return int(any(o.verdict in fuzzing.FINDS for o in found))


if __name__ == "__main__":
    sys.exit(main())
