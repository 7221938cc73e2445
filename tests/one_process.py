"""Workers that are none: tasks one after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fpga_ml.cluster import Outcome, Run


@contextmanager
def here(count: int, dask: str | None, package: str) -> Iterator[Run]:
    """In place of `fpga_ml.cluster.workers`."""

    def run(
        task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], limit_s: float | None = None
    ) -> Iterator[Outcome]:
        for index, one in enumerate(arguments):
            try:
                yield Outcome(index, task(*one))
            except Exception as error:
                yield Outcome(index, error=error)

    yield run
