"""RNN layers of cells as the recurrent layers that hold such cells."""

from __future__ import annotations

from typing import Any

import keras
import qkeras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.quantizers import keep_settings

_LAYERS = {f"{kind.__name__}Cell": kind for kind in (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU)}
_LAYERS |= {f"{kind.__name__}Cell": kind for kind in (qkeras.QSimpleRNN, qkeras.QLSTM, qkeras.QGRU)}


def of_cells(rnn: Any, name: str) -> list[Any]:
    """A layer for each cell of an RNN, with its weights, the last one of this name. Each reads what the one before gives."""
    cells = list(rnn.cell.cells) if isinstance(rnn.cell, keras.layers.StackedRNNCells) else [rnn.cell]
    made = []
    for k, cell in enumerate(cells):
        last = k == len(cells) - 1
        options = {
            "return_sequences": rnn.return_sequences or not last,
            "return_state": rnn.return_state,
            "go_backwards": rnn.go_backwards and k == 0,
            "stateful": rnn.stateful,
        }
        made.append(_layer_of(cell, rnn, options | {"name": name if last else f"{name}_cell{k + 1}"}))
    return made


def _layer_of(cell: Any, rnn: Any, options: dict[str, Any]) -> Any:
    kind = _LAYERS.get(type(cell).__name__)
    if kind is None:
        raise FpgaMlError(
            f"layer '{rnn.name}' (RNN) has a cell of the class {type(cell).__name__}, which no tool knows",
            where=f"layer '{rnn.name}'",
            do=f"use one of {', '.join(_LAYERS)}",
        )
    layer = kind.from_config(cell.get_config() | options)
    layer.name = options["name"]  # qkeras-v3 forgets it
    layer.build((1 if rnn.stateful else None, None, cell.kernel.shape[0]))
    layer.cell.set_weights(cell.get_weights())
    keep_settings(cell, layer.cell)
    return layer
