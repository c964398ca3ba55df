"""The notebooks of the book: jupytext py:percent files, their cells and their parameters."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext
import papermill
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from lib.app.parameters import Parameter, Value, check_values, user_path
from lib.core import choose
from lib.core.disk import ROOT
from lib.data.files import read_file

NOTEBOOKS = ROOT / "notebooks"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
# The last cell of every notebook while it is executed; nobody else can say what the kernel took.
MEASURE = "from lib.core.memory import peak_memory\n\nprint(peak_memory())"


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
        text = _read(self.path)
        expected = "a notebook that jupytext can read"
        notebook = read_file(self.path, expected, lambda _: jupytext.reads(text, {"extension": ".py"}))
        notebook.metadata.kernelspec = NotebookNode(KERNEL)
        if self.prelude:
            notebook.cells.insert(0, new_code_cell(self.prelude))
        return notebook

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """What the cell tagged `parameters` declares, by name."""
        found = papermill.inspect_notebook(self.notebook).values()
        return {one["name"]: Parameter(one["name"], one["default"], one["help"]) for one in found}

    @property
    def defaults(self) -> dict[str, Value]:
        """Parameter name -> default value."""
        return {name: parameter.default for name, parameter in self.parameters.items()}

    def checked(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Return the given parameters, their paths absolute; raise ValueError or OSError for one that cannot be."""
        return check_values(self.name, self.parameters, given)

    def describe(self) -> str:
        """Return the name and, one a line, the parameters with their defaults and meaning."""
        lines = [f"  {one.name} = {one.code}" for one in self.parameters.values()]
        width = max(map(len, lines), default=0)
        notes = [f"# {one.comment}" if one.comment else "" for one in self.parameters.values()]
        table = [f"{line:{width}}  {note}".rstrip() for line, note in zip(lines, notes, strict=True)]
        return "\n".join([self.name, *table])


def _read(path: Path) -> str:
    """The text of a source; a byte order mark, which Windows' editors write, is no part of it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from error


def find_sources(folder: Path = NOTEBOOKS) -> dict[str, NotebookSource]:
    """Return the notebooks of a folder, name -> source, in alphabetical order.

    Hidden files and files that cannot be read are skipped; standard error names them.
    """
    found = {}
    for path in sorted(folder.glob("*.py")):
        try:
            path.name.encode()
            if path.name.startswith("."):
                raise ValueError("it is hidden")
            _read(path)
            found[path.stem] = NotebookSource(path)
        except (ValueError, OSError) as error:
            print(f"Skipped {path.name!a} in {folder}: {error}.".replace("..", "."), file=sys.stderr)
    return found


def named_source(name: str, sources: Mapping[str, NotebookSource]) -> NotebookSource:
    """Return the notebook of that name, or at that path if it ends in .py."""
    if not name.endswith(".py"):
        return sources[choose("notebook", name, sources)]
    if not user_path(name).is_file():
        raise FileNotFoundError(f"There is no notebook {user_path(name)}.")
    return NotebookSource(user_path(name))


def choose_sources(names: Iterable[str], folder: Path) -> list[NotebookSource]:
    """Return the named notebooks of a folder, or all if none is named.

    Raises
    ------
    ValueError
        An unknown name, with the names there are; a folder without notebooks.
    """
    sources = find_sources(folder)
    if not sources:
        raise ValueError(f"There are no notebooks in {folder.absolute()}.")
    return [named_source(name, sources) for name in names or sources]


def share_out(
    sources: Iterable[NotebookSource], given: Mapping[str, Value]
) -> list[tuple[NotebookSource, dict[str, Value]]]:
    """Give each notebook the parameters it knows, checked.

    Where the comment of a parameter lists choices, and the value is a choice of another notebook only, it keeps its
    default; standard error says so.

    Raises
    ------
    ValueError, FileNotFoundError
        A parameter is known to none of them, or a value cannot be.
    """
    sources = list(sources)
    for name in given:
        choose("parameter", name, sorted({name for source in sources for name in source.parameters}))
    return [(source, source.checked(_own_part(source, sources, given))) for source in sources]


def _own_part(
    source: NotebookSource, sources: Iterable[NotebookSource], given: Mapping[str, Value]
) -> dict[str, Value]:
    own = {}
    for name, value in given.items():
        choices = {other: other.parameters[name].choices for other in sources if name in other.parameters}
        elsewhere = any(value in texts for texts in choices.values())
        if source in choices and choices[source] and value not in choices[source] and elsewhere:
            print(f"{source.name}: {name} stays {source.defaults[name]!r}, {value!r} is no choice.", file=sys.stderr)
        elif source in choices:
            own[name] = value
    return own
