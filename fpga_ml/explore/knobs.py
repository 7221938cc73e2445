"""What a search varies: whole numbers, each with a name that a physicist reads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from fpga_ml.config import Config, LayerConfig

Kind = Literal["weights", "results", "input", "table", "sparsity", "architecture", "level"]
Params = Mapping[str, int]
LEAST_BITS, MOST_BITS = 2, 12
_SETTINGS = {"weights": "weight_bits", "results": "bits", "input": "bits"}  # the others are no settings of a build


@dataclass(frozen=True)
class Knob:
    """One number. layer: the user's name of whose it is, '' of all layers; names: of its choices, where they have some."""

    name: str
    layer: str
    kind: Kind
    low: int
    high: int
    step: int = 1
    names: tuple[str, ...] = ()

    @property
    def choices(self) -> tuple[int, ...]:
        return tuple(range(self.low, self.high + 1, self.step))

    def near(self, value: int) -> int:
        """The choice that is nearest to a number."""
        return min(self.choices, key=lambda c: abs(c - value))


def weights(layer: str) -> Knob:
    return Knob(f"{layer} weights", layer, "weights", LEAST_BITS, MOST_BITS)


def results(layer: str) -> Knob:
    return Knob(f"{layer} results", layer, "results", LEAST_BITS, MOST_BITS)


def of_input(name: str, width: int) -> Knob:
    """Bits of an input, which has so many."""
    return Knob(name, name, "input", min(LEAST_BITS, width), width)


def softmax_table() -> Knob:
    """Bits of the address of softmax's tables, at least: they grow where decisions would change."""
    return Knob("softmax table", "", "table", 4, 12)


def sparsity(layer: str) -> Knob:
    """Per cent of a layer's weights that are zero."""
    return Knob(f"{layer} zeros" if layer else "zeros", layer, "sparsity", 0, 90, 15)


def is_held(own: LayerConfig, knob: Knob) -> bool:
    """Whether the configuration has the number already, or types in place of it."""
    given = {"weights": own.weight_bits or own.bits, "results": own.bits, "input": own.bits}
    return bool(own.precision or given.get(knob.kind))


def applied(config: Config, knobs: Sequence[Knob], params: Params) -> Config:
    """The configuration of a point: bits as settings of layers."""
    layers = dict(config.layers)
    for knob in knobs:
        if knob.kind == "table":
            config = dataclasses.replace(config, softmax_table_bits=params[knob.name])
        if name := _SETTINGS.get(knob.kind):
            change: dict[str, Any] = {name: params[knob.name]}
            if not knob.layer:
                config = dataclasses.replace(config, **change)
                continue
            layers[knob.layer] = dataclasses.replace(layers.get(knob.layer, LayerConfig()), **change)
    return dataclasses.replace(config, layers=MappingProxyType(layers))


def plain(config: Config) -> dict[str, Any]:
    """A configuration as Config takes it: what is not the default, in plain values that JSON holds."""
    found = dict(_set(config, ("source", "layers")))
    layers = {}
    for name, layer in config.layers.items():
        layers[name] = dict(_set(layer, ("precision",)))
        if layer.precision:
            layers[name]["precision"] = dict(layer.precision)
    return {**found, "layers": layers} if layers else found


def _set(section: Config | LayerConfig, aside: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if field.name not in aside and value != field.default:
            yield field.name, list(value) if isinstance(value, tuple) else str(value) if isinstance(value, str) else value


def toml(settings: Mapping[str, Any]) -> str:
    """fpga_ml.toml of settings as `plain` gives them."""
    lines = [f"{key} = {_value(value)}" for key, value in settings.items() if key != "layers"]
    for name, layer in settings.get("layers", {}).items():
        section = f"layers.{json.dumps(name, ensure_ascii=False)}"
        lines += ["", f"[{section}]"]
        lines += [f"{key} = {_value(value)}" for key, value in layer.items() if key != "precision"]
        if "precision" in layer:
            lines += ["", f"[{section}.precision]"]
            lines += [f"{json.dumps(key)} = {_value(value)}" for key, value in layer["precision"].items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """TOML writes these as JSON does."""
    return json.dumps(value, ensure_ascii=False)
