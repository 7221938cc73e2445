"""What a build may take of this machine."""

from __future__ import annotations

import os

MOST_MINUTES = 30  # of one stage, unless the user forces it


def memory_bytes() -> int:
    """All that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
