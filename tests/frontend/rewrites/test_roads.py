"""Rewritten layers through C-simulation, emulator and RTL: several a build, all of them in the slow form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from simulators import on_all_roads
from test_opened import OPERATIONS
from test_options import CASES, OTHERS, with_weights

TABLES = ("softmax", "glu")
NOTHING = ("noise", "itself", "a penalty")  # an output that is an input is no model
A_BUILD = 6
# Of the crossed options, those that meet every line of a rewrite.
NAMES = [name for name in [*list(CASES)[::5], *OTHERS] if not name.startswith(TABLES + NOTHING)]
SOME = [
    "ternary dilation",
    "quantised separable series",
    "quantised transposed",
    "bilinear by three and one",
    "relu with all",
    "exactly normalised by row",
]
SOME_OPERATIONS = ["a product of elements", "where", "variance", "an image of numbers", "depthwise conv", "einsum of two"]


def _chunks(names: list[str]) -> list[list[str]]:
    return [names[k : k + A_BUILD] for k in range(0, len(names), A_BUILD)]


def _of(some: list[str], all_of: list[str]) -> list[Any]:
    found = [pytest.param("stream", some, id="some")]
    return found + [
        pytest.param(arch, names, id=f"{arch} {n}", marks=pytest.mark.slow)
        for n, names in enumerate(_chunks(all_of))
        for arch in ("stream", "parallel")
    ]


def build(branches: list[tuple[tuple[int, ...], Any]], folder: Path, arch: str) -> None:
    """branches: the shape of an input, and what is made of it."""
    inputs, outputs, x = [], [], []
    rng = np.random.default_rng(9)
    for n, (shape, make) in enumerate(branches):
        inputs.append(keras.Input(shape, name=f"in{n}"))
        outputs.append(make(inputs[-1]))
        x.append(rng.integers(-16, 17, (24, *shape)) / 16)
    model = with_weights(keras.Model(inputs, outputs), rng)
    csim = on_all_roads(model, x, folder, arch=arch, bits=10, cosim_vectors=4).report["csim"]
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


@pytest.mark.parametrize(("arch", "names"), _of(SOME, NAMES))
def test_options(arch: str, names: list[str], tmp_path: Path) -> None:
    build([(CASES[name][0], lambda x, n=name: CASES[n][1]()(x)) for name in names], tmp_path, arch)


@pytest.mark.parametrize(("arch", "names"), _of(SOME_OPERATIONS, [n for n in OPERATIONS if n not in TABLES]))
def test_operations(arch: str, names: list[str], tmp_path: Path) -> None:
    build([OPERATIONS[name] for name in names], tmp_path, arch)
