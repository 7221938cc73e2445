"""The pixel-likelihood kernel of Celeste: sources and a patch in, log-likelihood and the moments of its gradient out.

    python models/celeste/model.py [--design D16] [--sources star] [--psf 2] [--side 51] [-o FOLDER]

writes quantised.keras, fpga_ml.toml and sample.npz. There is nothing to train: the design says every width and table
(fpga_ml/celeste_design.py), the sources how many Gaussians are added up: 2 for a star (3 with --psf 3), 28 for a galaxy,
star+galaxy 30, and so on for several sources in one patch.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from fpga_ml.celeste_design import Design
from fpga_ml.frontend.celeste import kernel_model
from fpga_ml.science.celeste.emulator import COEFFICIENTS, PIXELS, inputs_of
from fpga_ml.science.celeste.evaluator import Floats, Patch
from fpga_ml.science.celeste.likelihood import rate
from fpga_ml.science.celeste.profiles import SDSS_PSF
from fpga_ml.science.celeste.simulate import GAIN, SCENES, observe
from fpga_ml.science.celeste.sources import Exposure, Galaxy, Source, Star, scene

HERE = Path(__file__).parent
KINDS = ("star", "galaxy")
_SETTINGS = """\
# A pixel a beat. The types of the inputs are those of design {design}; written by model.py.
arch = "stream"
clock_ns = 5.0
vectors = {patches}
cosim_vectors = {simulated}

[layers.{coefficients}]
precision = {{ result = "{coefficient}" }}

[layers.{pixels}]
precision = {{ result = "{pixel}" }}
"""


def guess(kinds: list[str], truth: tuple[Source, ...]) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
    """Sources of these kinds, a little beside the true ones in turn, and the true ones that none of them is for.

    Where there are more than true ones they share the light.
    """
    shares = [sum(k % len(truth) == at for k in range(len(kinds))) for at in range(len(truth))]
    made: list[Source] = []
    for k, kind in enumerate(kinds):
        at = truth[k % len(truth)]
        x, y, flux = at.x + 0.05, at.y - 0.03, 1.03 * at.flux / shares[k % len(truth)]
        shape = at if isinstance(at, Galaxy) else Galaxy(0, 0, 1, 0.4, 0.7, 0.5, 1.5)
        made.append(Star(x, y, flux) if kind == "star" else replace(shape, x=x, y=y, flux=flux))
    return tuple(made), tuple(one for one, share in zip(truth, shares, strict=True) if not share)


def bad_pixels(shape: tuple[int, int], seed: int) -> np.ndarray:
    """A mask (H, W), True where a pixel is bad: a column, and one in a hundred of the others."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.01
    mask[:, rng.integers(shape[1])] = True
    return mask


def samples(kinds: list[str], exposure: Exposure, side: int, each: int) -> dict[str, Floats]:
    """What the kernel is given in every scene of the science check: {input: (N, ...)}, N = scenes * each. Sources that are
    not asked about are part of the background; every other patch has bad pixels."""
    found: dict[str, list[Floats]] = {COEFFICIENTS: [], PIXELS: []}
    for truth in SCENES.values():
        for seed in range(each):
            seen, moved = observe(truth, seed, exposure, side=side)
            asked, others = guess(kinds, moved)
            background = rate(scene(others, exposure), seen.background) if others else seen.background
            mask = bad_pixels((side, side), seed) if len(found[PIXELS]) % 2 else None
            given = inputs_of(scene(asked, exposure).coefficients()[0], Patch(seen.counts, background, mask))
            for name, values in given.items():
                found[name].append(values)
    return {name: np.stack(values) for name, values in found.items()}


def write(folder: Path, design: str, kinds: list[str], psf: int, side: int, each: int = 2, simulated: int = 2) -> None:
    """The model's files."""
    exposure, chosen = Exposure(SDSS_PSF[psf], GAIN), Design.of(design)
    data = samples(kinds, exposure, side, each)
    folder.mkdir(parents=True, exist_ok=True)
    kernel_model(design, (side, side), data[COEFFICIENTS].shape[1]).save(folder / "quantised.keras")
    np.savez_compressed(folder / "sample.npz", **{COEFFICIENTS: data[COEFFICIENTS], PIXELS: data[PIXELS]})
    text = _SETTINGS.format(
        design=design,
        patches=len(data[PIXELS]),
        simulated=simulated,
        coefficients=COEFFICIENTS,
        pixels=PIXELS,
        coefficient=chosen.coefficient.cpp(),
        pixel=chosen.rate.cpp(),
    )
    (folder / "fpga_ml.toml").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--design", default="D16", help="D14, D16 or D18")
    parser.add_argument("--sources", default="star", help="star, galaxy, star+galaxy, ...")
    parser.add_argument("--psf", type=int, choices=tuple(SDSS_PSF), default=2, help="Gaussians of the point-spread function")
    parser.add_argument("--side", type=int, default=51, help="pixels of the patch's side")
    parser.add_argument("--each", type=int, default=2, help="patches of each scene in the sample")
    parser.add_argument("-o", "--output", type=Path, default=HERE, help="folder")
    asked = parser.parse_args()
    kinds = asked.sources.split("+")
    if set(kinds) - set(KINDS):
        parser.error(f"--sources are of the kinds {' and '.join(KINDS)}, joined by +")
    write(asked.output, asked.design, kinds, asked.psf, asked.side, asked.each)


if __name__ == "__main__":
    main()
