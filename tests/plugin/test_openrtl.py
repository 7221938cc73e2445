"""The OpenRTL backend in this process: what a script may do with its graphs besides predict()."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
import pytest
from hls4ml.model.graph import MultiModelGraph
from hls4ml.model.optimizer.optimizer import optimizer_map
from keras import layers as L
from numpy.testing import assert_array_equal
from plugin_suite import Case

from fpga_ml.bridge.mended import mended
from fpga_ml.bridge.patches import Patches
from fpga_ml.errors import FpgaMlError

STEPS = Case(lambda x: L.Dense(2, name="o")(L.Dense(4, activation="relu", name="b")(L.Dense(5, name="a")(x))), (6,))


def converted(case: Case, folder: Path, **options: Any) -> tuple[Any, np.ndarray]:
    graph = case.convert("OpenRTL", folder, **options)
    graph.compile()
    return graph, case.samples().astype(np.float64)


def by_hand(case: Case, x: np.ndarray, upto: int) -> list[np.ndarray]:
    """The tensors behind each Dense, with every product and sum in ap_fixed<16,6>: hls4ml's default for model precision."""
    found, (values, model) = [], (cut(x), case.model())
    for layer in model.layers[1 : upto + 1]:
        kernel, bias = (cut(np.asarray(w, np.float64)) for w in layer.get_weights())
        total = np.broadcast_to(bias, (len(values), len(bias)))
        for i, row in enumerate(kernel):
            total = cut(total + cut(values[:, i : i + 1] * row))
        values = cut(total)
        found.append(values)
        if layer.activation is keras.activations.relu:
            values = np.maximum(values, 0)
            found.append(values)
    return found


def cut(a: np.ndarray) -> np.ndarray:
    return ((np.floor(a * 1024).astype(np.int64) + (1 << 15)) % (1 << 16) - (1 << 15)) / 1024


MODEL_TYPES = Case(STEPS.build, STEPS.shape, granularity="model")


def test_predict_and_trace_are_the_default_types_arithmetic(tmp_path: Path) -> None:
    graph, x = converted(MODEL_TYPES, tmp_path)
    for node in graph.get_layers():
        node.set_attr("trace", True)
    expected = by_hand(MODEL_TYPES, x, 3)
    assert_array_equal(graph.predict(x), expected[-1])
    outputs, traced = graph.trace(x)
    assert_array_equal(outputs, expected[-1])
    assert list(traced) == ["a", "b", "b_relu", "o"]
    for found, want in zip(traced.values(), expected, strict=True):
        assert_array_equal(found, want)


def test_profiling_reads_the_trace(tmp_path: Path) -> None:
    pytest.importorskip("seaborn")
    from hls4ml.model.profiling import activations_hlsmodel

    graph, x = converted(STEPS, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = activations_hlsmodel(graph, x, fmt="summary")
    assert {row["weight"].split("/")[0] for row in table} >= {"a", "b", "o"}


def test_several_graphs(tmp_path: Path) -> None:
    whole, x = converted(STEPS, tmp_path / "whole")
    expected = whole.predict(x)
    split = MultiModelGraph.from_model_graph(STEPS.convert("OpenRTL", tmp_path / "split"), ["b"])
    split.compile()
    assert len(split.graphs) == 2
    assert_array_equal(split.predict(x), expected)


@pytest.mark.parametrize("name", ["in put", "reg"])
def test_inputs_of_any_name_are_ports(name: str, tmp_path: Path) -> None:
    inputs = keras.Input((3,), name=name)
    model = keras.Model(inputs, L.Dense(2, name="o")(inputs))
    config = hls4ml.utils.config_from_keras_model(model, backend="OpenRTL")
    graph = hls4ml.converters.convert_from_keras_model(model, hls_config=config, backend="OpenRTL", output_dir=str(tmp_path))
    report = graph.build(vectors=np.zeros((2, 3)))
    assert all(run["passed"] for run in report["cosim"]), report


@pytest.mark.parametrize("shape", [(40, 5), (5,), (40, 6, 2)])
def test_a_wrong_width_is_one_error(shape: tuple[int, ...], tmp_path: Path) -> None:
    graph, _ = converted(STEPS, tmp_path)
    with pytest.raises(FpgaMlError, match=r"samples of shape .* but the model's input 'x' is \(6,\)"):
        graph.predict(np.zeros(shape))


def test_several_inputs_are_counted(tmp_path: Path) -> None:
    graph, x = converted(STEPS, tmp_path)
    with pytest.raises(FpgaMlError, match=r"2 arrays for 1 inputs \(x\)"):
        graph.predict([x, x])


def test_a_constant_softmax_is_a_warning(tmp_path: Path) -> None:
    case = Case(lambda x: L.Softmax(name="s")(L.Dense(4, name="a")(x)), (6,))
    graph = case.convert("OpenRTL", tmp_path)
    with pytest.warns(UserWarning, match="softmax 's' gives the same outputs whichever class leads by 4"):
        graph.compile()
    outputs = graph.predict(case.samples().astype(np.float64))
    assert (outputs == outputs[0]).all()  # it is true
    good = Case(case.build, case.shape, granularity="model").convert("OpenRTL", tmp_path / "good")
    good.compile()  # no warning: warnings are errors here


WRONG = {
    "simple": Case(lambda x: L.SimpleRNN(3, name="r")(x), (4, 2)),
    "gru_before": Case(lambda x: L.GRU(3, reset_after=False, name="r")(x), (4, 2)),
    "padded": Case(lambda x: L.MaxPooling2D(2, padding="same", name="q")(L.ReLU(name="a")(x)), (5, 5, 2),
                   layers={"a": {"Precision": {"result": "ufixed<8,3>"}}}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_cpp_is_refused_and_mended_when_asked(name: str, tmp_path: Path) -> None:
    case = WRONG[name]
    with pytest.raises(FpgaMlError, match="convert with exact=True"):
        case.convert("OpenRTL", tmp_path / "plain")
    graph, x = converted(case, tmp_path / "exact", exact=True)
    with mended():
        vitis = case.convert("Vitis", tmp_path / "vitis")
        vitis.compile()
    assert_array_equal(graph.predict(x), vitis.predict(x))
    error = np.abs(graph.predict(x) - case.model().predict(x, verbose=0).reshape(len(x), -1))
    assert error.max() < (0.1 if name == "padded" else 0.25)


def test_patches_are_taken_back_in_any_order() -> None:
    class Thing:
        own = 1

    table = {"a": 1, "b": 2}
    patches = Patches()
    patches.add(table, "a", 10)
    patches.add(table, "c", 30)
    patches.add(Thing, "own", 5)
    with pytest.raises(ValueError, match="a is patched already"):
        patches.add(table, "a", 11)
    with patches.applied():
        with patches.applied():
            assert table == {"a": 10, "b": 2, "c": 30}
        assert (table["a"], Thing.own) == (10, 5)
    assert list(table.items()) == [("a", 1), ("b", 2)]
    assert Thing.own == 1


def test_mends_last_for_a_conversion() -> None:
    plain = optimizer_map["infer_precision_types"]
    with mended():
        assert optimizer_map["infer_precision_types"] is not plain
    assert optimizer_map["infer_precision_types"] is plain
    assert hls4ml.backends.get_backend("Vitis").custom_source == {}
