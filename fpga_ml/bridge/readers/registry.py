"""Who reads which hls4ml layer, and what all readers ask of a node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hls4ml.model.types import ExponentPrecisionType, IntegerPrecisionType, XnorPrecisionType

from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Layer
from fpga_ml.numerics import FixedType, Rounding
from fpga_ml.numerics.types import MAX_WIDTH_BITS, Raw

Index = npt.NDArray[np.int64]
Reader = Callable[[Any], Layer]
READERS: dict[str, Reader] = {}


def reads(*classes: str) -> Callable[[Reader], Reader]:
    """Registers what reads hls4ml layers of these classes; a second one for a class is an error."""

    def register(reader: Reader) -> Reader:
        for name in classes:
            if name in READERS:
                raise ValueError(f"{name} is read already")
            READERS[name] = reader
        return reader

    return register


def unsupported(node: Any, what: str, do: str) -> FpgaMlError:
    return FpgaMlError(what, where=f"layer '{node.name}'", do=f"stop at C-simulation (--until csim) {do}".strip())


def check_widths(node: Any) -> None:
    """Raises FpgaMlError for a type of a layer that is wider than types can be."""
    for role, named in node.types.items():
        width, name = int(getattr(named.precision, "width", 1)), role.removesuffix("_t")
        if width > MAX_WIDTH_BITS:
            raise FpgaMlError(
                f"{name} of layer '{node.name}' is {width} bits wide, more than {MAX_WIDTH_BITS}",
                where=f"layer '{node.name}', type {name} = {named.precision}",
                do=f"scale what it reads, {_read(node)}; or set {_setting(node, name)}",
            )


def _read(node: Any) -> str:
    """What a layer reads, with its type."""
    variable = node.get_input_variable()
    return "the data" if variable is None else f"'{variable.name}' of type {variable.type.precision}"


def _setting(node: Any, name: str) -> str:
    """Where the user says a type of a layer."""
    if node.model.config.backend.name == "OpenRTL":
        return f"hls_config['LayerName']['{node.name}']['Precision']['{name}']"
    python = f"LayerConfig(precision={{'{name}': 'fixed<W,I>'}})"
    return f"{name} under [layers.{node.name}.precision] of fpga_ml.toml, in Python layers={{'{node.name}': {python}}}"


def type_of(named: Any) -> FixedType:
    """hls4ml's ap_int is cut off towards zero where an ap_fixed of the same bits is towards minus infinity."""
    t = FixedType.parse(str(named.precision))
    return replace(t, rounding=Rounding.TRN_ZERO) if isinstance(named.precision, IntegerPrecisionType) else t


def data_type(node: Any) -> FixedType:
    """Of the first input."""
    return type_of(node.get_input_variable().type)


def common_of(node: Any) -> dict[str, Any]:
    sources = {out: n.name for n in node.model.get_layers() for out in n.outputs}
    return {
        "name": node.name,
        "reads": tuple(sources[t] for t in node.inputs if t in sources),
        "shape": tuple(int(d) for d in node.get_output_variable().shape),
        "result": type_of(node.get_output_variable().type),
    }


def reuse_of(node: Any) -> int:
    """How many products share one multiplier."""
    return int(node.get_attr("reuse_factor") or 1)


def raw_of(variable: Any) -> tuple[Raw, int, FixedType | None]:
    """(raw values, fraction bits, type) of weights; the type is None where a bit stands for a sign or an exponent."""
    precision, data = variable.type.precision, np.asarray(variable.data, np.float64)
    if isinstance(precision, XnorPrecisionType):
        return (2 * data - 1).astype(np.int64), 0, None
    if isinstance(precision, ExponentPrecisionType):
        exponents = np.rint(np.log2(np.abs(data))).astype(np.int64)
        fraction = max(0, -int(exponents.min()))
        kind = np.int64 if int(exponents.max()) + fraction < 63 else object
        return np.where(data < 0, -1, 1).astype(kind) << (exponents + fraction).astype(kind), fraction, None
    t = FixedType.parse(str(precision))
    return t.raw(data), t.fraction, t


def bias_of(node: Any) -> tuple[Raw, int]:
    """(raw values, fraction bits); what is a sign in a weight of one bit is the bit itself in a bias."""
    variable = node.weights["bias"]
    if is_xnor(variable):
        return np.asarray(variable.data).astype(np.int64), 0
    raw, fraction, _ = raw_of(variable)
    return raw, fraction


def product_of(variable: Any, data: FixedType) -> FixedType | None:
    """The type that a product of a value of type `data` with a power of two passes through (nnet_mult.h:
    weight_exponential)."""
    precision = variable.type.precision
    if not isinstance(precision, ExponentPrecisionType):
        return None
    width = precision.width + data.width
    return FixedType(True, 2 * width, width)


def is_xnor(variable: Any) -> bool:
    return isinstance(variable.type.precision, XnorPrecisionType)


def reads_signs(node: Any, weight: str) -> bool:
    """True where a product takes the bits of its data for -1 and +1 (the backend's product_type)."""
    powers = isinstance(node.weights[weight].type.precision, ExponentPrecisionType)
    return is_xnor(node.get_input_variable()) and not powers
