"""Searches as search.json holds them."""

from __future__ import annotations

import random
from typing import Any

NAMES = [f"{layer} {kind}" for layer in ("fc1", "fc2", "output") for kind in ("weights", "results")]


def trial(number: int, bits: list[int], origin: str = "sampler", draw: float = 0.0) -> dict[str, Any]:
    """A trial whose loss halves with every bit: that of some tensors matters more, that of others costs more."""
    lost = sum(w * 2.0**-b for w, b in zip((4, 4, 1, 1, 0.2, 0.2), bits, strict=True)) / 20
    luts, cycles = sum(w * b * b for w, b in zip((40, 40, 100, 100, 70, 70), bits, strict=True)), 6 + max(bits) // 2
    return {
        "number": number,
        "state": "done",
        "why": "",
        "origin": origin,
        "params": dict(zip(NAMES, bits, strict=True)),
        "score": 0.9312 - lost + draw,
        "score_test": 0.9305 - lost - draw,
        "loss": {"mean": lost + draw, "error": 0.0004},
        "costs": {
            "luts": luts,
            "dsps": max(bits) // 4,
            "rom_bits": 0,
            "memory_bits": 0,
            "latency_cycles": cycles,
            "latency_ns": cycles * 5.0,
            "interval_cycles": 1,
        },
        "seconds": 4.2,
    }


def failed(number: int, why: str = "the clock is too fast") -> dict[str, Any]:
    params = dict.fromkeys(NAMES, 12)
    lacking = dict.fromkeys(("score", "score_test", "loss", "costs"))
    return {"number": number, "state": "failed", "why": why, "origin": "sampler", "params": params, "seconds": 1.0} | lacking


def front(trials: list[dict[str, Any]]) -> list[int]:
    """Of score, LUTs and latency."""
    found = {t["number"]: (-t["score"], t["costs"]["luts"], t["costs"]["latency_ns"]) for t in trials if t["costs"]}
    return [
        n
        for n, own in found.items()
        if not any(o != own and all(a <= b for a, b in zip(o, own, strict=True)) for o in found.values())
    ]


def search(trials: list[dict[str, Any]], **other: Any) -> dict[str, Any]:
    best = front(trials)
    said = "C-simulation = emulator = RTL in Verilator and Icarus"
    proved = [True, False, None]
    knobs = [{"name": n, "layer": n.split()[0], "kind": n.split()[1], "choices": list(range(2, 13))} for n in NAMES]
    points = [
        {
            "number": n,
            "folder": f"points/{n}",
            "proved": proved[k % 3],
            "said": said if k % 3 == 0 else "",
            "command": f"fpga-ml compile points/{n}/model.keras --arch parallel --clock-ns 5 -o hls_projects/point_{n}",
        }
        for k, n in enumerate(best)
    ]
    return {
        "version": 1,
        "model": "jet_tagger",
        "command": "fpga-ml search models/jet_tagger --trials 40",
        "how": "bits",
        "arch": "parallel",
        "device": "generic-16nm",
        "clock_ns": 5.0,
        "seed": 1,
        "objective": {"name": "auc", "better": "higher", "float": 0.9312, "float_test": 0.9305},
        "samples": {"validation": 3105, "test": 3106},
        "costs": ["luts", "latency_ns"],
        "knobs": knobs,
        "trials": trials,
        "front": best,
        "points": points,
        "marks": [{"name": "HGQ, arXiv:2405.00645", "costs": {"luts": 5000}, "score": 0.93}],
    } | other


def usual(seed: int = 1, count: int = 40) -> dict[str, Any]:
    """Uniform bits, drawn ones, and two that failed."""
    draws = random.Random(seed)
    trials = [trial(bits - 2, [bits] * 6, "uniform") for bits in range(2, 13)]
    for number in range(11, count - 2):
        middle = draws.randint(3, 10)
        bits = [min(12, max(2, middle + more + draws.randint(-2, 2))) for more in (2, 2, 0, 0, -2, -2)]
        trials.append(trial(number, bits, draw=draws.gauss(0, 0.0002)))
    return search([*trials, failed(count - 2), failed(count - 1)])
