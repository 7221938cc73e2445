"""Libraries as an experiment loads them: several at once in one process of C++, from two threads, under sanitizers of
memory and of undefined behaviour; and as software that loads hls4ml's emulators finds them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fpga_ml
from fpga_ml.ir.network import Network
from fpga_ml.simulate.emulate import emulate_outputs

from .made import SANITIZED, compiled, evaluated, made, stimuli, uniform
from .test_library import at_random, kept, operations, regrouped

HERE = Path(__file__).parent
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=1:verify_asan_link_order=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
NETWORKS: dict[str, Callable[[], Network]] = {
    "operations": operations,
    "random": at_random,
    "regrouped": lambda: regrouped(3),
    "kept": kept,
}


def program(folder: Path, source: str, *flags: str) -> Path:
    made_one = folder / Path(source).stem
    command = ["g++", "-std=c++17", "-O1", "-Wall", "-Wextra", *flags, str(HERE / source), "-o", str(made_one)]
    subprocess.run([*command, "-ldl", "-pthread"], check=True)
    return made_one


def samples(file: Path, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> Path:
    with file.open("wb") as f:
        np.array([len(inputs[0])], np.int64).tofile(f)
        for a in (*inputs, *outputs):
            np.ascontiguousarray(a, np.int64).tofile(f)
    return file


def looped(program: Path, rows: Sequence[tuple[str, Path, Path]]) -> subprocess.CompletedProcess[str]:
    told = [str(part) for row in rows for part in row]
    return subprocess.run([program, *told], env=os.environ | OPTIONS, capture_output=True, text=True, check=False)


def test_four_at_once_in_two_versions(tmp_path: Path) -> None:
    """Two models in two versions each: the second version of a name is another network."""
    rows, names = [], list(NETWORKS)
    for k, name in enumerate(names):
        network = uniform(NETWORKS[name]()) if name != "kept" else kept()
        library = made(network, tmp_path / name, f"model_{k % 2}", str(k // 2 + 1), SANITIZED)
        given = stimuli(network, 300)
        file = samples(tmp_path / f"{name}.bin", [given[c.name] for c in network.inputs], evaluated(network, given))
        rows.append((f"model_{k % 2}_v{k // 2 + 1}", library, file))
    loop = program(tmp_path, "loop.cpp", *SANITIZED)
    done = looped(loop, rows)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    raw = bytearray(rows[0][2].read_bytes())
    raw[-8] ^= 1
    rows[0][2].write_bytes(raw)
    assert looped(loop, rows).stdout == "2 values differ\n"  # one of each thread


MODELS = {
    "jet_tagger": 100_000,
    "jet_cnn": 100_000,
    "constituent_gru": 100_000,
    "particle_deepsets": 100_000,
    "celeste": 100,
}


@pytest.mark.slow
def test_models_at_once(tmp_path: Path, repository: Path) -> None:
    """As many samples as the models are promised for, among them their own, all values of the inputs' types."""
    rows: list[tuple[str, Path, Path]] = []
    for name, count in MODELS.items():
        project = fpga_ml.compile(repository / "models" / name, output=tmp_path / name, until="rtl", progress=False)
        graph: Any = project.graph
        rng, given = np.random.default_rng(9), []
        for layer, own in zip(graph.inputs, project.x, strict=True):
            t = layer.result
            random = rng.integers(t.min_raw, t.max_raw, (count, layer.size), endpoint=True)
            mine = t.raw(own).reshape(len(own), -1)[:count]
            random[: len(mine)] = mine
            given.append(random)
        wanted = [y.reshape(count, -1) for y in emulate_outputs(graph, given)]
        folder = tmp_path / f"{name}_library"
        folder.mkdir()
        library = compiled(tmp_path / name / "emulator", folder, name, flags=SANITIZED)
        rows.append((f"{name}_v1", library, samples(tmp_path / f"{name}.bin", given, wanted)))
    done = looped(program(tmp_path, "loop.cpp", *SANITIZED), rows)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_as_hls4ml_loads_it(tmp_path: Path) -> None:
    """A sum of three values over all samples, from ap_fixed values, doubles and raw integers, in two versions at once. (The
    ap_types themselves shift negative values, and may read what they have not set.)"""
    types = [f"-isystem{files('hls4ml') / 'templates' / 'vivado' / 'ap_types'}", "-Wno-maybe-uninitialized"]
    paths = [made(kept(), tmp_path / version, "sums", version, tuple(types)) for version in ("1", "2.1")]
    done = subprocess.run(
        [program(tmp_path, "hls4ml_loop.cpp", "-fsanitize=address", *types), *paths],
        env=os.environ | OPTIONS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["1 3 6", "7 10 14", "15 16 17", "an input is refused"] * 2


CONSUMER = r"""
#include <stdio.h>
#include "sums_v1_2.h"

int main(void) {
    const int64_t x[] = {1, 2, 3}, *given[] = {x};
    int64_t y[3], *made[] = {y};
    sums_v1_2_model *model = sums_v1_2_create();
    sums_v1_2_predict_raw(model, 1, given, made);
    printf("%d %d %d\n", (int)y[0], (int)y[1], (int)y[2]);
    sums_v1_2_destroy(model);
    return 0;
}
"""


def test_cmake_installs_it_and_c_uses_it(tmp_path: Path) -> None:
    sources, build, place = made(kept(), tmp_path, "sums", "1.2").parent, tmp_path / "build", tmp_path / "installed"
    cmake = Path(sys.executable).with_name("cmake")
    for command in (
        ["-S", sources, "-B", build, f"-DCMAKE_INSTALL_PREFIX={place}"],
        ["--build", build],
        ["--install", build],
    ):
        subprocess.run([cmake, *command], check=True, capture_output=True)
    (libraries,) = place.glob("lib*/**/libsums_v1_2.so")
    told = next(place.rglob("sums_v1_2.pc")).read_text()
    assert f"prefix={place}\n" in told
    assert "Version: 1.2\n" in told
    (tmp_path / "consumer.c").write_text(CONSUMER)
    linked = [f"-I{place / 'include'}", f"-L{libraries.parent}", f"-Wl,-rpath,{libraries.parent}"]
    command = [
        "gcc",
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        "consumer.c",
        *linked,
        "-lsums_v1_2",
        "-o",
        "c",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "c"], capture_output=True, text=True, check=True).stdout == "1 3 6\n"
