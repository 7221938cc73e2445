"""Settings given to `compile` by keyword."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError


def test_they_are_taken_before_those_of_the_configuration(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Dense(1, name="fc")])
    config = Config(bits=9, until="convert", clock_ns=7.0)
    report = fpga_ml.compile(model, config=config, output=tmp_path / "p", bits=6, arch="stream").report
    assert (report["config"]["arch"], report["config"]["clock_ns"]) == ("stream", 7.0)
    types = [row["type"] for row in report["quantisation"] if row["kind"] == "weight"]
    assert [t.split(",")[0] for t in types] == ["ap_fixed<6"]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [({"bit": 8}, "unknown setting 'bit'"), ({"arch": "streams"}, "unknown arch 'streams'"), ({"bits": 1}, "bits = 1 is")],
)
def test_a_wrong_one_is_told_before_the_model_is_read(wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(FpgaMlError, match=what):
        fpga_ml.compile("no_such_model.keras", **wrong)
