"""report.json: written by one function, valid by its schema."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import jsonschema

from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.naming import Naming, top_name
from fpga_ml.report import page

if TYPE_CHECKING:
    from fpga_ml.bridge.convert import Graph
    from fpga_ml.simulate.foreign import Foreign

SCHEMA_VERSION = 3
IN_MEMORY = "in memory"
WITHOUT_OPTION = frozenset(
    {"weight_bits", "input_type", "softmax_table_bits", "cosim_vectors", "seed", "project_name", "layers"}
)  # of the settings: a file or Python has them, no command-line option
_OPTIONS = {
    "simulators": "--simulator",
    "synth_devices": "--synth-device",
    "time_limit_s": "--time-limit",
}  # the others: by name
_LONGEST_FAULT = 400  # letters of a message, which quotes the report
_AGAIN = "compile the model again"
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
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


def command(model: str, weights: Path | None, data: str, config: Config, given: Foreign | None = None) -> str:
    """What repeats the build: a command line; a call where the model, the data or settings are in memory only.

    model, data: paths, or 'in memory'; data: '' for the model's own; given: RTL from elsewhere, which `fpga-ml cosim` takes.
    """
    base = Config.read(config.source) if config.source else Config()
    names = [f.name for f in dataclasses.fields(config) if f.name != "source"]
    changed = {n: getattr(config, n) for n in names if getattr(config, n) != getattr(base, n)}
    if config.auto_clock:
        changed.pop("clock_ns", None)  # found by the build
    off = any(value is False for name, value in changed.items() if name != "auto_clock")  # options can only be set
    no_line = given is not None and (config.stages[-1] != "cosim" or not given.folder)
    if IN_MEMORY in (model, data) or changed.keys() & WITHOUT_OPTION or off or no_line:
        return _call(model, weights, data, config.source, changed, given)
    words = ["fpga-ml", "cosim" if given else "compile", f"./{model}" if model.startswith("-") else model]
    words += ["--weights", str(weights)] if weights else []
    words += ["--data", data] if data else []
    words += _given_options(given) if given else []
    words += ["--config", str(config.source)] if config.source else []
    if given:
        changed.pop("until", None)
    if "auto_clock" in changed:
        changed["clock_ns"] = "auto" if changed.pop("auto_clock") else config.clock_ns
    for name, value in changed.items():
        option = _OPTIONS.get(name, "--" + name.replace("_", "-"))
        for one in value if isinstance(value, tuple) else (value,):
            words += [option] if value is True else [option, str(one)]
    return shlex.join(words)


def _given_options(given: Foreign) -> list[str]:
    words = ["--rtl", given.folder] + ["--rtl-top", given.top] * bool(given.top)
    words += [word for ours, theirs in given.ports.items() for word in ("--port", f"{ours}={theirs}")]
    words += [word for what in given.skip for word in ("--skip", what)]
    return words + ["--flush", str(given.flush)] * bool(given.flush)


def _call(
    model: str, weights: Path | None, data: str, source: Path | None, changed: dict[str, Any], given: Foreign | None
) -> str:
    arguments = ["model" if model == IN_MEMORY else repr(model)]
    arguments += [f"weights={str(weights)!r}"] if weights else []
    arguments += [f"data={'data' if data == IN_MEMORY else repr(data)}"] if data else []
    settings = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    read = f"fpga_ml.Config.read(pathlib.Path({str(source)!r}))" + f".replace({settings})" * bool(settings)
    config = read if source else f"fpga_ml.Config({settings})"
    arguments += [f"config={config}"] if source or settings else []
    arguments += [f"rtl={_given_call(given)}"] if given else []
    return f"fpga_ml.compile({', '.join(arguments)})"


def _given_call(given: Foreign) -> str:
    files = f"tuple(map(pathlib.Path, {[str(f) for f in given.files]}))"
    arguments = [repr(given.folder)] if given.folder else [files]
    set_ones = {"ports": dict(given.ports), "skip": given.skip, "flush": given.flush, "top": given.top}
    arguments += [f"{name}={value!r}" for name, value in set_ones.items() if value]
    return f"fpga_ml.simulate.foreign.Foreign{'.of' * bool(given.folder)}({', '.join(arguments)})"


def ports(graph: Graph) -> dict[str, list[dict[str, Any]]]:
    return {
        side: [{"name": n, "type": t, "shape": list(s)} for n, t, s in getattr(graph, side)]
        for side in ("inputs", "outputs")
    }


def top_of(report: Mapping[str, Any]) -> str:
    """The C++ function and RTL module of the whole network."""
    return top_name(report["config"]["project_name"], [identifier_of(port) for port in report["model"]["inputs"]])


def identifier_of(row: Mapping[str, Any]) -> str:
    """What C++ and RTL call the port or the process that a row of a report is of."""
    found: str = row.get("identifier", row["name"])
    if _IDENTIFIER.fullmatch(found) is None:
        raise FpgaMlError(f"'{found}' is no identifier of C++ and RTL", where="report.json", do=_AGAIN)
    return found


def rtl_files(project: Path, report: Mapping[str, Any]) -> tuple[Path, ...]:
    """Of a project with RTL; raises FpgaMlError where one is gone."""
    found = tuple(project / name for name in report["rtl"]["files"])
    for file in found:
        if not file.is_file():
            raise FpgaMlError(f"'{file}' is gone", where=str(project), do=_AGAIN)
    return found


def names_of(report: Mapping[str, Any]) -> Naming:
    """What the identifiers of a project stand for."""
    return Naming(report.get("names", {}))


def layers(graph: Graph) -> list[dict[str, Any]]:
    return [
        {**dataclasses.asdict(n), "types": dict(n.types), "shape": list(n.shape), "reads": list(n.reads)}
        for n in graph.nodes
    ]


def write(report: dict[str, Any], path: Path) -> None:
    """Validate and write, and report.html beside it."""
    # jsonschema.validate would first validate the schema, which takes longer than the report: a test does that.
    jsonschema.Draft202012Validator(schema()).validate(report)
    path.write_text(json.dumps(report, indent=2) + "\n")
    page.write(report, path.with_suffix(".html"))


def read(folder: Path) -> dict[str, Any]:
    """The report of a project folder; an error where there is none or it is of another version."""
    path = folder / "report.json" if folder.is_dir() else folder
    if not path.exists():
        raise FpgaMlError(f"'{folder}' holds no report.json", do="give a project folder that fpga-ml compile wrote")
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError, OSError) as error:
        raise FpgaMlError(f"not valid JSON: {error}", where=str(path), do=_AGAIN) from None
    found = report.get("schema_version") if isinstance(report, dict) else None
    if found != SCHEMA_VERSION:
        raise FpgaMlError(
            f"the report is of version {found}, this fpga_ml reads version {SCHEMA_VERSION}", where=str(path), do=_AGAIN
        )
    fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema()).iter_errors(report))
    if fault is not None:
        place = "/".join(map(str, fault.absolute_path)) or "the report"
        raise FpgaMlError(f"no whole report: {place}: {fault.message[:_LONGEST_FAULT]}", where=str(path), do=_AGAIN)
    return report


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


@contextmanager
def consistent(folder: Path) -> Iterator[None]:
    """A report of which one part does not fit another, though it is valid by the schema, is one error. folder: its
    project's."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, jinja2.UndefinedError) as error:
        what = f"the report contradicts itself: {type(error).__name__}: {error}"
        raise FpgaMlError(what[:_LONGEST_FAULT], where=str(folder), do=_AGAIN) from error
