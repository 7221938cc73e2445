"""Which stages of a build run, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fpga_ml.config import STAGES

_NEEDS = {"emulate": "csim", "rtl": "emulate", "cosim": "rtl", "synth": "rtl"}  # {stage: the one whose results it takes}


@dataclass(frozen=True)
class Runs:
    text = "ran"


@dataclass(frozen=True)
class NotAsked:
    """stage: the one that does not run."""

    stage: str

    @property
    def text(self) -> str:
        return f"not asked for (--until {self.stage} runs it)"


@dataclass(frozen=True)
class Cannot:
    why: str

    @property
    def text(self) -> str:
        return self.why


State = Runs | NotAsked | Cannot


@dataclass(frozen=True)
class Stages:
    """The state of each stage, in the order in which they run."""

    states: Mapping[str, State]

    @classmethod
    def of(cls, asked: Sequence[str]) -> Stages:
        """Those that were asked for run."""
        return cls({stage: Runs() if stage in asked else NotAsked(stage) for stage in STAGES})

    def runs(self, stage: str) -> bool:
        return isinstance(self.states[stage], Runs)

    @property
    def running(self) -> tuple[str, ...]:
        return tuple(stage for stage in self.states if self.runs(stage))

    def text(self, stage: str) -> str:
        """'ran', or why not."""
        return self.states[stage].text

    def without(self, stage: str, why: str) -> Stages:
        """This stage cannot run, nor can those that need it. One that was not to run stays as it is."""
        if not self.runs(stage):
            return self
        found = Stages({**self.states, stage: Cannot(why)})
        for later in (s for s, before in _NEEDS.items() if before == stage):
            found = found.without(later, f"needs {stage}, which did not run")
        return found

    def as_json(self) -> dict[str, str]:
        """As in report.json."""
        return {stage: state.text for stage, state in self.states.items()}
