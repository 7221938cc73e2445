"""What compilers made, kept in the user's cache folder by content: whoever asks for the same again gets a copy.

An entry is one file, KIND-KEY-DIGEST. KEY is a hash of everything that decides the result; DIGEST is a hash of the file
itself, so that a file that was cut short or edited is found out and made anew. A file is written under another name and then
renamed: no lock is needed, two processes may make the same at once, and a process that is killed leaves only a file that a
later one removes. No failure of the cache is an error: what cannot be kept is compiled every time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.errors import FpgaMlError

VARIABLE = "FPGA_ML_CACHE"
_DEFAULT_GB = 2.0
_BYTES_PER_GB = 1_000_000_000
_HEX_DIGITS = 32
_UNFINISHED = ".new-"
_GIVEN_UP_AFTER_S = 600  # renaming follows within seconds: whoever began this is dead


@dataclass(frozen=True)
class Cache:
    """folder: of the entries; bound_bytes: the most that they take together."""

    folder: Path
    bound_bytes: int

    def size_bytes(self) -> int:
        return sum(status.st_size for _, status in self._files())

    def fetch(self, name: str, target: Path, *, link: bool) -> bool:
        """Put an entry at `target`; False where there is none. link: a symbolic link instead of a copy."""
        for entry in self.folder.glob(f"{name}-*"):
            try:
                _put(entry, target, link)
                if _digest(target) == entry.name.rpartition("-")[2]:
                    os.utime(entry)
                    return True
                target.unlink()
                entry.unlink(missing_ok=True)
            except OSError:  # another process removed it
                target.unlink(missing_ok=True)
        return False

    def keep(self, name: str, made: Path) -> None:
        """Add a file, and remove those that were not used for longest if all together are too large."""
        unfinished = self.folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            if made.stat().st_size <= self.bound_bytes:
                shutil.copy(made, unfinished)
                unfinished.rename(self.folder / f"{name}-{_digest(unfinished)}")
        except OSError:
            unfinished.unlink(missing_ok=True)
        self._trim()

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        """Those that are still there when they are looked at."""
        found = []
        for path in self.folder.glob("*"):
            try:
                found.append((path, path.stat()))
            except OSError:
                continue
        return found

    def _trim(self) -> None:
        files = sorted(self._files(), key=lambda file: file[1].st_mtime_ns)
        total = sum(status.st_size for _, status in files)
        for path, status in files:
            unfinished = path.name.startswith(_UNFINISHED)
            dead = unfinished and time.time() - status.st_mtime > _GIVEN_UP_AFTER_S
            if dead or (total > self.bound_bytes and not unfinished):
                with suppress(OSError):
                    path.unlink()
                total -= status.st_size


def find() -> Cache | None:
    """The user's cache; None where it is switched off or cannot be written."""
    bound = _bound_bytes()
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpga_ml" / "objects"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return None
    return Cache(folder, bound) if bound and os.access(folder, os.W_OK | os.X_OK) else None


def made_once(
    target: Path,
    kind: str,
    decides: Callable[[], Iterable[str | bytes]],
    make: Callable[[Path], None],
    *,
    link: bool = False,
) -> None:
    """`make(target)`, or its result of another time out of the cache.

    kind: a word for the file's name; decides: everything that decides the result, asked for only where there is a cache;
    link: `target` is only read, and by who can do without it, so that a symbolic link will do.
    """
    cache = find()
    if cache is None:
        make(target)
        return
    name = f"{kind}-{_key(decides())}"
    if not cache.fetch(name, target, link=link):
        make(target)
        cache.keep(name, target)


def described() -> str:
    """Where the cache is, its size and its bound, in one line."""
    cache = find()
    if cache is None:
        return f"cache of compiled objects: none ({VARIABLE} is off, or its folder cannot be written)"
    size, bound = cache.size_bytes() / _BYTES_PER_GB, cache.bound_bytes / _BYTES_PER_GB
    return f"cache of compiled objects: {cache.folder}, {size:.2f} GB of at most {bound:g} GB ({VARIABLE}=GB, or off)"


def _bound_bytes() -> int:
    said = os.environ.get(VARIABLE) or str(_DEFAULT_GB)
    try:
        gigabytes = 0.0 if said == "off" else float(said)
        if not 0 <= gigabytes < float("inf"):
            raise ValueError
    except ValueError:
        raise FpgaMlError(f"{VARIABLE}='{said}' is no size", do=f"set {VARIABLE} to a number of GB, or to off") from None
    return int(gigabytes * _BYTES_PER_GB)


def _key(parts: Iterable[str | bytes]) -> str:
    """With the length of each part, so that no two lists of parts make the same text."""
    key = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogateescape") if isinstance(part, str) else part
        key.update(f"{len(data)}:".encode() + data)
    return key.hexdigest()[:_HEX_DIGITS]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:_HEX_DIGITS]


def _put(entry: Path, target: Path, link: bool) -> None:
    target.unlink(missing_ok=True)
    if link:
        target.symlink_to(entry.absolute())
    else:
        shutil.copy(entry, target)
