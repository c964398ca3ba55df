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

import yaml
from playwright.sync_api import Browser, Page, sync_playwright

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


@contextmanager
def opened(browser: Browser, url: str, width: int, colours: str) -> Iterator[tuple[Page, Visit]]:
    """A page as somebody sees it who has never been here before, and what it did wrong."""
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours) as context:
        page, visit = context.new_page(), Visit()
        visit.watch(page, "/".join(url.split("/")[:3]))
        page.goto(url)
        page.wait_for_load_state("networkidle")
        yield page, visit


def write_screenshots(folder: Path) -> int:
    """Write a picture of every page in four modes; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    modes = [(page, screen, colours) for page in contents() for screen in WIDTHS for colours in COLOURS]
    with served() as address, chromium(find_chromium()) as browser:
        for page, screen, colours in modes:
            path = folder / f"{page.replace('/', '-')}.{screen}.{colours}.png"
            with opened(browser, f"{address}/{page}.html", WIDTHS[screen], colours) as (view, _):
                view.screenshot(path=path, full_page=True)
    return len(modes)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "screenshots"
    print(f"{write_screenshots(target)} pictures in {target}")
