"""A fit as rows of a catalogue: in the image's pixels, and in magnitudes."""

from __future__ import annotations

from typing import Any

from fpga_ml.science.celeste.fit import Fit
from fpga_ml.science.celeste.prior import MAGNITUDES
from fpga_ml.science.celeste.sources import Galaxy, magnitude


def as_rows(found: Fit, column: int, row: int) -> list[dict[str, Any]]:
    """One a source; column, row: of the patch's centre in the image. Errors are statistical; none where a bound held a
    parameter."""
    rows = []
    for source, errors, odds in zip(found.sources, found.errors, found.galaxy_log_odds, strict=True):
        values = {"x": column + source.x, "y": row + source.y, "magnitude": magnitude(source.flux)}
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
        rows.append({"kind": kind, "galaxy_log_odds": odds, **values, "errors": known})
    return rows
