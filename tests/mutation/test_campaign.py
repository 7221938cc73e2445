"""Co-simulation sees the faults that are planted into a parallel network and a stream, or Yosys proves that they change
nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutation.campaign import campaign
from mutation.designs import built


@pytest.mark.slow
@pytest.mark.parametrize("name", ["parallel", "cnn"])
def test_faults_are_seen(name: str, tmp_path: Path) -> None:
    trials = list(campaign(built(name, tmp_path), 1, 30, tmp_path / "work"))
    assert sum(t.outcome != "broken" for t in trials) == 30
    assert [t for t in trials if t.outcome == "survived"] == []
    assert {t.outcome for t in trials} & {"kernel", "icarus", "verilator"}
