"""Every page in a real browser: desktop and phone, light and dark."""

import os
from collections.abc import Iterator

import pytest
from browser import COLOURS, HTML, WIDTHS, chromium, contents, find_chromium, opened, served
from playwright.sync_api import Browser, Error

MISSING = "no Chromium: install it, or let the environment variable CHROMIUM name one"
# Beyond the table of contents.
EXTRA = ["search", "genindex"]
BROKEN_IMAGES = "Array.from(document.images).filter(i => !(i.complete && i.naturalWidth)).map(i => i.src)"
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAINT = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"


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


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("screen", WIDTHS)
@pytest.mark.parametrize("name", contents() + EXTRA)
def test_page(browser: Browser, address: str, name: str, screen: str, colours: str) -> None:
    with opened(browser, f"{address}/{name}.html", WIDTHS[screen], colours) as (page, visit):
        # Images may load only when they come into view.
        page.evaluate("Array.from(document.images).forEach(image => image.loading = 'eager')")
        page.wait_for_function("Array.from(document.images).every(image => image.complete)")
        assert page.evaluate(BROKEN_IMAGES) == []
        assert page.evaluate(OVERHANG) <= 0, "the page scrolls sideways"
        assert (max(page.evaluate(PAINT)) < 128) == (colours == "dark")
    assert visit.errors == []
    assert visit.failed == []
    assert visit.external == []


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
