"""The one error type a user sees."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile


class FpgaMlError(Exception):
    """Something the user can act on: what is wrong, where, and what to do.

    what: one sentence with both clashing values; where: model, layer, tensor, file or file:line; do: the remedy.
    """

    def __init__(self, what: str, *, where: str | None = None, do: str | None = None) -> None:
        self.what, self.where, self.do = what, where, do
        lines = [what]
        if where:
            lines.append(f"  where: {where}")
        if do:
            lines.append(f"  do:    {do}")
        super().__init__("\n".join(lines))


def suggest(word: str, known: Iterable[str]) -> str:
    """'did you mean ...?' for a word with one slip of the pen, otherwise the list of what is known."""
    names = sorted(known)
    near = closest(word, names)
    return f"did you mean '{near}'?" if near else f"known: {', '.join(names)}"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The first name that is the word but for one slip of the pen (a letter more, less, other, or two exchanged), case
    aside."""
    return next((name for name in sorted(known) if _one_slip(word.lower(), name.lower())), None)


def _one_slip(a: str, b: str) -> bool:
    """Whether two words are equal, or differ by one edit."""
    for _ in range(2):
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
        a, b = a[same:][::-1], b[same:][::-1]
    return max(len(a), len(b)) <= 1 or (len(a) == 2 and a == b[::-1])
