"""Layers that are several in one, taken apart: what comes out holds only layers with one result.

TimeDistributed is what it holds (distributed.py). Recurrent layers that are given a state, give theirs, keep it or go
backwards, Bidirectional ones, and those of cells become layers of one direction, the two of frontend/walk.py and merges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.cells import of_cells
from fpga_ml.frontend.distributed import Distributed
from fpga_ml.frontend.rebuild import Call, calls, copy_layer
from fpga_ml.frontend.recurrent import is_recurrent
from fpga_ml.frontend.standins import StandIn, with_standins
from fpga_ml.frontend.walk import Pick, Steps, Walk, parts_of

_BOTH_WAYS = ("Bidirectional", "QBidirectional")
_MERGES = {
    "concat": keras.layers.Concatenate,
    "sum": keras.layers.Add,
    "mul": keras.layers.Multiply,
    "ave": keras.layers.Average,
}


def unwrapped(model: Any) -> Any:
    """The model with such layers taken apart; the model itself where there is none."""
    every = calls(model)
    read = {id(t) for c in every for t in c.inputs} | {id(t) for t in model.outputs}
    apart: dict[int, StandIn] = {}
    for c in every:
        if id(c.layer) not in apart and _is_several(c, every):
            apart[id(c.layer)] = _apart(c, sum(d.layer is c.layer for d in every))
        if isinstance(found := apart.get(id(c.layer)), _Apart):
            found.used.update(k for k, t in enumerate(c.outputs) if id(t) in read)
    steps = any(isinstance(found, Distributed) for found in apart.values())  # what they held may be several again
    return unwrapped(with_standins(model, apart)) if steps else with_standins(model, apart)


def _is_several(c: Call, every: Sequence[Call]) -> bool:
    layer = c.layer
    if not is_recurrent(layer) or isinstance(layer, Walk):
        return type(layer).__name__ in ("TimeDistributed", "RNN", *_BOTH_WAYS)
    uses = [d for d in every if d.layer is layer]
    given = any(len(d.inputs) > 1 for d in uses)
    return bool(layer.return_state or layer.stateful or layer.go_backwards or given or len(uses) > 1)


def _apart(c: Call, times: int) -> StandIn:
    """times: how often the layer is called."""
    layer, batch = c.layer, c.inputs[0].shape[0]
    if type(layer).__name__ == "TimeDistributed":
        return Distributed(layer)
    if layer.stateful and batch != 1:
        raise FpgaMlError(
            f"layer '{layer.name}' is stateful and keeps {batch} states side by side: the hardware keeps one",
            where=f"layer '{layer.name}'",
            do="build the model with Input(batch_shape=(1, ...)): each sample goes on where the one before ended",
        )
    if layer.stateful and times > 1:
        raise FpgaMlError(
            f"layer '{layer.name}' is stateful and called {times} times, so that one call would go on where another ended",
            where=f"layer '{layer.name}'",
            do="use a layer for each call",
        )
    found = _TwoWays(layer) if type(layer).__name__ in _BOTH_WAYS else _way(layer, layer.name)
    found.each_call = times > 1  # hls4ml's configuration of a cell is of one node
    return found


class _Apart(StandIn):
    """used: the results that something reads, by number."""

    def __init__(self, layer: Any, name: str | None = None) -> None:
        super().__init__(layer)
        self.name = name or layer.name
        self.used: set[int] = set()

    def results(self, x: Any, initial_state: Any = None, *_: Any, **__: Any) -> Any:
        found = self.all_results(x, [] if initial_state is None else keras.tree.flatten(initial_state))
        return found if len(found) > 1 else found[0]

    def all_results(self, x: Any, first: list[Any]) -> list[Any]:
        """As many as the layer has; first: its first state."""
        raise NotImplementedError


class _OneWay(_Apart):
    """A layer of one direction under a name; behind its result, the parts of its last state, whether it gives them or
    not."""

    def all_results(self, x: Any, first: list[Any]) -> list[Any]:
        layer, units, parts = self.layer, self.layer.cell.units, parts_of(self.layer)
        whole = parts > 1 and 2 in self.used
        if layer.go_backwards:
            x = self._picked("reversed", x, 0, x.shape[-1], "reversed")
        if len(first) > 1:
            first = [self.part("start", lambda name: keras.layers.Concatenate(name=name))(first)]
        stateful = layer.stateful and not first
        if whole or first or stateful:
            walk = self.part("", lambda name: Walk(self._plain(name), whole, stateful, name=name), layer.get_weights())
            shown = walk([x, *first] if first else x)
        else:
            shown = self.part("", self._plain, layer.get_weights())(x)
        if not layer.return_state:
            return [shown]
        steps: Steps = "last" if layer.return_sequences else "all"
        output = self._picked("output", shown, 0, units) if whole else shown
        h = self._picked("state_h", shown, 0, units, steps)
        if parts == 1:
            return [output, h]
        return [output, h, self._picked("state_c", shown, units, units, steps) if whole else h]

    def _plain(self, name: str) -> Any:
        """The layer without what stands around it."""
        options = ("stateful", "return_state", "go_backwards", "unroll")
        copy = copy_layer(self.layer, changes=dict.fromkeys(options, False))
        copy.name = name
        return copy

    def _picked(self, suffix: str, x: Any, first: int, size: int, steps: Steps = "all") -> Any:
        return self.part(suffix, lambda name: Pick(first, size, steps, name=name))(x)


class _OfCells(_Apart):
    """A layer for each cell of an RNN, one behind another; behind the last one's result all states, cell by cell."""

    def __init__(self, layer: Any, name: str) -> None:
        super().__init__(layer, name)
        self.ways = [_OneWay(one, one.name) for one in of_cells(layer, name)]

    def all_results(self, x: Any, first: list[Any]) -> list[Any]:
        at, states = 1, []
        for way in self.ways:
            parts = parts_of(way.layer)
            way.used, way.shape, way.taken = {1 + k - at for k in self.used}, self.shape, self.taken
            x, *kept = way.all_results(x, first[at - 1 : at - 1 + parts])
            self.weights |= way.weights
            states += kept
            at += parts
        return [x, *states]


def _way(layer: Any, name: str) -> _Apart:
    return _OfCells(layer, name) if type(layer).__name__ == "RNN" else _OneWay(layer, name)


class _TwoWays(_Apart):
    """Two layers side by side, the second on the reversed sequence, and what becomes of their results; then their states."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        both = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        self.ways = [_way(one, f"{layer.name}_{way}") for way, one in both.items()]

    def all_results(self, x: Any, first: list[Any]) -> list[Any]:
        layer, half = self.layer, len(first) // 2
        at, both, states = 2 if layer.merge_mode is None else 1, [], []
        for way, own in zip(self.ways, (first[:half], first[half:]), strict=True):
            way.used, way.shape, way.taken = {1 + k - at for k in self.used}, self.shape, self.taken
            output, *kept = way.all_results(x, own)
            self.weights |= way.weights
            both.append(output)
            states += kept
            at += len(kept)
        if layer.return_sequences:
            turned = both[1].shape[-1]
            both[1] = self.part("turned", lambda name: Pick(0, turned, "reversed", name=name))(both[1])
        if layer.merge_mode is not None:
            both = [self.part("", lambda name: _MERGES[layer.merge_mode](name=name))(both)]
        return [*both, *states]
