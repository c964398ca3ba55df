"""Notebooks to hand out: without the solutions, and with a cell in the place of each that fails until it is replaced.

    python -m lib student OUT [NOTEBOOK ...]

A solution is what stands between sphinx-exercise's markers `{solution-start}` and `{solution-end}`. The solved version
is the book's own notebook.
"""

import argparse
import re
from collections.abc import Iterable, Iterator

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from lib.app.notebooks import NOTEBOOKS, NotebookSource, choose_sources
from lib.app.parameters import user_path

MARKER = re.compile(r"^```\{solution-(start|end)\} ?(.*)\n(?:.*\n)*?```$", re.MULTILINE)
EPILOG = """examples:
  python -m lib student _build/student                 every notebook of the book
  python -m lib student handout ridge your_network     two of them
"""


def student_notebook(source: NotebookSource) -> NotebookNode:
    """A notebook without its solutions; each has given way to a code cell that raises NotImplementedError.

    Raises
    ------
    ValueError
        A solution that does not end, or ends before it began.
    """
    notebook = nbformat.from_dict(source.notebook)
    notebook.cells = list(_without_solutions(notebook.cells, source.name))
    for i, cell in enumerate(notebook.cells):  # a cell that was cut in two must not keep one name
        cell.id = f"{source.name.replace('_', '-')}-{i}"
    return notebook


def _without_solutions(cells: Iterable[NotebookNode], name: str) -> Iterator[NotebookNode]:
    label = None  # of the solution we are in
    for cell in cells:
        for kind, text in _pieces(cell):
            if kind == ("end" if label is None else "start"):
                raise ValueError(f"{name}: expected each solution to end before the next, found {label or 'no start'}.")
            if kind == "start":
                label = text
                yield new_code_cell(unsolved(label))
            elif kind == "end":
                label = None
            elif label is None and text.strip():
                yield NotebookNode(cell, source=text.strip("\n"))
    if label is not None:
        raise ValueError(f"{name}: expected the solution {label} to end, found no end.")


def _pieces(cell: NotebookNode) -> Iterator[tuple[str, str]]:
    """What stands between markers, as ("text", words), and the markers, as ("start", label) and ("end", "")."""
    position = 0
    for marker in MARKER.finditer(cell.source) if cell.cell_type == "markdown" else ():
        yield "text", cell.source[position : marker.start()]
        yield marker[1], marker[2].strip()
        position = marker.end()
    yield "text", cell.source[position:]


def unsolved(label: str) -> str:
    """The code of a cell that waits for an answer."""
    return f'raise NotImplementedError("Exercise {label}: replace this cell by your answer")'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib student`."""
    parser.add_argument("target", type=user_path, metavar="OUT", help="folder to write x.ipynb into; made if need be")
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="such as ridge (default: all)")
    parser.add_argument(
        "--folder", type=user_path, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib student`; return 0."""
    sources = choose_sources(args.names, args.folder)
    args.target.mkdir(parents=True, exist_ok=True)
    for source in sources:
        notebook = student_notebook(source)
        nbformat.write(notebook, args.target / f"{source.name}.ipynb")
        n = sum(cell.source.startswith("raise NotImplementedError") for cell in notebook.cells)
        print(f"{args.target / source.name}.ipynb: {n} exercises to solve")
    return 0
