"""Vendor reports: the figures come out; rows that nobody knows do no harm; a broken file is one clear error.

The reports were written for these tests, to the formats that the vendors document.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.synthesise.vendor.hls import read_csynth
from fpga_ml.synthesise.vendor.quartus import read_fit, read_speed
from fpga_ml.synthesise.vendor.vivado import read_timing, read_utilisation

REPORTS = Path(__file__).parent / "reports"
READERS: dict[str, Callable[[Path], Any]] = {
    "csynth.xml": read_csynth,
    "csynth.rpt": read_csynth,
    "utilisation.rpt": read_utilisation,
    "timing.rpt": read_timing,
    "fit.rpt": read_fit,
    "fit.summary": read_fit,
    "sta.rpt": read_speed,
    "sta_pro.rpt": read_speed,
}


def changed(tmp_path: Path, name: str, *edits: tuple[str, str]) -> Path:
    text = (REPORTS / name).read_text()
    for old, new in edits:
        assert old in text, f"{name} does not hold {old!r}"
        text = text.replace(old, new)
    file = tmp_path / name
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", ["csynth.xml", "csynth.rpt"])
def test_c_synthesis(name: str) -> None:
    found = read_csynth(REPORTS / name)
    assert (found.top, found.part, found.version) == ("tagger", "xcvu13p-flga2577-2-e", "2023.2")
    assert (found.target_ns, found.estimated_ns) == (5.0, 3.482)
    assert (found.latency_cycles, found.interval_cycles) == (12, 2)
    assert found.used == {"luts": 40512, "ffs": 8123, "dsps": 17, "brams_18k": 4, "urams": 0}
    assert found.available == {"luts": 1728000, "ffs": 3456000, "dsps": 12288, "brams_18k": 5376, "urams": 1280}


def test_both_formats_of_c_synthesis_say_the_same() -> None:
    assert read_csynth(REPORTS / "csynth.xml") == read_csynth(REPORTS / "csynth.rpt")


def test_vivado_hls_of_2019(tmp_path: Path) -> None:
    """DSP48E, no URAM, no absolute latency, periods without a unit."""
    old = changed(
        tmp_path, "csynth.rpt",
        ("|  DSP  |", "| DSP48E|"),
        ("  5.00 ns|  3.482 ns|     1.35 ns|", "     5.00|     3.482|        1.35|"),
        ("  Latency (cycles) |   Latency (absolute)  |", "  Latency (cycles) |"),
        ("   min   |   max   |    min    |    max    |", "   min   |   max   |"),
        ("       11|       12|  55.000 ns|  60.000 ns|", "       11|       12|"),
    )  # fmt: skip
    assert read_csynth(old) == read_csynth(REPORTS / "csynth.rpt")
    xml = changed(tmp_path, "csynth.xml", ("DSP>", "DSP48E>"), ("<URAM>0</URAM>", ""), ("<URAM>1280</URAM>", ""))
    assert read_csynth(xml).used == {"luts": 40512, "ffs": 8123, "dsps": 17, "brams_18k": 4}


@pytest.mark.parametrize("unknown", ["undef", "?"])
def test_a_latency_that_depends_on_data_is_none(tmp_path: Path, unknown: str) -> None:
    file = changed(tmp_path, "csynth.xml", ("Worst-caseLatency>12<", f"Worst-caseLatency>{unknown}<"))
    assert read_csynth(file).latency_cycles is None
    text = changed(tmp_path, "csynth.rpt", ("|       11|       12|", f"|       11|{unknown:>9}|"))
    assert (read_csynth(text).latency_cycles, read_csynth(text).interval_cycles) == (None, 2)


def test_vivado_utilisation() -> None:
    found = read_utilisation(REPORTS / "utilisation.rpt")
    assert found.used == {"luts": 33187, "ffs": 14203, "carries": 3201, "dsps": 3, "brams": 2.5, "urams": 0}
    assert found.available["luts"] == 1728000
    assert found.available["brams"] == 2688
    assert (found.device, found.version) == ("xcvu13p-flga2577-2-e", "Vivado v.2023.2 (lin64)")


def test_vivado_utilisation_of_7_series_and_versal(tmp_path: Path) -> None:
    """Other names, a footnote mark, and no column `Prohibited`; Versal's registers are just that."""
    seven = changed(
        tmp_path, "utilisation.rpt",
        ("| CLB LUTs   ", "| Slice LUTs*"), ("CLB Registers", "Slice Registers"), ("CARRY8", "CARRY4"),
        (" Prohibited |", ""), ("|          0 |", "|"),
    )  # fmt: skip
    assert read_utilisation(seven).used == read_utilisation(REPORTS / "utilisation.rpt").used
    versal = changed(tmp_path, "utilisation.rpt", ("| CLB Registers ", "| Registers     "))
    assert read_utilisation(versal).used["ffs"] == 14203


def test_vivado_timing() -> None:
    found = read_timing(REPORTS / "timing.rpt")
    assert (found.period_ns, found.slack_ns, found.total_slack_ns, found.hold_slack_ns) == (5.0, -0.214, -3.7, 0.021)
    assert found.failing == 31
    assert found.fmax_mhz == pytest.approx(1000 / 5.214)
    assert found.source == "pipeline/fc1_layer/s1_reg[3]/C"
    assert found.destination == "pipeline/fc1_layer/s2_reg[17]/D"


def test_the_period_is_that_of_the_clock_of_the_slowest_path(tmp_path: Path) -> None:
    file = changed(tmp_path, "timing.rpt", ("Path Group:             ap_clk", "Path Group:             half"))
    assert read_timing(file).period_ns == 10.0


@pytest.mark.parametrize("name", ["fit.rpt", "fit.summary"])
def test_quartus_fit(name: str) -> None:
    found = read_fit(REPORTS / name)
    assert (found.top, found.device) == ("tagger", "5CEBA9F31C7")
    assert found.version.startswith("22.1std.0")
    luts = {"luts": 33402} if name == "fit.rpt" else {}
    assert found.used == {"alms": 21345, "ffs": 14711, "dsps": 5, "brams": 2, "memory_bits": 4096} | luts
    assert found.available == {"alms": 113560, "dsps": 342, "brams": 1220, "memory_bits": 12492800}


def test_quartus_speed_is_the_slowest_clock_in_the_slowest_corner() -> None:
    found = read_speed(REPORTS / "sta.rpt")
    assert (found.clock, found.fmax_mhz, found.corner) == ("ap_clk", 140.0, "Slow 1100mV 0C Model")
    pro = read_speed(REPORTS / "sta_pro.rpt")
    assert (pro.clock, pro.fmax_mhz, pro.corner) == ("ap_clk", 312.5, "Slow 900mV 100C Model")


@pytest.mark.parametrize("name", READERS)
def test_unknown_rows_and_tables_do_no_harm(tmp_path: Path, name: str) -> None:
    bar = ";" if name in ("fit.rpt", "sta.rpt", "sta_pro.rpt") else "|"
    if name == "csynth.xml":
        edits = [("<FF>", "<XYZ>77</XYZ><FF>"), ("</profile>", "<NewThing><LUT>1</LUT></NewThing></profile>")]
    else:
        first = "\n".join(["+--+--+", f"{bar} Of the next version {bar} 9 {bar}", "+--+--+", "", "Also new : 9", ""])
        text = (REPORTS / name).read_text()
        edits = [(text, first + text + "\n" + first)]
    assert READERS[name](changed(tmp_path, name, *edits)) == READERS[name](REPORTS / name)


@pytest.mark.parametrize("name", READERS)
def test_a_report_that_is_cut_off_anywhere_is_right_or_one_clear_error(tmp_path: Path, name: str) -> None:
    """Never a crash, and never a figure that is not the whole report's: missing ones are absent or an error."""
    text, whole, file = (REPORTS / name).read_text(), READERS[name](REPORTS / name), tmp_path / name
    for length in range(0, len(text), 7):
        file.write_text(text[:length])
        part, said = attempted(READERS[name], file)
        if part is None:
            assert str(file) in said
            assert "run the tool again" in said
        else:
            for field in dataclasses.fields(whole):
                found, right = getattr(part, field.name), getattr(whole, field.name)
                fewer = isinstance(found, dict) and found.items() <= right.items()
                assert fewer or found in (right, "", None), field.name


def attempted(reader: Callable[[Path], Any], file: Path) -> tuple[Any, str]:
    try:
        return reader(file), ""
    except FpgaMlError as error:
        return None, str(error)


@pytest.mark.parametrize(
    ("name", "edits", "said"),
    [
        ("csynth.xml", [("<LUT>40512</LUT>", "")], "no number of LUT in the C synthesis report"),
        (
            "csynth.xml",
            [("EstimatedClockPeriod>3.482", "EstimatedClockPeriod>none")],
            "estimated clock period (it says 'none')",
        ),
        ("csynth.xml", [("</profile>", "")], "not valid XML"),
        ("csynth.rpt", [("|Total ", "|Sum   ")], "no number of LUT in the C synthesis report"),
        ("csynth.rpt", [("Target device", "Device")], "no target device in the C synthesis report"),
        ("utilisation.rpt", [("CLB LUTs", "Things")], "no number of CLB LUTs or Slice LUTs in the utilisation report"),
        ("timing.rpt", [("WNS(ns)", "Worst(ns)")], "no 'WNS(ns)' line in the timing summary"),
        ("timing.rpt", [("     -0.214", "         NA")], "no path that a clock constrains (WNS is 'NA')"),
        ("timing.rpt", [("{0.000 2.500}        5.000", ""), ("{0.000 5.000}        10.000", "")], "no clock summary"),
        ("fit.rpt", [("Successful -", "Failed -")], "the fit is 'Failed - Mon Jan"),
        ("fit.rpt", [("Total registers", "Registers in all")], "no 'Total registers' in the fit report"),
        (
            "sta.rpt",
            [("Analyzer was successful", "Analyzer was unsuccessful")],
            "no 'was successful' at the end of the timing analysis",
        ),
        ("sta.rpt", [("Restricted Fmax", "Fmax2")], "no Fmax summary in the timing report"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, name: str, edits: list[tuple[str, str]], said: str) -> None:
    file = changed(tmp_path, name, *edits)
    with pytest.raises(FpgaMlError) as caught:
        READERS[name](file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", READERS)
def test_a_report_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(FpgaMlError, match="No such file"):
        READERS[name](tmp_path / name)
    (tmp_path / name).write_text("\n")
    with pytest.raises(FpgaMlError, match="is empty"):
        READERS[name](tmp_path / name)
