"""The one place where other programs are run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.errors import FpgaMlError

_TAIL_LINES = 25


@dataclass(frozen=True)
class Command:
    """A program with its arguments, where it runs, and what it needs in its environment besides ours."""

    arguments: Sequence[str]
    cwd: Path
    environment: Mapping[str, str] | None = None


def run(command: Command, *, what: str, do: str, timeout_s: float | None = None) -> str:
    """Run to the end and give stdout; a failure raises with the tool's own last lines."""
    try:
        done = subprocess.run(
            list(command.arguments),
            cwd=command.cwd,
            env={**os.environ, **(command.environment or {})},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise FpgaMlError(f"{what}: '{command.arguments[0]}' not found", do=do) from None
    except subprocess.TimeoutExpired:
        raise FpgaMlError(f"{what}: no end after {timeout_s:.0f} s", where=str(command.cwd), do=do) from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "(it said nothing)").splitlines()
        tail = "\n    ".join(said[-_TAIL_LINES:])
        raise FpgaMlError(
            f"{what}: {command.arguments[0]} failed with exit code {done.returncode}:\n    {tail}",
            where=str(command.cwd),
            do=do,
        )
    return done.stdout


def run_all(commands: Sequence[Command], *, what: str, do: str, timeout_s: float | None = None) -> list[str]:
    """Several commands side by side, and the stdout of each; the first failure raises."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        futures = [pool.submit(run, c, what=what, do=do, timeout_s=timeout_s) for c in commands]
        return [future.result() for future in futures]
