"""hls4ml's entry point: `backend='OpenRTL'` in `hls4ml.converters.convert_from_keras_model`.

hls4ml imports this module while its own backends are being imported, so nothing of Keras, TensorFlow or hls4ml's
converters is imported here. The handlers of qkeras-v3 need the converters; they come when the backend is first asked for,
be it by `config_from_keras_model` or by a conversion, and go when another backend is asked for: a Vitis project of the same
process is what hls4ml makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NAME = "OpenRTL"


class _Backends(dict[str, Any]):
    """hls4ml's table of backends. The backend that a conversion is for is looked up before its layers are read."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        super().__getitem__(NAME.lower()).asked_for(name == NAME.lower())
        return found


def register(register_backend: Callable[..., Any], register_writer: Callable[..., Any]) -> None:
    """Called by hls4ml: a backend that writes a Vitis project as hls4ml does, and RTL of its own."""
    from hls4ml.backends import backend as hls4ml_backends
    from hls4ml.writer.vitis_writer import VitisWriter

    from fpga_ml.plugin.backend import OpenRTLBackend

    register_writer(NAME, VitisWriter)
    register_backend(NAME, OpenRTLBackend)
    hls4ml_backends.backend_map = _Backends(hls4ml_backends.backend_map)
