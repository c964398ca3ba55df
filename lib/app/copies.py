"""Copies of notebooks that work away from the book: plain Markdown, absolute links, a cell that installs.

The book's notebooks are written in MyST Markdown, which Jupyter Book reads. JupyterLab and Colab would show its
directives, roles and citations as they are typed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath
from string import ascii_uppercase
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from lib.core.disk import ROOT

PACKAGE = "brains-and-networks-companion"
INSTALL = """\
# Installs the companion where it is missing, on Colab say.
from importlib.util import find_spec

if not find_spec("lib"):
    %pip install --quiet "{package} @ git+{repository}@{version}\""""

_DIRECTIVE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}|:{3,})\s*\{(?P<kind>[\w:-]+)\}\s*(?P<title>.*)$")
_CODE_BLOCK = re.compile(r"^\s*(?P<fence>`{3,}|~{3,})")
_OPTION = re.compile(r"^:([\w-]+):\s*(.*)$")
_LABEL = re.compile(r"^\(([\w-]+)\)=$")
_EQUATION = re.compile(r"^\$\$ \(([\w-]+)\)$", re.MULTILINE)
# Code and formulas stand before links, which they may seem to hold.
_INLINE = re.compile(
    r"\{(?P<role>[\w:]+)\}`(?P<content>[^`]+)`"
    r"|(?P<tick>`+)(?:.+?)(?P=tick)"
    r"|\$[^$]+\$"
    r"|(?<=\])(?P<before>\(\s*<?|:\s+)(?P<target>[^()\s<>]+)(?P<after>>?(?:\s+\"[^\"]*\")?\s*\)|(?=\n|\Z))",
    re.DOTALL,
)
_HREF = re.compile(r'(?<=href=")(?!#|[a-z]+:)[^"]+(?=")')
_TITLED = re.compile(r"(?P<words>.*?)\s*<(?P<target>.+)>", re.DOTALL)


@dataclass(frozen=True)
class Book:
    """What a copy must know of the book: its addresses, its labels, and what it cites.

    Attributes
    ----------
    root : Path
        The repository's folder.
    """

    root: Path = ROOT

    @cached_property
    def _config(self) -> dict[str, Any]:
        return yaml.safe_load((self.root / "_config.yml").read_text(encoding="utf-8"))

    @property
    def repository(self) -> str:
        """The repository's address."""
        return self._config["repository"]["url"].rstrip("/")

    @property
    def title(self) -> str:
        """What the book is called."""
        return self._config["title"]

    @property
    def year(self) -> str:
        """The year of its copyright."""
        return self._config["copyright"]

    @property
    def branch(self) -> str:
        """The branch that the book is built from."""
        return self._config["repository"]["branch"]

    @property
    def address(self) -> str:
        """Where GitHub publishes the pages of the repository."""
        owner, name = self.repository.split("/")[-2:]
        return f"https://{owner}.github.io/{name}"

    @cached_property
    def labels(self) -> dict[str, str]:
        """The page of each label that a `ref` can name."""
        paths = [*self.root.glob("book/*.md"), *self.root.glob("notebooks/*.py")]
        label = re.compile(r'^(?:# )?(?:\(([\w-]+)\)=|:(?:label|name): ([\w-]+))$|"name": "([\w-]+)"', re.MULTILINE)
        pages = {path.relative_to(self.root).with_suffix("").as_posix(): path.read_text("utf-8") for path in paths}
        return {name: page for page, text in pages.items() for found in label.findall(text) for name in found if name}

    @cached_property
    def sources(self) -> dict[str, tuple[str, str, str]]:
        """Authors, year and address of each entry of the bibliography, by its key."""
        from pybtex.database import parse_file  # comes with Jupyter Book

        entries = parse_file(str(self.root / "book" / "references.bib")).entries
        return {
            key: (_authors(entry), entry.fields["year"], self._source_address(entry)) for key, entry in entries.items()
        }

    def _source_address(self, entry: Any) -> str:
        doi = entry.fields.get("doi")
        return f"https://doi.org/{doi}" if doi else entry.fields.get("url", f"{self.address}/book/references.html")

    def heading(self, target: str, page: str) -> str:
        """The title of a page that another page names by its path; the path itself if there is no such page."""
        named = normpath(PurePosixPath(page).parent / target)
        paths = [path for suffix in (".md", ".py") if (path := self.root / f"{named}{suffix}").is_file()]
        titles = re.findall(r"^(?:# )?# (.+)$", paths[0].read_text("utf-8"), re.MULTILINE) if paths else []
        return titles[0] if titles else target

    def link(self, target: str, page: str) -> str:
        """The absolute address of what a page links to; an address, and what is not known, stays as it is."""
        if re.match(r"[a-z]+:", target):
            return target
        place, _, anchor = target.partition("#")
        path = PurePosixPath(normpath(PurePosixPath(page).parent / place))
        named = str(path.with_suffix("")) if path.suffix in (".md", ".py", ".ipynb") else str(path)
        label = anchor or target
        if place and path.suffix not in ("", ".md", ".py", ".ipynb") and (self.root / path).is_file():
            return f"{self.repository}/raw/{self.branch}/{path}"  # a picture, say
        if place and any((self.root / f"{named}{suffix}").is_file() for suffix in (".md", ".py")):
            known = named.startswith(("book/", "notebooks/"))
            url = f"{self.address}/{named}.html" if known else f"{self.repository}/blob/{self.branch}/{path}"
            return f"{url}#{anchor}" if anchor else url
        return f"{self.address}/{self.labels[label]}.html#{label}" if label in self.labels else target


def _authors(entry: Any) -> str:
    """The names that a text cites: one, two, or the first of many."""
    names = [" ".join(map(str, person.rich_last_names)) for person in entry.persons.get("author", ())]
    return " & ".join(names) if len(names) < 3 else f"{names[0]} et al."


@dataclass
class PlainText:
    """Turns the MyST Markdown of one notebook into plain Markdown.

    Attributes
    ----------
    book : Book
    page : str
        Where the notebook stands in the book, such as "notebooks/ridge".
    equations : dict
        The number of each labelled equation.
    """

    book: Book
    page: str
    equations: dict[str, int] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        """The text without directives, roles, labels and relative links."""
        return "\n".join(self._blocks(iter(text.split("\n")))).strip("\n")

    def html(self, text: str) -> str:
        """The HTML of an output, its links to other pages absolute."""
        return _HREF.sub(lambda found: self.book.link(found[0].replace(".html", "", 1), self.page), text)

    def _blocks(self, lines: Iterator[str]) -> Iterator[str]:
        words: list[str] = []  # of the paragraphs since the last block
        for line in lines:
            if directive := _DIRECTIVE.match(line):
                indent = directive["indent"]
                body = [one.removeprefix(indent) for one in _until(lines, directive["fence"])]
                block = [indent + one for one in self._directive(directive["kind"], directive["title"], body)]
                end = ""  # or a quotation would go on with the next paragraph
            elif code := _CODE_BLOCK.match(line):
                block, end = [line, *_until(lines, code["fence"])], code["fence"]
            else:
                words += [] if _LABEL.match(line) else [line]
                continue
            yield from (self._inline("\n".join(words)), *block, end)
            words = []
        yield self._inline("\n".join(words))

    def _directive(self, kind: str, title: str, body: list[str]) -> list[str]:
        options = {found[1]: found[2] for line in body if (found := _OPTION.match(line))}
        text = self("\n".join(line for line in body if not _OPTION.match(line)))
        title = self._inline(title)
        if kind == "exercise":
            return [f"**Exercise{': ' * bool(title)}{title}** (`{options.get('label', '')}`)", "", text]
        if kind.startswith("solution"):
            return [] if kind == "solution-end" else [f"**Solution** (`{title}`)", "", text]
        quoted = [f"**{title or kind.capitalize()}**", "", *text.split("\n")]
        return [f"> {line}".rstrip() for line in quoted]

    def _inline(self, text: str) -> str:
        numbered = _EQUATION.sub(lambda found: f"\\tag{{{self.equations.get(found[1], '?')}}}\n$$", text)
        return _INLINE.sub(self._plain, numbered)

    def _plain(self, found: re.Match[str]) -> str:
        if found["target"]:
            return f"{found['before']}{self.book.link(found['target'], self.page)}{found['after']}"
        if not found["role"]:
            return found[0]
        role, content = found["role"], found["content"]
        if role.startswith("cite"):
            return self._cite(content, role == "cite:t")
        titled = _TITLED.fullmatch(content)
        words, target = (titled["words"], titled["target"]) if titled else (content, content)
        if role == "doc" and not titled:
            words = self.book.heading(target, self.page)
        return self._reference(role, words, target)

    def _cite(self, keys: str, in_the_text: bool) -> str:
        sources = [self.book.sources[key.strip()] for key in keys.split(",")]
        if in_the_text:
            return " and ".join(f"[{who} ({year})]({url})" for who, year, url in sources)
        return f"({'; '.join(f'[{who}, {year}]({url})' for who, year, url in sources)})"

    def _reference(self, role: str, words: str, target: str) -> str:
        if role == "eq":
            return f"({self.equations.get(target, '?')})"
        if role == "term":
            return f"[{words}]({self.book.address}/book/symbols.html#term-{re.sub(r'[^A-Za-z0-9]+', '-', target)})"
        return f"[{words}]({self.book.link(target, self.page)})" if role in ("ref", "doc", "numref") else words


def _until(lines: Iterable[str], fence: str) -> Iterator[str]:
    """The lines before the one that closes a fence."""
    for line in lines:
        mark = line.strip()
        if len(mark) >= len(fence) and set(mark) == {fence[0]}:
            return
        yield line


def figure_names(notebook: NotebookNode) -> list[tuple[NotebookNode, str]]:
    """Each cell that draws a captioned figure, and what the figure is called.

    On a page of a paper's figure, the cell tagged `thumbnail` draws it, and it has the paper's number. Others have
    letters, so that none is taken for a paper's.
    """
    drawn = [cell for cell in notebook.cells if cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")]
    title = re.match(r"# (Figure \d+)\b", next((cell.source for cell in notebook.cells), ""))
    papers = [cell for cell in drawn if title and "thumbnail" in cell.metadata.get("tags", ())][:1]
    others = [cell for cell in drawn if cell not in papers]
    named = {cell.id: title[1] for cell in papers if title}
    named |= {cell.id: f"Figure {letter} of this page" for cell, letter in zip(others, ascii_uppercase, strict=False)}
    return [(cell, named[cell.id]) for cell in drawn]


def plain_notebook(notebook: NotebookNode, page: str, book: Book | None = None) -> NotebookNode:
    """A copy of a notebook that any Jupyter shows as it is meant; captions stand below their figures.

    Parameters
    ----------
    notebook : NotebookNode
        Executed or not.
    page : str
        Where it stands in the book, such as "notebooks/ridge".
    book : Book, optional
        Ours by default.
    """
    copy = nbformat.from_dict(notebook)
    words = [cell.source for cell in copy.cells if cell.cell_type == "markdown"]
    labels = [label for text in words for label in _EQUATION.findall(text)]
    plain = PlainText(book or Book(), page, {label: i for i, label in enumerate(labels, start=1)})
    names = {cell.id: name for cell, name in figure_names(copy)}
    copy.cells = [new for cell in copy.cells for new in _plain_cell(cell, plain, names.get(cell.id))]
    return copy


def _plain_cell(cell: NotebookNode, plain: PlainText, figure: str | None) -> Iterator[NotebookNode]:
    about = cell.metadata.get("mystnb", {})
    if cell.cell_type == "markdown":
        cell.source = plain(cell.source)
    for output in cell.get("outputs", ()):
        for kind in [kind for kind in output.get("data", {}) if kind.startswith("application/vnd.companion")]:
            del output.data[kind]  # for the book's pages alone
        if "text/markdown" in output.get("data", {}):
            output.data["text/markdown"] = plain(output.data["text/markdown"])
        if "text/html" in output.get("data", {}):
            output.data["text/html"] = plain.html(output.data["text/html"])
        if "image/png" in output.get("data", {}) and "image" in about:
            output.metadata["image/png"] = about["image"]  # the words for those who do not see it
    if cell.source or cell.cell_type == "code":
        yield cell
    if figure:
        yield new_markdown_cell(f"**{figure}.** {plain(about['figure']['caption'])}", id=f"{cell.id}-caption"[-64:])


def runnable(notebook: NotebookNode, repository: str, version: str) -> NotebookNode:
    """A copy whose code begins with the cell that installs the companion where it is missing.

    Parameters
    ----------
    notebook : NotebookNode
    repository : str
        The address to install from.
    version : str
        A branch, tag or commit.
    """
    source = INSTALL.format(package=PACKAGE, repository=repository, version=version)
    cell = new_code_cell(source, metadata={"tags": ["install"]})
    first = next((i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"), len(notebook.cells))
    return NotebookNode({**notebook, "cells": [*notebook.cells[:first], cell, *notebook.cells[first:]]})
