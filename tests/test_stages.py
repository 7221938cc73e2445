"""Stages as a value: what does not run, and what that takes with it."""

from __future__ import annotations

from fpga_ml.config import STAGES
from fpga_ml.stages import Cannot, NotAsked, Runs, Stages

ALL = Stages.of(STAGES)


def test_what_is_not_asked_for() -> None:
    stages = Stages.of(("convert", "csim"))
    assert stages.running == ("convert", "csim")
    assert stages.states["rtl"] == NotAsked("rtl")
    assert stages.text("rtl") == "not asked for (--until rtl runs it)"


def test_a_stage_takes_those_with_it_that_need_it() -> None:
    stages = ALL.without("emulate", "a layer has no emulator")
    assert stages.as_json() == {
        "convert": "ran",
        "csim": "ran",
        "emulate": "a layer has no emulator",
        "rtl": "needs emulate, which did not run",
        "cosim": "needs rtl, which did not run",
        "synth": "needs rtl, which did not run",
    }
    assert ALL.running == STAGES  # a value: the first one is as it was


def test_the_first_reason_stays() -> None:
    stages = Stages.of(STAGES[:4]).without("csim", "no compiler").without("rtl", "too large")
    assert stages.states["csim"] == Cannot("no compiler")
    assert stages.text("rtl") == "needs emulate, which did not run"
    assert stages.states["cosim"] == NotAsked("cosim")
    assert ALL.states["synth"] == Runs()
