"""What a file's numbers are: electrons a unit, and electrons a nanomaggie, from header and user. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.sources import ZERO_POINT_MAG

GAIN_KEYS = ("GAIN", "EGAIN", "CCDGAIN", "ATODGAIN", "ARAWGAIN")
"""Electrons an ADU."""
AMPLIFIER_GAIN_KEYS = ("GAINA", "GAINB", "GAINC", "GAIND")
EXPOSURE_KEYS = ("EXPTIME", "EXPOSURE", "TEXPTIME")
ZERO_POINT_KEYS = ("MAGZERO", "MAGZP", "ZP", "PHOTZP", "ZEROPT", "MAGZPT")
"""AB magnitude of one unit of the file."""
NANOMAGGIES_PER_JANSKY = 1e9 / 3631.0

_COUNTS = {"electron", "electrons", "e-", "e", "el", "photoelectron", "photoelectrons"}
_ADU = {"adu", "adus", "dn", "dns", "count", "counts", "ct", "cts", "du"}
_FLUX = {
    "nanomaggy": 1.0,
    "nanomaggies": 1.0,
    "nanomaggie": 1.0,
    "nmgy": 1.0,
    "nmgys": 1.0,
    "maggy": 1e9,
    "maggies": 1e9,
    "jy": NANOMAGGIES_PER_JANSKY,
    "mjy": 1e-3 * NANOMAGGIES_PER_JANSKY,
    "ujy": 1e-6 * NANOMAGGIES_PER_JANSKY,
    "njy": 1e-9 * NANOMAGGIES_PER_JANSKY,
}
_PER_SECOND = ("/s", "/sec", "/second", " s-1", " s**-1", "*s**-1", ".s-1", " per second", "ps")


@dataclass(frozen=True)
class Calibration:
    """electrons_per_unit: of the file's values; gain: electrons a nanomaggie; notes: where they are from."""

    electrons_per_unit: float
    gain: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """What the user says of the units, None for what the header is to tell. units: as BUNIT; electrons_per_unit: of the
    file's values; gain: electrons a nanomaggie; zero_point: AB magnitude of one unit of the file; adu_gain: electrons an
    ADU; exposure_time: seconds."""

    units: str | None = None
    electrons_per_unit: float | None = None
    gain: float | None = None
    zero_point: float | None = None
    adu_gain: float | None = None
    exposure_time: float | None = None

    def __post_init__(self) -> None:
        for name in ("electrons_per_unit", "gain", "adu_gain", "exposure_time"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise FpgaMlError(f"{name} is {value:g}, not above 0", do=f"give another --{name.replace('_', '-')}")


def calibration(header: Mapping[str, Any], given: Given) -> Calibration:
    """Electrons a unit and electrons a nanomaggie.

    A file in counts needs the flux of a count: NMGY (nanomaggies), FLUX20 or FLUXMAG0 (counts of magnitude 20 or 0), or a
    zero point; one in units of flux the electrons of a nanomaggie: by the user, or by GAIN and NMGY. Raises with what is
    to be given where neither header nor user says it.
    """
    unit, rate, notes = _unit(header, given)
    if unit in _FLUX:
        return _of_flux(header, given, _FLUX[unit], notes)
    electrons = given.electrons_per_unit or 1.0
    if given.electrons_per_unit is None:
        if unit in _ADU:
            electrons, note = _adu_gain(header, given)
            notes += note
        if rate:
            seconds, note = _seconds(header, given)
            electrons, notes = electrons * seconds, notes + note
    if given.gain is not None:
        return Calibration(electrons, given.gain, notes)
    per_nanomaggie, note = _units_per_nanomaggie(header, given, rate)
    return Calibration(electrons, electrons * per_nanomaggie, notes + note)


def _unit(header: Mapping[str, Any], given: Given) -> tuple[str, bool, tuple[str, ...]]:
    """The unit's name, whether it is a second's, and a note of where it is from."""
    text, note = given.units or str(header.get("BUNIT") or "").strip(), "units as given" if given.units else "BUNIT"
    if not text:
        if given.electrons_per_unit is not None:
            return "adu", False, (f"{given.electrons_per_unit:g} electrons a unit, as given",)
        raise FpgaMlError(
            "the header has no BUNIT: what the file's numbers are is not known",
            do="give --units (electron, adu, nanomaggy, electron/s, adu/s, Jy, ...) or --electrons-per-unit",
        )
    name = text.lower().strip()
    ending = next((one for one in _PER_SECOND if name.endswith(one)), "")
    name = name.removesuffix(ending).strip()
    mega = text.startswith("MJ")
    if mega or name not in _COUNTS | _ADU | set(_FLUX) or (ending and name in _FLUX):
        raise FpgaMlError(
            f"units '{text}' are not known",
            do="give --units: electron, adu, nanomaggy, Jy, mJy, uJy, nJy, or electron/s, adu/s",
        )
    return name, bool(ending), (f"{note}: {text}",)


def _of_flux(header: Mapping[str, Any], given: Given, nanomaggies: float, notes: tuple[str, ...]) -> Calibration:
    if given.gain is not None or given.electrons_per_unit is not None:
        gain = given.gain if given.gain is not None else (given.electrons_per_unit or 0.0) / nanomaggies
        return Calibration(given.electrons_per_unit or gain * nanomaggies, gain, notes)
    count = _positive(header, "NMGY")
    if count is None:
        raise FpgaMlError(
            "the electrons of a nanomaggie are not known: the header has units of flux, and no NMGY",
            do="give --gain, electrons a nanomaggie",
        )
    electrons, note = _adu_gain(header, given)
    gain = electrons / count
    return Calibration(gain * nanomaggies, gain, (*notes, *note, f"NMGY: {count:g} nanomaggies a count"))


def _adu_gain(header: Mapping[str, Any], given: Given) -> tuple[float, tuple[str, ...]]:
    if given.adu_gain is not None:
        return given.adu_gain, (f"{given.adu_gain:g} electrons an ADU, as given",)
    for key in GAIN_KEYS:
        found = _positive(header, key)
        if found is not None:
            return found, (f"{key}: {found:g} electrons an ADU",)
    amplifiers = [one for one in (_positive(header, key) for key in AMPLIFIER_GAIN_KEYS) if one is not None]
    if amplifiers:
        mean = float(np.mean(amplifiers))
        return mean, (f"mean gain of {len(amplifiers)} amplifiers: {mean:g} electrons an ADU",)
    raise FpgaMlError(
        "the electrons of an ADU are not known: the header has no GAIN", do="give --adu-gain or --electrons-per-unit"
    )


def _seconds(header: Mapping[str, Any], given: Given) -> tuple[float, tuple[str, ...]]:
    if given.exposure_time is not None:
        return given.exposure_time, (f"{given.exposure_time:g} s, as given",)
    for key in EXPOSURE_KEYS:
        found = _positive(header, key)
        if found is not None:
            return found, (f"{key}: {found:g} s",)
    raise FpgaMlError("the exposure time is not known: the file holds rates, and no EXPTIME", do="give --exposure-time")


def _units_per_nanomaggie(header: Mapping[str, Any], given: Given, rate: bool) -> tuple[float, tuple[str, ...]]:
    """Units of the file in a nanomaggie."""
    if given.zero_point is not None:
        return _by_zero_point(given.zero_point), (f"zero point {given.zero_point:g}, as given",)
    for key, magnitude in (("FLUXMAG0", 0.0), ("FLUX20", 20.0)):
        found = _positive(header, key)
        if found is not None:
            return found * 10 ** (0.4 * (magnitude - ZERO_POINT_MAG)), (
                f"{key}: {found:g} units of magnitude {magnitude:g}",
            )
    found = _positive(header, "NMGY")
    if found is not None:
        return 1 / found, (f"NMGY: {found:g} nanomaggies a unit",)
    for key in ZERO_POINT_KEYS:
        if _number(header, key) is None:
            continue
        value = float(header[key])
        if key == "MAGZPT" and not rate and (_positive(header, "EXPTIME") or 1.0) != 1.0:
            raise FpgaMlError(
                f"MAGZPT {value:g} is of one count in some files, and of one count a second in others",
                do="give --zero-point, the AB magnitude of one unit of the file",
            )
        return _by_zero_point(value), (f"{key}: one unit of the file has magnitude {value:g}",)
    raise FpgaMlError(
        "the flux of a count is not known: the header has no FLUXMAG0, FLUX20, NMGY or zero point",
        do="give --gain (electrons a nanomaggie) or --zero-point (AB magnitude of one unit of the file)",
    )


def _by_zero_point(magnitude: float) -> float:
    if not np.isfinite(magnitude):
        raise FpgaMlError(f"the zero point is {magnitude}", do="give another --zero-point")
    return float(10 ** (0.4 * (magnitude - ZERO_POINT_MAG)))


def _number(header: Mapping[str, Any], key: str) -> float | None:
    value = header.get(key)
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None


def _positive(header: Mapping[str, Any], key: str) -> float | None:
    """A keyword's value, None where it is missing; one that is 0 or below is as good as missing."""
    found = _number(header, key)
    return found if found is not None and found > 0 else None
