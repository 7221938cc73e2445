"""What hls4ml 1.3.0 gets wrong for us, and the mends: patches that `mended()` applies while we convert and write.

Each mend names the fault and how it shows. None changes the meaning of a project that was right before.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import partial
from typing import Any

import numpy as np
from hls4ml.backends.catapult.catapult_backend import CatapultBackend
from hls4ml.backends.fpga.fpga_backend import FPGABackend
from hls4ml.backends.fpga.passes.final_reshape import RemoveFinalReshape
from hls4ml.backends.vivado.passes.bn_quant import MergeBatchNormAndQuantizedTanh, QuantizeDenseOutput
from hls4ml.backends.vivado.passes.conv_same_pad import InsertZeroPaddingBeforeConv1D
from hls4ml.backends.vivado.passes.core_templates import SoftmaxConfigTemplate
from hls4ml.converters.keras_v3.core import PermuteHandler
from hls4ml.converters.keras_v3.pooling import PoolingHandler
from hls4ml.converters.keras_v3_to_hls import KerasV3HandlerDispatcher
from hls4ml.model.flow import get_flow
from hls4ml.model.graph import HLSConfig
from hls4ml.model.layers import GlobalPooling1D, GlobalPooling2D
from hls4ml.model.optimizer import OptimizerPass
from hls4ml.model.optimizer.optimizer import optimizer_map
from hls4ml.model.optimizer.passes.linear import MergeLinearActivation
from hls4ml.model.optimizer.passes.multi_dense import ReplaceMultidimensionalDenseWithConv
from hls4ml.model.types import (
    ExponentPrecisionType,
    ExponentWeightVariable,
    FixedPrecisionType,
    IntegerPrecisionType,
    UnspecifiedPrecisionType,
    XnorPrecisionType,
)
from hls4ml.writer.libero_writer import LiberoWriter

from fpga_ml.bridge.own import is_padded
from fpga_ml.bridge.patches import MENDED
from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType


class KeepQuantizers(ReplaceMultidimensionalDenseWithConv):  # type: ignore[misc]
    """hls4ml turns a Dense over several positions into a convolution and forgets its quantizers: the weights then get
    the model's default type, cut off."""

    def transform(self, model: Any, node: Any) -> bool:
        changed: bool = super().transform(model, node)
        convolution = model.graph[node.name]
        for name, var_name in (("weight", "w{index}"), ("bias", "b{index}")):
            quantizer = node.get_attr(f"{name}_quantizer")
            data = convolution.get_attr(f"{name}_data")
            if quantizer is not None and data is not None:
                convolution.set_attr(f"{name}_quantizer", quantizer)
                convolution.add_weights_variable(name=name, var_name=var_name, data=data, quantizer=quantizer)
        return changed


class KeepRounding(MergeLinearActivation):  # type: ignore[misc]
    """hls4ml merges a linear activation into the layer before it when that layer's type is 'auto'; the activation's own
    type, all that a quantized_bits activation is, gets lost with it, and so does the rounding. Here it moves along; and
    a layer that something else reads as well, or that is an output, keeps its type."""

    def match(self, node: Any) -> bool:
        read = node.get_input_node()
        return bool(super().match(node)) and len(read.get_output_nodes()) == 1 and read.outputs[0] not in node.model.outputs

    def transform(self, model: Any, node: Any) -> bool:
        own = node.get_output_variable().type.precision
        if node.get_attr("quantizer") is None and not isinstance(own, UnspecifiedPrecisionType):
            node.get_input_node().get_output_variable().type.precision = own
        merged: bool = super().transform(model, node)
        return merged


class ExactThreshold(MergeBatchNormAndQuantizedTanh):  # type: ignore[misc]
    """hls4ml merges a batch normalisation and the sign behind it into a threshold that it cuts off downwards: a value on
    the threshold's grid, next below it, passes. It takes a scale for positive, and a threshold outside the data's type
    wraps around. The bits that come out mean -1 and +1 to products only: to others, to the padding of a convolution and to
    the user they are 0 and 1. Here the threshold is the next value of the grid; what no threshold expresses, and signs
    that something else than a product reads, stay two layers."""

    def match(self, node: Any) -> bool:
        if not super().match(node) or ("binary" in node.get_attr("activation") and not _feeds_products(node)):
            return False
        scale, threshold = _threshold(node.get_input_node())
        t = FixedType.parse(str(node.get_input_node().get_input_variable().type.precision))
        return bool((scale > 0).all() and (np.abs(threshold) < t.max - 1 / scale.min()).all())

    def transform(self, model: Any, node: Any) -> bool:
        _, threshold = _threshold(node.get_input_node())
        before = set(model.graph)
        merged: bool = super().transform(model, node)
        (made,) = (model.graph[name] for name in set(model.graph) - before)
        if made.get_attr("quantize") == 2:
            t = FixedType.parse(str(made.get_input_variable().type.precision))
            made.weights["threshold"].data = np.ceil(threshold / t.lsb) * t.lsb
            _keep_biases(made)
        return merged


class WholeThreshold(QuantizeDenseOutput):  # type: ignore[misc]
    """hls4ml cuts the thresholds behind a sum of signs off to whole numbers, again downwards."""

    def transform(self, model: Any, node: Any) -> bool:
        for reader in node.get_output_nodes():
            if reader.class_name == "BatchNormalizationQuantizedTanh" and reader.get_attr("quantize") == 2:
                reader.weights["threshold"].data = np.ceil(reader.weights["threshold"].data)
        changed: bool = super().transform(model, node)
        return changed


def _keep_biases(node: Any) -> None:
    """Where data and weights are bits, the C++ makes 2 * count - n of accum (nnet_mult.h: cast): a bias counts twice and
    loses its fraction. Weights of two bits, -1 and +1, go another way, which is right."""
    for reader in node.get_output_nodes():
        weight = reader.weights.get("weight")
        if weight is None:
            _keep_biases(reader)
        elif isinstance(weight.type.precision, XnorPrecisionType) and np.any(reader.weights["bias"].data):
            weight.data = 2 * np.asarray(weight.data) - 1
            weight.update_precision(IntegerPrecisionType(2, signed=True))


def _feeds_products(node: Any) -> bool:
    """True if only products read the node's values, perhaps after they were moved."""
    readers = node.get_output_nodes()
    return bool(readers) and all(_takes_signs(r) or (_moves_signs(r) and _feeds_products(r)) for r in readers)


def _takes_signs(node: Any) -> bool:
    weight = node.weights.get("weight")
    exponents = weight is None or isinstance(weight.type.precision, ExponentPrecisionType)
    return node.class_name in ("Dense", "Conv1D", "Conv2D") and not exponents and not is_padded(node)


def _moves_signs(node: Any) -> bool:
    largest = "Pooling" in node.class_name and node.get_attr("pool_op") == "Max" and not is_padded(node)
    return largest or node.class_name in ("Reshape", "Transpose")


def _threshold(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """(scale, where the batch normalisation crosses zero)."""
    scale, bias = (np.asarray(norm.weights[n].data, np.float64) for n in ("scale", "bias"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return scale, -bias / scale


class SignedPadding(OptimizerPass):  # type: ignore[misc]
    """hls4ml pads a max pooling with the highest bit of the data's type (nnet_pooling.h: pad_val): the least value of a
    signed type, but the middle of an unsigned one, which then wins over all that is smaller: any image behind a relu has
    a bright frame. A layer between the two gives the data a sign."""

    def match(self, node: Any) -> bool:
        if node.class_name not in ("Pooling1D", "Pooling2D") or node.get_attr("pool_op") != "Max":
            return False
        data = node.get_input_variable().type.precision
        known = isinstance(data, (FixedPrecisionType, IntegerPrecisionType))
        return is_padded(node) and known and not data.signed

    def transform(self, model: Any, node: Any) -> bool:
        data = node.get_input_variable()
        precision = FixedPrecisionType(data.type.precision.width + 1, data.type.precision.integer + 1, signed=True)
        name = f"{node.name}_signed"
        model.config.set_name_config(name, {"Precision": {"result": str(precision)}})
        model.config.parse_name_config(name, {"Precision": {"result": str(precision)}})
        attributes = {"activation": "linear", "n_in": int(np.prod(data.shape))}
        model.insert_node(model.make_node("Activation", name, attributes, [node.inputs[0]]), before=node)
        return True


class OwnPadding(InsertZeroPaddingBeforeConv1D):  # type: ignore[misc]
    """hls4ml puts the padding of a one-dimensional convolution in a stream before the first layer that reads the same
    tensor, whichever that is."""

    def transform(self, model: Any, node: Any) -> bool:
        model.insert_node = partial(model.insert_node, before=node)
        try:
            changed: bool = super().transform(model, node)
        finally:
            del model.insert_node
        return changed


class OwnOutputs(RemoveFinalReshape):  # type: ignore[misc]
    """hls4ml leaves out a Reshape at the end of a parallel model. It stops if the input of that Reshape is an output too."""

    def match(self, node: Any) -> bool:
        found = bool(super().match(node))
        parallel = node.model.config.get_config_value("IOType") == "io_parallel"
        if found and parallel and node.inputs[0] in node.model.outputs:
            raise FpgaMlError(
                f"the output of layer '{node.name}' is another output of the model, with nothing that computes in between",
                where=f"layer '{node.name}'",
                do="leave one of them out",
            )
        return found


class SameReuse(OptimizerPass):  # type: ignore[misc]
    """hls4ml gives a convolution that becomes a pointwise one the reuse factor of the configuration again, not the nearest
    that its C++ knows."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs
        super().__init__()

    def match(self, node: Any) -> bool:
        return bool(self.theirs.match(node))

    def transform(self, model: Any, node: Any) -> bool:
        changed: bool = self.theirs.transform(model, node)
        model.graph[node.name].set_attr("reuse_factor", node.get_attr("reuse_factor"))
        return changed


def _convert_named(self: Any, layer: Any, in_tensors: Any, out_tensors: Any) -> Any:
    """hls4ml's handlers raise bare exceptions; say which layer they speak of."""
    try:
        return _convert(self, layer, in_tensors, out_tensors)
    except FpgaMlError:
        raise
    except Exception as error:
        raise FpgaMlError(
            f"hls4ml cannot convert layer '{layer.name}' ({type(layer).__name__}): {error or type(error).__name__}",
            where=f"layer '{layer.name}'",
            do="change the layer's options, or replace it; --debug shows hls4ml's traceback",
        ) from error


def _write_libero_scripts(self: Any, model: Any) -> None:
    """The wheel of hls4ml 1.3.0 lacks templates/libero/build_lib.sh, the last of the scripts written: a helper for its
    own C-simulation, which needs the vendor's compiler anyway."""
    try:
        _libero_scripts(self, model)
    except FileNotFoundError as error:
        if not str(error.filename).endswith("templates/libero/build_lib.sh"):
            raise


def _signs_and_exponents(self: Any) -> np.ndarray:
    """ExponentWeightVariable._format cuts log2 off: 2**-9 that qkeras computed as 0.0019531249 became 2**-8."""
    sign = (self.data >= 0).astype(int)
    exponent = np.rint(np.log2(np.abs(np.asarray(self.data, np.float64)))).astype(int)
    return np.stack((sign, exponent), axis=-1)


def _iterate_exponents(self: Any) -> Any:
    """ExponentWeightVariable.__iter__ calls numpy.product, which NumPy 2 no longer has."""
    self._iterator = iter(self._format().reshape((-1, 2)))
    return self


def _strategy_with_cpp(self: Any, layer: Any) -> str:
    """Where the resource strategy is asked for, hls4ml writes a depthwise convolution in parallel that stops at an
    assertion, and converts no EinsumDense: of both there is the latency strategy only."""
    asked: str = _strategy(self, layer)
    whole = layer.class_name in ("DepthwiseConv1D", "DepthwiseConv2D") and self.get_config_value("IOType") == "io_parallel"
    if not asked.lower().startswith("resource") or not (whole or layer.class_name == "EinsumDense"):
        return asked
    layer.set_attr("without_resource", True)
    return "Latency"


def _reuse_factor_with_cpp(self: Any, layer: Any, n_in: int, *rest: Any, **options: Any) -> None:
    """hls4ml takes a reuse factor beyond the inputs of a kernel for a convolution in parallel too, whose C++ stops at an
    assertion."""
    if "Conv" in layer.class_name and layer.model.config.get_config_value("IOType") == "io_parallel":
        asked = layer.get_attr("reuse_factor")
        if asked > n_in:
            layer.set_attr("reuse_asked", asked)
            layer.set_attr("reuse_factor", n_in)
    _closest_reuse_factor(self, layer, n_in, *rest, **options)


def _of_its_own(self: Any, layer: Any, pool_size: int) -> None:
    """Catapult's backend widens the sums of a pooling in place: the type of the layer before, where that is the same object,
    too."""
    layer.get_attr("accum_t").precision = copy(layer.get_attr("accum_t").precision)
    _widen_sums(self, layer, pool_size)


def own_factors(graph: Any) -> Iterator[str]:
    """Which layers have another strategy or reuse factor than was asked for, for the report."""
    for node in graph.get_layers():
        if node.get_attr("without_resource"):
            yield f"layer '{node.name}' takes the latency strategy: hls4ml has no C++ of the resource strategy for it"
        if node.get_attr("reuse_asked"):
            yield (
                f"layer '{node.name}' has a reuse factor of {node.get_attr('reuse_factor')} in place of "
                f"{node.get_attr('reuse_asked')}: a kernel in parallel is used at most as often as it has inputs"
            )


def _softmax_with_entries(self: Any, node: Any) -> str:
    """hls4ml takes no more entries of the exponential than the logits have values, but asks for the logits' type before they
    were rounded; what it reads beyond a narrow value is undefined."""
    if node.get_attr("implementation") == "latency":
        size = int(node.get_attr("exp_table_size") or node.get_attr("table_size"))
        node.set_attr("exp_table_size", min(size, 1 << node.get_input_variable().type.precision.width))
    config: str = _softmax_config(self, node)
    return config


def _with_keepdims(self: Any, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
    """hls4ml does not read whether a global pooling keeps its axes."""
    return {**_pooling(self, layer, in_tensors, out_tensors), "keepdims": getattr(layer, "keepdims", False)}


def _moved(self: Any, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
    """hls4ml's C++ swaps two axes in streams, and other backends' C++ in parallel, where a Permute leaves them in place
    too."""
    config: dict[str, Any] = _permuted(self, layer, in_tensors, out_tensors)
    in_place = config["perm"] == sorted(config["perm"])
    return {"class_name": "Reshape", "target_shape": list(out_tensors[0].shape[1:])} if in_place else config


def _of_kept_axes(initialize: Any, axes: int) -> Any:
    """A global pooling's result loses its axes in any case: a convolution that reads it stops. axes: those that are
    pooled."""

    def mended(self: Any) -> None:
        initialize(self)
        if self.get_attr("keepdims"):
            self.add_output_variable([1] * axes + [self.get_attr("n_filt")])

    return mended


_widen_sums = CatapultBackend._set_pooling_accum_t
_permuted = PermuteHandler.handle
_pooling = PoolingHandler.handle
_softmax_config = SoftmaxConfigTemplate.format
_closest_reuse_factor = FPGABackend.set_closest_reuse_factor
_strategy = HLSConfig.get_strategy
_libero_scripts = LiberoWriter.write_build_script
_convert = KerasV3HandlerDispatcher.__call__
for _owner, _key, _mend in (
    (optimizer_map, "signed_padding", SignedPadding()),
    (optimizer_map, "vivado:merge_batch_norm_quantized_tanh", ExactThreshold()),
    (optimizer_map, "vivado:quantize_dense_output", WholeThreshold()),
    (optimizer_map, "replace_multidimensional_dense_with_conv", KeepQuantizers()),
    (optimizer_map, "merge_linear_activation", KeepRounding()),
    (CatapultBackend, "_set_pooling_accum_t", _of_its_own),
    (PermuteHandler, "handle", _moved),
    (PoolingHandler, "handle", _with_keepdims),
    (GlobalPooling1D, "initialize", _of_kept_axes(GlobalPooling1D.initialize, 1)),
    (GlobalPooling2D, "initialize", _of_kept_axes(GlobalPooling2D.initialize, 2)),
    (HLSConfig, "get_strategy", _strategy_with_cpp),
    (SoftmaxConfigTemplate, "format", _softmax_with_entries),
    (FPGABackend, "set_closest_reuse_factor", _reuse_factor_with_cpp),
    (LiberoWriter, "write_build_script", _write_libero_scripts),
    (KerasV3HandlerDispatcher, "__call__", _convert_named),
    (ExponentWeightVariable, "_format", _signs_and_exponents),
    (ExponentWeightVariable, "__iter__", _iterate_exponents),
):
    MENDED.add(_owner, _key, _mend)
for _flow in (get_flow(f"{name}:quantization") for name in ("vivado", "quartus", "catapult")):
    MENDED.add(_flow, "_optimizers", [*_flow.optimizers, "signed_padding"])
for _key, _theirs in list(optimizer_map.items()):
    if _key.endswith(":optimize_pointwise_conv"):
        MENDED.add(optimizer_map, _key, SameReuse(_theirs))
    elif _key.endswith(":remove_final_reshape"):
        MENDED.add(optimizer_map, _key, OwnOutputs())
    elif _key.endswith(":insert_zero_padding_before_conv1d"):
        MENDED.add(optimizer_map, _key, OwnPadding())
