"""Notebooks to hand out: without the solutions, and with a cell in the place of each that fails until it is replaced.

    python -m lib student OUT [NOTEBOOK ...]

A solution is what stands between sphinx-exercise's markers `{solution-start}` and `{solution-end}`, or in a block
`{solution}`, with fences of any kind. What only looks like one is refused. The solved version is the book's own
notebook. What is handed out is plain Markdown, and begins with a cell that installs the companion where it is missing.
"""

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from lib.app.copies import Book, plain_notebook, runnable
from lib.app.notebooks import NOTEBOOKS, NotebookSource, choose_sources
from lib.app.parameters import user_folder
from lib.core.disk import written_aside

_MARKDOWN = MarkdownIt("commonmark").use(colon_fence_plugin)
_MARKER = re.compile(r"\{solution(?P<kind>(?:-start|-end)?)\}(?P<label>.*)", re.IGNORECASE)
# What may be a solution and is none that we know how to cut: other markers, blocks and folded text with that title.
SUSPECT = re.compile(
    r"(?:^|[^\w\\^])\{\s*solution[\w-]*\s*\}"
    r"|^[\s>*+\d.-]*(?:`{3,}|~{3,}|:{3,})\s*\{(?!exercise)[^}]+\}.*\b(?:solution|answer)"
    r"|^[\s>*+\d.-]*(?:`{3,}|~{3,}|:{3,})[ \t]*\{?[.# \t]*(?:solution|answer)"
    r"|<(?:summary|details|!--)[^>]*\b(?:solution|answer)|<(?:summary|details)\b.*\b(?:solution|answer)"
    r"|<\w[^>]*\b(?:hidden|solution|answer)|^\+{3}.*(?:solution|answer)",
    re.IGNORECASE | re.MULTILINE,
)
# Among exercises also what is folded, and what has that name in words or in a comment of code.
TOLD = re.compile(
    r"^[\s>*+\d.-]*(?:`{3,}|~{3,}|:{3,})\s*\{(?:toggle|dropdown|details|spoiler)\}|^\s*:class:.*\b(?:dropdown|toggle)"
    r"|<details|^[\s>*+_#%(\[^-]*(?:begin\s+)?(?:solution|answer)s?[*_)\]\s]*(?:[\d*_\s]*[:.=]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_HINT = re.compile(r"\{hint\}.*\n:class: dropdown$", re.MULTILINE)  # folded, and for students
HIDDEN = re.compile(r"hide|hidden|remove|solution|answer")  # in tags, or names of metadata, of cells that a page folds
_EPILOG = """examples:
  python -m lib student _build/student                 every notebook of the book
  python -m lib student handout ridge your_network     two of them
"""


def student_notebook(source: NotebookSource) -> NotebookNode:
    """A notebook without its solutions; each has given way to a code cell that raises NotImplementedError.

    Raises
    ------
    ValueError
        A solution that does not end, ends before it began, or is written in a way that is not understood.
    """
    notebook = nbformat.from_dict(source.notebook)
    notebook.cells = list(_without_solutions(notebook.cells, source.name))
    for i, cell in enumerate(notebook.cells):  # a cell that was cut in two must not keep one name
        cell.id = f"{source.name.replace('_', '-')}-{i}"
    return notebook


def _without_solutions(cells: Iterable[NotebookNode], name: str) -> Iterator[NotebookNode]:
    label, in_exercises = None, False  # label: of the solution we are in
    for cell in cells:
        if cell.cell_type == "markdown":  # another section ends the exercises
            in_exercises = "{exercise" in cell.source or (in_exercises and not cell.source.startswith("## "))
        for kind, text in _pieces(cell, name):
            if kind in (["-end"] if label is None else ["-start", "-whole"]):
                raise ValueError(f"{name}: expected each solution to end before the next, found {label or 'no start'}.")
            if kind in ("-start", "-whole"):
                yield new_code_cell(unsolved(text))
            if kind in ("-start", "-end"):
                label = text if kind == "-start" else None
            elif kind == "text" and label is None and text.strip():
                _check_clean(NotebookNode(cell, source=text), name, in_exercises)
                yield NotebookNode(cell, source=text.strip("\n"))
    if label is not None:
        raise ValueError(f"{name}: expected the solution {label} to end, found no end.")


def _pieces(cell: NotebookNode, name: str) -> Iterator[tuple[str, str]]:
    """What stands around solutions, ("text", words), and their marks: ("-start" or "-whole", label), ("-end", "")."""
    lines, done = cell.source.split("\n"), 0
    for block in _MARKDOWN.parse(cell.source) if cell.cell_type == "markdown" else ():
        marker = _MARKER.fullmatch(block.info.strip()) if block.level == 0 and block.map else None
        if marker and block.map:
            first, end = block.map
            _check_whole(lines[first + 1 : end], block.markup, name)
            yield "text", "\n".join(lines[done:first])
            yield marker["kind"].lower() or "-whole", marker["label"].strip()
            done = end
    yield "text", "\n".join(lines[done:])


def _check_whole(lines: Sequence[str], fence: str, name: str) -> None:
    """Refuse a block that does not end, or that ends where a block inside it does."""
    inside, last = lines[:-1], "".join(lines[-1:]).strip()
    if not last.startswith(fence) or set(last) != {fence[0]} or any(line.lstrip().startswith(fence) for line in inside):
        raise ValueError(f"{name}: a solution's block {fence} does not end, or holds a fence as long as its own.")


def _check_clean(cell: NotebookNode, name: str, in_exercises: bool) -> None:
    """Refuse to hand out what may be a solution."""
    first = cell.source.strip().split("\n")[0]
    found = None if cell.cell_type == "code" else SUSPECT.search(cell.source)
    if found := found or (TOLD.search(_HINT.sub("", cell.source)) if in_exercises else None):
        raise ValueError(
            f"{name}: {found[0].strip()!r} may be a solution that is not known as one; put it between "
            "{solution-start} and {solution-end}."
        )
    names = [*cell.metadata.get("tags", ()), *cell.metadata, *cell.metadata.get("jupyter", ())]
    hidden = [name for name in names if HIDDEN.search(name.lower())]
    if hidden and in_exercises:
        raise ValueError(
            f"{name}: the cell {first!r} among the exercises is tagged {hidden[0]}; put it between "
            "{solution-start} and {solution-end} if it is a solution, or take the tag off."
        )


def unsolved(label: str) -> str:
    """The code of a cell that waits for an answer."""
    return f'raise NotImplementedError("Exercise {label}: replace this cell by your answer")'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib student`."""
    parser.add_argument("target", type=user_folder, metavar="OUT", help="folder to write x.ipynb into; made if need be")
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="such as ridge (default: all)")
    parser.add_argument(
        "--folder", type=user_folder, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib student`; return 0."""
    sources, book = choose_sources(args.names, args.folder), Book()
    args.target.mkdir(parents=True, exist_ok=True)
    for source in sources:
        plain = plain_notebook(student_notebook(source), f"notebooks/{source.name}", book)
        notebook = runnable(plain, book.repository, book.branch)
        with written_aside(args.target / f"{source.name}.ipynb") as part:
            nbformat.write(notebook, part)
        n = sum(cell.source.startswith("raise NotImplementedError") for cell in notebook.cells)
        print(f"{args.target / source.name}.ipynb: {n} exercises to solve")
    return 0
