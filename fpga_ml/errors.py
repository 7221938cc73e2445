"""The one error type a user sees."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
    """'did you mean ...?' for a misspelt word, or the list of what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"
