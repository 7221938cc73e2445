"""The Celeste kernel through hls4ml, by its Extension API: parsers, layers, templates, and our own C++ header.

Streams only: the kernel takes a pixel a beat. What the C++ computes is in nnet_celeste.h; every type and table comes from
the design that the Keras layers carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.model.layers import Layer as HlsLayer
from hls4ml.model.layers import register_layer

from fpga_ml.backends import OURS
from fpga_ml.bridge.own import add_source, check_backend, precision_of
from fpga_ml.bridge.patches import ADDED
from fpga_ml.celeste_design import MOMENTS, MONOMIALS, VALUE, Design, Entries, Table
from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType

HEADER = "nnet_celeste.h"
_ACCUM_BITS = 64
_INCLUDES = [f"nnet_utils/{HEADER}"]


class CelesteHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Each layer's own settings as attributes."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
        if layer.design is None:
            raise FpgaMlError(
                f"layer '{layer.name}' has no design: it computes in double precision",
                where=f"layer '{layer.name}'",
                do="give it one, as in CelesteTerms(design='D16')",
            )
        image = layer.patch if hasattr(layer, "patch") else in_tensors[0].shape[1:3]
        return {
            "design": layer.design.as_dict(),
            "patch": [int(n) for n in image],
            "of": getattr(layer, "of", ""),
        }


class _Node(HlsLayer):  # type: ignore[misc]
    """An hls4ml layer whose result's type is the design's."""

    @property
    def design(self) -> Design:
        return Design.of(self.get_attr("design"))

    @property
    def patch(self) -> tuple[int, int]:
        rows, columns = self.get_attr("patch")
        return rows, columns

    def initialize(self) -> None:
        check_backend(self, OURS)
        if self.model.config.get_config_value("IOType") != "io_stream":
            raise FpgaMlError(
                f"layer '{self.name}' ({self.class_name}) is for streams only",
                where=f"layer '{self.name}'",
                do="use --arch stream",
            )
        for tensor, wanted in zip(self.inputs, self.given(), strict=True):
            found = FixedType.parse(str(self.get_input_variable(tensor).type.precision))
            if found != wanted:
                raise FpgaMlError(
                    f"layer '{self.name}' is given '{tensor}' as {found.cpp()}, its design needs {wanted.cpp()}",
                    where=f"layer '{self.name}'",
                    do=f'write precision = {{ result = "{wanted.cpp()}" }} in section [layers.{tensor}] of fpga_ml.toml',
                )
        self.add_output_variable(self.shape(), precision=precision_of(self.result()))

    def given(self) -> tuple[FixedType, ...]:
        """The types of what it reads."""
        raise NotImplementedError

    def result(self) -> FixedType:
        raise NotImplementedError

    def shape(self) -> list[int]:
        raise NotImplementedError

    def _shape_of(self, number: int) -> list[int]:
        return [int(n) for n in self.get_input_variable(self.inputs[number]).shape]


class CelesteExponents(_Node):
    def given(self) -> tuple[FixedType, ...]:
        return (self.design.coefficient,)

    def result(self) -> FixedType:
        return self.design.exponent(*self.patch)

    def shape(self) -> list[int]:
        return [*self.patch, self._shape_of(0)[0]]


class CelesteTerms(_Node):
    def given(self) -> tuple[FixedType, ...]:
        return self.design.exponent(*self.patch), self.design.rate

    def result(self) -> FixedType:
        return self.design.term

    def shape(self) -> list[int]:
        return [*self.patch, self._shape_of(0)[-1] + 2]


class CelesteSums(_Node):
    def given(self) -> tuple[FixedType, ...]:
        return (self.design.term,)

    def result(self) -> FixedType:
        return self.design.result(self.get_attr("of"), *self.patch)

    def shape(self) -> list[int]:
        return [self.chosen[1], MONOMIALS] if self.moments else [1]

    @property
    def moments(self) -> bool:
        return bool(self.get_attr("of") == MOMENTS)

    @property
    def chosen(self) -> tuple[int, int]:
        """The first element that is summed, and how many."""
        components = self._shape_of(0)[-1] - 2
        return (0, components) if self.moments else (components + (self.get_attr("of") != VALUE), 1)


class ExponentsConfig(LayerConfigTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(CelesteExponents)

    def format(self, node: Any) -> str:
        d, (rows, columns) = node.design, node.patch
        bound = FixedType(True, d.coefficient.width, d.coefficient.integer)
        cases = "".join(f"            case {k}: raw = {raw}; break;\n" for k, raw in enumerate(d.bounds))
        return (
            f"struct config{node.index} {{\n"
            f"    static const unsigned rows = {rows}, columns = {columns};\n"
            f"    typedef {bound.cpp()} bound_t;\n"
            "    static bound_t bound(unsigned k) {\n        long long raw = 0;\n        switch (k) {\n"
            f"{cases}        }}\n        bound_t found;\n"
            f"        found.range({bound.width - 1}, 0) = ap_int<{bound.width}>(raw);\n        return found;\n    }}\n}};\n"
        )


class TermsConfig(LayerConfigTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(CelesteTerms)

    def format(self, node: Any) -> str:
        d, (rows, columns) = node.design, node.patch
        power_bits = d.exp.fraction + 1 + (1 << d.exponent_bits)
        components = node.shape()[-1] - 2
        total = d.rate_bits + components.bit_length() + 1
        numbers = {
            "pixels": rows * columns,
            "rate_bits": d.rate_bits,
            "rate_integer": d.rate_integer,
            "residual_fraction": d.residual_fraction,
            "residual_integer": d.residual_integer,
            "ratio_bits": d.ratio.width,
            "exponent_fraction": d.exponent_fraction,
            "exponent_bits": d.exponent_bits,
            "power_bits": power_bits,
            "mantissa_bits": d.mantissa_bits,
            "exp_rest": d.exponent_fraction - d.exp.index_bits,
            "reciprocal_rest": d.mantissa_bits - d.reciprocal.index_bits,
            "chi_rest": d.chi_remainder_bits,
        }
        weighed = d.rate_integer + d.residual_integer + 2
        types = {
            "rate_t": FixedType(False, d.rate_bits, d.rate_integer).cpp(),
            "rounded_rate_t": f"ap_ufixed<{d.rate_bits},{d.rate_integer},AP_RND>",
            "above_t": f"ap_ufixed<{d.exponent_bits + d.exponent_fraction},{d.exponent_bits},AP_RND,AP_SAT>",
            "power_t": f"ap_ufixed<{power_bits},{power_bits - d.exp.fraction + d.lowest_exponent}>",
            "total_t": f"ap_ufixed<{total},{total - d.rate_fraction}>",
            "shifted_t": d.shifted.cpp(),
            "ratio_t": d.ratio.cpp(),
            "residual_t": f"ap_fixed<{d.ratio.width + 1},{d.residual_integer + 1}>",
            "weighed_t": f"ap_fixed<{weighed + d.rate_fraction},{weighed},AP_RND>",
            "deviance_t": f"ap_fixed<{weighed + d.deviance_fraction},{weighed},AP_RND>",
            "product_t": d.product.cpp(),
            "chi_t": f"ap_ufixed<{d.chi.fraction + 1},1>",
        }
        tables = {
            "exp": (d.exp, d.exp_entries),
            "reciprocal": (d.reciprocal, d.reciprocal_entries),
            "chi": (d.chi, d.chi_entries),
        }
        return (
            f"struct config{node.index} {{\n"
            + "".join(f"    static const unsigned {name} = {value};\n" for name, value in numbers.items())
            + f"    static const int lowest_exponent = {d.lowest_exponent};\n"
            + "".join(f"    typedef {text} {name};\n" for name, text in types.items())
            + "".join(_table(name, *table) for name, table in tables.items())
            + "};\n"
        )


class SumsConfig(LayerConfigTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(CelesteSums)

    def format(self, node: Any) -> str:
        d, of, (rows, columns), (first, count) = node.design, node.get_attr("of"), node.patch, node.chosen
        fraction = d.fraction_of(of)
        element = FixedType(True, d.term.integer + fraction, d.term.integer)
        return (
            f"struct config{node.index} {{\n"
            f"    static const unsigned rows = {rows}, columns = {columns}, first = {first}, count = {count};\n"
            f"    typedef {element.cpp()} element_t;\n"
            f"    typedef {FixedType(True, _ACCUM_BITS, _ACCUM_BITS - fraction).cpp()} accum_t;\n}};\n"
        )


class CelesteFunction(FunctionCallTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__((CelesteExponents, CelesteTerms, CelesteSums), include_header=_INCLUDES)

    def format(self, node: Any) -> str:
        function = {
            "CelesteExponents": "celeste_exponents",
            "CelesteTerms": "celeste_terms",
            "CelesteSums": "celeste_moments" if node.get_attr("of") == MOMENTS else "celeste_sum",
        }[node.class_name]
        variables = [*(node.get_input_variable(tensor) for tensor in node.inputs), node.get_output_variable()]
        types, names = (", ".join(texts) for texts in zip(*((v.type.name, v.name) for v in variables), strict=True))
        return f"nnet::{function}<{types}, config{node.index}>({names});"


def _table(name: str, table: Table, entries: Entries) -> str:
    """A struct with functions that read constants, which become a ROM."""
    functions = [_constants("value", entries.values.tolist())]
    functions.append(_constants("slope", [0] if entries.slopes is None else entries.slopes.tolist()))
    return (
        f"    struct {name} {{\n"
        f"        static const unsigned fraction = {table.fraction};\n"
        f"        static const bool interpolated = {str(entries.slopes is not None).lower()};\n"
        + "".join(functions)
        + "    };\n"
    )


def _constants(name: str, values: Sequence[int]) -> str:
    numbers = ", ".join(str(v) for v in values)
    return (
        f"        static int {name}(unsigned i) {{\n"
        f"            static const int entries[{len(values)}] = {{{numbers}}};\n"
        "            return entries[i];\n        }\n"
    )


def _register() -> None:
    """With hls4ml; a Vitis project takes Vivado's templates."""
    for kind in (CelesteExponents, CelesteTerms, CelesteSums):
        register_layer(kind.__name__, kind)
        ADDED.add(registry, kind.__name__, CelesteHandler())
    for template in (ExponentsConfig, TermsConfig, SumsConfig, CelesteFunction):
        get_backend("Vivado").register_template(template)
    add_source(Path(__file__).with_name(HEADER))


_register()
