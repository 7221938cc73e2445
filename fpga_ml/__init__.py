"""Trained neural networks as FPGA logic that answers in nanoseconds.

    import fpga_ml
    project = fpga_ml.compile("models/jet_cnn")
    project.report["csim"]["bit_exact_vs_quantised_model"]

The heavy imports (TensorFlow, hls4ml) happen at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpga_ml.toolchain.beside import expose as _expose

if TYPE_CHECKING:
    from fpga_ml.config import Config as Config
    from fpga_ml.errors import FpgaMlError as FpgaMlError
    from fpga_ml.explore.search import Search as Search
    from fpga_ml.explore.search import search as search
    from fpga_ml.pipeline import compile as compile
    from fpga_ml.project import Project as Project
    from fpga_ml.quantise import to_hgq as to_hgq
    from fpga_ml.quantise import to_qkeras as to_qkeras
    from fpga_ml.sizing import Estimate as Estimate
    from fpga_ml.sizing import estimate as estimate

_expose()  # `import hgq` finds HGQ2 where `fpga-ml doctor --install hgq2` has put it
__version__ = "0.1.0"
__all__ = ["Config", "Estimate", "FpgaMlError", "Project", "Search", "compile", "estimate", "search", "to_hgq", "to_qkeras"]
_HOMES = {
    "compile": "pipeline",
    "Project": "project",
    "Config": "config",
    "FpgaMlError": "errors",
    "Estimate": "sizing",
    "estimate": "sizing",
    "Search": "explore.search",
    "search": "explore.search",
    "to_hgq": "quantise",
    "to_qkeras": "quantise",
}


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fpga_ml' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"fpga_ml.{_HOMES[name]}"), name)
