"""A catalogue against the truth: sources drawn with the errors that they state, and with others."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.survey.measure import Quality
from fpga_ml.science.celeste.survey.score import COVERAGE, SHAPES, matches, score, shares, wilson

COLOURS = ("u-g", "g-r", "r-i", "i-z")
ERRORS = {
    **dict.fromkeys(("log_flux_r", *COLOURS), 0.05),
    **{"de_vaucouleurs": 0.05, "axis_ratio": 0.02, "position_angle": 10.0, "radius": 0.1},
}
Columns = dict[str, np.ndarray]


def drawn(number: int = 4000, seed: int = 1) -> tuple[Columns, Columns]:
    """A catalogue whose errors are right, and its truth: 20 arc seconds apart along the equator, half of them galaxies."""
    random = np.random.default_rng(seed)
    magnitude = random.uniform(18, 22, number)
    truth: Columns = {
        "ra": np.arange(number) * 20 / 3600,
        "dec": np.zeros(number),
        "galaxy": np.arange(number) % 2 == 0,
        "log_flux_r": (22.5 - magnitude) / 2.5 * np.log(10),
        **{f"log_{name}": random.normal(0.5, 0.3, number) for name in COLOURS},
        "de_vaucouleurs": random.uniform(0.3, 0.7, number),
        "axis_ratio": random.uniform(0.4, 0.8, number),
        "angle": random.uniform(-np.pi, np.pi, number),
        "radius": random.uniform(1, 2, number),
    }
    mean = {
        "log_flux_r": truth["log_flux_r"],
        **{name: 2.5 * np.log10(np.exp(truth[f"log_{name}"])) for name in COLOURS},
        **{name: truth[name] for name in ("de_vaucouleurs", "axis_ratio", "radius")},
        "position_angle": 90 - np.degrees(truth["angle"]),
    }
    catalogue: Columns = {name: mean[name] + random.normal(0, error, number) for name, error in ERRORS.items()}
    catalogue |= {f"{name}_error": np.full(number, error) for name, error in ERRORS.items()}
    catalogue["position_angle"] %= 180
    catalogue |= {
        "ra": truth["ra"] + random.normal(0, 0.02, number) / 3600,
        "dec": random.normal(0, 0.03, number) / 3600,
        "ra_error": np.full(number, 0.02),
        "dec_error": np.full(number, 0.03),
        "galaxy": np.where(truth["galaxy"], 0.9, 0.1),
        "mag_r": 22.5 - 2.5 * np.log10(np.exp(catalogue["log_flux_r"])),
        "flags": np.zeros(number, np.int32),
    }
    return catalogue, truth


def test_pulls_of_right_errors_are_normal() -> None:
    catalogue, truth = drawn()
    found = score(catalogue, truth)
    assert set(found.pulls) == {"east", "north", "log_flux_r", *COLOURS, *SHAPES}
    for name, one in found.pulls.items():
        assert one.number == (2000 if name in SHAPES else 4000)
        assert abs(one.mean) < 4 * one.number**-0.5, name
        assert abs(one.deviation - 1) < 4 * (2 * one.number) ** -0.5, name
        within = zip((one.within_1, one.within_2), COVERAGE, one.coverage_errors, strict=True)
        assert all(abs(value - wanted) < 4 * error for value, wanted, error in within), name
        assert sum(one.counts) == one.number


def test_errors_of_half_the_size_show() -> None:
    catalogue, truth = drawn()
    one = score(catalogue | {"log_flux_r_error": catalogue["log_flux_r_error"] / 2}, truth).pulls["log_flux_r"]
    assert one.deviation == pytest.approx(2, abs=0.1)
    assert one.within_1 == pytest.approx(0.3829, abs=0.03)  # of a normal distribution within half a standard deviation
    assert abs(one.within_1 - COVERAGE[0]) > 10 * one.coverage_errors[0]


def test_a_shift_shows_in_its_direction() -> None:
    catalogue, truth = drawn(200)
    away = {"ra": catalogue["ra"] + 0.1 / 3600, "g-r": catalogue["g-r"] - 0.5}
    found = score(catalogue | away, truth).pulls
    assert found["east"].mean == pytest.approx(5, abs=0.3)
    assert found["g-r"].mean == pytest.approx(-10, abs=0.3)
    assert found["g-r"].counts[0] == 200  # beyond the ends


def test_flagged_sources_do_not_count_in_pulls() -> None:
    catalogue, truth = drawn(100)
    flags, flux = catalogue["flags"].copy(), catalogue["log_flux_r"].copy()
    flags[:10], flux[:10] = Quality.BLENDED | Quality.RESIDUAL, 0.0
    flags[10:20] = Quality.AT_BOUND | Quality.RESIDUAL
    given = catalogue | {"flags": flags, "log_flux_r": flux}
    found = score(given, truth)
    assert (found.matched, found.flagged, found.pulls["log_flux_r"].number) == (100, 10, 90)
    assert found.pulls["log_flux_r"].deviation < 1.5
    every = score(given, truth, every=True)
    assert (every.flagged, every.pulls["log_flux_r"].number) == (0, 100)
    assert every.pulls["log_flux_r"].deviation > 5


def test_completeness_and_purity_of_a_known_list() -> None:
    catalogue, truth = drawn(4)
    magnitudes = np.array([18.2, 18.3, 19.1, 19.2])
    truth |= {"log_flux_r": (22.5 - magnitudes) / 2.5 * np.log(10)}
    found_at = np.array([0, 2, 3])
    catalogue = {name: values[found_at] for name, values in catalogue.items()} | {"mag_r": magnitudes[found_at]}
    catalogue["dec"] = catalogue["dec"] + np.array([0, 0, 5 / 3600])  # the third is of nothing
    found = score(catalogue, truth, width_mag=1.0)
    assert (found.true, found.sources, found.matched) == (4, 3, 2)
    assert [(one.low, one.hits, one.number) for one in found.completeness] == [(18, 1, 2), (19, 1, 2)]
    assert [(one.low, one.hits, one.number) for one in found.purity] == [(18, 1, 1), (19, 1, 2)]


def test_probabilities_that_are_right_are_met() -> None:
    catalogue, truth = drawn()
    random = np.random.default_rng(2)
    said = random.uniform(0, 1, 4000)
    found = score(catalogue | {"galaxy": said}, truth | {"galaxy": random.uniform(0, 1, 4000) < said})
    assert sum(one.number for one in found.galaxy) == 4000
    for one in found.galaxy:
        assert one.expected is not None
        assert one.low <= one.expected <= one.high
        assert abs(one.value - one.expected) < 4 * max((one.expected * (1 - one.expected) / one.number) ** 0.5, 0.01)
    over = score(catalogue | {"galaxy": np.where(said > 0.5, 0.99, 0.01)}, truth | {"galaxy": said > 0.7})
    assert over.galaxy[-1].value == pytest.approx(0.6, abs=0.05)
    assert over.wrong_kind == ((said > 0.5) & (said < 0.7)).sum()


def test_each_source_is_matched_once_nearest_first_and_across_zero() -> None:
    second = 1 / 3600
    true_ra, true_dec = np.array([359.99999, 10.0, 20.0, 30.0]), np.array([0.0, 60.0, 0.0, 0.0])
    ra = np.array(
        [0.00001, 10.0 + 0.9 * second / np.cos(np.pi / 3), 20.0 + 0.5 * second, 20.0 + 0.2 * second, 30.0 + 1.1 * second]
    )
    dec = np.array([0.0, 60.0, 0.0, 0.0, 0.0])
    assert matches(ra, dec, true_ra, true_dec).tolist() == [0, 1, -1, 2, -1]
    assert matches(ra[:0], dec[:0], true_ra, true_dec).tolist() == []
    assert matches(ra[:2], dec[:2], true_ra[:0], true_dec[:0]).tolist() == [-1, -1]


@pytest.mark.parametrize(("hits", "number"), [(0, 5), (5, 5), (3, 10), (999, 1000)])
def test_an_interval_ends_where_the_share_is_one_deviation_away(hits: int, number: int) -> None:
    for end in wilson(hits, number):
        assert abs(hits / number - end) == pytest.approx((end * (1 - end) / number) ** 0.5, abs=1e-9)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_last_edge_belongs_to_the_last_bin() -> None:
    bins = shares(np.array([0.0, 0.5, 1.0]), np.array([False, True, True]), np.array([0.0, 0.5, 1.0]))
    assert [(one.hits, one.number) for one in bins] == [(0, 1), (2, 2)]


def test_it_is_json_and_takes_tables_and_empty_ones() -> None:
    pa: Any = pytest.importorskip("pyarrow")
    catalogue, truth = drawn(20)
    whole = score(pa.table(catalogue), pa.table(truth))
    text = json.loads(json.dumps(whole.as_dict(), allow_nan=False))
    assert text["matched"] == 20
    assert text["pulls"]["radius"]["number"] == 10
    assert len(text["pulls"]["radius"]["counts"]) == len(text["pull_edges"]) - 1
    nothing = score({name: values[:0] for name, values in catalogue.items()}, truth).as_dict()
    assert (nothing["sources"], nothing["matched"], nothing["purity"]) == (0, 0, [])
    assert all(one["value"] in (0.0, None) for one in nothing["completeness"])
    json.dumps(nothing, allow_nan=False)


def test_what_is_no_catalogue_is_named() -> None:
    with pytest.raises(FpgaMlError, match="there is no column dec, flags"):
        score({"ra": np.zeros(1)}, {})
