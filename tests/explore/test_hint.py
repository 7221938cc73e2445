"""The line that a build ends with: what fewer bits would save."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fpga_ml.config import Config
from fpga_ml.explore.hint import hint
from fpga_ml.quantise import save_plain, to_qkeras
from tests.explore import small

NO_TIME: dict[str, float] = {}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return small.written(tmp_path_factory.mktemp("small"))


def test_what_fewer_bits_save(files: tuple[Path, Path]) -> None:
    """The network is exact enough with 12 of 16 bits; products shrink with their widths."""
    line = hint(*files, Config(bits=16), NO_TIME)
    assert line is not None
    bits, saved = map(int, re.match(r"(\d+) bits everywhere: about (\d+) % fewer LUTs", line).groups())  # type: ignore[union-attr]
    assert bits == 12
    assert 15 < saved < 60
    assert line.endswith(f"fpga-ml search {files[0]}")


def test_where_bits_are_missed_it_says_nothing(files: tuple[Path, Path]) -> None:
    assert hint(*files, Config(bits=4), NO_TIME) is None


def test_without_labels_it_says_nothing(files: tuple[Path, Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=small.samples(100, 1)["x"])
    assert hint(files[0], tmp_path / "x.npz", Config(bits=16), NO_TIME) is None


def test_of_a_model_that_has_its_bits_it_says_nothing(files: tuple[Path, Path], tmp_path: Path) -> None:
    """As a file, and in a folder with its float model, which is not what is built."""
    twin = to_qkeras(small.network(), bits=8, data=small.samples(100, 1)["x"])
    save_plain(twin, tmp_path / "quantised.keras")
    small.network().save(tmp_path / "float.keras")
    assert hint(tmp_path / "quantised.keras", files[1], Config(bits=16), NO_TIME) is None
    assert hint(tmp_path, files[1], Config(bits=16), NO_TIME) is None


def test_of_a_slow_build_it_says_nothing(files: tuple[Path, Path]) -> None:
    assert hint(*files, Config(bits=16), {"quantise": 3.0}) is None
