"""Work on many processes: on this machine's cores, or on a Dask cluster that the user has.

A task is a function of a module with its arguments, whose result is a function of them alone: it may run twice. What it
raises is told, and ends no other task. A worker that is killed is replaced, and its task runs again; a task that kills
several of them is run alone once more, and then given up.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fpga_ml.errors import FpgaMlError

_LAST_WORD_S = 1.0  # in which a worker that is to go tells why


class _Died(FpgaMlError):
    """The workers that ran a task, and maybe others beside it, were killed."""


@dataclass(frozen=True)
class Outcome:
    """Of a task: its place among those that were given, and its result, or what went wrong."""

    index: int
    result: Any = None
    error: Exception | None = None

    def value(self) -> Any:
        """The result; raises what the task raised."""
        if self.error is not None:
            raise self.error
        return self.result

    @property
    def said(self) -> str:
        """What went wrong, in a sentence."""
        return self.error.what if isinstance(self.error, FpgaMlError) else f"{type(self.error).__name__}: {self.error}"


Run = Callable[..., Iterator[Outcome]]
"""run(function, [arguments, ...], limit_s=None): calls the function with each tuple of arguments, somewhere; yields outcomes
as they come. limit_s: seconds that one call may take."""


@contextmanager
def workers(count: int, dask: str | None, package: str = "cluster") -> Iterator[Run]:
    """count: of local processes, 0 for one a core; dask: the address of a scheduler instead; package: what of
    `pip install 'fpga_ml[...]'` has what the tasks need."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise FpgaMlError(
            "distributed is not installed", do=f"pip install 'fpga_ml[{package}]', here and on the workers"
        ) from None
    local = {"n_workers": count or None, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    quiet = {"silence_logs": logging.CRITICAL}  # an error is told once, by us
    given: dict[str, Any] = {"address": dask, "timeout": "30s"} if dask else {**local, **quiet}
    with _silent(), _without_main():
        try:
            client = distributed.Client(**given)
        except (OSError, ValueError) as error:
            raise FpgaMlError(f"no Dask scheduler answers: {error}", where=str(dask), do="check the address") from None
        with client:
            yield _run_on(client, distributed)


@contextmanager
def _silent() -> Iterator[None]:
    """Dask's log of workers that come and go stays away from the user's own, which a notebook shows."""
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes that are started do not run the user's script again: `spawn` imports the main module by its file."""
    main = sys.modules["__main__"]
    kept: dict[str, Any] = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(kept)


def _run_on(client: Any, distributed: Any) -> Run:
    def run(
        task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], limit_s: float | None = None
    ) -> Iterator[Outcome]:
        doubtful = []
        for one in together(task, arguments, range(len(arguments)), limit_s):
            if isinstance(one.error, _Died):
                doubtful.append(one.index)
            else:
                yield one
        for index in doubtful:  # another task may have killed its workers
            yield from together(task, arguments, [index], limit_s)

    def together(
        task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], which: Sequence[int], limit_s: float | None
    ) -> Iterator[Outcome]:
        futures = {client.submit(_within, limit_s, task, *arguments[i], pure=False): i for i in which}
        try:
            for future in distributed.as_completed(list(futures)):
                yield _outcome(futures.pop(future), future, distributed)
                future.release()
        finally:
            client.cancel(list(futures), force=True)

    return run


def _outcome(index: int, future: Any, distributed: Any) -> Outcome:
    if future.status == "finished":
        return Outcome(index, future.result())
    if future.status == "error":
        error = future.exception()
        if isinstance(error, distributed.scheduler.KilledWorker):
            error = _Died("its worker died, again and again", do="see whether it takes more memory than there is")
        return Outcome(index, error=error)
    raise FpgaMlError("the Dask scheduler is gone", do="start it, and run the same again: what is done is kept")


def _within(limit_s: float | None, task: Callable[..., Any], *arguments: Any) -> Any:
    """On a worker. A call that does not end in time is told as an error, and its process goes, for nothing else ends it."""
    if limit_s is None:
        return task(*arguments)
    found: list[Outcome] = []

    def call() -> None:
        try:
            found.append(Outcome(0, task(*arguments)))
        except Exception as error:
            found.append(Outcome(0, error=error))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(limit_s)
    if found:
        return found[0].value()
    threading.Timer(_LAST_WORD_S, os._exit, [1]).start()
    raise FpgaMlError(f"it did not end within {limit_s:g} s", do="give it more time, or see why it hangs")
