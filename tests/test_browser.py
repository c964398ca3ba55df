"""Every page in a real browser: desktop and phone, light and dark."""

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from browser import HTML, MODES, WIDTHS, Inspection, chromium, contents, find_chromium, inspect, opened, served
from playwright.sync_api import Browser, Error

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
        contexts = {
            mode: stack.enter_context(
                browser.new_context(viewport={"width": WIDTHS[mode.screen], "height": 900}, color_scheme=mode.colours)
            )
            for mode in MODES
        }

        @cache
        def look(name: str) -> dict[str, Inspection]:
            return {str(mode): inspect(context, f"{address}/{name}.html") for mode, context in contexts.items()}

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
