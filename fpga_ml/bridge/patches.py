"""Changes to hls4ml's own tables and classes that last only while something of ours converts or writes.

hls4ml keeps its handlers, passes, templates and sources in tables of the process. What we change there would reach a user's
own Vitis project too, so every change is a patch: it is applied for the time of a conversion and taken back afterwards.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_ABSENT = object()


@dataclass(frozen=True)
class Patch:
    """One entry of a table, or one attribute of an object, and the value that it has while the patch is applied."""

    owner: Any
    key: str
    value: Any

    def exchange(self, value: Any) -> Any:
        """Put a value in place and return the one that stood there; `_ABSENT` for none."""
        is_table = isinstance(self.owner, MutableMapping)
        before = (self.owner if is_table else vars(self.owner)).get(self.key, _ABSENT)
        if value is not _ABSENT:
            (operator.setitem if is_table else setattr)(self.owner, self.key, value)
        elif before is not _ABSENT:
            (operator.delitem if is_table else delattr)(self.owner, self.key)
        return before


class Patches:
    """Patches that are applied and taken back together, by several users at a time."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []
        self._before: list[Any] = []
        self._users = 0
        self._lock = threading.RLock()

    def add(self, owner: Any, key: str, value: Any) -> None:
        """Before the first use: one more patch. Raises ValueError for a second one of the same entry."""
        if any(p.owner is owner and p.key == key for p in self._patches):
            raise ValueError(f"{key} is patched already")
        self._patches.append(Patch(owner, key, value))

    def apply(self) -> None:
        """Put the patches in place, unless another user has done so."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = [p.exchange(p.value) for p in self._patches]

    def take_back(self) -> None:
        """The opposite of `apply`: after the last user hls4ml is as it was."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for patch, before in zip(reversed(self._patches), reversed(self._before), strict=True):
                    patch.exchange(before)

    @contextmanager
    def applied(self) -> Iterator[None]:
        self.apply()
        try:
            yield
        finally:
            self.take_back()


# What hls4ml lacks: handlers of layers that it would refuse. The plugin applies them for its own conversions.
ADDED = Patches()
# What hls4ml computes wrongly, or gives types that lose bits. fpga_ml.compile applies them, the plugin where it is asked to.
MENDED = Patches()
