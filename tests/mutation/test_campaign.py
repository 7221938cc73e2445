"""Co-simulation sees the faults that are planted into a parallel network and a stream, or Yosys proves that they change
nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutation.campaign import campaign
from mutation.designs import built


@pytest.mark.slow
@pytest.mark.parametrize(("name", "holds"), [("parallel", "_relu"), ("folded", "_pairs_fold"), ("cnn", "_window")])
def test_faults_are_seen(name: str, holds: str, tmp_path: Path) -> None:
    """holds: what one of its files is called after."""
    design = built(name, tmp_path)
    assert any(holds in file.stem for file in design.files)
    trials = list(campaign(design, 1, 30, tmp_path / "work"))
    assert sum(t.outcome != "broken" for t in trials) == 30
    assert [t for t in trials if t.outcome == "survived"] == []
    assert {t.outcome for t in trials} & {"kernel", "icarus", "verilator"}
