"""Our RTL and alkaid's of the same network through the same Yosys script, as a Markdown table.

The network is the jet tagger 16-64-32-32-5 with 6-bit weights and activations, input fixed<16,6>, logits only. alkaid's
copy is traced from the typed layers, so that weights and quantisers are the same, and its interpreter must give our
emulator's logits on 1,000 vectors. `--quick` takes a tiny network, to try the script.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import qkeras  # noqa: E402
from alkaid.codegen.rtl.rtl_model import RTLModel  # noqa: E402
from alkaid.trace import FVArray, HWConfig, trace  # noqa: E402
from alkaid.types import CombLogic  # noqa: E402

import fpga_ml  # noqa: E402
from fpga_ml.config import Config  # noqa: E402
from fpga_ml.layers import elementwise, linear  # noqa: E402
from fpga_ml.layers.base import Layer  # noqa: E402
from fpga_ml.rtl.build import build_rtl  # noqa: E402
from fpga_ml.simulate.emulate import emulate  # noqa: E402
from fpga_ml.toolchain.yosys import Resources, Target, resources  # noqa: E402

VECTORS = 1000
LATENCY_CUTOFF = 5
TIMEOUT_S = 3600
HEADER = "| network | RTL | LUT | carry | FF | latency, cycles | longest path, ns | latency, ns | Yosys, s |\n|---|---|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Design:
    """RTL of a network. latency_cycles: from the input port to the output port."""

    made_by: str
    files: tuple[Path, ...]
    top: str
    latency_cycles: int


def tagger(sizes: Sequence[int], zeros: float) -> Any:
    """Dense layers of sizes[1:] after sizes[0] inputs, 6-bit; weights random but seeded, a share of them zero."""
    keras.utils.set_random_seed(3)
    rng, pruning = np.random.default_rng(7), np.random.default_rng(11)
    stack: list[Any] = [keras.Input((sizes[0],), name="features")]
    for i, n in enumerate(sizes[1:], start=1):
        last = i == len(sizes) - 1
        kernel, bias = (qkeras.quantized_bits(6, 0, alpha=1) for _ in range(2))
        name = "logits" if last else f"fc{i}"
        stack.append(qkeras.QDense(n, kernel_quantizer=kernel, bias_quantizer=bias, name=name))
        if not last:
            stack.append(qkeras.QActivation(qkeras.quantized_relu(6), name=f"relu{i}"))
    model = keras.Sequential(stack, name="tagger")
    for layer in [layer for layer in model.layers if hasattr(layer, "kernel")]:
        weights = rng.normal(0.0, 1.2 / np.sqrt(layer.kernel.shape[0]), layer.kernel.shape)
        kept = pruning.uniform(size=weights.shape) >= zeros
        layer.set_weights([weights * kept, rng.normal(0.0, 0.2, layer.bias.shape)])
    return model


def alkaid_logic(layers: Sequence[Layer]) -> CombLogic:
    """The same layers on alkaid's tracer; input values are those of the input type already."""
    t, n = layers[0].result, layers[0].size
    x = FVArray.from_kif(*(np.full(n, v) for v in (t.signed, t.integer - t.signed, t.fraction)), HWConfig(1, -1, -1))
    inputs = x
    for layer in layers[1:]:
        if isinstance(layer, linear.Linear):
            x = x @ np.ldexp(layer.weights[0], -layer.weight_fraction) + np.ldexp(layer.bias, -layer.bias_fraction)
        else:
            assert isinstance(layer, elementwise.Relu)
            r = layer.result
            kif = (int(r.signed), r.integer - r.signed, r.fraction)
            x = np.maximum(x, 0).quantize(*kif, overflow_mode=r.overflow.value, round_mode=r.rounding.value)
    return trace(inputs, x)


def check_same(logic: CombLogic, layers: Sequence[Layer], heads: Sequence[str]) -> None:
    """Stops unless alkaid's interpreter gives our emulator's outputs in every bit."""
    values = layers[0].result.quantise(np.random.default_rng(5).normal(0.0, 2.0, size=(VECTORS, layers[0].size)))
    ours = emulate(layers, [values], heads)[0]
    if not np.array_equal(logic.predict(values).reshape(ours.shape), ours):
        sys.exit("alkaid's logits are not ours: the two do not compute the same network")


def designs(layers: Sequence[Layer], heads: Sequence[str], clocks_ns: Sequence[float], folder: Path) -> Iterator[Design]:
    """alkaid's RTL, then ours for each clock."""
    logic = alkaid_logic(layers)
    check_same(logic, layers, heads)
    rtl = RTLModel(logic, folder / "alkaid", "alkaid_top", latency_cutoff=LATENCY_CUTOFF, print_latency=False)
    rtl.write()
    files = [f for f in sorted((folder / "alkaid" / "src").rglob("*.v")) if not f.name.endswith("_wrapper.v")]
    stages = len(rtl.fsm.logic) + 1  # a register before the first stage, and one after each
    yield Design(f"alkaid, cutoff {LATENCY_CUTOFF}", tuple(files), "alkaid_top", stages)
    for clock_ns in clocks_ns:
        own = folder / f"ours_{clock_ns:g}"
        own.mkdir()
        ours = build_rtl(layers, {layers[0].name: "features", heads[0]: "logits"}, heads, "tagger", clock_ns)
        yield Design(f"ours, {clock_ns:g} ns", ours.write(own), ours.top, ours.latency_cycles)


def row(network: str, design: Design, found: Resources) -> str:
    cells = (f"{found.luts:,}", f"{found.carries:,}", f"{found.ffs:,}", str(design.latency_cycles), f"{found.path_ns:.2f}")
    total_ns = design.latency_cycles * found.path_ns
    return f"| {network} | {design.made_by} | {' | '.join(cells)} | {total_ns:.1f} | {found.seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=("xcup", "ecp5"), default="xcup")
    parser.add_argument("--clocks", type=float, nargs="+", default=[5.0], help="clock periods of our RTL, ns")
    parser.add_argument("--zeros", type=float, nargs="+", default=[0.0, 0.75], help="shares of weights that are zero")
    parser.add_argument("--quick", action="store_true", help="a tiny network")
    arguments = parser.parse_args()
    target: Target = arguments.target
    sizes = (6, 8, 3) if arguments.quick else (16, 64, 32, 32, 5)
    print(HEADER)
    for zeros in arguments.zeros:
        model = tagger(sizes, zeros)
        data = np.random.default_rng(5).normal(size=(200, sizes[0]))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = Config(until="emulate", vectors=200, input_type="ap_fixed<16,6>")
            project = fpga_ml.compile(model, data=data, config=config, output=folder / "project")
            network = f"{'-'.join(map(str, sizes))}, {zeros:.0%} zeros"
            for design in designs(project.layers, project.heads, arguments.clocks, folder):
                found = resources(design.files, design.top, target, TIMEOUT_S)
                print(row(network, design, found), flush=True)


if __name__ == "__main__":
    main()
