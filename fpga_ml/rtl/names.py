"""Names in a module of RTL, each once."""

from __future__ import annotations

import re

from fpga_ml.errors import FpgaMlError
from fpga_ml.naming import KEYWORDS, marked

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def identifier(name: str) -> str:
    """The name where it is one of SystemVerilog; a keyword, with any '_' behind it, gets one more; else a marked one
    (fpga_ml/naming.py). So no two names share an identifier."""
    if _WORD.fullmatch(name) is None:
        return marked(name)
    return f"{name}_" if name.rstrip("_") in KEYWORDS else name


class Names:
    """The names of one module, each once."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._taken: set[str] = set()

    def port(self, name: str) -> str:
        """A name that must be as it is; raises if it is taken."""
        word = identifier(name)
        if word in self._taken:
            raise FpgaMlError(
                f"two ports or signals would be called '{word}'",
                where=f"module '{self._module}'",
                do="rename one of the layers or tensors",
            )
        self._taken.add(word)
        return word

    def free(self, name: str) -> str:
        """The name, with '_' behind it as often as it takes to be new."""
        word = identifier(name)
        while word in self._taken:
            word += "_"
        self._taken.add(word)
        return word
