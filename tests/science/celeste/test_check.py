"""The science check sees a bias that was put in, and the presets keep what is asked of them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner

from fpga_ml.__main__ import main
from fpga_ml.science.celeste import Float64, Patch, Result, fit
from fpga_ml.science.celeste.check import Check, check, patches
from fpga_ml.science.celeste.emulator import Emulator
from fpga_ml.science.celeste.simulate import SCENES, SDSS, observe
from fpga_ml.science.celeste.sources import scene

TEST_SCENES = {name: SCENES[name] for name in ("star r=21.7", "star r=15.0", "galaxy r=20.0")}


@dataclass(frozen=True)
class Brighter:
    """The exact kernel of a detector that counts too much: every count but a share of it, so that fluxes come out biased."""

    share: float

    def __call__(self, coefficients: np.ndarray, patch: Patch) -> Result:
        scaled = coefficients.copy()
        scaled[:, 0] -= np.log2(1 + self.share)
        exact = Float64()(scaled, patch)
        return Result(exact.value, exact.moments, exact.overflow)


def test_a_bias_is_seen() -> None:
    """A kernel whose fluxes are a per mille too high: in units of the error, 1e-3 / sigma(log flux), and nothing else
    moves."""
    found = check(Brighter(1e-3), "brighter", realisations=1, scenes={"star": SCENES["star r=15.0"]}, unclear={}).scenes[
        "star"
    ]
    patch, truth = observe(SCENES["star r=15.0"], 0)
    sigma = fit(patch, SDSS, truth).errors[0]["log_flux"]
    assert found.bias["log_flux"].max == pytest.approx(np.log(1.001) / sigma, rel=1e-2)
    assert found.value_bias["log_flux"].max == pytest.approx(np.log(1.001) / sigma, rel=5e-2)
    assert found.bias["x"].max < 0.01
    top = scene(truth, SDSS).coefficients()[0]
    expected = abs(Brighter(1e-3)(top, patch).value - Float64()(top, patch).value)
    assert found.value_error == pytest.approx(expected, abs=1.0)


def test_a_changed_decision_is_seen() -> None:
    class Blind:
        """Sees galaxies no better than stars: what many components gain is taken away."""

        def __call__(self, coefficients: np.ndarray, patch: Patch) -> Result:
            exact = Float64()(coefficients, patch)
            return Result(exact.value - 1e6 * (len(coefficients) > 2), exact.moments, exact.overflow)

    found = check(Blind(), "blind", realisations=2, scenes={"galaxy": SCENES["galaxy r=16.3"]}, unclear={})
    assert (found.decisions["galaxy"].asked, found.decisions["galaxy"].galaxies, found.decisions["galaxy"].changed) == (
        2,
        2,
        2,
    )
    assert found.decisions_changed == 2


@pytest.mark.parametrize("preset", ["D16", "D18"])
def test_presets_short(preset: str) -> None:
    found = check(Emulator(preset), preset, realisations=1, scenes=TEST_SCENES, unclear={})
    keeps(found)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["D16", "D18"])
def test_presets_full(preset: str) -> None:
    found = check(Emulator(preset), preset, realisations=12)
    keeps(found)
    assert found.decisions["galaxy r=16.3"].galaxies == 12
    assert 0 < sum(found.decisions[name].galaxies for name in found.decisions if "px" in name) < 36


def keeps(found: Check) -> None:
    assert 0 < found.max_bias_sigma < 0.01
    assert found.decisions_changed == 0
    if found.preset == "D18":
        assert found.max_value_bias_sigma < 0.02
        assert found.max_value_error < 0.1


def test_command() -> None:
    arguments = ["celeste", "check", "--preset", "D16", "--realisations", "1", "--scene", "star r=18.8"]
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert 0 < found["max_bias_sigma"] < 0.01
    assert set(found["scenes"]["star r=18.8"]["bias"]) == {"x", "y", "log_flux"}
    shown = CliRunner().invoke(main, [*arguments, "--limit", "1e-9"])
    assert shown.exit_code == 1
    assert "max_bias_sigma" in shown.stdout
    unknown = CliRunner().invoke(main, ["celeste", "check", "--preset", "D61"])
    assert unknown.exit_code == 1
    assert "unknown design 'D61'" in unknown.stderr
    unknown = CliRunner().invoke(main, ["celeste", "check", "--scene", "star r=18.0"])
    assert "unknown scene 'star r=18.0'" in unknown.stderr
    assert "did you mean 'star r=15.0'?" in unknown.stderr


def test_patches_are_counted() -> None:
    counted = []
    check(Float64(), "float64", realisations=2, scenes=TEST_SCENES, unclear={}, done=counted.append)
    assert sum(counted) == patches(2, TEST_SCENES, {}) == 12
