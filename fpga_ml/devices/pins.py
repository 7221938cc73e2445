"""Where the pins of a design are, in the words that each family's nextpnr reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Family = Literal["ecp5", "ice40", "nexus", "himbaechel-gowin", "himbaechel-gatemate"]  # as nextpnr's packages are called


@dataclass(frozen=True)
class Pin:
    """site: of the package, in the vendor's words; pull_up: where nothing is connected, it reads 1; standard: the vendor's
    name of its voltage, None for what the tool takes by default."""

    site: str
    pull_up: bool = False
    standard: str | None = None


def _lpf(pins: Mapping[str, Pin]) -> Iterator[str]:
    for port, pin in pins.items():
        pull, kind = " PULLMODE=UP" if pin.pull_up else "", f" IO_TYPE={pin.standard}" if pin.standard else ""
        yield f'LOCATE COMP "{port}" SITE "{pin.site}";'
        yield f'IOBUF PORT "{port}"{pull}{kind};'


def _pdc(pins: Mapping[str, Pin]) -> Iterator[str]:
    for port, pin in pins.items():
        yield f"ldc_set_location -site {{{pin.site}}} [get_ports {port}]"


def _cst(pins: Mapping[str, Pin]) -> Iterator[str]:
    for port, pin in pins.items():
        told = [f"IO_TYPE={pin.standard}"] if pin.standard else []
        told += ["PULL_MODE=UP"] if pin.pull_up else []
        yield f'IO_LOC "{port}" {pin.site};'
        if told:
            yield f'IO_PORT "{port}" {" ".join(told)};'


def _ccf(pins: Mapping[str, Pin]) -> Iterator[str]:
    """A bank has one voltage, that of the board: there is no standard to tell."""
    for port, pin in pins.items():
        yield f'Net "{port}" Loc = "{pin.site}"{" | PULLUP=true" if pin.pull_up else ""};'


_WRITERS: Mapping[Family, tuple[str, Callable[[Mapping[str, Pin]], Iterator[str]]]] = {
    "ecp5": ("lpf", _lpf),
    "nexus": ("pdc", _pdc),
    "himbaechel-gowin": ("cst", _cst),
    "himbaechel-gatemate": ("ccf", _ccf),
}


def extension(family: Family) -> str:
    """Of the file of constraints."""
    return _WRITERS[family][0]


def constraints(family: Family, pins: Mapping[str, Pin], besides: Sequence[str] = ()) -> str:
    """pins: by port of the top; besides: lines of the family's own, which come first."""
    return "\n".join([*besides, *_WRITERS[family][1](pins)]) + "\n"
