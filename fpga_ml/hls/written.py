"""Whether the C++ that hls4ml wrote computes every layer: each array of the top function is written before it is read.

A layer for which a backend has no template leaves no trace in the C++: the next layer then reads an array that nothing
wrote.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fpga_ml.errors import FpgaMlError

_WORD = re.compile(r"[A-Za-z_]\w*")
_ASIDE = ("save_layer_output", "load_weights")  # helpers of C-simulation, which compute nothing


def check_written(hls: Any, folder: Path) -> None:
    """Raises FpgaMlError for the first layer of hls4ml's graph whose result the written C++ does not compute."""
    text = (folder / "firmware" / f"{hls.config.get_project_name()}.cpp").read_text()
    makers = {v.name: node.name for node in hls.get_layers() for v in node.get_variables()}
    missing = unwritten(text, makers, {v.name for v in hls.get_input_variables()})
    if missing is not None:
        node = hls.graph[missing]
        raise FpgaMlError(
            f"hls4ml wrote no C++ for layer '{missing}' ({node.class_name}): what reads its result would read memory that "
            "nothing wrote",
            where=f"layer '{missing}'",
            do="replace the layer by another one, or by its parts; this is a fault of the conversion, please report it",
        )


def unwritten(text: str, makers: dict[str, str], given: set[str]) -> str | None:
    """The first layer whose result no statement of the C++ makes; None where each is made before it is read.

    makers: {variable: layer}; given: the variables that come from outside. A call writes the results of one layer: where it
    names results of two that no call before has written, the earlier of the two is one that nothing writes.
    """
    calls, other_name = _statements(text)
    by_name = {name: layer for name, layer in makers.items() if name not in other_name}
    order = list(dict.fromkeys(by_name.values()))
    made = {by_name[name] for name in given if name in by_name}
    for call in calls:
        words = {other_name.get(w, w) for w in _WORD.findall(call)}
        new = {by_name[w] for w in words if w in by_name} - made
        if len(new) > 1:
            return min(new, key=order.index)
        made |= new
    return next((layer for layer in order if layer not in made), None)


def _statements(text: str) -> tuple[list[str], dict[str, str]]:
    """The calls of a file, and {other name: array} of what is read under another name, as by a reshape."""
    plain = re.sub(r"//[^\n]*|^\s*#[^\n]*", "", text, flags=re.MULTILINE)
    other_name: dict[str, str] = {}
    for name, array in re.findall(r"&\s*(\w+)\s*=\s*(\w+)\s*;", plain):
        other_name[name] = other_name.get(array, array)
    calls = [s for s in plain.split(";") if "nnet::" in s and not any(a in s for a in _ASIDE)]
    return calls, other_name
