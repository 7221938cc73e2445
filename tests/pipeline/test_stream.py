"""The stream architecture: a pixel a beat, through line buffers and FIFOs, equal to C-simulation in two simulators.

Every run has random gaps and stalls at both ends, and resets in mid-frame; latency and interval are those foretold.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from qkeras import quantized_relu
from simulators import USUAL
from zoo import ZOO, samples, w6

import fpga_ml
from fpga_ml.config import Config
from pipeline.test_layers import EXACT, SERIES, TABLES, VECTOR, _around, _weight

IMAGE, WIDE = (7, 6, 2), (5, 11, 2)
# hls4ml refuses these in a stream.
NOT_STREAMED = {"einsum_in_place", "einsum_bias_by_position"}


def conv(filters: int = 3, size: Any = 3, **options: Any) -> Any:
    return qkeras.QConv2D(filters, size, kernel_quantizer=w6(), bias_quantizer=w6(), **options)


def conv1d(filters: int = 3, size: int = 3, **options: Any) -> Any:
    return qkeras.QConv1D(filters, size, kernel_quantizer=w6(), bias_quantizer=w6(), **options)


Model = Callable[[], Any]
WINDOWS: dict[str, tuple[tuple[int, ...], Model]] = {
    "valid": (IMAGE, lambda: conv()),
    "same": (IMAGE, lambda: conv(padding="same")),
    "same_even": (IMAGE, lambda: conv(size=(4, 2), padding="same")),
    "same_wide": (WIDE, lambda: conv(size=(5, 5), padding="same")),
    "stride_2": (IMAGE, lambda: conv(strides=2)),
    "stride_2_same": (IMAGE, lambda: conv(strides=2, padding="same")),
    "stride_3": (WIDE, lambda: conv(size=2, strides=3)),
    "stride_3_same": (WIDE, lambda: conv(size=5, strides=3, padding="same")),
    "one_row": (IMAGE, lambda: conv(size=(1, 3))),
    "one_column": (IMAGE, lambda: conv(size=(3, 1), padding="same")),
    "whole": (IMAGE, lambda: conv(size=(7, 6))),
    "series_same": (SERIES, lambda: conv1d(padding="same")),
    "series_stride": (SERIES, lambda: conv1d(size=2, strides=2)),
    "depthwise_same": (
        IMAGE,
        lambda: qkeras.QDepthwiseConv2D(3, padding="same", depthwise_quantizer=w6(), bias_quantizer=w6()),
    ),
}

# hls4ml has no stream for these: their C++ is io_parallel's, on whole frames.
FRAMED: dict[str, tuple[tuple[int, ...], Model]] = {
    "overlapping": (IMAGE, lambda: L.MaxPooling2D(3, strides=2)),
    "leaving_out": (IMAGE, lambda: L.MaxPooling2D(2, strides=3)),
    "same": (IMAGE, lambda: L.MaxPooling2D(3, strides=2, padding="same")),
    "mean_overlapping": (IMAGE, lambda: L.AveragePooling2D(3, strides=1)),
    "mean_same": (IMAGE, lambda: L.AveragePooling2D(3, strides=2, padding="same")),
    "series_overlapping": (SERIES, lambda: L.MaxPooling1D(3, strides=2)),
    "series_mean_same": (SERIES, lambda: L.AveragePooling1D(3, strides=2, padding="same")),
    "relu6": (IMAGE, lambda: L.Activation("relu6")),
    "softmax_over_rows": (IMAGE, lambda: L.Softmax(axis=1)),
}


def relu(name: str) -> Any:
    return qkeras.QActivation(quantized_relu(6, 2), name=name)


def residual() -> Any:
    """A skip connection around two convolutions: its buffer holds what they are behind."""
    x = inputs = keras.Input((6, 5, 2), name="image")
    x = shortcut = relu("relu1")(conv(name="conv1", padding="same")(x))
    x = relu("relu2")(conv(name="conv2", padding="same")(x))
    x = conv(name="conv3", padding="same")(x)
    x = relu("relu3")(L.Add(name="add")([x, shortcut]))
    return keras.Model(inputs, qkeras.QDense(2, kernel_quantizer=w6(), bias_quantizer=w6(), name="out")(L.Flatten()(x)))


def u_net(levels: int = 1) -> Any:
    """Down by pooling, up again by repeating; a skip at each level holds what the levels below are behind."""
    x = inputs = keras.Input((8, 8, 1), name="image")
    skips = []
    for level in range(levels):
        x = relu(f"relu{level}")(conv(2 << level, padding="same", name=f"down{level}")(x))
        skips.append(x)
        x = L.MaxPooling2D(2, name=f"pool{level}")(x)
    x = relu("relu")(conv(2 << levels, padding="same", name="bottom")(x))
    for level in reversed(range(levels)):
        x = L.Concatenate(name=f"join{level}")([L.UpSampling2D(2, name=f"up{level}")(x), skips[level]])
        x = relu(f"relu_up{level}")(conv(2 << level, padding="same", name=f"level{level}")(x))
    return keras.Model(inputs, conv(1, 1, name="out")(x))


def inception() -> Any:
    """Branches of different depth from one tensor, joined by channels."""
    inputs = keras.Input((8, 7, 2), name="image")
    stem = relu("stem_relu")(conv(4, 1, name="stem")(inputs))
    one = relu("one_relu")(conv(2, 1, name="one")(stem))
    three = relu("three_relu")(conv(3, 3, padding="same", name="three")(stem))
    five = relu("five_relu")(conv(2, 5, padding="same", name="five")(stem))
    joined = L.Concatenate(name="join")([L.Concatenate(name="near")([one, three]), five])  # hls4ml joins two at a time
    pooled = L.MaxPooling2D(2, name="pool")(joined)
    return keras.Model(inputs, conv(2, 2, name="out")(pooled))


def two_ends() -> Any:
    """Two inputs and two outputs, of different lengths."""
    a, b = keras.Input((6, 5, 1), name="near"), keras.Input((6, 5, 2), name="far")
    x = L.Concatenate(name="join")([relu("ra")(conv(2, 3, padding="same", name="ca")(a)), b])
    x = relu("rx")(conv(3, 2, name="cx")(x))
    head = qkeras.QDense(2, kernel_quantizer=w6(), bias_quantizer=w6(), name="head")(L.Flatten(name="flat")(x))
    return keras.Model([a, b], [x, head])


BRANCHES: dict[str, Callable[[], Any]] = {
    "residual": residual,
    "u_net": u_net,
    "u_net_of_two_levels": lambda: u_net(2),
    "inception": inception,
    "two_ends": two_ends,
}
FAST_WINDOWS, FAST_LAYERS, FAST_BRANCHES, FAST_ZOO = ("stride_3_same",), ("crop2d",), ("residual", "u_net"), ("conv1d_6bit",)
STREAMED_ZOO = ("conv1d_6bit", "conv1d_float", "conv2d_6bit", "conv2d_float", "separable_6bit", "skip_6bit", "tagger_6bit")


def cases(names: Any, fast: tuple[str, ...]) -> list[Any]:
    """The fast ones with 3 vectors, and all of them with 30."""
    return [(name, 3) for name in fast] + [pytest.param(name, 30, marks=pytest.mark.slow) for name in names]


def prove(model: Any, x: list[np.ndarray], folder: Path, vectors: int, **settings: Any) -> dict[str, Any]:
    config = Config(arch="stream", cosim_vectors=vectors, simulators=USUAL, **settings)
    report = fpga_ml.compile(model, data=x, output=folder / "p", config=config).report
    assert report["stages"]["rtl"] == "ran", report["stages"]["rtl"]
    assert report["emulator"]["mismatches"] == 0
    rtl = report["rtl"]
    for run in report["cosim"]:
        assert run["passed"], run["texts"]
        assert run["latency_cycles"] == rtl["latency_cycles"]
        assert run["interval_cycles"] == rtl["interval_cycles"]
        assert run["stalls"] > 0
    return report


def weighted(model: Any, vectors: int) -> tuple[Any, list[np.ndarray]]:
    rng = np.random.default_rng(2)
    for layer in model.layers:
        layer.set_weights([_weight(rng, w) for w in layer.weights])
    return model, [rng.normal(size=(max(vectors, 60), *t.shape[1:])) for t in model.inputs]


@pytest.mark.parametrize(("name", "vectors"), cases(WINDOWS, FAST_WINDOWS))
def test_windows(name: str, vectors: int, tmp_path: Path) -> None:
    model, x = weighted(_around(*WINDOWS[name]), vectors)
    prove(model, x, tmp_path, vectors)


@pytest.mark.parametrize(("name", "vectors"), cases([n for n in (*EXACT, *TABLES) if n not in NOT_STREAMED], FAST_LAYERS))
def test_layers(name: str, vectors: int, tmp_path: Path) -> None:
    shape, build = {**EXACT, **TABLES}[name]
    # What works on a vector works on each pixel of a series.
    shape = SERIES if shape == VECTOR and name not in ("softmax", "prelu") else shape
    model, x = weighted(_around(shape, build), vectors)
    prove(model, x, tmp_path, vectors)


@pytest.mark.parametrize(("name", "vectors"), cases(FRAMED, ("overlapping", "series_mean_same")))
def test_what_hls4ml_does_not_stream(name: str, vectors: int, tmp_path: Path) -> None:
    model, x = weighted(_around(*FRAMED[name]), vectors)
    report = prove(model, x, tmp_path, vectors)
    assert "nnet::framed::" in (tmp_path / "p" / "firmware" / "myproject.cpp").read_text()
    assert any("holds a frame in the HLS project" in note for note in report["notes"])


def test_dot(tmp_path: Path) -> None:
    """The one such layer of two inputs."""
    inputs = [keras.Input((6,), name=name) for name in ("near", "far")]
    model, x = weighted(keras.Model(inputs, L.Dot(1, name="dot")(inputs)), 3)
    prove(model, x, tmp_path, 3)
    assert "nnet::framed::dot1d" in (tmp_path / "p" / "firmware" / "myproject.cpp").read_text()


@pytest.mark.parametrize(("name", "vectors"), cases(BRANCHES, FAST_BRANCHES))
def test_branches(name: str, vectors: int, tmp_path: Path) -> None:
    model, x = weighted(BRANCHES[name](), vectors)
    report = prove(model, x, tmp_path, vectors)
    assert any(b["depth"] > 2 for b in report["rtl"]["buffers"])
    bits = report["rtl"]["fifo_bits"]
    assert bits["least"] <= bits["used"] <= bits["least"] + sum(b["width_bits"] for b in report["rtl"]["buffers"])


@pytest.mark.parametrize(("name", "vectors"), cases(STREAMED_ZOO, FAST_ZOO))
def test_known_models(name: str, vectors: int, tmp_path: Path) -> None:
    model = ZOO[name]()
    prove(model, samples(model, max(vectors, 60)), tmp_path, vectors)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv2d_6bit", "separable_6bit"])
@pytest.mark.parametrize("reuse", [4, 30])
def test_folded(name: str, reuse: int, tmp_path: Path) -> None:
    model = ZOO[name]()
    report = prove(model, samples(model, 60), tmp_path, 10, reuse_factor=reuse)
    assert any(row["kind"] == "fold" for row in report["rtl"]["layers"])


@pytest.mark.slow
def test_the_jet_cnn_takes_a_pixel_a_cycle(repository: Path, tmp_path: Path) -> None:
    """33 x 33 pixels: an image every 1,089 cycles, its answer at most 150 cycles after its last pixel."""
    folder = repository / "models" / "jet_cnn"
    config = Config.read(folder / "fpga_ml.toml").replace(vectors=60)
    report = fpga_ml.compile(folder, config=config, output=tmp_path / "p").report
    assert [run["passed"] for run in report["cosim"]] == [True, True]
    assert all(run["vectors"] >= 6 for run in report["cosim"])
    assert 1089 <= report["cosim"][0]["interval_cycles"] <= 1089 + 8
    assert report["cosim"][0]["latency_cycles"] <= 1089 + 150
    timeline = {row["channel"]: row["last_cycle"] for row in report["cosim"][1]["timeline"]}
    assert timeline["relu1"] < timeline["relu2"] < timeline["relu3"]


def test_crops_and_slices_hold_no_frame(tmp_path: Path) -> None:
    """Pixels that nothing is made of are passed over; those of any other order need a frame."""
    image, series = keras.Input((7, 9, 3), name="image"), keras.Input((11, 2), name="series")
    made = {
        "crop": L.Cropping2D(((1, 2), (3, 0)))(image),
        "slice": image[:, 1:-1, ::3, 1:],
        "channels": image[..., ::-1][:, ::2],
        "steps": series[:, 2::4],
        "short": L.Cropping1D((0, 5))(series),
    }
    model = keras.Model([image, series], list(made.values()))
    rng = np.random.default_rng(1)
    x, y = (rng.integers(-8, 8, (20, *shape)) / 4 for shape in ((7, 9, 3), (11, 2)))
    config = Config(arch="stream", simulators=("icarus",), cosim_vectors=6)
    project = fpga_ml.compile(model, data={"image": x, "series": y}, config=config, output=tmp_path / "p")
    assert project.agrees
    want = [x[:, 1:-2, 3:], x[:, 1:-1, ::3, 1:], x[..., ::-1][:, ::2], y[:, 2::4], y[:, :-5]]
    for got, wanted in zip(project.outputs["csim"], want, strict=True):
        np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)
    assert not [b for b in project.report["rtl"]["buffers"] if b["channel"].endswith("_frame")]
