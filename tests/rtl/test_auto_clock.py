"""`--clock-ns auto`: of all clocks the one whose stages answer soonest, against trying every one."""

from __future__ import annotations

import math

import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.schedule.auto import clock_of_least_latency_ns

REGISTER_NS = 1.3


def pipeline(delays_ns: list[float], clock_ns: float) -> int:
    """Stages of a chain of operations, packed as they come."""
    stage, at = 0, 0.0
    for delay in delays_ns:
        if delay > clock_ns - REGISTER_NS:
            raise FpgaMlError("too slow")
        stage, at = (stage, at + delay) if at + delay <= clock_ns - REGISTER_NS else (stage + 1, delay)
    return stage


@pytest.mark.parametrize(
    "delays_ns", [[3.0], [2.1, 3.9, 2.2, 0.4, 1.7] * 3, [5.0, 0.5, 5.0, 0.5, 5.0, 0.5, 5.0, 0.5], [0.7] * 90]
)
def test_no_clock_answers_sooner(delays_ns: list[float]) -> None:
    found = clock_of_least_latency_ns(lambda clock_ns: pipeline(delays_ns, clock_ns))

    def answer_ns(clock_ns: float) -> float:
        try:
            return (pipeline(delays_ns, clock_ns) + 1) * clock_ns
        except FpgaMlError:
            return math.inf

    best = min(answer_ns(k / 100) for k in range(100, 2501))
    assert answer_ns(found) == pytest.approx(best, rel=0.03)


def test_cycles_that_do_not_depend_on_the_clock_ask_for_the_fastest() -> None:
    """A stream waits for its pixels."""
    assert clock_of_least_latency_ns(lambda clock_ns: 1000 + pipeline([2.0, 3.0], clock_ns)) == 4.3


def test_an_operation_that_is_slower_than_any_clock() -> None:
    with pytest.raises(FpgaMlError, match="too slow"):
        clock_of_least_latency_ns(lambda clock_ns: pipeline([30.0], clock_ns))
