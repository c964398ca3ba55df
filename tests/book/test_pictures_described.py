"""Every picture of the book is described for those who do not see it, and has a caption that stands alone."""

import ast
import importlib
import re
import typing
from collections.abc import Iterator

import nbformat
import pytest
from browser import ROOT, contents
from matplotlib.figure import Figure
from nbformat import NotebookNode

from lib.app.notebooks import find_sources

pytestmark = pytest.mark.slow("looks at the built book")

SOURCES = find_sources()
WITHOUT_BRAINS = {"miniature_world"}  # networks and drawn scenes only
NOTICE = re.compile(r"\bnotice\(|\{admonition\} Simulated data")
LEANS_ON_OTHERS = re.compile(
    r"\b(as|sheet|formula|figure|table|shown) (above|below|before)\b|colours as|^(as|the same) ", re.I
)


def helpers(name: str) -> dict[str, typing.Any]:
    """What a notebook imports from `lib`, by the names that it is imported under: functions and modules."""
    code = "\n".join(cell.source for cell in SOURCES[name].notebook.cells if cell.cell_type == "code")
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    return {
        one.asname or one.name: member(node.module, one.name)
        for node in imports
        for one in node.names
        if node.module.startswith("lib")
    }


def member(module: str, name: str) -> typing.Any:
    """A name of a module, or the module in a package."""
    package = importlib.import_module(module)
    return getattr(package, name) if hasattr(package, name) else importlib.import_module(f"{module}.{name}")


def draws(cell: NotebookNode, names: dict[str, typing.Any]) -> bool:
    """Whether the last line of a cell calls a helper that returns a figure or words instead, as its signature says."""
    body = ast.parse(cell.source).body
    call = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    match call:
        case ast.Call(func=ast.Name(id=function)):
            helper = names.get(function)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=function)):
            helper = getattr(names.get(module), function, None)
        case _:
            return False
    hint = typing.get_type_hints(helper).get("return") if helper else None
    return Figure in (hint, *typing.get_args(hint))


def pictures(name: str) -> Iterator[NotebookNode]:
    """Cells of a notebook that draw."""
    names = helpers(name)
    return (cell for cell in SOURCES[name].notebook.cells if cell.cell_type == "code" and draws(cell, names))


def described(cell: NotebookNode) -> None:
    """Fail unless a cell's picture has words."""
    about = cell.metadata.get("mystnb", {})
    alt, figure = about.get("image", {}).get("alt", ""), about.get("figure", {})
    assert len(alt) > 40, f"no alt text: {cell.source}"
    assert figure.get("name", "").startswith("fig-"), f"no name: {cell.source}"
    caption = figure.get("caption", "")
    assert len(caption) > 60 and caption.endswith("."), f"no caption that says what is seen: {cell.source}"
    assert not LEANS_ON_OTHERS.search(caption), f"a caption that needs another: {caption}"
    assert caption != alt


@pytest.mark.parametrize("name", SOURCES)
def test_pictures_have_alt_text_and_a_caption_of_their_own(name: str) -> None:
    for cell in pictures(name):
        described(cell)


def test_most_notebooks_draw() -> None:
    """The test above looks at something."""
    assert sum(1 for name in SOURCES for _ in pictures(name)) > 40
    assert [name for name in SOURCES if not any(pictures(name))] in ([], ["claims"])


@pytest.mark.parametrize("name", SOURCES)
def test_pictures_that_were_drawn_are_described(name: str) -> None:
    executed = SOURCES[name].output
    if not executed.is_file():
        pytest.skip("not executed: make notebooks")
    drew = [
        cell
        for cell in nbformat.read(executed, as_version=4).cells
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))
    ]
    for cell in drew:
        described(cell)


def test_names_of_pictures_are_unique() -> None:
    names = [cell.metadata.mystnb.figure.name for name in SOURCES for cell in pictures(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("page", [page for page in contents() if page.startswith("book/")])
def test_pictures_on_pages_of_prose_are_described(page: str) -> None:
    text = (ROOT / f"{page}.md").read_text()
    blocks = re.findall(r"^`{3,}\{(?:figure|image|thumbnail)\}.*\n((?:.*\n)*?)`{3,}$", text, re.MULTILINE)
    assert [block for block in blocks if not re.search(r"^:alt: .{30,}", block, re.MULTILINE)] == []
    assert re.findall(r"!\[\]\(", text) == []


@pytest.mark.parametrize("name", SOURCES)
def test_simulated_brains_are_called_so_on_the_page(name: str) -> None:
    has_notice = bool(NOTICE.search(SOURCES[name].path.read_text()))
    assert has_notice != (name in WITHOUT_BRAINS)


@pytest.mark.parametrize("name", SOURCES)
def test_symbols_of_a_notebooks_table_are_in_the_books(name: str) -> None:
    page = (ROOT / "book" / "symbols.md").read_text()
    rows = re.findall(r"^# \| (.+?) \| .+ \|$", SOURCES[name].path.read_text(), re.MULTILINE)
    symbols = [symbol.strip("$ ") for row in rows for symbol in re.findall(r"\$[^$]+\$", row)]
    every = [one.strip() for symbol in symbols for one in symbol.split(",")]
    assert [symbol for symbol in every if f"| ${symbol}$ |" not in page] == []
