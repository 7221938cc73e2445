"""Single mends: the fault is there in hls4ml as it is, so that one which hls4ml corrects shows; with the mend it is gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hls4ml
import keras
import numpy as np
import pytest
import qkeras
from hls4ml.model.types import ExponentWeightVariable
from keras import layers as L

from fpga_ml.bridge.mended import mended
from fpga_ml.bridge.patches import ADDED
from fpga_ml.errors import FpgaMlError


@dataclass(frozen=True)
class Case:
    """layers: of a model after an input of the shape, or a model; wrong: whether its graph has the fault; settings: of each
    layer."""

    shape: tuple[int, ...]
    layers: Callable[[], Any]
    wrong: Callable[[Any], bool]
    io_type: str = "io_parallel"
    settings: dict[str, Any] = field(default_factory=dict)
    granularity: str = "name"


def _node(graph: Any, name: str) -> Any:
    return graph.graph[name]


def _weights(name: str) -> Callable[[Any], bool]:
    """Whether the weights' type is not that of a quantized_bits(4, 0)."""
    return lambda graph: _node(graph, name).weights["weight"].type.precision.width != 4


def _sign_of_a_norm(**initial: Any) -> list[Any]:
    """A sign after a batch normalisation whose parameters are `initial`."""
    return [
        qkeras.QActivation(qkeras.quantized_bits(6, 2, alpha=1), name="data"),
        L.BatchNormalization(**{k: keras.initializers.Constant(v) for k, v in initial.items()}, name="bn"),
        qkeras.QActivation(qkeras.binary(alpha=1), name="sign"),
        qkeras.QDense(2, kernel_quantizer=qkeras.quantized_bits(4, 0, alpha=1), use_bias=False, name="out"),
    ]


def _read_twice() -> keras.Model:
    """A tensor that a relu and a padded convolution read."""
    inputs = keras.Input((6, 2), name="x")
    x = L.Dense(2, name="first")(inputs)
    return keras.Model(inputs, [L.Activation("relu", name="act")(x), L.Conv1D(2, 3, padding="same", name="conv")(x)])


CASES = {
    "rounding of an activation that is merged": Case(
        (4,),
        lambda: [
            L.Dense(3, name="fc"),
            qkeras.QActivation(qkeras.quantized_bits(6, 2, alpha=1), name="act"),
            L.Dense(2, name="out"),
        ],
        lambda graph: str(_node(graph, "fc").get_output_variable().type.precision) != "fixed<6,3,RND_CONV,SAT,0>",
    ),
    "the sign of a scale below zero": Case(
        (4,),
        lambda: _sign_of_a_norm(gamma_initializer=-1.0),
        lambda graph: any(node.class_name == "BatchNormalizationQuantizedTanh" for node in graph.get_layers()),
    ),
    # Zero is crossed at about -0.3: of data in steps of 1/8 those from -2/8 on are positive.
    "a threshold between two values": Case(
        (4,),
        lambda: _sign_of_a_norm(beta_initializer=0.3),
        lambda graph: _node(graph, "bnbt_bn").weights["threshold"].data[0] != -0.25,
    ),
    "padding of a layer that reads the same tensor": Case(
        (6, 2),
        _read_twice,
        lambda graph: _node(graph, "act").get_input_node().class_name == "ZeroPadding1D",
        io_type="io_stream",
    ),
    "padding of unsigned data": Case(
        (4, 4, 1),
        lambda: [
            qkeras.QActivation(qkeras.quantized_relu(4, 2), name="relu"),
            L.MaxPooling2D(3, 2, padding="same", name="pool"),
        ],
        lambda graph: not _node(graph, "pool").get_input_variable().type.precision.signed,
    ),
    "quantizers of a dense layer over several positions": Case(
        (3, 4),
        lambda: [qkeras.QDense(2, kernel_quantizer=qkeras.quantized_bits(4, 0, alpha=1), use_bias=False, name="fc")],
        _weights("fc"),
        granularity="model",
    ),
    "a Permute that moves nothing": Case(
        (3, 4),
        lambda: [L.Permute((1, 2), name="permute"), L.Flatten(name="flat"), L.Dense(2, name="out")],
        lambda graph: any(node.class_name == "Transpose" for node in graph.get_layers()),
        io_type="io_stream",
    ),
    "axes that a global pooling keeps": Case(
        (4, 4, 2),
        lambda: [L.GlobalAveragePooling2D(keepdims=True, name="pool")],
        lambda graph: len(_node(graph, "pool").get_output_variable().shape) != 3,
    ),
    "resource strategy of a depthwise convolution": Case(
        (5, 5, 2),
        lambda: [L.DepthwiseConv2D(3, name="conv")],
        lambda graph: str(_node(graph, "conv").get_attr("strategy")).lower() == "resource",
        settings={"Strategy": "Resource"},
    ),
    "a reuse factor beyond a kernel's inputs": Case(
        (6, 6, 1),
        lambda: [L.Conv2D(4, 3, name="conv")],
        lambda graph: _node(graph, "conv").get_attr("reuse_factor") > 9,
        settings={"Strategy": "Resource", "ReuseFactor": 36},
    ),
    "the reuse factor of a pointwise convolution": Case(
        (4, 4, 6),
        lambda: [L.Conv2D(4, 1, name="conv")],
        lambda graph: _node(graph, "conv").get_attr("reuse_factor") == 5,
        settings={"Strategy": "Resource", "ReuseFactor": 5},
    ),
}


def converted(case: Case, context: AbstractContextManager[Any], folder: Path) -> Any:
    keras.utils.set_random_seed(1)
    made = case.layers()
    model = made if isinstance(made, keras.Model) else keras.Sequential([keras.Input(case.shape, name="x"), *made])
    with context:
        config = hls4ml.utils.config_from_keras_model(model, granularity=case.granularity, backend="Vitis")
        for layer in config.get("LayerName", {}).values():
            layer |= case.settings
        options = {"hls_config": config, "backend": "Vitis", "io_type": case.io_type, "output_dir": str(folder)}
        return hls4ml.converters.convert_from_keras_model(model, allow_da_fallback=False, **options)


@pytest.mark.filterwarnings("ignore:Overriding attribute:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_hls4ml_is_mended(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    assert case.wrong(converted(case, ADDED.applied(), tmp_path)), "hls4ml has mended it: the mend can go"
    assert not case.wrong(converted(case, mended(), tmp_path))


def test_an_output_that_is_another_output_is_named(tmp_path: Path) -> None:
    def twice() -> keras.Model:
        inputs = keras.Input((6,), name="x")
        x = L.Dense(4, name="fc")(inputs)
        return keras.Model(inputs, [x, L.Reshape((2, 2), name="moved")(x)])

    case = Case((6,), twice, bool)
    with pytest.raises(AssertionError, match="Remove leaf node"):
        converted(case, ADDED.applied(), tmp_path)
    with pytest.raises(FpgaMlError, match="the output of layer 'moved' is another output of the model"):
        converted(case, mended(), tmp_path)


def test_a_bare_exception_names_the_layer(tmp_path: Path) -> None:
    case = Case((3, 4), lambda: [L.EinsumDense("abc,cd->abd", output_shape=(None, 2), name="sums")], bool)
    with pytest.raises(AssertionError, match="fully out shapes"):
        converted(case, ADDED.applied(), tmp_path)
    with pytest.raises(FpgaMlError, match=r"hls4ml cannot convert layer 'sums' \(EinsumDense\)"):
        converted(case, mended(), tmp_path)


def _exponents() -> np.ndarray:
    """Of a power of two that was computed in float32."""
    data = np.array([np.nextafter(np.float32(2**-9), np.float32(1)), 2.0])
    return ExponentWeightVariable._format(SimpleNamespace(data=data))[:, 1]


def test_exponents_are_rounded() -> None:
    assert _exponents().tolist() == [-8, 1], "hls4ml has mended it: the mend can go"
    with mended():
        assert _exponents().tolist() == [-9, 1]


def test_powers_of_two_are_written_under_numpy_2() -> None:
    variable = SimpleNamespace(data=np.array([[0.5, 2.0]]))
    variable._format = lambda: ExponentWeightVariable._format(variable)
    with pytest.raises(AttributeError, match="product"):
        ExponentWeightVariable.__iter__(variable)
    with mended():
        ExponentWeightVariable.__iter__(variable)
    assert [tuple(row) for row in variable._iterator] == [(1, -1), (1, 1)]
