"""`python -m lib run`: execute notebooks with the parameters you choose."""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from lib.app.execute import NotebookFailed, run_notebook
from lib.app.notebooks import NOTEBOOKS, NotebookSource, describe, find_sources, named_source, share_out
from lib.app.parameters import Value, parse_value


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


Job = tuple[NotebookSource, dict[str, Value]]
_row: list[int] = []


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
    _row.append(rows.get())
    os.environ.setdefault("OMP_NUM_THREADS", str(n_threads))


def _attempt(source: NotebookSource, given: Mapping[str, Value], args: argparse.Namespace) -> tuple[bool, str]:
    """Execute one notebook; return whether it went well, and what to say about it."""
    try:
        executed = run_notebook(source, given, args.output, force=args.force, row=_row[0] if _row else None)
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


def _tell(source: NotebookSource, well: bool, words: str, args: argparse.Namespace) -> bool:
    """Say how a notebook went, without breaking a bar; return whether it went well."""
    name = f"{source.name}: " if args.all and well else ""
    tqdm.write(f"{name}{words}", file=sys.stdout if well else sys.stderr)
    return well
