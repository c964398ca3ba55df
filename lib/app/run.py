"""`python -m lib run`: execute notebooks with the parameters you choose."""

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from tqdm import tqdm

from lib.app.execute import NotebookFailed, run_notebook
from lib.app.notebooks import NOTEBOOKS, NotebookSource, find_sources, named_source, share_out
from lib.app.page import how_to_open, show_page, write_page
from lib.app.parameters import Value, parse_pairs, parse_value, user_folder, user_path

Job = tuple[NotebookSource, dict[str, Value]]
# The notebooks that take longest, in this order; the first computes much that others then find (`lib.core.kept`).
LONGEST = ("claims", "decoding_confounds", "selection", "speed", "performance", "your_network", "images92")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib run`."""
    add = parser.add_argument
    add("notebook", nargs="?", help="its name, such as fig1_alexnet, or the path of a .py notebook")
    add("--all", action="store_true", help="every notebook that changed, or whose data or helpers did")
    add("--list", action="store_true", help="show the notebooks, their parameters and defaults")
    add_parameter_arguments(parser)
    add("--output", type=user_path, help="the executed notebook (default: x.ipynb beside x.py)")
    add("--html", action="store_true", help="also write the executed notebook as a page, x.html beside it")
    add("--open", action="store_true", help="the same, and open the page where there is a browser")
    add("--force", action="store_true", help="execute even if nothing has changed")
    add("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="notebooks at once (default: %(default)s)")


def add_parameter_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which notebooks there are, and with which parameters they run."""
    add, pair = parser.add_argument, "NAME VALUE or NAME=VALUE; may be repeated; each notebook takes those it knows"
    add("-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help=pair)
    add("--parameters", default="", metavar="TEXT", help='several in one text: "world=flat seed=1"')
    add("--folder", type=user_folder, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)")


def given_parameters(args: argparse.Namespace) -> dict[str, Value]:
    """Return the parameters of the command line, name -> value; ValueError for one that is given two values."""
    found: dict[str, str] = {}
    for name, text in (*parse_pairs(args.parameters), *args.parameter):
        if found.setdefault(name, text) != text:
            raise ValueError(f"{name} is given twice, as {found[name]!r} and as {text!r}: give it once.")
    return {name: parse_value(text) for name, text in found.items()}


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib run`; return 0, or 1 if a notebook failed."""
    if args.list:
        print("\n\n".join(source.describe() for source in find_sources(args.folder).values()))
        return 0
    jobs = _jobs(args)
    at_once = min(args.jobs, len(jobs))
    # Much of a notebook is not arithmetic: two cores are used better by two notebooks than by two threads of one.
    threads = max(1, (os.cpu_count() or 1) // at_once) if at_once > 1 else None
    rows: SimpleQueue[int] = SimpleQueue()  # of the terminal
    for row in range(1, at_once + 1) if args.all else [0]:
        rows.put(row)

    def run(source: NotebookSource, given: dict[str, Value], stop: Event) -> str:
        """Execute one notebook in a free row of the terminal; return what to say of it."""
        row = rows.get()
        try:
            executed = run_notebook(source, given, args.output, force=args.force, threads=threads, row=row, stop=stop)
        finally:
            rows.put(row)
        name = f"{source.name}: " if args.all else ""
        return f"{name}{'written' if executed else 'unchanged'}: {args.output or source.output}"

    failures = _run_side_by_side(jobs, at_once, run)
    if (args.html or args.open) and not failures:
        for source, _ in jobs:
            page = write_page(args.output or source.output)
            print(show_page(page) if args.open else how_to_open(page))
    if failures and hasattr(args, "debug"):
        raise failures[0]
    return 1 if failures else 0


def _jobs(args: argparse.Namespace) -> list[Job]:
    """The notebooks to execute, each with its parameters; ValueError or OSError if the command makes no sense."""
    sources, given = find_sources(args.folder), given_parameters(args)
    if args.all and not sources:
        raise ValueError(f"There are no notebooks in {args.folder}.")
    if bool(args.notebook) == args.all:
        raise ValueError(f"Name one notebook or say --all; there are {', '.join(sources) or 'none'}.")
    if args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, found {args.jobs}.")
    if args.all and args.output:
        raise ValueError("--output goes with one notebook, not with --all.")
    _check_output(args.output)
    if args.all:
        # Long notebooks begin first, so that none of them is left alone at the end.
        return share_out(sorted(sources.values(), key=lambda source: [*LONGEST, source.name].index(source.name)), given)
    source = named_source(args.notebook, sources)
    return [(source, source.checked(given))]


def _check_output(path: Path | None) -> None:
    if path and (path.is_dir() or path.suffix != ".ipynb"):
        raise ValueError(f"--output must be a file that ends in .ipynb; found {'the folder ' * path.is_dir()}{path}.")
    around = next(folder for folder in path.parents if folder.exists()) if path else None
    if around and not (around.is_dir() and os.access(around, os.W_OK)):
        raise ValueError(f"--output cannot be {path}: {around} is no folder to write in.")


def _run_side_by_side(jobs: list[Job], at_once: int, run: Callable[..., str]) -> list[NotebookFailed]:
    """Execute notebooks, several at once; return what failed."""
    stop = Event()
    bar = tqdm(total=len(jobs), desc="notebooks", disable=len(jobs) == 1)
    with bar, ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(run, *job, stop) for job in jobs]
        try:
            return [failure for future in as_completed(futures) if (failure := _tell(future, bar))]
        except BaseException:  # an interrupt, say: each notebook ends its kernel
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _tell(future: Future[str], bar: tqdm) -> NotebookFailed | None:
    """Say how a notebook went, without breaking a bar."""
    failure = None
    try:
        tqdm.write(future.result())
    except NotebookFailed as error:
        failure = error
        tqdm.write(str(failure), file=sys.stderr)
    bar.update()
    return failure
