"""The waveforms in docs/vendor/ are what the RTL does now."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def test_the_drawings_are_current(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(repository / "scripts"), *sys.path])
    from draw_waveforms import waveforms

    found = waveforms()
    assert set(found) == {"parallel.svg", "stream.svg"}
    for name, text in found.items():
        assert (repository / "docs" / "vendor" / name).read_text() == text + "\n", "run scripts/draw_waveforms.py"
