"""A vendor's tool on a project: scripts are written, run where the tool is, and its reports become a Synthesis."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fpga_ml import progress
from fpga_ml.config import Effort
from fpga_ml.errors import FpgaMlError
from fpga_ml.rtl.names import identifier
from fpga_ml.synthesise.naming import INSTANCES
from fpga_ml.synthesise.result import SHELL, Job, Synthesis
from fpga_ml.toolchain.batch import Batch, run_batch, shell_word

_LOG = "log.txt"


@dataclass(frozen=True)
class Flow:
    """name: after --tool; efforts: what it can do, its default first; write: the scripts, and how to run them; reports:
    files that a run leaves; read: what they say (seconds, logs are put in by `run`)."""

    name: str
    efforts: tuple[Effort, ...]
    write: Callable[[Job], Batch]
    reports: Callable[[Job], tuple[Path, ...]]
    read: Callable[[Job], Synthesis]

    def folder(self, job: Job) -> Path:
        """For scripts, log and reports: those of two tools for one device do not meet."""
        folder = job.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def scripts(self, job: Job) -> Batch:
        """Write them, and say how to run them."""
        self._check(job)
        return self.write(job)

    def run(self, job: Job) -> Synthesis:
        """The whole. Where the tool is missing the scripts are there nevertheless, and the error says how to run them."""
        batch = self.scripts(job)
        if not batch.present:
            raise FpgaMlError(
                f"scripts written, but '{batch.arguments[0]}' was not found: nothing was synthesised",
                where=str(self.folder(job)),
                do=(
                    f"{batch.get}; or, where it is installed: {batch.by_hand}; then: fpga-ml synth {shell_word(job.project)}"
                    f" --tool {self.name} --device {job.device} --effort {job.effort} --only reports"
                ),
            )
        progress.doing(batch.title)
        start, log = time.monotonic(), self.folder(job) / _LOG
        left = None if job.deadline_s is None else max(job.deadline_s - start, 1.0)
        run_batch(batch, log, self.reports(job), left)
        made = replace(self.collect(job), seconds=time.monotonic() - start)
        return replace(made, logs=(str(log.relative_to(job.project)), *made.logs))

    def collect(self, job: Job) -> Synthesis:
        """From the reports of a run that is over, here or on another machine."""
        self._check(job)
        return self.read(job)

    def _check(self, job: Job) -> None:
        if job.effort not in self.efforts:
            known = ", ".join(self.efforts)
            raise FpgaMlError(f"--tool {self.name} does not do '{job.effort}'", do=f"choose --effort {known}")


def lines(*parts: str | Sequence[str]) -> str:
    """A script's text."""
    return "\n".join(line for part in parts for line in ([part] if isinstance(part, str) else part)) + "\n"


def quoted(name: str | Path) -> str:
    """As one word of Tcl: braces, or backslashes where there are braces in it."""
    text = str(name)
    return "{" + text + "}" if not re.search(r"[{}\\]", text) else re.sub(r"([^\w/.:-])", r"\\\1", text)


def layer_at(register: str, layers: Sequence[str]) -> str:
    """The layer in whose module a register lies, by the instances in its path; '' for the top's own."""
    known = {f"{identifier(name)}{end}": name for name in layers for end in INSTANCES}
    found = (word for word in re.split(r"[/|.]", register) if word in known)
    return known.get(next(found, ""), SHELL)
