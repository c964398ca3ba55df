"""`make lab`: JupyterLab opens the sources as notebooks, by one double-click."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import ROOT, chromium, find_chromium
from playwright.sync_api import Page

pytestmark = pytest.mark.slow("starts JupyterLab")
OPTIONS = "--no-browser --allow-root --ServerApp.port=0 --IdentityProvider.token= --LabApp.workspaces_dir={folder}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that make started in this environment."""
    environment, folder = Path(sys.executable).parents[1], tmp_path_factory.mktemp("workspaces")
    command = [
        "make",
        "lab",
        "-o",
        f"{environment}/.lab",
        f"VENV={environment}",
        f"LAB={OPTIONS.format(folder=folder)}",
    ]
    log = folder / "log"
    with log.open("w") as told:
        server = subprocess.Popen(command, cwd=ROOT, stderr=told, start_new_session=True)
    try:
        yield started(server, log)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:  # a server waits a minute for a kernel that is starting
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(60)


def started(server: subprocess.Popen, log: Path) -> str:
    """The address that a server tells once it listens."""
    while server.poll() is None:
        if found := re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/lab", log.read_text()):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def page(lab: str) -> Iterator[Page]:
    with chromium(find_chromium()) as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{lab}/tree/notebooks")
        yield page


def test_a_double_click_opens_a_source_as_a_notebook(page: Page) -> None:
    page.get_by_role("listitem", name=re.compile(r"^Name: fig1_alexnet\.py")).dblclick()
    page.locator(".jp-Notebook h1", has_text="Figure 1: AlexNet").wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-CodeCell", has_text="import encoding_study").wait_for(timeout=60_000)
