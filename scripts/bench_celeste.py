"""Pixels a second of the Celeste kernel on one CPU core, beside hardware of one pixel a cycle, as a Markdown table.

python scripts/bench_celeste.py [--clock-mhz F]    # F: of the placed kernel
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from fpga_ml.celeste.benchmark import measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clock-mhz", type=float, help="clock of the placed kernel, a pixel a cycle")
    clock = parser.parse_args().clock_mhz
    print(
        "| one core | components | value, Mpixel/s | value and moments, Mpixel/s |" + (" kernel over it |" if clock else "")
    )
    print("|---|---|---|---|" + ("---|" if clock else ""))
    for one in measure():
        ratio = f" {clock / one.gradient:.1f} |" if clock else ""
        print(f"| {one.implementation} | {one.components} | {one.value:.1f} | {one.gradient:.1f} |{ratio}")


if __name__ == "__main__":
    main()
