"""Every page in a real browser: desktop and phone, light and dark."""

import json
import os
import re
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import numpy as np
import pytest
from browser import (
    HTML,
    MODES,
    WIDTHS,
    Inspection,
    chromium,
    contents,
    find_chromium,
    inspect,
    opened,
    served,
    violations,
    visited,
    visitor,
)
from playwright.sync_api import Browser, Error, Locator

from lib.solvers.stacking import simplex_weights

pytestmark = pytest.mark.slow("looks at the built book")

MISSING = "no Chromium: install it, or let the environment variable CHROMIUM name one"
EVERY_PAGE = pytest.mark.parametrize("name", [*contents(), "search", "genindex"])
PAGE_BYTES, SITE_BYTES = 2_000_000, 60_000_000
READABLE = 1000  # milliseconds

Inspect = Callable[[str], dict[str, Inspection]]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The built book on a local server."""
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all pages; missing, it fails where it must be there and skips elsewhere."""
    try:
        with chromium(find_chromium()) as browser:
            yield browser
    except Error as error:
        if "Executable doesn't exist" not in str(error):
            raise
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)


@pytest.fixture(scope="module")
def inspected(browser: Browser, address: str) -> Iterator[Inspect]:
    """What a page was found to be in each mode; a page is loaded once per mode for all tests."""
    with ExitStack() as stack:
        contexts = {mode: stack.enter_context(visitor(browser, WIDTHS[mode.screen], mode.colours)) for mode in MODES}

        @cache
        def look(name: str) -> dict[str, Inspection]:
            return {str(mode): inspect(context, f"{address}/{name}.html", mode) for mode, context in contexts.items()}

        yield look


@EVERY_PAGE
def test_page_makes_no_errors_and_asks_nobody_else(inspected: Inspect, name: str) -> None:
    for mode, found in inspected(name).items():
        assert found.visit.errors == [], mode
        assert found.visit.failed == [], mode
        assert found.visit.external == [], mode
        assert found.broken_images == [], mode


@EVERY_PAGE
def test_page_does_not_scroll_sideways(inspected: Inspect, name: str) -> None:
    assert {mode: found.overhang for mode, found in inspected(name).items() if found.overhang > 0} == {}


@EVERY_PAGE
def test_page_is_dark_where_the_reader_wants_it_dark(inspected: Inspect, name: str) -> None:
    dark = {mode: max(found.background[:3]) < 128 for mode, found in inspected(name).items()}
    assert dark == {str(mode): mode.colours == "dark" for mode in MODES}


@EVERY_PAGE
def test_headings_are_in_order(inspected: Inspect, name: str) -> None:
    for mode, found in inspected(name).items():
        steps = [after - before for before, after in zip(found.levels, found.levels[1:], strict=False)]
        assert found.levels[:1] == [1] and found.levels.count(1) == 1, (mode, found.levels)
        assert max(steps, default=0) <= 1, (mode, found.levels)


@EVERY_PAGE
def test_axe_finds_nothing_serious(inspected: Inspect, name: str) -> None:
    assert {mode: found.violations for mode, found in inspected(name).items() if found.violations} == {}


def test_axe_finds_what_is_serious(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<main><h1>A page</h1><img src='data:,'><p style='color: #ccc'>too pale</p></main>")
    assert {found.partition(":")[0] for found in violations(page)} >= {"image-alt", "color-contrast", "html-has-lang"}
    page.close()


@EVERY_PAGE
def test_page_is_readable_within_a_second(inspected: Inspect, name: str) -> None:
    assert statistics.median(found.first_paint for found in inspected(name).values()) < READABLE


@EVERY_PAGE
def test_page_is_light(inspected: Inspect, name: str) -> None:
    assert (HTML / f"{name}.html").stat().st_size < PAGE_BYTES
    assert max(found.bytes_loaded for found in inspected(name).values()) < PAGE_BYTES


def test_site_is_light() -> None:
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    assert sum(path.stat().st_size for path in HTML.rglob("*") if path.is_file()) < SITE_BYTES


def test_front_door_leads_to_the_landing_page(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/index.html", 1280, "light") as (page, _):
        page.wait_for_url(f"{address}/book/index.html")


def test_formulas_are_set_without_a_network(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/notebooks/stacking.html", 1280, "light") as (page, visit):
        page.wait_for_selector("mjx-container")
        assert page.locator("mjx-merror").count() == 0
    assert visit.external == []


def test_search_finds_the_chapter_on_stacking(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/search.html?q=stacking", 1280, "light") as (page, _):
        page.wait_for_selector("#search-results li a")
        links = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any("notebooks/stacking.html" in link for link in links)


# Figures that answer a pointer and keys


EXPLORERS = {
    "book/index": "plant",
    "notebooks/images92": "photographs",
    "notebooks/fig1_alexnet": "voxels",
    "notebooks/fig2_resnet50": "voxels",
    "notebooks/fig3_taskonomy": "voxels",
    "notebooks/stacking": "stacking",
    "notebooks/your_data": "photographs",
    "notebooks/simulated_participant": "plant",
    "notebooks/decoding_confounds": "choices",
}
EVERY_EXPLORER = pytest.mark.parametrize("name", EXPLORERS)
CORNER_NAMES = "all => all.map((corner) => corner.querySelector('select').value)"
CORNER_WEIGHTS = "all => all.map((corner) => Number(corner.querySelector('input').value))"

Explorer = Callable[..., Locator]


@pytest.fixture(scope="module")
def explorer(browser: Browser, address: str) -> Iterator[Explorer]:
    """The figure of a page that answers; loaded once per screen for all tests, which leave it as they like."""
    with ExitStack() as stack:
        contexts = {screen: stack.enter_context(visitor(browser, width, "light")) for screen, width in WIDTHS.items()}

        @cache
        def find(name: str, screen: str = "desktop") -> Locator:
            page, _ = stack.enter_context(visited(contexts[screen], f"{address}/{name}.html"))
            return page.locator("figure.explorer")

        yield find


def payload(figure: Locator) -> dict:
    """The numbers behind a figure."""
    return json.loads(figure.locator("script").text_content())


def control(figure: Locator, label: str) -> Locator:
    """The menu or slider with this label."""
    named = figure.page.get_by_text(label, exact=True)
    return figure.locator("label").filter(has=named).locator("select, input")


def test_pages_with_explorers_are_known() -> None:
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    pages = {name: (HTML / f"{name}.html").read_text(encoding="utf-8") for name in contents()}
    found = {name: re.findall(r'data-explorer="(\w+)"', text) for name, text in pages.items()}
    assert {name: kinds for name, kinds in found.items() if kinds} == {name: [k] for name, k in EXPLORERS.items()}


@EVERY_EXPLORER
@pytest.mark.parametrize("screen", WIDTHS)
def test_explorer_answers_a_pointer(explorer: Explorer, name: str, screen: str) -> None:
    figure, told = explorer(name, screen), set()
    picture = figure.locator("svg").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    for share in (0.2, 0.35, 0.5, 0.65, 0.8):
        figure.page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
        told.add(figure.locator("output").inner_text())
    assert len(told) > 1


@EVERY_EXPLORER
def test_explorer_answers_keys(explorer: Explorer, name: str) -> None:
    figure = explorer(name)
    menu, slider = figure.locator("select").nth(1), figure.locator("input").first
    menu.select_option(index=0)
    slider.fill("1")
    told = [figure.locator("output").inner_text()]
    for node, key in ((menu, "ArrowDown"), (slider, "ArrowRight")):
        node.focus()
        figure.page.keyboard.press(key)
        told.append(figure.locator("output").inner_text())
    assert len(set(told)) == 3


@EVERY_EXPLORER
def test_explorer_is_a_table_on_paper(explorer: Explorer, name: str) -> None:
    figure = explorer(name)
    table, menu = figure.locator(".explorer-table"), figure.locator("select").first
    assert menu.is_visible() and table.bounding_box()["height"] < 2
    figure.page.emulate_media(media="print")
    assert not menu.is_visible() and table.bounding_box()["height"] > 100
    figure.page.emulate_media(media="screen")


@EVERY_EXPLORER
def test_explorer_is_a_table_without_a_script(browser: Browser, address: str, name: str) -> None:
    with opened(browser, f"{address}/{name}.html", 390, "light", java_script_enabled=False) as (page, _):
        assert page.locator(".explorer-table table").bounding_box()["height"] > 100
        assert page.locator(".explorer select").count() == 0


def test_voxel_explorer_tells_the_chosen_voxels_numbers(explorer: Explorer) -> None:
    figure = explorer("notebooks/fig1_alexnet")
    control(figure, "ROI").select_option("PPA")
    control(figure, "Voxel, best first").fill("3")
    told, network = figure.locator("output").inner_text(), payload(figure)["networks"]["alexnet-object"]
    shown, layers = network["rois"]["PPA"], network["layers"]
    best = int(np.argmax(shown["score"][2]))
    assert f"Voxel 3 of {len(shown['stack'])} in PPA: R is highest at {layers[best]}" in told
    assert f"reaches R {shown['stack'][2]:.2f}; the noise ceiling is R {shown['ceiling'][2]:.2f}" in told
    profile = figure.locator("svg").first.get_attribute("aria-label")
    assert profile.count(", ") == len(layers) and f"{layers[best]} {shown['score'][2][best]:.2f}" in profile


@pytest.mark.parametrize("roi", ["V1", "V4", "PPA", "FFA"])
def test_stacking_explorer_finds_the_best_weights_of_three_layers(explorer: Explorer, roi: str) -> None:
    figure = explorer("notebooks/stacking")
    control(figure, "ROI").select_option(roi)
    control(figure, "Voxel, best first").fill("2")
    network, corners = payload(figure)["networks"]["alexnet-object"], figure.locator(".explorer-corner")
    for other in (None, "FC-7", "Conv-1"):
        if other and other not in corners.evaluate_all(CORNER_NAMES):
            control(figure, "Top").select_option(other)
        places = [network["layers"].index(name) for name in corners.evaluate_all(CORNER_NAMES)]
        P = np.array(network["rois"][roi][1]["P"])[np.ix_(places, places)]
        found = corners.evaluate_all(CORNER_WEIGHTS)
        np.testing.assert_allclose(found, simplex_weights(P[None])[0], atol=0.006)  # a slider has steps of 0.01


def test_moving_one_weight_leaves_the_rest_to_the_others(explorer: Explorer) -> None:
    corners = explorer("notebooks/stacking").locator(".explorer-corner")
    corners.locator("input").first.fill("0.5")
    shares = corners.evaluate_all(CORNER_WEIGHTS)
    assert shares[0] == 0.5
    assert sum(shares) == pytest.approx(1, abs=0.011)


def test_choice_explorer_tells_lead_claims_and_place(explorer: Explorer) -> None:
    figure = explorer("notebooks/decoding_confounds")
    choices = {"Hidden layers": "before ReLU", "Output": "as-published", "Regression": "ridge"}
    for label, option in ({"World": "resnet-brain"} | choices).items():
        control(figure, label).select_option(option)
    told, world = figure.locator("output").inner_text(), payload(figure)["worlds"]["resnet-brain"]
    one = next(one for one in world if one["choices"] == list(choices.values()))
    place = 1 + sorted(world, key=lambda other: other["ahead"]).index(one)
    assert f"AlexNet's lead in resnet-brain: {one['ahead']:+.3f}".replace("-0.", "−0.") in told
    assert ("Y1 holds" in told) == ("Y1" in one["holds"])
    assert f"Place {place} of 32" in told
