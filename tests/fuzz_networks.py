"""Random networks over the layers that convert, with their data and configuration: one a seed.

`LAYERS` is the table of what is drawn. A network grows layer by layer and carries its data with it, so that weights and
quantizers are drawn around the magnitudes that a tensor has, within `SCALES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import qkeras
from keras import layers as L

from fpga_ml.activations import CONVERTIBLE, ONLY_OURS
from fpga_ml.config import Config, LayerConfig

Shape = tuple[int, ...]
SCALES = (1e-4, 1e5)
SAMPLES = 60
MOST_PRODUCTS, MOST_VALUES, MOST_LAYERS = 1200, 120, 6
VECTOR, SERIES, IMAGE = 1, 2, 3  # ranks of a tensor without its batch axis


class Draw:
    """Random choices of one seed. used: the quantizers that were drawn; size: the magnitude of the tensor that is read."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.used: set[str] = set()
        self.size = 1.0
        self.activations = ACTIVATIONS

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def whole(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high, endpoint=True))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.uniform() < probability)

    def scale(self) -> float:
        """Around 1 as a rule, else anything within SCALES."""
        low, high = np.log10(SCALES) if self.chance(0.3) else (-0.5, 0.5)
        return float(10 ** self.rng.uniform(low, high))

    def bits(self) -> int:
        return self.whole(2, 24) if self.chance(0.3) else self.whole(3, 10)

    def quantizer(self, table: dict[str, Callable[[Draw, int], Any]], size: float) -> Any:
        """Of a table; size: the magnitude of what it rounds."""
        name = self.one(*table)
        self.used.add(name)
        return table[name](self, math.ceil(math.log2(max(size, 2.0**-20))) + self.whole(-1, 2))

    def kernel(self, size: float = 1.0) -> Any:
        """A quantizer of weights; plain fixed point as a rule."""
        table = KERNELS if self.chance(0.6) else {"quantized_bits": KERNELS["quantized_bits"]}
        return self.quantizer(table, size)

    def bias(self) -> Any:
        return self.quantizer({"quantized_bits": KERNELS["quantized_bits"]}, self.size)

    def activation(self) -> Any:
        return self.quantizer(self.activations, self.size)


# {name: (draw, integer bits) -> quantizer}
KERNELS: dict[str, Callable[[Draw, int], Any]] = {
    "quantized_bits": lambda d, n: qkeras.quantized_bits(d.bits(), n, symmetric=d.one(0, 1), alpha=1),
    "quantized_bits_unsigned": lambda d, n: qkeras.quantized_bits(d.bits(), n, keep_negative=False, alpha=1),
    "quantized_bits_auto": lambda d, n: qkeras.quantized_bits(d.whole(2, 10), 0, alpha="auto"),
    "quantized_bits_auto_po2": lambda d, n: qkeras.quantized_bits(d.whole(2, 10), 0, alpha="auto_po2"),
    "quantized_linear": lambda d, n: qkeras.quantized_linear(d.whole(3, 10), n, alpha=1),
    "quantized_po2": lambda d, n: qkeras.quantized_po2(d.whole(3, 5), max_value=d.one(None, 1, 2)),
    "binary": lambda d, n: qkeras.binary(alpha=d.one(1, "auto", "auto_po2")),
    "ternary": lambda d, n: qkeras.ternary(
        **d.one({"alpha": 1, "threshold": 0.25}, {"alpha": "auto"}, {"alpha": "auto_po2"})
    ),
}
ACTIVATIONS: dict[str, Callable[[Draw, int], Any]] = {
    "quantized_bits": lambda d, n: qkeras.quantized_bits(d.bits(), n, symmetric=d.one(0, 1), alpha=1),
    "quantized_relu": lambda d, n: qkeras.quantized_relu(d.bits(), max(n, 0)),
    "quantized_relu_leaky": lambda d, n: qkeras.quantized_relu(
        d.whole(6, 12), d.whole(1, 3), negative_slope=d.one(0.25, 0.5)
    ),
    "quantized_relu_bounded": lambda d, n: qkeras.quantized_relu(
        8, 3, relu_upper_bound=d.one(4, 6), is_quantized_clip=False
    ),
    "quantized_relu_po2": lambda d, n: qkeras.quantized_relu_po2(d.whole(3, 4), max_value=d.one(None, 2)),
    "quantized_po2": lambda d, n: qkeras.quantized_po2(d.whole(3, 4), max_value=d.one(None, 2)),
    "quantized_tanh": lambda d, n: qkeras.quantized_tanh(d.whole(3, 12), symmetric=d.one(False, True)),
    "quantized_tanh_real": lambda d, n: qkeras.quantized_tanh(d.whole(3, 12), use_real_tanh=True),
    "quantized_sigmoid": lambda d, n: qkeras.quantized_sigmoid(d.whole(3, 12)),
    "quantized_sigmoid_real": lambda d, n: qkeras.quantized_sigmoid(d.whole(3, 12), use_real_sigmoid=True),
    "binary": lambda d, n: qkeras.binary(alpha=1),
    "ternary": lambda d, n: qkeras.ternary(alpha=1, threshold=d.one(None, 0.5, 0.75)),
}
# Those that need no C++ of ours, which is for Vitis and Vivado.
PLAIN_ACTIVATIONS: dict[str, Callable[[Draw, int], Any]] = {
    "quantized_bits": lambda d, n: qkeras.quantized_bits(d.bits(), n, alpha=1),
    "quantized_relu": ACTIVATIONS["quantized_relu"],
    "binary": ACTIVATIONS["binary"],
}
OUR_FUNCTIONS = sorted(ONLY_OURS & CONVERTIBLE - {"exponential"})  # which grows beyond SCALES
FUNCTIONS = (
    "relu",
    "relu6",
    "leaky_relu",
    "sigmoid",
    "tanh",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "linear",
)


@dataclass(frozen=True)
class Kind:
    """Layers of one kind. make: of a draw and the shape that it reads; ranks: that it takes; keeps: whether the shape stays;
    fits: whether hls4ml has C++ for it."""

    make: Callable[[Draw, Shape], Any]
    ranks: tuple[int, ...] = (VECTOR, SERIES, IMAGE)
    keeps: bool = False
    fits: Callable[[Config], bool] = lambda config: True


def _window(d: Draw, shape: Shape) -> dict[str, Any]:
    """Kernel, stride and padding of a convolution."""
    kernel = tuple(d.whole(1, min(3, n)) for n in shape[:-1])
    strides = d.one(1, 1, 2) if len(kernel) == 2 else d.one(1, 1, 2, 3)
    return {"kernel_size": kernel, "strides": strides, "padding": d.one("valid", "same"), "use_bias": d.chance(0.8)}


def _pool(d: Draw, shape: Shape) -> dict[str, Any]:
    size = tuple(d.whole(1, min(3, n)) for n in shape[:-1])
    return {"pool_size": size, "strides": d.one(None, None, 1, 2), "padding": d.one("valid", "same")}


def _quantizers(d: Draw, *kernels: str) -> dict[str, Any]:
    """Of a QKeras layer: of each kernel and the bias, and now and then an activation inside."""
    inside = {"activation": d.activation()} if d.chance(0.3) else {}
    return {**{k: d.kernel() for k in kernels}, "bias_quantizer": d.bias(), **inside}


def _inside(d: Draw) -> dict[str, Any]:
    return {"activation": d.one(None, None, "relu", "tanh")}


def _cell(d: Draw) -> dict[str, Any]:
    return {
        "units": d.whole(1, 3),
        "return_sequences": d.chance(0.5),
        "use_bias": d.chance(0.8),
        "go_backwards": d.chance(0.15),
        "activation": d.one("tanh", "tanh", "relu"),
    }


def _qcell(d: Draw) -> dict[str, Any]:
    quantizers = {k: d.quantizer({"quantized_bits": KERNELS["quantized_bits"]}, 1.0) for k in _CELL_KERNELS}
    return {**_cell(d), **quantizers, "state_quantizer": qkeras.quantized_bits(d.whole(4, 12), d.whole(0, 2), alpha=1)}


_CELL_KERNELS = ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer")


def _xilinx(config: Config) -> bool:
    return config.backend in ("Vitis", "Vivado")


def _averages(config: Config) -> bool:
    """Catapult's and Quartus' C++ sums and divides in the type of the data."""
    return _xilinx(config)


def _averages_all(config: Config) -> bool:
    """In streams not so over all positions."""
    return _xilinx(config) or config.arch == "stream"


def _crops(config: Config) -> bool:
    """Catapult's streams of a cropping stop."""
    return (config.backend, config.arch) != ("Catapult", "stream")


def _softmax(config: Config) -> bool:
    """docs/limits.md: Catapult's and Quartus' softmax."""
    return _xilinx(config) or (config.backend == "Quartus" and config.arch == "parallel")


def _split(shape: Shape, d: Draw) -> Shape:
    """Another shape of as many values."""
    n = math.prod(shape)
    last = d.one(*[k for k in range(1, min(n, 12) + 1) if n % k == 0])
    return (n // last, last)


def _trimmed(d: Draw, shape: Shape) -> tuple[tuple[int, int], ...]:
    """How much of each axis but the last goes at either end; something stays."""
    return tuple((d.whole(0, (n - 1) // 2), d.whole(0, (n - 1) // 2)) for n in shape[:-1])


def _padded(d: Draw, shape: Shape) -> tuple[tuple[int, int], ...]:
    return tuple((d.whole(0, 2), d.whole(0, 2)) for _ in shape[:-1])


def _by_rank(one: Any, two: Any, shape: Shape, **options: Any) -> Any:
    return (one if len(shape) == SERIES else two)(**options)


def _axis(values: tuple[Any, ...]) -> Any:
    """Of a layer with one axis or two."""
    return values[0] if len(values) == 1 else values


_SPACE = (SERIES, IMAGE)
LAYERS: dict[str, Kind] = {
    "Dense": Kind(lambda d, s: L.Dense(d.whole(1, 6), use_bias=d.chance(0.8), **_inside(d))),
    "QDense": Kind(
        lambda d, s: qkeras.QDense(d.whole(1, 6), use_bias=d.chance(0.8), **_quantizers(d, "kernel_quantizer")),
    ),
    "EinsumDense": Kind(
        lambda d, s: L.EinsumDense("abc,cd->abd", output_shape=(s[0], d.whole(1, 4)), bias_axes="d"),
        (SERIES,),
        fits=lambda config: _xilinx(config) and config.arch == "parallel",
    ),
    "Conv": Kind(lambda d, s: _by_rank(L.Conv1D, L.Conv2D, s, filters=d.whole(1, 4), **_window(d, s), **_inside(d)), _SPACE),
    "QConv": Kind(
        lambda d, s: _by_rank(
            qkeras.QConv1D,
            qkeras.QConv2D,
            s,
            filters=d.whole(1, 4),
            **_window(d, s),
            **_quantizers(d, "kernel_quantizer"),
        ),
        _SPACE,
    ),
    "DepthwiseConv": Kind(
        lambda d, s: _by_rank(L.DepthwiseConv1D, L.DepthwiseConv2D, s, **_window(d, s)), _SPACE, fits=_xilinx
    ),
    "QDepthwiseConv2D": Kind(
        lambda d, s: qkeras.QDepthwiseConv2D(**_window(d, s), **_quantizers(d, "depthwise_quantizer")),
        (IMAGE,),
        fits=_xilinx,
    ),
    "SeparableConv": Kind(
        lambda d, s: _by_rank(L.SeparableConv1D, L.SeparableConv2D, s, filters=d.whole(1, 4), **_window(d, s)),
        _SPACE,
        fits=_xilinx,
    ),
    "QSeparableConv": Kind(
        lambda d, s: _by_rank(
            qkeras.QSeparableConv1D,
            qkeras.QSeparableConv2D,
            s,
            filters=d.whole(1, 4),
            **_window(d, s),
            **_quantizers(d, "depthwise_quantizer", "pointwise_quantizer"),
        ),
        _SPACE,
        fits=_xilinx,
    ),
    "MaxPooling": Kind(lambda d, s: _by_rank(L.MaxPooling1D, L.MaxPooling2D, s, **_pool(d, s) | _square(d, s)), _SPACE),
    "AveragePooling": Kind(
        lambda d, s: _by_rank(L.AveragePooling1D, L.AveragePooling2D, s, **_pool(d, s) | _square(d, s)),
        _SPACE,
        fits=_averages,
    ),
    "GlobalMaxPooling": Kind(
        lambda d, s: _by_rank(L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, s, keepdims=d.chance(0.2)), _SPACE
    ),
    "GlobalAveragePooling": Kind(
        lambda d, s: _by_rank(L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, s, keepdims=d.chance(0.2)),
        _SPACE,
        fits=_averages_all,
    ),
    "BatchNormalization": Kind(lambda d, s: L.BatchNormalization(center=d.chance(0.8), scale=d.chance(0.8)), keeps=True),
    "QBatchNormalization": Kind(lambda d, s: qkeras.QBatchNormalization(), keeps=True),
    "Activation": Kind(lambda d, s: L.Activation(d.one(*FUNCTIONS)), keeps=True),
    "QActivation": Kind(lambda d, s: qkeras.QActivation(d.activation()), keeps=True),
    "ReLU": Kind(
        lambda d, s: L.ReLU(**d.one({}, {"negative_slope": 0.3}, {"threshold": 0.5})),
        keeps=True,
    ),
    "LeakyReLU": Kind(lambda d, s: L.LeakyReLU(d.one(0.1, 0.25, 0.3)), keeps=True),
    "PReLU": Kind(lambda d, s: L.PReLU(), keeps=True),
    "ELU": Kind(lambda d, s: L.ELU(d.one(1.0, 0.5)), keeps=True),
    "Function": Kind(lambda d, s: L.Activation(d.one(*OUR_FUNCTIONS)), keeps=True, fits=_xilinx),
    "Softmax": Kind(lambda d, s: L.Softmax(axis=d.one(-1, -1, len(s))), keeps=True, fits=_softmax),
    "Dropout": Kind(lambda d, s: L.Dropout(0.3), keeps=True),
    "Flatten": Kind(lambda d, s: L.Flatten(), _SPACE),
    "Reshape": Kind(lambda d, s: L.Reshape(_split(s, d))),
    "Permute": Kind(lambda d, s: L.Permute(tuple(int(k) + 1 for k in d.rng.permutation(len(s)))), _SPACE),
    "Cropping": Kind(
        lambda d, s: _by_rank(L.Cropping1D, L.Cropping2D, s, cropping=_axis(_trimmed(d, s))), _SPACE, fits=_crops
    ),
    "ZeroPadding": Kind(lambda d, s: _by_rank(L.ZeroPadding1D, L.ZeroPadding2D, s, padding=_axis(_padded(d, s))), _SPACE),
    "UpSampling": Kind(
        lambda d, s: _by_rank(L.UpSampling1D, L.UpSampling2D, s, size=_axis(tuple(d.whole(1, 2) for _ in s[:-1]))), _SPACE
    ),
    "TimeDistributed": Kind(
        lambda d, s: L.TimeDistributed(d.one(L.Dense(d.whole(1, 4)), L.BatchNormalization())), (SERIES,)
    ),
    "SimpleRNN": Kind(lambda d, s: L.SimpleRNN(**_cell(d)), (SERIES,), fits=_xilinx),
    "LSTM": Kind(lambda d, s: L.LSTM(**_cell(d)), (SERIES,), fits=_xilinx),
    "GRU": Kind(lambda d, s: L.GRU(**_cell(d), reset_after=d.chance(0.6)), (SERIES,), fits=_xilinx),
    "QSimpleRNN": Kind(lambda d, s: qkeras.QSimpleRNN(**_qcell(d)), (SERIES,), fits=_xilinx),
    "QLSTM": Kind(lambda d, s: qkeras.QLSTM(**_qcell(d)), (SERIES,), fits=_xilinx),
    "QGRU": Kind(lambda d, s: qkeras.QGRU(**_qcell(d)), (SERIES,), fits=_xilinx),
    "Bidirectional": Kind(
        lambda d, s: L.Bidirectional(
            d.one(L.LSTM, L.GRU, L.SimpleRNN)(**_cell(d) | {"go_backwards": False}),
            merge_mode=d.one("concat", "sum", "mul", "ave"),
        ),
        (SERIES,),
        fits=_xilinx,
    ),
}
COMMON = ("Dense", "QDense", "Conv", "QConv", "QActivation")  # drawn more often, for they have the quantizers
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
STARTS: dict[int, Callable[[Draw], Shape]] = {
    VECTOR: lambda d: (d.whole(1, 12),),
    SERIES: lambda d: (d.whole(2, 7), d.whole(1, 4)),
    IMAGE: lambda d: (d.whole(2, 6), d.whole(2, 6), d.whole(1, 3)),
}


def _square(d: Draw, shape: Shape) -> dict[str, Any]:
    """Keras pools an image with one stride for both axes when it is a number; half of the pools are square."""
    return {"pool_size": min(d.whole(1, 3), *shape[:-1])} if d.chance(0.5) else {}


@dataclass(frozen=True, eq=False)
class Flow:
    """A tensor of the network with what it is on the data, (SAMPLES, ...)."""

    tensor: Any
    values: np.ndarray

    @property
    def shape(self) -> Shape:
        return tuple(self.tensor.shape[1:])


@dataclass
class Network:
    """What a seed gives. kinds: of its layers, by the names in LAYERS and MERGES."""

    model: Any
    data: list[np.ndarray]
    config: Config
    kinds: list[str]
    quantizers: set[str]


@dataclass
class _Growth:
    """A network under way."""

    draw: Draw
    config: Config
    kinds: list[str] = field(default_factory=list)
    products: int = 0

    def apply(self, kind: str, layer: Any, *read: Flow) -> Flow:
        """The layer with random weights, on what it reads."""
        self.kinds.append(kind)
        layer.name = f"{kind.lower()}{len(self.kinds)}"
        tensor = layer(read[0].tensor if len(read) == 1 else [r.tensor for r in read])
        size = _size(read[0].values)
        layer.set_weights([_weight(self.draw, w, size) for w in layer.weights])
        values = layer(read[0].values if len(read) == 1 else [r.values for r in read])
        kernels = sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)
        self.products += kernels * int(np.prod(tensor.shape[1:-1], dtype=int))
        return Flow(tensor, np.asarray(values, np.float32))

    def fitting(self, flow: Flow, *, keeps: bool = False) -> list[str]:
        """The kinds that may read a tensor; keeps: whose results have its shape."""
        return [
            name
            for name, kind in LAYERS.items()
            if len(flow.shape) in kind.ranks and kind.fits(self.config) and (kind.keeps or not keeps)
        ]

    def step(self, flow: Flow, *, keeps: bool = False) -> Flow:
        """One layer more; the tensor itself where what was drawn makes it too large."""
        self.draw.size = _size(flow.values)
        fitting = self.fitting(flow, keeps=keeps)
        common = [name for name in fitting if name in COMMON]
        name = self.draw.one(*(common if common and self.draw.chance(0.3) else fitting))
        layer = LAYERS[name].make(self.draw, flow.shape)
        if math.prod(layer.compute_output_shape((None, *flow.shape))[1:]) > MOST_VALUES:
            return flow
        return self.apply(name, layer, flow)

    def merged(self, flow: Flow) -> Flow:
        """A branch beside the tensor, and both in one again."""
        branch = self.step(flow, keeps=True)
        if branch is flow:
            return flow
        return self.merge(*self.draw.one((flow, branch), (branch, flow)))

    def merge(self, *flows: Flow) -> Flow:
        """Two of one shape in one; Catapult's streams have no Concatenate of vectors."""
        joins = _crops(self.config) or len(flows[0].shape) > 1
        names = [m for m in MERGES if joins or m != "Concatenate"]
        name = self.draw.one(*names)
        return self.apply(name, getattr(L, name)(), *flows)


def _size(values: np.ndarray) -> float:
    """The magnitude of most of it, within SCALES."""
    return float(np.clip(np.sqrt(np.mean(np.square(values.astype(np.float64)))), *SCALES))


def _weight(d: Draw, w: Any, size: float) -> np.ndarray:
    """A kernel such that what comes out is of a drawn size; the bias of that size; some of them zero."""
    shape = tuple(w.shape)
    if w.name in ("moving_variance", "gamma"):
        return d.rng.uniform(0.3, 2.0, shape) * (size**2 if w.name == "moving_variance" else 1)
    if len(shape) < 2:
        return d.rng.normal(0.0, 0.3 * size, shape)
    scale = np.clip(d.scale() / np.sqrt(np.prod(shape[:-1])), *SCALES)
    return d.rng.normal(0.0, scale, shape) * (d.rng.uniform(size=shape) > d.one(0.0, 0.0, 0.5))


def _samples(d: Draw, shape: Shape) -> np.ndarray:
    """Numbers of any scale: of a bell, of one sign, whole, or mostly zero."""
    size, scale = (SAMPLES, *shape), d.scale()
    return np.asarray(
        d.one(
            lambda: d.rng.normal(size=size) * scale,
            lambda: d.rng.uniform(0, scale, size),
            lambda: d.rng.integers(-100, 100, size).astype(float),
            lambda: d.rng.normal(size=size) * scale * (d.rng.uniform(size=size) < 0.1),
        )()
    )


def _config(d: Draw) -> Config:
    backend = d.one(*["Vitis"] * 5, *["Vivado"] * 3, "Quartus", "Catapult")
    reuse = d.one(1, 1, 1, 2, 3)
    return Config(
        backend=backend,
        arch=d.one("parallel", "stream"),
        bits=d.bits(),
        weight_bits=d.one(None, None, d.bits()),
        reuse_factor=reuse,
        strategy=d.one("latency", "latency", "resource") if reuse > 1 else "latency",
        interval_cycles=d.one(None, None, None, d.whole(60, 300)),
        input_type=d.one(*[None] * 5, f"ap_fixed<{d.whole(4, 24)},{d.whole(1, 6)}>"),
        clock_ns=d.one(4.0, 5.0, 10.0),
        cosim_vectors=4,
        simulators=d.one(("verilator",), ("icarus",)),
        jobs=1,
    )


def network(seed: int) -> Network:
    """The network of a seed: the same in every run."""
    keras.utils.set_random_seed(seed)
    d = Draw(seed)
    growth = _Growth(d, _config(d))
    d.activations = ACTIVATIONS if _xilinx(growth.config) else PLAIN_ACTIVATIONS
    shape = STARTS[d.one(VECTOR, SERIES, IMAGE)](d)
    data = [_samples(d, shape) for _ in range(d.one(1, 1, 1, 2))]
    starts = [Flow(keras.Input(shape, name=f"x{k}"), x.astype(np.float32)) for k, x in enumerate(data)]
    flow = starts[0]
    if len(starts) == 2:
        flow = growth.merge(*starts)
    heads = []
    for _ in range(d.whole(2, MOST_LAYERS)):
        if growth.products > MOST_PRODUCTS:
            break
        before, flow = flow, growth.merged(flow) if d.chance(0.15) else growth.step(flow)
        if flow not in (before, *starts) and before not in starts and d.chance(0.1):
            heads.append(before)
    if flow in starts or _is_idle(growth.kinds):
        flow = growth.apply("Dense", L.Dense(2), flow)
    model = keras.Model([s.tensor for s in starts], [t.tensor for t in [*heads, flow]], name=f"seed{seed}")
    return Network(model, data, _by_layer(d, growth), growth.kinds, d.used)


def _is_idle(kinds: Sequence[str]) -> bool:
    """Whether layers do nothing but pass on what they read, which is refused."""
    return not set(kinds) - {"Dropout", "Flatten", "Reshape", "Permute"}


def _by_layer(d: Draw, growth: _Growth) -> Config:
    """Now and then the settings of one layer."""
    softmaxes = [f"softmax{k}" for k, kind in enumerate(growth.kinds, start=1) if kind == "Softmax"]
    sections = {name: LayerConfig(softmax=d.one("stable", "latency", "legacy", "argmax")) for name in softmaxes}
    recurrent = {"SimpleRNN", "LSTM", "GRU", "QSimpleRNN", "QLSTM", "QGRU"}
    turns = growth.config.arch == "stream" and bool(recurrent.intersection(growth.kinds)) and d.chance(0.3)
    return growth.config.replace(layers=sections, interleave=2 if turns else 1)
