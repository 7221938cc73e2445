"""What a fitted source is in a catalogue: rows of parquet and FITS."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.population import COLOURS, MAGNITUDES
from fpga_ml.science.celeste.sources import ZERO_POINT_MAG
from fpga_ml.science.celeste.survey.measure import Measured, Quality
from fpga_ml.science.celeste.survey.sky import offset
from fpga_ml.whole import put

COLUMNS = {
    "ra": ("deg", "right ascension, ICRS"),
    "dec": ("deg", "declination, ICRS"),
    "ra_error": ("arcsec", "standard deviation, along the circle of declination"),
    "dec_error": ("arcsec", "standard deviation"),
    "galaxy": ("", "probability of being a galaxy"),
    "log_flux_r": ("ln nmgy", "natural logarithm of the flux in r, mean"),
    "log_flux_r_error": ("ln nmgy", "standard deviation"),
    "mag_r": ("mag", "magnitude in r"),
    "mag_r_error": ("mag", "standard deviation"),
    **dict.fromkeys(COLOURS, ("mag", "colour, mean")),
    **{f"{name}_error": ("mag", "standard deviation") for name in COLOURS},
    "de_vaucouleurs": ("", "if a galaxy: share of the de Vaucouleurs profile"),
    "de_vaucouleurs_error": ("", "standard deviation"),
    "axis_ratio": ("", "if a galaxy: minor over major axis"),
    "axis_ratio_error": ("", "standard deviation"),
    "position_angle": ("deg", "if a galaxy: of the major axis, from north through east"),
    "position_angle_error": ("deg", "standard deviation"),
    "radius": ("arcsec", "if a galaxy: half-light radius along the major axis"),
    "radius_error": ("arcsec", "standard deviation"),
    "chi_square": ("", "a degree of freedom, in the source's core"),
    "residual": ("", "largest, in standard deviations of a pixel"),
    "flags": ("", ", ".join(f"{flag.value} {(flag.name or '').lower()}" for flag in Quality)),
    "effective": ("", "independent draws that the errors rest on"),
    "bands": ("", "in which it was seen"),
}
"""Name: unit, meaning."""
_INTEGERS, _TEXTS = ("flags",), ("bands",)


def row(found: Measured) -> dict[str, Any]:
    """COLUMNS of one source. A fit that does not describe its pixels has its errors enlarged by the root of chi square."""
    posterior, galaxy = found.posterior, found.posterior.as_galaxy
    mean, spread = posterior.common()
    wider = found.chi_square**0.5 if Quality.POOR_FIT in found.quality else 1.0
    ra, dec = offset(found.target.ra, found.target.dec, float(mean[0]), float(mean[1]))
    shape, angle, angle_error = galaxy.vectors[:, STAR:], *_angle(galaxy.vectors[:, STAR + 2 :], galaxy.shares)
    length = np.hypot(shape[:, 2], shape[:, 3])
    means, variances = galaxy.moments(np.stack([expit(shape[:, 0]), np.exp(-length), np.exp(shape[:, 1] + length / 2)], 1))
    errors = wider * np.sqrt(variances)
    values: dict[str, Any] = {
        "ra": ra % 360,
        "dec": dec,
        "ra_error": wider * spread[0],
        "dec_error": wider * spread[1],
        "galaxy": posterior.galaxy,
        "log_flux_r": mean[2],
        "log_flux_r_error": wider * spread[2],
        "mag_r": ZERO_POINT_MAG - MAGNITUDES * mean[2],
        "mag_r_error": wider * MAGNITUDES * spread[2],
        "position_angle": np.degrees(np.pi / 2 - angle) % 180,
        "position_angle_error": wider * np.degrees(angle_error),
        "chi_square": found.chi_square,
        "residual": found.worst,
        "flags": int(found.quality),
        "effective": posterior.likely.effective,
        "bands": "".join(found.bands),
    }
    for i, name in enumerate(COLOURS):
        values[name], values[f"{name}_error"] = MAGNITUDES * mean[3 + i], wider * MAGNITUDES * spread[3 + i]
    for i, name in enumerate(("de_vaucouleurs", "axis_ratio", "radius")):
        values[name], values[f"{name}_error"] = means[i], errors[i]
    return {name: values[name] for name in COLUMNS}


def _angle(stretch: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, radians, of half the direction of (N, 2)."""
    directions = np.exp(1j * np.arctan2(stretch[:, 1], stretch[:, 0]))
    middle = complex(shares @ directions)
    away = np.angle(directions / middle) / 2
    return float(np.angle(middle) / 2), float(np.sqrt(shares @ away**2))


def table(rows: Iterable[dict[str, Any]]) -> Any:
    """A pyarrow table of COLUMNS with units and meanings as metadata."""
    import pyarrow as pa

    kinds = {name: pa.int32() if name in _INTEGERS else pa.string() if name in _TEXTS else pa.float64() for name in COLUMNS}
    fields = [
        pa.field(name, kinds[name], metadata={"unit": unit, "description": meaning})
        for name, (unit, meaning) in COLUMNS.items()
    ]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))


def write(found: Any, path: Path) -> None:
    """As NAME.parquet and NAME.fits; each is written beside and renamed."""
    import pyarrow.parquet as parquet
    from astropy.table import Table

    packed, table = io.BytesIO(), io.BytesIO()
    parquet.write_table(found, packed)
    put(path.with_suffix(".parquet"), packed.getvalue())
    whole = Table({name: found[name].to_numpy() for name in found.column_names})
    for name, (unit, meaning) in COLUMNS.items():
        whole[name].unit, whole[name].description = unit if unit in ("deg", "arcsec", "mag") else None, meaning
    whole["bands"] = whole["bands"].astype("U8")
    whole.write(table, format="fits")
    put(path.with_suffix(".fits"), table.getvalue())
