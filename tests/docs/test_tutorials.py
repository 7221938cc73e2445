"""The site: each tutorial runs, none is forgotten, and pages link to pages that exist."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("[0-9]*.md"), key=lambda page: int(page.stem.split("_")[0]))


def test_each_tutorial_is_listed_in_order() -> None:
    index = (ROOT / "docs" / "tutorials" / "index.md").read_text()
    assert re.findall(r"^(\d+_\w+)$", index, re.MULTILINE) == [page.stem for page in TUTORIALS]
    assert len(TUTORIALS) == 13


# What `make docs` makes.
COPIES = {*(ROOT / "docs" / name for name in ("testbench.md", "gallery.md")), *(ROOT / "docs" / "models").glob("*.md")}
PAGES = sorted({*(ROOT / "docs").rglob("*.md")} - COPIES)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT / "docs")))
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "#"))]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda p: p.stem)
def test_a_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a copy of docs/tutorials beside models/, as in a checkout."""
    import jupytext
    from nbclient import NotebookClient

    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    shutil.copytree(ROOT / "docs" / "_static", tmp_path / "docs" / "_static")
    (tmp_path / "docs" / "tutorials").mkdir()
    (tmp_path / "models").symlink_to(ROOT / "models")
    notebook = jupytext.read(page)
    place = {"metadata": {"path": str(tmp_path / "docs" / "tutorials")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    said = "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", []))
    assert said
    assert not re.search(r"command not found|Traceback|error:", said), said
