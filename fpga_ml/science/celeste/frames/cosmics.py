"""Cosmic rays, by the Laplacian of the image (van Dokkum 2001, PASP 113, 1420) as astroscrappy finds them."""

from __future__ import annotations

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Bools, Floats


def cosmic_rays(electrons: Floats, background: Floats, variance: float | Floats, masked: Bools, fwhm: float = 3.0) -> Bools:
    """(H, W) true where a cosmic ray hit.

    electrons: (H, W), sky included; background: (H, W) of the sky; variance: electrons^2 of the read-out; masked: (H, W) not
    to be looked at; fwhm: of the PSF, pixels: its cores are not taken for cosmic rays.
    """
    try:
        from astroscrappy import detect_cosmics
    except ImportError:
        raise FpgaMlError("astroscrappy is not installed", do="pip install 'fpga_ml[celeste]'") from None
    clean = np.where(masked, background, electrons)
    noise = np.maximum(clean, 0) + variance
    found, _ = detect_cosmics(
        clean.astype(np.float32),
        inmask=masked,
        invar=np.maximum(noise, 1e-3).astype(np.float32),
        satlevel=np.inf,
        sigclip=5.0,
        fsmode="convolve",
        psfmodel="gauss",
        psffwhm=fwhm,
        psfsize=2 * int(fwhm) + 5,
        gain=1.0,
    )
    hits: Bools = np.asarray(found, dtype=np.bool_) & ~masked
    return hits
