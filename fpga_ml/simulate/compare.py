"""C-simulation against the Keras references, tensor by tensor, and where they first differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.bridge.convert import Graph
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.prepare import Prepared
from fpga_ml.frontend.reference import BY_TABLES, Flow
from fpga_ml.hls.csim import CSim
from fpga_ml.hls.words import DOUBLE_BITS
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Raw

Array = npt.NDArray[np.float64]
_TRACED = 32
_BEYOND = "wider than the 53 bits of Keras' float64, which rounds there"


@dataclass(frozen=True)
class LayerError:
    """One tensor in C-simulation beside the quantised Keras model: how many values differ and by how much at most."""

    layer: str
    node: str
    type: str
    values: int
    different: int
    max_abs_err: float


@dataclass(frozen=True)
class Difference:
    """The first value that differs: in which layer, sample and index, both values, both types, and a likely cause."""

    layer: str
    sample: int
    index: tuple[int, ...]
    expected: float
    got: float
    expected_type: str
    got_type: str
    cause: str


def nodes_of(keys: Sequence[str], graph: Graph) -> dict[str, str]:
    """Which hls4ml node shows each Keras tensor: {call key: node name}, for those that are still to be seen.

    hls4ml names a node after its Keras layer, splits some (NAME_alpha, NAME_pointwise, NAME_relu) and merges others
    into the node before.
    """
    bases = {key.split("#")[0] + (f"_{int(key.split('#')[1]) - 1}" if "#" in key else ""): key for key in keys}
    found: dict[str, str] = {}
    for node in graph.nodes:
        name = node.name.removeprefix("bnbt_")
        owners = [b for b in bases if name == b or name.startswith(f"{b}_")]
        if owners and node.kind not in ("Clone", "Repack"):
            found[bases[max(owners, key=len)]] = node.name
    return found


def visible(order: Sequence[tuple[str, tuple[str, ...]]], graph: Graph) -> dict[str, str]:
    """{key: node} where a call merged into the node before it takes that node over.

    order: (call key, keys that it reads), in the order of data.
    """
    own = nodes_of([key for key, _ in order], graph)
    shown: dict[str, str] = {}
    for key, reads in order:
        if key in own:
            shown[key] = _of_call(key, reads, own, shown, graph)
        elif len(reads) == 1 and reads[0] in shown:
            shown[key] = shown.pop(reads[0])
    return shown


def _of_call(key: str, reads: Sequence[str], own: Mapping[str, str], shown: Mapping[str, str], graph: Graph) -> str:
    """The node of this call. hls4ml numbers the calls of a shared layer in an order of its own: what they read tells."""
    layer, read = key.split("#")[0], {shown[r] for r in reads if r in shown}
    calls = [node for other, node in own.items() if other.split("#")[0] == layer]
    return next((node for node in calls if len(calls) > 1 and read.intersection(graph.node(node).reads)), own[key])


def beyond_doubles(values: Mapping[str, Array], shown: Mapping[str, str], graph: Graph) -> frozenset[str]:
    """Of tensors in C-simulation those with values of more than the 53 bits of Keras' float64, which cannot tell their last
    ones."""
    return frozenset(
        key for key, v in values.items() if key in shown and _passes(v, graph.node(shown[key]).types.get("result", ""))
    )


def _passes(values: Array, spelled: str) -> bool:
    try:
        t = FixedType.parse(spelled)
    except FpgaMlError:
        return False  # signs and exponents
    return t.width > DOUBLE_BITS and bool((np.abs(values) >= 2.0**DOUBLE_BITS * t.lsb).any())


def made_of(some: frozenset[str], order: Sequence[tuple[str, tuple[str, ...]]]) -> frozenset[str]:
    """Some tensors, and all that reads them or what is made of them."""
    found = set(some)
    for key, reads in order:
        if found.intersection(reads):
            found.add(key)
    return frozenset(found)


@dataclass(frozen=True)
class Check:
    """C-simulation beside the two references, on all samples.

    outputs: of C-simulation; raw: of those wider than 53 bits, as integers; exact: bit for bit equal at the `compared`
    tensors, None without a reference or where all that differs lies behind tables, which are not quite Keras' functions, or
    behind tensors wider than float64 holds; wide: those of them that are not compared; layers and first: tensor by tensor on
    a few samples; flips: decisions that differ, None where the model decides nothing.
    """

    outputs: tuple[Array, ...]
    raw: tuple[Raw | None, ...]
    exact: bool | None = None
    compared: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    layers: tuple[LayerError, ...] = ()
    first: Difference | None = None
    max_abs_err_vs_float: float | None = None
    max_abs_err_vs_quantised: float | None = None
    flips: int | None = None
    flips_vs_float: int | None = None


def check_csim(csim: CSim, graph: Graph, prepared: Prepared, *, decides: bool, jobs: int) -> Check:
    """Run C-simulation on all samples and compare: the `compared` tensors on all of them, every layer on the first few and
    on the first few that went wrong."""
    reference, x = prepared.reference, prepared.x
    if reference is None:
        result = csim.run(x, jobs=jobs)
        return Check(result.outputs, result.raw)
    flow = reference.flow
    shown = visible(flow.order, graph)
    nodes = {key: shown[key] for key in flow.compared if shown.get(key) in csim.layers}
    result = csim.run(x, tuple(nodes.values()), jobs)
    got = {key: _values(result.layers[node], graph, node) for key, node in nodes.items()}
    ends = zip(flow.outputs, flow.heads, graph.heads, result.outputs, strict=True)
    got |= {end: _values(values, graph, node) for end, head, node, values in ends if end == head or head not in nodes}
    wide = beyond_doubles(got, shown, graph)
    got = {key: values for key, values in got.items() if key not in wide}
    wanted = {**reference.compared, **dict(zip(flow.outputs, reference.quantised_outputs, strict=True))}
    unlike = {key: _unlike(wanted[key], values) for key, values in got.items()}
    wrong = np.logical_or.reduce([np.zeros(len(x[0]), bool), *unlike.values()])
    rows = np.unique(np.concatenate([np.arange(min(len(wrong), _TRACED)), np.flatnonzero(wrong)[:_TRACED]]))
    if csim.ordered:
        rows = np.arange(max([min(len(wrong), _TRACED), *(np.flatnonzero(wrong)[:1] + 1)]))  # with all that come before
    some = [a[rows] for a in x]
    trace = csim.run(some, tuple(csim.layers), jobs).layers
    traced = {key: trace[node] for key, node in shown.items() if node in trace}
    reached = made_of(wide | beyond_doubles(traced, shown, graph), flow.order)
    layers, first = _compare_layers(reference.probe.layers(some), trace, shown, graph, flow, reached, rows)
    floats, quantised, outputs = reference.float_outputs, reference.quantised_outputs, result.outputs
    return Check(
        outputs,
        result.raw,
        _verdict(
            {key for key, samples in unlike.items() if samples.any()},
            flow.behind_all_but(_exact(flow, shown, graph)) | reached,
        )
        if got
        else None,
        tuple(got),
        tuple(key for key, _ in flow.order if key in wide),
        tuple(layers),
        first,
        _max_abs_err(floats, outputs),
        _max_abs_err(quantised, outputs),
        argmax_flips(quantised[0], outputs[0]) if decides else None,
        argmax_flips(floats[0], outputs[0]) if decides else None,
    )


def _unlike(want: Array, got: Array) -> npt.NDArray[np.bool_]:
    """Which samples differ anywhere."""
    found: npt.NDArray[np.bool_] = (got.reshape(len(got), -1) != want.reshape(len(got), -1)).any(1)
    return found


def _exact(flow: Flow, shown: Mapping[str, str], graph: Graph) -> set[str]:
    """Tensors that a table made which is the function itself, rounded as the quantised model rounds it; and what this
    rounds."""
    rounded = {key: reads for key, reads in flow.order if shown.get(key) in graph.exact and key in flow.types}
    return {*rounded, *(read for reads in rounded.values() for read in reads)}


def _verdict(unlike: set[str], excused: frozenset[str]) -> bool | None:
    if not unlike:
        return True
    return None if unlike <= excused else False


def _compare_layers(
    reference: Mapping[str, Array],
    trace: Mapping[str, Array],
    shown: Mapping[str, str],
    graph: Graph,
    known: Flow,
    reached: frozenset[str],
    samples: npt.NDArray[np.int64],
) -> tuple[list[LayerError], Difference | None]:
    """Every tensor that both sides show, in the order of data, and the first value that differs."""
    rows: list[LayerError] = []
    first: Difference | None = None
    for key, node_name in shown.items():
        if node_name not in trace or reference[key].size != trace[node_name].size:
            continue
        want = reference[key].reshape(len(reference[key]), -1)
        got = _values(trace[node_name], graph, node_name).reshape(want.shape)
        got_type = graph.node(node_name).types.get("result", "")
        wrong = want != got
        worst = float(np.abs(want - got).max(initial=0.0))
        rows.append(LayerError(key, node_name, got_type, want.size, int(wrong.sum()), worst))
        if first is None and wrong.any():
            row, place = (int(i) for i in np.argwhere(wrong)[0])
            index = tuple(int(i) for i in np.unravel_index(place, reference[key].shape[1:]))
            values = float(want[row, place]), float(got[row, place])
            types = known.types.get(key, "float64, not rounded"), got_type
            cause = _BEYOND if key in reached else _cause(known.kinds.get(key, ""))
            first = Difference(key, int(samples[row]), index, *values, *types, cause)
    return rows, first


def _values(traced: Array, graph: Graph, node: str) -> Array:
    """What a node's values stand for."""
    return 2 * traced - 1 if node in graph.signs else traced


def _cause(kind: str) -> str:
    if kind in BY_TABLES:
        return f"{kind} goes through a table, whose values are another function's within what the table may cost"
    return "not a table: hls4ml's C++ rounds or overflows where the quantised model does not"


def argmax_flips(a: Array, b: Array) -> int:
    """How many decisions differ between two sets of class scores (N, ..., classes) or (N, 1)."""
    if a.shape[-1] == 1:
        return int(np.count_nonzero((a > 0.5) != (b > 0.5)))
    return int(np.count_nonzero(a.argmax(-1) != b.reshape(a.shape).argmax(-1)))


def _max_abs_err(want: Sequence[Array], got: Sequence[Array]) -> float:
    return max(float(np.abs(w.reshape(-1) - g.reshape(-1)).max()) for w, g in zip(want, got, strict=True))
