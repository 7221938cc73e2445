"""The estimate of RTL's size against what is built, and what becomes of networks beyond it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers as L
from zoo import quick

import fpga_ml
from fpga_ml.cli import main
from fpga_ml.config import Arch, Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.lowering import size
from fpga_ml.lowering.size import size_of
from fpga_ml.rtl.architecture import ParallelArchitecture
from fpga_ml.simulate.compare import check_csim
from fpga_ml.simulate.prove import Bench


def net(*layers: Any, shape: tuple[int, ...]) -> Any:
    return keras.Sequential([keras.Input(shape, name="x"), *layers], name="net")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Before layers are made, which draw their seeds then."""
    keras.utils.set_random_seed(1)


MODELS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "dense": (lambda: net(L.Dense(24, activation="relu"), L.Dense(8), shape=(16,)), {}),
    "shared": (lambda: net(L.Dense(24, activation="relu"), L.Dense(8), shape=(16,)), {"interval_cycles": 8}),
    "image": (lambda: net(L.Conv2D(3, 3, activation="relu"), L.Flatten(), L.Dense(3), shape=(6, 6, 2)), {}),
    "stream": (lambda: net(L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(3), shape=(6, 6, 2)), {"arch": "stream"}),
    "recurrent": (lambda: net(L.GRU(6), L.Dense(3), shape=(5, 4)), {"arch": "stream"}),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_estimate_is_within_three(name: str, tmp_path: Path) -> None:
    make, settings = MODELS[name]
    model = make()
    x = np.random.default_rng(0).normal(size=(50, *model.input_shape[1:]))
    project = fpga_ml.compile(model, data=x, config=quick(bits=8, until="rtl", **settings), output=tmp_path / "p")
    assert project.bench is not None
    arch = Arch(settings.get("arch", "parallel"))
    found = size_of(project.bench.graph, arch, settings.get("interval_cycles"), simulated=False)
    assert 1 / 3 < found.luts / project.bench.rtl.area.luts < 3


@pytest.mark.parametrize("name", ["dense", "image"])
def test_a_bit_more_or_less_is_estimated_as_it_is_built(name: str, tmp_path: Path) -> None:
    make, _ = MODELS[name]
    model = make()
    x = np.random.default_rng(0).normal(size=(50, *model.input_shape[1:]))
    built = {
        bits: fpga_ml.compile(model, data=x, config=quick(bits=bits, until="rtl"), output=tmp_path / str(bits)).report["rtl"]
        for bits in (7, 8, 9)
    }
    luts = {bits: rtl["area"]["luts"] for bits, rtl in built.items() if rtl}
    said = {row["more_bits"]: row["luts"] for row in built[8]["what_if"]}  # type: ignore[index]
    assert said[0] == luts[8]
    assert {more: n / luts[8] for more, n in said.items()} == pytest.approx(
        {more: luts[8 + more] / luts[8] for more in (-1, 0, 1)}, abs=0.06
    )


def test_products_are_counted_and_folded(tmp_path: Path) -> None:
    """24 of 16 inputs each, 8 of 24, less what is zero. In 8 cycles: the 12 inputs that have weights by twos, in
    6 rounds, and 24 inputs by threes, in 8."""
    make, _ = MODELS["dense"]
    model = make()
    kernel = np.asarray(model.layers[0].kernel).copy()
    kernel[:4] = 0.0
    model.layers[0].kernel.assign(kernel)
    x = np.random.default_rng(0).normal(size=(50, 16))
    reports = [
        fpga_ml.compile(
            model, data=x, config=quick(bits=12, until="rtl", interval_cycles=n), output=tmp_path / str(n)
        ).report
        for n in (1, 8)
    ]
    one, eight = (report["layers"] for report in reports)
    steps = [row["step"] for row in reports[0]["quantisation"] if row["kind"] == "weight"]
    products = [row["products"] for row in one if "products" in row]
    kernels = [np.asarray(layer.kernel, np.float64) for layer in model.layers]
    exact = [np.count_nonzero(np.round(k / step)) for k, step in zip(kernels, steps, strict=True)]
    assert products == exact == [row["products"] for row in eight if "products" in row]
    assert [row["at_once"] for row in one if "products" in row] == products
    folded = [row for row in eight if "products" in row]
    assert [(row["rounds"], row["weights"]) for row in folded] == [(6, "in a memory"), (8, "in a memory")]
    assert [row["at_once"] for row in folded] == [-(-n // r) for n, r in zip(products, (6, 8), strict=True)]


def test_too_large_is_an_error_unless_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the error says to set is enough."""
    monkeypatch.setattr(size, "MOST_LUTS", 2000)
    make, _ = MODELS["dense"]
    build = {"data": np.random.default_rng(0).normal(size=(20, 16)), "output": tmp_path / "p"}
    with pytest.raises(FpgaMlError, match=r"the RTL would take about [\d,]+ LUTs, 1 minutes") as caught:
        fpga_ml.compile(make(), config=quick(bits=8, until="rtl"), **build)
    assert not (tmp_path / "p").exists()
    advice = str(caught.value.do)
    interval = int(advice.split("--interval-cycles ")[1].split(";")[0])
    for settings in ({"interval_cycles": interval}, {"force": True}):
        project = fpga_ml.compile(make(), config=quick(bits=8, until="rtl", **settings), **build)
        assert project.report["stages"]["rtl"] == "ran"


def interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("before", [False, True])
def test_what_had_finished_is_kept_where_there_was_nothing(
    before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-simulation has ended where the co-simulation begins."""
    make, _ = MODELS["dense"]
    build = {"data": np.random.default_rng(0).normal(size=(20, 16)), "output": tmp_path / "p"}
    if before:
        fpga_ml.compile(make(), config=quick(until="convert"), **build)
    old = (tmp_path / "p" / "report.json").read_text() if before else ""
    monkeypatch.setattr(Bench, "simulate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fpga_ml.compile(make(), config=quick(until="cosim", simulators=("icarus",)), **build)
    assert [p.name for p in tmp_path.iterdir()] == ["p"]
    if before:
        assert (tmp_path / "p" / "report.json").read_text() == old
        return
    report = fpga_ml.report.document.read(tmp_path / "p")  # type: ignore[attr-defined]
    assert (report["stages"]["csim"], report["stages"]["rtl"]) == ("ran", "interrupted")
    assert not (tmp_path / "p" / "rtl").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt("early"), FpgaMlError("no RTL of this")])
def test_a_lowering_that_ends_before_c_simulation(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption ends C-simulation at once, and nothing is left; an error waits for it, and keeps it."""

    def late(*args: Any, **settings: Any) -> Any:
        time.sleep(2)  # the error comes first
        return check_csim(*args, **settings)

    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(fpga_ml.pipeline, "check_csim", late)  # type: ignore[attr-defined]
    monkeypatch.setattr(ParallelArchitecture, "emit", fails)
    build = {"data": np.random.default_rng(0).normal(size=(20, 16)), "output": tmp_path / "p"}
    with pytest.raises(type(error)):
        fpga_ml.compile(MODELS["dense"][0](), config=quick(until="rtl"), **build)
    kept = isinstance(error, FpgaMlError)
    assert [p.name for p in tmp_path.iterdir()] == ["p"] * kept
    if kept:
        report = fpga_ml.report.document.read(tmp_path / "p")  # type: ignore[attr-defined]
        assert (report["stages"]["csim"], report["stages"]["rtl"]) == ("ran", "no RTL of this")


def test_a_stage_that_was_asked_for_has_to_run(tmp_path: Path) -> None:
    MODELS["dense"][0]().save(tmp_path / "m.keras")
    words = [str(tmp_path / "m.keras"), "--backend", "oneAPI", "-o", str(tmp_path / "p"), "--vectors", "5"]
    asked = CliRunner().invoke(main, ["rtl", *words])
    assert asked.exit_code == 1
    assert (
        "stage 'csim' was asked for and did not run: a oneAPI project compiles only with its vendor's compiler"
        in asked.output
    )
    assert CliRunner().invoke(main, ["compile", *words]).exit_code == 0
    assert (tmp_path / "p" / "report.json").exists()


def test_zeros_around_an_image_are_no_pixels(tmp_path: Path) -> None:
    """An image of 36 pixels passes in 36 cycles, however many zeros the convolution puts around it; zeros that make its
    result larger than the image are pixels."""
    padded = net(L.ZeroPadding2D(2), L.Conv2D(2, 3), L.Flatten(), L.Dense(2), shape=(6, 6, 1))
    x = np.random.default_rng(0).normal(size=(10, 6, 6, 1))
    config = Config(until="rtl", arch="stream", vectors=10)
    with pytest.raises(FpgaMlError, match="a frame of 100 pixels cannot pass in 36 cycles"):
        fpga_ml.compile(padded, data=x, config=config.replace(interval_cycles=36), output=tmp_path / "p")
    same = net(L.Conv2D(2, 3, padding="same"), L.Flatten(), L.Dense(2), shape=(6, 6, 1))
    project = fpga_ml.compile(same, data=x, config=config.replace(interval_cycles=36), output=tmp_path / "p")
    assert project.report["stages"]["rtl"] == "ran"
