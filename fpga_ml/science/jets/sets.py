"""The data sets: which processes, which jets, which arrays; one shard of one class at a time.

A shard is a pure function of (set, class, pT, number of events, seed): the same call gives the same arrays.
Labels are those of the hard process; there is no detector simulation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.science.jets.constituents import Array, Constituents, mass, polar
from fpga_ml.science.jets.events import Particles, Window, batches, cluster, clustered, events, mass_drop, trimmed, two_axes
from fpga_ml.science.jets.images import pixelate
from fpga_ml.science.jets.observables import c2_d2, five_class, girth, ptd, tau21

Arrays = dict[str, npt.NDArray[Any]]
LEADING = 20
PILE_UP = 50.0
_POOL = 1500
_HADRONIC_W = ("24:onMode=off", "24:onIfAny=1 2 3 4 5")
_HADRONIC_Z = ("WeakZ0:gmZmode=2", "23:onMode=off", "23:onIfAny=1 2 3 4 5")
_GLUON = ("HardQCD:gg2gg=on", "HardQCD:qqbar2gg=on")
_QUARK = ("HardQCD:qq2qq=on", "HardQCD:gg2qqbar=on", "HardQCD:qqbar2qqbarNew=on", "HardQCD:nQuarkNew=3")
_WW = ("WeakDoubleBoson:ffbar2WW=on", *_HADRONIC_W)
_ZZ = ("WeakDoubleBoson:ffbar2gmZgmZ=on", *_HADRONIC_Z)
_TOP = ("Top:gg2ttbar=on", "Top:qqbar2ttbar=on", *_HADRONIC_W)


@dataclass(frozen=True)
class JetSet:
    """A data set. classes: {class: Pythia's settings}, in label order; pt_bins_gev: lowest jet pT of each bin that the
    set knows; arrays: {array: shape without N, unit, meaning}; make: one shard's arrays from (class, pT in GeV, number
    of events, seed)."""

    name: str
    title: str
    classes: Mapping[str, tuple[str, ...]]
    pt_bins_gev: tuple[int, ...]
    arrays: Mapping[str, str]
    make: Callable[[str, int, int, int], Arrays]


def _hard_pt(low: float, high: float) -> tuple[str, str]:
    return f"PhaseSpace:pTHatMin={low:g}", f"PhaseSpace:pTHatMax={high:g}"


def _jet(particles: Particles, rows: npt.NDArray[np.intp]) -> tuple[Array, Array, Constituents]:
    """(momenta (n, 4), axis = pT, eta, phi, constituents seen from the axis)."""
    p = particles.p[rows]
    pt, eta, phi = (float(a[0]) for a in polar(p.sum(0, keepdims=True)))
    return p, np.array([pt, eta, phi]), Constituents.of(p, particles.charge[rows]).around(eta, phi)


# Quark and gluon jets: anti-kt R = 0.4, one bin of pT, images of 0.8 x 0.8


def _quark_gluon(kind: str, pt_gev: int, count: int, seed: int) -> Arrays:
    window = Window(0.4, pt_gev, 1.1 * pt_gev)
    settings = (*QUARK_GLUON.classes[kind], *_hard_pt(0.875 * window.low, 1.25 * window.high))
    every = clustered(events(settings, seed, count, wanted=window), "antikt", window.radius, window.low / 2)
    rows = [
        (number, *found)
        for number, (particles, jets) in enumerate(every)
        for found in _quark_gluon_jets(particles, jets[:2], window)
    ]
    return _stacked(QUARK_GLUON, rows)


def _quark_gluon_jets(particles: Particles, jets: list[npt.NDArray[np.intp]], window: Window) -> Iterator[tuple[Any, ...]]:
    for chosen in jets:
        p, (pt, eta, _), seen = _jet(particles, chosen)
        if window.low <= pt <= window.high:
            jet = seen.centred()
            fractions, counts = pixelate(jet, 0.4)
            meta = (pt, eta, mass(p), len(p), int(jet.charged.sum()), girth(jet), ptd(jet))
            yield fractions.astype(np.float16), counts, np.array(meta, np.float32)


# Boosted W and QCD jets with pile-up as nuisance: anti-kt R = 1.0, trimmed


def _w_qcd(kind: str, pt_gev: int, count: int, seed: int) -> Arrays:
    window = Window(1.0, pt_gev, 1.4 * pt_gev, eta=1.5)
    settings = (*W_QCD.classes[kind], *_hard_pt(0.95 * window.low, 1.12 * window.high))
    pool = list(events(("SoftQCD:nonDiffractive=on",), seed + 1, min(_POOL, 10 * count + 50), 0.1))
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    alone, beneath = itertools.tee(events(settings, seed, count, 0.1, window))
    piled_up = (_with_pile_up(particles, pool, rng) for particles in beneath)
    both = zip(_trimmed_jets(alone), _trimmed_jets(piled_up), strict=True)
    for number, (clean, piled) in enumerate(both):
        rows += [(number, *_w_features(j), 0, np.array([*j[1][[0]], mass(j[0])], np.float32)) for j in _in(clean, window)]
        rows += [(number, *_w_features(j), 1, _truth(j, clean)) for j in _in(piled, window)]
    return _stacked(W_QCD, rows)


_Jet = tuple[Array, Array, Constituents]


def _with_pile_up(hard: Particles, pool: list[Particles], rng: np.random.Generator) -> Particles:
    """Poisson(50) minimum-bias events from the pool, each turned about the beam, laid over a hard one."""
    picked = rng.integers(0, len(pool), rng.poisson(PILE_UP))
    return Particles.together([hard, *(pool[i].rotated(rng.uniform(0, 2 * np.pi)) for i in picked)])


def _trimmed_jets(every: Iterable[Particles]) -> Iterator[list[_Jet]]:
    """Of each event the two hardest jets, trimmed, as far as three particles are left."""
    for batch in batches(clustered(every, "antikt", 1.0, 180.0)):
        candidates = [[event.take(rows) for rows in jets[:2]] for event, jets in batch]
        kept = trimmed(itertools.chain.from_iterable(candidates))
        for of_event in candidates:
            left = [(jet, next(kept)) for jet in of_event]
            yield [_jet(jet, rows) for jet, rows in left if len(rows) >= 3]


def _in(jets: list[_Jet], window: Window) -> list[_Jet]:
    return [j for j in jets if window.low <= j[1][0] <= window.high and abs(j[1][1]) < window.eta]


def _truth(jet: _Jet, clean: list[_Jet]) -> npt.NDArray[np.float32]:
    """pT and mass of the nearest jet without pile-up, within 0.4; -1, -1 where there is none."""
    for other in sorted(clean, key=lambda c: _apart(jet, c)):
        if _apart(jet, other) < 0.4:
            return np.array([other[1][0], mass(other[0])], np.float32)
        break
    return np.array([-1.0, -1.0], np.float32)


def _apart(a: _Jet, b: _Jet) -> float:
    (_, eta, phi), (_, other_eta, other_phi) = a[1], b[1]
    return float(np.hypot(eta - other_eta, (phi - other_phi + np.pi) % (2 * np.pi) - np.pi))


def _w_features(jet: _Jet) -> tuple[Any, ...]:
    """(features (9,), image, counts): the image centred on the leading subjet, the second one turned to -phi."""
    p, (pt, eta, phi), seen = jet
    axes = two_axes(p) - [eta, phi]
    axes[:, 1] = (axes[:, 1] + np.pi) % (2 * np.pi) - np.pi
    (c2_1, d2_1), (c2_2, d2_2) = c2_d2(seen, 1.0), c2_d2(seen, 2.0)
    features = (pt, eta, mass(p), tau21(seen, axes), c2_1, c2_2, d2_1, d2_2, len(p))
    arm = axes[1] - axes[0]
    turned = seen.around(*axes[0]).rotated(float(np.arctan2(arm[1], arm[0])) + np.pi / 2)
    side = 1.0 if float(turned.z @ turned.eta) >= 0 else -1.0
    framed = Constituents(turned.pt, side * turned.eta, turned.phi + 0.4, turned.charged)
    fractions, counts = pixelate(framed, 1.0)
    return np.array(features, np.float32), fractions.astype(np.float16), counts


# Jets of five classes at 1 TeV: anti-kt R = 0.8, 16 features and the leading constituents


def _five_class(kind: str, pt_gev: int, count: int, seed: int) -> Arrays:
    low, high = 0.95 * pt_gev, 1.1 * pt_gev
    settings = (*FIVE_CLASS.classes[kind], *_hard_pt(0.94 * pt_gev, 1.25 * pt_gev))
    rows = [
        (number, *found)
        for number, particles in enumerate(events(settings, seed, count))
        for found in _five_class_jets(particles, low, high)
    ]
    return _stacked(FIVE_CLASS, rows)


def _five_class_jets(particles: Particles, low: float, high: float) -> Iterator[tuple[Any, ...]]:
    for chosen in cluster(particles.p, "antikt", 0.8, low):
        p, axis, seen = _jet(particles, chosen)
        kept = mass_drop(p)
        if low <= axis[0] < high and len(kept) >= 3:
            groomed = Constituents(seen.pt[kept], seen.eta[kept], seen.phi[kept], seen.charged[kept])
            features = five_class(groomed, mass(p[kept]), len(p)).astype(np.float32)
            yield features, leading(seen, float(axis[0])), axis.astype(np.float32)


def leading(jet: Constituents, jet_pt: float, number: int = LEADING) -> npt.NDArray[np.float32]:
    """(number, 4): pT fraction of the jet, d eta, d phi, charged (0 or 1), hardest first, zeros where there are fewer."""
    order = np.argsort(-jet.pt, kind="stable")[:number]
    out = np.zeros((number, 4), np.float32)
    columns = (jet.pt / jet_pt, jet.eta, jet.phi, jet.charged)
    out[: len(order)] = np.stack([a[order].astype(np.float32) for a in columns], 1)
    return out


def _stacked(jet_set: JetSet, rows: list[tuple[Any, ...]]) -> Arrays:
    """Rows of (event number, values in the order of the set's arrays) as arrays; `event` comes first."""
    names = ["event", *(n for n in jet_set.arrays if n != "event")]
    if not rows:
        raise FpgaMlError(f"no jet of the set '{jet_set.name}' passed in this shard", do="ask for more events a shard")
    return {
        name: np.stack([np.asarray(row[i]) for row in rows]).astype(_DTYPES.get(name, np.asarray(rows[0][i]).dtype))
        for i, name in enumerate(names)
    }


_DTYPES: dict[str, type] = {"event": np.int64, "z": np.uint8}
_EVENT = "(), number of the hard event: shard * 1,000,000 + event within it; jets of one event share it"
_IMAGE = "(33, 33, 2) float16, charged and neutral pT fractions, which sum to 1"
_COUNTS = "(33, 33) uint8, charged particles a pixel"

QUARK_GLUON = JetSet(
    "quark_gluon",
    "Quark and gluon jets, anti-kt R = 0.4, pT from the bin's edge to 1.1 times it; images of 0.8 x 0.8 about the centroid",
    {"g": (*_GLUON, "HardQCD:nQuarkNew=3"), "q": _QUARK},
    (100, 200, 500, 1000),
    {
        "event": _EVENT,
        "pt": _IMAGE,
        "nch": _COUNTS,
        "meta": "(7,) pT [GeV], eta, mass [GeV], particles, charged particles, girth, pTD",
    },
    _quark_gluon,
)
W_QCD = JetSet(
    "w_qcd",
    "Boosted W and QCD jets, anti-kt R = 1.0, trimmed (kt 0.2, 5 %), |eta| < 1.5, without and with pile-up of mean 50",
    {"qcd": ("HardQCD:all=on",), "w": _WW},
    (250,),
    {
        "event": _EVENT,
        "feat": "(9,) pT [GeV], eta, mass [GeV], tau21, C2 (beta 1), C2 (2), D2 (1), D2 (2), particles",
        "pt": _IMAGE,
        "nch": _COUNTS,
        "z": "(), 0 without and 1 with pile-up; both of the same hard events: split by `event`",
        "truth": "(2,) pT and mass [GeV] of the jet without pile-up, -1 where none matches",
    },
    _w_qcd,
)
FIVE_CLASS = JetSet(
    "five_class",
    "Jets of five classes, anti-kt R = 0.8, pT 0.95 to 1.1 of the bin's value; features of the mass-drop-groomed jet. Our"
    " own stand-in for the public jet-substructure sets, with which it must not be compared",
    {"g": _GLUON, "q": _QUARK, "w": _WW, "z": _ZZ, "t": _TOP},
    (1000,),
    {
        "event": _EVENT,
        "x": "(16,) features: see fpga_ml.science.jets.observables.FIVE_CLASS_FEATURES; the mass in GeV",
        "constituents": "(20, 4) pT fraction of the jet, d eta, d phi, charged; hardest first, zero-padded",
        "axis": "(3,) pT [GeV], eta, phi of the jet",
    },
    _five_class,
)
SETS = {s.name: s for s in (QUARK_GLUON, W_QCD, FIVE_CLASS)}


def jet_set(name: str) -> JetSet:
    if name not in SETS:
        raise FpgaMlError(f"unknown data set '{name}'", do=suggest(name, SETS))
    return SETS[name]
