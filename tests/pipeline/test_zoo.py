"""Known models, whole: Keras or QKeras in, C-simulation out, equal bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import lowered_equals
from zoo import ZOO, quick, samples

import fpga_ml

STREAMED = ["conv1d_6bit", "conv2d_6bit", "conv2d_float", "skip_6bit"]
SLOW_STREAMED = ["tagger_6bit", "tagger_float", "conv1d_float", "separable_6bit"]
CASES = (
    [(name, "parallel") for name in ZOO]
    + [(name, "stream") for name in STREAMED]
    + [pytest.param(name, "stream", marks=pytest.mark.slow) for name in SLOW_STREAMED]
)


@pytest.mark.parametrize(("name", "arch"), CASES)
def test_equals_bit_for_bit(name: str, arch: str, tmp_path: Path) -> None:
    model = ZOO[name]()
    project = fpga_ml.compile(model, data=samples(model), config=quick(arch=arch), output=tmp_path / "p")
    csim = project.report["csim"]
    assert project.report["emulator"]["mismatches"] == 0
    if arch == "parallel":
        lowered_equals(project, samples(model))
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]
    assert csim["samples"] == 200
    if name.startswith("tagger"):
        assert csim["argmax_flips"] == 0


def test_float_model_is_followed_closely(tmp_path: Path) -> None:
    """16-bit post-training quantisation costs less than a thousandth of the outputs' range, and saturates nothing."""
    model = ZOO["two_inputs_two_heads_float"]()
    project = fpga_ml.compile(model, data=samples(model), output=tmp_path / "p", config=quick())
    assert project.report["csim"]["max_abs_err_vs_float"] < 1e-3
    assert all(row["saturated"] == 0 for row in project.report["quantisation"])
