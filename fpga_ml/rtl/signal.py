"""Bits of named signals and of constants, as SystemVerilog expressions of a stated width."""

from __future__ import annotations

from dataclasses import dataclass

from fpga_ml.rtl.sv import literal


@dataclass(frozen=True)
class Bit:
    """One bit: an expression, or '0' or '1'. Knows &, | and ^, so `Rounding.carries` can be asked for its logic."""

    text: str

    @property
    def known(self) -> bool | None:
        return {"0": False, "1": True}.get(self.text)

    @property
    def bare(self) -> str:
        """Without the brackets around all of it."""
        return self.text[1:-1] if self.text.startswith("(") else self.text

    def __and__(self, other: Bit | bool) -> Bit:
        a, b = self, _bit(other)
        if a.known is not None:
            return b if a.known else a
        return (a if b.known else b) if b.known is not None else Bit(f"({a.text} & {b.text})")

    def __or__(self, other: Bit | bool) -> Bit:
        a, b = self, _bit(other)
        if a.known is not None:
            return a if a.known else b
        return (b if b.known else a) if b.known is not None else Bit(f"({a.text} | {b.text})")

    def __xor__(self, other: Bit | bool) -> Bit:
        a, b = self, _bit(other)
        if a.known is not None:
            a, b = b, a
        if b.known is None:
            return Bit(f"({a.text} ^ {b.text})")
        return a if not b.known else Bit(f"~{a.text}") if a.known is None else Bit(str(int(not a.known)))


def _bit(value: Bit | bool) -> Bit:
    return value if isinstance(value, Bit) else Bit(str(int(value)))


@dataclass(frozen=True)
class Signal:
    """A named vector, or a constant (then `name` is unused). A signed one goes below zero."""

    name: str
    width_bits: int
    signed: bool
    constant: int | None = None

    def bits(self, width: int, shift: int = 0) -> str:
        """The low `width` bits of the value * 2**shift, cut towards minus infinity for shift < 0."""
        if self.constant is not None:
            return literal(_low(self.constant << shift if shift > 0 else self.constant >> -shift, width), width)
        if shift > 0:
            kept = width - shift
            return f"{{{self.bits(kept)}, {shift}'d0}}" if kept > 0 else literal(0, width)
        return self._right(width, -shift)

    def signed_bits(self, width: int, shift: int = 0) -> str:
        """As `bits`, for a signed comparison or product."""
        if self.constant is not None:
            return literal(self.constant << shift, width, signed=True)
        if self.signed and shift == 0 and width >= self.width_bits:
            return self.bits(width)
        return f"$signed({self.bits(width, shift)})"

    def _right(self, width: int, cut: int) -> str:
        """The low bits after `cut` were dropped, and the sign above them."""
        kept = self.width_bits - cut
        if kept <= 0:
            return f"{{{width}{{{self.name}[{self.width_bits - 1}]}}}}" if self.signed else literal(0, width)
        part = self.name if cut == 0 and width >= kept else f"{self.name}[{cut + min(kept, width) - 1}:{cut}]"
        if width <= kept:
            return part
        return f"{width}'($signed({part}))" if self.signed and cut else f"{width}'({part})"

    def bit(self, index: int) -> Bit:
        """Of the value, which goes on without end above its width."""
        if self.constant is not None:
            return Bit(str(self.constant >> index & 1))
        if index >= self.width_bits and not self.signed:
            return Bit("0")
        return Bit(f"{self.name}[{min(index, self.width_bits - 1)}]")

    @property
    def sign(self) -> Bit:
        if self.constant is not None:
            return Bit(str(int(self.constant < 0)))
        return self.bit(self.width_bits - 1) if self.signed else Bit("0")

    def any(self, high: int, low: int) -> Bit:
        """Whether one of the bits high..low is set; what is above the width is left out."""
        return self._reduced("|", high, low)

    def all(self, high: int, low: int) -> Bit:
        """Whether all of the bits high..low are set; what is above the width is left out."""
        return self._reduced("&", high, low)

    def _reduced(self, operator: str, high: int, low: int) -> Bit:
        top = min(high, self.width_bits - 1)
        if top < low:
            return Bit(str(int(operator == "&")))
        if self.constant is not None:
            bits = [self.constant >> k & 1 for k in range(low, top + 1)]
            return Bit(str(max(bits) if operator == "|" else min(bits)))
        if top == low:
            return self.bit(low)
        whole = (top, low) == (self.width_bits - 1, 0)
        return Bit(f"({operator}{self.name})" if whole else f"({operator}{self.name}[{top}:{low}])")


def _low(raw: int, width: int) -> int:
    """raw if it fits in so many bits, with a sign or without one, else its low bits."""
    return raw if -(1 << (width - 1)) <= raw < 1 << width else raw & ((1 << width) - 1)
