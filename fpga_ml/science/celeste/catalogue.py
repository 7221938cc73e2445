"""A fit as rows of a catalogue: in the image's pixels, and in magnitudes."""

from __future__ import annotations

from typing import Any

from fpga_ml.science.celeste.fit import Fit
from fpga_ml.science.celeste.frames.frame import Frame
from fpga_ml.science.celeste.population import MAGNITUDES
from fpga_ml.science.celeste.sources import Galaxy, magnitude


def as_rows(found: Fit, column: int, row: int, frame: Frame | None = None) -> list[dict[str, Any]]:
    """One a source; column, row: of the patch's centre in the image, frame: which adds RA and Dec (degrees) and flags.

    Errors are statistical, enlarged where the fit is poor; there is none where a bound held a parameter.
    """
    rows = []
    flags = found.flags or ((),) * len(found.sources)
    for source, errors, odds, known_flags in zip(found.sources, found.errors, found.galaxy_log_odds, flags, strict=True):
        values = {"x": column + source.x, "y": row + source.y, "magnitude": magnitude(source.flux)}
        if frame is not None:
            known_flags += frame.flags_at(values["x"], values["y"])
            if frame.wcs is not None:
                values["ra"], values["dec"] = frame.to_sky(values["x"], values["y"])
        spread = {"x": errors["x"], "y": errors["y"], "magnitude": MAGNITUDES * errors["log_flux"]}
        if isinstance(source, Galaxy):
            values |= {"de_vaucouleurs": source.de_vaucouleurs, "axis_ratio": source.axis_ratio}
            values |= {"angle": source.angle, "radius": source.radius}
            spread |= {"de_vaucouleurs": errors["de_vaucouleurs"], "angle": errors["angle"]}
            spread |= {
                "axis_ratio": source.axis_ratio * errors["log_axis_ratio"],
                "radius": source.radius * errors["log_radius"],
            }
        known = {name: value for name, value in spread.items() if value == value}
        kind = "galaxy" if isinstance(source, Galaxy) else "star"
        rows.append({"kind": kind, "galaxy_log_odds": odds, **values, "errors": known, "flags": list(known_flags)})
    return rows


def quality_of(found: Fit) -> dict[str, Any]:
    """How well the model describes the patch."""
    if found.quality is None:
        return {}
    quality = found.quality
    worst = {"sigma": quality.residual, "x": quality.at[0], "y": quality.at[1]}
    return {"chi_square": quality.chi_square, "largest_residual": worst, "masked": quality.masked}
