"""Pythia 8 and FastJet, and nothing else of them in the package: events in, constituents of jets out.

Both are GPL and optional (pip install 'fpga_ml[jets]'); they are imported when a generator is made.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.jets.constituents import Array, polar

_NEUTRINOS = (12, 14, 16)
_MAX_ETA = 2.5
_BATCH = 100
T = TypeVar("T")
BEAM_GEV = 13000


@dataclass(frozen=True)
class Particles:
    """Visible final-state particles of an event. p: (n, 4) = px, py, pz, E in GeV; charge: (n,) in e."""

    p: Array
    charge: Array

    def __len__(self) -> int:
        return len(self.p)

    def take(self, rows: npt.NDArray[np.intp]) -> Particles:
        return Particles(self.p[rows], self.charge[rows])

    def rotated(self, angle: float) -> Particles:
        """Turned about the beam by `angle` radians."""
        c, s = np.cos(angle), np.sin(angle)
        px, py = self.p[:, 0] * c - self.p[:, 1] * s, self.p[:, 0] * s + self.p[:, 1] * c
        return Particles(np.column_stack([px, py, self.p[:, 2:]]), self.charge)

    @staticmethod
    def together(parts: Sequence[Particles]) -> Particles:
        return Particles(np.concatenate([a.p for a in parts]), np.concatenate([a.charge for a in parts]))


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise FpgaMlError(f"{name} is not installed: {error}", do="pip install 'fpga_ml[jets]'") from None


@dataclass(frozen=True)
class Window:
    """Jets that are wanted: anti-kt, of this radius, one of the two hardest, pT between low and high (GeV), |eta| < eta."""

    radius: float
    low: float
    high: float
    eta: float = _MAX_ETA


def events(
    settings: Sequence[str], seed: int, count: int, min_pt: float = 0.0, wanted: Window | None = None
) -> Iterator[Particles]:
    """`count` proton-proton events at 13 TeV: visible particles within |eta| < 2.5 and above min_pt (GeV).

    settings: lines of Pythia 8; the same settings and seed (1 .. 900,000,000) give the same events. wanted: events are
    given up, and do not count, as soon as their partons show that such a jet is out of reach: see `within_reach`.
    """
    library = _imported("pythia8mc")
    pythia = library.Pythia("", False)
    hook = None if wanted is None else _giving_up(library, wanted)  # kept: Pythia does not own it
    if hook is not None:
        pythia.setUserHooksPtr(hook)
    fixed = ("Print:quiet=on", f"Beams:eCM={BEAM_GEV}", "Random:setSeed=on", f"Random:seed={seed}")
    for line in (*fixed, *settings):
        if not pythia.readString(line):
            raise FpgaMlError(
                f"Pythia 8 does not take the setting '{line}'", do="mend the process in fpga_ml/science/jets/sets.py"
            )
    if not pythia.init():
        raise FpgaMlError("Pythia 8 does not start with these settings", where="; ".join(settings))
    charges: dict[int, float] = {}
    for start in range(0, count, _BATCH):
        yield from _visible(pythia, pythia.nextBatch(min(_BATCH, count - start)).prt, charges, min_pt)


def _visible(pythia: Any, every: Any, charges: dict[int, float], min_pt: float) -> Iterator[Particles]:
    ak = _imported("awkward")
    final = every[every.status > 0]
    border = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(final.id)))])
    ids = ak.to_numpy(ak.flatten(final.id))
    p = np.stack([ak.to_numpy(ak.flatten(final.p[k])) for k in ("px", "py", "pz", "e")], 1)
    kinds, which = np.unique(ids, return_inverse=True)
    for kind in kinds:
        charges.setdefault(int(kind), float(pythia.particleData.charge(int(kind))))
    charge = np.array([charges[int(k)] for k in kinds])[which]
    pt, eta, _ = polar(p)
    kept = ~np.isin(np.abs(ids), _NEUTRINOS) & (np.abs(eta) < _MAX_ETA) & (pt > min_pt)
    for low, high in itertools.pairwise(border):
        rows = low + np.flatnonzero(kept[low:high])
        yield Particles(p[rows], charge[rows])


def within_reach(partons: Array, wanted: Window) -> bool:
    """Whether a wanted jet may come of an event whose evolution has come down to a twentieth of the window's lowest pT:
    one of the two hardest jets of partons within 10 % below and 15 % above the window and 0.3 beyond its |eta|.
    partons: (n, 4).

    What is given up wrongly is less than 1 % of the jets (docs/physics.md, Data).
    """
    jets = [partons[rows].sum(0) for rows in cluster(partons, "antikt", wanted.radius, wanted.low / 2)[:2]]
    if not jets:
        return False
    pt, eta, _ = polar(np.array(jets))
    near = (0.9 * wanted.low < pt) & (pt < 1.15 * wanted.high)
    return bool((near & (np.abs(eta) < wanted.eta + 0.3)).any())


def _giving_up(library: Any, wanted: Window) -> Any:
    """Pythia's hook: the evolution of showers and multiparton interactions is interrupted once on its way down in pT."""

    class GivingUp(library.UserHooks):  # type: ignore[misc]
        def canVetoPT(self) -> bool:
            return True

        def scaleVetoPT(self) -> float:
            return wanted.low / 20

        def doVetoPT(self, _where: int, event: Any) -> bool:
            final = [q for q in (event[i] for i in range(event.size())) if q.isFinal()]
            return not within_reach(np.array([(q.px(), q.py(), q.pz(), q.e()) for q in final]), wanted)

    return GivingUp()


def clustered(
    every: Iterable[Particles], algorithm: str, radius: float, min_pt: float
) -> Iterator[tuple[Particles, list[npt.NDArray[np.intp]]]]:
    """(event, `cluster` of its momenta) of every event. FastJet takes them in batches, four times as fast as one by one."""
    fastjet, ak = _imported("fastjet"), _imported("awkward")
    definition = fastjet.JetDefinition(getattr(fastjet, f"{algorithm}_algorithm"), radius)
    for batch in batches(every):
        p = np.concatenate([e.p for e in batch])
        columns = {name: p[:, i] for i, name in enumerate(("px", "py", "pz", "E"))}
        momenta = ak.unflatten(ak.zip(columns, with_name="Momentum4D"), [len(e) for e in batch])
        found = fastjet.ClusterSequence(momenta, definition).constituent_index(min_pt=min_pt)
        for event, rows in zip(batch, ak.to_list(found), strict=True):
            jets = [np.array(r, np.intp) for r in rows]
            yield event, sorted(jets, key=lambda r: -_pt(event.p[r]))


def batches(every: Iterable[T], size: int = _BATCH) -> Iterator[list[T]]:
    """Consecutive lists of `size` elements; the last may be shorter."""
    source = iter(every)
    while batch := list(itertools.islice(source, size)):
        yield batch


def cluster(p: Array, algorithm: str, radius: float, min_pt: float) -> list[npt.NDArray[np.intp]]:
    """Rows of each jet above min_pt (GeV), hardest jet first. algorithm: antikt, kt or cambridge; p: (n, 4)."""
    fastjet = _imported("fastjet")
    sequence = _sequence(fastjet, p, algorithm, radius)
    return [_rows(jet) for jet in fastjet.sorted_by_pt(sequence.inclusive_jets(min_pt))]


def two_axes(p: Array) -> Array:
    """(2, 2) = eta, phi of the two exclusive kt subjets, the harder first; p: (n, 4)."""
    fastjet = _imported("fastjet")
    sequence = _sequence(fastjet, p, "kt", 10.0)
    found = fastjet.sorted_by_pt(sequence.exclusive_jets(2))
    _, eta, phi = polar(np.array([[j.px(), j.py(), j.pz(), j.e()] for j in found]))
    return np.stack([eta, phi], 1)


def trimmed(jets: Iterable[Particles], radius: float = 0.2, fraction: float = 0.05) -> Iterator[npt.NDArray[np.intp]]:
    """Of each jet the rows that trimming keeps (Krohn, Thaler, Wang, arXiv:0912.1342): kt subjets above a fraction of the
    jet's pT."""
    for jet, subjets in clustered(jets, "kt", radius, 0.0):
        threshold = fraction * _pt(jet.p)
        kept = [rows for rows in subjets if _pt(jet.p[rows]) > threshold]
        yield np.concatenate(kept) if kept else np.zeros(0, np.intp)


def _pt(p: Array) -> float:
    """Of the sum of momenta (n, 4)."""
    return float(np.hypot(*p[:, :2].sum(0)))


def mass_drop(p: Array, z_cut: float = 0.1) -> npt.NDArray[np.intp]:
    """Rows that the modified mass-drop tagger keeps (Dasgupta et al., arXiv:1307.0007)."""
    fastjet = _imported("fastjet")
    sequence = _sequence(fastjet, p, "cambridge", 10.0)
    jet = fastjet.sorted_by_pt(sequence.inclusive_jets(0.0))[0]
    a, b = fastjet.PseudoJet(), fastjet.PseudoJet()
    while jet.has_parents(a, b) and min(a.pt(), b.pt()) <= z_cut * (a.pt() + b.pt()):
        jet = fastjet.PseudoJet(a if a.pt() > b.pt() else b)
        a, b = fastjet.PseudoJet(), fastjet.PseudoJet()
    return _rows(jet)


def _sequence(fastjet: Any, p: Array, algorithm: str, radius: float) -> Any:
    inputs = []
    for row, (px, py, pz, e) in enumerate(p.tolist()):
        particle = fastjet.PseudoJet(px, py, pz, e)
        particle.set_user_index(row)
        inputs.append(particle)
    definition = fastjet.JetDefinition(getattr(fastjet, f"{algorithm}_algorithm"), radius)
    return fastjet.ClusterSequence(inputs, definition)


def _rows(jet: Any) -> npt.NDArray[np.intp]:
    return np.array([k.user_index() for k in jet.constituents()], np.intp)
