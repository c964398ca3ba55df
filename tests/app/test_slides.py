"""Figures for slides: one SVG of 16:9 for each figure with a caption, whole and in the middle."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lib.__main__ import main
from lib.app.slides import SVG, slide

pytestmark = pytest.mark.slow("runs notebooks")

NOTEBOOK = """\
# %% tags=["parameters"]
title = "one"  # of the figure
size = [4, 3]  # inches

# %%
from matplotlib.figure import Figure
import matplotlib.pyplot as plt

def picture():
    figure, ax = plt.subplots(figsize=size)
    ax.plot([0, 1])
    ax.set_title(title, gid=title)
    plt.close(figure)
    return figure

# %% mystnb={"image": {"alt": "A line."}, "figure": {"caption": "A line that rises.", "name": "fig-line"}}
picture()

# %%
picture()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook with one figure that has a caption, and one that has none."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
    (tmp_path / "lines.py").write_text(NOTEBOOK)
    return tmp_path


def command(folder: Path, *words: str) -> int:
    """The exit status of `python -m lib slides`."""
    return main(["slides", str(folder / "out"), *words, "--folder", str(folder)])


def test_a_figure_with_a_caption_becomes_a_slide(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "lines", "-p", "title", "two") == 0
    assert "[1/1] lines: fig-line.svg, fig-line.pdf" in capsys.readouterr().out
    assert [path.name for path in sorted((folder / "out").glob("*.svg"))] == ["fig-line.svg"]
    canvas = ET.parse(folder / "out" / "fig-line.svg").getroot()
    assert (canvas.get("width"), canvas.get("height"), canvas.get("viewBox")) == ("1280", "720", "0 0 1280 720")
    assert canvas.find(f"{{{SVG}}}desc").text == "A line that rises."
    assert canvas.find(".//*[@id='two']") is not None, "drawn with the parameter, as lines and not as pixels"
    assert canvas.find(f".//{{{SVG}}}image") is None
    assert (folder / "out" / "fig-line.pdf").read_bytes().startswith(b"%PDF-")


def test_an_unchanged_notebook_is_not_executed_again(folder: Path) -> None:
    command(folder)
    before = (folder / "out" / "executed" / "lines.ipynb").stat().st_mtime_ns
    (folder / "out" / "fig-line.svg").unlink()
    assert command(folder) == 0
    assert (folder / "out" / "executed" / "lines.ipynb").stat().st_mtime_ns == before
    assert (folder / "out" / "fig-line.svg").is_file()
    assert not (folder / "lines.ipynb").exists(), "the book's own executed notebook is left alone"


@pytest.mark.parametrize("box", ["0 0 288 216", "0 0 720 144", "0 0 100 700"])
def test_the_picture_keeps_its_aspect_and_lies_within_the_canvas(box: str) -> None:
    picture = f'<svg xmlns="{SVG}" width="4in" height="3in" viewBox="{box}"><g id="here"/></svg>'
    inner = ET.fromstring(slide(picture, "c")).find(f"{{{SVG}}}svg")
    assert inner.get("viewBox") == box and inner.get("preserveAspectRatio") == "xMidYMid meet"
    x, y, width, height = (float(inner.get(name)) for name in ("x", "y", "width", "height"))
    assert x > 0 and y > 0 and 2 * x + width == 1280 and 2 * y + height == 720


def test_a_notebook_that_fails_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lines.py").write_text("# %%\nraise OSError('no disk')\n")
    assert command(folder) == 2
    assert "lines failed" in capsys.readouterr().err
