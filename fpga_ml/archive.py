"""Archives and arrays from elsewhere, checked before they are unpacked."""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.machine import memory_bytes

MOST_BYTES = 8 << 30  # unpacked
MOST_MEMORY = 0.25  # of the machine's, which may hold what is unpacked a few times over
MOST_RATIO = 400  # of what is unpacked to what is packed
RATIO_FROM_BYTES = 256 << 20  # below which any ratio is good
MOST_MEMBERS = 10_000
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy and Keras write; others need memory of their own
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def check_growth(path: Path, size: int, packed: int) -> None:
    """Raise FpgaMlError for a file that would take more memory than there is for it, or grow more than numbers do. size,
    packed: bytes."""
    most = int(min(MOST_BYTES, MOST_MEMORY * memory_bytes()))
    if size > most:
        raise FpgaMlError(
            f"'{path}' would grow from {packed:,} bytes to {size:,}, at most {most:,} are read", do="give less of it"
        )
    if size > RATIO_FROM_BYTES and size > MOST_RATIO * packed:
        raise FpgaMlError(
            f"'{path}' would grow from {packed:,} bytes to {size:,}, which is more than {MOST_RATIO} times",
            do="save it without compression, or give less of it",
        )


@contextmanager
def checked_zip(path: Path, do: str) -> Iterator[zipfile.ZipFile]:
    """An archive that does not grow beyond bounds, whose members are within it, unencrypted, and not there twice.

    do: what to do about one that is not so. Raises FpgaMlError for that, and for what is no archive.
    """
    try:
        opened = zipfile.ZipFile(path)
        on_disk = path.stat().st_size
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise FpgaMlError(f"'{path}' is no archive: {error}", do=do) from None
    with opened as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise FpgaMlError(f"'{path}' has {len(members):,} members, at most {MOST_MEMBERS:,} are read", do=do)
        _check_members(path, members, do)
        check_growth(path, sum(m.file_size for m in members), min(on_disk, sum(m.compress_size for m in members)))
        try:
            yield archive
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise FpgaMlError(f"'{path}' cannot be unpacked: {error}", do=do) from None
        except Exception as error:
            if type(error).__module__ != "zlib":
                raise
            raise FpgaMlError(f"'{path}' cannot be unpacked: {error}", do=do) from None


def _check_members(path: Path, members: list[zipfile.ZipInfo], do: str) -> None:
    times = Counter(m.filename for m in members)
    for member in members:
        name, inner = member.filename, PurePosixPath(member.filename)
        for wrong, why in (
            (inner.is_absolute() or ".." in inner.parts or "\\" in name, "lies outside of it"),
            (times[name] > 1, "is there twice"),
            (member.flag_bits & _ENCRYPTED, "is encrypted"),
            (member.compress_type not in _METHODS, "is packed in a way that is not read"),
        ):
            if wrong:
                raise FpgaMlError(f"'{name}' in '{path}' {why}", do=do)


def names_of_arrays(path: Path, do: str) -> list[str]:
    """Of an .npz, without unpacking it. Raises FpgaMlError as `read_arrays` does."""
    with checked_zip(path, do) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_arrays(path: Path, do: str) -> dict[str, npt.NDArray[Any]]:
    """{name: array} of an .npz; {"x": array} of an .npy. Raises FpgaMlError for a file that is neither, or that grows beyond
    bounds."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"PK"
        if not packed:
            return {"x": _array(lambda: path.open("rb"), path.stat().st_size, path)}
        with checked_zip(path, do) as archive:
            members = {m.filename: m.file_size for m in archive.infolist()}
            return {n.removesuffix(".npy"): _array(partial(archive.open, n), size, n) for n, size in members.items()}
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise FpgaMlError(f"'{path}' is no file of NumPy arrays: {error}", do=do) from None


def _array(opened: Callable[[], IO[bytes]], size: int, name: Path | str) -> npt.NDArray[Any]:
    """An array of plain numbers or text that is as large as its file. size: of that, in bytes."""
    with opened() as file:
        read_header = _HEADERS.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise ValueError(f"'{name}' is of a version of NumPy's format that holds no plain numbers")
        shape, _, dtype = read_header(file)
        if dtype.hasobject or not dtype.itemsize:
            raise ValueError(f"'{name}' holds {'Python objects' if dtype.hasobject else 'elements without a size'}")
        if min(shape, default=0) < 0 or file.tell() + math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"'{name}' says that it is of shape {shape}, and is not")
    with opened() as file:
        found: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found
