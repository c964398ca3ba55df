"""Terms of the glossary say what they mean where they stand."""

import re
from collections.abc import Iterator

import pytest
from browser import ROOT, chromium, find_chromium
from docutils import nodes
from playwright.sync_api import Error, Page
from sphinx.application import Sphinx
from terms import _running

PAGE = """# A page of voxels

Generic Object Decoding is a name. Two voxels and a voxel, `voxel`; "ReLU" comes before softmax, but relu is no name.

- [A beta](elsewhere.md) of VC, VC1 and {term}`VC`, with a fold.
- Noise ceilings bound betas.

The noise ceiling, and then a ceiling.
"""
GLOSSARY = """# Words

:::{glossary}
beta
  Response to a trial.

ceiling
  What nothing exceeds.

fold
  A fifth of the images.

decoding
  The other way round.

noise ceiling
  Largest R² <any> model can reach.

  See {doc}`../page`.

ReLU
  Replaces negative activations by 0.

softmax
logits
  Probabilities, and what comes before.

VC
  Visual cortex.

voxel
  A cube of brain.
:::
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small book with one page and a glossary: the page as it is built."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "book").mkdir()
    files = {"index.md": "# Book\n\n```{toctree}\npage\nelsewhere\nbook/symbols\n```\n", "page.md": PAGE}
    files |= {"elsewhere.md": "# Elsewhere\n", "book/symbols.md": GLOSSARY}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    settings = {"extensions": ["myst_parser", "terms"], "myst_enable_extensions": ["colon_fence"]}
    Sphinx(folder, None, folder / "html", folder / "doctrees", "html", settings, status=None, warning=None).build()
    return (folder / "html" / "page.html").read_text(encoding="utf-8")


def explained(built: str) -> list[tuple[str, str]]:
    """Words that are explained on the page, and what they are said to mean."""
    pattern = r'<span class="term"><a[^>]*>(.*?)</a><span role="tooltip" id="[^"]*">(.*?)</span></span>'
    return [(re.sub("<[^>]*>", "", words), meaning) for words, meaning in re.findall(pattern, built)]


def test_the_first_use_of_a_term_is_explained_and_no_other(built: str) -> None:
    assert explained(built) == [
        ("voxels", "A cube of brain."),
        ("ReLU", "Replaces negative activations by 0."),
        ("softmax", "Probabilities, and what comes before."),
        ("VC", "Visual cortex."),
        ("Noise ceilings", "Largest R² &lt;any&gt; model can reach."),
        ("betas", "Response to a trial."),
        ("ceiling", "What nothing exceeds."),
    ]
    assert "The noise ceiling, and then" in built, "part of a longer term"
    assert "<h1>A page of voxels" in built and "with a fold." in built


def test_links_lead_to_the_glossary(built: str) -> None:
    assert set(re.findall(r'<span class="term"><a[^>]*href="([^"#]*)#', built)) == {"book/symbols.html"}


def test_titles_of_the_bibliography_are_left_alone() -> None:
    cited, said = (kind("", nodes.paragraph("", "Voxels")) for kind in (nodes.citation, nodes.list_item))
    assert [_running(next(one.findall(nodes.Text))) for one in (cited, said)] == [False, True]


def test_every_definition_is_plain_text() -> None:
    """The first paragraph of each entry is shown in a box, where no formula or link can stand."""
    text = (ROOT / "book" / "symbols.md").read_text(encoding="utf-8")
    entries = text[text.index(":::{glossary}\n") :].split("\n\n")
    first = [entry for entry in entries if not entry.startswith("  ")]
    assert len(first) > 60
    assert [entry for entry in first if re.search(r"[$*`]", entry.replace(":::{glossary}", ""))] == []


@pytest.fixture(scope="module")
def page(built: str) -> Iterator[Page]:
    """The built page with the book's style and script, on a phone."""
    try:
        with (
            chromium(find_chromium()) as browser,
            browser.new_context(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True) as context,
        ):
            page = context.new_page()
            page.set_content(f"<main class='bd-content'>{built[built.index('<h1>') :]}</main>")
            page.add_style_tag(path=ROOT / "book" / "assets" / "companion.css")
            page.add_script_tag(path=ROOT / "book" / "assets" / "glossary.js")
            yield page
    except Error as error:
        if "Executable doesn't exist" not in str(error):
            raise
        pytest.skip("no Chromium")


@pytest.mark.slow("a browser")
def test_a_definition_opens_by_key_and_closes_by_escape(page: Page) -> None:
    tip = page.get_by_role("tooltip", name="", include_hidden=True).first
    page.locator(".term > a").first.focus()
    assert tip.is_visible() and tip.bounding_box()["x"] >= 0
    page.keyboard.press("Escape")
    assert not tip.is_visible()


@pytest.mark.slow("a browser")
def test_a_definition_opens_by_a_tap_that_does_not_leave_the_page(page: Page) -> None:
    address = page.url
    page.locator(".term > a").nth(1).tap()
    assert page.locator(".term [role=tooltip]").nth(1).is_visible() and page.url == address
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow("a browser")
def test_a_definition_stays_on_the_screen(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 700})
    page.evaluate("document.querySelector('.term').style.marginLeft = '900px'")
    page.locator(".term > a").nth(1).focus()
    page.locator(".term > a").first.focus()
    box = page.locator(".term [role=tooltip]").first.bounding_box()
    assert box["x"] + box["width"] <= 1000
