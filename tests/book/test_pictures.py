"""What a figure offers on its page: the full picture, its numbers, another drawing for narrow screens; and on paper."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from browser import HTML, ROOT, book_at, contents, opened
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pictures import FIGURE, FOLDER, LEAD, _switched, leave_out, offered, written
from playwright.sync_api import Page

from lib.app.copies import plain_notebook
from lib.figures.style import NARROW

NOTEBOOKS = [page for page in contents() if page.startswith("notebooks/")]
FIGURE_HTML = """<figure class="align-default" id="fig-one">
<img alt="A line." src="../_images/abc.png" />
<figcaption>
<p><span class="caption-text"><strong>Figure 1.</strong> A line.</span></p>
</figcaption>
</figure>"""
# What is wider on paper than the paper, and what could be read only by scrolling.
CUT_ON_PAPER = """() => {
  const width = document.documentElement.clientWidth;
  return Array.from(document.querySelectorAll("article *"))
    .filter((one) => one.checkVisibility() && !one.closest("svg, span.math, mjx-container, .explorer-live"))
    .filter((one) => one.getBoundingClientRect().right > width + 1 || (one.scrollWidth > one.clientWidth + 1
      && one.clientWidth && ["auto", "scroll", "hidden"].includes(getComputedStyle(one).overflowX)))
    .map((one) => one.outerHTML.slice(0, 90));
}"""


def drawn(name: str, **data: str) -> object:
    """A cell with a named figure whose output holds a picture and other kinds."""
    about = {"mystnb": {"image": {"alt": "A line."}, "figure": {"name": name, "caption": "A line."}}}
    return new_code_cell("draw()", metadata=about, outputs=[new_output("display_data", {"image/png": "", **data})])


def test_numbers_and_narrow_drawings_are_written_beside_the_pages(tmp_path: Path) -> None:
    narrow = base64.b64encode(b"narrow").decode()
    both, plain = drawn("fig-one", **{"text/csv": "x,y\n1,2\n", NARROW: narrow}), drawn("fig-two")
    notebook = new_notebook(cells=[new_markdown_cell("# T"), both, plain, new_code_cell("1")])
    assert written(notebook, tmp_path) == {"fig-one.csv", "fig-one.png"}
    assert (tmp_path / "fig-one.csv").read_text() == "x,y\n1,2\n" and (
        tmp_path / "fig-one.png"
    ).read_bytes() == b"narrow"
    copied = plain_notebook(notebook, "notebooks/mine").cells[1].outputs[0].data
    assert set(copied) == {"image/png", "text/csv"}, "a copy keeps the numbers"


def test_sphinx_sees_only_what_it_knows() -> None:
    content = [nbformat.writes(new_notebook(cells=[drawn("fig-one", **{"text/csv": "x\n1\n", NARROW: "abc"})]))]
    leave_out(None, "notebooks/mine", content)
    assert set(nbformat.reads(content[0], as_version=4).cells[0].outputs[0].data) == {"image/png"}


def test_a_figure_leads_to_what_there_is() -> None:
    def shown(*kept: str) -> str:
        return FIGURE.sub(lambda found: offered(found, set(kept), f"../{FOLDER}"), FIGURE_HTML)

    alone, all_ = shown(), shown("fig-one.csv", "fig-one.png")
    for text in (alone, all_):
        assert '<a class="enlarge" href="../_images/abc.png"' in text and text.count("</a>") == text.count("<a ")
    assert "csv" not in alone and "<picture>" not in alone
    assert '<a href="../_figures/fig-one.csv" download>' in all_
    assert '<source media="(max-width: 600px)" srcset="../_figures/fig-one.png"><img alt="A line."' in all_
    assert shown("fig-two.csv") == alone


def test_a_leading_picture_has_the_narrow_drawing_too() -> None:
    lead = (
        '<a class="reference internal" href="#fig-one"><img alt="A." class="lead" src="../_images/one-lead.png" /></a>'
    )
    assert LEAD.sub(lambda found: found["start"] + _switched(found, set(), "f"), lead) == lead
    both = LEAD.sub(lambda found: found["start"] + _switched(found, {"fig-one.png"}, "f"), lead)
    assert '<picture><source media="(max-width: 600px)" srcset="f/fig-one.png"><img alt="A." class="lead"' in both
    elsewhere = LEAD.match(lead.replace('"#', '"../notebooks/one.html#'))
    assert elsewhere and (elsewhere["other"], elsewhere["name"]) == ("one", "fig-one")


def page_text(name: str) -> str:
    path = HTML / f"{name}.html"
    if not path.is_file():
        pytest.skip("the book is not built: make book")
    return path.read_text(encoding="utf-8")


@pytest.mark.slow("looks at the built book")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_offers_the_numbers_that_its_notebook_kept(name: str) -> None:
    found = re.findall(rf'href="\.\./{FOLDER}/([^"]+)\.csv" download', page_text(name))
    kept = {
        cell.metadata.mystnb.figure.name
        for cell in nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells
        if any("text/csv" in output.get("data", {}) for output in cell.get("outputs", ()))
        and "name" in cell.metadata.get("mystnb", {}).get("figure", {})
    }
    assert sorted(found) == sorted(kept) and (kept or name != "notebooks/fig1_alexnet")
    files = [HTML / FOLDER / f"{one}.csv" for one in kept]
    assert [path for path in files if path.read_text().count("\n") < 2 or path.stat().st_size > 500_000] == []


@pytest.fixture(scope="module")
def paper() -> Iterator[Page]:
    """A page of the built book as it is printed, A4 with margins of a centimetre."""
    with book_at(718) as page:
        page.emulate_media(media="print")
        yield page


@pytest.mark.slow("looks at the built book")
@pytest.mark.parametrize("name", contents())
def test_nothing_is_cut_on_paper(paper: Page, name: str) -> None:
    paper.goto(f"{paper.address}/{name}.html")
    assert paper.evaluate(CUT_ON_PAPER) == []
    assert paper.locator("article").is_visible() and not paper.locator(".bd-sidebar-primary").is_visible()


@pytest.mark.slow("looks at the built book")
def test_a_page_is_printed(paper: Page) -> None:
    paper.goto(f"{paper.address}/notebooks/ridge.html")
    assert paper.pdf(format="A4").startswith(b"%PDF-")


@pytest.mark.slow("looks at the built book")
def test_a_figure_is_enlarged_by_a_key_and_stacked_on_a_phone(paper: Page) -> None:
    url = f"{paper.address}/notebooks/fig1_alexnet.html"
    with opened(paper.context.browser, url, 390, "light") as (page, _):
        shown = page.locator("#fig-alexnet img").evaluate("async (i) => { await i.decode(); return i.currentSrc; }")
        assert shown.endswith(f"{FOLDER}/fig-alexnet.png")
        page.locator("#fig-alexnet a.enlarge").press("Enter")
        page.wait_for_url("**/_images/*.png")
