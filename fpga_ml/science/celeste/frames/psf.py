"""PSFs as files have them: mixtures as JSON, PSFEx, SDSS's psField, images."""

from __future__ import annotations

from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.frames.fits_files import column_names, image_hdu, opened, pixels, split
from fpga_ml.science.celeste.frames.frame import ConstantPsf, PsfModel
from fpga_ml.science.celeste.frames.psf_images import Mixture, VaryingPsf, mixture_of, read_json
from fpga_ml.science.celeste.frames.psfex import psfex_model
from fpga_ml.science.celeste.frames.sdss import psfield_model


def read_psf(
    spec: Path | str, band: str | None, shape: tuple[int, int], terms: int | None = None
) -> tuple[PsfModel, tuple[str, ...]]:
    """The PSF of a file, and notes with the residual that its mixture of Gaussians leaves.

    spec: JSON, a .psf file of PSFEx, a psField file of SDSS (band says which), or an image (an HDU of it in brackets);
    shape: of the image, in whose centre a PSF that varies is looked at; terms: Gaussians, else 2 to 4 as are needed.
    """
    name, hdu = split(str(spec))
    if not Path(name).exists():
        raise FpgaMlError(
            "there is no such file", where=name, do="give JSON, a .psf file, a psField file or an image to --psf"
        )
    if Path(name).suffix.lower() in (".json", ".txt"):
        mixture = read_json(name)
        return ConstantPsf(mixture.psf), mixture.notes
    with opened(name) as file:
        columns = [column_names(one) for one in file]
        stamp = None if any({"PSF_MASK", "RROWS"} & one for one in columns) else pixels(image_hdu(file, hdu, name))
    if stamp is not None:
        mixture = mixture_of(stamp, terms=terms, where=name)
        return ConstantPsf(mixture.psf), _notes(mixture)
    model: VaryingPsf
    if any("PSF_MASK" in one for one in columns):
        model = psfex_model(name, terms)
    elif band is None:
        raise FpgaMlError("the band is not known, and a psField has five", where=name, do="give --band u, g, r, i or z")
    else:
        model = psfield_model(name, band, terms)
    return model, _notes(model.mixture(shape[1] / 2, shape[0] / 2), " in the middle")


def _notes(mixture: Mixture, where: str = "") -> tuple[str, ...]:
    count = len(mixture.psf.weights)
    return (f"PSF: {count} Gaussians leave {100 * mixture.residual:.2g} % of its flux{where}", *mixture.notes)
