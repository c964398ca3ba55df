"""`python -m lib run X --html`: an executed notebook as one file that needs nothing else."""

import subprocess
from pathlib import Path

import nbformat
import pytest
from browser import ROOT, chromium, find_chromium, opened
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.__main__ import main
from lib.app import page as pages
from lib.app.page import how_to_open, show_page, write_page

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
EXPLORER = '<figure class="explorer" data-explorer="x"></figure>'


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """An executed notebook with a formula, a citation, a described picture and a cell that pages leave out."""
    picture = new_output("display_data", {"image/png": PIXEL})
    about = {"image": {"alt": "A dot."}, "figure": {"caption": "The dot is {eq}`eq-one`."}}
    cells = [
        new_markdown_cell("# A <title>\n\n{cite}`hoerl1970`\n\n$$\nx^2\n$$ (eq-one)"),
        new_code_cell("left_out = 1", metadata={"tags": ["remove-cell"]}),
        new_code_cell("draw()", metadata={"mystnb": about}, outputs=[picture]),
    ]
    path = tmp_path / "mine.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_page_is_plain_described_and_whole(executed: Path) -> None:
    page = write_page(executed)
    text = page.read_text(encoding="utf-8")
    assert page == executed.with_suffix(".html")
    assert "<title>A &lt;title&gt;</title>" in text
    assert "Hoerl &amp; Kennard, 1970</a>" in text and "{cite}" not in text
    assert 'alt="A dot."' in text and "The dot is (1)." in text and "draw" in text and "left_out" not in text


def test_scripts_come_only_where_they_are_needed(executed: Path) -> None:
    notebook = nbformat.read(executed, as_version=4)
    assert "MathJax = {" in pages.html_page(notebook, "mine")
    notebook.cells = [new_code_cell("1", outputs=[new_output("display_data", {"text/html": EXPLORER})])]
    text = pages.html_page(notebook, "mine")
    assert "MathJax = {" not in text and (ROOT / "book" / "assets" / "explorer.js").read_text() in text


@pytest.mark.slow("looks at a page in a browser")
def test_page_asks_nobody_and_sets_its_formulas(executed: Path) -> None:
    with (
        chromium(find_chromium()) as browser,
        opened(browser, write_page(executed).as_uri(), 390, "dark") as (page, seen),
    ):
        page.wait_for_selector("mjx-container")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert [url for url in seen.external if not url.startswith("file:")] == [] and seen.errors == []


@pytest.mark.parametrize(
    ("screen", "works", "said"), [("", True, "Open it"), (":0", False, "Open it"), (":0", True, "Opened")]
)
def test_a_browser_is_opened_where_there_is_a_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: str, works: bool, said: str
) -> None:
    asked = []
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("webbrowser.open", lambda address: asked.append(address) or works)
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert show_page(tmp_path / "x.html").startswith(said + " in")
    assert asked == [(tmp_path / "x.html").as_uri()] * bool(screen)


@pytest.mark.slow("starts a Jupyter kernel")
def test_the_command_writes_a_page_and_says_how_to_open_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "toy.py").write_text("# %% [markdown]\n# # Toy\n\n# %%\nprint(6 * 7)\n")
    for _ in range(2):  # executed, and unchanged
        assert main(["run", "--folder", str(tmp_path), "toy", "--html"]) == 0
        assert how_to_open(tmp_path / "toy.html") in capsys.readouterr().out
        assert ">42" in (tmp_path / "toy.html").read_text()
        (tmp_path / "toy.html").unlink()


def test_make_first_installs_and_says_what_happens(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "ran $@"\n')
    python.chmod(0o755)
    python.with_name("pip").touch()
    command = ["make", "first", f"VENV={tmp_path}", "TORCH_INDEX="]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    install, run = told.index("ran -m pip install"), told.index("ran -m lib run fig1_alexnet --open")
    assert told.index("Step 1 of 2") < install < told.index("Step 2 of 2") < run
    assert "notebooks/fig1_alexnet.html" in told
