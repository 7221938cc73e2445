"""A program that runs a script to its end: what the vendors' tools have in common."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.run import Command, last_words, run


def shell_word(path: Path) -> str:
    """A path on a command line that a person copies: one word, and no option."""
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))


@dataclass(frozen=True)
class Batch:
    """title: as its vendor calls it; arguments: with the program first; cwd: where it runs; get: how to get it."""

    title: str
    arguments: tuple[str, ...]
    cwd: Path
    get: str

    @property
    def by_hand(self) -> str:
        """For a shell."""
        return f"cd {shell_word(self.cwd)} && {shlex.join(self.arguments)}"

    @property
    def present(self) -> bool:
        return shutil.which(self.arguments[0]) is not None


def run_batch(batch: Batch, log: Path, makes: Sequence[Path], timeout_s: float | None) -> None:
    """Run it to the end; what it says goes into `log` as it comes.

    makes: the reports that it leaves, which are taken away first: a tool that fails must not leave those of an earlier run.
    Raises FpgaMlError with the tool's own last errors where it fails, and where it ends well without a report.
    """
    for report in makes:
        report.unlink(missing_ok=True)
    do = f"see {log}"
    with log.open("w") as file:

        def keep(line: str) -> None:
            file.write(line + "\n")
            file.flush()

        run(Command(batch.arguments, batch.cwd), what=batch.title, do=do, timeout_s=timeout_s, on_line=keep, together=True)
    absent = next((report for report in makes if not report.exists()), None)
    if absent is not None:
        said = last_words(log.read_text(errors="replace")) or "(it said nothing)"
        raise FpgaMlError(f"{batch.title} ended without writing {absent.name}:\n    {said}", where=str(batch.cwd), do=do)
