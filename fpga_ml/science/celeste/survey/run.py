"""A survey as tasks: look at every image, detect in every field, fit every tile of the sky, join.

Each task is a pure function of files and settings, so that the catalogue does not depend on who computed what. A result is
written once, by the driver, beside its final name, and then renamed; what is there already with the same key (a hash of what
it was made from) is not made again.

OUT/detections/NAME.npy      what was found in a field
OUT/tiles/TILE.parquet       the sources of a tile, fitted
OUT/catalogue.{parquet,fits} all of them
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml import __version__, cluster
from fpga_ml.celeste_design import Design
from fpga_ml.cluster import Run
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.emulator import Emulator
from fpga_ml.science.celeste.frames.read import Options
from fpga_ml.science.celeste.population import BANDS, Prior
from fpga_ml.science.celeste.posterior import Likelihood, View
from fpga_ml.science.celeste.survey import catalogue
from fpga_ml.science.celeste.survey.detect import detect
from fpga_ml.science.celeste.survey.measure import Quality
from fpga_ml.science.celeste.survey.plan import Look, Plot, fields_of, merged, pairs, plan
from fpga_ml.science.celeste.survey.region import NOTHING, cut_to, files_of, read
from fpga_ml.science.celeste.survey.target import Target, start
from fpga_ml.science.celeste.survey.tile import Tile
from fpga_ml.science.celeste.through_kernel import ThroughKernel
from fpga_ml.whole import put

FLOAT = "float64"


@dataclass(frozen=True)
class Settings:
    """tile_arcmin: side of a tile; halo_arcsec: how far around it neighbours are fitted too; threshold: of the detection, in
    standard deviations; prior: JSON of a `population.Prior`, or None for that of Stripe 82; kernel: "float64", or
    presets of the fixed-point kernel for climbs and for draws, "D16/D18"; images: what the user says of all images."""

    tile_arcmin: float = 3.0
    halo_arcsec: float = 12.0
    threshold: float = 4.5
    prior: str | None = None
    kernel: str = FLOAT
    images: Options = NOTHING

    def likelihood(self) -> Callable[[Sequence[View]], Likelihood]:
        """What a source's views are compared with."""
        if self.kernel == FLOAT:
            return Likelihood
        climbing, _, drawing = self.kernel.partition("/")
        kernels = Emulator(Design.of(climbing)), Emulator(Design.of(drawing or climbing))
        return lambda views: ThroughKernel(views, *kernels)


@dataclass(frozen=True)
class Progress:
    """Told while a survey runs."""

    stage: str
    done: int
    total: int
    sources: int = 0
    square_arcmin: float = 0.0


def survey(
    images: Sequence[Path],
    out: Path,
    settings: Settings = Settings(),
    *,
    workers: int = 0,
    dask: str | None = None,
    told: Callable[[Progress], None] = lambda progress: None,
) -> Path:
    """Catalogue what the images show; returns OUT/catalogue.parquet.

    workers: local processes, 0 for one a core; dask: the address of a scheduler instead, whose workers see the same files.
    """
    settings.likelihood()  # an unknown kernel is told before any work
    if not images:
        raise FpgaMlError("there is no image", do="give a folder with FITS files, or a list of them")
    try:
        for name in ("detections", "tiles"):
            (out / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FpgaMlError(f"cannot write there: {error}", where=str(out), do="give another folder with -o") from None
    with cluster.workers(workers, dask, "celeste") as run:
        looks = _looks(images, settings, run, told)
        found = _detections(looks, out, settings, run, told)
        plots = plan(found, settings.tile_arcmin, settings.halo_arcsec)
        tables = _tiles(plots, looks, out, settings, run, told)
    joined = _joined(tables)
    catalogue.write(joined, out / "catalogue")
    return out / "catalogue.parquet"


def _looks(images: Sequence[Path], settings: Settings, run: Run, told: Callable[[Progress], None]) -> list[Look]:
    found: dict[int, Look] = {}
    for one in run(_look, [(str(path.resolve()), settings.images) for path in images]):
        found[one.index] = one.value()
        told(Progress("images", len(found), len(images)))
    return [found[i] for i in range(len(images))]


def _look(path: str, said: Options) -> Look:
    frame = read(Path(path), said)
    if frame.band not in BANDS:
        raise FpgaMlError(
            f"the band is {frame.band}, none of {', '.join(BANDS)}", where=path, do="write FILTER into its header"
        )
    if frame.wcs is None:
        raise FpgaMlError("the image has no celestial coordinates", where=path, do="give its header a WCS")
    height, width = frame.shape
    corners = frame.wcs.pixel_to_world_values([0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1])
    digest = hashlib.sha256()
    for file in files_of(Path(path)):
        digest.update(file.read_bytes())
    return Look(path, frame.band, tuple(zip(*(axis.tolist() for axis in corners), strict=True)), digest.hexdigest())


def _detections(
    looks: Sequence[Look], out: Path, settings: Settings, run: Run, told: Callable[[Progress], None]
) -> np.ndarray:
    """Of all fields, each source once: (N,) of DETECTION."""
    fields = fields_of(looks)
    keys = _keys(settings, [[look.sha256 for look in field] for field in fields])
    paths = [out / "detections" / f"{Path(field[0].path).stem}_{key}.npy" for field, key in zip(fields, keys, strict=True)]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    done = len(paths) - len(missing)
    for one in run(_detect, [([look.path for look in fields[i]], settings) for i in missing]):
        buffer = io.BytesIO()
        np.save(buffer, one.value())
        put(paths[missing[one.index]], buffer.getvalue())
        done += 1
        told(Progress("fields", done, len(paths)))
    return merged([np.load(path) for path in paths], [field[0] for field in fields])


def _detect(paths: Sequence[str], settings: Settings) -> np.ndarray:
    return detect([read(Path(path), settings.images) for path in paths], settings.threshold)


def _tiles(
    plots: Sequence[Plot], looks: Sequence[Look], out: Path, settings: Settings, run: Run, told: Callable[[Progress], None]
) -> list[Any]:
    import pyarrow.parquet as parquet

    seen = [[look for look in looks if plot.touches(look, settings.halo_arcsec)] for plot in plots]
    made_from = [
        [plot.sources.tobytes().hex(), plot.halo.tobytes().hex(), *(look.sha256 for look in mine)]
        for plot, mine in zip(plots, seen, strict=True)
    ]
    keys = _keys(settings, made_from)
    paths = [out / "tiles" / f"{plot.name}_{key}.parquet" for plot, key in zip(plots, keys, strict=True)]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    here = sorted(set(range(len(plots))) - set(missing))
    area = sum(plots[i].square_arcmin for i in here)
    sources = sum(parquet.read_metadata(paths[i]).num_rows for i in here)
    told(Progress("tiles", len(here), len(plots), sources, area))
    arguments = [(plots[i], [look.path for look in seen[i]], settings) for i in missing]
    for done, one in enumerate(run(_fit, arguments), start=len(here) + 1):
        rows, at = one.value(), missing[one.index]
        buffer = io.BytesIO()
        parquet.write_table(catalogue.table(rows), buffer)
        put(paths[at], buffer.getvalue())
        area, sources = area + plots[at].square_arcmin, sources + len(rows)
        told(Progress("tiles", done, len(plots), sources, area))
    return [parquet.read_table(path) for path in paths]


def _fit(plot: Plot, paths: Sequence[str], settings: Settings) -> list[dict[str, Any]]:
    """The rows of a tile's own sources, and of what is left over in it once they are taken away."""
    frames = [
        cut
        for path in paths
        if (cut := cut_to(read(Path(path), settings.images), plot.low, plot.high, settings.halo_arcsec)) is not None
    ]
    tile = Tile(frames, Prior.load(settings.prior) if settings.prior else Prior.load(), settings.likelihood())
    rows = np.concatenate([plot.sources, plot.halo])
    own = np.arange(len(rows)) < len(plot.sources)
    order = np.argsort(-rows["flux"], kind="stable")
    targets = [Target(float(rows[i]["ra"]), float(rows[i]["dec"]), [start(rows[i])], bool(own[i])) for i in order]
    tile.add(targets)
    tile.fit()
    found = [one for one in tile.measured() if not one.target.residual or plot.holds(one.target.ra, one.target.dec)]
    return [catalogue.row(one) for one in found]


def _joined(tables: Sequence[Any]) -> Any:
    """All tiles' rows. Near a border two tiles may have found the same source in what was left: the first one's is kept."""
    import pyarrow as pa

    every = pa.concat_tables([catalogue.table([]), *tables])
    tile = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    left_over = (every["flags"].to_numpy() & Quality.RESIDUAL) > 0
    kept = np.ones(len(every), bool)
    for one, other in pairs(every["ra"].to_numpy(), every["dec"].to_numpy()):
        if tile[one] != tile[other] and kept[one] and kept[other]:
            kept[other if left_over[other] else one] &= not (left_over[one] or left_over[other])
    return every.filter(pa.array(kept))


def _keys(settings: Settings, made_from: Sequence[Sequence[str]]) -> list[str]:
    """One for each result."""
    same = [__version__, asdict(settings), Path(settings.prior).read_text() if settings.prior else None]
    texts = [json.dumps([*same, parts], default=str) for parts in made_from]
    return [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
