"""Modules that are written by hand, with parameters, as files beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Primitive:
    """The text of a file of one module."""

    name: str
    text: str


def fifo_module(name: str) -> Primitive:
    """fifo.sv: parameters WIDTH and DEPTH, under another name."""
    text = files(__package__).joinpath("fifo.sv").read_text()
    return Primitive(name, text.replace("module fifo #(", f"module {name} #("))
