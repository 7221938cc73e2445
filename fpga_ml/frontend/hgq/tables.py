"""HGQ2's LUT layers (hgq.layers.table): between each input and each output lies a small network of its own, which is a
table of the values that the input can have. A sum is made of its results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.hgq.parts import Parts, becomes, numpy_of, tabulated
from fpga_ml.frontend.tensors import Quantise, numbers


@becomes("QDenseT")
def _dense_table(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    shape = tuple(x[0].shape[1:])
    every = np.arange(math.prod(shape)).reshape(*shape, 1)

    def network(values: Any) -> Any:
        found = layer.module(values[..., None], training=False)
        return layer.bn_module(found, training=False) / math.sqrt(layer.n_in) if layer.enable_bn else found

    given = np.broadcast_to(every, (*shape, layer.n_out))
    return _summed(parts, layer, name, x[0], given, network, (len(shape),))


@becomes("QEinsumDenseT")
def _einsum_table(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    shape = tuple(x[0].shape[1:])
    placed, whole = (tuple(sizes[1:]) for sizes in layer._broadcast_shapes((1, *shape)))
    given = np.broadcast_to(numbers(placed), whole)

    def network(values: Any) -> Any:
        # The network is built for as many inputs as it has hidden units and given one; TensorFlow does not repeat it.
        repeated = keras.ops.repeat(values[..., None], layer.module.input_shape[-1], axis=-1)
        return layer._apply_batch_norm(layer.module(repeated, training=False), training=False)

    total = _summed(parts, layer, name, x[0], given, network, layer._contract_axes, activated=False)
    sizes = tuple(total.shape[1:])
    turned = numbers(sizes).transpose([a - 1 for a in layer._output_transpose[1:]])
    total = parts.placed(f"{name}_turned", turned, total)
    return parts.given(layer, name, parts.activated(layer.activation, f"{name}_act", total))


@becomes("QConvTBase")
def _convolution_table(parts: Parts, layer: Any, name: str, x: list[Any]) -> Any:
    shape = tuple(x[0].shape[1:])
    from_one = (numbers((1, *shape)) + 1).astype(np.float32)
    if layer.rank == 1:
        from_one = from_one[:, :, None]
    patches = numpy_of(keras.ops.image.extract_patches(from_one, **layer.im2col_params))[0].astype(np.int64) - 1
    patches = patches[:, 0] if layer.rank == 1 else patches
    return _dense_table(parts, layer, name, [parts.placed(f"{name}_patches", patches, x[0])])


def _summed(
    parts: Parts,
    layer: Any,
    name: str,
    x: Any,
    given: np.ndarray,
    network: Any,
    axes: Sequence[int],
    activated: bool = True,
) -> Any:
    """Sums over axes, counted with the batch, of the tables of a network that reads the elements of these numbers."""
    copies = parts.read(layer, name, parts.placed(f"{name}_copies", given, x))
    read = copies._keras_history.operation
    if not isinstance(read, Quantise):
        raise parts.refused("has tables of values without a type", "give it an input quantizer (enable_iq=True)")

    def function(values: np.ndarray) -> Any:
        return layer.toq(network(keras.ops.convert_to_tensor(values.astype(np.float32))), training=False)

    results = parts.once(f"{name}_tables", lambda n: tabulated(parts, read, function, given.shape, n))(copies)
    total = parts.reduced("sum", axes, False, name, results) if axes else results
    if not activated:
        return total
    return parts.given(layer, name, parts.activated(layer.activation, f"{name}_act", total))
