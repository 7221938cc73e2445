"""The pieces of text: names, constants, bits."""

from __future__ import annotations

import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.rtl.names import Names, identifier
from fpga_ml.rtl.signal import Bit, Signal
from fpga_ml.rtl.sv import literal


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("input_1", "input_1"),
        ("small", "small_"),
        ("large", "large_"),
        ("double", "double_"),
        ("double_", "double__"),
        ("2nd", "n2nd_idc21365c7"),
        ("a/b:0", "a_b_0_id845130c7"),
    ],
)
def test_identifiers(name: str, told: str) -> None:
    assert identifier(name) == told


def test_names_are_given_once() -> None:
    names = Names("m")
    assert [names.port("a"), names.free("a"), names.free("a")] == ["a", "a_", "a__"]
    with pytest.raises(FpgaMlError, match="two ports or signals would be called 'a'"):
        names.port("a")


def test_literals() -> None:
    assert [literal(5, 4), literal(5, 4, signed=True), literal(-3, 4), literal(-8, 4), literal(-8, 4, signed=True)] == [
        "4'd5",
        "4'sd5",
        "(-4'sd3)",
        "4'h8",
        "4'sh8",
    ]


def test_bits_of_a_signed_signal() -> None:
    a = Signal("a", 4, True)
    assert [a.bits(4), a.bits(6), a.bits(2), a.bits(6, 2), a.bits(7, 2), a.bits(3, 2), a.bits(2, 3)] == [
        "a",
        "6'(a)",
        "a[1:0]",
        "{a, 2'd0}",
        "{5'(a), 2'd0}",
        "{a[0:0], 2'd0}",
        "2'd0",
    ]
    assert [a.bits(2, -2), a.bits(1, -2), a.bits(5, -2), a.bits(3, -4)] == [
        "a[3:2]",
        "a[2:2]",
        "5'($signed(a[3:2]))",
        "{3{a[3]}}",
    ]
    assert [a.signed_bits(6), a.signed_bits(6, 2), a.signed_bits(3)] == ["6'(a)", "$signed({a, 2'd0})", "$signed(a[2:0])"]
    assert [a.bit(2).text, a.bit(9).text, a.sign.text] == ["a[2]", "a[3]", "a[3]"]


def test_bits_of_an_unsigned_signal_and_of_a_constant() -> None:
    a, c = Signal("a", 4, False), Signal("", 4, True, -6)
    assert [a.bits(5, -2), a.bits(3, -4), a.bit(9).text, a.sign.text] == ["5'(a[3:2])", "3'd0", "0", "0"]
    assert [c.bits(5), c.bits(6, 1), c.bits(4, -1), c.sign.text, c.bit(1).text] == [
        "(-5'sd6)",
        "(-6'sd12)",
        "(-4'sd3)",
        "1",
        "1",
    ]


def test_known_bits_are_folded() -> None:
    x, yes, no = Bit("x"), Bit("1"), Bit("0")
    assert [(x & no).text, (x & yes).text, (no & x).text, (yes & x).text] == ["0", "x", "0", "x"]
    assert [(x | no).text, (x | yes).text, (no | x).text, (yes | x).text] == ["x", "1", "x", "1"]
    assert [(x ^ True).text, (x ^ False).text, (yes ^ True).text, (no ^ x).text] == ["~x", "x", "0", "x"]
    assert [(x & Bit("y")).text, (x | Bit("y")).bare, (x ^ Bit("y")).text] == ["(x & y)", "x | y", "(x ^ y)"]
