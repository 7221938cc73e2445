"""The fuzzer: its seeds agree, it sees planted faults, and it survives what hangs or dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import fuzzing
import pytest
from fuzz_networks import network
from fuzzing import FINDS, Outcome, Run
from numpy.testing import assert_equal

from fpga_ml.layers.base import Tensor
from fpga_ml.layers.elementwise import Slope

SEED, LONG_RUN, CO_SIMULATED = 74, range(1000, 1020), range(1020, 1024)  # SEED: Vitis, parallel, a PReLU at its end


def test_a_seed_gives_the_same_network_again() -> None:
    first, second = network(SEED), network(SEED)
    assert (first.kinds, first.config) == (second.kinds, second.config)
    assert "PReLU" in first.kinds
    for a, b in zip(first.model.get_weights() + first.data, second.model.get_weights() + second.data, strict=True):
        assert_equal(a, b)


def test_a_seed_agrees_and_a_wrong_layer_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, reached, text, tags = fuzzing.verdict_of(SEED, "emulate", tmp_path / "right")
    assert (verdict, reached, text, tags["backend"]) == ("agreed", "emulate", "", ["Vitis"])
    right = Slope.evaluate

    def wrong(self: Slope, *x: Tensor) -> Tensor:
        found = right(self, *x)
        return Tensor(found.raw ^ 1, found.type)

    monkeypatch.setattr(Slope, "evaluate", wrong)
    verdict, _, text, _ = fuzzing.verdict_of(SEED, "emulate", tmp_path / "wrong")
    assert verdict == "disagreement"
    assert "emulator is not C-simulation" in text
    assert "kernel is not the emulator" in text


@pytest.mark.parametrize(
    ("prepare", "limit_s", "verdict", "text"),
    [
        (partial(time.sleep, 60), 2, "hang", "no end after 2 s"),
        (partial(os._exit, 7), 60, "traceback", "the process ended with exit code 7"),
    ],
    ids=["hangs", "dies"],
)
def test_what_hangs_or_dies(prepare: Callable[[], None], limit_s: float, verdict: str, text: str) -> None:
    start = time.monotonic()
    (found,) = fuzzing.outcomes([SEED], Run(limit_s=limit_s, prepare=prepare), preload=())
    assert (found.verdict, found.text) == (verdict, text)
    assert time.monotonic() - start < 50


def test_runs_go_on_from_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def pretended(seeds: list[int], run: Run) -> Any:
        asked.extend(seeds)
        return (Outcome(s, "agreed", "emulate", "", {}, 1.0, run.commit, run.until) for s in seeds)

    monkeypatch.setattr(fuzzing, "outcomes", pretended)
    file = tmp_path / "found.jsonl"
    for seeds, run in ((range(2), Run(commit="a")), (range(3), Run(commit="a")), (range(1), Run(commit="b"))):
        seen: list[Outcome] = []
        assert [o.seed for o in fuzzing.recorded(seeds, run, file, seen.append)] == [*seeds]
        assert [o.seed for o in seen] == [*seeds]
    assert asked == [0, 1, 2, 0]


def test_summary_counts_what_was_built() -> None:
    tags = {"layers": ["Dense"], "quantizers": [], "backend": ["Vitis"], "arch": ["stream"]}
    found = [
        Outcome(0, "agreed", "emulate", "", tags, 1.0),
        *(Outcome(k, "refused", "", f"layer 'a{k}' has {k} bits\n  do: less", tags, 1.0) for k in (1, 2)),
        Outcome(3, "crash", "", "g++ failed", tags, 1.0),
    ]
    text = fuzzing.summary(found)
    assert "4 seeds: 1 agreed, 2 refused, 0 disagreement, 1 crash, 0 traceback, 0 hang" in text
    assert "layers in seeds that agreed: 1 Dense" in text
    assert "  2 x layer '...' has N bits" in text
    assert "crash, seed 3 (Dense):\ng++ failed" in text


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "until"), [(LONG_RUN, "emulate"), (CO_SIMULATED, "cosim")])
def test_a_range_of_seeds(seeds: range, until: str) -> None:
    found = [*fuzzing.outcomes(seeds, Run(until))]
    assert [o for o in found if o.verdict in FINDS] == []
    assert sum(o.verdict == "agreed" for o in found) >= 0.8 * len(found)
