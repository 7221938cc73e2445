"""Spectra of jet images, simulated or generated: mass, pT, lit pixels; and distances between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_ml.science.jets.metrics import ks_distance

SIDE = 16
PIXEL = 2 * 0.8 / 33
PT_UNIT_GEV = 16.0
LIT_GEV = 0.5
SPECTRA = ("mass", "pt", "lit")


def pair_masses() -> np.ndarray:
    """(256, 256): squared mass of two massless pixels of 1 GeV each, halved: m^2 = p^T K p over all ordered pairs."""
    at = (np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL
    eta, phi = (a.reshape(-1) for a in np.meshgrid(at, at, indexing="ij"))
    squared: np.ndarray = np.cosh(eta[:, None] - eta) - np.cos(phi[:, None] - phi)
    return squared


def spectra(images_gev: np.ndarray) -> dict[str, np.ndarray]:
    """Of images (N, 16, 16, 1) in GeV: mass (GeV) of massless pixels, pT (GeV, their scalar sum), pixels above 0.5 GeV."""
    flat = np.asarray(images_gev, np.float64).reshape(len(images_gev), -1)
    squared = np.einsum("ni,ni->n", flat @ pair_masses(), flat)
    return {"mass": np.sqrt(np.maximum(squared, 0.0)), "pt": flat.sum(1), "lit": (flat > LIT_GEV).sum(1).astype(float)}


def rebin(fractions: np.ndarray, jet_pt: np.ndarray) -> np.ndarray:
    """Images (N, 33, 33, 2) of pT fractions and jet pT (N,) in GeV to (N, 16, 16, 1) in GeV, charged + neutral."""
    total = np.asarray(fractions, np.float32).sum(-1)[:, :32, :32] * jet_pt[:, None, None].astype(np.float32)
    joined: np.ndarray = total.reshape(-1, SIDE, 2, SIDE, 2).sum((2, 4))[..., None]
    return joined


def figures(outputs: Sequence[np.ndarray], sample: Mapping[str, np.ndarray]) -> dict[str, float]:
    """ks_{mass,pt,lit}: distance to the simulated jets of the sample; ks_{...}_to_float: to the float generator on the same
    latent numbers; mean_{...} of the generated."""
    here = spectra(np.asarray(outputs[0]) * PT_UNIT_GEV)
    floats = spectra(np.asarray(sample["float"][0]) * PT_UNIT_GEV)
    found = {f"ks_{k}": ks_distance(here[k], np.asarray(sample[k], np.float64)) for k in SPECTRA}
    found |= {f"ks_{k}_to_float": ks_distance(here[k], floats[k]) for k in SPECTRA}
    return found | {f"mean_{k}": float(here[k].mean()) for k in SPECTRA}
