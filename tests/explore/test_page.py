"""The page of a search in a browser, and the sentences on it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from fpga_ml.explore.findings import Side, measured
from fpga_ml.explore.page import render, render_comparison, write

from .searches import failed, search, trial, usual

HOSTILE = "</script><script>alert(1)</script><!-- & \"'${x} \ud800"


def hostile() -> dict[str, Any]:
    """Every text is one that would be a script."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            kept = ("better", "state", "kind", "origin", "how", "costs")
            return {k: v if k in kept else spoil(v) for k, v in value.items()}
        return [spoil(v) for v in value] if isinstance(value, list) else HOSTILE + value if isinstance(value, str) else value

    given: dict[str, Any] = spoil(usual())
    for one in given["trials"]:
        one["params"] = {HOSTILE + name: value for name, value in one["params"].items()}
    return given


def architecture() -> dict[str, Any]:
    """Of a figure that is better if lower and spans decades, with choices that are no bits, without losses and points."""
    given = usual()
    for one in given["trials"]:
        one["params"] = {"layers": [16, 8], "kind": "relu" if one["number"] % 2 else "tanh", "pruned": 0.5}
        if one["costs"]:
            one |= {"score": 1.0 - one["score"], "score_test": None, "loss": None}
    kinds = {"layers": [[16, 8], [32]], "kind": ["relu", "tanh"], "pruned": [0.0, 0.5, 0.9]}
    knobs = [{"name": n, "layer": "", "kind": "architecture", "choices": c} for n, c in kinds.items()]
    objective = {"name": "mean_square", "better": "lower", "float": 1e-4, "float_test": math.nan}
    return given | {"how": "architecture", "knobs": knobs, "objective": objective, "points": [], "marks": []}


PAGES: dict[str, Callable[[], str]] = {
    "usual": lambda: render(usual()),
    "comparison": lambda: render_comparison(usual(), usual(7, 60), ("after training", "<b>while</b>")),
    "hostile": lambda: render(hostile()),
    "architecture": lambda: render(architecture()),
    "single": lambda: render(search([trial(0, [6] * 6)])),
    "no front": lambda: render(search([trial(0, [6] * 6), trial(1, [5] * 6)], front=[])),
    "all failed": lambda: render(search([failed(0), failed(1, HOSTILE)])),
    "none": lambda: render(search([], costs=[], knobs=[])),
    "failed beside": lambda: render_comparison(usual(), search([failed(0)]), ("one", "other")),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


def shown(browser: Browser, folder: Path, name: str, scheme: Any = "light", width: int = 1400) -> tuple[Page, list[str]]:
    """The page, and whatever it said or asked for."""
    file = folder / f"{name}.html"
    if not file.exists():
        file.write_text(PAGES[name](), encoding="utf-8", errors="replace")
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: heard.append(request.url))
    page.goto(file.as_uri())
    return page, [line for line in heard if line != file.as_uri()]


def wait_for(done: Callable[[], bool]) -> None:
    """Playwright's own way is a script that the page's policy forbids."""
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
@pytest.mark.parametrize("name", PAGES)
def test_it_is_quiet_and_can_be_read(browser: Browser, folder: Path, name: str, scheme: str, width: int) -> None:
    page, heard = shown(browser, folder, name, scheme, width)
    assert heard == []
    assert page.inner_text("#summary").endswith(".")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "NaN" not in page.inner_text("main")
    assert not [v["id"] for v in Axe().run(page).response["violations"]]
    for element in page.query_selector_all("details"):
        element.evaluate("e => { e.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)"
    )
    assert width == 400 or name not in ("usual", "single") or not set(cut) - {"Bits, table"}, "wider than a desktop's page"
    page.context.close()


def test_the_plot_shows_what_there_is(browser: Browser, folder: Path) -> None:
    page, _ = shown(browser, folder, "usual")
    given = usual()
    names = page.evaluate("document.getElementById('plot').data.map(t => t.name)")
    assert {"trials", "front", "front, uniform bits", "HGQ, arXiv:2405.00645"} <= set(names)
    dots = page.evaluate("document.getElementById('plot').data.filter(t => t.meta === 'trial').flatMap(t => t.hovertext)")
    assert len(dots) == 38
    first = next(text for text in dots if "<b>trial 3</b>" in text)
    assert "LUTs: 10,500" in first
    assert "fc1 weights 5" in first
    assert "loss " in first
    assert page.inner_text("#plot").count("float model 0.9312") == 1
    line = page.evaluate("document.getElementById('plot').layout.shapes.map(s => [s.y0, s.y1])")
    assert line == [[0.9312, 0.9312]]
    x, y = page.evaluate("document.getElementById('plot').data.filter(t => t.name === 'line').flatMap(t => [t.x, t.y])")
    assert (x, y) == (sorted(x), sorted(y))
    best = {(t["costs"]["luts"], t["score"]) for t in given["trials"] if t["number"] in given["front"]}
    assert set(zip(x, y, strict=True)) <= best
    assert page.inner_text("#out").startswith("19 worse trials are out of view")
    page.uncheck("#half")
    assert page.inner_text("#out") == ""
    low = page.evaluate("document.getElementById('plot').layout.yaxis.range[0]")
    assert low < min(t["score"] for t in given["trials"] if t["score"])
    page.context.close()


def test_axes_follow_the_choice(browser: Browser, folder: Path) -> None:
    page, heard = shown(browser, folder, "usual")

    def axis(name: str) -> tuple[str, str]:
        found = page.evaluate(f"(a => [a.title.text, a.type])(document.getElementById('plot').layout.{name}axis)")
        return tuple(found)

    assert axis("x") == ("LUTs", "log")
    assert axis("y") == ("AUC, validation", "linear")
    page.select_option("#x-axis", "latency_ns")
    assert axis("x") == ("latency, ns", "linear")
    page.check("#x-log")
    assert axis("x") == ("latency, ns", "log")
    assert page.locator(".xtick text").all_inner_texts()
    page.select_option("#x-axis", "dsps")
    assert page.is_disabled("#x-log"), "a trial has none"
    page.select_option("#x-axis", "score_test")
    page.select_option("#y-axis", "luts")
    assert axis("x") == ("AUC, test", "linear")
    assert page.evaluate("document.getElementById('plot').layout.shapes.map(s => s.x0)") == [0.9305]
    assert page.evaluate("document.getElementById('plot').data.find(t => t.name === 'line').line.shape") == "vh"
    assert heard == []
    page.context.close()


def test_ticks_follow_the_zoom(browser: Browser, folder: Path) -> None:
    page, heard = shown(browser, folder, "usual")
    for low, high in ((3.0, 8.0), (4.0, 4.9), (4.4771, 4.49)):
        page.evaluate(f"Plotly.relayout('plot', {{'xaxis.range[0]': {low}, 'xaxis.range[1]': {high}}})")
        values = page.evaluate("document.getElementById('plot').layout.xaxis.tickvals")
        assert 2 <= len(values) <= 20
        assert all(10**low <= v <= 10**high for v in values)
    assert heard == []
    page.context.close()


def test_colours_follow_the_scheme(browser: Browser, folder: Path) -> None:
    page, _ = shown(browser, folder, "usual", "dark")
    colour = "document.getElementById('plot').layout.legend.font.color"
    dark = page.evaluate(colour)
    page.emulate_media(color_scheme="light")
    wait_for(lambda: page.evaluate(colour) != dark)
    page.emulate_media(media="print", color_scheme="dark")
    wait_for(lambda: page.evaluate(colour) == "#000")
    assert page.pdf().startswith(b"%PDF")
    page.context.close()


def test_tables_hold_the_front(browser: Browser, folder: Path) -> None:
    page, heard = shown(browser, folder, "usual")
    given = usual()
    trials = {t["number"]: t for t in given["trials"]}
    rows = [r.get_attribute("id") for r in page.query_selector_all("#points-table tbody tr")]
    by_cost = sorted(given["front"], key=lambda n: trials[n]["costs"]["luts"])
    assert rows == [f"point-{n}" for n in by_cost]
    first = given["points"][0]
    assert "proved" in page.inner_text(f"#point-{first['number']}")
    page.click(f"#copy-{first['number']}")
    wait_for(lambda: page.inner_text("#copied").startswith("Copied"))
    assert page.evaluate("navigator.clipboard.readText()") == first["command"]
    bits = page.evaluate(
        "[...document.querySelectorAll('#bits-table tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    assert bits == [[k["name"], *(str(trials[n]["params"][k["name"]]) for n in by_cost)] for k in given["knobs"]]
    assert not page.locator("#failed-39").is_visible()
    page.click("#failed summary")
    assert "the clock is too fast" in page.inner_text("#failed-39")
    assert heard == []
    page.context.close()


def test_a_comparison_has_both(browser: Browser, folder: Path) -> None:
    page, _ = shown(browser, folder, "comparison")
    names = page.evaluate("document.getElementById('plot').data.map(t => t.name)")
    assert {"after training: front", "&lt;b&gt;while&lt;/b&gt;: front"} <= set(names)
    assert page.inner_text("#plot").count("<b>while</b>: front") >= 1
    assert len(page.query_selector_all("#points-table tbody tr")) == len(usual()["front"]) + len(usual(7, 60)["front"])
    page.context.close()


def test_names_are_text(browser: Browser, folder: Path) -> None:
    page, heard = shown(browser, folder, "hostile")
    assert "<script>alert(1)</script>" in page.inner_text("h1")
    assert len(page.query_selector_all("script")) == 3
    page.select_option("#x-axis", "latency_ns")
    assert heard == []
    page.context.close()


@pytest.mark.parametrize("name", ["single", "no front", "all failed", "none"])
def test_little_has_a_sentence(browser: Browser, folder: Path, name: str) -> None:
    page, _ = shown(browser, folder, name)
    said = {
        "single": "The only trial of jet_tagger (bits of a trained network) needs 15,120 LUTs, at a loss of",
        "no front": "Of 2 trials of jet_tagger (bits of a trained network), none is kept as one of the best.",
        "all failed": "All 2 trials of jet_tagger failed, so there is nothing to compare; the reasons are below.",
        "none": "No trial of jet_tagger has run yet.",
    }
    assert page.inner_text("#summary").startswith(said[name])
    assert (page.query_selector("#plot") is not None) == (name in ("single", "no front"))
    assert page.query_selector("#points-table") is None or name == "single"
    if name == "all failed":
        assert page.locator("#failed-0").is_visible()
    page.context.close()


def test_numbers_that_are_none_are_no_numbers(tmp_path: Path) -> None:
    given = usual()
    given["trials"][12]["score"] = math.nan
    given["trials"][3] |= {"score_test": math.inf, "loss": {"mean": math.nan, "error": math.nan}}
    write(given, tmp_path / "search.html")
    text = (tmp_path / "search.html").read_text()
    data = json.loads(text.split('id="data">')[1].split("</script>")[0], parse_constant=lambda word: pytest.fail(word))
    shown_trials = {t["number"]: t for t in data["sides"][0]["trials"]}
    assert 12 not in shown_trials
    assert shown_trials[3]["score_test"] is None
    assert "it has no score" in text
    assert "nan" not in text.split("<main")[1].split("<script")[0].lower()


def test_the_saving_is_against_the_cheapest_uniform_bits_as_good() -> None:
    bits = [4, 4, 8, 8, 8, 8]
    trials = [trial(n, [n] * 6, "uniform") for n in (2, 6, 7, 8, 12)] + [trial(20, bits), trial(21, [2, 2, 4, 4, 4, 4])]
    good = {6: 0.9290, 7: 0.9300, 8: 0.9299, 12: 0.9311, 20: 0.9301}  # 7 bits are as good as 8
    for one in trials:
        one["score"] = good.get(one["number"], 0.8)
        one["costs"]["luts"] = {20: 10000, 7: 32000, 8: 40000}.get(one["number"], one["costs"]["luts"])
    given = search(trials)
    found = Side(given, "").saving()
    assert found is not None
    assert (found[0], found[1]["number"], found[2]["number"]) == (7, 7, 20)
    assert "the best needs 3.2 times fewer LUTs than uniform 7 bits (10,000 instead of 32,000), at a loss of" in render(
        given
    )
    changed = deepcopy(given)
    changed["trials"][5]["costs"]["luts"] = 33000
    changed["front"] = [2, 6, 7, 8, 12]
    assert "none is as good and needs fewer LUTs than uniform 7 bits" in render(changed)
    for one in trials:
        one["origin"] = "sampler"
    assert "are on the front; the cheapest within two errors of the float model needs 60,480 LUTs" in render(search(trials))


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (0.00041, 0.0003, "0.0004 ± 0.0003"),
        (-0.00041, 0.00012, "\N{MINUS SIGN}0.00041 ± 0.00012"),
        (3.2, 40.0, "3 ± 40"),
        (0.5, 0.0, "0.5"),
        (0.00002, None, "2e-05"),
        (None, None, "\N{EN DASH}"),
    ],
)
def test_a_loss_has_the_digits_of_its_error(mean: float | None, error: float | None, text: str) -> None:
    assert measured({"mean": mean, "error": error}).replace("\N{NO-BREAK SPACE}", " ") == text
