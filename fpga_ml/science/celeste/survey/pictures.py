"""Images as PNG, and what is drawn over them as SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from fpga_ml.errors import FpgaMlError
from fpga_ml.report.plots.svg import tag
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.frames.frame import Frame
from fpga_ml.science.celeste.survey.field import Image
from fpga_ml.science.celeste.survey.measure import Quality
from fpga_ml.science.celeste.survey.render import within
from fpga_ml.science.celeste.survey.score import Columns
from fpga_ml.science.celeste.survey.sky import local

RESIDUAL_SIGMA = 5.0
"""Where the colours of a residual end."""
_LARGEST_PX = 1000
_SOFTENING = 3.0
"""Standard deviations of the sky at which the scale turns from linear to logarithmic."""
_STAR_ARCSEC = 1.5
_RADII = 2.0
"""Half-light radii at which a galaxy's ellipse is drawn."""
_MASKED = "#b9a88a"

MARKS = {
    "poor": ("fit is poor or did not converge", Quality.POOR_FIT | Quality.NOT_CONVERGED),
    "cut": ("masked, saturated or at an edge", Quality.MASKED | Quality.SATURATED | Quality.EDGE),
    "blended": ("blended", Quality.BLENDED),
    "noted": ("found in residuals, or at a bound", Quality.RESIDUAL | Quality.AT_BOUND),
    "clean": ("no flag", Quality(0)),
}
"""Name of a colour: what it says, and its flags. Of several the first counts."""


def mark_of(flags: int) -> str:
    """Of MARKS."""
    return next((name for name, (_, which) in MARKS.items() if flags & which), "clean")


def words(flags: int) -> str:
    """Flags as a person says them."""
    return ", ".join((flag.name or "").lower().replace("_", " ") for flag in Quality if flags & flag)


def panels(image: Image) -> dict[str, str]:
    """Data-URIs of image, model and residual. Large images are summed over squares of pixels."""
    step = _step(image.frame)
    used = np.where(image.frame.masked, 0.0, 1.0)
    above, model, variance, sky = (
        _summed(np.where(used > 0, one, 0.0), step)
        for one in (image.above, image.model, image.variance, image.frame.background + image.frame.variance)
    )
    seen = _summed(used, step) > 0
    above[~seen], model[~seen], variance[~seen] = np.nan, np.nan, np.nan
    noise = float(np.sqrt(np.median(sky[seen])))
    top = np.arcsinh(max(float(np.percentile(above[seen], 99.9)) / noise, 30.0) / _SOFTENING)
    grey: dict[str, Any] = {"low": float(np.arcsinh(-3 / _SOFTENING)), "high": float(top), "colours": "gray_r"}
    limit = RESIDUAL_SIGMA
    return {
        "image": _png(np.arcsinh(above / noise / _SOFTENING), **grey),
        "model": _png(np.arcsinh(model / noise / _SOFTENING), **grey),
        "residual": _png((above - model) / np.sqrt(variance), low=-limit, high=limit, colours="RdBu_r"),
    }


def overlay(frame: Frame, rows: Columns, numbers: Sequence[int | None]) -> Markup:
    """Circles of stars and ellipses of galaxies (N,) in an image's pixels, as SVG; a number is written beside, where there
    is one, and leads to the table."""
    height = frame.shape[0]
    return Markup("").join(
        _drawn(frame, {name: values[i] for name, values in rows.items()}, numbers[i], height) for i in range(len(rows["ra"]))
    )


def crosses(frame: Frame, ra: Floats, dec: Floats) -> Markup:
    """At places (N,), degrees: true sources that the catalogue lacks."""
    near = within(frame, ra, dec)
    x, y = frame.wcs.world_to_pixel_values(ra[near], dec[near])
    s = max(frame.shape) / 90
    centres = zip((x + 0.5).tolist(), (frame.shape[0] - 0.5 - y).tolist(), strict=True)
    return Markup("").join(
        tag(
            "path",
            tag("title", "true source that is not in the catalogue"),
            d=f"M{a - s:.1f} {b - s:.1f}L{a + s:.1f} {b + s:.1f}M{a - s:.1f} {b + s:.1f}L{a + s:.1f} {b - s:.1f}",
            class_="mark missed",
        )
        for a, b in centres
    )


def picture(name: str, uri: str, frame: Frame, over: Markup, group: str = "img") -> Markup:
    """An image with what is drawn over it; name: for those who do not see it. North is up only if the file has it so."""
    height, width = frame.shape
    step = _step(frame)
    high, wide = height + -height % step, width + -width % step
    shown = tag("image", href=uri, y=height - high, width=wide, height=high, preserveAspectRatio="none")
    return tag("svg", tag("title", name), shown, over, viewBox=f"0 0 {width} {height}", class_="sky", role=group)


def compass(frame: Frame) -> Markup:
    """North and east, in the upper left corner."""
    height, width = frame.shape
    ra, dec = frame.wcs.pixel_to_world_values((width - 1) / 2, (height - 1) / 2)
    scale = local(frame, float(ra), float(dec)).scale
    size = 0.06 * max(frame.shape)
    at = np.array([1.6 * size, 1.6 * size])
    parts = []
    for letter, along in (("E", scale[:, 0]), ("N", scale[:, 1])):
        turn = size * np.array([along[0], -along[1]]) / np.hypot(*along)
        end, text = at + turn, at + 1.3 * turn
        parts.append(tag("line", x1=at[0], y1=at[1], x2=end[0], y2=end[1], class_="compass"))
        style = f"font-size:{0.4 * size:.1f}px"
        parts.append(tag("text", letter, x=text[0], y=text[1] + 0.14 * size, class_="compass", style=style))
    return Markup("").join(parts)


def _drawn(frame: Frame, row: dict[str, Any], number: int | None, height: int) -> Markup:
    near, galaxy = local(frame, float(row["ra"]), float(row["dec"])), row["galaxy"] > 0.5
    x, y = near.column + 0.5, height - 0.5 - near.row
    major, minor, angle = _axes(near.scale, row)
    mark, said = mark_of(int(row["flags"])), words(int(row["flags"]))
    kind = "galaxy" if galaxy else "star"
    title = f"{kind} r = {row['mag_r']:.2f}, P(galaxy) {row['galaxy']:.2f}" + (f", {said}" if said else "")
    shape = tag(
        "ellipse",
        tag("title", title if number is None else f"{number}: {title}"),
        cx=x,
        cy=y,
        rx=float(major),
        ry=float(minor),
        transform=f"rotate({-np.degrees(angle):.1f} {x:.1f} {y:.1f})" if galaxy else None,
        class_=f"mark {mark}",
    )
    if number is None:
        return shape
    size, left = max(frame.shape) / 75, x > 0.95 * frame.shape[1]
    text = tag(
        "text",
        str(number),
        x=x + (-1 if left else 1) * (0.72 * major + 0.2 * size),
        y=y - 0.72 * major,
        class_=f"{mark} end" if left else mark,
        style=f"font-size:{size:.1f}px",
    )
    return tag("a", shape, text, href=f"#source-{number}")


def _axes(scale: Floats, row: dict[str, Any]) -> tuple[float, float, float]:
    """Half axes in pixels, and the angle of the major one from columns towards rows."""
    if row["galaxy"] <= 0.5:
        size = _STAR_ARCSEC * abs(float(np.linalg.det(scale))) ** 0.5
        return size, size, 0.0
    major = max(_RADII * float(row["radius"]), _STAR_ARCSEC)
    angle = np.radians(90 - row["position_angle"])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    axes, lengths, _ = np.linalg.svd(scale @ turn @ np.diag([major, major * float(row["axis_ratio"])]))
    return float(lengths[0]), float(lengths[1]), float(np.arctan2(axes[1, 0], axes[0, 0]))


def _step(frame: Frame) -> int:
    return int(np.ceil(max(frame.shape) / _LARGEST_PX))


def _summed(values: Floats, step: int) -> Floats:
    """Over squares of step x step pixels; what is left over at the upper and right edges is filled up with 0."""
    high, wide = values.shape
    padded = np.pad(values, ((0, -high % step), (0, -wide % step)))
    found: Floats = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step).sum(axis=(1, 3))
    return found


def _png(values: Floats, low: float, high: float, colours: str) -> str:
    """Rows upwards."""
    try:
        from matplotlib import colormaps
        from matplotlib.image import imsave
    except ImportError:
        raise FpgaMlError("matplotlib is not installed", do="pip install 'fpga_ml[celeste]'") from None
    from PIL import Image as Pillow

    scale = colormaps[colours].with_extremes(bad=_MASKED)
    coloured = io.BytesIO()
    imsave(coloured, np.ma.masked_invalid(values), vmin=low, vmax=high, cmap=scale, origin="lower", format="png")
    out = io.BytesIO()
    Pillow.open(coloured).convert("RGB").quantize(256).save(out, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
