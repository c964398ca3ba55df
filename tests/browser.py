"""The built book in a real browser. As a script, `python tests/browser.py FOLDER`, it pictures every page."""

import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
WIDTHS = {"desktop": 1280, "phone": 390}
COLOURS = ("light", "dark")
# No calls home: a test must see only the requests of the page.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Visit:
    """What a page did that it should not have done while it was open."""

    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)

    def watch(self, page: Page, address: str) -> None:
        """Listen to a page; requests to anything but `address` are external."""
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("requestfailed", lambda request: self.failed.append(request.url))
        page.on("response", lambda reply: reply.status >= 400 and self.failed.append(reply.url))
        page.on("request", lambda request: self._note_external(request.url, address))

    def _note_external(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.external.append(url)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and does not tell about each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def contents() -> list[str]:
    """Every page of _toc.yml, without suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def find_chromium() -> str | None:
    """A Chromium: CHROMIUM names one, else one of the system's."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, names)]
    return next((path for path in found if path), None)


@contextmanager
def served(folder: Path = HTML) -> Iterator[str]:
    """Serve a folder on this machine; yields its address."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium(executable: str | None) -> Iterator[Browser]:
    """A headless Chromium; without an executable, the one `playwright install chromium` brings."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def visitor(browser: Browser, width: int, colours: str, **options: object) -> BrowserContext:
    """Somebody who was never here before; their pages share a window, and each window costs a process of its own."""
    return browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours, **options)


@contextmanager
def opened(browser: Browser, url: str, width: int, colours: str, **options: object) -> Iterator[tuple[Page, Visit]]:
    """A page as somebody sees it who has never been here before, and what it did wrong."""
    with visitor(browser, width, colours, **options) as context:
        with visited(context, url) as found:
            yield found


@contextmanager
def book_at(width: int) -> Iterator[Page]:
    """A page of so many pixels, and the built book on it at `page.address`; tests are skipped if it is not built."""
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    with served() as address, chromium(find_chromium()) as browser:
        with opened(browser, f"{address}/index.html", width, "light") as (page, _):
            page.address = address
            yield page


@contextmanager
def visited(context: BrowserContext, url: str) -> Iterator[tuple[Page, Visit]]:
    """A page opened among others of the same visitor, and what it did wrong."""
    page, visit = context.new_page(), Visit()
    try:
        visit.watch(page, "/".join(url.split("/")[:3]))
        page.goto(url)
        page.wait_for_load_state("networkidle")
        yield page, visit
    finally:
        page.close()


@dataclass(frozen=True)
class Mode:
    """How a page is looked at."""

    screen: str
    colours: str

    def __str__(self) -> str:
        return f"{self.screen}, {self.colours}"


MODES = tuple(Mode(screen, colours) for screen in WIDTHS for colours in COLOURS)
AUDITED = (Mode("desktop", "light"), Mode("phone", "dark"))  # both widths and both colours


@dataclass(frozen=True)
class Inspection:
    """All that the checks ask of one page in one mode, from one load.

    Attributes
    ----------
    visit : Visit
    broken_images : list of str
    overhang : int
        Pixels by which the page is wider than the screen.
    levels : list of int
        Of the headings, in the page's order.
    background : list of numbers
        Red, green, blue, 0 to 255.
    first_paint : float
        Milliseconds from the request to the first text or picture.
    bytes_loaded : int
        The page and all that it loads by itself.
    violations : list of str
        What axe-core calls serious or critical: rule, element and reason. Empty in modes it did not look at.
    """

    visit: Visit
    broken_images: list[str]
    overhang: int
    levels: list[int]
    background: list[float]
    first_paint: float
    bytes_loaded: int
    violations: list[str]


# Images may load only when they come into view, and solutions wait behind a click: show all that there is.
UNFOLD = """async () => {
  const folds = document.querySelectorAll(".toggle-hidden > .admonition-title, main details:not([open]) > summary");
  for (const fold of folds) fold.click();
  if (folds.length) await new Promise((done) => setTimeout(done, 400)); // the theme looks after 300
  for (const image of document.images) image.loading = "eager";
  await Promise.all(Array.from(document.images, (image) => image.decode().catch(() => null)));
}"""
LOOK = """() => {
  const loaded = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
  return {
    broken_images: Array.from(document.images).filter((i) => !(i.complete && i.naturalWidth)).map((i) => i.src),
    overhang: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    levels: Array.from(document.querySelectorAll("h1, h2, h3, h4, h5, h6"))
      .filter((heading) => heading.checkVisibility()).map((heading) => Number(heading.tagName[1])),
    background: getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number),
    first_paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    bytes_loaded: loaded.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
  };
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint').length"


def inspect(context: BrowserContext, url: str, mode: Mode) -> Inspection:
    """Load a page once and note what the checks ask; axe-core, which takes longest, is asked in AUDITED modes only."""
    with visited(context, url) as (page, visit):
        page.wait_for_function(PAINTED)
        page.evaluate(UNFOLD)
        found = violations(page) if mode in AUDITED else []
        return Inspection(visit=visit, **page.evaluate(LOOK), violations=found)


# MathJax draws a formula from hundreds of elements, and gives readers of screens its MathML instead.
NOT_OURS = {"exclude": [["mjx-container"]]}
# Without preload, which asks for imported style sheets at addresses where there are none.
AXE_OPTIONS = {"resultTypes": ["violations"], "preload": False}


def violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical on a page."""
    rules = Axe().run(page, NOT_OURS, AXE_OPTIONS).response["violations"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in rules
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def write_screenshots(folder: Path) -> int:
    """Write a picture of every page in four modes; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [(page, mode) for page in contents() for mode in MODES]
    with served() as address, chromium(find_chromium()) as browser:
        for page, mode in pictures:
            path = folder / f"{page.replace('/', '-')}.{mode.screen}.{mode.colours}.png"
            with opened(browser, f"{address}/{page}.html", WIDTHS[mode.screen], mode.colours) as (view, _):
                view.screenshot(path=path, full_page=True, animations="disabled")
    return len(pictures)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "screenshots"
    print(f"{write_screenshots(target)} pictures in {target}")
