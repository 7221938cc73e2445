"""The C++ in firmware/ gives the raw integers of vectors.json, bit for bit."""

from pathlib import Path

from tb import compiled


def test_csim(tmp_path: Path) -> None:
    assert compiled.differences(tmp_path) == []
