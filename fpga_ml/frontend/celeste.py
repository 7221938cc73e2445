"""The pixel-likelihood kernel of Celeste as Keras layers, exact in fixed point: what celeste/design.py says, in tensors.

Without a design the layers compute in double precision what the design approximates. Values are held in float64, which is
exact for them; only sums over a patch need int64.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from fpga_ml.celeste_design import (
    BACKGROUND,
    COUNT,
    MASK,
    MOMENTS,
    MONOMIALS,
    OUTPUTS,
    OVERFLOW,
    PIXEL,
    VALUE,
    Design,
    Entries,
    offsets,
)
from fpga_ml.errors import FpgaMlError

_EXACT_BITS = 53
_LARGEST_EXPONENT, _SMALLEST = 900.0, 1e-280  # beyond them double precision ends too


class _Rounding(keras.layers.Layer):  # type: ignore[misc]
    """design: a preset's name, a design, or None for double precision."""

    def __init__(self, design: Design | str | dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float64"})
        self.design = None if design is None else Design.of(design)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "design": None if self.design is None else self.design.as_dict()}


@keras.saving.register_keras_serializable(package="fpga_ml")
class CelesteExponents(_Rounding):
    """q_k = C_k . [1, x, y, x^2, xy, y^2] at each pixel: coefficients (K, 6) to (rows, columns, K)."""

    def __init__(self, patch: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patch = (int(patch[0]), int(patch[1]))

    def call(self, inputs: Any) -> Any:
        monomials = offsets(self.patch).astype(np.float64)
        found = ops.einsum("nkm,pm->npk", inputs, monomials)
        if self.design is not None:
            lsb = 2.0**-self.design.coefficient_fraction
            outside = ops.any(ops.abs(inputs) >= np.array(self.design.bounds) * lsb, axis=-1)
            found = ops.where(outside[:, None], self.design.exponent(*self.patch).max, found)
        return ops.reshape(found, (-1, *self.patch, inputs.shape[1]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.patch, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "patch": list(self.patch)}


@keras.saving.register_keras_serializable(package="fpga_ml")
class CelesteTerms(_Rounding):
    """What each pixel adds to the sums: exponents (rows, columns, K) and pixels (rows, columns, 3), count, background and
    mask, to (rows, columns, K + 2): t G_k, -(count - E) t chi(t), and 1 where something was out of its range; zeros where
    the mask's units bit is 1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        d = self.design
        if d is not None and d.rate_bits + d.residual_integer + max(d.reciprocal.fraction, d.chi.fraction) > _EXACT_BITS:
            raise FpgaMlError(
                f"a rate of {d.rate_bits} bits times tables of {d.reciprocal.fraction} and {d.chi.fraction} is not exact in"
                " float64",
                where=f"layer '{self.name}'",
                do="choose a design with fewer bits",
            )

    def call(self, inputs: Any) -> Any:
        exponents, pixels = inputs
        compute = self._float if self.design is None else self._fixed
        products, deviance, outside = compute(exponents, pixels[..., COUNT], pixels[..., BACKGROUND])
        terms = ops.concatenate([products, -deviance[..., None], ops.cast(outside, "float64")[..., None]], axis=-1)
        return ops.where(_units_bit(pixels[..., MASK:]) > 0, 0.0, terms)

    def _float(self, exponents: Any, count: Any, background: Any) -> tuple[Any, Any, Any]:
        components = ops.exp(ops.minimum(exponents, _LARGEST_EXPONENT) * np.log(2))
        rate = ops.maximum(background + ops.sum(components, axis=-1), _SMALLEST)
        t = count / rate - 1
        logarithm = ops.where(count > 0, ops.log(ops.maximum(count, _SMALLEST) / rate), 0.0)
        deviance = ops.where(count < 0, rate - count * ops.log(rate), count * logarithm - (count - rate))
        return t[..., None] * components, deviance, ops.zeros_like(count)

    def _fixed(self, exponents: Any, count: Any, background: Any) -> tuple[Any, Any, Any]:
        assert self.design is not None
        d = self.design
        q = _half_up(exponents, d.exponent_fraction)
        outside = ops.any(q >= d.rate_integer, axis=-1)
        above = ops.clip(q - d.lowest_exponent, 0.0, 2.0**d.exponent_bits - 2.0**-d.exponent_fraction)
        whole = ops.floor(above)
        mantissa = _looked_up(d.exp_entries, d.exp.index_bits, d.exp.fraction, above - whole)
        power = _power(whole + d.lowest_exponent, d.lowest_exponent, d.lowest_exponent + (1 << d.exponent_bits))
        components = _half_up(mantissa * power, d.rate_fraction)
        components = (
            components - ops.floor(components * 2.0**-d.rate_integer) * 2.0**d.rate_integer
        )  # only where out of range
        total, lsb, largest = background + ops.sum(components, axis=-1), 2.0**-d.rate_fraction, d.rate.max
        outside = outside | (total < lsb) | (total > largest) | (count >= largest) | (background >= largest)
        rate = ops.clip(total, lsb, largest)
        ratio = self._ratio(count - rate, rate)
        outside = outside | (ratio >= d.ratio.max)
        t = ratio - 1.0
        tf, difference = d.residual_fraction, count - rate
        deviance = _product(difference, d.rate_fraction, t, tf, d.rate_fraction) * self._chi(ratio)
        deviance = _half_up(deviance, d.deviance_fraction)
        products = _product(components, d.rate_fraction, t[..., None], tf, d.product_fraction)
        turn = 2.0**d.product.integer
        products = products - ops.floor(products / turn + 0.5) * turn
        return products, deviance, outside

    def _ratio(self, difference: Any, rate: Any) -> Any:
        assert self.design is not None
        d = self.design
        leading = (
            sum(ops.cast(rate >= 2.0**k, "float64") for k in range(1 - d.rate_fraction, d.rate_integer)) - d.rate_fraction
        )
        scale = _power(-leading, -d.rate_integer, d.rate_fraction + 1)
        cut = _down(rate * scale - 1.0, d.mantissa_bits)
        inverse = _looked_up(d.reciprocal_entries, d.reciprocal.index_bits, d.reciprocal.fraction, cut)
        numerator = ops.clip(difference * scale, d.shifted.min, d.shifted.max)
        return ops.clip(_half_up(numerator * inverse, d.residual_fraction) + 1.0, 0.0, d.ratio.max)

    def _chi(self, ratio: Any) -> Any:
        assert self.design is not None
        d = self.design
        octave = sum(ops.cast(ratio >= 2.0**k, "float64") for k in range(2, d.residual_integer)) + 0.0 * ratio
        near = _down(ratio * _power(-octave, 2 - d.residual_integer, 1), d.residual_fraction)
        return _looked_up(d.chi_entries, d.chi.index_bits, d.chi.fraction, (near + 2.0 * octave) / 4.0)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        exponents = input_shape[0]
        return (*exponents[:-1], exponents[-1] + 2)


@keras.saving.register_keras_serializable(package="fpga_ml")
class CelesteSums(_Rounding):
    """Sums of the terms (rows, columns, K + 2) over a patch. of: `value`, the log-likelihood (1,); `moments`, of t G_k
    times 1, x, y, x^2, xy, y^2 (K, 6); `overflow`, in how many pixels something was out of its range (1,)."""

    def __init__(self, of: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if of not in OUTPUTS:
            raise FpgaMlError(
                f"a sum of '{of}' is unknown", where=f"layer '{self.name}'", do=f"choose one of {', '.join(OUTPUTS)}"
            )
        self.of = of

    def call(self, inputs: Any) -> Any:
        rows, columns, elements = inputs.shape[1:]
        terms = ops.reshape(inputs, (-1, rows * columns, elements))
        place = {VALUE: slice(-2, -1), MOMENTS: slice(0, -2), OVERFLOW: slice(-1, None)}[self.of]
        weights = offsets((rows, columns)) if self.of == MOMENTS else np.ones((rows * columns, 1), np.int64)
        chosen, d = terms[..., place], self.design
        if d is None:
            found = ops.einsum("npk,pm->nkm", chosen, weights.astype(np.float64))
        else:
            fraction, t = d.fraction_of(self.of), d.result(self.of, rows, columns)
            raw = ops.cast(chosen * 2.0**fraction, "int64")
            total = ops.stack([ops.sum(raw * w[:, None], axis=1) for w in weights.T], axis=-1)
            cut = fraction - t.fraction
            total = ops.floor_divide(total + (1 << cut - 1), 1 << cut) if cut > 0 else total
            found = ops.cast(total, "float64") * t.lsb
        return found if self.of == MOMENTS else found[:, 0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        elements = input_shape[-1]
        assert elements is not None
        return (input_shape[0], elements - 2, MONOMIALS) if self.of == MOMENTS else (input_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "of": self.of}


LAYERS = (CelesteExponents, CelesteTerms, CelesteSums)


def kernel_model(design: Design | str | None, patch: tuple[int, int], components: int) -> keras.Model:
    """The kernel: inputs `coefficients` (K, 6) and `pixels` (rows, columns, 3), outputs `value`, `moments` and
    `overflow`."""
    coefficients = keras.Input((components, MONOMIALS), name="coefficients", dtype="float64")
    pixels = keras.Input((*patch, PIXEL), name="pixels", dtype="float64")
    exponents = CelesteExponents(patch, design=design, name="exponents")(coefficients)
    terms = CelesteTerms(design=design, name="terms")([exponents, pixels])
    outputs = [CelesteSums(of, design=design, name=of)(terms) for of in OUTPUTS]
    return keras.Model([coefficients, pixels], outputs, name="celeste")


def _half_up(x: Any, fraction: int) -> Any:
    """To so many fraction bits, half-way cases up."""
    return ops.floor(x * 2.0**fraction + 0.5) * 2.0**-fraction


def _product(a: Any, a_fraction: int, b: Any, b_fraction: int, fraction: int) -> Any:
    """a * b to so many fraction bits, half-way cases up, by way of int64: it may have more bits than a double."""
    exact = ops.cast(a * 2.0**a_fraction, "int64") * ops.cast(b * 2.0**b_fraction, "int64")
    cut = a_fraction + b_fraction - fraction
    return ops.cast(ops.floor_divide(exact + (1 << cut - 1), 1 << cut), "float64") * 2.0**-fraction


def _units_bit(x: Any) -> Any:
    """Of values not below 0."""
    whole = ops.floor(x)
    return whole - 2.0 * ops.floor(whole / 2.0)


def _down(x: Any, fraction: int) -> Any:
    return ops.floor(x * 2.0**fraction) * 2.0**-fraction


def _power(exponent: Any, low: int, high: int) -> Any:
    """2**exponent, of whole exponents from low to high; exact, as an exponential would not be."""
    powers = np.ldexp(1.0, np.arange(low, high + 1))
    return ops.take(powers, ops.cast(exponent - low, "int32"))


def _looked_up(entries: Entries, index_bits: int, fraction: int, at: Any) -> Any:
    """A table, 1 standing for 2**index_bits entries of it."""
    place = at * 2.0**index_bits
    index = ops.floor(place)
    number = ops.cast(index, "int32")
    found = ops.take(entries.values.astype(np.float64), number)
    if entries.slopes is not None:
        found = found + ops.floor(ops.take(entries.slopes.astype(np.float64), number) * (place - index) + 0.5)
    return found * 2.0**-fraction
