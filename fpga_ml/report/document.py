"""report.json: written by one function, valid by its schema."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
import shlex
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from fpga_ml.bridge.convert import Graph
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError

SCHEMA_VERSION = 1
_PACKAGES = ("fpga_ml", "hls4ml", "keras", "tensorflow", "qkeras-v3", "numpy")


@cache
def schema() -> dict[str, Any]:
    text = files("fpga_ml.report").joinpath("schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def config_as_json(config: Config) -> dict[str, Any]:
    """Every setting, as plain JSON values."""
    plain = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name not in ("layers", "source")}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
    plain["layers"] = {
        name: {
            f.name: dict(v) if f.name == "precision" else v
            for f in dataclasses.fields(layer)
            if (v := getattr(layer, f.name)) not in (None, {})
        }
        for name, layer in config.layers.items()
    }
    return plain


def command(model: str, weights: Path | None, data: str, config: Config) -> str:
    """A command line that repeats the build, for a model that lies in a file."""
    words = ["fpga-ml", "compile", model]
    words += ["--weights", str(weights)] if weights else []
    words += ["--data", data] if data else []
    words += ["--config", str(config.source)] if config.source else []
    default = Config()
    for name, option in (("arch", "--arch"), ("backend", "--backend"), ("bits", "--bits"), ("until", "--until")):
        if getattr(config, name) != getattr(default, name):
            words += [option, str(getattr(config, name))]
    return shlex.join(words)


def ports(graph: Graph) -> dict[str, list[dict[str, Any]]]:
    return {
        side: [{"name": n, "type": t, "shape": list(s)} for n, t, s in getattr(graph, side)]
        for side in ("inputs", "outputs")
    }


def layers(graph: Graph) -> list[dict[str, Any]]:
    return [{**dataclasses.asdict(n), "types": dict(n.types), "shape": list(n.shape)} for n in graph.nodes]


def write(report: dict[str, Any], path: Path) -> None:
    """Validate and write."""
    jsonschema.validate(report, schema())
    path.write_text(json.dumps(report, indent=2) + "\n")


def read(folder: Path) -> dict[str, Any]:
    """The report of a project folder; an error where there is none or it is of another version."""
    path = folder / "report.json" if folder.is_dir() else folder
    if not path.exists():
        raise FpgaMlError(f"'{folder}' holds no report.json", do="give a project folder that fpga-ml compile wrote")
    try:
        report: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise FpgaMlError(f"not valid JSON: {error}", where=str(path), do="compile the model again") from None
    found = report.get("schema_version")
    if found != SCHEMA_VERSION:
        raise FpgaMlError(
            f"the report is of version {found}, this fpga_ml reads version {SCHEMA_VERSION}",
            where=str(path),
            do="compile the model again",
        )
    return report
