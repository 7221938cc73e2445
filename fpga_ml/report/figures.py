"""Every figure on a page comes out of a report by its JSON pointer, and says which: nothing is copied by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

_MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Figures:
    """A report's values as marked-up text: <data value data-json> for numbers, data-json on everything else.

    prefix: which of several reports on a page this one is.
    """

    report: Mapping[str, Any]
    prefix: str = ""

    def at(self, pointer: str) -> Any:
        """The value at a JSON pointer (RFC 6901, of names without '/' and '~' in them escaped)."""
        found: Any = self.report
        for word in pointer.split("/")[1:]:
            found = found[int(word)] if isinstance(found, list) else found[word.replace("~1", "/").replace("~0", "~")]
        return found

    def __call__(self, pointer: str, digits: int = 4) -> Markup:
        """digits: significant ones of a real number."""
        value = self.at(pointer)
        where = self.prefix + pointer
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return Markup('<span data-json="{}">{}</span>').format(where, spoken(value))
        return Markup('<data value="{}" data-json="{}">{}</data>').format(repr(value), where, spoken(value, digits))

    def rows(self, pointers: Iterable[str]) -> list[tuple[Any, ...]]:
        """Arrays side by side, as far as the shortest goes."""
        return list(zip(*map(self.at, pointers), strict=False))

    def type(self, pointer: str) -> Markup:
        """A C++ type; its modes of rounding and overflow less loud."""
        text = str(self.at(pointer))
        head, comma, modes = text.partition(",AP_")
        body = (
            Markup('{}<span class="modes">{}</span>&gt;').format(head, comma + modes[:-1]) if comma else Markup.escape(text)
        )
        return Markup('<code data-json="{}">{}</code>').format(self.prefix + pointer, body)

    def ratio(self, above: str, below: str) -> float:
        """Of two figures; 0 where the second is."""
        denominator = self.at(below)
        return float(self.at(above) / denominator) if denominator else 0.0

    def share(self, above: str, below: str) -> Markup:
        """The ratio in per cent."""
        value = self.ratio(above, below)
        return self._made("ratio", value, Markup("{} %").format(real(100 * value, 3)), above, below)

    def sum(self, pointers: Sequence[str]) -> Markup:
        """Of whole numbers."""
        value = sum(self.at(p) for p in pointers)
        return self._made("sum", value, spoken(value), *pointers)

    def product(self, one: str, other: str) -> Markup:
        """Of two figures, cycles and ns say."""
        value = float(self.at(one) * self.at(other))
        return self._made("product", value, real(value), one, other)

    def _made(self, how: str, value: float, text: Markup, *pointers: str) -> Markup:
        """A number that is made of others, which it names."""
        where = " ".join(self.prefix + p for p in pointers)
        return Markup('<data value="{!r}" data-{}="{}">{}</data>').format(value, how, where, text)


def escaped(name: str) -> str:
    """A name as a part of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def spoken(value: Any, digits: int = 4) -> Markup:
    """A value for a reader."""
    match value:
        case None | "":
            return Markup(NOTHING)
        case bool():
            return Markup("yes" if value else "no")
        case int():
            return Markup(f"{value:,}".replace("-", _MINUS))
        case float():
            return real(value, digits)
        case list():
            return Markup(" \N{MULTIPLICATION SIGN} ").join(spoken(v) for v in value) if value else Markup(NOTHING)
        case dict():
            return Markup(", ").join(Markup("{} {}").format(k, spoken(v)) for k, v in value.items()) or Markup(NOTHING)
    return Markup.escape(str(value))


def real(value: float, digits: int = 4) -> Markup:
    """So many significant digits, fewer where the value has no more; a power of ten where it is very large or small."""
    if not math.isfinite(value):
        return Markup(str(value))
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
        return Markup(_shortest(f"{value:,.{places}f}", value).replace("-", _MINUS))
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    head, power = (
        _shortest(mantissa, value / 10.0 ** int(exponent)).replace("-", _MINUS),
        str(int(exponent)).replace("-", _MINUS),
    )
    return Markup(f"{head}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}10<sup>{power}</sup>")


def _shortest(text: str, value: float) -> str:
    """Without zeros at the end where nothing was rounded away: 5, but 0.8890 for 0.88901."""
    exact = math.isclose(float(text.replace(",", "")), value, rel_tol=1e-12)
    return text.rstrip("0").rstrip(".") if exact and "." in text else text
