"""Celeste: sources in telescope images (Regier et al. 2015), fitted through a pixel-likelihood kernel that can be
hardware."""

from fpga_ml.science.celeste.ascent import Settings
from fpga_ml.science.celeste.evaluator import Evaluator, Float64, Patch, Result
from fpga_ml.science.celeste.fit import Fit, Position, fit
from fpga_ml.science.celeste.profiles import SDSS_PSF, Psf
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Star

__all__ = [
    "SDSS_PSF",
    "Evaluator",
    "Exposure",
    "Fit",
    "Float64",
    "Galaxy",
    "Patch",
    "Position",
    "Psf",
    "Result",
    "Settings",
    "Star",
    "fit",
]
