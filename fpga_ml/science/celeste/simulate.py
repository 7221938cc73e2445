"""Images like those of SDSS, with known sources in them: patches drawn from the model, and fields, by GalSim where it is
installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fpga_ml.science.celeste.evaluator import Floats, Patch
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.profiles import SDSS_PSF, Psf
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Source, Star, flux_of, scene

GAIN = 900.0
"""Electrons a nanomaggie."""
SKY = 600.0
"""Electrons a pixel."""
SIDE = 51
"""Pixels of a patch's side."""
SDSS = Exposure(SDSS_PSF[2], GAIN)

_MAGNITUDES = {"star": (21.7, 18.8, 15.0), "galaxy": (20.0, 16.3)}
_BLEND: tuple[Source, ...] = (
    Star(0.0, 0.0, 30.0),
    Galaxy(7.0, 3.0, 60.0, 0.3, 0.5, 1.0, 2.5),
    Star(-6.0, 5.0, 10.0),
    Galaxy(-4.0, -9.0, 20.0, 0.7, 0.8, 2.0, 1.8),
    Star(9.0, -8.0, 100.0),
)


def _galaxy(magnitude: float, radius: float = 2.5) -> Galaxy:
    return Galaxy(0.0, 0.0, flux_of(magnitude), de_vaucouleurs=0.4, axis_ratio=0.6, angle=0.5, radius=radius)


SCENES: dict[str, tuple[Source, ...]] = {
    **{f"star r={r}": (Star(0.0, 0.0, flux_of(r)),) for r in _MAGNITUDES["star"]},
    **{f"galaxy r={r}": (_galaxy(r),) for r in _MAGNITUDES["galaxy"]},
    "blend of five": _BLEND,
}
"""Sources at whole pixels; `observe` moves them within."""
UNCLEAR: dict[str, tuple[Source, ...]] = {
    f"galaxy r={r} of {radius} px": (_galaxy(r, radius),) for r, radius in ((20.5, 1.0), (21.0, 1.0), (21.7, 1.8))
}
"""Galaxies hardly larger than the PSF or hardly brighter than the sky's noise: some are taken for stars."""


def observe(
    sources: Sequence[Source], seed: int, exposure: Exposure = SDSS, sky: float = SKY, side: int = SIDE
) -> tuple[Patch, tuple[Source, ...]]:
    """A patch with Poisson noise, and its sources, each moved by up to half a pixel along both axes."""
    random = np.random.default_rng(seed)
    moves = random.uniform(-0.5, 0.5, (len(sources), 2))
    moved = tuple(replace(one, x=one.x + dx, y=one.y + dy) for one, (dx, dy) in zip(sources, moves.tolist(), strict=True))
    background = np.full((side, side), sky)
    return Patch(random.poisson(rate(scene(moved, exposure), background)).astype(np.float64), background), moved


def render(sources: Sequence[Source], exposure: Exposure, shape: tuple[int, int]) -> Floats:
    """(H, W) expected electrons of the sources, from the model's own mixtures; offsets are from pixel (W // 2, H // 2)."""
    return rate(scene(sources, exposure), np.zeros(shape))


def render_galsim(sources: Sequence[Source], exposure: Exposure, shape: tuple[int, int]) -> Floats:
    """The same from GalSim's profiles: galaxies are not mixtures there, so that the model is not quite true."""
    import galsim

    image = galsim.ImageD(shape[1], shape[0], xmin=-(shape[1] // 2), ymin=-(shape[0] // 2), scale=1.0)
    point = galsim.Add([_galsim_gaussian(exposure.psf, k) for k in range(len(exposure.psf.weights))])
    for source in sources:
        light = point
        if isinstance(source, Galaxy):
            round_radius, share = source.radius * source.axis_ratio**0.5, source.de_vaucouleurs
            body = share * galsim.DeVaucouleurs(round_radius, trunc=CUT * round_radius)
            body += (1 - share) * galsim.Exponential(round_radius)
            light = galsim.Convolve(body.shear(galsim.Shear(q=source.axis_ratio, beta=source.angle * galsim.radians)), point)
        reach = _REACH_PX + (12 * source.radius if isinstance(source, Galaxy) else 0)
        x, y, half = round(source.x), round(source.y), round(reach)
        window = galsim.BoundsI(x - half, x + half, y - half, y + half) & image.bounds
        if window.isDefined():
            bright = light.withScaledFlux(exposure.gain * source.flux)
            where = galsim.PositionD(source.x, source.y)
            bright.drawImage(image[window], center=where, method="no_pixel", add_to_image=True)
    electrons: Floats = np.maximum(image.array, 0.0)
    return electrons


_REACH_PX = 40
"""How far from a point its light is drawn; of a galaxy 12 radii further."""
CUT = 8 / 0.9155
"""SDSS's de Vaucouleurs profile, of which we have the mixture, ends at 8 effective radii: so many half-light radii."""


def _galsim_gaussian(psf: Psf, k: int) -> object:
    import galsim

    (minor2, major2), axes = np.linalg.eigh(psf.covariances[k])
    shear = galsim.Shear(q=(minor2 / major2) ** 0.5, beta=np.arctan2(axes[1, 1], axes[0, 1]) * galsim.radians)
    return galsim.Gaussian(sigma=(minor2 * major2) ** 0.25, flux=psf.weights[k]).shear(shear).shift(*psf.means[k])


def renderer() -> tuple[str, Callable[[Sequence[Source], Exposure, tuple[int, int]], Floats]]:
    """GalSim's where it is installed, else our own; with its name."""
    try:
        import galsim
    except ImportError:
        return "own mixtures", render
    return f"GalSim {galsim.__version__}", render_galsim
