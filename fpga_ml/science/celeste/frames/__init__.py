"""Survey images as they are published, made ready for a fit: units, astrometry, masks, noise, sky and PSF."""

from fpga_ml.science.celeste.frames.frame import ConstantPsf, Flag, Frame, PsfModel, no_flags
from fpga_ml.science.celeste.frames.psf_images import Mixture, VaryingPsf, mixture_of
from fpga_ml.science.celeste.frames.read import Options, read_frame
from fpga_ml.science.celeste.frames.units import Calibration, Given, calibration

__all__ = [
    "Calibration",
    "ConstantPsf",
    "Flag",
    "Frame",
    "Given",
    "Mixture",
    "Options",
    "PsfModel",
    "VaryingPsf",
    "calibration",
    "mixture_of",
    "no_flags",
    "read_frame",
]
