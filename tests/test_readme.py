"""What the README shows, run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_python_example(repository: Path, tmp_path: Path) -> None:
    block = re.search(r"```python\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    assert block is not None
    done = subprocess.run([sys.executable, "-c", block[1]], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[0] == "True"
    assert (tmp_path / "hls_projects" / "tagger" / "report.json").exists()
