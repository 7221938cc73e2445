"""The reference project: what a build writes is what it wrote before, byte for byte, or the change is looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_reference_project_is_current(repository: Path) -> None:
    """After a wanted change: python scripts/update_reference.py, and read the difference."""
    command = [sys.executable, "scripts/update_reference.py", "--check"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
