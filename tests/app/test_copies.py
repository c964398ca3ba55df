"""Copies of notebooks that leave the book: plain Markdown, absolute links, a cell that installs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from browser import ROOT, contents

from lib.app import copies
from lib.app.copies import Book, PlainText, figure_names, plain_notebook
from lib.app.notebooks import find_sources
from lib.app.student import student_notebook

SOURCES = find_sources()
BOOK = Book()
# What Jupyter Book understands and other readers show as it is typed.
MARKUP = re.compile(r"\{[\w:]+\}`|^:[\w-]+: |^\([\w-]+\)=$|^\s*(?:`{3,}|:{3,}|~{3,})\s*\{|^\$\$ \(", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")


@pytest.fixture
def plain() -> PlainText:
    return PlainText(BOOK, "notebooks/ridge", {"eq-ridge": 1, "eq-fold": 2})


def words(notebook: nbformat.NotebookNode) -> str:
    """All Markdown of a notebook, that of its outputs too."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output.data["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]
    return "\n\n".join([*(cell.source for cell in notebook.cells if cell.cell_type == "markdown"), *shown])


def check_plain(text: str) -> None:
    """Fail if Jupyter would show markup, or a link leads nowhere."""
    assert MARKUP.findall(text) == []
    without_code = re.sub(r"```.*?```|`[^`]+`|\$[^$]+\$", "", text, flags=re.DOTALL)
    links = LINK.findall(without_code)
    assert links and [link for link in links if not re.match("https?:", link)] == []
    pages = [link.partition("#")[0] for link in links if link.startswith(BOOK.address)]
    assert {page.removeprefix(f"{BOOK.address}/") for page in pages} <= {f"{page}.html" for page in contents()}


@pytest.mark.parametrize("name", SOURCES)
def test_no_markup_and_no_relative_link_is_left(name: str) -> None:
    source = SOURCES[name]
    for notebook in (source.notebook, student_notebook(source)):
        copy = plain_notebook(notebook, f"notebooks/{name}")
        nbformat.validate(copy)
        check_plain(words(copy))
    assert MARKUP.search(words(source.notebook)), "the test has something to find"


@pytest.mark.parametrize("name", SOURCES)
def test_exercises_keep_their_titles_and_figures_their_captions(name: str) -> None:
    text = words(plain_notebook(SOURCES[name].notebook, f"notebooks/{name}"))
    titles = re.findall(r"^# `+\{exercise\} (.+)$", SOURCES[name].path.read_text(), re.MULTILINE)
    assert [title for title in titles if f"**Exercise: {title}**" not in text] == []
    figures = figure_names(SOURCES[name].notebook)
    assert [number for _, number in figures if text.count(f"**{number}.** ") != 1] == []
    assert len(figures) == SOURCES[name].path.read_text().count('"figure": {"caption"')


def test_a_figure_of_a_paper_has_the_papers_number() -> None:
    pages = {name: [number for _, number in figure_names(source.notebook)] for name, source in SOURCES.items()}
    papers = {name: [number for number in numbers if "page" not in number] for name, numbers in pages.items()}
    titles = {name: re.findall(r"^# # (Figure \d)", SOURCES[name].path.read_text(), re.MULTILINE) for name in SOURCES}
    assert papers == titles and sum(map(len, titles.values())) >= 3
    assert pages["stacking"][:2] == ["Figure A of this page", "Figure B of this page"]


@pytest.mark.parametrize(
    ("myst", "expected"),
    [
        ("{cite:t}`wang2021` say", f"[Wang et al. (2021)]({BOOK.address}/book/references.html) say"),
        ("so {cite}`hoerl1970`.", "so ([Hoerl & Kennard, 1970](https://doi.org/10.1080/00401706.1970.10488634))."),
        ("[stack](stacking)", f"[stack]({BOOK.address}/notebooks/stacking.html)"),
        ("[two\nlines](../book/run.md#run)", f"[two\nlines]({BOOK.address}/book/run.html#run)"),
        ("[how](../CONTRIBUTING.md)", f"[how]({BOOK.repository}/blob/main/CONTRIBUTING.md)"),
        ("[there](your-data-read)", f"[there]({BOOK.address}/notebooks/your_data.html#your-data-read)"),
        ("{ref}`arrow <idea>`", f"[arrow]({BOOK.address}/book/idea.html#idea)"),
        ("{doc}`the idea <../book/idea>`", f"[the idea]({BOOK.address}/book/idea.html)"),
        ("{term}`fits <noise ceiling>`", f"[fits]({BOOK.address}/book/symbols.html#term-noise-ceiling)"),
        ("see {eq}`eq-fold`", "see (2)"),
        ("in {doc}`../book/data`", f"in [Data]({BOOK.address}/book/data.html)"),
        ("{ref}`x <fig-alexnet>`", f"[x]({BOOK.address}/notebooks/fig1_alexnet.html#fig-alexnet)"),
        ('[a](judging "title")', f'[a]({BOOK.address}/notebooks/judging.html "title")'),
        ("[a](<judging>)", f"[a](<{BOOK.address}/notebooks/judging.html>)"),
        ("[a][b]\n\n[b]: judging", f"[a][b]\n\n[b]: {BOOK.address}/notebooks/judging.html"),
        ("![a](../book/assets/two_arrows.svg)", f"![a]({BOOK.repository}/raw/main/book/assets/two_arrows.svg)"),
        ("* a\n  ```{hint}\n  :class: dropdown\n  b\n  ```", "* a\n  > **Hint**\n  >\n  > b"),
        ("$$\nx\n$$ (eq-ridge)", "$$\nx\n\\tag{1}\n$$"),
        ("(label)=\n# Title", "# Title"),
        ("[web](https://x.org) [mail](mailto:a@b.org)", "[web](https://x.org) [mail](mailto:a@b.org)"),
        ("`f[0](x)` and $f[i](x)$", "`f[0](x)` and $f[i](x)$"),
        ("```python\n[a](ridge)\n```", "```python\n[a](ridge)\n```"),
        ("```{admonition} T\n:class: note\n\n{eq}`eq-fold`\n```", "> **T**\n>\n> (2)"),
        (":::{note}\nBe careful.\n:::\nGo on.", "> **Note**\n>\n> Be careful.\n\nGo on."),
        ("```{exercise}\n:label: a-b\n\nAdd.\n```", "**Exercise** (`a-b`)\n\nAdd."),
        ("```{solution-start} a-b\n:class: dropdown\n```\nYes.", "**Solution** (`a-b`)\n\n\n\nYes."),
    ],
)
def test_markup_becomes_plain(plain: PlainText, myst: str, expected: str) -> None:
    assert plain(myst) == expected


def test_a_fork_changes_every_address_in_one_place(tmp_path: Path) -> None:
    (tmp_path / "_config.yml").write_text("repository: {url: https://github.com/me/mine/, branch: trunk}")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "idea.md").touch()
    assert Book(tmp_path).link("../book/idea.md", "notebooks/x") == "https://me.github.io/mine/book/idea.html"


def test_what_an_output_says_is_plain_too() -> None:
    output = nbformat.v4.new_output("display_data", {"text/markdown": "```{admonition} Simulated data\nx\n```"})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    assert words(plain_notebook(notebook, "notebooks/x")) == "> **Simulated data**\n>\n> x"
    assert "admonition" in words(notebook), "the original stays"


def test_links_of_an_outputs_html_lead_to_the_book(plain: PlainText) -> None:
    shown = plain.html('<a href="judging.html#a">x</a> <a href="#top">y</a> <a href="https://x.org/a.html">z</a>')
    address = f"{BOOK.address}/notebooks/judging.html#a"
    assert shown == f'<a href="{address}">x</a> <a href="#top">y</a> <a href="https://x.org/a.html">z</a>'
    output = nbformat.v4.new_output("display_data", {"text/html": '<a href="judging.html#a">x</a>'})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    assert plain_notebook(notebook, "notebooks/x").cells[0].outputs[0].data["text/html"] == f'<a href="{address}">x</a>'


def test_install_cell_names_the_package_and_the_commit() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    cell = copies.runnable(notebook, "https://example.org/book", "abc123").cells[0]
    assert '"brains-and-networks-companion @ git+https://example.org/book@abc123"' in cell.source
    assert f'name = "{copies.PACKAGE}"' in (ROOT / "pyproject.toml").read_text()


def test_install_cell_does_nothing_where_the_companion_is(tmp_path: Path) -> None:
    source = copies.INSTALL.format(package="no such package", repository="nowhere", version="never")
    assert printed(tmp_path, source) == ""


def test_install_cell_installs_where_it_is_missing(tmp_path: Path) -> None:
    source = copies.INSTALL.format(package="p", repository="https://example.org/book", version="abc")
    asked = "get_ipython().run_line_magic = lambda *words: print(*words)\n"
    source = asked + source.replace('find_spec("lib")', 'find_spec("lib_that_is_missing")')
    assert printed(tmp_path, source).strip() == 'pip install --quiet "p @ git+https://example.org/book@abc"'


def printed(folder: Path, source: str) -> str:
    """What IPython prints when it runs a cell."""
    (folder / "cell.ipy").write_text(source)
    command = [sys.executable, "-m", "IPython", "--no-banner", "cell.ipy"]
    environment = {**os.environ, "IPYTHONDIR": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
