"""The report on a terminal, in full: tables of metrics and types, every check, every note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fpga_ml.report.brief import difference_text
from fpga_ml.report.compare import CAUSES, PARTS, RESULTS, Row, changed

_MOST_PORTS = 8  # of one tensor, named one by one
_MOST_OF_LAYERS = 10  # figures of layers that differ
_KINDS = {"samples": "samples", "corners": "corners", "uniform": "uniform", "edges": "at inner edges", "zeros": "zeros"}


def show(report: Mapping[str, Any], console: Console) -> None:
    """All that the end of a build leaves out: checks, metrics, types, notes, timings."""
    model, csim = report["model"], report["csim"]
    console.print(f"\n[bold]{escape(model['name'])}[/bold]  {escape(model['origin'])}")
    for line in _verdict(csim):
        console.print(f"  {line}")
    if report["emulator"]:
        wrong, rate = report["emulator"]["mismatches"], report["emulator"]["samples_per_s"]
        verdict = "[green]equals C-simulation[/green]" if wrong == 0 else f"[red]differs in {wrong} values[/red]"
        console.print(f"  emulator {verdict}, {rate:,.0f} samples/s")
    for line in _hardware(report):
        console.print(f"  {line}")
    if model.get("no_reference"):
        console.print(f"  no Keras reference: {escape(model['no_reference'])}")
    for line in synthesis(report["synth"]):
        console.print(f"  {escape(line)}")
    if report["metrics"]:
        console.print(_metrics(report["metrics"]))
    if report["quantisation"]:
        console.print(_quantisation(report["quantisation"]))
    for stage, state in report["stages"].items():
        if state != "ran":
            console.print(f"  {stage}: {escape(state)}")
    if not report["data"]["given"]:
        console.print("  [yellow]no data given: ranges and errors are those of random numbers[/yellow]")
    for note in report["notes"]:
        console.print(f"  [yellow]note:[/yellow] {escape(note)}")
    times = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report["timings_s"].items())
    console.print(f"  [dim]{times}[/dim]\n")


def differences(rows: Sequence[Row], names: tuple[str, str]) -> Table:
    """What differs between two projects, the largest effect first: results, the settings behind them, and of the layers the
    first few."""
    unlike = [r for r in rows if r.differs]
    of_layers = changed(rows, PARTS)
    shown = [*changed(rows, RESULTS), *changed(rows, CAUSES), *of_layers[:_MOST_OF_LAYERS]]
    table = Table(
        "", "", *map(escape, names), "change", title=f"{len(unlike)} of {len(rows)} figures differ", show_edge=False
    )
    table.title_justify = "left"
    for r in shown:
        change = _change(r)
        ends = (
            "-" if not at else f"{v:.5g}" if isinstance(v, float) else str(v) for at, v in ((r.a_at, r.a), (r.b_at, r.b))
        )
        table.add_row(*map(escape, (r.section, r.name, *ends, change)))
    if len(of_layers) > _MOST_OF_LAYERS:
        table.caption = f"{len(of_layers) - _MOST_OF_LAYERS} more of layers, rounding and FIFOs are on the page"
        table.caption_justify = "left"
    return table


def _change(row: Row) -> str:
    """How a figure changes, in words."""
    match row.told:
        case "factor", by:
            return f"\N{MULTIPLICATION SIGN} {by:,.4g}"
        case "part", by:
            return f"{by:+.1%}"
        case "difference", by:
            return f"{by:+.3g}"
    return ""


def _verdict(csim: dict[str, Any] | None) -> Iterator[str]:
    if csim is None:
        return
    exact = csim["bit_exact_vs_quantised_model"]
    where = escape(", ".join(csim["compared_at"]))
    if exact:
        yield f"[green]C-simulation equals the quantised model bit for bit[/green] at {where}, {csim['samples']} samples"
    elif exact is False:
        yield f"[red]C-simulation differs from the quantised model[/red] at {where}"
    elif csim["max_abs_err_vs_quantised"] is not None:
        worst, wide = csim["max_abs_err_vs_quantised"], csim.get("wider_than_float64")
        behind = "beyond the 53 bits of float64" if wide else "behind tables"
        yield f"[yellow]C-simulation differs from the quantised model {behind} only[/yellow], outputs by {worst:.4g} at most"
    difference = csim["first_difference"]
    if difference:
        what = "first difference" if exact is False else "the first value after a table that differs"
        yield f"{what}: {escape(difference_text(difference))}"
    if csim["argmax_flips"] is not None:
        colour = "green" if csim["argmax_flips"] == 0 else "red"
        yield (
            f"[{colour}]argmax flips: {csim['argmax_flips']}[/{colour}] against the quantised model, "
            f"{csim['argmax_flips_vs_float']} against float"
        )
    if csim["max_abs_err_vs_float"] is not None:
        yield f"largest output error against float: {csim['max_abs_err_vs_float']:.4g}"
    yield f"{csim['samples_per_s']:.0f} samples/s"


def _hardware(report: Mapping[str, Any]) -> Iterator[str]:
    rtl, foreign = report["rtl"], report.get("foreign_rtl")
    if rtl is None:
        return
    latency, interval = rtl["latency_cycles"], rtl["interval_cycles"]
    yield (
        f"{'our own RTL, not simulated' if foreign else 'RTL'}: {latency} cycles ({latency * rtl['clock_ns']:.0f} ns at "
        f"{rtl['clock_ns']:g} ns), interval {interval}, {rtl['register_bits']:,} register bits, {len(rtl['files'])} modules"
    )
    known = rtl["recurrence"]
    if known:
        (step, sequence), many = (known[k] for k in ("step", "sequence")), rtl["interleave"]
        yield (
            f"  {f'{many} sequences in turn, ' * (many > 1)}a time step every {step['interval_cycles']:g} cycles"
            f" ({step['interval_ns']:g} ns), a sequence every {sequence['interval_cycles']:g}"
            f" ({sequence['interval_ns']:g} ns)"
        )
    area = rtl["area"]
    memories = f", {area['rom_bits']:,} ROM bits" * bool(area["rom_bits"])
    memories += f", {area['memory_bits']:,} memory bits" * bool(area["memory_bits"])
    yield f"  by estimate {area['luts']:,} LUTs, {area['multipliers']:,} multipliers{memories}"
    if foreign:
        yield (
            f"RTL of {escape(foreign['folder'] or foreign['files'][0])}, top {escape(foreign['top'])}, simulated in its"
            " place"
        )
        yield from (f"  {escape(_bound(port))}" for port in foreign["ports"])
    for run in report["cosim"]:
        yield from _simulated(run)


def _bound(port: dict[str, Any]) -> str:
    """Which ports of RTL from elsewhere carry a tensor; of many the first and the last."""
    theirs: list[str] = port["theirs"]
    named = [*theirs[:3], "...", theirs[-1]] if len(theirs) > _MOST_PORTS else theirs
    return f"ports {', '.join(named)} <- {port['ours']}"


def _simulated(run: dict[str, Any]) -> Iterator[str]:
    """A run of one simulator: verdict, what its vectors are, what went wrong, which checks were left out."""
    verdict = "[green]equals C-simulation[/green]" if run["passed"] else f"[red]{run['mismatches']} mismatches[/red]"
    yield f"RTL in {run['simulator']} {verdict}, {run['vectors']} vectors, latency {run['latency_cycles']} measured"
    if run.get("kinds"):
        yield f"  {_asked(run)}"
    yield from (f"    {escape(text)}" for text in run["texts"])
    yield from (f"  [dim]not checked: {escape(text)}[/dim]" for text in run.get("not_asked", ()))


def _asked(run: dict[str, Any]) -> str:
    """In a line."""
    kinds, edges = run["kinds"], run["edges"]
    told = [f"{n} {_KINDS[kind]}" for kind, n in kinds.items()]
    told += [f"{edges['unmet']} of {edges['sought']} edges not reached"] if edges else []
    fewer = min(mode["vectors"] for mode in run["modes"])
    told += [f"gaps and resets on {fewer}"] if fewer < run["modes"][0]["vectors"] else []
    told += [f"{sum(mode['resets'] for mode in run['modes'])} resets"]
    alone = [f"{run['modules']} modules on their own"] * bool(run["modules"])
    return ", ".join([*told, *alone, *[f"{run['tables']} tables compared"] * bool(run["tables"])])


def synthesis(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line a run of a tool, with a fill in per cent where the device is known, and one a note."""
    for row in rows:
        cells = ", ".join(_filled(row, kind, name) for kind, name in _CELLS.items())
        line = f"{row['device']}, {row['effort']} ({row['tool']}): {cells}"
        if row["fmax_mhz"] is not None:
            how = "by the delay model" if row["timing"] == "delay model" else row["timing"]
            line += f"; {row['fmax_mhz']:.1f} MHz {how}"
        if row["latency_ns"] is not None:
            line += f", {row['latency_cycles']} cycles = {row['latency_ns']:,.0f} ns"
        path = list(dict.fromkeys(step["layer"] or "the top" for step in row["critical_path"]))
        line += f"; slowest path in {', '.join(path)}" * bool(path)
        yield line + f"; {row['seconds']:.0f} s" + f", {row['memory_mb']:.0f} MB" * (row["memory_mb"] is not None)
        yield from (f"  note: {note}" for note in row["notes"])


_CELLS = {"luts": "LUT", "ffs": "FF", "dsps": "DSP", "brams": "BRAM"}


def _filled(row: dict[str, Any], kind: str, name: str) -> str:
    available = row["available"] and row["available"][kind]
    return f"{row[kind]:,g} {name}" + f" ({row[kind] / (available or 1):.0%})" * bool(available)


def _metrics(metrics: dict[str, dict[str, float | None]]) -> Table:
    names = list(next(iter(metrics.values())))
    table = Table(*["", *names], title="figures of merit", title_justify="left", show_edge=False)
    for stage, row in metrics.items():
        table.add_row(stage, *("-" if row[n] is None else f"{row[n]:.4f}" for n in names))
    return table


def _quantisation(rows: list[dict[str, Any]]) -> Table:
    names = ("tensor", "type", "range", "signal rms", "added rms", "saturated")
    table = Table(*(Column(name, overflow="fold") for name in names), title="types", show_edge=False)
    table.title_justify = "left"
    for r in rows:
        reach = f"{r['low']:.4g} .. {r['high']:.4g}"
        cells = (r["tensor"], r["type"], reach, f"{r['signal_rms']:.4g}", f"{r['added_rms']:.2g}", str(r["saturated"]))
        table.add_row(*map(escape, cells))
    return table
