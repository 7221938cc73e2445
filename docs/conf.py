"""The site: `make docs`. Warnings are errors; tutorials are run; links between pages are checked."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
ROOT = DOCS.parent
# Pages that lie beside what they are about, and where they stand on the site.
ELSEWHERE = {
    **{
        f"models/{card.parent.name}/card.md": f"models/{card.parent.name}.md"
        for card in sorted(ROOT.glob("models/*/card.md"))
    },
    "tb/README.md": "testbench.md",
}
SHOWN = DOCS / "_shown"
SHOWN_ROWS = ("accuracy", "figures", "latency", "resources")
GALLERY = """# Gallery

The report of every trained model of this repository, as a build writes it: a click opens it.

::::{{grid}} 1 1 2 2
:gutter: 3

{}
::::
"""
sys.path.insert(0, str(ROOT))
# A kernel of a tutorial finds the commands of this environment, and TensorFlow is quiet.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}

from fpga_ml import __version__  # noqa: E402
from fpga_ml.report.brief import rows, told  # noqa: E402
from fpga_ml.report.document import read  # noqa: E402
from fpga_ml.report.page import render  # noqa: E402

project, author, release = "fpga_ml", "The fpga_ml authors", __version__
copyright = "The fpga_ml authors; Apache-2.0"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_design",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "tutorials/build", "jupyter_execute"]
html_theme = "pydata_sphinx_theme"
html_title = "fpga_ml"
html_theme_options = {"show_prev_next": True, "navigation_with_keys": False, "show_toc_level": 2}
html_static_path = ["_static"]
html_extra_path = ["_shown"]
SHOWN.mkdir(exist_ok=True)
html_css_files = ["site.css"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # what TensorFlow says when it starts
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
copybutton_exclude = ".linenos, .gp, .go"


def bring(_app: Any) -> None:
    """Copies of the pages from elsewhere."""
    for source, page in ELSEWHERE.items():
        (DOCS / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / source, DOCS / page)


def show(_app: Any) -> None:
    """The reports of the trained models as pages, and a page that leads to them. Links to a project's files become text:
    they are not here."""
    shutil.rmtree(SHOWN, ignore_errors=True)
    cards = []
    for file in sorted((DOCS / "gallery").glob("*.json")):
        folder = SHOWN / "gallery" / file.stem
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "report.json")
        report = read(folder)
        page = re.sub(r'<a href="(?:rtl|synth)/[^"]*">(.*?)</a>', r"\1", render(report))
        (folder / "report.html").write_text(page, encoding="utf-8")
        lines = "\n\n".join(f"**{name}**: {text}" for name, text in rows(report) if name in SHOWN_ROWS)
        cards.append(
            f":::{{grid-item-card}} {report['model']['name']}\n:link: gallery/{file.stem}/report.html\n:link-type: url\n\n"
            f"{told(report)}\n\n{lines}\n:::\n"
        )
    (DOCS / "gallery.md").write_text(GALLERY.format("\n".join(cards)))


def point(_app: Any, page: str, text: list[str]) -> None:
    """Links to a page from elsewhere lead to its copy. Links within a copy become plain text: their targets are not here."""
    for source, copy in ELSEWHERE.items():
        text[0] = text[0].replace(f"](../{source}", f"]({copy}")
    if f"{page}.md" in ELSEWHERE.values():
        text[0] = re.sub(r"\[([^\]]*)\]\((?!http)[^)]*\)", r"\1", text[0])


def setup(app: Any) -> None:
    app.connect("builder-inited", bring, priority=100)
    app.connect("builder-inited", show, priority=100)
    app.connect("source-read", point)
