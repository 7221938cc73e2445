"""HGQ2's layers down to RTL: C-simulation, emulator and simulators give what the model gives, in every bit.

A model has many of them, an output each: one project is built for all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hgq_models import CASES, data, made
from simulators import USUAL

import fpga_ml
from fpga_ml.config import Config

# hls4ml computes neither of these convolutions.
SPREAD = ("conv1d_causal_apart", "conv2d_dilated", "conv2d_groups")  # in a build of their own
# A third has no fixed-point type: the report says where hls4ml's C++ rounds it.
ROUNDED = ("qmean_of_three",)
BUILT = [name for name in CASES if name not in (*SPREAD, *ROUNDED)]
STYLES = ("wrap", "sat", "sym", "stochastic", "sat_each")
MOST = 8  # in a model
PARALLEL = [(BUILT[n : n + MOST], STYLES[n // MOST % len(STYLES)]) for n in range(0, len(BUILT), MOST)]
# With positions. Types are of a channel, or all the same.
STREAMED = [
    (["dense_on_series", "batchnorm", "lut_affine", "qadd_2", "qmultiply_2", "dense_tables_deep"], "sat"),
    (["conv1d_same", "conv1d_causal", "conv1d_tables", "qmaxpooling1d", "qaveragepooling1d"], "sym"),
    (["conv2d", "conv2d_same", "conv2d_tables", "qmaxpooling_same", "qglobalmean2d"], "sat"),
    (["einsum", "einsum_tables", "einsum_batchnorm", "qsum_kept", "qmean", "qglobalmax1d"], "sym"),
    (["attention_heads", "softmax_unstable", "softmax_rows"], "sat"),
    (["linformer", "attention_tables"], "sat"),
    (["gru", "simple_rnn_all"], "sat"),
    (["twice", "between"], "sat"),
]
FAST = [
    (["dense", "lut", "softmax", "dense_tables", "simple_rnn", "qmultiply_2"], "sat_each", "parallel"),
    (["dense_on_series", "conv1d_tables", "qglobalmax1d"], "sat", "stream"),
]


def prove(names: list[str], style: str, arch: str, vectors: int, folder: Path) -> None:
    model = made(names, style, 1)
    x = [a.astype(np.float64) for a in data(model, np.random.default_rng(2), max(vectors, 60))]
    config = Config(arch=arch, cosim_vectors=vectors, simulators=USUAL)
    report = fpga_ml.compile(model, data=x, output=folder / "p", config=config).report
    assert report["csim"]["bit_exact_vs_quantised_model"] is True, report["csim"]["first_difference"]
    assert report["emulator"]["mismatches"] == 0
    assert report["stages"]["rtl"] == "ran", report["stages"]["rtl"]
    assert [run["simulator"] for run in report["cosim"]] == [*USUAL]
    for run in report["cosim"]:
        assert run["passed"], run["texts"]


@pytest.mark.parametrize(("names", "style", "arch"), FAST, ids=lambda v: "-".join(v) if isinstance(v, list) else v)
def test_some_of_each(names: list[str], style: str, arch: str, tmp_path: Path) -> None:
    prove(names, style, arch, 3, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("names", "style"), PARALLEL, ids=lambda v: v[0] if isinstance(v, list) else v)
def test_parallel(names: list[str], style: str, tmp_path: Path) -> None:
    prove(names, style, "parallel", 100, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("names", "style"), STREAMED, ids=lambda v: v[0] if isinstance(v, list) else v)
def test_stream(names: list[str], style: str, tmp_path: Path) -> None:
    prove(names, style, "stream", 30, tmp_path)


def test_convolutions_of_groups_and_spread_kernels(tmp_path: Path) -> None:
    prove(list(SPREAD), "sat", "parallel", 30, tmp_path)
