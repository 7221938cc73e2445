"""What the README shows, run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_python_example(repository: Path, tmp_path: Path) -> None:
    """In a folder with the checkout's models/; it reaches the accuracy that the text states."""
    text = (repository / "README.md").read_text()
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    stated = re.search(r"the printed accuracy is (0\.\d+) or more", text)
    assert block is not None
    assert stated is not None
    (tmp_path / "models").symlink_to(repository / "models")
    done = subprocess.run([sys.executable, "-c", block[1]], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    accuracy, project = done.stdout.splitlines()
    assert float(accuracy) >= float(stated[1])
    assert "PROVED: Keras (quantised), C-simulation, emulator and RTL agree bit for bit" in project
    assert (tmp_path / "hls_projects" / "tagger" / "report.json").exists()
