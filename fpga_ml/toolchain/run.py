"""The one place where other programs are run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from fpga_ml import progress
from fpga_ml.errors import FpgaMlError

_POLL_SECONDS = 0.02
_FOLLOW_SECONDS, _FOLLOW_BYTES = 1.0, 1 << 24
_TAIL_LINES = 25
_KB_PER_MB = 1024
Returned = TypeVar("Returned")
# Who may have to end a program: each `side_by_side` within which it is started.
_groups: ContextVar[tuple[list[subprocess.Popen[str]], ...]] = ContextVar("groups", default=())


@dataclass(frozen=True)
class Command:
    """A program with its arguments, where it runs, and what it needs in its environment besides ours."""

    arguments: Sequence[str]
    cwd: Path
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Ran:
    """A program that came to its end. stdout: with stderr among it where there is a log; memory_mb: the most it held."""

    stdout: str
    memory_mb: float


def run(
    command: Command,
    *,
    what: str,
    do: str,
    timeout_s: float | None = None,
    on_line: Callable[[str], None] | None = None,
    together: bool = False,
    log: Path | None = None,
    on_errors: Callable[[bytes], None] | None = None,
) -> Ran:
    """Run to the end; a failure raises with the tool's own last lines.

    on_line: called with each line of stdout as it comes, without its end; together: what comes on stderr belongs to stdout,
    of a tool that has its errors on either; log: a file that gets all that the program says on either, as it says it, and
    stays when it fails; on_errors: called with what comes on stderr, now and then.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as errors, ExitStack() as files:
        kept = None if log is None else files.enter_context(log.open("w"))
        late, lines = threading.Event(), []

        def give_up() -> None:
            late.set()
            _end(process)

        over = threading.Event()
        files.callback(over.set)
        if on_errors:
            follow = partial(copy_context().run, _follow, errors, on_errors, over)
            threading.Thread(target=follow, daemon=True).start()
        timer = threading.Timer(timeout_s or 0, give_up)
        timer.daemon = True  # an interrupted program does not wait for it
        try:
            process = _started(command, subprocess.STDOUT if together or log else errors)
        except FileNotFoundError:
            raise FpgaMlError(f"{what}: '{command.arguments[0]}' not found", do=do) from None
        with process:
            try:
                for group in _groups.get():
                    group.append(process)
                if timeout_s is not None:
                    timer.start()
                for line in process.stdout or ():
                    lines.append(line)
                    if kept:
                        kept.write(line)
                        kept.flush()
                    if on_line:
                        on_line(line.rstrip("\n"))
                memory_mb = _awaited(process)
            finally:
                timer.cancel()
                _end(process)  # does nothing to one that has ended; ends one that was interrupted
        errors.seek(0)
        where = str(log or command.cwd)
        if late.is_set():
            raise FpgaMlError(f"{what}: no end after {timeout_s:.0f} s", where=where, do=do)
        if process.returncode != 0:
            said = errors.read().strip() or "".join(lines).strip() or "(it said nothing)"
            raise FpgaMlError(
                f"{what}: {command.arguments[0]} {_ending(process.returncode)}:\n    {last_words(said)}",
                where=where,
                do=do,
            )
        return Ran("".join(lines), memory_mb)


def _follow(file: IO[str], told: Callable[[bytes], None], over: threading.Event) -> None:
    """What comes into a file, as long as it is not over. Read by position: who writes shares the file's own."""
    at = 0
    while not over.wait(_FOLLOW_SECONDS):
        with contextlib.suppress(OSError, ValueError):  # it has just been closed
            found = os.pread(file.fileno(), _FOLLOW_BYTES, at)
            at += len(found)
            told(found)


def _started(command: Command, errors: IO[str] | int) -> subprocess.Popen[str]:
    """In a session of its own, so that it can be ended with all that it starts; errors: where its stderr goes."""
    return subprocess.Popen(
        list(command.arguments),
        cwd=command.cwd,
        env={**os.environ, **(command.environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _awaited(process: subprocess.Popen[str]) -> float:
    """Wait for the end; the most memory that the process and those it waited for held at a time, MB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / _KB_PER_MB


def _end(process: subprocess.Popen[str]) -> None:
    """With all that it started: vendors' programs are scripts that start others, which would go on and hold the pipe open.

    Only while nothing has waited for it: until then its number belongs to no other group of processes.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _ending(code: int) -> str:
    return f"crashed ({signal.Signals(-code).name})" if code < 0 else f"failed with exit code {code}"


def last_words(said: str) -> str:
    """A compiler's errors stand among pages of template context; another tool's last words are its end."""
    lines = said.splitlines()
    complaints = [line for line in lines if "error" in line.lower()]
    return "\n    ".join((complaints or lines)[-_TAIL_LINES:])


def run_all(
    commands: Sequence[Command],
    *,
    what: str,
    do: str,
    timeout_s: float | None = None,
    on_line: Callable[[str], None] | None = None,
    unit: str = "",
) -> list[str]:
    """Several commands side by side, and the stdout of each. unit: what each of them makes, for whoever watches."""

    def one(command: Command) -> Ran:
        ran = run(command, what=what, do=do, timeout_s=timeout_s, on_line=on_line)
        if unit:
            progress.done(1, unit)
        return ran

    if unit:
        progress.expect(len(commands), unit)
    jobs = [partial(one, c) for c in commands]
    return [ran.stdout for ran in side_by_side(jobs, at_most=os.cpu_count() or 1)]


def side_by_side(jobs: Sequence[Callable[[], Returned]], at_most: int | None = None) -> list[Returned]:
    """What each job returns, one thread a job. The first failure, or an interruption, ends all programs that the others run,
    and raises. at_most: so many of them at a time."""
    with _Pool(at_most or max(len(jobs), 1)) as pool:
        futures = [pool.begin(job) for job in jobs]
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            if future.done():
                future.result()  # raises
        return [future.result() for future in futures]


@contextlib.contextmanager
def beside(job: Callable[[], Returned]) -> Iterator[Future[Returned]]:
    """The job in a thread of its own, while the caller does something else. An exception within the block ends the programs
    that the job runs."""
    with _Pool(1) as pool:
        yield pool.begin(job)


class _Pool:
    """Threads whose programs end where an exception leaves the block."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(size)
        self._running: list[subprocess.Popen[str]] = []
        self._futures: list[Future[Any]] = []

    def begin(self, job: Callable[[], Returned]) -> Future[Returned]:
        def begun() -> Returned:
            _groups.set((*_groups.get(), self._running))
            return job()

        future = self._pool.submit(copy_context().run, begun)
        self._futures.append(future)
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            while not all(future.done() for future in self._futures):  # one may be about to start
                for process in [*self._running]:
                    _end(process)
                time.sleep(_POLL_SECONDS)
        self._pool.shutdown()
