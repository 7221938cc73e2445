"""Finding sources in images of one piece of sky, all bands together, by sep (Bertin & Arnouts 1996; Barbary 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform

from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Frame
from fpga_ml.science.celeste.survey.sky import local

Rows = npt.NDArray[np.void]
DETECTION = np.dtype([(name, "f8") for name in ("ra", "dec", "snr", "flux", "log_size", "stretch_1", "stretch_2")])
"""ra, dec: degrees; snr: of the detection image; flux: nanomaggies, mean of all bands; rest: the shape behind the PSF, as
posterior.NAMES has it, from moments above the threshold."""
_KERNEL_SIDE = 9
_LEAST_PX2 = 0.1


def detect(frames: Sequence[Frame], threshold: float = 4.5, least_pixels: int = 3, models: Sequence[Floats] = ()) -> Rows:
    """(N,) of DETECTION. threshold: standard deviations of the filtered detection image; models: (H, W) electrons of sources
    that are known, for each frame.

    The detection image is the mean of the images in nanomaggies, weighted by inverse variance, in the pixels of the first.
    """
    import sep

    first = frames[0]
    height, width = first.electrons.shape
    total, weights = np.zeros((height, width)), np.zeros((height, width))
    for frame, model in zip(frames, models or [np.zeros(frame.shape) for frame in frames], strict=True):
        light, weight = _weighed(frame, model)
        if frame is not first:
            light, weight = _onto(first, frame, light, weight)
        total, weights = total + light, weights + weight
    seen = weights > 0
    mean = np.where(seen, total / np.where(seen, weights, 1.0), 0.0)
    noise = np.where(
        seen, 1 / np.sqrt(np.where(seen, weights, 1.0)), np.sqrt(1 / weights[seen].mean()) if seen.any() else 1.0
    )
    psf = first.psf.at(width / 2, height / 2)
    reach = np.arange(_KERNEL_SIDE) - _KERNEL_SIDE // 2
    kernel = psf.at(*(axis.astype(np.float64) for axis in np.meshgrid(reach, reach)))
    sep.set_extract_pixstack(1_000_000)
    found = sep.extract(
        np.ascontiguousarray(mean),
        threshold,
        err=np.ascontiguousarray(noise),
        mask=~seen,
        minarea=least_pixels,
        filter_kernel=kernel,
        filter_type="matched",
        deblend_nthresh=32,
        deblend_cont=0.003,
        clean=False,  # it takes sources some arc seconds from bright ones away, which the fit tells apart
    )
    rows = np.zeros(len(found), DETECTION)
    rows["ra"], rows["dec"] = first.wcs.pixel_to_world_values(found["x"], found["y"])
    flux, error, _ = sep.sum_circle(mean, found["x"], found["y"], 2 * psf.second_moment() ** 0.5, err=noise)
    rows["flux"], rows["snr"] = found["flux"], flux / error
    for row, one in zip(rows, found, strict=True):
        shape = np.array([[one["x2"], one["xy"]], [one["xy"], one["y2"]]]) - psf.second_moment() * np.eye(2)
        turn: Floats = np.asarray(np.linalg.inv(local(first, row["ra"], row["dec"]).scale), dtype=np.float64)
        row["log_size"], row["stretch_1"], row["stretch_2"] = _as_shape(turn @ shape @ turn.T, turn)
    return rows


def _weighed(frame: Frame, model: Floats) -> tuple[Floats, Floats]:
    """(H, W) nanomaggies times weight, and weight."""
    variance = frame.background + frame.variance + np.maximum(model, 0.0)
    weight = np.where(frame.masked, 0.0, frame.gain**2 / variance)
    above = np.where(frame.masked, 0.0, frame.electrons - frame.background - model)
    return weight * above / frame.gain, weight


def _onto(first: Frame, frame: Frame, light: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """A frame's light and weight in the pixels of the first, to first order about its middle; 0 outside.

    One of its pixels is several of the frame's, or a part of one: its flux and its variance are so many times as large.
    """
    height, width = first.shape
    ra, dec = (float(one) for one in first.wcs.pixel_to_world_values(width / 2, height / 2))
    there, here = local(frame, ra, dec), local(first, ra, dec)
    pixels = (here.pixel_arcsec / there.pixel_arcsec) ** 2
    turn = there.scale @ np.linalg.inv(here.scale)
    shift = np.array([there.column, there.row]) - turn @ [here.column, here.row]
    if np.allclose(turn, np.eye(2), atol=1e-6) and np.allclose(shift, 0, atol=1e-3) and frame.shape == first.shape:
        return light, weight / pixels

    def moved(values: Floats) -> Floats:
        flipped = turn[::-1, ::-1]  # scipy counts rows first
        found: Floats = affine_transform(values, flipped, shift[::-1], (height, width), order=1, cval=0.0)
        return found

    return moved(light), moved(weight) / pixels


def _as_shape(ellipse: Floats, turn: Floats) -> tuple[float, float, float]:
    """Log size and stretch of a covariance in arc seconds^2, no smaller than a third of a pixel."""
    least = _LEAST_PX2 * abs(np.linalg.det(turn))
    values, vectors = np.linalg.eigh(ellipse)
    minor, major = np.maximum(values, least)
    length, angle = min(0.5 * np.log(major / minor), 1.5), 2 * np.arctan2(vectors[1, 1], vectors[0, 1])
    return 0.25 * np.log(major * minor), length * np.cos(angle), length * np.sin(angle)
