"""The notebooks of the book: jupytext py:percent files, their cells and their parameters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext
import papermill
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from lib.app.parameters import Value, literal
from lib.core import choose
from lib.core.disk import ROOT

NOTEBOOKS = ROOT / "notebooks"


KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@dataclass(frozen=True)
class NotebookSource:
    """A notebook's source, a jupytext py:percent file.

    Attributes
    ----------
    path : Path
    prelude : str
        Code that is executed before the notebook's first cell, in a cell of its own.
    """

    path: Path
    prelude: str = ""

    @property
    def name(self) -> str:
        """The name the command line knows it by."""
        return self.path.stem

    @property
    def output(self) -> Path:
        """Where the executed notebook goes unless told otherwise."""
        return self.path.with_suffix(".ipynb")

    @cached_property
    def notebook(self) -> NotebookNode:
        """The notebook, not executed."""
        notebook = jupytext.read(self.path)
        notebook.metadata.kernelspec = NotebookNode(KERNEL)
        if self.prelude:
            notebook.cells.insert(0, new_code_cell(self.prelude))
        return notebook

    @cached_property
    def parameters(self) -> dict[str, dict[str, str]]:
        """What papermill finds in the cell tagged `parameters`: name -> default, help, ... as text."""
        return papermill.inspect_notebook(self.notebook)

    @property
    def defaults(self) -> dict[str, Value]:
        """Parameter name -> default value."""
        return {name: literal(parameter["default"]) for name, parameter in self.parameters.items()}


def find_sources(folder: Path = NOTEBOOKS) -> dict[str, NotebookSource]:
    """Return the notebooks of a folder, name -> source, in alphabetical order."""
    return {path.stem: NotebookSource(path) for path in sorted(folder.glob("*.py"))}


def check_known(source: NotebookSource, names: Iterable[str]) -> None:
    """Raise ValueError unless the notebook knows every named parameter."""
    for name in names:
        if not source.parameters:
            raise ValueError(f"{source.name} has no parameters, so none named {name!r}.")
        choose(f"parameter of {source.name}", name, source.parameters)


def share_out(
    sources: Iterable[NotebookSource], given: Mapping[str, Value]
) -> list[tuple[NotebookSource, dict[str, Value]]]:
    """Give each notebook the parameters it knows.

    Raises
    ------
    ValueError
        A parameter is known to none of them.
    """
    sources = list(sources)
    known = sorted({name for source in sources for name in source.parameters})
    for name in given:
        choose("parameter", name, known)
    return [(source, {n: v for n, v in given.items() if n in source.parameters}) for source in sources]


def named_source(name: str, sources: Mapping[str, NotebookSource]) -> NotebookSource:
    """The notebook of that name, or at that path if it ends in .py."""
    if not name.endswith(".py"):
        return sources[choose("notebook", name, sources)]
    if not Path(name).is_file():
        raise FileNotFoundError(f"There is no notebook {name}.")
    return NotebookSource(Path(name))


def describe(source: NotebookSource) -> str:
    """A notebook's name and, one a line, its parameters with their defaults and meaning."""
    parameters = source.parameters.values()
    lines = [f"  {p['name']} = {p['default']}" for p in parameters]
    width = max(map(len, lines), default=0)
    notes = [f"# {p['help']}" if p["help"] else "" for p in parameters]
    table = [f"{line:{width}}  {note}".rstrip() for line, note in zip(lines, notes, strict=True)]
    return "\n".join([source.name, *table])
