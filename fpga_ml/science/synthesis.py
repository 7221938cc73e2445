"""Synthesis figures of the models under models/: made by one command, kept in synthesis.json and in the model's card."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fpga_ml.config import CONFIG_FILE, Config, Effort
from fpga_ml.devices import PLACED
from fpga_ml.progress import stage, watching
from fpga_ml.science.models import CARD_FILE, Model, entered
from fpga_ml.synthesise.project import synthesise

SYNTH_CONFIG_FILE, SYNTHESIS_FILE = "ecp5.toml", "synthesis.json"
_SECTION = "\n## Synthesis\n<!-- synthesis: begin -->\n<!-- synthesis: end -->\n"  # of a card that has none yet
_KEPT = (
    *("tool", "version", "device", "effort", "luts", "ffs", "dsps", "brams", "fmax_mhz", "timing"),
    *("latency_cycles", "interval_cycles", "latency_ns", "seconds", "memory_mb"),
)


def figures(
    model: Model,
    *,
    devices: Sequence[str],
    efforts: Sequence[Effort],
    time_limit_s: float | None = None,
    output: Path | None = None,
) -> list[dict[str, Any]]:
    """Build the model up to RTL, by its ecp5.toml or else as it is built otherwise for an ecp5-85k, and synthesise it. A row
    a device and effort, of `Synthesis.as_json()`, with the layers in which the longest path lies; of a device that the open
    tools only count for, one row. output: where the project is to stay."""
    from fpga_ml.pipeline import compile

    own, plain = model.folder / SYNTH_CONFIG_FILE, model.folder / CONFIG_FILE
    config = Config.read(own) if own.exists() else Config.read(plain).replace(device="ecp5-85k", clock_ns=14.0)
    with tempfile.TemporaryDirectory() as scratch:
        target = output or Path(scratch) / model.folder.name
        compile(model.folder, config=config.replace(until="rtl"), output=target)
        with watching(True) as watcher, stage(watcher, "synth"):
            found = [
                synthesise(target, device=device, effort=effort, time_limit_s=time_limit_s).as_json()
                for device in devices
                for effort in (efforts if device in PLACED else ("estimate",))
            ]
    return [row(entry) for entry in found]


def overview(models: Sequence[Model], device: str) -> str:
    """What is kept of models, placed and estimated for a device, as one table for all of them."""
    lines = [
        "| model | LUT | FF | DSP | BRAM | MHz by the delay model | MHz placed | cycles, latency | interval |",
        "|---" * 9 + "|",
    ]
    for model in models:
        rows = {(r["device"], r["effort"]): r for r in _kept(model)}
        estimate = rows.get((device, "estimate"))
        placed = rows.get((device, "place")) or rows.get((device, "route"))
        if estimate is None:
            continue
        clocks = (
            "" if r is None else f"{r['fmax_mhz']:.1f}{', routed' * (r['effort'] == 'route')}" for r in (estimate, placed)
        )
        cycles = (f"{estimate[kind]:,}" for kind in ("latency_cycles", "interval_cycles"))
        lines.append(f"| {model.folder.name} | {' | '.join((*_counts(estimate), *clocks, *cycles))} |")
    return "\n".join(lines) + "\n"


def row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of an entry of report.json's `synth`."""
    path = list(dict.fromkeys(step["layer"] for step in entry["critical_path"]))
    return {key: entry[key] for key in _KEPT} | {"critical_layers": path}


def save(model: Model, rows: Sequence[Mapping[str, Any]]) -> None:
    """Enter rows in the place of earlier ones of the same tool, device and effort."""
    card = model.folder / CARD_FILE
    new = {_key(r) for r in rows}
    kept = sorted([*(r for r in _kept(model) if _key(r) not in new), *rows], key=_key)
    (model.folder / SYNTHESIS_FILE).write_text(json.dumps(kept, indent=2) + "\n")
    if card.exists():
        text = card.read_text()
        card.write_text(entered(text if "<!-- synthesis: begin" in text else text + _SECTION, "synthesis", table(kept)))


def _kept(model: Model) -> list[Mapping[str, Any]]:
    path = model.folder / SYNTHESIS_FILE
    rows: list[Mapping[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return rows


def _counts(found: Mapping[str, Any]) -> list[str]:
    return [f"{found[kind]:,g}" for kind in ("luts", "ffs", "dsps", "brams")]


def _key(found: Mapping[str, Any]) -> tuple[str, str, str]:
    return found["device"], found["effort"], found["tool"]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """As rows of a card."""
    lines = ["| device | effort | LUT | FF | DSP | BRAM | MHz | cycles | ns | longest path in |", "|---" * 10 + "|"]
    for r in rows:
        clock = "" if r["fmax_mhz"] is None else f"{r['fmax_mhz']:.1f} ({r['timing']})"
        time = "" if r["latency_ns"] is None else f"{r['latency_ns']:,.0f}"
        where = ", ".join(layer or "the top" for layer in r["critical_layers"])
        lines.append(
            f"| {r['device']} | {r['effort']} | {' | '.join(_counts(r))} | {clock} | {r['latency_cycles']:,} | {time} |"
            f" {where} |"
        )
    return "\n".join(lines) + "\n"
