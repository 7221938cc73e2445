"""The records of layers hold every class and argument of the installed Keras and QKeras, and are true.

What works is compared with Keras, in float64; what is refused is one error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from numpy.testing import assert_allclose

import fpga_ml
from fpga_ml.bridge.convertible import check_model
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend import support
from fpga_ml.frontend.rebuild import Probe, as_functional, float64
from fpga_ml.frontend.rewrites import rewritten
from fpga_ml.frontend.support import CALLS, KERAS, QKERAS, RECORDS, Verdict, check_layers, parameters, record_of
from fpga_ml.frontend.support.base import SHARED, TRAINING

CLASSES = {n: k for n in dir(L) if isinstance(k := getattr(L, n), type) and issubclass(k, L.Layer)}
CLASSES |= {
    n: k
    for n in dir(qkeras)
    if isinstance(k := getattr(qkeras, n), type) and issubclass(k, L.Layer) and not issubclass(k, keras.Model)
}
WORKING = [name for name, record in RECORDS.items() if record.verdict is not Verdict.REFUSED]
TRIED = [n for n in WORKING if n not in ("InputLayer", "QAdaptiveActivation")]  # of which there are tests elsewhere
REFUSED = [name for name, record in RECORDS.items() if record.verdict is Verdict.REFUSED]


# --- every one has a verdict ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_has_a_verdict(name: str) -> None:
    kind = CLASSES[name]
    record = record_of(kind)
    assert record is not None
    assert "does not know" not in record.note, f"{name} has no record in frontend/support"
    if record.verdict is Verdict.REFUSED:
        assert record.note
        assert record.do
        return
    missing = [p for p in parameters(kind) if record.option(p) is None]
    assert not missing, f"{name} has no verdict of {missing} in frontend/support"
    _, *arguments = inspect.signature(kind.call).parameters
    unknown = {a for a in arguments if a not in CALLS} - DATA
    assert not unknown, f"a call of {name} has no verdict of {unknown} in frontend/support"


def test_no_record_is_left_over() -> None:
    for names, home in ((KERAS, L), (QKERAS, qkeras)):
        assert [n for n in names if not hasattr(home, n)] == []
    for name in WORKING:
        assert {*record_of(CLASSES[name]).options} <= {*parameters(CLASSES[name])}, name  # type: ignore[union-attr]


DATA = {"inputs", "data", "x", "sequences", "query", "value", "key", "self", "states", "sequence", "args", "kwargs"}


# --- what works -----------------------------------------------------------------------------------------------------------

IMAGE, SERIES, VECTOR = (5, 6, 4), (6, 4), (4,)


@dataclass(frozen=True)
class Example:
    """shapes: of the inputs; needs: arguments that the class does not do without; options: of each option, one value or
    several, a dict with what it needs besides. What is callable makes a value. tokens: how many whole numbers are data."""

    shapes: tuple[tuple[int, ...], ...]
    needs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    tokens: int = 0
    call: Mapping[str, Any] = field(default_factory=dict)
    make: Callable[..., Any] | None = None
    training: Mapping[str, Any] = field(default_factory=dict)


def of(*shapes: Any, needs: Any = None, tokens: int = 0, make: Any = None, training: Any = None, **options: Any) -> Example:
    return Example(shapes, needs or {}, options, tokens, {}, make, training or {})


def bits() -> Any:
    return qkeras.quantized_bits(8, 2, alpha=1)


def auto() -> Any:
    return qkeras.quantized_bits(4, 0, alpha="auto_po2")


def relu() -> Any:
    return qkeras.quantized_relu(8, 4)


FEW = {"units": 3}
WEIGHTED = {"activation": "relu", "use_bias": False}
LORA = {"lora_rank": 2, "lora_alpha": {"lora_alpha": 3, "lora_rank": 2}}
FIRST = {"data_format": "channels_first"}


def conv(shape: Any, needs: Any, **more: Any) -> Example:
    one = len(shape) == 2
    every = {
        "strides": 2,
        "padding": ["same", "valid", *(["causal"] if more.pop("causal", False) else [])],
        "data_format": ["channels_first", {"data_format": "channels_first", "padding": "same", "strides": 1}],
        "dilation_rate": 2 if one else [2, (1, 2)],
        "kernel_size": 3 if one else (2, 3),
    }
    return of(shape, needs=needs, **{**every, **WEIGHTED, **more})


def pooled(shape: Any) -> Example:
    return of(shape, needs={"pool_size": 2}, pool_size=3, strides=1, padding="same", **FIRST)


def recurrent(needs: Any = None, **more: Any) -> Example:
    every = {
        "units": 2,
        "activation": "relu",
        "use_bias": False,
        **dict.fromkeys(("return_sequences", "return_state", "go_backwards", "unroll", "zero_output_for_mask"), True),
    }
    return of(SERIES, needs={**FEW, **(needs or {})}, **{**every, **more})


def mha(**more: Any) -> dict[str, Any]:
    return {"use_bias": False, "flash_attention": False, "use_gate": True, **more}


EXAMPLES: dict[str, Example] = {
    "Activation": of(VECTOR, needs={"activation": "relu"}, activation=["tanh", "gelu", "softmax"]),
    "Dense": of(VECTOR, needs=FEW, units=2, quantization_config=None, **WEIGHTED, **LORA),
    "EinsumDense": of(
        SERIES,
        needs={"equation": "abc,cd->abd", "output_shape": (None, 3)},
        equation={"equation": "abc,bd->adc", "output_shape": (3, None)},
        output_shape={"output_shape": (None, 2)},
        bias_axes=["d", {"bias_axes": "bd", "output_shape": (6, 3)}],
        activation="relu",
        quantization_config=None,
        gptq_unpacked_column_size=4,
        **LORA,
    ),
    "Embedding": of(
        VECTOR,
        needs={"input_dim": 5, "output_dim": 3},
        input_dim=7,
        output_dim=2,
        weights=lambda: [np.ones((5, 3))],
        quantization_config=None,
        tokens=5,
        **LORA,
    ),
    "ReversibleEmbedding": of(
        VECTOR,
        needs={"input_dim": 5, "output_dim": 3},
        input_dim=7,
        output_dim=2,
        tie_weights=False,
        logit_soft_cap=2.0,
        reverse_dtype="float32",
        quantization_config=None,
        tokens=5,
        make=lambda layer, x: layer(layer(x), reverse=True),
        **LORA,
    ),
    "Identity": of(VECTOR),
    "Conv1D": conv(SERIES, {"filters": 4, "kernel_size": 2}, filters=2, causal=True, groups=2, **LORA),
    "Conv2D": conv(IMAGE, {"filters": 4, "kernel_size": 2}, filters=2, groups=2, **LORA),
    "DepthwiseConv1D": conv(SERIES, {"kernel_size": 2}, depth_multiplier=2),
    "DepthwiseConv2D": conv(IMAGE, {"kernel_size": 2}, depth_multiplier=2),
    "SeparableConv1D": conv(SERIES, {"filters": 3, "kernel_size": 2}, filters=2, depth_multiplier=2),
    "SeparableConv2D": conv(IMAGE, {"filters": 3, "kernel_size": 2}, filters=2, depth_multiplier=2),
    "Conv1DTranspose": conv(
        SERIES, {"filters": 3, "kernel_size": 2}, filters=2, output_padding={"strides": 2, "output_padding": 1}
    ),
    "Conv2DTranspose": conv(
        IMAGE, {"filters": 3, "kernel_size": 2}, filters=2, output_padding={"strides": 2, "output_padding": 1}
    ),
    **{f"{kind}Pooling1D": pooled(SERIES) for kind in ("Max", "Average")},
    **{f"{kind}Pooling2D": pooled(IMAGE) for kind in ("Max", "Average")},
    **{f"Global{kind}Pooling1D": of(SERIES, keepdims=True, **FIRST) for kind in ("Max", "Average")},
    **{f"Global{kind}Pooling2D": of(IMAGE, keepdims=True, **FIRST) for kind in ("Max", "Average")},
    **{
        f"Adaptive{kind}Pooling1D": of(SERIES, needs={"output_size": 3}, output_size=[4, 6], **FIRST)
        for kind in ("Max", "Average")
    },
    **{
        f"Adaptive{kind}Pooling2D": of(IMAGE, needs={"output_size": 3}, output_size=[(4, 3), 2], **FIRST)
        for kind in ("Max", "Average")
    },
    "Cropping1D": of(SERIES, cropping=(2, 1)),
    "Cropping2D": of(IMAGE, cropping=((1, 0), (2, 1)), **FIRST),
    "ZeroPadding1D": of(SERIES, padding=(2, 1), **FIRST),
    "ZeroPadding2D": of(IMAGE, padding=((1, 0), (2, 1)), **FIRST),
    "UpSampling1D": of(SERIES, size=3),
    "UpSampling2D": of(IMAGE, size=(3, 2), interpolation=["bilinear", "bicubic", "lanczos3"], **FIRST),
    "Flatten": of(IMAGE, **FIRST),
    "Reshape": of(IMAGE, needs={"target_shape": (-1,)}, target_shape=[(4, 30), (5, -1)]),
    "Permute": of(IMAGE, needs={"dims": (1, 2, 3)}, dims=(3, 1, 2)),
    "RepeatVector": of(VECTOR, needs={"n": 2}, n=3),
    "BatchNormalization": of(
        IMAGE, axis=[1, 2, -2], epsilon=0.25, center=False, scale=False, training={"renorm_clipping": {"rmax": 2.0}}
    ),
    "LayerNormalization": of(IMAGE, axis=[(1, 2), -2], epsilon=0.25, center=False, scale=False),
    "RMSNormalization": of(IMAGE, axis=3, epsilon=0.25),
    "GroupNormalization": of(
        IMAGE, needs={"groups": 2}, groups=4, axis={"axis": 1, "groups": 5}, epsilon=0.25, center=False, scale=False
    ),
    "UnitNormalization": of(IMAGE, axis=[1, (1, 2)]),
    "SpectralNormalization": of(
        IMAGE, needs={"layer": lambda: L.Dense(3)}, layer=lambda: L.Conv2D(3, 2, padding="same"), training={}
    ),
    "Attention": of(SERIES, SERIES, score_mode="concat", use_scale=True),
    "AdditiveAttention": of(SERIES, SERIES, use_scale=False, score_mode="concat"),
    "MultiHeadAttention": of(
        SERIES,
        SERIES,
        needs={"num_heads": 2, "key_dim": 3},
        make=lambda layer, x: layer(*x),
        num_heads=1,
        key_dim=2,
        value_dim=2,
        output_shape=5,
        attention_axes=1,
        **mha(),
    ),
    "GroupQueryAttention": of(
        SERIES,
        SERIES,
        needs={"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
        make=lambda layer, x: layer(*x),
        head_dim=2,
        num_query_heads=2,
        num_key_value_heads=4,
        **mha(),
    ),
    **{name: of(SERIES, SERIES) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")},
    "Concatenate": of(SERIES, SERIES, axis=1),
    "Dot": of(SERIES, SERIES, needs={"axes": 2}, axes=[1, (1, 1)], normalize=True),
    "ReLU": of(
        VECTOR,
        max_value=[1.0, {"max_value": 1.0, "threshold": 0.5, "negative_slope": 0.25}],
        negative_slope=0.25,
        threshold=0.5,
    ),
    "LeakyReLU": of(VECTOR, negative_slope=0.125),
    "ELU": of(VECTOR, alpha=0.5),
    "PReLU": of(IMAGE, shared_axes=[[1, 2], [3]]),
    "Softmax": of(IMAGE, axis=[1, (1, 2)]),
    "SimpleRNN": recurrent(),
    "LSTM": recurrent(recurrent_activation="hard_sigmoid", use_cudnn=False),
    "GRU": recurrent(recurrent_activation="hard_sigmoid", use_cudnn=False, reset_after=False),
    "RNN": of(
        SERIES,
        needs={"cell": lambda: L.LSTMCell(3)},
        cell=[lambda: L.GRUCell(2), lambda: L.StackedRNNCells([L.GRUCell(2), L.LSTMCell(3)])],
        **dict.fromkeys(("return_sequences", "return_state", "go_backwards", "unroll", "zero_output_for_mask"), True),
    ),
    "Bidirectional": of(
        SERIES,
        needs={"layer": lambda: L.GRU(2)},
        layer=lambda: L.LSTM(2, return_sequences=True),
        merge_mode=["sum", "mul", "ave", None],
        weights=None,
        backward_layer={"backward_layer": lambda: L.LSTM(2, go_backwards=True)},
    ),
    "TimeDistributed": of(SERIES, needs={"layer": lambda: L.Dense(3)}, layer=lambda: L.BatchNormalization()),
    **{name: of(VECTOR, needs={"rate": 0.5}) for name in ("Dropout", "AlphaDropout", "GaussianDropout")},
    "SpatialDropout1D": of(SERIES, needs={"rate": 0.5}),
    "SpatialDropout2D": of(IMAGE, needs={"rate": 0.5}, **FIRST),
    "SpatialDropout3D": of((2, 3, 2, 2), needs={"rate": 0.5}, **FIRST),
    "GaussianNoise": of(VECTOR, needs={"stddev": 0.5}),
    "ActivityRegularization": of(VECTOR, training={"activity_regularizer": None}),
    "Rescaling": of(IMAGE, needs={"scale": 0.5}, scale=[1 / 255, [0.5, 1.0, 2.0, 3.0]], offset=[0.25, [1.0, 2.0, 3.0, 4.0]]),
    "Normalization": of(
        IMAGE,
        needs={"mean": 0.5, "variance": 2.0, "axis": None},
        axis={"axis": 1, "mean": list(range(5)), "variance": list(range(1, 6))},
        mean=0.25,
        variance=4.0,
        invert=True,
    ),
    "CategoryEncoding": of(VECTOR, needs={"num_tokens": 5}, num_tokens=6, output_mode=["one_hot", "count"], tokens=5),
    "Discretization": of(
        VECTOR,
        needs={"bin_boundaries": [-1.0, 0.0, 1.0]},
        bin_boundaries=[0.0, 0.5],
        num_bins={"num_bins": 4, "bin_boundaries": None},
        epsilon={"num_bins": 4, "bin_boundaries": None, "epsilon": 0.125},
    ),
    "CenterCrop": of(IMAGE, needs={"height": 3, "width": 2}, height=4, width=5, **FIRST),
    "Resizing": of(
        IMAGE,
        needs={"height": 3, "width": 4},
        height=10,
        width=12,
        interpolation=["nearest", "bicubic", "lanczos5", "area"],
        antialias=True,
        fill_mode="constant",
        fill_value=[
            1.0,
            {"fill_value": 1.0, "pad_to_aspect_ratio": True},
            {"fill_value": 1.0, "pad_to_aspect_ratio": True, "interpolation": "nearest"},
        ],
        crop_to_aspect_ratio=[True, {"crop_to_aspect_ratio": True, "interpolation": "nearest", "height": 8}],
        pad_to_aspect_ratio=[True, {"pad_to_aspect_ratio": True, "interpolation": "nearest", "height": 8}],
        **FIRST,
    ),
    # QKeras
    "QActivation": of(VECTOR, needs={"activation": bits}, activation=[relu, lambda: qkeras.quantized_tanh(8)]),
}
Q = {"kernel_quantizer": auto, "bias_quantizer": auto}
NEED_Q = {"kernel_quantizer": bits, "bias_quantizer": bits}
D, NEED_D = ({k.replace("kernel", "depthwise"): v for k, v in q.items()} for q in (Q, NEED_Q))
S, NEED_S = {**D, "pointwise_quantizer": auto}, {**NEED_D, "pointwise_quantizer": bits}
GATES = {"activation": "tanh", "recurrent_activation": "sigmoid"}
CELL = {"kernel_quantizer": bits, "recurrent_quantizer": bits, "bias_quantizer": bits, "state_quantizer": bits}


def qconv(like: str, needs: Any, quantizers: Any, **more: Any) -> Example:
    e = EXAMPLES[like]
    options = {**e.options, "activation": relu, **quantizers, **more}
    options = {k: v for k, v in options.items() if not k.startswith("lora")}
    if like == "Conv1D":
        options["padding"] = ["same", "valid"]  # QKeras stops for others
    return of(*e.shapes, needs={**e.needs, **needs}, **options)


TURNED = {"data_format": {"data_format": "channels_first", "axis": 1}}


def folded(like: str, needs: Any, quantizers: Any, **more: Any) -> Example:
    found = qconv(like, needs, quantizers, **{"axis": 3, "epsilon": 0.25, **more})
    return of(*found.shapes, needs=found.needs, **{**found.options, "folding_mode": "batch_stats_folding"})


EXAMPLES |= {
    "QDense": qconv("Dense", NEED_Q, Q),
    "QConv1D": qconv("Conv1D", NEED_Q, Q),
    "QConv2D": qconv("Conv2D", NEED_Q, Q, mask=lambda: np.eye(2, dtype=np.float32)),
    "QConv2DTranspose": qconv("Conv2DTranspose", NEED_Q, Q),
    "QDepthwiseConv2D": qconv("DepthwiseConv2D", NEED_D, D),
    "QSeparableConv1D": qconv("SeparableConv1D", NEED_S, S),
    "QSeparableConv2D": qconv("SeparableConv2D", NEED_S, S),
    "QBatchNormalization": of(
        IMAGE,
        axis=3,
        epsilon=0.25,
        center=False,
        scale=False,
        activation=relu,
        training=dict.fromkeys(("renorm", "renorm_momentum", "synchronized")),  # QKeras warns
        **dict.fromkeys(("beta_quantizer", "gamma_quantizer", "mean_quantizer", "variance_quantizer"), bits),
        inverse_quantizer={"inverse_quantizer": bits, "gamma_quantizer": None, "variance_quantizer": None},
    ),
    "QSimpleRNN": recurrent(**CELL),
    "QLSTM": recurrent(needs=GATES, **CELL),
    "QGRU": recurrent(needs=GATES, reset_after=True, **CELL),
    "QConv2DBatchnorm": folded("Conv2D", NEED_Q, Q, mask=lambda: np.eye(2, dtype=np.float32), **TURNED),
    "QDepthwiseConv2DBatchnorm": folded("DepthwiseConv2D", NEED_D, D, **TURNED),
    "QDenseBatchnorm": folded("Dense", NEED_Q, Q, axis=1),
    "QAveragePooling2D": of(
        IMAGE,
        needs={"pool_size": 2},
        pool_size=3,
        strides=1,
        padding="same",
        activation=relu,
        average_quantizer=bits,
        **FIRST,
    ),
    "QGlobalAveragePooling2D": of(IMAGE, keepdims=True, activation=relu, average_quantizer=bits, **FIRST),
    "QScaleShift": of(VECTOR, weight_quantizer=bits, bias_quantizer=bits, use_bias=False, activation=relu),
    "QBidirectional": of(
        SERIES,
        needs={"layer": lambda: qkeras.QGRU(2, **GATES)},
        layer=lambda: qkeras.QLSTM(2, return_sequences=True, **GATES),
        merge_mode=["sum", None],
        weights=None,
        backward_layer={"backward_layer": lambda: qkeras.QGRU(2, go_backwards=True, **GATES)},
    ),
}


def made(value: Any) -> Any:
    return value() if inspect.isfunction(value) else value


def random_weights(layer: Any, rng: np.random.Generator) -> None:
    for w in layer.weights:
        if "float" in w.dtype:
            sign = 1 if "variance" in w.name else rng.choice((-1, 1), w.shape)
            w.assign(rng.integers(8, 60, w.shape) / 64 * sign)


def data_of(example: Example, rng: np.random.Generator) -> list[np.ndarray]:
    if example.tokens:
        return [rng.integers(0, example.tokens, (3, *s)).astype(float) for s in example.shapes]
    return [rng.integers(-32, 33, (3, *s)) / 16 for s in example.shapes]


def branches(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what is tried, the constructor's arguments)."""
    example, record = EXAMPLES[name], record_of(CLASSES[name])
    assert record is not None
    yield "defaults", {}
    for option, values in example.options.items():
        for value in values if isinstance(values, list) and option not in LISTS else [values]:
            yield f"{option} = {value!r}", value if isinstance(value, dict) else {option: value}
    yield "training", training_options(name, example)
    yield "dtype", {"dtype": "float32" if name.startswith("Q") else "mixed_float16"}


LISTS = {"bin_boundaries"}


def training_options(name: str, example: Example) -> dict[str, Any]:
    """Of every option that acts in training, another value than the default."""
    found = {}
    for option in parameters(CLASSES[name]):
        if record_of(CLASSES[name]).option(option) is TRAINING and option not in example.needs:  # type: ignore[union-attr]
            found[option] = next((v for end, v in _IN_TRAINING.items() if option.endswith(end)), None)
    return {k: v for k, v in {**found, **example.training}.items() if v is not None}


_IN_TRAINING: dict[str, Any] = {
    "_initializer": "ones",
    "_regularizer": "l2",
    "_constraint": "non_neg",
    "renorm": True,
    "renorm_momentum": 0.5,
    "momentum": 0.5,
    "synchronized": True,
    "dropout": 0.5,
    "seed": 3,
    "trainable": False,
    "l1": 0.1,
    "l2": 0.1,
    "power_iterations": 2,
    "unit_forget_bias": False,
    "rate": 0.25,
    "stddev": 0.25,
}


@dataclass(frozen=True)
class Branch:
    what: str
    outputs: list[Any]
    expected: list[np.ndarray]


def branch(name: str, what: str, options: Mapping[str, Any], inputs: list[Any], x: list[np.ndarray], rng: Any) -> Branch:
    example = EXAMPLES[name]
    arguments = {k: made(v) for k, v in {**example.needs, **options}.items()}
    layer = CLASSES[name](**arguments)
    if name == "Discretization" and not layer.bin_boundaries:
        layer.adapt(x[0])

    def called(layer: Any, x: list[Any]) -> list[Any]:
        given = x[0] if len(x) == 1 else x
        return list(keras.tree.flatten(example.make(layer, given) if example.make else layer(given)))

    def values(layer: Any, x: list[np.ndarray]) -> list[np.ndarray]:
        tensors = [keras.ops.convert_to_tensor(a, t.dtype) for a, t in zip(x, inputs, strict=True)]
        return [as_array(t) for t in called(layer, tensors)]

    outputs = called(layer, inputs)
    if "weights" not in options:
        random_weights(layer, rng)
    if "Transpose" in name and np.max(layer.dilation_rate) > 1:
        return Branch(what, outputs, values(undilated(layer, inputs), x))
    if arguments.get("data_format") != "channels_first" or name == "Flatten":
        return Branch(what, outputs, values(layer, x))
    axis = {"axis": -1} if "axis" in arguments else {}
    last = CLASSES[name].from_config({**layer.get_config(), "data_format": "channels_last", **axis})
    turned = [np.moveaxis(a, 1, -1) for a in x]
    values(last, turned)
    last.set_weights(layer.get_weights())
    return Branch(
        what, outputs, [np.moveaxis(y, -1, 1) if y.ndim == x[0].ndim else y for y in values(last, turned)]
    )  # TensorFlow computes no others on a CPU


def undilated(layer: Any, inputs: list[Any]) -> Any:
    """With zeros in its kernel: TensorFlow computes no others on a CPU."""
    kernel, rates = np.asarray(layer.get_weights()[0]), np.broadcast_to(layer.dilation_rate, len(layer.kernel_size))
    size = [(n - 1) * d + 1 for n, d in zip(layer.kernel_size, rates, strict=True)]
    wide = np.zeros((*size, *kernel.shape[len(size) :]))
    wide[tuple(slice(None, None, d) for d in rates)] = kernel
    made = type(layer).from_config({**layer.get_config(), "kernel_size": size, "dilation_rate": 1})
    made(inputs[0])
    made.set_weights([wide, *layer.get_weights()[1:]])
    return made


def as_array(t: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(t, "float64")))


def model_of(names: list[str], only: str = "") -> tuple[Any, list[np.ndarray], list[Branch]]:
    """One with a branch for each option of each class."""
    rng = np.random.default_rng(7)
    keras.utils.set_random_seed(3)
    inputs, x, every = [], [], []
    with float64() if not names[0].startswith("Q") else nullcontext():  # QKeras computes in float32
        for name in names:
            example = EXAMPLES[name]
            data = data_of(example, rng)
            own = [keras.Input(s, name=f"{name}{k}") for k, s in enumerate(example.shapes)]
            every += [branch(name, w, o, own, data, rng) for w, o in branches(name) if only in ("", w)]
            inputs += own
            x += data
        return keras.Model(inputs, [t for b in every for t in b.outputs]), x, every


@pytest.mark.parametrize("name", TRIED)
def test_what_works_computes_what_keras_does(name: str) -> None:
    model, x, every = model_of([name])
    found = rewritten(as_functional(model))
    check_model(found)
    results = iter(Probe(found).outputs(x))
    float32 = name[0] == "Q" or name in ("Resizing", "UpSampling2D")  # the latter in TensorFlow
    for b in every:
        far = 2e-2 if b.what == "dtype" else 1e-5 if float32 else 1e-6
        for expected in b.expected:
            assert_allclose(next(results), expected, rtol=far, atol=far, err_msg=b.what)


SOME = ["SpectralNormalization", "RepeatVector"]  # for every day
TOGETHER = [
    ["Activation", "EinsumDense", "Embedding", "ReLU", "LeakyReLU", "ELU"],
    ["PReLU", "Softmax", "Dot"],
    ["LayerNormalization", "RMSNormalization", "GroupNormalization", "BatchNormalization"],
    ["Rescaling", "Normalization", "CategoryEncoding", "Discretization", "CenterCrop"],
    ["Resizing", "UpSampling1D", "UpSampling2D"],
    ["Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D", "Flatten", "Reshape", "Permute", "Identity"],
    ["Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"],
    ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"],
    [f"{kind}Pooling{n}D" for kind in ("Max", "Average", "GlobalMax", "GlobalAverage") for n in (1, 2)],
    [f"Adaptive{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2)],
    ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Attention"],
    ["Dense", "Conv1D"],
    ["Conv2D"],
    ["DepthwiseConv1D", "DepthwiseConv2D"],
    ["SeparableConv1D", "SeparableConv2D"],
    ["Conv1DTranspose", "Conv2DTranspose"],
    ["SimpleRNN", "LSTM"],
    ["GRU"],
    ["Bidirectional", "TimeDistributed"],
    ["MultiHeadAttention"],
    ["GroupQueryAttention"],
    ["QActivation", "QDense", "QConv1D"],
    ["QConv2D"],
    ["QConv2DTranspose", "QDepthwiseConv2D"],
    ["QSeparableConv1D", "QSeparableConv2D"],
    ["QBatchNormalization", "QScaleShift"],
    ["QConv2DBatchnorm"],
    ["QDepthwiseConv2DBatchnorm", "QDenseBatchnorm"],
    ["QAveragePooling2D", "QGlobalAveragePooling2D", "QBidirectional"],
    ["RNN", "AdditiveAttention"],
    ["UnitNormalization", "ReversibleEmbedding"],
    ["QSimpleRNN", "QLSTM", "QGRU"],
]


@pytest.mark.parametrize(
    "names", [pytest.param(n, id=n[0], marks=[] if n is SOME else pytest.mark.slow) for n in (SOME, *TOGETHER)]
)
def test_c_simulation_computes_what_keras_does(names: list[str], tmp_path: Path) -> None:
    """A relu behind each result: some classes do nothing, and outputs that are inputs are refused."""
    model, x, every = model_of(names)
    every = [b for b in every if b.what != "dtype"]
    outputs = [L.ReLU()(t) for b in every for t in b.outputs]
    data = {t.name: a for t, a in zip(model.inputs, x, strict=True)}
    project = fpga_ml.compile(
        keras.Model(model.inputs, outputs), data=data, output=tmp_path / "p", bits=16, until="csim", progress=False
    )
    assert project.report["csim"]["bit_exact_vs_quantised_model"] is not False
    results = iter(project.outputs["csim"])
    for b in every:
        for expected in b.expected:
            want = np.maximum(expected, 0.0)
            found = np.reshape(next(results), want.shape)
            assert_allclose(found, want, atol=0.01 * np.abs(expected).max(), err_msg=b.what)


def test_every_class_that_works_is_simulated() -> None:
    assert {*TRIED} == {n for names in (SOME, *TOGETHER) for n in names}


@pytest.mark.parametrize("name", TRIED)
def test_every_option_that_works_has_an_example(name: str) -> None:
    kind, example = CLASSES[name], EXAMPLES[name]
    record = record_of(kind)
    assert record is not None
    tried = {*example.options, *example.needs, *SHARED, *UNTRIED.get(name, "").split()}
    every = {p: record.option(p) for p in parameters(kind)}
    plain = {p for p, o in every.items() if o is not None and o.verdict is not Verdict.REFUSED and o is not TRAINING}
    assert plain <= tried


UNTRIED = {
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "RNN"), "cell stateful"),
    **dict.fromkeys(("QSimpleRNN", "QLSTM", "QGRU"), "cell stateful implementation recurrent_activation"),
    **dict.fromkeys(("QDense", "QConv1D", "QConv2D"), "lora_rank lora_alpha"),
    **dict.fromkeys(("CenterCrop", "Resizing"), "factor bounding_box_format"),
    **dict.fromkeys(
        ("QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm", "QDenseBatchnorm"), "center scale lora_rank lora_alpha"
    ),
    "ReversibleEmbedding": "weights",  # for which Keras stops
}


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 3},
        {"batch_shape": (3, 4)},
        {"dtype": "float16"},
        {"dtype": "int32"},
        {"dtype": "uint8"},
        {"optional": True},
        {"input_tensor": True},
        {"name": "given"},
    ],
    ids=str,
)
def test_inputs(options: dict[str, Any]) -> None:
    if "input_tensor" in options:
        options = {"tensor": keras.KerasTensor((None, 4), "float32", name="t")}
    x = keras.Input(**({} if "batch_shape" in options or "tensor" in options else {"shape": (4,)}), **options)
    dense = L.Dense(3)
    model = keras.Model(x, dense(x))
    values = np.random.default_rng(1).integers(0, 20, (3, 4)).astype(float)
    found = rewritten(as_functional(model))
    check_model(found)
    assert_allclose(Probe(found).outputs([values])[0], values @ np.asarray(dense.kernel, np.float64), rtol=1e-9)


# --- what is refused ------------------------------------------------------------------------------------------------------

Make = Callable[[], Any]


def single(layer: Any, *shapes: tuple[int, ...], dtype: str | None = None, **call: Any) -> Any:
    inputs = [keras.Input(s, dtype=dtype) for s in shapes]
    return keras.Model(inputs, layer(inputs[0] if len(inputs) == 1 else inputs, **call))


def refused_of(name: str) -> Any:
    """A model with a layer of this class, which may need what is not there to be made."""
    model = single(L.Identity(name="odd"), VECTOR)
    model.get_layer("odd").__class__ = CLASSES[name]
    return model


@pytest.mark.parametrize("name", REFUSED)
def test_refused_layers_are_one_error(name: str) -> None:
    kind = CLASSES[name]
    record = record_of(kind)
    assert record is not None
    with pytest.raises(FpgaMlError) as caught:
        check_layers(refused_of(name))
    said = str(caught.value)
    assert said.startswith(f"layer 'odd' is a {kind.__name__}: {record.note}")
    assert said.endswith(record.do)


def causal(**call: Any) -> Any:
    x = keras.Input(SERIES)
    return keras.Model(x, L.MultiHeadAttention(2, 3)(x, x, **call))


def masked(layer: Any, shape: tuple[int, ...], mask: tuple[int, ...], **call: Any) -> Any:
    x, m = keras.Input(shape), keras.Input(mask, dtype="bool")
    return keras.Model([x, m], layer(x, mask=m, **call))


def quantised_by_keras(mode: str) -> Any:
    model = single(L.Dense(4, name="fc"), VECTOR)
    model.get_layer("fc").quantize(mode)
    return model


def scored() -> Any:
    x = keras.Input(SERIES)
    return keras.Model(x, L.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)[0])


def nested() -> Any:
    inner = keras.Sequential([keras.Input(VECTOR), L.Dropout(0.5), L.Dense(2)])
    x = keras.Input(VECTOR)
    return keras.Model(x, inner(x, training=True))


REFUSALS: dict[str, tuple[Make, str]] = {
    "Embedding mask_zero": (lambda: single(L.Embedding(5, 3, mask_zero=True), VECTOR), "has mask_zero = True: it masks"),
    "ReversibleEmbedding mask_zero": (
        lambda: single(L.ReversibleEmbedding(5, 3, mask_zero=True), VECTOR),
        "has mask_zero = True: it masks",
    ),
    "InputLayer sparse": (
        lambda: keras.Model(x := keras.Input(VECTOR, sparse=True), L.Dense(2)(x)),
        "has sparse = True: sparse tensors",
    ),
    "InputLayer ragged": (
        lambda: keras.Model(x := keras.Input(VECTOR, ragged=True), L.Dense(2)(x)),
        "has ragged = True: ragged tensors",
    ),
    "MultiHeadAttention sliding_window": (
        lambda: keras.Model(x := keras.Input(SERIES), L.MultiHeadAttention(2, 3, sliding_window=2)(x, x)),
        "has sliding_window = 2: it is a mask",
    ),
    "GroupQueryAttention sliding_window": (
        lambda: keras.Model(x := keras.Input(SERIES), L.GroupQueryAttention(3, 2, 2, sliding_window=2)(x, x)),
        "has sliding_window = 2: it is a mask",
    ),
    "CategoryEncoding sparse": (
        lambda: single(L.CategoryEncoding(4, sparse=True), VECTOR, dtype="int32"),
        "has sparse = True: sparse tensors",
    ),
    "Discretization sparse": (
        lambda: single(L.Discretization([0.0, 1.0], output_mode="one_hot", sparse=True), (1,)),
        "(Discretization) has ",
    ),
    "Discretization output_mode": (
        lambda: single(L.Discretization([0.0, 1.0], output_mode="one_hot"), (1,)),
        "has output_mode = 'one_hot'",
    ),
    "a gate": (lambda: single(L.LSTM(2, activation="gelu"), SERIES), "has activation = gelu: it is not one of a cell's"),
    "a gate inside": (
        lambda: single(L.Bidirectional(L.GRU(2, recurrent_activation="softplus")), SERIES),
        "has recurrent_activation = softplus: it is not one of a cell's",
    ),
    "a layer inside": (lambda: single(L.TimeDistributed(L.Masking()), SERIES), "is a Masking: it masks steps"),
    "a layer of a model inside": (
        lambda: single(L.TimeDistributed(keras.Sequential([keras.Input((4,)), L.Embedding(3, 2, mask_zero=True)])), SERIES),
        "has mask_zero = True: it masks steps",
    ),
    "integers": (lambda: single(L.Activation("relu", dtype="int32"), VECTOR), "has dtype = int32: Keras computes in int"),
    "sums of integers": (
        lambda: single(L.Add(), VECTOR, VECTOR, dtype="uint8"),
        "has dtype = int: Keras computes in integers",
    ),
    "products of integers that were moved": (
        lambda: keras.Model(x := keras.Input(SERIES, dtype="uint8"), L.Multiply()([y := L.Flatten()(x), y])),
        "has dtype = int: Keras computes in integers",
    ),
    "values cut off": (lambda: single(L.Flatten(dtype="int32"), SERIES), "has dtype = int32: Keras computes in integers"),
    "quantize to int8": (lambda: quantised_by_keras("int8"), "has quantization_config = int8: Keras' quantize() was called"),
    "quantize to int4": (lambda: quantised_by_keras("int4"), "has quantization_config = int4: Keras' quantize() was called"),
    "quantize to float8": (lambda: quantised_by_keras("float8"), "has quantization_config = float8: Keras' quantize()"),
    "an int8 policy": (lambda: single(L.Dense(4, dtype="int8_from_float32"), VECTOR), "has quantization_config = int8"),
    "training": (lambda: single(L.Dropout(0.5), VECTOR, training=True), "is called with training = True: it acts as in"),
    "training of a normalisation": (lambda: single(L.BatchNormalization(), VECTOR, training=True), "called with training"),
    "training of a model inside": (nested, "is called with training = True: it acts as in training"),
    "mask of a Softmax": (lambda: masked(L.Softmax(), VECTOR, VECTOR), "is called with mask: hardware computes every step"),
    "mask of a pooling": (lambda: masked(L.GlobalAveragePooling1D(), SERIES, (6,)), "is called with mask: hardware"),
    "mask of an LSTM": (lambda: masked(L.LSTM(2), SERIES, (6,)), "is called with mask: hardware computes every step"),
    "a causal mask": (
        lambda: causal(use_causal_mask=True),
        "is called with use_causal_mask = True: hardware computes every",
    ),
    "attention scores": (scored, "is called with return_attention_scores = True: the scores have no place"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_options_are_one_error(name: str) -> None:
    make, text = REFUSALS[name]
    with pytest.raises(FpgaMlError) as caught:
        check_layers(as_functional(make()))
    what, where, do = str(caught.value).splitlines()
    assert text in what
    assert where.startswith("  where: layer '")
    assert do.startswith("  do:    ")


def test_every_refused_option_is_tried() -> None:
    tried = {tuple(name.split()) for name in REFUSALS}
    for name in WORKING:
        record = record_of(CLASSES[name])
        assert record is not None
        refused = [o for o, option in record.options.items() if option.verdict is Verdict.REFUSED]
        assert [o for o in refused if (name, o) not in tried] == [], name


def test_an_option_of_a_later_keras_is_refused_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(L.Dense):  # type: ignore[misc]
        def __init__(self, units: int, squeeze: int = 0, **options: Any) -> None:
            super().__init__(units, **options)
            self.squeeze = squeeze

    monkeypatch.setattr(support, "record_of", lambda kind: KERAS["Dense" if kind is Later else "InputLayer"])
    check_layers(single(Later(3), VECTOR))
    with pytest.raises(FpgaMlError, match="squeeze = 2, an option that this version of fpga_ml does not know"):
        check_layers(single(Later(3, squeeze=2), VECTOR))
