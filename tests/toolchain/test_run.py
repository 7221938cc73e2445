"""Programs side by side: results in order, and no program is left when one fails or all are interrupted."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.run import Command, Ran, beside, run, run_all, side_by_side

SAYS = partial(run, what="a shell", do="see it")


def shell(script: str, folder: Path) -> Command:
    return Command(["sh", "-c", script], folder)


def sleeper(name: str, folder: Path) -> Command:
    """Writes its process's number, and would sleep for long."""
    return shell(f"echo $$ > {name}; exec sleep 600", folder)


def is_there(file: Path) -> bool:
    """Whether the process of that number is still running."""
    try:
        os.kill(int(file.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(*files: Path) -> None:
    while not all(f.exists() and f.read_text() for f in files):
        time.sleep(0.01)


def test_results_come_in_order(tmp_path: Path) -> None:
    commands = [shell(f"sleep 0.{2 - k}; echo {k}", tmp_path) for k in range(3)]
    assert run_all(commands, what="a shell", do="see it") == ["0\n", "1\n", "2\n"]
    assert side_by_side([lambda k=k: k for k in range(5)], at_most=2) == [0, 1, 2, 3, 4]
    assert side_by_side([]) == []


@pytest.mark.parametrize("nested", [False, True])
def test_the_first_failure_ends_the_others(nested: bool, tmp_path: Path) -> None:
    """Also those that a job among them runs side by side."""
    files = [tmp_path / "one", tmp_path / "two"]
    sleepers = [sleeper(f.name, tmp_path) for f in files]

    def fails() -> Ran:
        wait_for(*files)
        return SAYS(shell("echo broken >&2; exit 3", tmp_path))

    jobs: list[Callable[[], object]] = [partial(SAYS, s) for s in sleepers]
    if nested:
        jobs = [partial(run_all, sleepers, what="a shell", do="see it")]
    with pytest.raises(FpgaMlError, match="exit code 3:\n    broken"):
        side_by_side([*jobs, fails])
    assert not any(is_there(f) for f in files)


def test_beside_other_work(tmp_path: Path) -> None:
    with beside(partial(SAYS, shell("echo done", tmp_path))) as job:
        assert job.result().stdout == "done\n"
    file = tmp_path / "one"

    def fails() -> None:
        with beside(partial(SAYS, sleeper(file.name, tmp_path))):
            wait_for(file)
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        fails()
    assert not is_there(file)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A worker of pytest-xdist ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_ends_all(tmp_path: Path, interruptible: None) -> None:
    files = [tmp_path / "one", tmp_path / "two"]

    def interrupt() -> None:
        wait_for(*files)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_all([sleeper(f.name, tmp_path) for f in files], what="a shell", do="see it")
    assert not any(is_there(f) for f in files)


def test_errors_are_followed_while_it_runs(tmp_path: Path) -> None:
    seen: list[bytes] = []
    said = SAYS(shell("for k in 1 2 3; do echo $k >&2; sleep 0.7; done; echo end", tmp_path), on_errors=seen.append)
    assert said.stdout == "end\n"
    assert len([part for part in seen if part]) >= 2
    assert b"1\n2\n3\n".startswith(b"".join(seen))
    with pytest.raises(FpgaMlError, match="exit code 3:\n    broken"):
        SAYS(shell("echo broken >&2; exit 3", tmp_path), on_errors=seen.append)
