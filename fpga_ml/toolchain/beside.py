"""Work beside the caller's, in a thread: for programs that take long and whose result is wanted later."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from fpga_ml.toolchain.run import Processes, end_all, listed

T = TypeVar("T")


class Beside(Generic[T]):
    """`work` runs while the block does; `result` waits for it, and raises what it raised. When the block ends before the work does, the
    programs that it runs are ended.

    with Beside(build) as built:
        ...
        library = built.result()
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._found: list[T] = []
        self._error: BaseException | None = None
        self._running: Processes = []
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._run,), daemon=True)

    def _run(self) -> None:
        try:
            with listed(self._running):
                self._found.append(self._work())
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found[0]

    def __enter__(self) -> Beside[T]:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        end_all(self._running, self._thread.is_alive)
