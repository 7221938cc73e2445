"""Our RTL and alkaid's of the same networks through the same Yosys script, as a Markdown table.

Networks with 6-bit weights and activations, input fixed<16,6>, logits only: dense ones of the size of the jet tagger with
seeded random weights, the same with three quarters of them zero, and a small one trained on digits; a convolution of images,
with and without zeros. alkaid's copy is traced from
the typed layers, so that weights and quantisers are the same, and its interpreter must give our emulator's logits on 1,000
vectors. alkaid's goes first; ours is scheduled for the clock period that the longest path of alkaid's netlist has, and
again for a shorter one where ours turns out longer. `--quick` takes a tiny network, to try the script.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import qkeras  # noqa: E402
from alkaid.codegen.rtl.rtl_model import RTLModel  # noqa: E402
from alkaid.trace import FVArray, HWConfig, trace  # noqa: E402
from alkaid.types import CombLogic  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

import fpga_ml  # noqa: E402
from fpga_ml.config import Config  # noqa: E402
from fpga_ml.devices import Target  # noqa: E402
from fpga_ml.layers import elementwise, gather, linear, pooling  # noqa: E402
from fpga_ml.layers.base import Layer  # noqa: E402
from fpga_ml.layers.graph import LayerGraph  # noqa: E402
from fpga_ml.rtl.architecture import PARALLEL  # noqa: E402
from fpga_ml.simulate.emulate import emulate  # noqa: E402
from fpga_ml.toolchain.yosys import Resources, resources, script  # noqa: E402

VECTORS = 1000
LATENCY_CUTOFF = 5
TRIES = 4
FIRST_TRY = 0.9
TIMEOUT_S = 7200
HEADER = (
    (
        "| network | RTL | LUT | carry | FF | latency, cycles | longest path, ns | latency, ns | LUT, cycles, path over"
        " alkaid's | Yosys, s |"
    ),
    "|---|---|---|---|---|---|---|---|---|---|",
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """RTL of a network. latency_cycles: registers from input to output, without those that alkaid puts on its ports."""

    made_by: str
    files: tuple[Path, ...]
    top: str
    latency_cycles: int


@dataclass(frozen=True)
class Result:
    design: Design
    found: Resources

    def row(self, network: str, reference: Result) -> str:
        f, cycles = self.found, self.design.latency_cycles
        cells = (f"{f.luts:,}", f"{f.carries:,}", f"{f.ffs:,}", str(cycles), f"{f.path_ns:.2f}", f"{cycles * f.path_ns:.1f}")
        ratios = " ".join(f"{ratio:.2f}" for ratio in self.over(reference))
        return f"| {network} | {self.design.made_by} | {' | '.join(cells)} | {ratios} | {f.seconds:.0f} |"

    def over(self, other: Result) -> tuple[float, float, float]:
        """LUT, cycles and path as multiples of another's."""
        mine, theirs = self.found, other.found
        cycles = self.design.latency_cycles / max(other.design.latency_cycles, 1)
        return mine.luts / theirs.luts, cycles, mine.path_ns / theirs.path_ns


def dense(sizes: Sequence[int]) -> Any:
    """Dense layers of sizes[1:] after sizes[0] inputs, 6-bit, logits at the end."""
    stack: list[Any] = [keras.Input((sizes[0],), name="features")]
    for i, n in enumerate(sizes[1:], start=1):
        last = i == len(sizes) - 1
        kernel, bias = (qkeras.quantized_bits(6, 0, alpha=1) for _ in range(2))
        name = "logits" if last else f"fc{i}"
        stack.append(qkeras.QDense(n, kernel_quantizer=kernel, bias_quantizer=bias, name=name))
        if not last:
            stack.append(qkeras.QActivation(qkeras.quantized_relu(6), name=f"relu{i}"))
    return keras.Sequential(stack, name="tagger")


def tagger(sizes: Sequence[int], zeros: float) -> tuple[Any, Array]:
    """Weights random but seeded, a share of them zero."""
    return filled(dense(sizes), zeros), np.random.default_rng(5).normal(size=(200, sizes[0]))


def filled(model: Any, zeros: float) -> Any:
    """The model with random weights, a share of them zero."""
    rng, pruning = np.random.default_rng(7), np.random.default_rng(11)
    for layer in [layer for layer in model.layers if hasattr(layer, "kernel")]:
        weights = rng.normal(0.0, 1.2 / np.sqrt(np.prod(layer.kernel.shape[:-1])), layer.kernel.shape)
        kept = pruning.uniform(size=weights.shape) >= zeros
        layer.set_weights([weights * kept, rng.normal(0.0, 0.2, layer.bias.shape)])
    return model


def images(zeros: float) -> tuple[Any, Array]:
    """A convolution of 8 x 8 pixels, the largest of 2 x 2, and a dense layer; weights as of `tagger`."""
    kernel, bias = (qkeras.quantized_bits(6, 0, alpha=1) for _ in range(2))
    stack = [
        keras.Input((8, 8, 1), name="image"),
        qkeras.QConv2D(4, 3, kernel_quantizer=kernel, bias_quantizer=bias, name="conv"),
        qkeras.QActivation(qkeras.quantized_relu(6), name="relu"),
        keras.layers.MaxPooling2D(2, name="pool"),
        keras.layers.Flatten(name="flatten"),
        qkeras.QDense(5, kernel_quantizer=kernel, bias_quantizer=bias, name="logits"),
    ]
    return filled(keras.Sequential(stack, name="images"), zeros), np.random.default_rng(5).normal(size=(200, 8, 8, 1))


def digits(hidden: Sequence[int]) -> tuple[Any, Array]:
    """Trained: scikit-learn's handwritten digits, 2x2 pixels averaged, to ten classes."""
    keras.utils.set_random_seed(3)
    images, labels = load_digits(return_X_y=True)
    x = images.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16) / 16
    model = dense((16, *hidden, 10))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    fitted = model.fit(x, labels, epochs=60, batch_size=32, verbose=0)
    print(f"digits: accuracy {fitted.history['accuracy'][-1]:.2f} after training", file=sys.stderr)
    return model, x[:200]


NETWORKS: Mapping[str, Callable[[], tuple[Any, Array]]] = {
    "16-64-32-32-5, random": lambda: tagger((16, 64, 32, 32, 5), 0.0),
    "16-64-32-32-5, random, 75 % zeros": lambda: tagger((16, 64, 32, 32, 5), 0.75),
    "16-16-16-10, trained (digits)": lambda: digits((16, 16)),
    "8x8 conv 3x3x4, pool, 36-5, random": lambda: images(0.0),
    "8x8 conv 3x3x4, pool, 36-5, random, 75 % zeros": lambda: images(0.75),
}
QUICK: Mapping[str, Callable[[], tuple[Any, Array]]] = {"6-8-3, random, 75 % zeros": lambda: tagger((6, 8, 3), 0.75)}


def alkaid_logic(layers: Sequence[Layer]) -> CombLogic:
    """The same layers on alkaid's tracer; input values are those of the input type already."""
    t, n = layers[0].result, layers[0].size
    x = FVArray.from_kif(*(np.full(n, v) for v in (t.signed, t.integer - t.signed, t.fraction)), HWConfig(1, -1, -1))
    inputs = x
    for layer in layers[1:]:
        if isinstance(layer, linear.Linear):
            sums = x[layer.index[:, 0]] @ np.ldexp(layer.weights[0], -layer.weight_fraction)
            x = (sums + np.ldexp(layer.bias, -layer.bias_fraction)).reshape(-1)
        elif isinstance(layer, pooling.MaxPool):
            x = functools.reduce(np.maximum, [x[places] for places in layer.index.T])
        elif isinstance(layer, gather.Gather):
            x = x[layer.index.reshape(-1)]
        else:
            assert isinstance(layer, elementwise.Relu)
            r = layer.result
            kif = (int(r.signed), r.integer - r.signed, r.fraction)
            x = np.maximum(x, 0).quantize(*kif, overflow_mode=r.overflow.value, round_mode=r.rounding.value)
    return trace(inputs, x)


def check_same(logic: CombLogic, graph: LayerGraph) -> None:
    """Stops unless alkaid's interpreter gives our emulator's outputs in every bit."""
    (features,) = graph.inputs
    values = features.result.quantise(np.random.default_rng(5).normal(0.0, 2.0, size=(VECTORS, features.size)))
    (ours,) = emulate(graph, [values])
    if not np.array_equal(logic.predict(values).reshape(ours.shape), ours):
        sys.exit("alkaid's logits are not ours: the two do not compute the same network")


def alkaid_design(graph: LayerGraph, folder: Path) -> Design:
    logic = alkaid_logic(graph.layers)
    check_same(logic, graph)
    rtl = RTLModel(logic, folder / "alkaid", "alkaid_top", latency_cutoff=LATENCY_CUTOFF, print_latency=False)
    rtl.write()
    files = [f for f in sorted((folder / "alkaid" / "src").rglob("*.v")) if not f.name.endswith("_wrapper.v")]
    return Design(f"alkaid, cutoff {LATENCY_CUTOFF}", tuple(files), "alkaid_top", len(rtl.fsm.logic) - 1)


def our_design(graph: LayerGraph, clock_ns: float, folder: Path) -> Design:
    own = folder / f"ours_{clock_ns:g}"
    own.mkdir()
    ours = PARALLEL.build(
        dataclasses.replace(graph, name="tagger", ports={graph.inputs[0].name: "features", graph.outputs[0]: "logits"}),
        clock_ns,
    )
    return Design(f"ours, {clock_ns:g} ns", ours.write(own), ours.top, ours.latency_cycles)


class Synthesis:
    """One target; designs that a folder has results of already (same text, same Yosys) are not synthesised again."""

    def __init__(self, target: Target, kept: Path | None) -> None:
        self.target, self.kept = target, kept

    def __call__(self, design: Design) -> Result:
        name = self._name(design)
        if name and name.exists():
            return Result(design, Resources(**json.loads(name.read_text())))
        found = resources(design.files, design.top, self.target, TIMEOUT_S)
        if name:
            name.parent.mkdir(parents=True, exist_ok=True)
            name.write_text(json.dumps(dataclasses.asdict(found)))
        return Result(design, found)

    def _name(self, design: Design) -> Path | None:
        texts = [script(self.target, design.top), version("pyosys"), *(f.read_text() for f in design.files)]
        digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
        return self.kept / f"{digest[:20]}.json" if self.kept else None


def as_fast(graph: LayerGraph, limit_ns: float, synthesised: Synthesis, folder: Path) -> Result:
    """Ours with a longest path of at most the limit, or what came of the last try.

    Yosys joins sums that no register parts, without regard to which operand comes late, so a tenth is left for that at
    first.
    """
    clock_ns = tenths(FIRST_TRY * limit_ns)
    for _ in range(TRIES):
        result = synthesised(our_design(graph, clock_ns, folder))
        if result.found.path_ns <= limit_ns:
            break
        clock_ns = tenths(min(clock_ns * limit_ns / result.found.path_ns, clock_ns - 0.1))
    return result


def tenths(clock_ns: float) -> float:
    """Rounded down to 0.1 ns."""
    return math.floor(clock_ns * 10 + 1e-6) / 10


def compare(network: str, model: Any, data: Array, clocks_ns: Sequence[float], synthesised: Synthesis, folder: Path) -> None:
    """Prints a row for alkaid and one for ours, or one for each clock asked for."""
    config = Config(until="emulate", vectors=200, input_type="ap_fixed<16,6>")
    project = fpga_ml.compile(model, data=data, config=config, output=folder / "project")
    graph = project.graph
    assert graph is not None
    theirs = synthesised(alkaid_design(graph, folder))
    print(theirs.row(network, theirs), flush=True)
    if clocks_ns:
        ours = [synthesised(our_design(graph, clock_ns, folder)) for clock_ns in clocks_ns]
    else:
        ours = [as_fast(graph, theirs.found.path_ns, synthesised, folder)]
    for result in ours:
        print(result.row(network, theirs), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=("xcup", "ecp5"), default="xcup")
    parser.add_argument("--clocks", type=float, nargs="*", default=[], help="clock periods of our RTL, ns, as given")
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--quick", action="store_true", help="a tiny network")
    parser.add_argument("--keep", type=Path, help="a folder for results, from which a later run takes them")
    arguments = parser.parse_args()
    synthesised = Synthesis(arguments.target, arguments.keep)
    print("\n".join(HEADER))
    for network, made in (QUICK if arguments.quick else NETWORKS).items():
        if arguments.only in network:
            with tempfile.TemporaryDirectory() as name:
                compare(network, *made(), arguments.clocks, synthesised, Path(name))


if __name__ == "__main__":
    main()
