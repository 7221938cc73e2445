"""Noise beyond that of counting electrons: of the read-out, or what an inverse variance says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Bools, Floats
from fpga_ml.science.celeste.frames.sky import estimate_sky

READ_NOISE_KEYS = ("RDNOISE", "READNOIS", "READNOISE", "RON", "ENOISE")
"""Electrons."""
AMPLIFIER_READ_NOISE_KEYS = ("RDNOISEA", "RDNOISEB", "RDNOISEC", "RDNOISED")
_BRIGHT = 10.0
"""Standard deviations above the sky of pixels that tell whether weights contain the noise of sources."""
_ENOUGH = 20


def read_noise(header: Mapping[str, Any]) -> tuple[float, tuple[str, ...]]:
    """Electrons of a pixel, 0 where the header does not say, and a note; the root mean square of amplifiers."""
    values = {key: header.get(key) for key in (*READ_NOISE_KEYS, *AMPLIFIER_READ_NOISE_KEYS)}
    known = {key: float(value) for key, value in values.items() if isinstance(value, int | float) and value > 0}
    single = next((key for key in READ_NOISE_KEYS if key in known), None)
    if single is not None:
        return known[single], (f"{single}: {known[single]:g} electrons",)
    if known:
        mean = float(np.sqrt(np.mean(np.square(list(known.values())))))
        return mean, (f"read-out noise of {len(known)} amplifiers: {mean:.3g} electrons",)
    return 0.0, ()


def from_inverse_variance(
    weight: Floats, electrons: Floats, background: Floats, masked: Bools, with_sources: bool | None
) -> tuple[Floats, Bools, tuple[str, ...]]:
    """Electrons^2 of noise beyond Poisson (H, W), the pixels of no weight (H, W), and notes.

    weight: (H, W) 1 / electrons^2; background: of the sky, 0 where it was subtracted and is not known: its noise is then in
    what is returned. The model counts the noise of sources itself. with_sources: whether the weights contain it; if None,
    bright pixels tell. Where they do, the noise of sky and read-out is the smooth part of 1 / weight, over meshes, with the
    sources left out; else it is 1 / weight of each pixel. The sky's own Poisson noise is then taken off.
    """
    empty = ~(np.isfinite(weight) & (weight > 0))
    hidden = empty | masked
    if hidden.all():
        raise FpgaMlError("no pixel has a weight above 0", where="inverse variance", do="check --ivar and --mask")
    total = np.where(empty, 0.0, 1 / np.where(empty, 1.0, weight))
    if with_sources is None:
        with_sources = _contain_sources(total, electrons - background, hidden)
    noise = estimate_sky(total, hidden)[0] if with_sources else total
    said = "contain" if with_sources else "do not contain"
    notes: tuple[str, ...] = (f"the weights {said} the noise of sources",)
    if np.median(noise[~hidden]) < 0.8 * np.median(background[~hidden]):
        notes += ("the weights promise less noise than the sky's electrons have: is the gain right?",)
    usual = float(np.median(noise[~hidden]))
    beyond = np.maximum(np.where(empty, usual, noise) - np.maximum(background, 0), 0)
    return beyond, empty, notes


def _contain_sources(total: Floats, light: Floats, hidden: Bools) -> bool:
    """Whether the variance rises by an electron squared for an electron of light."""
    usual = float(np.median(total[~hidden]))
    bright = ~hidden & (light > _BRIGHT * np.sqrt(usual)) & (light > 0.1 * usual)
    if bright.sum() < _ENOUGH:
        return False
    return float(np.median((total[bright] - usual) / light[bright])) > 0.5
