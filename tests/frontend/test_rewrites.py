"""What hls4ml computes otherwise than Keras: rewritten, and right in C-simulation, emulator and RTL, by values computed
here.

Many members of a kind are branches of one model, so that one build proves them all.
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
from numpy.testing import assert_allclose, assert_array_equal
from qkeras import QActivation, QConv1D, QConv2D, QDense, QDepthwiseConv2D, QSeparableConv2D, quantized_bits
from simulators import on_all_roads

import fpga_ml
from fpga_ml import Config, FpgaMlError
from fpga_ml.frontend.rebuild import calls
from fpga_ml.frontend.rewrites import rewritten
from fpga_ml.frontend.rewrites.activations import layer_for
from fpga_ml.hls.written import unwritten

Arrays = list[np.ndarray]
SLOW = [pytest.param(arch, id=arch, marks=pytest.mark.slow) for arch in ("stream", "parallel")]
# (architecture, some members of the kind only or all of them)
SOME_AND_ALL = [
    pytest.param("stream", True, id="some"),
    *(pytest.param(arch, False, id=arch, marks=pytest.mark.slow) for arch in ("stream", "parallel")),
]


def build(model: Any, x: Arrays, folder: Path, arch: str) -> Arrays:
    """C-simulation's outputs, after emulator and RTL were found the same."""
    project = on_all_roads(model, x, folder, arch=arch)
    csim = project.report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]
    return list(project.outputs["csim"])


def on_grid(rng: np.random.Generator, *shape: int, step: float = 1 / 16, reach: int = 40) -> np.ndarray:
    return rng.integers(-reach, reach + 1, size=shape) * step


class Fresh:
    """Inputs by shape, five uses of each: hls4ml copies a stream to seven readers at most. data: what each is given."""

    def __init__(self, data: dict[tuple[int, ...], np.ndarray]) -> None:
        self._by_shape, self._uses = data, dict.fromkeys(data, 0)
        self.inputs: list[Any] = []
        self.data: Arrays = []

    def __call__(self, *shape: int) -> Any:
        if self._uses[shape] % 5 == 0:
            self.inputs.append(keras.Input(shape, name=f"in{len(self.inputs)}_{'_'.join(map(str, shape))}"))
            self.data.append(self._by_shape[shape])
        self._uses[shape] += 1
        return next(t for t in reversed(self.inputs) if tuple(t.shape[1:]) == shape)


# --- weights -------------------------------------------------------------------------------------------------------------


def plain_bias() -> Any:
    return quantized_bits(6, 1, alpha=1)


KERNELS: dict[str, Callable[[], Any]] = {
    "auto": lambda: quantized_bits(4, 0, alpha="auto"),
    "auto_po2": lambda: quantized_bits(4, 0, alpha="auto_po2"),
    "binary_auto": lambda: qkeras.binary(alpha="auto"),
    "binary_auto_po2": lambda: qkeras.binary(alpha="auto_po2"),
    "ternary_auto": lambda: qkeras.ternary(alpha="auto"),
    "binary_scaled": lambda: qkeras.binary(alpha=0.3),
    "ternary_scaled": lambda: qkeras.ternary(alpha=0.75, threshold=0.25),
    "bits_scaled": lambda: quantized_bits(4, 0, alpha=0.625),
    "unsigned": lambda: quantized_bits(4, 0, keep_negative=False, alpha=1),
    "one_bit": lambda: quantized_bits(1, 0, alpha=1),
    "po2": lambda: qkeras.quantized_po2(4, 2),
    "string": lambda: "quantized_bits(5,1)",  # QKeras makes alpha="auto_po2" of it
}


def scale_and_whole(quantizer: Any, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(scale, values without it) as QKeras says them, in double precision."""
    made = np.asarray(quantizer(np.asarray(w, np.float32)), np.float64)
    kind = type(quantizer).__name__
    if "po2" in kind:
        return np.ones((1,) * w.ndim), np.sign(made) * 2.0 ** np.rint(np.log2(np.abs(made)))
    scale = np.broadcast_to(np.asarray(quantizer.scale, np.float64), (1,) * (w.ndim - 1) + (w.shape[-1],))
    whole = np.rint(made / scale * 64) / 64
    assert np.abs(whole * scale - made).max() < 1e-6  # float32's noise
    return scale, whole


def dense_values(layer: Any, x: np.ndarray) -> np.ndarray:
    kernel, *bias = layer.get_weights()
    scale, whole = scale_and_whole(layer.kernel_quantizer_internal, kernel)
    made = (x @ whole) * scale.reshape(-1)
    return made + np.asarray(layer.bias_quantizer_internal(bias[0]), np.float64) if bias else made


def weighted(model: Any, seed: int = 3) -> Any:
    """Random weights whose channels differ in size, as those of trained models do."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        values = [rng.uniform(0.2, 1.0, w.shape) * rng.choice((-1, 1), w.shape) for w in layer.weights]
        layer.set_weights([v * 2.0 ** rng.integers(-3, 2, v.shape[-1]) if v.ndim > 1 else v for v in values])
    return model


@pytest.mark.parametrize(("arch", "some"), SOME_AND_ALL)
def test_scaled_and_power_of_two_kernels_of_dense_layers(arch: str, some: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = [on_grid(rng, 30, 5), on_grid(rng, 30, 3, 4)]
    fresh = Fresh({(5,): x[0], (3, 4): x[1]})
    names = ("auto", "auto_po2", "po2", "binary_auto")
    kernels = {n: q for n, q in KERNELS.items() if not some or n in names}
    layers = {n: QDense(3, kernel_quantizer=q(), bias_quantizer=plain_bias(), name=n) for n, q in kernels.items()}
    over = {
        n: QDense(2, kernel_quantizer=KERNELS[n](), bias_quantizer=plain_bias(), name=f"{n}_over")
        for n in (names[:2] if some else names)
    }
    outputs = [layer(fresh(5)) for layer in layers.values()] + [layer(fresh(3, 4)) for layer in over.values()]
    model = weighted(keras.Model(fresh.inputs, outputs))

    found = build(model, fresh.data, tmp_path, arch)

    for layer, got in zip(layers.values(), found[: len(layers)], strict=True):
        assert_array_equal(got, dense_values(layer, x[0]), err_msg=layer.name)
    for layer, got in zip(over.values(), found[len(layers) :], strict=True):
        assert_array_equal(got.reshape(-1, 3, 2), dense_values(layer, x[1]), err_msg=layer.name)


def windows(x: np.ndarray, size: int) -> np.ndarray:
    """(N, rows, columns, size, size, channels) of an image."""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)


@pytest.mark.parametrize("arch", SLOW)
def test_scaled_kernels_of_convolutions(arch: str, tmp_path: Path) -> None:
    """And biases of powers of two, or scaled; activations inside the layer."""
    image, series = keras.Input((4, 4, 2), name="image"), keras.Input((6, 2), name="series")
    auto, shifted = (lambda: quantized_bits(4, 0, alpha="auto")), (lambda: quantized_bits(4, 0, alpha="auto_po2"))
    flat = QConv2D(3, 2, kernel_quantizer=auto(), bias_quantizer=qkeras.quantized_po2(4, 2), name="flat")
    line = QConv1D(3, 2, kernel_quantizer=shifted(), bias_quantizer=quantized_bits(5, 0, alpha="auto"), name="line")
    inside = QConv1D(2, 3, kernel_quantizer=auto(), use_bias=False, activation="quantized_relu(5,1)", name="inside")
    deep = QDepthwiseConv2D(2, depthwise_quantizer=auto(), bias_quantizer=plain_bias(), name="deep")
    both = QSeparableConv2D(
        3, 2, depthwise_quantizer=auto(), pointwise_quantizer=auto(), bias_quantizer=plain_bias(), name="both"
    )
    outputs = [flat(image), deep(image), both(image), line(series), inside(series)]
    model = weighted(keras.Model([image, series], outputs))
    rng = np.random.default_rng(2)
    x = [on_grid(rng, 25, 4, 4, 2), on_grid(rng, 25, 6, 2)]

    got = build(model, x, tmp_path, arch)

    w, b = flat.get_weights()
    scale, whole = scale_and_whole(flat.kernel_quantizer_internal, w)
    _, bias = scale_and_whole(flat.bias_quantizer_internal, b)
    seen = windows(x[0], 2)
    assert_array_equal(got[0].reshape(25, 3, 3, 3), np.einsum("nijabc,abco->nijo", seen, whole) * scale[0, 0, 0] + bias)
    w, b = deep.get_weights()
    scale, whole = scale_and_whole(deep.depthwise_quantizer_internal, w)
    bias = np.asarray(deep.bias_quantizer_internal(b), np.float64)
    assert_array_equal(got[1].reshape(25, 3, 3, 2), np.einsum("nijabc,abc->nijc", seen, whole[..., 0]) * scale.item() + bias)
    w, p, b = both.get_weights()
    (ds, dw), (ps, pw) = (
        scale_and_whole(both.depthwise_quantizer_internal, w),
        scale_and_whole(both.pointwise_quantizer_internal, p),
    )
    sums = np.einsum("nijabc,abc->nijc", seen, dw[..., 0]) @ pw[0, 0]
    bias = np.asarray(both.bias_quantizer_internal(b), np.float64)
    made = sums * np.float32(ds.item() * ps.reshape(-1)) + bias  # a product of two scales, of float32 as they are
    assert_array_equal(got[2].reshape(made.shape), made)
    w, b = line.get_weights()
    scale, whole = scale_and_whole(line.kernel_quantizer_internal, w)
    seen = np.lib.stride_tricks.sliding_window_view(x[1], 2, axis=1)
    bias = np.asarray(line.bias_quantizer_internal(b), np.float64)
    assert_array_equal(got[3].reshape(25, 5, 3), np.einsum("nica,aco->nio", seen, whole) * scale[0, 0] + bias)
    (w,) = inside.get_weights()
    scale, whole = scale_and_whole(inside.kernel_quantizer_internal, w)
    seen = np.lib.stride_tricks.sliding_window_view(x[1], 3, axis=1)
    made = np.einsum("nica,aco->nio", seen, whole) * scale[0, 0]
    assert_array_equal(got[4].reshape(25, 4, 2), np.clip(np.rint(made * 16), 0, 31) / 16)


def test_recurrent_cells_hold_their_scales() -> None:
    """Between products and gates there is no place for a scale: the weights take it, in float32 as QKeras has them."""
    made = {
        "kernel_quantizer": KERNELS["auto_po2"](),
        "recurrent_quantizer": KERNELS["po2"](),
        "bias_quantizer": KERNELS["auto"](),
    }
    inputs = keras.Input((4, 3), name="x")
    layer = qkeras.QLSTM(2, **made, state_quantizer=quantized_bits(8, 1, alpha=1), name="lstm")
    model = weighted(keras.Model(inputs, layer(inputs)))

    found = rewritten(model).get_layer(layer.name)  # qkeras-v3 forgets ours

    for old, new, name in zip(layer.weights, found.weights, ("kernel", "recurrent", "bias"), strict=True):
        scale, whole = scale_and_whole(getattr(layer.cell, f"{name}_quantizer_internal"), np.asarray(old))
        now = getattr(found.cell, f"{name}_quantizer_internal")
        assert now.alpha == 1
        assert_array_equal(np.asarray(now(np.asarray(new))), np.asarray(whole * scale, np.float32), err_msg=name)


def test_weights_that_no_fixed_point_holds_are_refused() -> None:
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, QDense(2, kernel_quantizer=qkeras.quantized_po2(8), use_bias=False, name="wide")(inputs))
    model.get_layer("wide").set_weights([np.array([[1e-6, 1.0], [2.0**20, 1.0], [1.0, 1.0]])])
    with pytest.raises(FpgaMlError, match="fixed point") as error:
        rewritten(model)
    assert error.value.where == "layer 'wide', kernel"


# --- activations ---------------------------------------------------------------------------------------------------------


def ternary(x: np.ndarray, threshold: float, alpha: float = 1.0) -> np.ndarray:
    return np.where(np.abs(x) >= np.float64(np.float32(threshold)), np.sign(x), 0.0) * alpha


def leaky(x: np.ndarray, bits: int, integer: int, slope: float) -> np.ndarray:
    step = 2.0 ** (integer - bits + 1)
    above = np.clip(np.rint(x / step) * step, 0, 2.0**integer - step)
    return above + np.clip(np.rint(x * slope / step) * step, -slope * 2.0**integer, 0)


def power(x: np.ndarray, low: int, high: int) -> np.ndarray:
    """The nearest power of two in exponents; no number is as near to two, for their middle is irrational."""
    return 2.0 ** np.clip(np.rint(np.log2(np.maximum(x, 2.0**-23))), low, high)


ACTIVATIONS: dict[str, tuple[Callable[[], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "ternary_half": (lambda: qkeras.ternary(alpha=1, threshold=0.5), lambda x: ternary(x, 0.5)),
    "ternary_quarter": (lambda: qkeras.ternary(alpha=1, threshold=0.25), lambda x: ternary(x, 0.25)),
    "ternary_default": (lambda: qkeras.ternary(), lambda x: ternary(x, 0.33)),
    "ternary_scaled": (lambda: qkeras.ternary(alpha=0.3, threshold=0.5), lambda x: ternary(x, 0.5, float(np.float32(0.3)))),
    "ternary_zero": (lambda: qkeras.ternary(alpha=1, threshold=0.0), np.sign),
    "ternary_far": (lambda: qkeras.ternary(alpha=1, threshold=100.0), np.zeros_like),
    "stochastic_ternary": (lambda: qkeras.stochastic_ternary(alpha=1, threshold=0.5), lambda x: ternary(x, 0.5)),
    "binary": (lambda: qkeras.binary(alpha=1), lambda x: np.where(x >= 0, 1.0, -1.0)),
    "binary_01": (lambda: qkeras.binary(use_01=True, alpha=1), lambda x: np.where(x >= 0, 1.0, 0.0)),
    "binary_scaled": (lambda: qkeras.binary(alpha=0.5), lambda x: np.where(x >= 0, 0.5, -0.5)),
    "stochastic_binary": (lambda: qkeras.stochastic_binary(alpha=1), lambda x: np.where(x >= 0, 1.0, -1.0)),
    "leaky_quarter": (lambda: qkeras.quantized_relu(6, 1, negative_slope=0.25), lambda x: leaky(x, 6, 1, 0.25)),
    "leaky_wide": (lambda: qkeras.quantized_relu(9, 3, negative_slope=0.125), lambda x: leaky(x, 9, 3, 0.125)),
    "leaky_one": (lambda: qkeras.quantized_relu(5, 0, negative_slope=1.0), lambda x: leaky(x, 5, 0, 1.0)),
    "upper_bound": (
        lambda: qkeras.quantized_relu(6, 2, relu_upper_bound=1.5, is_quantized_clip=False),
        lambda x: np.clip(np.rint(x * 16) / 16, 0, 1.5),
    ),
    "unsigned_bits": (
        lambda: quantized_bits(5, 1, keep_negative=False, alpha=1),
        lambda x: np.clip(np.rint(x * 16), 0, 31) / 16,
    ),
    "symmetric_bits": (lambda: quantized_bits(4, 0, symmetric=1, alpha=1), lambda x: np.clip(np.rint(x * 8), -7, 7) / 8),
    "symmetric_tanh": (lambda: qkeras.quantized_tanh(4, symmetric=True), lambda x: np.clip(np.rint(x * 8), -7, 7) / 8),
    "relu_po2": (lambda: qkeras.quantized_relu_po2(3, 2), lambda x: power(x, -4, 1)),
    "po2": (lambda: qkeras.quantized_po2(4), lambda x: np.where(x >= 0, 1, -1) * power(np.abs(x), -4, 3)),
    "tanh": (lambda: qkeras.quantized_tanh(4), lambda x: np.clip(np.rint(x * 8), -8, 7) / 8),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_layers_of_activations_compute_what_qkeras_does(name: str) -> None:
    """On thresholds, ends and midway between roundings; the formulas of this file too."""
    make, function = ACTIVATIONS[name]
    x = np.arange(-90, 91) / 32
    instead = layer_for(make(), "here")
    assert_allclose(np.asarray(make()(x.astype(np.float32))), function(x), rtol=3e-7)  # QKeras' own noise: x + (-x + q)
    if instead is not None:
        assert_array_equal(np.asarray(instead(name)(x.astype(np.float32))), function(x).astype(np.float32))


@pytest.mark.parametrize(("arch", "some"), SOME_AND_ALL)
def test_quantized_activations(arch: str, some: bool, tmp_path: Path) -> None:
    """At the input, where values lie on thresholds and midway between roundings; and behind a layer, inside and outside."""
    x = np.random.default_rng(4).integers(-90, 91, size=(60, 5)) / 32
    x[0] = [0.5, -0.5, 0.25, -0.25, 0.0]
    fresh = Fresh({(5,): x})
    few = ("ternary_half", "ternary_scaled", "leaky_quarter", "upper_bound", "relu_po2")
    activations = {name: pair for name, pair in ACTIVATIONS.items() if not some or name in few}
    outputs = [QActivation(make(), name=name)(fresh(5)) for name, (make, _) in activations.items()]
    identity = QDense(5, kernel_quantizer=quantized_bits(3, 1, alpha=1), use_bias=False, name="identity")(fresh(5))
    hidden = QActivation(qkeras.ternary(alpha=1, threshold=0.5), name="hidden")(identity)
    last = QDense(
        2,
        kernel_quantizer=quantized_bits(4, 0, alpha=1),
        bias_quantizer=plain_bias(),
        activation=qkeras.quantized_relu(6, 1, negative_slope=0.25),
        name="last",
    )
    model = weighted(keras.Model(fresh.inputs, [*outputs, last(hidden)]))
    model.get_layer("identity").set_weights([np.eye(5)])

    got = build(model, fresh.data, tmp_path, arch)

    for (name, (_, function)), values in zip(activations.items(), got, strict=False):
        assert_array_equal(values, function(x), err_msg=name)
    kernel, bias = (
        np.clip(np.rint(w * s), -e, e - 1) / s for w, s, e in zip(last.get_weights(), (8, 16), (8, 32), strict=True)
    )
    assert_array_equal(got[-1], leaky(ternary(x, 0.5) @ kernel + bias, 6, 1, 0.25))


REFUSED = {
    "auto": (lambda: quantized_bits(4, 0, alpha="auto"), "alpha"),
    "auto_ternary": (lambda: qkeras.ternary(alpha="auto"), "alpha"),
    "sigmoid": (lambda: qkeras.quantized_relu(6, 2, use_sigmoid=1), "use_sigmoid"),
    "noise": (lambda: qkeras.quantized_relu(6, 2, qnoise_factor=0.5), "qnoise_factor"),
    "off_the_grid": (lambda: qkeras.quantized_relu(4, 2, relu_upper_bound=1.3, is_quantized_clip=False), "relu_upper_bound"),
    "flat_slope": (lambda: qkeras.quantized_relu(4, 2, negative_slope=2.0**-6), "negative_slope"),
    "exponents": (lambda: qkeras.quantized_relu_po2(8), "255|256"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_activations_that_are_refused(name: str) -> None:
    make, what = REFUSED[name]
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, QActivation(make(), name="bad")(inputs))
    with pytest.raises(FpgaMlError, match=what) as error:
        fpga_ml.compile(model, data=np.zeros((4, 3)), config=Config(until="csim"), output="/nowhere/p")
    assert error.value.where == "layer 'bad'"
    assert error.value.do


# --- merges --------------------------------------------------------------------------------------------------------------

MERGES: dict[str, tuple[Any, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "Add": (L.Add, np.add),
    "Subtract": (L.Subtract, np.subtract),
    "Multiply": (L.Multiply, np.multiply),
    "Average": (L.Average, lambda a, b: (a + b) / 2),
    "Maximum": (L.Maximum, np.maximum),
    "Minimum": (L.Minimum, np.minimum),
}
SHAPES = [((4, 3), (4, 1)), ((4, 3), (1, 3)), ((4, 3), (1, 1)), ((4, 1), (1, 3)), ((4, 3), (3,)), ((3,), (1,)),
          ((2, 3, 2), (2, 3, 1)), ((2, 3, 2), (1, 3, 2)), ((2, 1, 2), (1, 3, 1)), ((2, 3, 2), (3, 2)),
          ((2, 2, 3, 2), (2, 1, 3, 1))]  # fmt: skip


@pytest.mark.parametrize(("arch", "some"), SOME_AND_ALL)
def test_merges_broadcast(arch: str, some: bool, tmp_path: Path) -> None:
    """Every pair of shapes by one kind of merge, every kind in both orders by one pair."""
    sizes = sorted({s for pair in SHAPES for s in pair})
    rng = np.random.default_rng(5)
    x = {s: on_grid(rng, 20, *s) for s in sizes}
    fresh = Fresh(x)
    kinds = list(MERGES)
    asked = [(kinds[k % len(kinds)], a, b) for k, (a, b) in enumerate(SHAPES)]
    asked += [(kind, *order) for kind in kinds for order in (((4, 3), (4, 1)), ((1, 3), (4, 3)))]
    asked = asked[::4] if some else asked
    outputs = [MERGES[kind][0](name=f"m{k}")([fresh(*a), fresh(*b)]) for k, (kind, a, b) in enumerate(asked)]
    model = keras.Model(fresh.inputs, outputs)

    got = build(model, fresh.data, tmp_path, arch)

    for (kind, a, b), values in zip(asked, got, strict=True):
        rank = max(len(a), len(b))
        one, other = (x[s].reshape(20, *(1,) * (rank - len(s)), *s) for s in (a, b))
        want = MERGES[kind][1](one, other)
        step = 2.0**-10  # that results of 16 bits have here, at least
        assert_array_equal(np.rint(values.reshape(want.shape) / step), np.rint(want / step), err_msg=f"{kind} {a} {b}")


# --- convolutions that leave rows out -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("arch", "some"), SOME_AND_ALL)
def test_strides_larger_than_kernels(arch: str, some: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    x = [on_grid(rng, 20, 7, 8, 2), on_grid(rng, 20, 9, 2)]
    image, series = (7, 8, 2), (9, 2)
    fresh = Fresh({image: x[0], series: x[1]})
    two = {"kernel_quantizer": quantized_bits(4, 0, alpha=1), "use_bias": False}
    cases = [(image, k, s, p) for k, s, p in (((1, 2), (2, 3), "same"), ((1, 3), (3, 1), "valid"), (2, 3, "valid"),
             ((1, 1), (3, 2), "valid"), ((2, 1), (3, 2), "same"), ((1, 2), (4, 1), "same"))]  # fmt: skip
    cases += [(series, k, s, p) for k, s, p in ((2, 3, "valid"), (1, 3, "same"), (2, 4, "same"))]
    cases = cases[::3] + cases[-1:] if some else cases
    layers = [
        (QConv2D if t == image else QConv1D)(2, k, strides=s, padding=p, name=f"c{n}", **two)
        for n, (t, k, s, p) in enumerate(cases)
    ]
    deep = QDepthwiseConv2D(
        (1, 2), strides=(2, 2), depthwise_quantizer=quantized_bits(4, 0, alpha=1), use_bias=False, name="deep"
    )
    outputs = [layer(fresh(*case[0])) for layer, case in zip(layers, cases, strict=True)] + [deep(fresh(*image))]
    model = weighted(keras.Model(fresh.inputs, outputs))

    got = build(model, fresh.data, tmp_path, arch)

    for layer, (t, _, _, padding), values in zip(layers, cases, got, strict=False):
        kernel = np.clip(np.rint(layer.get_weights()[0] * 8), -8, 7) / 8
        data, strides = (x[0], layer.strides) if t == image else (x[1][:, None], (1, *layer.strides))
        want = convolved(data, kernel if t == image else kernel[None], strides, padding)
        assert_array_equal(values.reshape(want.shape), want, err_msg=layer.name)
    kernel = np.clip(np.rint(deep.get_weights()[0] * 8), -8, 7) / 8
    want = np.stack(
        [convolved(x[0][..., c : c + 1], kernel[:, :, c : c + 1], (2, 2), "valid")[..., 0] for c in range(2)], -1
    )
    assert_array_equal(got[-1].reshape(want.shape), want)


def convolved(x: np.ndarray, kernel: np.ndarray, strides: tuple[int, int], padding: str) -> np.ndarray:
    """A convolution, from its definition."""
    height, width = kernel.shape[:2]
    sides = []
    for n, k, s in zip(x.shape[1:3], (height, width), strides, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0) if padding == "same" else 0
        sides.append((total // 2, total - total // 2))
    x = np.pad(x, [(0, 0), *sides, (0, 0)])
    rows, columns = ((x.shape[1 + i] - (height, width)[i]) // strides[i] + 1 for i in range(2))
    parts = [
        np.einsum("nabc,abco->no", x[:, i * strides[0] :][:, :height, j * strides[1] :][:, :, :width], kernel)
        for i in range(rows)
        for j in range(columns)
    ]
    return np.stack(parts, axis=1).reshape(len(x), rows, columns, -1)


# --- what was written ----------------------------------------------------------------------------------------------------


def test_an_array_that_nothing_writes_is_found() -> None:
    text = """
    a_t layer2_out[4];
    auto& layer4_out = layer3_out;
    nnet::dense<a_t, b_t>(x, layer2_out, w2, b2); // fc
    nnet::save_layer_output<b_t>(layer3_out, "act", 4);
    nnet::relu<a_t, b_t>(layer2_out, layer3_out); // act
    nnet::dense<b_t, c_t>(layer4_out, layer5_out, w5, b5); // out
    """
    makers = {"x": "x", "layer2_out": "fc", "layer3_out": "act", "layer4_out": "flat", "layer5_out": "out"}
    assert unwritten(text, makers, {"x"}) is None
    assert unwritten(text.replace("nnet::relu", "// nnet::relu"), makers, {"x"}) == "act"
    assert unwritten(text.replace("nnet::dense<b_t", "// nnet::dense<b_t"), makers, {"x"}) == "out"


def test_plain_models_are_left_alone() -> None:
    inputs = keras.Input((3,), name="x")
    dense = QDense(2, kernel_quantizer=quantized_bits(4, 0, alpha=1), bias_quantizer=plain_bias(), name="fc")
    model = keras.Model(inputs, QActivation("quantized_relu(6,2)", name="relu")(dense(inputs)))
    assert rewritten(model) is model
    assert [c.layer.name for c in calls(model)] == ["x", "fc", "relu"]
