"""Random networks through the compiler: scripts/fuzz.py --seeds 0-299 [--until cosim] [--json FILE].

Each seed is built in a process of its own and judged: agreed, refused (with a message), or a find: disagreement, traceback, hang.
The outcomes go to a file, a line each; seeds that are in it, of the same commit and as far, are not run again.
A seed gives the same network in every run of the same commit. The exit code is 1 if there is a find.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}

import fuzzing  # noqa: E402


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=_seeds, required=True, help="17 or 0-299")
    parser.add_argument("--until", choices=("emulate", "cosim"), default="emulate")
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
    found = fuzzing.recorded(asked.seeds, run, asked.json)
    print(fuzzing.summary(found))
    return int(any(o.verdict in fuzzing.FINDS for o in found))


if __name__ == "__main__":
    sys.exit(main())
