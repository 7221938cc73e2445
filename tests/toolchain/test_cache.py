"""The cache of compiled objects: the same is compiled once, whatever differs misses, and no accident is an error.

The compiler of most tests is a small script that counts how often it runs.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.errors import FpgaMlError
from fpga_ml.simulate.cosim import Tensor, Vectors, cosim
from fpga_ml.toolchain import cache, find, gxx
from fpga_ml.toolchain.cache import Cache, made_once

RTL = Path(__file__).parents[1] / "simulate" / "rtl"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; where its entries are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    return tmp_path / "xdg" / "fpga_ml" / "objects"


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what the user's cache has of Verilator's own library and headers."""
    found, folder = cache.find(), tmp_path_factory.mktemp("xdg")
    (folder / "fpga_ml" / "objects").mkdir(parents=True)
    for kind in ("verilated", "headers"):
        for entry in found.folder.glob(f"{kind}-*") if found else ():
            shutil.copy(entry, folder / "fpga_ml" / "objects")
    return folder


@pytest.fixture
def shared(one_store: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for the tests that simulate, so that Verilator's run-time library is compiled once for them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(one_store))


class Maker:
    """Makes a file of some bytes, and counts."""

    def __init__(self, data: bytes = b"made") -> None:
        self.data, self.runs = data, 0

    def __call__(self, target: Path) -> None:
        self.runs += 1
        target.write_bytes(self.data)


def entries(store: Path) -> list[Path]:
    return sorted(store.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_hit_gives_the_same_bytes_and_makes_nothing(tmp_path: Path) -> None:
    maker = Maker()
    for name in ("a", "b"):
        made_once(tmp_path / name, "kind", lambda: ["x", b"y"], maker)
        assert (tmp_path / name).read_bytes() == b"made"
    assert maker.runs == 1
    (tmp_path / "b").write_bytes(b"edited by who has the copy")
    made_once(tmp_path / "c", "kind", lambda: ["x", b"y"], maker)
    assert (maker.runs, (tmp_path / "c").read_bytes()) == (1, b"made")


@pytest.mark.parametrize("other", [["x", "z"], ["xy", ""], ["", "xy"], ["x"], ["y", "x"]])
def test_whatever_differs_misses(other: list[str], tmp_path: Path) -> None:
    maker = Maker()
    made_once(tmp_path / "a", "kind", lambda: ["x", "y"], maker)
    made_once(tmp_path / "a", "kind", lambda: other, maker)
    assert maker.runs == 2


def test_another_kind_misses(tmp_path: Path) -> None:
    maker = Maker()
    for kind in ("kind", "sort"):
        made_once(tmp_path / "a", kind, lambda: ["x"], maker)
    assert maker.runs == 2


def _cut(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:2])


def _edit(entry: Path) -> None:
    entry.write_bytes(b"mxde")


def _empty(entry: Path) -> None:
    entry.write_bytes(b"")


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("spoil", [_cut, _edit, _empty])
def test_a_spoilt_entry_is_made_anew(spoil: Callable[[Path], None], link: bool, tmp_path: Path, store: Path) -> None:
    maker = Maker()
    made_once(tmp_path / "a", "kind", lambda: ["x"], maker)
    spoil(entries(store)[0])
    for name in ("b", "c"):
        made_once(tmp_path / name, "kind", lambda: ["x"], maker, link=link)
        assert (tmp_path / name).read_bytes() == b"made"
    assert maker.runs == 2
    assert len(entries(store)) == 1


def test_a_link_points_into_the_cache(tmp_path: Path, store: Path) -> None:
    maker = Maker()
    for _ in range(2):
        made_once(tmp_path / "a", "kind", lambda: ["x"], maker, link=True)
    assert (tmp_path / "a").readlink() == entries(store)[0]
    assert maker.runs == 1


def test_the_bound_holds_and_what_is_used_stays(tmp_path: Path, store: Path) -> None:
    store.mkdir(parents=True)
    kept = Cache(store, 1000)
    (tmp_path / "made").write_bytes(bytes(300))
    for number, name in enumerate("abc"):
        kept.keep(name, tmp_path / "made")
        age(next(store.glob(f"{name}-*")), 100 - number)
    assert kept.fetch("a", tmp_path / "out", link=False)
    kept.keep("d", tmp_path / "made")
    assert sorted(path.name[0] for path in entries(store)) == ["a", "c", "d"]
    assert kept.size_bytes() == 900
    (tmp_path / "made").write_bytes(bytes(1001))
    kept.keep("e", tmp_path / "made")
    assert sorted(path.name[0] for path in entries(store)) == ["a", "c", "d"]


def test_a_used_entry_may_be_removed_under_its_user(tmp_path: Path, store: Path) -> None:
    made_once(tmp_path / "a", "kind", lambda: ["x"], Maker())
    made_once(tmp_path / "b", "kind", lambda: ["x"], Maker())
    entries(store)[0].unlink()
    assert (tmp_path / "b").read_bytes() == b"made"


def test_what_a_dead_process_left_is_removed(tmp_path: Path, store: Path) -> None:
    store.mkdir(parents=True)
    for name, seconds in ((".new-old", 3600), (".new-young", 1)):
        (store / name).write_bytes(b"half")
        age(store / name, seconds)
    made_once(tmp_path / "a", "kind", lambda: ["x"], Maker())
    assert [path.name for path in entries(store) if path.name.startswith(".")] == [".new-young"]


@pytest.mark.parametrize("off", ["off", "0"])
def test_off(off: str, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, off)
    maker = Maker()

    def decides() -> list[str]:
        raise AssertionError("asked for a key without a cache")

    for _ in range(2):
        made_once(tmp_path / "a", "kind", decides, maker)
    assert maker.runs == 2
    assert not store.exists() or not entries(store)
    assert "none" in cache.described()


@pytest.mark.parametrize("size", ["much", "-1", "inf", "nan"])
def test_a_size_that_is_none(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, size)
    with pytest.raises(FpgaMlError, match=f"FPGA_ML_CACHE='{size}' is no size"):
        made_once(tmp_path / "a", "kind", lambda: ["x"], Maker())


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    maker = Maker()
    for _ in range(2):
        made_once(tmp_path / "a", "kind", lambda: ["x"], maker)
    assert (maker.runs, (tmp_path / "a").read_bytes()) == (2, b"made")


def test_a_full_disk(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"ma")
        raise OSError(28, "No space left on device")

    maker = Maker()
    monkeypatch.setattr(shutil, "copy", full)
    made_once(tmp_path / "a", "kind", lambda: ["x"], maker)
    assert (maker.runs, (tmp_path / "a").read_bytes()) == (1, b"made")
    assert entries(store) == []


def _slow(target: Path, said: str) -> None:
    """In a process of its own: makes a file, and takes its time."""

    def make(file: Path) -> None:
        Path(said).write_text("began")
        time.sleep(0.5)
        file.write_bytes(b"made")

    made_once(target, "kind", lambda: ["x"], make)


def _keep_slowly(target: Path, said: str) -> None:
    """In a process of its own: stops in the middle of adding to the cache."""
    target.write_bytes(b"made")

    def half(_source: Path, unfinished: Path) -> None:
        unfinished.write_bytes(b"ma")
        Path(said).write_text("began")
        time.sleep(60)

    shutil.copy = half  # type: ignore[assignment]
    made_once(target, "kind", lambda: ["x"], Maker())


def test_two_processes_at_once(tmp_path: Path, store: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    both = [spawn.Process(target=_slow, args=(tmp_path / name, str(tmp_path / f"{name}.said"))) for name in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert all((tmp_path / f"{name}.said").exists() for name in "ab")
    assert {(tmp_path / name).read_bytes() for name in "ab"} == {b"made"}
    assert len(entries(store)) == 1


@pytest.mark.parametrize("work", [_slow, _keep_slowly])
def test_kill_in_the_middle_and_again(work: Callable[[Path, str], None], tmp_path: Path, store: Path) -> None:
    said = tmp_path / "said"
    process = multiprocessing.get_context("fork").Process(target=work, args=(tmp_path / "a", str(said)))
    process.start()
    while not said.exists():
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    for left in store.iterdir():
        age(left, 3600)
    maker = Maker()
    for _ in range(2):
        made_once(tmp_path / "a", "kind", lambda: ["x"], maker)
    assert (maker.runs, (tmp_path / "a").read_bytes()) == (1, b"made")
    assert [path.name.startswith("kind-") for path in entries(store)] == [True]


class Project:
    """A few lines of C++ in the shape of hls4ml's projects, and a compiler that writes down its arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "project", folder / "log"
        utils, types = self.folder / "firmware" / "nnet_utils", self.folder / "firmware" / "ap_types"
        utils.mkdir(parents=True)
        types.mkdir()
        for header in ("nnet_types", "nnet_helpers", "nnet_common"):
            (utils / f"{header}.h").write_text("#pragma once\n")
        for header in ("ap_fixed", "ap_int", "hls_stream"):
            (types / f"{header}.h").write_text("#pragma once\n")
        (utils / "nnet_types.h").write_text("#pragma once\ninline int two() { return 2; }\n")
        self.edit("firmware/net.h", "#pragma once\nint net(int x);\n")
        self.edit(
            "firmware/net.cpp",
            '#include "net.h"\n#include "nnet_utils/nnet_types.h"\nint net(int x) { return two() * x; }\n',
        )
        self.edit("net_bridge.cpp", '#include "firmware/net.h"\nextern "C" int call(int x) { return net(x); }\n')
        script = folder / "cxx"
        script.write_text(f'#!/bin/sh\necho "$@" >> {self.log}\nexec g++ "$@"\n')
        script.chmod(0o755)
        self.compiler = str(script)

    def edit(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text)

    def compilations(self) -> int:
        """How often something was compiled since this was asked last."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.write_text("")
        return sum(" -shared " in f" {line} " or " c++-header " in line for line in lines)

    def build(self, library: Path, backend: str = "Vitis") -> bytes:
        gxx.build_library(self.folder, "net", backend, library)
        return library.read_bytes()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    project = Project(tmp_path)
    monkeypatch.setenv("CXX", project.compiler)
    yield project
    find.compiler_version.cache_clear()


def test_a_library_is_compiled_once(small: Project, tmp_path: Path) -> None:
    first = small.build(tmp_path / "a.so")
    assert small.compilations() == 2  # both files as one, and the headers
    assert small.build(tmp_path / "b.so") == first
    assert small.compilations() == 0
    moved = tmp_path / "elsewhere"
    small.folder.rename(moved)
    small.folder = moved
    small.edit("firmware/net.h", "#pragma once\n// a comment decides nothing\nint net(int x);\n")
    assert small.build(tmp_path / "c.so") == first
    assert small.compilations() == 0


@pytest.mark.parametrize(
    ("file", "text", "compiled"),
    [
        ("net_bridge.cpp", '#include "firmware/net.h"\nextern "C" int call(int x) { return net(x) + 1; }\n', 1),
        ("firmware/net.h", "#pragma once\nint net(int x);\n#define NET 1\nextern int more;\n", 1),
        ("firmware/nnet_utils/nnet_types.h", "#pragma once\ninline int two() { return 3; }\n", 2),
        ("firmware/ap_types/ap_int.h", "#pragma once\ninline int one() { return 1; }\n", 2),
    ],
)
def test_a_changed_source_or_header_is_compiled(small: Project, file: str, text: str, compiled: int, tmp_path: Path) -> None:
    small.build(tmp_path / "a.so")
    small.compilations()
    small.edit(file, text)
    small.build(tmp_path / "b.so")
    assert small.compilations() == compiled


def test_a_changed_flag_or_compiler_is_compiled(small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.build(tmp_path / "a.so")
    small.compilations()
    monkeypatch.setattr(gxx, "_FLAGS", (*gxx._FLAGS, "-DNOTHING"))
    small.build(tmp_path / "b.so")
    assert small.compilations() == 2
    script = Path(small.compiler)
    script.write_text(script.read_text().replace("exec", '[ "$1" != --version ] || echo newer\nexec'))
    find.compiler_version.cache_clear()
    small.build(tmp_path / "c.so")
    assert small.compilations() == 2


def test_headers_are_read_as_text_where_the_compiled_ones_are_gone(
    small: Project, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = small.build(tmp_path / "a.so")
    real = gxx.made_once

    def lost(target: Path, kind: str, *arguments: object, **named: object) -> None:
        real(target, kind, *arguments, **named)  # type: ignore[arg-type]
        if kind == "headers":
            for entry in store.glob("headers-*"):
                entry.unlink()
            assert target.is_symlink()
            assert not target.exists()

    monkeypatch.setattr(gxx, "made_once", lost)
    for entry in store.glob("csim-*"):
        entry.unlink()
    assert small.build(tmp_path / "b.so") == first


def test_without_a_cache_no_headers_are_compiled(small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = small.build(tmp_path / "a.so")
    small.compilations()
    monkeypatch.setenv(cache.VARIABLE, "off")
    assert small.build(tmp_path / "b.so") == first
    assert small.compilations() == 1


def test_an_error_is_told_as_without_a_cache(small: Project, tmp_path: Path) -> None:
    small.edit("firmware/net.cpp", "int net(int x) { return y; }\n")
    with pytest.raises(FpgaMlError, match="compiling the C-simulation of 'net'"):
        small.build(tmp_path / "a.so")
    small.edit("firmware/net.cpp", '#include "gone.h"\n')
    with pytest.raises(FpgaMlError, match=r"gone\.h"):
        small.build(tmp_path / "a.so")


def test_the_simulations_are_the_same_out_of_the_cache(
    tmp_path: Path, shared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small network without a cache, then with an empty one, then with a full one, in which nothing is compiled."""
    import keras

    import fpga_ml
    from fpga_ml.config import Config
    from fpga_ml.toolchain import verilator

    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu")])
    x = np.random.default_rng(0).normal(size=(20, 3))
    built = []
    for turn, (setting, until) in enumerate((("off", "csim"), ("1", "cosim"), ("1", "cosim"))):
        monkeypatch.setenv(cache.VARIABLE, setting)
        if turn == 2:
            monkeypatch.setattr(gxx, "_link", None)
            monkeypatch.setattr(verilator, "_compile", None)
        config = Config(simulators=("verilator",), cosim_vectors=3, until=until)
        built.append(fpga_ml.compile(model, data=x, config=config, output=tmp_path / str(turn)))
        assert built[-1].agrees
    for other in built[1:]:
        assert_equal(other.outputs["csim"][0], built[0].outputs["csim"][0])
    libraries = [(project.folder / "sim" / "libmyproject.so").read_bytes() for project in built]
    assert libraries[0] == libraries[1] == libraries[2]
    programs = [(project.folder / "sim" / "verilator" / "build" / "design").read_bytes() for project in built[1:]]
    assert programs[0] == programs[1]


def test_wrong_rtl_never_gets_the_program_of_right_rtl(tmp_path: Path, shared: None) -> None:
    """Also where the difference is in a file that is included."""
    rows = [[1, 2, 3, 4], [5, 6, 7, 8], [-9, 8, -7, 6]]
    vectors = Vectors(
        (Tensor.of("input_1", rows, width_bits=6, signed=True),),
        (Tensor.of("layer2_out", [[a + b, 3 * c - d] for a, b, c, d in rows], width_bits=7, signed=True),),
    )
    text = (RTL / "tiny.sv").read_text()
    assert text.count("triple1 <= 3") == 1
    passed = []
    for turn, factor in enumerate(("3", "5", "3")):
        folder = tmp_path / str(turn)
        folder.mkdir()
        (folder / "factor.svh").write_text(f"`define FACTOR {factor}\n")
        (folder / "tiny.sv").write_text('`include "factor.svh"\n' + text.replace("triple1 <= 3", "triple1 <= `FACTOR"))
        result = cosim([folder / "tiny.sv"], "tiny", vectors, folder, "verilator", ["back_to_back"])
        passed.append(result.passed)
    assert passed == [True, False, True]
