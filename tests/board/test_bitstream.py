"""Bitstreams by the open tools, with the shell, the pins and the board's clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import fpga_ml
from fpga_ml.board.build import build, write_sources
from fpga_ml.cli import main
from fpga_ml.config import Config
from fpga_ml.devices import DEVICES
from fpga_ml.devices.boards import BOARDS
from fpga_ml.errors import FpgaMlError
from fpga_ml.report import document
from fpga_ml.toolchain.nextpnr import Placement
from fpga_ml.toolchain.yosys import Netlist


@pytest.mark.slow
@pytest.mark.parametrize(("line", "label"), [("uart", "ulx3s-85f"), ("spi", "ulx3s-85f-spi")])
def test_the_reference_as_a_bitstream(project: Path, line: str, label: str) -> None:
    built = build(project, "ulx3s-85f", line=line)
    _check(project, built.file, label)
    assert str(built.file) in built.load


@pytest.mark.slow
@pytest.mark.parametrize(
    ("board", "names"),
    [
        ("tang-primer-20k", f"{0x0000081B:032b}".encode()),
        ("gatematea1-evb", b"\xd9\x01"),
    ],  # IDCODE of GW2A-18, first command
)
def test_the_reference_on_the_other_boards(project: Path, board: str, names: bytes) -> None:
    built = build(project, board)
    assert built.file.stat().st_size > 100_000
    assert names in built.file.read_bytes()[:400]
    (row,) = document.read(project)["synth"]
    kind = BOARDS[board]
    assert (row["device"], row["effort"], row["timing"]) == (board, "route", "routed")
    assert row["fmax_mhz"] >= kind.clock_mhz
    assert 0 < row["luts"] < row["available"]["luts"]
    assert set(DEVICES[kind.device].notes) <= set(row["notes"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jet_tagger_pruned", "jet_cnn"])
def test_a_model_as_a_bitstream(repository: Path, name: str, tmp_path: Path) -> None:
    folder = repository / "models" / name
    config = Config.read(folder / "ecp5.toml").replace(until="rtl")
    fpga_ml.compile(folder, config=config, output=tmp_path / name)
    _check(tmp_path / name, build(tmp_path / name, "ulx3s-85f").file)


def _check(project: Path, bitstream: Path, label: str = "ulx3s-85f") -> None:
    """The bitstream names its device, the report the board, and every net has its pin."""
    assert b"LFE5U-85F" in bitstream.read_bytes()[:200]
    (row,) = document.read(project)["synth"]
    assert (row["device"], row["effort"], row["timing"]) == (label, "route", "routed")
    assert row["fmax_mhz"] >= 25
    assert 0 < row["luts"] < row["available"]["luts"]
    assert row["critical_path"]
    log = (project / "board" / label / "nextpnr.log").read_text()
    assert "is unconstrained" not in log


def test_a_time_limit(project: Path) -> None:
    with pytest.raises(FpgaMlError, match="no end after 0 s"):
        build(project, "ulx3s-85f", time_limit_s=0.05)
    assert document.read(project)["synth"] == []


def test_a_design_that_does_not_fit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Yosys is played; nextpnr would look for places that are not there."""
    made = Netlist({"LUT4": 9, "MULT18X18D": 157}, project / "netlist.json", "board", "0.70", 1.0, 1.0)
    monkeypatch.setattr("fpga_ml.toolchain.yosys.netlist", lambda *given, **options: made)
    monkeypatch.setattr("fpga_ml.toolchain.nextpnr.place_and_route", lambda *given, **options: pytest.fail("not asked"))
    done = CliRunner().invoke(main, ["board", str(project)])
    assert done.exit_code == 1
    assert "the design takes 157 DSPs, and ulx3s-85f has 156" in done.stderr
    assert "share hardware" in done.stderr
    assert document.read(project)["synth"] == []


def test_what_is_told_of_a_bitstream(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools are played."""
    file = project / "netlist.json"
    file.write_text('{"modules": {"board": {"cells": {}, "netnames": {}}}}')
    made = Netlist({}, file, "board", "0.70", 1.0, 1.0)
    placed = Placement(25.0, (), {"TRELLIS_COMB": (8364, 83640)}, "0.11", 1.0, 1.0)
    monkeypatch.setattr("fpga_ml.toolchain.yosys.netlist", lambda *given, **options: made)
    monkeypatch.setattr("fpga_ml.toolchain.nextpnr.place_and_route", lambda *given, **options: placed)
    monkeypatch.setattr("fpga_ml.toolchain.pack.pack", lambda *given: None)
    done = CliRunner().invoke(main, ["board", str(project), "--line", "spi"])
    assert done.exit_code == 0, done.output
    assert "ulx3s-85f-spi, route (yosys+nextpnr): 8,364 LUT (10%)" in done.stdout
    assert "40.0 MHz" in done.stdout
    assert f"openFPGALoader -b ulx3s {project / 'board' / 'ulx3s-85f-spi' / 'myproject_ulx3s-85f-spi.bit'}" in done.stdout


def test_a_design_that_misses_the_clock(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools are played: they have made a netlist, and routed it at 20 MHz."""
    folder = write_sources(project, "ulx3s-85f").folder
    stale = folder / "myproject_ulx3s-85f.bit"
    stale.write_bytes(b"of another day")
    made = Netlist({}, folder / "netlist.json", "board", "0.70", 1.0, 1.0)
    monkeypatch.setattr("fpga_ml.toolchain.yosys.netlist", lambda *given, **options: made)
    slow = Placement(50.0, (), {}, "0.11", 1.0, 1.0)
    monkeypatch.setattr("fpga_ml.toolchain.nextpnr.place_and_route", lambda *given, **options: slow)
    with pytest.raises(FpgaMlError, match=r"the design reaches 20\.0 MHz, and the clock of ulx3s-85f is 25 MHz") as caught:
        build(project, "ulx3s-85f")
    assert "--clock-ns 20 or less" in str(caught.value)
    assert not stale.exists()
    assert document.read(project)["synth"] == []


def test_a_design_that_yosys_does_not_read(project: Path) -> None:
    file = project / "rtl" / "myproject_fc1.sv"
    file.write_text(file.read_text().replace("endmodule", "end module"))
    with pytest.raises(FpgaMlError, match="syntax error"):
        build(project, "ulx3s-85f")


def test_on_the_command_line(project: Path) -> None:
    done = CliRunner().invoke(main, ["board", str(project), "--only", "sources", "--baud", "115200"])
    assert done.exit_code == 0, done.output
    assert Path(done.stdout.strip()) == write_sources(project, "ulx3s-85f").folder
    done = CliRunner().invoke(main, ["board", str(project), "--only", "sources", "--line", "spi"])
    assert done.exit_code == 0, done.output
    assert Path(done.stdout.strip()) == write_sources(project, "ulx3s-85f", line="spi").folder
    for given, said in ((["--line", "i2c"], "ulx3s-85f has no line 'i2c'"), (["--baud", "4000000"], "does not follow SPI")):
        done = CliRunner().invoke(main, ["board", str(project), "--line", "spi", *given])
        assert (done.exit_code, said in done.stderr) == (1, True)
    done = CliRunner().invoke(main, ["board", str(project), "--board", "icebreaker"])
    assert (done.exit_code, "unknown board 'icebreaker'" in done.stderr) == (1, True)
    report = document.read(project)
    report |= {"rtl": None, "stages": report["stages"] | {"rtl": "not asked for (--until rtl runs it)"}}
    document.write(report, project / "report.json")
    done = CliRunner().invoke(main, ["board", str(project)])
    assert (done.exit_code, "there is no RTL to put on a board" in done.stderr) == (1, True)
