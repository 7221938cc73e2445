"""Libraries of networks, compiled as the product compiles them or with sanitizers, and called from Python."""

from __future__ import annotations

import ctypes
import importlib.util
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.ir.network import Channel, Map, Network
from fpga_ml.numerics import FixedType
from fpga_ml.software.library import Library, read_parts, write_library, write_parts

FLAGS = ("-std=c++17", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-Bsymbolic", "-Wall", "-Wextra", "-Werror")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
GIVEN, SHOWN = FixedType.parse("ap_fixed<18,9>"), FixedType.parse("ap_fixed<62,31>")


def made(network: Network, folder: Path, name: str = "net", version: str = "1", flags: tuple[str, ...] = ()) -> Path:
    """The library's file; inputs have the types of their channels."""
    parts, out = folder / "parts", folder / f"{name}_{version}"
    parts.mkdir(parents=True, exist_ok=True)
    out.mkdir()
    write_parts(network, [c.types[0] for c in network.inputs], parts)
    return compiled(parts, out, name, version, flags)


def compiled(parts: Path, out: Path, name: str, version: str = "1", flags: tuple[str, ...] = ()) -> Path:
    told = read_parts(parts)
    library = Library(name, version, told.network)
    write_library(told, parts, library, out)
    file = f"lib{library.prefix}.so"
    subprocess.run(["g++", *FLAGS, *flags, f"{library.prefix}.cpp", "-o", file], cwd=out, check=True)
    return out / file


def wrapper(library: Path) -> Any:
    """The module that travels with a library."""
    prefix = library.stem.removeprefix("lib")
    spec = importlib.util.spec_from_file_location(prefix, library.with_name(f"{prefix}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def called(library: Path, given: Mapping[str, np.ndarray], model: Any = None) -> list[np.ndarray]:
    """Raw outputs (N, elements) for raw inputs (N, elements), in the order of the ports."""
    model = model or wrapper(library).Model()
    x = [np.ascontiguousarray(given[p.name], np.int64) for p in model.inputs]
    y = [np.zeros((len(x[0]), p.elements), np.int64) for p in model.outputs]
    pointers = [(ctypes.c_void_p * len(side))(*(a.ctypes.data for a in side)) for side in (x, y)]
    model._raw(model._handle, len(x[0]), *pointers)
    return y


def evaluated(network: Network, given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The same by the network's exact meaning; the sequences of a group are interleaved, and taken apart again."""
    many = network.interleave
    frames = {
        c.name: np.stack([given[c.name][s::many].reshape(-1, c.tokens // many, len(c.types)) for s in range(many)], axis=2)
        for c in network.inputs
    }
    frames = {name: x.reshape(len(x), -1, x.shape[-1]) for name, x in frames.items()}
    found = network.evaluate(frames)
    results = [found[c.name].reshape(-1, c.tokens // many, many, len(c.types)) for c in network.results]
    return [np.moveaxis(y, 2, 1).reshape(len(y) * many, -1) for y in results]


def uniform(network: Network) -> Network:
    """With one type for all elements of an input and of an output, as the product's networks have it."""
    before, inputs, processes, after = {}, [], list(network.processes), []
    for c in network.inputs:
        before[c.name] = replace(c, types=(GIVEN,) * len(c.types))
        inputs.append(replace(before[c.name], name=f"{c.name}_given"))
        b = Builder(f"{c.name}_taken")
        kernel = b.build([b.cast(b.input(Wire.of(GIVEN)), t) for t in c.types])
        processes.insert(0, Map(kernel.name, (inputs[-1],), (c,), kernel))
    for c in network.results:
        b = Builder(f"{c.name}_shown")
        kernel = b.build([b.cast(b.input(Wire.of(t)), SHOWN) for t in c.types])
        after.append(Channel(kernel.name, (SHOWN,) * len(c.types), c.tokens))
        processes.append(Map(kernel.name, (c,), (after[-1],), kernel))
    names = tuple(c.name for c in after)
    return replace(network, inputs=tuple(inputs), outputs=names, processes=tuple(processes))


def stimuli(network: Network, samples: int = 50) -> dict[str, np.ndarray]:
    """Raw values of all sizes, and both ends."""
    rng, found = np.random.default_rng(3), {}
    for c in network.inputs:
        t, size = c.types[0], c.tokens // network.interleave * len(c.types)
        x = rng.integers(t.min_raw, t.max_raw, (samples, size), endpoint=True) >> rng.integers(0, t.width, (samples, 1))
        x[0], x[1] = t.min_raw, t.max_raw
        found[c.name] = x
    return found
