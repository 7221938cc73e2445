"""Progress of long work. Whoever works says so here (`doing`, `expect`, `done`), in any room; whoever watches shows it.

On a terminal it is drawn on stderr, so that stdout holds results only; in a notebook below the cell; elsewhere nothing is
drawn.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Task as RichTask
from rich.text import Text

Item = TypeVar("Item")
_LEAST_SHARE, _LEAST_S = 0.03, 2.0  # done, before the rest is estimated
_NOTEBOOK_EVERY_S = 0.5
# What each stage is called, in the order of docs/pipeline.md.
STAGES = {
    "load": "load the model",
    "quantise": "quantise",
    "convert": "convert",
    "clock": "find the clock",
    "write": "write the HLS project",
    "build csim": "compile C-simulation",
    "csim": "C-simulation",
    "emulate": "emulator",
    "lower": "lower to a network",
    "rtl": "write the RTL",
    "build rtl": "compile the RTL for simulation",
    "cosim": "co-simulation",
    "tests": "write the project's tests",
    "synth": "synthesis",
}
_OF_A_SEARCH = {"sensitivity": "noise of each tensor", "trials": "trials", "points": "build the front"}


class Stage(Protocol):
    """What is shown of a stage while it runs; several may run at a time."""

    def doing(self, what: str) -> None:
        """It works at this part of it now."""

    def expect(self, total: int, unit: str) -> None:
        """So much more is to be done, in units such as 'samples'."""

    def done(self, count: int, unit: str) -> None:
        """So much more is done."""


class Watcher(Protocol):
    """Is told what goes on, to show it."""

    def plan(self, stages: Sequence[str]) -> None:
        """These stages will run, in this order or side by side."""

    def stage(self, name: str) -> AbstractContextManager[Stage]:
        """A stage, which runs within the block."""

    def say(self, text: str) -> None:
        """Something that a user may want to know now."""


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


def watched() -> bool:
    """Whether somebody watches."""
    return _stage.get() is not None


def doing(what: str) -> None:
    """The stage works at this part of it now."""
    if shown := _stage.get():
        shown.doing(what)


def expect(total: int, unit: str) -> None:
    """The stage has so much more to do."""
    if shown := _stage.get():
        shown.expect(total, unit)


def done(count: int, unit: str) -> None:
    """The stage has done so much more."""
    if shown := _stage.get():
        shown.done(count, unit)


@contextmanager
def unseen() -> Iterator[None]:
    """Nobody is told what is done within the block, of work that is repeated."""
    token = _stage.set(None)
    try:
        yield
    finally:
        _stage.reset(token)


def each(items: Sequence[Item], unit: str) -> Iterator[Item]:
    """The items, each done when the next is asked for."""
    expect(len(items), unit)
    for item in items:
        yield item
        done(1, unit)


@contextmanager
def watching(asked: bool | Watcher) -> Iterator[Watcher | None]:
    """Who watches: the given one, or a terminal's or notebook's own; nobody where it is False, or nobody would see it."""
    if not isinstance(asked, bool):
        yield asked
    elif asked and _in_notebook():
        notebook = _Notebook()
        try:
            yield notebook
        finally:
            notebook.end()
    elif asked and (console := Console(stderr=True)).is_terminal:
        with Progress(_Line(), console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
            yield _Terminal(progress)
    else:
        yield None


@dataclass
class Work:
    """A stage as it stands. counts: {unit: [done, to be done]}."""

    name: str
    number: int
    of: int
    what: str = ""
    counts: dict[str, list[int]] = field(default_factory=dict)
    began: float = field(default_factory=lambda: time.monotonic())

    def doing(self, what: str) -> None:
        self.what = what

    def expect(self, total: int, unit: str) -> None:
        self.counts.setdefault(unit, [0, 0])[1] += total

    def done(self, count: int, unit: str) -> None:
        self.counts.setdefault(unit, [0, 0])[0] += count

    def text(self, width: int = 0) -> str:
        """In one line: which stage, how much of it is done, how long it runs, and how long it may take. width: columns there
        are, 0 for any number; the part that it works at is left out first."""
        took = time.monotonic() - self.began
        counts = self._counts()
        left = self._left_s(took)
        times = [_clock(took), *([] if left is None else [f"about {_clock(left)} left"])]
        place = f"stage {self.number} of {self.of}" if self.number else ""
        name = (STAGES | _OF_A_SEARCH).get(self.name, self.name)
        whole = [place, f"{name}, {self.what}" if self.what else name, *counts, *times]
        shorter = [
            whole,
            [place, name, *counts, *times],
            [place, name, *counts[:1], *times],
            [place, name, *counts[:1], times[0]],
        ]
        texts = [" · ".join(filter(None, parts)) for parts in shorter]
        return next((text for text in texts if not width or len(text) <= width), texts[-1])

    def _counts(self) -> list[str]:
        """What is not through yet; the last where all is."""
        counts = list(self.counts.items())
        open_ones = [(unit, c) for unit, c in counts if c[0] != c[1]] or counts[-1:]
        return [f"{n:,} of {total:,} {unit}" if total else f"{n:,} {unit}" for unit, (n, total) in open_ones]

    def _left_s(self, took: float) -> float | None:
        shares = [n / total for n, total in self.counts.values() if total]
        share = min(shares, default=0.0)
        return took * (1 - share) / share if share >= _LEAST_SHARE and took >= _LEAST_S and share < 1 else None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


class _Planned:
    """Gives each stage its number."""

    def __init__(self) -> None:
        self.stages: Sequence[str] = ()

    def plan(self, stages: Sequence[str]) -> None:
        self.stages = stages

    def work(self, name: str) -> Work:
        number = self.stages.index(name) + 1 if name in self.stages else 0
        return Work(name, number, len(self.stages))


class _Terminal(_Planned):
    """Each running stage is a line, which goes when it ends."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        work = self.work(name)
        task = self.progress.add_task(name, total=None, work=work)
        try:
            yield work
        finally:
            self.progress.remove_task(task)

    def say(self, text: str) -> None:
        self.progress.console.print(text, markup=False, highlight=False)


class _Line(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        width = Console(stderr=True).width
        return Text(task.fields["work"].text(width), no_wrap=True, overflow="ellipsis")


class _Notebook(_Planned):
    """A display of text below the cell, which needs no widgets."""

    def __init__(self) -> None:
        super().__init__()
        from IPython.display import display

        show: Any = display
        self.handle: Any = show({"text/plain": ""}, raw=True, display_id=True)
        self.began = time.monotonic()
        self.running: list[Work] = []
        self.lock = threading.Lock()
        self.said: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        work = self.work(name)
        over = threading.Event()
        with self.lock:
            self.running.append(work)
        thread = threading.Thread(target=self._draw_until, args=(over,), daemon=True)
        thread.start()
        try:
            yield work
        finally:
            over.set()
            thread.join()
            with self.lock:
                self.running.remove(work)
            self._draw()

    def say(self, text: str) -> None:
        self.said.append(text)

    def end(self) -> None:
        """Leave in a line how long it took."""
        self.said.append(f"{len(self.stages)} stages in {_clock(time.monotonic() - self.began)}")
        self._draw()

    def _draw_until(self, over: threading.Event) -> None:
        while not over.wait(_NOTEBOOK_EVERY_S):
            self._draw()

    def _draw(self) -> None:
        with self.lock:
            text = "\n".join([*self.said, *(work.text() for work in self.running)])
            self.handle.update({"text/plain": text}, raw=True)


def _in_notebook() -> bool:
    """Whether a kernel of Jupyter shows what is displayed."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


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
