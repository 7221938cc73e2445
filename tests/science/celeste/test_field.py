"""A synthetic field comes out of the catalogue as it went in."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from fpga_ml.__main__ import main
from fpga_ml.science.celeste.field import PUBLISHED, simulate
from fpga_ml.science.celeste.prior import BANDS, FROM_COLOURS
from fpga_ml.science.celeste.sources import Galaxy, magnitude


def test_the_images_hold_the_sources() -> None:
    """Light above the sky in every band: the sources' flux, to its noise; truth is in the field's pixels."""
    field = simulate(12, seed=1)
    for index, band in enumerate(BANDS):
        frame = field.frames[band]
        above = frame.electrons.sum() - frame.background.sum()
        flux = sum(one.source.flux * np.exp(FROM_COLOURS[index] @ one.colours) for one in field.truth)
        assert above == pytest.approx(900 * flux, rel=0.01, abs=5 * np.sqrt(frame.electrons.sum()))
    brightest = max(field.truth, key=lambda one: one.source.flux).source
    row, column = round(brightest.y), round(brightest.x)
    around = field.frames["r"].electrons[row - 3 : row + 4, column - 3 : column + 4]
    assert (
        around[2:5, 2:5].max()
        == around.max()
        == field.frames["r"].electrons[row - 8 : row + 9, column - 8 : column + 9].max()
    )


def test_prior_decides_what_there_is() -> None:
    from fpga_ml.science.celeste.prior import PRIOR

    field = simulate(30, seed=2, prior=replace(PRIOR, galaxy=1e-9))
    assert not any(isinstance(one.source, Galaxy) for one in field.truth)
    assert max(magnitude(one.source.flux) for one in field.truth) < 22


@pytest.mark.slow
def test_errors_are_those_of_a_good_catalogue() -> None:
    done = CliRunner().invoke(main, ["celeste", "field", "--sources", "12", "--seed", "3", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["variational"]["errors"]["position"] < PUBLISHED["Stripe 82, VI"]["position"]
    assert found["variational"]["errors"]["r"] < PUBLISHED["Stripe 82, VI"]["r"]
    for name, exact in found["fit_exact"]["errors"].items():
        assert found["fit_fixed"]["errors"][name] == pytest.approx(exact, rel=0.02)
    truth = [one.source for one in simulate(12, seed=3).truth]
    # in r alone a faint galaxy does not pay for its shape
    faint = sum(isinstance(one, Galaxy) and magnitude(one.flux) > 21 for one in truth)
    assert found["fit_fixed"]["misclassified"] == found["fit_exact"]["misclassified"] <= faint < 6
    assert found["variational"]["misclassified"] == 0
