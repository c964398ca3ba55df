"""What a page says about itself: how it was computed, how to cite it, and what other sites show of it."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from browser import HTML, ROOT, contents
from companion import Alphabetical, _find_citation_plugins_once
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pybtex.database import parse_string
from pybtex.plugin import find_plugin
from rerun import Executed
from sharing import _about, _pictures, bibtex, simulated_outputs
from sphinx.application import Sphinx

from lib.app.copies import Book

BOOK = Book(ROOT)
RECORD = {
    "fingerprint": "0123456789abcdef",
    "parameters": {},
    "seconds": 131.2,
    "cores": 2,
    "date": "2020-02-03",
    "commit": "c0ffee" * 5,
    "versions": ["3.11.0", "numpy 2.4"],
}


def executed(folder: Path, *simulated: bool, words: str = "# T") -> Executed:
    """A notebook whose boxes say what its data are."""
    boxes = [
        new_output("display_data", {"text/markdown": "x"}, metadata={"text/markdown": {"simulated": one}})
        for one in simulated
    ]
    notebook = new_notebook(cells=[new_markdown_cell(words), new_code_cell("1", outputs=boxes)])
    notebook.metadata.companion = RECORD
    (folder / "notebooks").mkdir()
    nbformat.write(notebook, folder / "notebooks" / "toy.ipynb")
    return Executed("notebooks/toy", folder)


def test_page_says_when_from_what_and_how_it_was_computed(tmp_path: Path) -> None:
    text = re.sub("<[^>]+>", " ", _about(executed(tmp_path, True), BOOK))
    for fact in (
        "simulated; nobody was scanned",
        "2020-02-03",
        "2 min on 2 cores",
        "c0ffeec0ff",
        "Python 3.11.0, numpy 2.4",
        "0123456789ab",
    ):
        assert fact in text


def test_what_is_not_known_is_not_said(tmp_path: Path) -> None:
    one = executed(tmp_path)
    one.record["commit"] = None
    assert "From commit" not in _about(one, BOOK) and "Data" not in _about(one, BOOK)
    del one.notebook.metadata["companion"]
    assert _about(one, BOOK) == _about(None, BOOK) == ""


@pytest.mark.parametrize(
    ("simulated", "words", "found"),
    [
        ((True,), "# T", {True}),
        ((False,), "# T", {False}),
        ((True, False), "# T", {True, False}),
        ((), "```{admonition} Simulated data\n```", {True}),
        ((), "# T", set()),
    ],
)
def test_kind_of_data_is_read_from_the_page(tmp_path: Path, simulated: tuple, words: str, found: set) -> None:
    assert simulated_outputs(executed(tmp_path, *simulated, words=words)) == found


@pytest.mark.parametrize("simulated", [True, False])
def test_landing_page_and_contents_say_what_this_build_shows(tmp_path: Path, simulated: bool) -> None:
    """Built twice: a mark does not pile up."""
    executed(tmp_path, simulated).path.rename(tmp_path / "notebooks" / "images92.ipynb")
    (tmp_path / "notebooks" / "images92.md").write_text("# Brains\n\n## Part\n")
    toc = "```{toctree}\nnotebooks/images92\n```\n"
    only = ":::{only} measured\n* It holds.\n:::\n\n:::{only} not measured\n* Out of reach.\n:::\n"
    (tmp_path / "index.md").write_text(f"# Book\n\n{only}\n{{brains}}`images92`\n\n{toc}")
    kind = "simulated" if simulated else "measured"
    for _ in range(2):
        folders = (str(tmp_path), None, str(tmp_path / "out"), str(tmp_path / "trees"), "text")
        options = {"extensions": ["myst_parser", "sharing"], "myst_enable_extensions": ["colon_fence"]}
        app = Sphinx(*folders, {**options, "exclude_patterns": ["*/*.ipynb"]}, status=None, warning=None)
        app.build()
        text = (tmp_path / "out" / "index.txt").read_text()
        assert ("It holds" in text, "Out of reach" in text) == (not simulated, simulated)
        assert kind.capitalize() in text and app.env.tocs["notebooks/images92"].astext().count(f"Brains {kind}") == 1
        assert "Part" in app.env.tocs["notebooks/images92"].astext()
        (tmp_path / "index.md").touch()


def test_every_card_of_the_landing_page_says_which_brains_it_shows() -> None:
    cards = (ROOT / "book" / "index.md").read_text(encoding="utf-8").split(":::{grid-item-card}")[1:]
    pictures = [re.findall(r"{thumbnail} (\w+)", card) for card in cards]
    marks = [re.findall(r"{brains}`(\w+)`", card) for card in cards]
    assert pictures == marks and len(list(filter(None, pictures))) == 6


def test_citation_is_bibtex_of_the_page_and_the_book() -> None:
    entries = parse_string(bibtex(BOOK, "notebooks/ridge", "Ridge", "2020-02-03"), "bibtex").entries
    assert list(entries) == ["companion-ridge", "companion"]
    page, whole = (entry.fields for entry in entries.values())
    assert (page["title"], page["note"], whole["title"]) == ("Ridge", "Computed on 2020-02-03", BOOK.title)
    assert page["url"] == f"{whole['url']}/notebooks/ridge.html"
    assert page["booktitle"] == whole["title"] and page["year"] == whole["year"]


def test_citations_do_not_look_through_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    _find_citation_plugins_once()
    monkeypatch.setattr("pybtex.plugin.entry_points", None)
    assert {find_plugin("pybtex.backends", name).__name__ for name in ("plaintext", "docutils")} == {"Backend"}


def test_a_page_is_passed_on_with_its_own_picture_or_that_of_the_landing_page() -> None:
    images = {
        "book/_thumbnails/ridge-lead.png": ({"notebooks/ridge"}, "ridge-lead.png"),
        "_build/jupyter_execute/0a.png": ({"notebooks/ridge"}, "0a.png"),
        "book/_thumbnails/speed.png": ({"book/index"}, "speed.png"),
        "book/_thumbnails/fig1.png": ({"book/index", "book/settle"}, "fig1.png"),
    }
    app = SimpleNamespace(env=SimpleNamespace(images=images), config=SimpleNamespace(root_doc="book/index"))
    assert _pictures(app, "notebooks/ridge") == ["ridge-lead.png"]
    assert _pictures(app, "book/data") == ["fig1.png", "speed.png"] and _pictures(app, "book/settle") == ["fig1.png"]
    app.env.images = {}
    assert _pictures(app, "book/data") == []


def built(name: str) -> str:
    """A file of the built book; skips if there is no build."""
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    return (HTML / name).read_text(encoding="utf-8")


@pytest.mark.slow("looks at the built book")
@pytest.mark.parametrize("page", contents())
def test_every_page_can_be_cited_and_passed_on(page: str) -> None:
    text = built(f"{page}.html")
    tags = dict(re.findall(r'<meta (?:name|property)="([\w:]+)" content="([^"]*)"', text))
    assert len(tags["description"]) > 20 and tags["og:description"] == tags["description"]
    assert tags["og:url"] == f"{BOOK.address}/{page}.html"
    picture = tags["og:image"].removeprefix(f"{BOOK.address}/")
    assert (HTML / picture).is_file()
    assert not page.startswith("notebooks/") or picture == f"_images/{page.rpartition('/')[2]}-lead.png"
    assert '<details class="about-page" id="cite">' in text and 'href="#cite"' in text
    assert ("How this page was computed" in text) == page.startswith("notebooks/")


@pytest.mark.slow("looks at the built book")
def test_search_engines_get_a_list_of_all_pages() -> None:
    root = ElementTree.fromstring(built("sitemap.xml"))
    found = {place.text.removeprefix(f"{BOOK.address}/") for place in root.iter() if place.tag.endswith("loc")}
    assert found == {f"{page}.html" for page in contents()}
    assert f"{BOOK.address}/book/index.html" in built("404.html")


def test_braces_around_a_name_do_not_put_it_last() -> None:
    names = [r"{Dupr{\'e} la Tour}, Tom", "Kay, Kendrick", "{Murty Lab}", "Naselaris, Thomas"]
    found = [parse_string(f"@misc{{x, author = {{{name}}}}}", "bibtex").entries["x"] for name in reversed(names)]
    ordered = Alphabetical().sort(found)
    assert [str(entry.persons["author"][0]) for entry in ordered] == names
