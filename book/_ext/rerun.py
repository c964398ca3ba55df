"""What a reader needs to run a page: its parameters, its cost, and a notebook that runs elsewhere too.

* Below the cell of its parameters, each notebook page gets a table of them and what executing it took.
* `{costs}` is a table of what every notebook took.
* The notebooks that readers download, and Colab opens, are plain Markdown and begin with a cell that installs the
  companion where it is missing. `_build/executed` holds them as the workflow publishes them.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lib.app.copies import Book, plain_notebook, runnable
from lib.app.notebooks import NotebookSource
from lib.app.parameters import KINDS, Parameter
from lib.core.disk import stamp
from lib.core.tables import Table

README = """\
# Executed notebooks

The notebooks of {repository} with their outputs, as its workflow executed them for commit {version}.
Each push to the main branch replaces this one. Their sources are there, in `notebooks/`.
"""


@dataclass(frozen=True)
class Executed:
    """An executed notebook of the book, `notebooks/x`."""

    page: str
    folder: Path

    @property
    def path(self) -> Path:
        """The executed notebook."""
        return self.folder / f"{self.page}.ipynb"

    @property
    def notebook(self) -> NotebookNode:
        """Its cells, outputs and metadata; to be read only, since all who ask share them."""
        return _read(self.path, stamp(self.path))

    @property
    def source(self) -> NotebookSource:
        """The notebook that git holds."""
        return NotebookSource(self.path.with_suffix(".py"))

    @property
    def record(self) -> dict:
        """What `python -m lib run` wrote down; empty if somebody else executed it."""
        return self.notebook.metadata.get("companion", {})

    @property
    def cost(self) -> tuple[str, str, str]:
        """Time on the clock, cores it computed on, and the most memory its kernel held; "?" if not measured."""
        seconds, cores, memory = (self.record.get(key) for key in ("seconds", "cores", "memory"))
        return (
            duration(seconds) if seconds else "?",
            str(cores or "?"),
            f"{memory / 1e9:.1f} GB" if memory else "?",
        )


@cache
def _read(path: Path, _: tuple[int, ...]) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def duration(seconds: float) -> str:
    """Seconds as one says them."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def choices_of(parameter: Parameter) -> str:
    """The values that a parameter takes, as Markdown."""
    if not parameter.choices:
        return re.sub("True|False", r"`\g<0>`", KINDS.get(type(parameter.default), "`None` or a value"))
    *others, last = (f'`"{text}"`' for text in parameter.choices)
    return f"{', '.join(others)} or {last}" if others else last


def parameter_table(source: NotebookSource, given: dict[str, object]) -> Table:
    """Name, default, meaning and choices of each parameter, and what this page was given, if anything was."""
    header = ["Parameter", "Default", "Meaning", "Choices", *(["On this page"] if given else [])]
    rows = []
    for name, parameter in source.parameters.items():
        here = [f"`{given.get(name, parameter.default)!r}`"] if given else []
        rows.append([f"`{name}`", f"`{parameter.code}`", parameter.meaning, choices_of(parameter), *here])
    return Table(header, rows)


def markdown(table: Table) -> str:
    """A table as a notebook shows it."""
    return table._repr_markdown_()


def parameters_note(executed: Executed) -> str:
    """The box below a page's parameters, as MyST Markdown."""
    source, (time, cores, memory) = executed.source, executed.cost
    first = next(iter(source.parameters))
    return (
        f"````{{admonition}} What the parameters mean, and what this page costs: {time}, {memory}\n"
        ":class: dropdown note\n\n"
        f"{markdown(parameter_table(source, executed.record.get('parameters', {})))}\n\n"
        f"With the values of this page: {time}, {memory} of memory, cores used: {cores}. {{ref}}`Other values <run>`: "
        f"`python -m lib run {source.name} -p {first} VALUE`.\n````"
    )


def add_parameters(app: Sphinx, page: str, content: list[str]) -> None:
    """Put the box behind the cell tagged `parameters` before a notebook is read."""
    executed = Executed(page, Path(app.srcdir))
    if not (page.startswith("notebooks/") and executed.source.path.is_file() and executed.source.parameters):
        return
    notebook = nbformat.reads(content[0], as_version=4)
    tagged = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    notebook.cells.insert(tagged[0] + 1, nbformat.v4.new_markdown_cell(parameters_note(executed)))
    content[0] = nbformat.writes(notebook)


class Costs(SphinxDirective):
    """A table of what executing each notebook of the book took."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = []
        for page in notebook_pages(self.env.external_site_map):
            executed = Executed(page, Path(self.env.srcdir))
            self.env.note_dependency(str(executed.path))
            rows.append([f"{{doc}}`/{page}`", *executed.cost])
        return self.parse_text_to_nodes(markdown(Table(["Notebook", "Time", "Cores", "Memory"], rows)))


def notebook_pages(pages: Iterable[str]) -> list[str]:
    """Those of the pages that are notebooks, in their order."""
    return [page for page in pages if page.startswith("notebooks/")]


def write_runnable(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks that readers download, and the folder that the workflow publishes for Colab."""
    if error is not None or app.builder.format != "html":
        return
    options = app.config.html_theme_options
    version = os.environ.get("GITHUB_SHA", options["repository_branch"])
    repository = options["repository_url"].rstrip("/")
    published = Path(app.outdir).with_name("executed")
    shutil.rmtree(published, ignore_errors=True)
    book = Book(Path(app.srcdir))
    for page in notebook_pages(app.env.found_docs):
        plain = plain_notebook(Executed(page, Path(app.srcdir)).notebook, page, book)
        notebook = runnable(plain, repository, version)
        for folder in (Path(app.outdir, "_sources"), published):
            path = folder / f"{page}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, path)
    (published / "README.md").write_text(README.format(repository=repository, version=version))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("costs", Costs)
    app.connect("source-read", add_parameters)
    app.connect("build-finished", write_runnable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
