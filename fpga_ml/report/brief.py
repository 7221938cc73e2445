"""The end of a build in six lines: verdict, accuracy, latency, resources, what it was proved on, and where the page is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from fpga_ml.report.page import CELLS, verdict

_MOST_METRICS, _MOST_NOTES = 2, 3
_NO_DATA = "no data given: ranges and errors are those of random numbers; give samples with --data"
_ALL = 4  # ways to compute the function: Keras, C-simulation, emulator, RTL
_COLUMNS = (
    ("LUT", "luts"),
    ("DSP", "dsps"),
    ("ROM, bits", "rom_bits"),
    ("memory, bits", "memory_bits"),
    ("cycles", "latency_cycles"),
    ("interval", "interval_cycles"),
)
_COLOURS = {"pass": "green", "fail": "red", "part": "yellow"}


def show_brief(report: Mapping[str, Any], console: Console, page: Path) -> None:
    """On a terminal, after an empty line; every line fits in its columns or is folded. page: the HTML file."""
    console.print()
    console.print(brief(report, page))


def brief(report: Mapping[str, Any], page: Path) -> Group:
    """For a terminal: six lines, and one more for each thing to know."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in rows(report, page):
        grid.add_row(Text(name, "yellow" if name == "note" else ""), Text(text))
    colour = _COLOURS[verdict(report)]
    return Group(Text.assemble((report["model"]["name"], "bold"), ": ", (told(report), colour)), grid)


def brief_html(report: Mapping[str, Any], page: Path) -> str:
    """The same for a notebook."""
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows(report, page))
    head = f"<b>{escape(report['model']['name'])}</b>: {escape(told(report))}"
    return f"<div style='text-align:left'>{head}<table>{lines}</table></div>"


def rows(report: Mapping[str, Any], page: Path | str = "report.html") -> list[tuple[str, str]]:
    """(what, text) of each line after the first."""
    return [
        (
            "accuracy" if "accuracy" in next(iter(report["metrics"].values()), ("accuracy",)) else "figures",
            _accuracy(report),
        ),
        ("latency", _latency(report)),
        ("resources", _resources(report)),
        ("proved on", _proved(report)),
        ("report", str(page)),
        *(("note", text) for text in _notes(report)),
    ]


def told(report: Mapping[str, Any]) -> str:
    """The verdict in words."""
    agreed, wrong = _agreed(report), next(_differences(report), None)
    if wrong is not None:
        return f"DIFFERENT: {wrong}"
    csim = report["csim"]
    if csim is None:
        return f"written, nothing is simulated: {report['stages']['csim']}"
    exact, worst = csim["bit_exact_vs_quantised_model"], csim["max_abs_err_vs_quantised"]
    reference = "no_reference" not in report["model"]
    everything = reference and exact is not False and len(agreed) == _ALL
    head = "PROVED: " if everything else ""
    if not reference or exact is None:
        keras, agreed = agreed[0], agreed[1:]
    alike = f"{', '.join(agreed[:-1])} and {agreed[-1]} agree bit for bit" if len(agreed) > 1 else f"{agreed[0]} ran"
    if reference and exact is None:
        up_to = "the bits of float64" if csim.get("wider_than_float64") else "the first table"
        alike += f"; {keras} agrees up to {up_to}"
        return f"{head}{alike}" + ("" if worst is None else f", and differs at the outputs by {worst:.2g} at most")
    if reference and worst:
        at = ", ".join(csim["compared_at"])
        alike += f" up to {at}; after the table there, outputs differ from Keras by {worst:.2g} at most"
    return head + alike


def _agreed(report: Mapping[str, Any]) -> list[str]:
    """What computes the same, as far as it ran."""
    found = ["Keras (quantised)"]
    found += ["C-simulation"] if report["csim"] else []
    found += ["emulator"] if report["emulator"] else []
    foreign = report.get("foreign_rtl")
    return found + ["RTL" if not foreign else "the given RTL"] * bool(report["cosim"])


def _differences(report: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, the first first."""
    csim, emulator = report["csim"], report["emulator"]
    if csim and csim["bit_exact_vs_quantised_model"] is False:
        first = csim["first_difference"]
        yield "C-simulation is not the quantised model" + (f": {difference_text(first)}" if first else "")
    if emulator and emulator["mismatches"]:
        yield f"the emulator is not C-simulation in {emulator['mismatches']:,} values"
    for run in report["cosim"]:
        if not run["passed"]:
            yield f"the RTL in {run['simulator'].capitalize()} is not C-simulation: {next(iter(run['texts']), 'see report')}"


def difference_text(difference: Mapping[str, Any]) -> str:
    """A value that differs: where, what it is, what it should be, and why."""
    return (
        f"layer {difference['layer']}, sample {difference['sample']}, index {difference['index']}: expected"
        f" {difference['expected']:.10g} ({difference['expected_type']}), got {difference['got']:.10g}"
        f" ({difference['got_type']}); {difference['cause']}"
    )


def _bits(report: Mapping[str, Any]) -> str:
    """What gives the outputs of C-simulation."""
    passed = report["cosim"] and all(run["passed"] for run in report["cosim"])
    return "hardware" if passed else "C-simulation"


def _accuracy(report: Mapping[str, Any]) -> str:
    metrics, csim = report["metrics"], report["csim"]
    if metrics:
        first, *others = sorted(next(iter(metrics.values())), key=lambda name: name != "accuracy")[:_MOST_METRICS]
        called = {stage: _bits(report) if stage == "csim" else stage for stage in metrics}
        text = "" if first == "accuracy" else f"{first} "
        text += ", ".join(f"{_number(row[first])} {called[stage]}" for stage, row in metrics.items())
        return "; ".join([text, *(f"{name} " + ", ".join(_number(r[name]) for r in metrics.values()) for name in others)])
    if csim and csim["max_abs_err_vs_float"] is not None:
        return f"outputs differ from the float model by at most {csim['max_abs_err_vs_float']:.3g} (no labels are given)"
    return "unknown: no labels are given"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _latency(report: Mapping[str, Any]) -> str:
    rtl = report["rtl"]
    if rtl is None:
        return f"unknown: no RTL ({report['stages']['rtl']})"
    clock, cycles, interval = rtl["clock_ns"], rtl["latency_cycles"], rtl["interval_cycles"]
    many = f"{rtl['interleave']} new inferences" if rtl["interleave"] > 1 else "a new inference"
    every = f"every {interval} cycles ({interval * clock:,g} ns)" if interval > 1 else f"every cycle ({clock:g} ns)"
    text = f"{cycles * clock:,g} ns, {cycles} cycles of {clock:g} ns; {many} {every}"
    return text + "; of our own RTL, which was not simulated" * bool(report.get("foreign_rtl"))


def _resources(report: Mapping[str, Any]) -> str:
    rtl = report["rtl"]
    if report["synth"]:
        best = report["synth"][-1]
        cells = {name: best[kind] for kind, name in CELLS.items()}
        available = best["available"] and {name: best["available"][kind] for kind, name in CELLS.items()}
        return f"{_cells(cells, available)} of {best['device']} ({best['tool']}, {best['effort']})"
    if rtl is None:
        return "unknown: no RTL"
    area, device = rtl["area"], report["config"]["device"]
    available = rtl.get("available") and {name: rtl["available"][kind] for kind, name in CELLS.items()}
    memory = area["rom_bits"] + area["memory_bits"]
    cells = {"LUT": area["luts"], "FF": rtl["register_bits"], "DSP": area["multipliers"]}
    text = _cells(cells, available) + f", {memory:,} bits of memory" * bool(memory)
    return f"{text} by estimate for {device}"


def _cells(cells: Mapping[str, float], available: Mapping[str, float] | None) -> str:
    def filled(name: str, count: float) -> str:
        whole = available[name] if available else 0
        return f"{count:,g} {name}" + (f" ({count / whole:.0%})" if whole else "")

    return ", ".join(filled(name, count) for name, count in cells.items())


def _proved(report: Mapping[str, Any]) -> str:
    csim = report["csim"]
    found = [f"{csim['samples']:,} samples in C-simulation"] if csim else []
    found += [f"{run['vectors']:,} vectors in {run['simulator'].capitalize()}" for run in report["cosim"]]
    if report["rtl"] and not report["cosim"]:
        found.append(f"the RTL is not simulated ({report['stages']['cosim']})")
    return ", ".join(found) or "nothing"


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["data"]["given"]:
        yield _NO_DATA
    for stage, state in report["stages"].items():
        if state != "ran" and not state.startswith(("not asked for", "needs ")):
            yield f"{stage}: {state}"
    notes = report["notes"]
    yield from notes[:_MOST_NOTES]
    if len(notes) > _MOST_NOTES:
        yield f"{len(notes) - _MOST_NOTES} more: fpga-ml report -v"


def show_estimate(found: Mapping[str, Any], console: Console) -> None:
    """An `Estimate` as JSON: a row for each stage of the RTL, then the whole."""
    shown = [c for c in _COLUMNS if any(stage[c[1]] for stage in found["stages"].values())]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("stage", overflow="fold")
    for name, _ in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for name, stage in found["stages"].items():
        table.add_row(name, *(f"{stage[key]:,g}" for _, key in shown))
    console.print(table)
    costs, clock = found["costs"], found["clock_ns"]
    cells = {"LUT": costs["luts"], "FF": costs["ffs"], "DSP": costs["dsps"]}
    memory = costs["rom_bits"] + costs["memory_bits"]
    console.print(f"{_cells(cells, None)}{f', {memory:,} bits of memory' * bool(memory)}, by estimate for {found['device']}")
    latency, interval = costs["latency_cycles"], costs["interval_cycles"]
    often = "every cycle" if interval == 1 else f"every {interval:,} cycles"
    console.print(f"{latency:,} cycles of {clock:g} ns ({costs['latency_ns']:,g} ns); an inference {often}")
    for note in [*found["notes"], *([] if found["data_given"] else [_NO_DATA])]:
        console.print(f"[yellow]{note}[/yellow]")
