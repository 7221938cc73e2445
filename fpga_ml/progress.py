"""Progress on the terminal: on stderr, so that stdout holds results only, and nowhere else than on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


def progress_bar() -> Progress:
    """A bar with a description, a count and the time so far; it is gone when it ends. It draws nothing where stderr is no
    terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    )


class Shown:
    """A watcher that draws progress on stderr, so that stdout stays clean."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("start", total=None)

    def stage(self, name: str) -> None:
        self.progress.update(self.task, description=name, total=None, completed=0)

    def samples(self, total: int) -> Callable[[int], None]:
        self.progress.update(self.task, total=total, completed=0)
        return lambda done: self.progress.advance(self.task, done)


@contextmanager
def muted() -> Iterator[None]:
    """Without what TensorFlow's C++ writes on stderr while it is imported; Python's own errors pass."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
