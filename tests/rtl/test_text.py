"""The text of RTL against what it was written from: one changed entry, or FIFO, is found without a simulation."""

from __future__ import annotations

import re

import pytest

from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Channel, Map, Network
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import Rtl, emit_network
from fpga_ml.rtl.text import fifo_faults, table_faults

INPUT = FixedType.parse("ap_fixed<4,4>")
SQUARES = tuple(raw * raw for raw in range(-8, 8))


def squares() -> tuple[Network, Rtl]:
    """The square of a signed input of four bits, as a table."""
    x = Channel("x", (INPUT,))
    b = Builder("square")
    kernel = b.build([b.lookup(b.input(x.wires[0]), SQUARES, -8, 0)])
    y = Channel("y", (FixedType.parse("ap_ufixed<7,7>"),))
    network = Network("squares", (x,), ("y",), (Map("square", (x,), (y,), kernel),))
    return network, emit_network(network, 5.0)


def test_what_was_written_is_the_table() -> None:
    network, rtl = squares()
    assert any("case" in text for text in rtl.files.values())
    assert table_faults(rtl.files, network) == []


@pytest.mark.parametrize("raw", range(-8, 8))
def test_each_entry(raw: int) -> None:
    """One more in each entry in turn, of those that have a line of their own, or in the default."""
    network, rtl = squares()
    (name,) = (n for n, text in rtl.files.items() if "case" in text)
    address = re.escape(f"4'sd{raw}" if raw >= 0 else "4'sh8" if raw == -8 else f"(-4'sd{-raw})")
    line = re.search(rf"^ *({address}|default): (\w+) = (\d+)'d(\d+);", rtl.files[name].partition("case")[2], re.M)
    assert line is not None
    own = re.search(rf"^ *{address}: .*;$", rtl.files[name], re.M)
    place = own or re.search(r"^ *default: .*;$", rtl.files[name], re.M)
    assert place is not None
    changed = re.sub(r"'d(\d+);", lambda m: f"'d{int(m[1]) + 1};", place[0])
    faults = table_faults({**rtl.files, name: rtl.files[name].replace(place[0], changed)}, network)
    assert len(faults) == 1
    assert f"{name}, table" in faults[0]
    if own:
        assert f"address {raw} gives {raw * raw + 1}, not {raw * raw}" in faults[0]


def test_a_missing_entry_and_a_missing_table() -> None:
    network, rtl = squares()
    (name,) = (n for n, text in rtl.files.items() if "case" in text)
    without = re.sub(r"^ *4'sd5: .*\n", "", rtl.files[name], flags=re.M)
    assert without != rtl.files[name]
    assert "address 5 gives" in table_faults({name: without}, network)[0]
    assert table_faults({}, network) == ["no RTL has the table of 16 entries from address -8"]


def test_fifos() -> None:
    top = "fifo #(.WIDTH(5), .DEPTH(2)) a (\nfifo #(.WIDTH(5), .DEPTH(2)) b (\nfifo #(.WIDTH(1), .DEPTH(64)) flags ("
    assert fifo_faults(top, [(5, 2), (5, 2)]) == []
    assert fifo_faults(top.replace(".DEPTH(2)) b", ".DEPTH(1)) b"), [(5, 2), (5, 2)]) == [
        "1 FIFOs of 5 bits and 2 places are not in the top"
    ]
