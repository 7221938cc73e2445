"""Where two roads part: C-simulation against the Keras references, tensor by tensor."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.bridge.convert import Graph

Array = npt.NDArray[np.float64]
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
            shown[key] = own[key]
        elif len(reads) == 1 and reads[0] in shown:
            shown[key] = shown.pop(reads[0])
    return shown


def compare_layers(
    reference: Mapping[str, Array],
    trace: Mapping[str, Array],
    shown: Mapping[str, str],
    graph: Graph,
    expected_types: Mapping[str, str],
    kinds: Mapping[str, str],
    tables: Collection[str],
) -> tuple[list[LayerError], Difference | None]:
    """Every tensor that both sides show, in the order of data, and the first value that differs."""
    rows: list[LayerError] = []
    first: Difference | None = None
    for key, node_name in shown.items():
        if key not in reference or node_name not in trace:
            continue
        want, got = reference[key], trace[node_name]
        want = want.reshape(len(want), -1)
        got = got.reshape(len(got), -1)
        if want.shape != got.shape:
            continue
        node = graph.node(node_name)
        wrong = want != got
        got_type = node.types.get("result", "")
        rows.append(
            LayerError(key, node_name, got_type, want.size, int(wrong.sum()), float(np.abs(want - got).max(initial=0.0)))
        )
        if first is None and wrong.any():
            sample, place = (int(i) for i in np.argwhere(wrong)[0])
            index = tuple(int(i) for i in np.unravel_index(place, reference[key].shape[1:]))
            first = Difference(
                key,
                sample,
                index,
                float(want[sample, place]),
                float(got[sample, place]),
                expected_types.get(key, "float64, not rounded"),
                got_type,
                _cause(kinds.get(key, ""), tables),
            )
    return rows, first


def _cause(kind: str, tables: Collection[str]) -> str:
    if kind in tables:
        return f"{kind} is a table in hls4ml's C++, with its own range and size"
    return "not a table: hls4ml's C++ rounds or overflows where the quantised model does not"


def argmax_flips(a: Array, b: Array) -> int:
    """How many decisions differ between two sets of class scores (N, classes) or (N, 1)."""
    if a.shape[-1] == 1:
        return int(np.count_nonzero((a > 0.5) != (b > 0.5)))
    return int(np.count_nonzero(a.argmax(-1) != b.argmax(-1)))


def errors_of(want: Sequence[Array], got: Sequence[Array]) -> dict[str, Any]:
    """Largest and root-mean-square difference over all outputs."""
    d = np.concatenate([(w.reshape(-1) - g.reshape(-1)) for w, g in zip(want, got, strict=True)])
    return {"max_abs_err": float(np.abs(d).max()), "rms_err": float(np.sqrt(np.mean(d**2)))}
