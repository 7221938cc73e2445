"""The C++ in firmware/ gives the raw integers of vectors.json, bit for bit, and its weights are what a vendor's compiler
reads."""

from pathlib import Path

from tb import compiled, weights


def test_csim(tmp_path: Path) -> None:
    assert compiled.differences(tmp_path) == []


def test_weights() -> None:
    assert weights.differences(compiled.TESTS.parent / "firmware" / "weights") == []
