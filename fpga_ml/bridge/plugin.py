"""hls4ml's entry point: `backend='OpenRTL'` in `hls4ml.converters.convert_from_keras_model`.

hls4ml imports this module while its own backends are being imported, so nothing of Keras, TensorFlow or hls4ml's
converters is imported here. The qkeras-v3 handlers and mends need the converters; they come when the backend is first
asked for, be it by `config_from_keras_model` or by a conversion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NAME = "OpenRTL"


class _Backends(dict[str, Any]):
    """hls4ml's table of backends, which brings what ours needs when ours is looked up."""

    def __getitem__(self, name: str) -> Any:
        if name == NAME.lower():
            import fpga_ml.bridge.handlers
            import fpga_ml.bridge.mends  # noqa: F401
        return super().__getitem__(name)


def register(register_backend: Callable[..., Any], register_writer: Callable[..., Any]) -> None:
    """Called by hls4ml: a backend that writes a Vitis project as hls4ml does, and RTL of its own."""
    from hls4ml.backends import backend as hls4ml_backends
    from hls4ml.writer.vitis_writer import VitisWriter

    from fpga_ml.bridge.backend import OpenRTLBackend

    register_writer(NAME, VitisWriter)
    register_backend(NAME, OpenRTLBackend)
    hls4ml_backends.backend_map = _Backends(hls4ml_backends.backend_map)
