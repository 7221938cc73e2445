"""Progress of long work. Whoever works says so here (`doing`, `expect`, `done`), in any room; whoever watches shows it.

On a terminal it is drawn on stderr, so that stdout holds results only; elsewhere nothing is drawn.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Stage(Protocol):
    """What is shown of a stage while it runs; several may run at a time."""

    def doing(self, what: str) -> None:
        """It works at this part of it now."""

    def expect(self, total: int) -> None:
        """So much is to be done from now on."""

    def done(self, count: int) -> None:
        """So much more is done."""


class Watcher(Protocol):
    """Is told what goes on, to show it."""

    def stage(self, name: str) -> AbstractContextManager[Stage]:
        """A stage, which runs within the block."""


_stage: ContextVar[Stage | None] = ContextVar("stage", default=None)


@contextmanager
def stage(watcher: Watcher | None, name: str) -> Iterator[None]:
    """A stage of the work; what is said within the block, and in threads that it starts, belongs to it."""
    if watcher is None:
        yield
        return
    with watcher.stage(name) as shown:
        token = _stage.set(shown)
        try:
            yield
        finally:
            _stage.reset(token)


def doing(what: str) -> None:
    """The stage works at this part of it now."""
    if shown := _stage.get():
        shown.doing(what)


def expect(total: int) -> None:
    """The stage has so much to do from now on."""
    if shown := _stage.get():
        shown.expect(total)


def done(count: int = 1) -> None:
    """The stage has done so much more."""
    if shown := _stage.get():
        shown.done(count)


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
    """A watcher that draws each running stage as a bar."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        bar = _Bar(self.progress, name)
        try:
            yield bar
        finally:
            self.progress.remove_task(bar.task)


class _Bar:
    def __init__(self, progress: Progress, name: str) -> None:
        self.progress, self.name = progress, name
        self.task = progress.add_task(name, total=None)

    def doing(self, what: str) -> None:
        self.progress.update(self.task, description=f"{self.name}, {what}", total=None, completed=0)

    def expect(self, total: int) -> None:
        self.progress.update(self.task, total=total, completed=0)

    def done(self, count: int) -> None:
        self.progress.advance(self.task, count)


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
