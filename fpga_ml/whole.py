"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def put(path: Path, content: str | bytes) -> None:
    """Write it beside and rename it, in a folder that is made where there is none: a process that is killed leaves what was
    there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
