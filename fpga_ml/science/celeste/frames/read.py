"""Reads an image of any of the layouts that are known: the one way in."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames import decam, sdss
from fpga_ml.science.celeste.frames.cosmics import cosmic_rays
from fpga_ml.science.celeste.frames.fits_files import choice_note, headers, image_hdu, number_or_name, opened, pixels
from fpga_ml.science.celeste.frames.frame import ConstantPsf, Flag, Flags, Frame, PsfModel, mark, no_flags
from fpga_ml.science.celeste.frames.masks import read_mask, read_weights
from fpga_ml.science.celeste.frames.noise import from_inverse_variance, read_noise
from fpga_ml.science.celeste.frames.psf import read_psf
from fpga_ml.science.celeste.frames.saturation import saturation_flags
from fpga_ml.science.celeste.frames.sky import estimate_sky
from fpga_ml.science.celeste.frames.units import Given, calibration
from fpga_ml.science.celeste.profiles import SDSS_PSF, Psf

SATURATION_KEYS = ("SATURATE", "SATLEVEL", "SATURATA", "SATURATB")
"""In the file's units; the lowest holds."""
_FWHM_OF_SIGMA = 2.355
_FAR = 5.0
"""Standard deviations of a pixel by which a sky is wrong."""


@dataclass(frozen=True)
class Options:
    """What the user says of a file; None for what the header is to tell, or for what there is not.

    hdu: number or name; given: units; sky: electrons a pixel, one number or (H, W), or "auto"; sky_subtracted: the file is
    without sky; read_noise: electrons; saturate: level in the file's units; mask, ivar: a file ("mask.fits" or
    "mask.fits[2]"), or an HDU of the image's; mask_bits: those that are bad; mask_zeros: pixels of exactly 0 are bad;
    ivar_with_sources: whether weights contain the noise of sources; cosmics: look for cosmic rays; psf: a file or a Psf;
    psf_terms: its Gaussians; band: its name.
    """

    hdu: int | str | None = None
    given: Given = field(default_factory=Given)
    sky: float | Floats | Literal["auto"] | None = None
    sky_subtracted: bool = False
    read_noise: float | None = None
    saturate: float | None = None
    mask: str | None = None
    mask_bits: int | None = None
    mask_zeros: bool = False
    ivar: str | None = None
    ivar_with_sources: bool | None = None
    cosmics: bool = False
    psf: Path | str | Psf | None = None
    psf_terms: int | None = None
    band: str | None = None

    @property
    def recalibrated(self) -> bool:
        """Whether the user says what SDSS's own layout would."""
        return self.given != Given() or self.sky is not None or self.sky_subtracted


def read_frame(path: Path | str, options: Options = Options()) -> Frame:
    """An image of a FITS file, of SDSS (frame), DECam's community pipeline (ooi), or any with its units in the header.

    Raises FpgaMlError with the option to give where something needed is not known.
    """
    with opened(path) as file:
        if sdss.is_sdss_frame(file) and not options.recalibrated:
            frame = _sdss(file, path, options)
        else:
            frame = _plain(file, path, options)
    if options.cosmics:
        frame = _without_cosmics(frame)
    return frame


def _sdss(file: Any, path: Path | str, options: Options) -> Frame:
    found = sdss.sdss_image(file, str(path))
    shape = (found.electrons.shape[0], found.electrons.shape[1])
    wcs, told = _astrometry(file[0])
    flags = _flags(found.electrons, path, options, None)
    psf, notes = _psf(options, options.band or found.band, shape)
    return Frame(
        electrons=_finite(found.electrons, flags),
        background=found.background,
        flags=flags,
        gain=found.gain,
        psf=psf,
        variance=found.variance,
        wcs=wcs,
        band=found.band,
        notes=("SDSS frame: counts by HDU 1 and 2, noise by the data model's tables", *told, *notes),
    )


def _plain(file: Any, path: Path | str, options: Options) -> Frame:
    hdu = image_hdu(file, options.hdu, path)
    header, values = headers(file, hdu), pixels(hdu)
    shape = (values.shape[0], values.shape[1])
    named = options.hdu if options.hdu is not None else (hdu.name or None)
    if decam.is_decam(header) and not header.get("BUNIT") and options.given.units is None:
        header["BUNIT"] = "adu"
    scale = calibration(header, options.given)
    electrons = values * scale.electrons_per_unit
    flags = _flags(values, path, options, named)
    background, spread, notes = _sky(electrons, flags, options)
    if options.sky_subtracted:
        electrons = electrons + background
    level, note = _saturation(header, options)
    if level is not None:
        flags |= saturation_flags(electrons / scale.electrons_per_unit, level)
    variance, empty, noise_notes = _noise(
        electrons, background, spread, flags, scale.electrons_per_unit, path, named, header, options
    )
    mark(flags, empty, Flag.BAD)
    band = options.band or decam.band_of(header)
    psf, psf_notes = _psf(options, band, shape)
    wcs, told = _astrometry(hdu)
    return Frame(
        electrons=_finite(electrons, flags),
        background=background,
        flags=flags,
        gain=scale.gain,
        psf=psf,
        variance=variance,
        wcs=wcs,
        band=band,
        notes=(*choice_note(file, hdu, options.hdu), *scale.notes, *notes, *note, *noise_notes, *told, *psf_notes),
    )


def _flags(values: Floats, path: Path | str, options: Options, hdu: int | str | None) -> Flags:
    """(H, W) of pixels that are not finite, that a mask takes out, or that are 0 where the user says that it means dead."""
    flags = no_flags(values.shape)
    mark(flags, ~np.isfinite(values), Flag.BAD)
    if options.mask_zeros:
        mark(flags, values == 0, Flag.BAD)
    if options.mask is not None:
        flags |= read_mask(options.mask, path, hdu, (values.shape[0], values.shape[1]), options.mask_bits)
    if (flags != 0).all():
        raise FpgaMlError("all pixels are masked or not finite", where=str(path), do="check --mask and --mask-bits")
    return flags


def _sky(electrons: Floats, flags: Flags, options: Options) -> tuple[Floats, Floats | None, tuple[str, ...]]:
    """(H, W) sky, (H, W) its standard deviation where it was measured, and notes."""
    if options.sky is None or isinstance(options.sky, str):
        sky, spread = estimate_sky(electrons, flags != 0)
        if options.sky_subtracted:
            return np.zeros_like(electrons), spread, ()
        return sky, spread, (f"sky: {np.median(sky):.4g} electrons a pixel, estimated",)
    given = np.asarray(options.sky, dtype=np.float64)
    if not np.isfinite(given).all() or given.min() < 0:
        raise FpgaMlError(f"the sky is {given.min():g} electrons a pixel, below 0", do="give another --sky, or --sky auto")
    return np.broadcast_to(given, electrons.shape).copy(), None, _check_sky(electrons, given, flags, options)


def _check_sky(electrons: Floats, given: Floats, flags: Flags, options: Options) -> tuple[str, ...]:
    """An error where the image is far darker than the sky that was given, a note where it is far brighter."""
    level, spread = (float(np.median(one)) for one in estimate_sky(electrons, flags != 0))
    said = 0.0 if options.sky_subtracted else float(np.median(given))
    told = f"the image has about {level:.4g} electrons a pixel where it is empty, {said:.4g} were expected"
    if level < said - _FAR * spread:
        raise FpgaMlError(told, do="give another --sky, or --sky-subtracted if the file is without it")
    return (told,) if level > said + _FAR * spread else ()


def _noise(
    electrons: Floats,
    background: Floats,
    spread: Floats | None,
    flags: Flags,
    per_unit: float,
    path: Path | str,
    hdu: int | str | None,
    header: Mapping[str, Any],
    options: Options,
) -> tuple[float | Floats, Any, tuple[str, ...]]:
    """Electrons^2 beyond Poisson, pixels of no weight, and notes."""
    none = np.zeros(electrons.shape, dtype=np.bool_)
    if options.ivar is not None:
        shape = (electrons.shape[0], electrons.shape[1])
        weight = read_weights(options.ivar, path, hdu, shape) / per_unit**2
        return from_inverse_variance(weight, electrons, background, flags != 0, options.ivar_with_sources)
    if options.read_noise is not None:
        if not 0 <= options.read_noise < np.inf:
            raise FpgaMlError(f"the read-out noise is {options.read_noise:g} electrons", do="give --read-noise of 0 or more")
        electronic = options.read_noise
        notes: tuple[str, ...] = (f"read-out noise: {options.read_noise:g} electrons, as given",)
    else:
        electronic, notes = read_noise(header)
    if spread is None:
        return electronic**2, none, notes
    if options.sky_subtracted:
        return spread**2, none, (f"noise of the sky: {np.median(spread):.3g} electrons a pixel, measured",)
    expected = float(np.median(background)) + electronic**2
    if np.median(spread) ** 2 > 2 * expected:
        raise FpgaMlError(
            f"the sky's noise is {np.median(spread):.3g} electrons a pixel, its level {np.median(background):.3g}: the sky"
            " seems to have been subtracted, or the gain is wrong",
            where=str(path),
            do="give --sky-subtracted (with --sky, if it is known), --ivar, --read-noise or another --adu-gain",
        )
    return electronic**2, none, notes


def _saturation(header: Mapping[str, Any], options: Options) -> tuple[float | None, tuple[str, ...]]:
    if options.saturate is not None:
        return options.saturate, ()
    known = {key: header.get(key) for key in SATURATION_KEYS}
    levels = {key: float(value) for key, value in known.items() if isinstance(value, int | float) and value > 0}
    if not levels:
        return None, ()
    key = "SATURATE" if "SATURATE" in levels else min(levels, key=lambda name: levels[name])
    return levels[key], (f"{key}: saturated from {levels[key]:g} units of the file on",)


def _psf(options: Options, band: str | None, shape: tuple[int, int]) -> tuple[PsfModel, tuple[str, ...]]:
    if options.psf is None:
        return ConstantPsf(SDSS_PSF[2]), ("no PSF was given: one like those of SDSS is taken, 3.3 px wide",)
    if isinstance(options.psf, Psf):
        return ConstantPsf(options.psf), ()
    return read_psf(options.psf, band, shape, options.psf_terms)


def _astrometry(hdu: Any) -> tuple[Any, tuple[str, ...]]:
    """astropy's WCS, or None where the header has no celestial one; a note if it has one that cannot be read."""
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = WCS(hdu.header, naxis=2)
        except (ValueError, KeyError, MemoryError) as error:
            return None, (f"the header's coordinates cannot be read: {error}",)
    return (found if found.has_celestial else None), ()


def _without_cosmics(frame: Frame) -> Frame:
    height, width = frame.shape
    fwhm = _FWHM_OF_SIGMA * frame.psf.at(width / 2, height / 2).second_moment() ** 0.5
    hits = cosmic_rays(frame.electrons, frame.background, frame.variance, frame.masked, min(fwhm, 8.0))
    flags = frame.flags.copy()
    mark(flags, hits, Flag.COSMIC)
    return replace(frame, flags=flags, notes=(*frame.notes, f"cosmic rays: {int(hits.sum())} pixels"))


def _finite(electrons: Floats, flags: Flags) -> Floats:
    """With 0 in flagged pixels that are not finite."""
    found: Floats = np.where((flags != 0) & ~np.isfinite(electrons), 0.0, electrons)
    return found


__all__ = ["Given", "Options", "number_or_name", "read_frame"]
