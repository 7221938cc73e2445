"""FITS files as astropy reads them: compressed by bzip2, gzip or fpack as well; errors that say what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Floats


@contextmanager
def opened(path: Path | str) -> Iterator[Any]:
    """astropy's list of HDUs of a file."""
    try:
        from astropy.io import fits
    except ImportError:
        raise FpgaMlError("astropy is not installed", do="pip install 'fpga_ml[celeste]'") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as file:
                yield file
    except OSError as error:
        raise FpgaMlError(f"cannot read it as FITS: {error}", where=str(path), do="give a FITS file") from None


def image_hdu(file: Any, hdu: int | str | None, path: Path | str) -> Any:
    """The HDU of a number or name that holds an image; the first one that does, if None."""
    if hdu is None:
        found = next((one for one in file if _is_image(one)), None)
        if found is None:
            raise FpgaMlError("no HDU holds an image", where=str(path), do="give a file with an image of two axes")
        return found
    try:
        found = file[hdu]
    except (IndexError, KeyError):
        names = ", ".join(f"{i} {one.name}".strip() for i, one in enumerate(file))
        raise FpgaMlError(f"there is no HDU {hdu}", where=str(path), do=f"give one of: {names}") from None
    if not _is_image(found):
        shape = getattr(found.data, "shape", None)
        raise FpgaMlError(
            f"HDU {hdu} holds {'no data' if shape is None else f'data of shape {shape}'}, not an image",
            where=str(path),
            do="name another",
        )
    return found


def choice_note(file: Any, hdu: Any, named: int | str | None) -> tuple[str, ...]:
    """Which image was taken, where there are several and none was named."""
    images = [i for i, one in enumerate(file) if _is_image(one)]
    if named is not None or len(images) < 2:
        return ()
    return (f"HDU {images[0]} {hdu.name}".strip() + f" is taken, the first of {len(images)} images",)


def _is_image(hdu: Any) -> bool:
    if not hdu.is_image or hdu.header.get("NAXIS") != 2:
        return False
    try:
        return hdu.data is not None
    except (ValueError, TypeError) as error:  # fewer bytes than the header says
        raise OSError(f"HDU {hdu.name or 'of the image'} is cut off: {error}") from None


def column_names(hdu: Any) -> set[str]:
    """Of a table, in capitals; none of an image."""
    columns = getattr(hdu, "columns", None)
    return set() if columns is None else {name.upper() for name in columns.names}


def pixels(hdu: Any) -> Floats:
    """(H, W) float64; not a number where an integer is BLANK."""
    values: Floats = np.asarray(hdu.data, dtype=np.float64)
    return values


def headers(file: Any, hdu: Any) -> dict[str, Any]:
    """The image's keywords, and those of the primary HDU that it lacks."""
    found: dict[str, Any] = {}
    for header in (file[0].header, hdu.header):
        found.update({key: value for key, value in header.items() if key not in ("COMMENT", "HISTORY", "")})
    return found


def split(spec: str) -> tuple[str, int | str | None]:
    """A file and an HDU, of 'file.fits' or 'file.fits[2]' or 'file.fits[MASK]'."""
    name, bracket, rest = spec.partition("[")
    if not bracket or not rest.endswith("]"):
        return spec, None
    return name, number_or_name(rest[:-1])


def number_or_name(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def beside(spec: str, image: Path | str) -> tuple[str, int | str | None]:
    """The file and HDU that an option names: a file, with an HDU in brackets, or an HDU of the image's own file."""
    name, hdu = split(spec)
    if Path(name).exists():
        return name, hdu
    if hdu is None and "." not in name and "/" not in name:
        return str(image), number_or_name(name)
    raise FpgaMlError(
        "there is no such file", where=name, do="give a file, or a number or name of an HDU of the image's file"
    )
