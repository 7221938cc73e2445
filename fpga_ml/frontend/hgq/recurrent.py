"""HGQ2's recurrent layers, laid out over their time steps: each step is hardware of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.hgq.parts import Parts, becomes, numpy_of

_MOST_READERS = 6
Step = Callable[[str, int, Any], Any]  # (name, time step, state) -> the next state


def _unrolled(parts: Parts, layer: Any, name: str, x: list[Any], begun: Callable[[Any], Step], **given: Any) -> Any:
    """begun: gives the step, of the whole sequence."""
    for what in (*given, *(["initial_state"] if len(x) > 1 else [])):
        raise parts.refused(f"is given {what}", "leave it out: the first state is 0, and all steps count")
    for option in ("return_state", "stateful"):
        if getattr(layer, option):
            raise parts.refused(f"has {option} = True", f"set {option} = False, or use a GRU of Keras or QKeras")
    sequence, units = x[0], layer.units
    steps = range(sequence.shape[1])
    step = begun(sequence)
    state = parts.placed(f"{name}_begin", np.full(units, -1), sequence)
    states = []
    for t in reversed(steps) if layer.go_backwards else steps:
        state = step(f"{name}_{t}", t, state)
        states.append(state)
    if not layer.return_sequences:
        return states[-1]
    joined = states[0]
    for n, state in enumerate(states[1:], 1):  # hls4ml joins two
        joined = parts.once(f"{name}_first_{n}", lambda own: keras.layers.Concatenate(name=own))([joined, state])
    return parts.once(f"{name}_sequence", lambda n: keras.layers.Reshape((len(states), units), name=n))(joined)


def _dense(parts: Parts, name: str, x: Any, kernel: np.ndarray, bias: np.ndarray | None) -> Any:
    weights = [w for w in (kernel, bias) if w is not None]
    return parts.kept(name, lambda n: keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=n), x, weights)


def _merged(parts: Parts, kind: Any, name: str, *x: Any) -> Any:
    return parts.kept(name, lambda n: kind(name=n), list(x))


def _part(parts: Parts, name: str, x: Any, begin: int, end: int) -> Any:
    return parts.placed(name, np.arange(begin, end), x)


def _steps(parts: Parts, name: str, x: Any) -> list[Any]:
    """Each step of a sequence (steps, features), as a tree: hls4ml's streams have few readers."""
    steps, features = x.shape[1:]
    every, found = np.arange(steps * features).reshape(steps, features), []
    for piece in np.array_split(every, min(steps, _MOST_READERS)):
        first = f"{name}_{piece[0, 0] // features}"
        if len(piece) == 1:
            found.append(parts.placed(first, piece[0], x))
        else:
            found += _steps(parts, first, parts.placed(f"{first}_on", piece, x))
    return found


@becomes("QSimpleRNN")
def _simple(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    cell = layer.cell
    kernel, recurrent = numpy_of(cell.qkernel), numpy_of(cell.qrecurrent_kernel)
    bias = numpy_of(cell.qbias) if cell.use_bias else None

    def begun(sequence: Any) -> Step:
        of_inputs = _dense(parts, f"{name}_inputs", parts.read(cell, name, sequence), kernel, bias)
        of_steps = _steps(parts, f"{name}_inputs", of_inputs)

        def step(n: str, t: int, state: Any) -> Any:
            state = parts.quantised(cell.sq, f"{n}_sq", state) if cell.enable_sq else state
            of_state = _dense(parts, f"{n}_state", state, recurrent, None)
            total = _merged(parts, keras.layers.Add, f"{n}_sum", of_steps[t], of_state)
            return parts.activated(cell.activation, n, parts.quantised(cell.paq, f"{n}_paq", total))

        return step

    return _unrolled(parts, layer, name, x, begun, **given)


@becomes("QGRU")
def _gru(parts: Parts, layer: Any, name: str, x: list[Any], **given: Any) -> Any:
    """The update gate z, the reset gate r and the candidate, in this order, as Keras has them."""
    cell, after = layer.cell, layer.cell.reset_after
    units, kernel, recurrent = cell.units, numpy_of(cell.qkernel), numpy_of(cell.qrecurrent_kernel)
    biases = numpy_of(cell.qbias).reshape(-1, 3 * units) if cell.use_bias else [None, None]
    bias, recurrent_bias = biases[0], biases[1] if after else None
    add, multiply = keras.layers.Add, keras.layers.Multiply

    def begun(sequence: Any) -> Step:
        of_inputs = _dense(parts, f"{name}_inputs", parts.read(cell, name, sequence), kernel, bias)
        of_steps = _steps(parts, f"{name}_inputs", of_inputs)

        def step(n: str, t: int, state: Any) -> Any:
            state = parts.quantised(cell.sq, f"{n}_sq", state)
            of_state = _dense(parts, f"{n}_state", state, recurrent[:, : (3 if after else 2) * units], recurrent_bias)
            both = _merged(
                parts,
                add,
                f"{n}_gates_sum",
                _part(parts, f"{n}_gates_in", of_steps[t], 0, 2 * units),
                _part(parts, f"{n}_gates_state", of_state, 0, 2 * units),
            )
            gates = parts.quantised(
                cell.praq, f"{n}_gates", parts.activated(cell.recurrent_activation, f"{n}_gates_act", both)
            )
            update, reset = _part(parts, f"{n}_update", gates, 0, units), _part(parts, f"{n}_reset", gates, units, 2 * units)
            if after:
                held = parts.quantised(cell.rhq, f"{n}_rhq", _part(parts, f"{n}_held_state", of_state, 2 * units, 3 * units))
                held = _merged(parts, multiply, f"{n}_held", reset, held)
            else:
                held = parts.quantised(cell.rhq, f"{n}_rhq", _merged(parts, multiply, f"{n}_held_state", reset, state))
                held = _dense(parts, f"{n}_held", held, recurrent[:, 2 * units :], None)
            total = _merged(parts, add, f"{n}_sum", _part(parts, f"{n}_in", of_steps[t], 2 * units, 3 * units), held)
            candidate = parts.quantised(cell.paq, f"{n}_paq", parts.activated(cell.activation, f"{n}_act", total))
            new = _merged(parts, multiply, f"{n}_new", parts.affine(f"{n}_rest", -1, 1, update), candidate)
            return _merged(parts, add, n, _merged(parts, multiply, f"{n}_old", update, state), new)

        return step

    return _unrolled(parts, layer, name, x, begun, **given)
