"""What workers are given in tests/test_cluster.py."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def double(value: int) -> int:
    return 2 * value


def cannot(value: int) -> int:
    raise ValueError(f"{value} is too much")


def hang(value: int) -> int:
    while value:
        time.sleep(0.01)
    return value


def killed_once(marker: str) -> int:
    """Killed the first time that it runs, as the system kills one that takes too much memory."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def always_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def one_of(name: str, *arguments: object) -> object:
    """By its name, so that one call may give different tasks."""
    return globals()[name](*arguments)
