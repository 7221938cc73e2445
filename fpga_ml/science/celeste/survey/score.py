"""A catalogue against the truth: pulls, coverage, star or galaxy, completeness and purity. Arithmetic on arrays alone.

A pull is (catalogue - truth) / error. If the errors are right, pulls have mean 0 and standard deviation 1, and 68.3 % and
95.4 % of the true values lie within one and two errors.

The truth has the columns that `simulate` writes: ra, dec (degrees), galaxy (bool), log_flux_r (ln nanomaggies), log_u-g ...
(ln flux ratios), and of galaxies de_vaucouleurs, axis_ratio, angle (radians, from east towards north), radius (arc seconds).
Shapes may be absent, or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Bools, Floats
from fpga_ml.science.celeste.population import COLOURS, MAGNITUDES
from fpga_ml.science.celeste.sources import ZERO_POINT_MAG
from fpga_ml.science.celeste.survey.measure import Quality
from fpga_ml.science.celeste.survey.sky import on_sphere, separation

Columns = Mapping[str, npt.NDArray[Any]]
MATCH_ARCSEC = 1.0
ALLOWED = Quality.AT_BOUND | Quality.RESIDUAL
"""Flags that a source may have and still count in the pulls."""
PULL_EDGES: Floats = np.linspace(-5, 5, 21)
"""Of the pulls' histograms; what lies beyond is in the outermost bins."""
PROBABILITY_EDGES: Floats = np.array([0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0])
SHAPES = ("de_vaucouleurs", "axis_ratio", "position_angle", "radius")
COVERAGE = (0.6827, 0.9545)
"""Of a normal distribution within one and two standard deviations."""


@dataclass(frozen=True)
class Pulls:
    """Of one quantity. number: sources; mean, deviation (standard deviation), median; within_1, within_2: share of true
    values within one and two errors; counts: histogram over PULL_EDGES."""

    number: int
    mean: float
    deviation: float
    median: float
    within_1: float
    within_2: float
    counts: tuple[int, ...]

    @property
    def coverage_errors(self) -> tuple[float, float]:
        """Binomial standard deviations of within_1 and within_2, if the errors are right."""
        first, second = (float((share * (1 - share) / max(self.number, 1)) ** 0.5) for share in COVERAGE)
        return first, second


@dataclass(frozen=True)
class Share:
    """In a bin from low to high, `hits` of `number` sources. expected: mean probability that was given to them, or None."""

    low: float
    high: float
    hits: int
    number: int
    expected: float | None = None

    @property
    def value(self) -> float:
        """NaN of an empty bin."""
        return self.hits / self.number if self.number else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """68 % binomial interval (Wilson 1927)."""
        return wilson(self.hits, self.number)


@dataclass(frozen=True)
class Score:
    """sources, true, matched: numbers; flagged: matched sources that are left out of the pulls; pulls: by quantity; galaxy:
    in bins of the probability, how many are galaxies; completeness: in bins of true magnitude, how many were found; purity:
    in bins of the catalogue's magnitude, how many are true; wrong_kind: how many of those in `galaxy` have the wrong
    kind as the more probable one."""

    sources: int
    true: int
    matched: int
    flagged: int
    pulls: dict[str, Pulls]
    galaxy: tuple[Share, ...]
    completeness: tuple[Share, ...]
    purity: tuple[Share, ...]
    wrong_kind: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON; shares with their value and interval; None where a bin is empty, or no pull is known."""
        found = asdict(self)
        found["pull_edges"] = PULL_EDGES.tolist()
        found["pulls"] = {name: _known(asdict(one)) | {"counts": list(one.counts)} for name, one in self.pulls.items()}
        for name in ("galaxy", "completeness", "purity"):
            found[name] = [
                asdict(one)
                | {"value": one.value if one.number else None, "interval": list(one.interval) if one.number else None}
                for one in getattr(self, name)
            ]
        return found


def score(catalogue: Any, truth: Any, *, every: bool = False, width_mag: float = 0.5) -> Score:
    """catalogue, truth: pyarrow tables, or arrays by column, of the same piece of sky.

    Pulls and probabilities count matched sources without flags other than ALLOWED, or all that match if `every`. Pulls of
    shapes count true galaxies whose probability of being one is above a half. Completeness and purity count all sources, in
    bins `width_mag` wide.
    """
    mine, real = columns(catalogue, ("ra", "dec", "flags")), columns(truth, ("ra", "dec", "galaxy", "log_flux_r"))
    partner = matches(mine["ra"], mine["dec"], real["ra"], real["dec"])
    matched = partner >= 0
    good = matched & (unflagged(mine["flags"]) | every)
    own, other = _rows(mine, good), _rows(real, partner[good])
    kind, said = other["galaxy"].astype(bool), own["galaxy"].astype(np.float64)
    found = np.zeros(len(real["ra"]), bool)
    found[partner[matched]] = True
    return Score(
        sources=len(partner),
        true=len(found),
        matched=int(matched.sum()),
        flagged=int((matched & ~good).sum()),
        pulls={name: _summary(values) for name, values in pulls(own, other).items()},
        galaxy=shares(said, kind, PROBABILITY_EDGES, said),
        completeness=_by_magnitude(ZERO_POINT_MAG - MAGNITUDES * real["log_flux_r"], found, width_mag),
        purity=_by_magnitude(mine["mag_r"], matched, width_mag),
        wrong_kind=int(((said > 0.5) != kind).sum()),
    )


def columns(given: Any, needed: tuple[str, ...] = ()) -> Columns:
    """Arrays by name, of a pyarrow table or of a mapping. Raises where one that is needed is missing."""
    names = given.column_names if hasattr(given, "column_names") else list(given)
    lacking = [name for name in needed if name not in names]
    if lacking:
        raise FpgaMlError(f"there is no column {', '.join(lacking)}", do="give a catalogue of fpga-ml, or its truth")
    if hasattr(given, "column_names"):
        return {name: given[name].to_numpy(zero_copy_only=False) for name in names if name != "bands"}
    return {name: np.asarray(given[name]) for name in names}


def unflagged(flags: npt.NDArray[Any]) -> Bools:
    """(N,) whether no flag is set other than ALLOWED; flags: (N,) of Quality."""
    found: Bools = (flags.astype(np.int64) & ~int(ALLOWED)) == 0
    return found


def matches(
    ra: Floats, dec: Floats, true_ra: Floats, true_dec: Floats, within: float = MATCH_ARCSEC
) -> npt.NDArray[np.int64]:
    """(N,) index of the true source of each of (N,), or -1. Degrees; within: arc seconds. Nearest pairs first, each source
    in one pair at most."""
    from scipy.spatial import cKDTree

    found = np.full(len(ra), -1)
    if not len(ra) or not len(true_ra):
        return found
    near = cKDTree(on_sphere(ra, dec)).sparse_distance_matrix(
        cKDTree(on_sphere(true_ra, true_dec)), np.radians(within / 3600), output_type="ndarray"
    )
    taken: set[int] = set()
    for one in near[np.lexsort((near["j"], near["i"], near["v"]))]:
        if found[one["i"]] < 0 and int(one["j"]) not in taken:
            found[one["i"]] = one["j"]
            taken.add(int(one["j"]))
    return found


def pulls(catalogue: Columns, truth: Columns) -> dict[str, Floats]:
    """Pulls by quantity: east, north, log_flux_r, colours, shapes. catalogue, truth: (N,) arrays, row by row of one source.

    Shapes are of true galaxies whose probability of being one is above a half. Angles are compared modulo 180 degrees.
    """
    east, north = separation(truth["ra"], truth["dec"], catalogue["ra"], catalogue["dec"])
    found = {"east": east / catalogue["ra_error"], "north": north / catalogue["dec_error"]}
    found["log_flux_r"] = (catalogue["log_flux_r"] - truth["log_flux_r"]) / catalogue["log_flux_r_error"]
    for name in COLOURS:
        if f"log_{name}" in truth:
            found[name] = (catalogue[name] - MAGNITUDES * truth[f"log_{name}"]) / catalogue[f"{name}_error"]
    galaxies = truth["galaxy"].astype(bool) & (catalogue["galaxy"] > 0.5)
    real = dict(truth)
    if "angle" in truth:
        real["position_angle"] = 90 - np.degrees(truth["angle"])
    for name in SHAPES:
        if name in real:
            away = catalogue[name] - real[name]
            away = (away + 90) % 180 - 90 if name == "position_angle" else away
            found[name] = (away / catalogue[f"{name}_error"])[galaxies]
    return {name: values[np.isfinite(values)] for name, values in found.items()}


def shares(where: Floats, hits: Bools, edges: Floats, expected: Floats | None = None) -> tuple[Share, ...]:
    """Hits among (N,) in bins of `where` (N,); edges: (B + 1,), the last one included; expected: (N,) probabilities."""
    index = np.digitize(where, edges) - 1
    index[where == edges[-1]] = len(edges) - 2
    bins = []
    for i in range(len(edges) - 1):
        inside = index == i
        mean = float(expected[inside].mean()) if expected is not None and inside.any() else None
        bins.append(Share(float(edges[i]), float(edges[i + 1]), int(hits[inside].sum()), int(inside.sum()), mean))
    return tuple(bins)


def wilson(hits: int, number: int) -> tuple[float, float]:
    """68 % interval of a share, of `hits` among `number` (Wilson 1927, JASA 22, 209); 0 to 1 where there is none."""
    if not number:
        return 0.0, 1.0
    share = hits / number
    middle = (share + 0.5 / number) / (1 + 1 / number)
    half = (share * (1 - share) / number + 0.25 / number**2) ** 0.5 / (1 + 1 / number)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _by_magnitude(magnitudes: Floats, hits: Bools, width: float) -> tuple[Share, ...]:
    if not len(magnitudes):
        return ()
    low, high = np.floor(magnitudes.min() / width), np.floor(magnitudes.max() / width) + 1
    return shares(magnitudes, hits, np.arange(low, high + 1) * width)


def _summary(values: Floats) -> Pulls:
    counts, _ = np.histogram(np.clip(values, PULL_EDGES[0], PULL_EDGES[-1]), PULL_EDGES)
    size, whole = np.abs(values), len(values) > 0
    return Pulls(
        number=len(values),
        mean=float(values.mean()) if whole else np.nan,
        deviation=float(values.std()) if whole else np.nan,
        median=float(np.median(values)) if whole else np.nan,
        within_1=float((size < 1).mean()) if whole else np.nan,
        within_2=float((size < 2).mean()) if whole else np.nan,
        counts=tuple(int(n) for n in counts),
    )


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in values.items()}


def _rows(given: Columns, which: npt.NDArray[Any]) -> Columns:
    return {name: values[which] for name, values in given.items()}
