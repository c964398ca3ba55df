"""Notebooks through papermill, the only executor of the book.

`notebooks/x.py` (jupytext py:percent) is the source. It becomes a notebook in memory, papermill executes it
with the chosen parameters, and the result is `notebooks/x.ipynb`, which git ignores and the book shows.
"""

import argparse
import ast
import hashlib
import multiprocessing
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import jupytext
import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from lib.core import choose
from lib.core.fetch import cache_folder

LIB = Path(__file__).parents[1]
NOTEBOOKS = LIB.parent / "notebooks"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
# Packages whose version can change a notebook's numbers or pictures.
PACKAGES = ("numpy", "scipy", "torch", "torchvision", "scikit-learn", "h5py", "nibabel", "matplotlib")
# The last cell of every notebook while it is executed; nobody else can say what the kernel took.
MEASURE = "from lib.core.memory import peak_memory\n\nprint(peak_memory())"

Value = bool | int | float | str | list[object] | None
_bar: dict[str, object] = {}  # where a process that is one of several draws its progress


class NotebookFailed(RuntimeError):
    """A notebook stopped before its end; the message names the notebook, the cell and the error."""


class ThisPython(AsyncKernelManager):
    """Starts kernels in the Python that runs this command, whatever kernels its user has registered."""

    # Without it, each kernel warns that others on this machine could listen.
    transport_encryption = "auto"

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel of this environment; papermill's bar shows the progress, a page should not."""
        return KernelSpec(**get_kernel_dict(), env={"TQDM_DISABLE": "1"})


@dataclass(frozen=True)
class Source:
    """A notebook's source, a jupytext py:percent file."""

    path: Path

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
        return notebook

    @cached_property
    def parameters(self) -> dict[str, dict[str, str]]:
        """What papermill finds in the cell tagged `parameters`: name -> default, help, ... as text."""
        return papermill.inspect_notebook(self.notebook)

    @property
    def defaults(self) -> dict[str, Value]:
        """Parameter name -> default value."""
        return {name: _literal(parameter["default"]) for name, parameter in self.parameters.items()}


def find_sources(folder: Path = NOTEBOOKS) -> dict[str, Source]:
    """Return the notebooks of a folder, name -> source, in alphabetical order."""
    return {path.stem: Source(path) for path in sorted(folder.glob("*.py"))}


def parse_value(text: str) -> Value:
    """Read a parameter as papermill's own command line does: None, booleans, numbers, else text.

    Beyond papermill, `["a", "b"]` is a list, and `false` is not a text that counts as true.
    """
    words: dict[str, Value] = {"None": None, "True": True, "true": True, "False": False, "false": False}
    if text in words:
        return words[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return _literal(text) if text.startswith("[") else text


def check_known(source: Source, names: Iterable[str]) -> None:
    """Raise ValueError unless the notebook knows every named parameter."""
    for name in names:
        if not source.parameters:
            raise ValueError(f"{source.name} has no parameters, so none named {name!r}.")
        choose(f"parameter of {source.name}", name, source.parameters)


def share_out(sources: Iterable[Source], given: Mapping[str, Value]) -> list[tuple[Source, dict[str, Value]]]:
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


def run_notebook(
    source: Source, given: Mapping[str, Value], output: Path | None = None, *, force: bool = False
) -> bool:
    """Execute one notebook, unless nothing it depends on has changed since its output was written.

    Parameters
    ----------
    source : Source
    given : mapping
        Parameters that replace defaults; all of them known to the notebook.
    output : Path, optional
        The executed notebook, `x.ipynb` beside `x.py` by default. It is written only when every cell has run.
    force : bool
        Execute even if nothing has changed.

    Returns
    -------
    bool
        Whether the notebook was executed.

    Raises
    ------
    ValueError
        A parameter is unknown.
    NotebookFailed
        A cell raised, or the kernel died. What ran is kept as `x.failed.ipynb`.
    """
    check_known(source, given)
    output = (output or source.output).absolute()
    mark = fingerprint(source, given)
    if not force and _mark_of(output) == mark:
        return False
    output.parent.mkdir(parents=True, exist_ok=True)
    _execute_aside(source, given, output, mark)
    return True


def _execute_aside(source: Source, given: Mapping[str, Value], output: Path, mark: str) -> None:
    """Execute into a file beside `output`; only a complete notebook takes its place."""
    aside = output.with_name(f".{output.stem}.running.ipynb")
    failed = output.with_suffix(".failed.ipynb")
    try:
        _execute(source, given, aside)
        nbformat.write(_tidy(nbformat.read(aside, as_version=4), mark), aside)
        aside.replace(output)
        failed.unlink(missing_ok=True)
    except (PapermillExecutionError, DeadKernelError) as error:
        kept = nbformat.read(aside, as_version=4)
        _pop_measure(kept)
        nbformat.write(kept, failed)
        raise NotebookFailed(_failure(source, failed, error)) from error
    finally:
        aside.unlink(missing_ok=True)


def _execute(source: Source, given: Mapping[str, Value], path: Path) -> None:
    # The kernel inherits it; otherwise each one warns about Python's frozen modules.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    papermill.execute_notebook(
        _with_measure(source.notebook),
        path,
        dict(given),
        cwd=source.path.parent.absolute(),
        progress_bar={"desc": source.name, **_bar},
        kernel_manager_class=ThisPython,
        record_timing=False,
    )


def _with_measure(notebook: NotebookNode) -> NotebookNode:
    cell = nbformat.v4.new_code_cell(MEASURE)
    return NotebookNode({**notebook, "cells": [*notebook.cells, cell]})


def _pop_measure(notebook: NotebookNode) -> int | None:
    """Take off the last cell and return the bytes it measured, if it was executed."""
    outputs = notebook.cells.pop().outputs
    return _literal(outputs[0].text) if outputs else None


def _tidy(notebook: NotebookNode, mark: str) -> NotebookNode:
    """Keep what a reader needs: no clock times, no folders of this machine, no injected cell on the page."""
    record = notebook.metadata.pop("papermill")
    notebook.metadata.companion = {
        "fingerprint": mark,
        "parameters": record["parameters"],
        "seconds": round(record["duration"], 1),
        "memory": _pop_measure(notebook),
        "cores": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
    }
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.tags:
            cell.metadata.tags.append("remove-cell")
    return notebook


def _failure(source: Source, failed: Path, error: PapermillExecutionError | DeadKernelError) -> str:
    number, line = _last_started_cell(nbformat.read(failed, as_version=4))
    if isinstance(error, PapermillExecutionError):
        reason = f"{error.ename}: {error.evalue}"
    else:
        reason = "the kernel died; most often the machine had no memory left"
    return f"{source.name} failed in code cell {number} ({line}): {reason}\nWhat ran is kept in {failed}"


def _last_started_cell(notebook: NotebookNode) -> tuple[int, str]:
    """Number (from 1, as in the source) and first line of the code cell where the execution stopped."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells = [cell for cell in code if "injected-parameters" not in cell.metadata.tags]
    started = [i for i, cell in enumerate(cells) if cell.metadata.papermill.get("start_time")]
    last = started[-1] if started else 0
    return last + 1, cells[last].source.strip().split("\n")[0]


def fingerprint(source: Source, given: Mapping[str, Value]) -> str:
    """Hash of everything an executed notebook depends on.

    Its source and parameters, the helpers in `lib`, the miniature networks, the versions of Python and of the
    packages that compute, and the names, sizes and times of the data files at hand.
    """
    parameters = {**source.defaults, **given}
    digest = hashlib.sha256(repr(sorted(parameters.items())).encode())
    named = [source.path.parent / value for value in parameters.values() if isinstance(value, str) and value]
    for path in [source.path, *sorted([*LIB.rglob("*.py"), *miniature_files()])]:
        digest.update(path.read_bytes())
    for line in [*versions(), *data_files([cache_folder(), *named])]:
        digest.update(line.encode())
    return digest.hexdigest()


def miniature_files() -> list[Path]:
    """Checkpoints and cards of the miniature networks."""
    return [path for path in (LIB / "networks" / "miniatures").glob("*") if path.is_file()]


def versions() -> list[str]:
    """Of Python, and of the packages that can change a number or a picture."""
    return [platform.python_version(), *(f"{package} {version(package)}" for package in PACKAGES)]


def data_files(places: Iterable[Path]) -> Iterator[str]:
    """One line per file at or below each of these places: its path, size and time."""
    for place in places:
        for path in [place, *sorted(place.rglob("*"))]:
            if path.is_file():
                yield f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}"


def _mark_of(path: Path) -> str | None:
    """The fingerprint an executed notebook carries, if it is there and can be read."""
    try:
        return nbformat.read(path, as_version=4).metadata.companion.fingerprint
    except (OSError, ValueError, AttributeError):
        return None


def _literal(text: str) -> Value:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib run`."""
    add = parser.add_argument
    add("notebook", nargs="?", help="its name, such as fig1_alexnet, or the path of a .py notebook")
    add("--all", action="store_true", help="every notebook that changed, or whose data or helpers did")
    add("--list", action="store_true", help="show the notebooks, their parameters and defaults")
    add(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="may be repeated; with --all, each notebook takes those it knows",
    )
    add("--output", type=Path, help="the executed notebook (default: x.ipynb beside x.py)")
    add("--force", action="store_true", help="execute even if nothing has changed")
    add("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="notebooks at once (default: %(default)s)")
    add("--folder", type=Path, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib run`; return 0, or 1 if a notebook failed."""
    if args.list:
        print("\n\n".join(describe(source) for source in find_sources(args.folder).values()))
        return 0
    jobs = _jobs(args)
    at_once = min(args.jobs, len(jobs))
    failures = _run_side_by_side(jobs, args, at_once) if at_once > 1 else _run_in_turn(jobs, args)
    return 1 if failures else 0


Job = tuple[Source, dict[str, Value]]


def _run_in_turn(jobs: Iterable[Job], args: argparse.Namespace) -> int:
    """Execute one notebook after the other; return how many failed."""
    return sum(not _tell(source, *_attempt(source, given, args), args) for source, given in jobs)


def _run_side_by_side(jobs: list[Job], args: argparse.Namespace, at_once: int) -> int:
    """Execute several notebooks at once, each in a process of its own; return how many failed.

    Much of a notebook is not arithmetic and keeps one core busy at most: two cores are used better by two notebooks.
    """
    method = multiprocessing.get_context("spawn")
    rows = method.SimpleQueue()
    for row in range(1, at_once + 1):
        rows.put(row)
    lock = method.RLock()
    tqdm.set_lock(lock)  # all bars are in one terminal
    share = max(1, (os.cpu_count() or 1) // at_once)
    bar = tqdm(total=len(jobs), desc="notebooks", position=0)
    with bar, ProcessPoolExecutor(at_once, method, _become_one_of, (lock, rows, share)) as pool:
        sources = {pool.submit(_attempt, source, given, args): source for source, given in jobs}
        failures = 0
        for done in as_completed(sources):
            failures += not _tell(sources[done], *done.result(), args)
            bar.update()
    return failures


def _become_one_of(lock: object, rows: "multiprocessing.SimpleQueue[int]", n_threads: int) -> None:
    """Take a row of the terminal for bars, and leave the kernels to come a share of the cores."""
    tqdm.set_lock(lock)
    _bar.update(position=rows.get(), leave=False)
    os.environ.setdefault("OMP_NUM_THREADS", str(n_threads))


def _attempt(source: Source, given: Mapping[str, Value], args: argparse.Namespace) -> tuple[bool, str]:
    """Execute one notebook; return whether it went well, and what to say about it."""
    try:
        executed = run_notebook(source, given, args.output, force=args.force)
    except NotebookFailed as failure:
        if getattr(args, "debug", False):
            raise
        return False, str(failure)
    return True, f"{'written' if executed else 'unchanged'}: {args.output or source.output}"


def _jobs(args: argparse.Namespace) -> list[Job]:
    """The notebooks to execute, each with its parameters; ValueError if the command makes no sense."""
    sources = find_sources(args.folder)
    given = {name: parse_value(text) for name, text in args.parameter}
    if bool(args.notebook) == args.all:
        raise ValueError(f"Name one notebook or say --all; there are {', '.join(sources) or 'none'}.")
    if args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, found {args.jobs}.")
    if args.all and args.output:
        raise ValueError("--output goes with one notebook, not with --all.")
    if args.all:
        return share_out(sources.values(), given)
    return [(named_source(args.notebook, sources), given)]


def named_source(name: str, sources: Mapping[str, Source]) -> Source:
    """The notebook of that name, or at that path if it ends in .py."""
    if not name.endswith(".py"):
        return sources[choose("notebook", name, sources)]
    if not Path(name).is_file():
        raise FileNotFoundError(f"There is no notebook {name}.")
    return Source(Path(name))


def _tell(source: Source, well: bool, words: str, args: argparse.Namespace) -> bool:
    """Say how a notebook went, without breaking a bar; return whether it went well."""
    name = f"{source.name}: " if args.all and well else ""
    tqdm.write(f"{name}{words}", file=sys.stdout if well else sys.stderr)
    return well


def describe(source: Source) -> str:
    """A notebook's name and, one a line, its parameters with their defaults and meaning."""
    parameters = source.parameters.values()
    lines = [f"  {p['name']} = {p['default']}" for p in parameters]
    width = max(map(len, lines), default=0)
    notes = [f"# {p['help']}" if p["help"] else "" for p in parameters]
    table = [f"{line:{width}}  {note}".rstrip() for line, note in zip(lines, notes, strict=True)]
    return "\n".join([source.name, *table])
