"""The generators: a few events of each set, and shards that are resumed, checked and merged."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.jets import generate as made
from fpga_ml.science.jets.constituents import Constituents
from fpga_ml.science.jets.events import Window, cluster, within_reach
from fpga_ml.science.jets.generate import Order, Shard, digest, generate
from fpga_ml.science.jets.sets import FIVE_CLASS, QUARK_GLUON, SETS, W_QCD, Arrays, leading

with_pythia = pytest.mark.skipif(
    any(importlib.util.find_spec(m) is None for m in ("pythia8mc", "fastjet")), reason="pip install 'fpga_ml[jets]'"
)


@with_pythia
def test_quark_and_gluon_jets() -> None:
    """Charged and neutral fractions sum to 1, jets lie in the bin, gluon jets are the fuller ones, runs repeat."""
    found = {kind: QUARK_GLUON.make(kind, 200, 150, 11) for kind in "qg"}
    for arrays in found.values():
        assert set(arrays) == set(QUARK_GLUON.arrays)
        np.testing.assert_allclose(arrays["pt"].astype(np.float64).sum((1, 2, 3)), 1.0, atol=5e-3)  # float16
        assert ((arrays["meta"][:, 0] >= 200) & (arrays["meta"][:, 0] <= 220)).all()
        assert (arrays["nch"].sum((1, 2)) <= arrays["meta"][:, 4]).all()
    assert found["g"]["meta"][:, 3].mean() > found["q"]["meta"][:, 3].mean() + 3
    assert digest(QUARK_GLUON.make("q", 200, 150, 11)) == digest(found["q"])


@with_pythia
def test_w_jets_with_and_without_pile_up() -> None:
    arrays = W_QCD.make("w", 250, 40, 12)
    mass, z = arrays["feat"][:, 2], arrays["z"]
    assert 70 < np.median(mass[z == 0]) < 85
    assert np.median(mass[z == 1]) > np.median(mass[z == 0]) + 3
    clean = z == 0
    assert_equal(arrays["truth"][clean], arrays["feat"][clean][:, [0, 2]])
    assert set(arrays["event"][z == 1]) & set(arrays["event"][clean])


@with_pythia
def test_top_jets_are_heavier_than_gluon_jets() -> None:
    found = {kind: FIVE_CLASS.make(kind, 1000, 30, 13) for kind in "tg"}
    top = found["t"]
    assert top["x"].shape[1:] == (16,)
    assert np.isfinite(top["x"]).all()
    assert np.median(top["x"][:, 14]) > np.median(found["g"]["x"][:, 14]) + 30
    fractions = top["constituents"][..., 0]
    assert (np.diff(fractions, axis=1) <= 0).all()
    assert ((fractions.sum(1) > 0.4) & (fractions.sum(1) < 1.1)).all()


@with_pythia
@pytest.mark.parametrize(
    ("pt", "eta", "expected"),
    [
        (205.0, 0.0, True),
        (181.0, 0.0, True),
        (179.0, 0.0, False),
        (252.0, 0.0, True),
        (254.0, 0.0, False),
        (205.0, 2.9, False),
    ],
)
def test_partons_within_reach_of_a_window(pt: float, eta: float, expected: bool) -> None:
    """200 to 220 GeV: 180 to 253 GeV, of the two hardest; here two partons far too hard or soft stand beside."""

    def parton(pt: float, eta: float, phi: float) -> list[float]:
        return [pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)]

    beside = [parton(400.0, 0.5, 3.0), parton(30.0, -1.0, 1.5)]
    jet = [parton(0.6 * pt, eta, 0.0), parton(0.4 * pt, eta, 0.1)]  # one jet of two
    assert within_reach(np.array([*jet, *beside]), Window(0.4, 200.0, 220.0)) is expected
    third = parton(900.0, 1.5, 4.5)
    assert within_reach(np.array([*jet, *beside, third]), Window(0.4, 200.0, 220.0)) is False


@pytest.mark.slow
@with_pythia
def test_hardly_a_jet_is_given_up() -> None:
    """Of events that are all simulated to their end: what would have been given up on the way holds hardly a jet."""
    library, window, reached = importlib.import_module("pythia8mc"), Window(0.4, 100.0, 110.0), []

    class Looking(library.UserHooks):  # type: ignore[misc,name-defined]
        def canVetoPT(self) -> bool:
            return True

        def scaleVetoPT(self) -> float:
            return window.low / 20

        def doVetoPT(self, _where: int, event: Any) -> bool:
            final = [q for q in (event[i] for i in range(event.size())) if q.isFinal()]
            reached.append(within_reach(np.array([(q.px(), q.py(), q.pz(), q.e()) for q in final]), window))
            return False

    pythia, hook = library.Pythia("", False), Looking()
    fixed = ("Print:quiet=on", "Beams:eCM=13000", "Random:setSeed=on", "Random:seed=7")
    for line in (*fixed, *QUARK_GLUON.classes["q"], "PhaseSpace:pTHatMin=87.5", "PhaseSpace:pTHatMax=137.5"):
        assert pythia.readString(line)
    pythia.setUserHooksPtr(hook)
    assert pythia.init()
    jets = []
    for _ in range(600):
        assert pythia.next()
        seen = [q for q in (pythia.event[i] for i in range(pythia.event.size())) if q.isFinal() and q.isVisible()]
        p = np.array([(q.px(), q.py(), q.pz(), q.e()) for q in seen if abs(q.eta()) < 2.5])
        pts = [np.hypot(*p[rows, :2].sum(0)) for rows in cluster(p, "antikt", 0.4, 50.0)[:2]]
        jets.append(sum(100 <= pt <= 110 for pt in pts))
    kept = np.array(reached)
    assert 0.5 < kept.mean() < 0.8
    assert np.array(jets)[~kept].sum() < 0.03 * sum(jets)


@pytest.mark.slow
@with_pythia
def test_quark_and_gluon_jets_have_the_known_means() -> None:
    """JETS.md section 4, on a few hundred jets: multiplicity 24.5 and 37.4, mass 19.1 and 26.4 GeV."""
    for kind, particles, mass in (("q", 24.5, 19.1), ("g", 37.4, 26.4)):
        arrays = QUARK_GLUON.make(kind, 200, 2000, 14)
        meta = arrays["meta"]
        error = meta.std(0) / np.sqrt(len(meta))
        assert abs(meta[:, 3].mean() - particles) < 5 * error[3]
        assert abs(meta[:, 2].mean() - mass) < 5 * error[2]
        assert arrays["pt"][..., 0].astype(float).sum((1, 2)).mean() == pytest.approx(0.62, abs=0.03)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Dask's own
@with_pythia
def test_a_cluster_makes_the_same_jets_as_processes(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    order = Order("quark_gluon", 200, 40, 20)
    alone = generate(order, tmp_path / "processes", jobs=1)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        shared = generate(order, tmp_path / "cluster", dask=cluster.scheduler_address)
    assert (alone / "manifest.json").read_text() == (shared / "manifest.json").read_text()


def test_leading_constituents_are_ordered_and_padded() -> None:
    jet = Constituents(np.array([1.0, 5.0, 3.0]), np.array([0.1, 0.2, 0.3]), np.zeros(3), np.array([True, False, True]))
    found = leading(jet, 10.0, 4)
    np.testing.assert_allclose(found, [[0.5, 0.2, 0, 0], [0.3, 0.3, 0, 1], [0.1, 0.1, 0, 1], [0, 0, 0, 0]], rtol=1e-6)
    assert_equal(leading(jet, 10.0, 2), found[:2])


# What does not need Pythia: shards of numbers


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Shards are made of random numbers, in threads; the list tells which were made."""
    done: list[str] = []

    def make(shard: Shard) -> Arrays:
        done.append(shard.name)
        x = np.random.default_rng(shard.seed).normal(size=(shard.events, 3)).astype(np.float32)
        return {"x": x, "event": np.arange(shard.events) + shard.index * 1_000_000}

    @contextmanager
    def threads(jobs: int, dask: str | None):
        with ThreadPoolExecutor(jobs) as pool:
            yield pool

    monkeypatch.setattr(Shard, "make", make)
    monkeypatch.setattr(made, "_executor", threads)
    return done


def test_shards_are_merged_in_order_and_entered(numbers: list[str], tmp_path: Path) -> None:
    ticks: list[int] = []

    def started(total: int) -> Callable[[int], None]:
        ticks.append(-total)
        return ticks.append

    folder = generate(Order("quark_gluon", 200, 25, 10, seed=3), tmp_path, jobs=2, started=started)
    assert sorted(numbers) == [f"{k}_{i:04d}" for k in "gq" for i in range(3)]
    assert ticks[:2] == [-6, 0]
    assert sum(ticks[1:]) == 6
    with np.load(folder / "quark_gluon_q.npz") as z:
        assert_equal(z["event"], [*range(10), *range(1_000_000, 1_000_010), *range(2_000_000, 2_000_005)])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["order"] == {"name": "quark_gluon", "pt_gev": 200, "shard_events": 10, "seed": 3}
    entry = manifest["shards"]["q_0002"]
    assert (entry["events"], entry["jets"], len(entry["sha256"])) == (5, 5, 64)
    card = (folder / "card.md").read_text()
    assert "scripts/generate_jets.py quark_gluon --pt 200 --events 25" in card
    assert all(f"| {name} |" in card for name in QUARK_GLUON.arrays)


def test_a_run_goes_on_where_it_stopped(numbers: list[str], tmp_path: Path) -> None:
    first = generate(Order("quark_gluon", 200, 20, 10), tmp_path)
    before = digest(made._read(first / "quark_gluon_g.npz"))
    numbers.clear()
    generate(Order("quark_gluon", 200, 20, 10), tmp_path)
    assert numbers == []
    (first / "shards" / "g_0001.npz").write_bytes(b"torn")
    np.savez(first / "shards" / "q_0000.npz", x=np.zeros(3), event=np.zeros(3))
    generate(Order("quark_gluon", 200, 20, 10), tmp_path)
    assert sorted(numbers) == ["g_0001", "q_0000"]
    assert digest(made._read(first / "quark_gluon_g.npz")) == before
    numbers.clear()
    generate(Order("quark_gluon", 200, 30, 10), tmp_path)
    assert sorted(numbers) == ["g_0002", "q_0002"]


def test_another_order_does_not_mix_in(numbers: list[str], tmp_path: Path) -> None:
    generate(Order("quark_gluon", 200, 10, 10), tmp_path)
    with pytest.raises(FpgaMlError, match="the folder holds shards made with seed = 1, now it is 2"):
        generate(Order("quark_gluon", 200, 10, 10, seed=2), tmp_path)


def test_seeds_differ_and_repeat() -> None:
    seeds = [s.seed for name in SETS for s in Order(name, SETS[name].pt_bins_gev[0], 5000, 100).shards()]
    assert len(set(seeds)) == len(seeds)
    assert all(1 <= s < 900_000_000 for s in seeds)
    assert Shard("w_qcd", "w", 3, 250, 10, 1).seed == Shard("w_qcd", "w", 3, 250, 99, 1).seed


def test_digest_is_of_the_numbers() -> None:
    a = {"x": np.arange(4.0), "y": np.zeros(2, np.uint8)}
    assert digest(a) == digest(dict(reversed(a.items())))
    assert digest(a) != digest({**a, "x": np.arange(4.0).astype(np.float32)})
    assert digest(a) != digest({**a, "x": np.arange(4.0).reshape(2, 2)})


def test_orders_that_cannot_be() -> None:
    with pytest.raises(FpgaMlError, match="unknown data set 'five_clas'"):
        Order("five_clas", 1000, 10)
    with pytest.raises(FpgaMlError, match="has no bin at 300 GeV"):
        Order("quark_gluon", 300, 10)
    with pytest.raises(FpgaMlError, match="0 events"):
        Order("quark_gluon", 200, 0)


def test_executor_is_processes_or_a_cluster() -> None:
    with made._executor(1, None) as pool:
        assert isinstance(pool, Executor)
    if importlib.util.find_spec("distributed") is None:
        with pytest.raises(FpgaMlError, match="distributed is not installed"), made._executor(1, "tcp://localhost:1"):
            pass
