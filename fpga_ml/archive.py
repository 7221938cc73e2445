"""ZIP archives from elsewhere, checked before they are unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fpga_ml.errors import FpgaMlError

MOST_BYTES = 8 << 30  # unpacked
MOST_RATIO = 400  # of what is unpacked to what is packed
RATIO_FROM_BYTES = 256 << 20  # below which any ratio is good
_ENCRYPTED = 1


@contextmanager
def checked_zip(path: Path, do: str) -> Iterator[zipfile.ZipFile]:
    """An archive that does not grow beyond bounds, whose members are within it, unencrypted, and not there twice.

    do: what to do about one that is not so. Raises FpgaMlError for that, and for what is no archive.
    """
    try:
        opened = zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise FpgaMlError(f"'{path}' is no archive: {error}", do=do) from None
    with opened as archive:
        members = archive.infolist()
        size, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
        if size > MOST_BYTES or (size > RATIO_FROM_BYTES and size > MOST_RATIO * max(packed, 1)):
            raise FpgaMlError(
                f"'{path}' would grow from {packed:,} bytes to {size:,}: more than {MOST_RATIO} times, or than {MOST_BYTES:,}",
                do="pack it with less compression, or give less of it",
            )
        names = [m.filename for m in members]
        outside = [n for n in names if PurePosixPath(n).is_absolute() or ".." in PurePosixPath(n).parts or "\\" in n]
        twice = {n for n in names if names.count(n) > 1} if len(names) < 10_000 else set(names)
        locked = [m.filename for m in members if m.flag_bits & _ENCRYPTED]
        for wrong, why in ((outside, "lies outside of it"), (sorted(twice), "is there twice"), (locked, "is encrypted")):
            if wrong:
                raise FpgaMlError(f"'{wrong[0]}' in '{path}' {why}", do=do)
        try:
            yield archive
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise FpgaMlError(f"'{path}' cannot be unpacked: {error}", do=do) from None
        except Exception as error:
            if type(error).__module__ != "zlib":
                raise
            raise FpgaMlError(f"'{path}' cannot be unpacked: {error}", do=do) from None
