"""The pages in a browser: no complaint, nothing fetched, every section to be seen, in light, dark, narrow and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from fpga_ml.report.page import SECTIONS, render, render_comparison

# Text on what lies behind it: (luminance + 0.05) of the lighter by that of the darker (WCAG 2.2, 1.4.3).
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = text => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3]) return c; }
    return [255, 255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest("svg title, svg desc")) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(rgba(e.closest("svg") ? style.fill : style.color)), light(behind(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), e.textContent.slice(0, 40), e.className.baseVal ?? e.className]);
  }
  return found;
}"""


@pytest.fixture(scope="module", params=["parallel", "stream", "whole", "comparison"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on disk."""
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    if request.param == "comparison":
        one, other = request.getfixturevalue("whole"), request.getfixturevalue("stream").report
        path.write_text(render_comparison(one, other, ("one", "other")))
        return path
    project = request.getfixturevalue(request.param)
    if request.param == "whole":
        path.write_text(render(project))
        return path
    found: Path = project.folder / "report.html"  # as the compiler wrote it
    return found


def shown(browser: Browser, file: Path, scheme: Any, width: int) -> tuple[Any, list[str]]:
    """The page, and whatever it said or asked for."""
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url))
    page.goto(file.as_uri())
    return page, heard


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1280), ("dark", 390)])
def test_it_is_quiet_and_can_be_read(browser: Browser, file: Path, scheme: str, width: int) -> None:
    page, heard = shown(browser, file, scheme, width)
    assert heard == [file.as_uri()]
    names = [s.get_attribute("id") for s in page.query_selector_all("section")]
    if file.stem == "whole":
        assert names == list(SECTIONS)
    for name in names:
        box = page.query_selector(f"#{name}").bounding_box()
        assert box["height"] > 60, name
        assert box["width"] > 0.8 * min(width - 200, 1200) * (width > 1000), name
    across = page.evaluate("document.documentElement.scrollWidth")
    assert across <= width, "the page is wider than the window"
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)"
    )
    assert width < 1280 or not cut, "tables are wider than a desktop's page"
    assert not [v["id"] for v in Axe().run(page).response["violations"]]
    for element in page.query_selector_all("details"):
        element.evaluate("e => { e.open = true; }")
    measured = page.evaluate(CONTRAST)
    assert len(measured) > 200
    assert not [m for m in measured if m[0] < 4.5]
    page.context.close()


def test_a_click_on_a_layer_shows_it(browser: Browser, file: Path) -> None:
    if file.stem == "comparison":
        return
    page, _ = shown(browser, file, "light", 1400)
    assert not page.query_selector("#layer-1").is_visible()
    assert page.query_selector(".cards .all").is_visible()
    page.click("svg a[href='#layer-1']")
    assert page.query_selector("#layer-1").is_visible()
    assert not page.query_selector(".cards .all").is_visible()
    page.click("#layer-1 .close")
    assert not page.query_selector("#layer-1").is_visible()
    page.context.close()


def test_the_colours_follow_the_choice(browser: Browser, file: Path) -> None:
    if file.stem != "whole":
        return
    page, _ = shown(browser, file, "light", 1400)
    seen = set()
    for name in ("luts", "latency"):
        page.check(f"#by-{name}")
        seen.add(page.evaluate("[...document.querySelectorAll('.node rect')].map(e => getComputedStyle(e).fill).join()"))
    assert len(seen) == 2
    page.context.close()


def test_paper_is_light(browser: Browser, file: Path) -> None:
    page, _ = shown(browser, file, "dark", 1400)
    on_screen = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)" != on_screen
    assert not [m for m in page.evaluate(CONTRAST) if m[0] < 4.5]
    assert not page.query_selector("nav").is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.context.close()
