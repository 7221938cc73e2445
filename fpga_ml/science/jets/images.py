"""Jet images as the hardware sees them: centre, crop, normalise, standardise, saturate, quantise.

The recipe is that of Komiske, Metodiev, Schwartz, arXiv:1612.01551, section 3: the images arrive centred, cropped
and jointly normalised (charged + neutral pT fractions of a jet sum to 1); the training mean of each pixel is
subtracted and the result is divided by (sigma + r). Two things are ours, both for fixed point: r is 1e-2 where the
paper has 1e-5 (with 1e-5 a pixel never hit in training yields inputs up to 1e5), and the result saturates.
Generators, trainers and the vectors that reach the hardware all come through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.science.jets.constituents import Constituents

Floats = npt.NDArray[np.float32]
PIXELS = 33
_PART = 4096  # images decoded or summed at a time


@dataclass(frozen=True)
class Standardise:
    """Per-pixel standardisation followed by rounding to signed fixed point.

    mean, sigma: (33, 33, 3), of the training images; r: the floor added to sigma, same unit as the images.
    width_bits, integer_bits: the input type, ap_fixed<width, integer, AP_RND_CONV, AP_SAT>.
    """

    mean: Floats
    sigma: Floats
    r: float = 1e-2
    width_bits: int = 8
    integer_bits: int = 5

    @classmethod
    def fit(cls, images: Floats, r: float = 1e-2, mirrored: bool = False) -> Standardise:
        """From training images (N, 33, 33, 3); moments in float64, kept as float32. mirrored: the moments of the images and
        their mirror images in both directions, so that an image turned over has the codes turned over."""
        mean, square = images.mean(0, dtype=np.float64), _mean_square(images)
        if mirrored:
            mean, square = _mirrored(mean), _mirrored(square)
        sigma = np.sqrt(np.maximum(square - mean**2, 0.0))
        return cls(mean.astype(np.float32), sigma.astype(np.float32), r)

    @classmethod
    def load(cls, path: Path) -> Standardise:
        with np.load(path) as z:
            return cls(z["mean"], z["sigma"], float(z["r"]), int(z["width_bits"]), int(z["integer_bits"]))

    def save(self, path: Path) -> None:
        np.savez_compressed(
            path,
            mean=self.mean,
            sigma=self.sigma,
            r=self.r,
            width_bits=self.width_bits,
            integer_bits=self.integer_bits,
        )

    @property
    def lsb(self) -> float:
        """Value of one step of the input type."""
        return float(2.0 ** (self.integer_bits - self.width_bits))

    def real(self, images: Floats) -> Floats:
        """(N, 33, 33, 3) raw images to standardised ones, float32, not yet saturated."""
        return (images - self.mean) / (self.sigma + np.float32(self.r))

    def codes(self, images: Floats) -> npt.NDArray[np.uint8]:
        """(N, 33, 33, 3) raw images to uint8 codes: value = (code - 128) * lsb for an 8-bit type."""
        half = 1 << (self.width_bits - 1)
        raw = np.clip(np.rint(self.real(images) / np.float32(self.lsb)), -half, half - 1)
        codes: npt.NDArray[np.uint8] = (raw + half).astype(np.uint8)
        return codes

    def decode(self, codes: npt.NDArray[np.uint8]) -> Floats:
        """uint8 codes to the exact values that the first layer receives, float32."""
        half = 1 << (self.width_bits - 1)
        return (codes.astype(np.float32) - np.float32(half)) * np.float32(self.lsb)

    def in_parts(self, codes: npt.NDArray[np.uint8]) -> Iterator[Floats]:
        """`decode` of some thousand images at a time: all of them would fill the memory."""
        yield from map(self.decode, np.array_split(codes, max(len(codes) // _PART, 1)))

    def saturated(self, images: Floats) -> int:
        """How many pixels lie outside the input type's range."""
        half = 1 << (self.width_bits - 1)
        scaled = np.rint(self.real(images) / np.float32(self.lsb))
        return int(np.count_nonzero((scaled < -half) | (scaled > half - 1)))


def _mean_square(images: Floats) -> npt.NDArray[np.float64]:
    """(33, 33, 3), summed in parts: a float64 copy of all images would fill the memory."""
    parts = [np.square(p, dtype=np.float64).sum(0) for p in np.array_split(images, max(len(images) // _PART, 1))]
    total: npt.NDArray[np.float64] = np.sum(parts, axis=0) / len(images)
    return total


def _mirrored(moment: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean over the four mirror images of (height, width, channels)."""
    rows = moment + np.flip(moment, 0)
    both: npt.NDArray[np.float64] = (rows + np.flip(rows, 1)) / 4
    return both


def pixelate(jet: Constituents, half_width: float) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """A centred jet as (pT fractions (33, 33, 2) charged and neutral, charged counts (33, 33)).

    The image covers 2 half_width squared (radians, rapidity units); what falls outside is cropped, and what is left is
    normalised so that charged + neutral sum to 1. Counts are not normalised.
    """
    place = np.stack([np.floor((a + half_width) / (2 * half_width) * PIXELS) for a in (jet.eta, jet.phi)]).astype(int)
    inside = ((place >= 0) & (place < PIXELS)).all(0)
    fractions = np.zeros((PIXELS, PIXELS, 2))
    counts = np.zeros((PIXELS, PIXELS), np.uint8)
    np.add.at(fractions, (*place[:, inside], np.where(jet.charged, 0, 1)[inside]), jet.pt[inside])
    np.add.at(counts, tuple(place[:, inside & jet.charged]), 1)
    total = fractions.sum()
    return (fractions / (total if total else 1.0)).astype(np.float32), counts


def stack_channels(pt: npt.NDArray[np.floating], nch: npt.NDArray[np.integer]) -> Floats:
    """(N,33,33,2) pT fractions (charged, neutral) and (N,33,33) charged counts to (N,33,33,3) float32 images."""
    return np.concatenate([pt.astype(np.float32), nch[..., None].astype(np.float32)], axis=-1)


def grey_channel(pt: npt.NDArray[np.floating]) -> Floats:
    """(N,33,33,2) pT fractions (charged, neutral) to (N,33,33,1) float32 images of their sum."""
    total: Floats = pt.astype(np.float32).sum(-1, keepdims=True)
    return total


def images_of(jets: Mapping[str, npt.NDArray[Any]], *, grey: bool) -> Floats:
    """Images of a set's jets, its arrays pt and nch: three channels, or the whole pT alone."""
    return grey_channel(jets["pt"]) if grey else stack_channels(jets["pt"], jets["nch"])
