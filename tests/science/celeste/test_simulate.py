"""Images drawn from the model, and by GalSim."""

from __future__ import annotations

import numpy as np

from fpga_ml.science.celeste import SDSS_PSF, Exposure, Galaxy, Star
from fpga_ml.science.celeste.simulate import render, render_galsim


def test_both_renderers_agree() -> None:
    """To a percent of the brightest pixel, on an image of even and odd sides, sources at its edge among them."""
    sources = [
        Star(10.3, -4.8, 40.0),
        Galaxy(-30.0, 12.4, 80.0, 0.4, 0.6, 0.5, 2.5),
        Galaxy(44.0, 38.0, 50.0, 0.4, 0.8, 2.5, 1.5),
    ]
    ours, theirs = (paint(sources, Exposure(SDSS_PSF[2], 900.0), (80, 91)) for paint in (render, render_galsim))
    assert np.abs(ours - theirs).max() < 0.01 * theirs.max()
