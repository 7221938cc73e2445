"""Images of DECam as its community pipeline writes them: ooi image, oow inverse variance, ood data quality, fpacked, one HDU
a CCD (NOIRLab, PL206; the codes of data quality changed with version 3.5.0 of the pipeline, PLVER)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.frames.frame import Flag, Flags, mark, no_flags

CODES = {1: Flag.BAD, 2: Flag.BAD, 3: Flag.SATURATED, 4: Flag.BLEED, 5: Flag.COSMIC, 6: Flag.BAD, 8: Flag.BAD}
"""From version 3.5.0: bad, no value, saturated, bleed, cosmic ray, low weight, streak; 7, a difference from other exposures,
is kept."""
BITS = {1: Flag.BAD, 2: Flag.SATURATED, 4: Flag.BAD, 16: Flag.COSMIC, 64: Flag.BLEED}
"""Before: bad, saturated, interpolated, cosmic ray, bleed; 128, a difference from other exposures, is kept."""


def is_decam(header: Mapping[str, Any]) -> bool:
    return str(header.get("INSTRUME", "")).strip().lower() == "decam"


def quality_flags(values: npt.NDArray[np.generic], header: Mapping[str, Any], where: str) -> Flags:
    """(H, W) of an ood image. header: with PLVER, which tells codes from bits."""
    found = re.search(r"(\d+)\.(\d+)", str(header.get("PLVER", "")))
    if found is None:
        raise FpgaMlError(
            "the header has no PLVER: whether data quality is in codes or in bits is not known",
            where=where,
            do="give the file as the pipeline wrote it, or the bits that are bad with --mask-bits",
        )
    quality, flags = values.astype(np.int64), no_flags(values.shape)
    codes = (int(found[1]), int(found[2])) >= (3, 5)
    for value, flag in (CODES if codes else BITS).items():
        mark(flags, (quality == value) if codes else (quality & value != 0), flag)
    return flags


def band_of(header: Mapping[str, Any]) -> str | None:
    """'g' of FILTER = 'g DECam SDSS c0001 4720.0 1520.0', 'r' of 'SDSS r', 'r.MP9601' or "r'"; else the first word."""
    words = re.findall(r"[A-Za-z0-9]+", str(header.get("FILTER", "")))
    return next((word for word in words if word in tuple("ugrizy")), words[0] if words else None)
