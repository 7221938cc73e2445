"""Two projects that were compiled, and one report that has everything."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from zoo import ZOO, quick, samples

import fpga_ml
from fpga_ml.project import Project


@pytest.fixture(scope="session")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A 6-bit tagger with labels, up to RTL."""
    model = ZOO["tagger_6bit"]()
    x = samples(model, 300)[0]
    y = (model.predict(x, verbose=0).argmax(1) + (np.arange(300) % 7 == 0)) % 5
    return fpga_ml.compile(
        model, data={"x": x, "y": y}, config=quick(until="rtl"), output=tmp_path_factory.mktemp("report") / "tagger"
    )


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A 6-bit network over a series, streamed, without labels, simulated by Icarus."""
    model = ZOO["conv1d_6bit"]()
    config = quick(until="cosim", arch="stream", simulators=("icarus",), cosim_vectors=3)
    return fpga_ml.compile(model, data=samples(model)[0], config=config, output=tmp_path_factory.mktemp("report") / "series")


@pytest.fixture(scope="session")
def whole(parallel: Project, stream: Project) -> dict[str, Any]:
    """A report in which no section is without data: the tagger's outputs, the series' hardware, a synthesis of it."""
    found = copy.deepcopy(parallel.report)
    found |= {name: copy.deepcopy(stream.report[name]) for name in ("rtl", "cosim", "layers", "stages")}
    timing = {"latency_cycles": 9, "latency_ns": 45.5, "interval_cycles": 4.5, "interval_ns": 22.75}
    found["rtl"] |= {"interleave": 2, "recurrence": {"steps": 6, "step": timing, "sequence": timing}}
    found["notes"] = ["a note with <b>marks</b> & signs"]
    names = [row["name"] for row in found["rtl"]["layers"]]
    layers = [
        {"layer": name, "luts": 100 + k, "ffs": 10 * k, "dsps": k % 2, "brams": 0.5 * (k == 1)}
        for k, name in enumerate([*names, ""])
    ]
    cells = {cell: sum(row[cell] for row in layers) for cell in ("luts", "ffs", "dsps", "brams")}
    routed = {
        **cells,
        "tool": "nextpnr-ecp5",
        "version": "0.8",
        "device": "ecp5-85k",
        "effort": "route",
        "available": {"luts": 83640, "ffs": 83640, "dsps": 1, "brams": 208},
        "fmax_mhz": 71.44,
        "timing": "routed",
        "latency_cycles": found["rtl"]["latency_cycles"],
        "interval_cycles": found["rtl"]["interval_cycles"],
        "latency_ns": 123.4567,
        "critical_path": [
            {"layer": names[0], "what": "LUT4", "delay_ns": 0.52},
            {"layer": "", "what": "routing " + "design_.v582_s1_TRELLIS_FF_Q_1_" + "CCU2C_S0_B1_" * 12, "delay_ns": 2.31},
        ],
        "layers": layers,
        "seconds": 1412.2,
        "memory_mb": 3212,
        "logs": ["synth/ecp5-85k/nextpnr.log"],
        "notes": ["out of context"],
    }
    estimate = routed | {
        "device": "xcup",
        "effort": "estimate",
        "available": None,
        "critical_path": [],
        "layers": [],
        "logs": [],
    }
    found["synth"] = [routed, estimate | {"fmax_mhz": None, "timing": None, "latency_ns": None, "memory_mb": None}]
    return found
