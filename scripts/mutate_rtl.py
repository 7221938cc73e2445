"""Single faults in the RTL of reference designs: how many the co-simulation detects.

    python scripts/mutate_rtl.py --seed S [--design NAME ...] [--count 100] [--json FILE] [--work FOLDER]

A run goes on where FILE, of one JSON line a fault, ends. The table at the end has a row a design:

  faults      faults that compile; the next six columns and 'survived' add up to it
  text        detected when the tables and FIFOs of the text are compared with the network's, without simulation
  alone       detected when each kernel, line buffer and the like is simulated on its own
  Icarus      detected in Icarus
  Verilator   detected in Verilator, and not in Icarus
  equivalent  Yosys or ABC proved that the fault changes no output
  reason      a person wrote in tests/mutation/reasons.toml why the fault changes nothing that matters
  survived    none of these; the fault is printed as it is found
  s a fault   mean time of a fault in seconds

The exit code is 1 where more than 1 % of a design's faults survived, or more than 2 % have a reason.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from mutation.campaign import Trial, campaign, keep, kept  # noqa: E402
from mutation.designs import DESIGNS, built  # noqa: E402
from rich.progress import Progress  # noqa: E402

from fpga_ml.progress import progress_bar  # noqa: E402

HEAD = ("design", "faults", "text", "alone", "Icarus", "Verilator", "equivalent", "reason", "survived", "s a fault")


def row(name: str, trials: list[Trial]) -> str:
    outcomes = Counter(t.outcome for t in trials)
    counts = [outcomes[o] for o in ("text", "module", "icarus", "verilator", "equivalent", "reason", "survived")]
    seconds = sum(t.seconds for t in trials) / max(1, len(trials))
    return f"| {name} | {len(trials)} | {' | '.join(map(str, counts))} | {seconds:.1f} |"


def enough(trials: list[Trial]) -> bool:
    outcomes = Counter(t.outcome for t in trials)
    return outcomes["survived"] <= 0.01 * len(trials) and outcomes["reason"] <= 0.02 * len(trials)


def tried(name: str, asked: argparse.Namespace, progress: Progress) -> list[Trial]:
    """Of one design, without those that do not compile; what survives is printed at once."""
    known = kept(asked.json)
    keys = {t.key for t in known}
    trials = []
    task = progress.add_task(name, total=asked.count)
    for trial in campaign(built(name, asked.work), asked.seed, asked.count, asked.work / name, known):
        if trial.key not in keys:
            keep(asked.json, trial)
        if trial.outcome != "broken":
            trials.append(trial)
            progress.advance(task)
        if trial.outcome == "survived":
            print(f"{name} {trial.place} ({trial.kind})\n  - {trial.before}\n  + {trial.after}", flush=True)
    return trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True, help="draws the faults")
    parser.add_argument("--design", nargs="+", choices=tuple(DESIGNS), default=list(DESIGNS), help="default: all")
    parser.add_argument("--count", type=int, default=100, help="faults of each design")
    parser.add_argument("--work", type=Path, default=Path("hls_projects/mutants"), help="folder of builds and copies")
    parser.add_argument("--json", type=Path, help="file of results; by default in the work folder")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    asked.json = asked.json or asked.work / f"seed{asked.seed}.jsonl"
    with progress_bar() as progress:
        found = {name: tried(name, asked, progress) for name in asked.design}
    print("\n".join([f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *(row(*item) for item in found.items())]))
    if not all(map(enough, found.values())):
        sys.exit(1)


if __name__ == "__main__":
    main()
