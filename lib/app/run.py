"""`python -m lib run`: execute notebooks with the parameters you choose."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from lib.app import execute
from lib.app.notebooks import NOTEBOOKS, NotebookSource, find_sources, named_source, share_out
from lib.app.parameters import Value, parse_pairs, parse_value, user_path

Job = tuple[NotebookSource, dict[str, Value]]
Run = Callable[[NotebookSource, Mapping[str, Value], int], Awaitable[str]]  # the last: row of the terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib run`."""
    add = parser.add_argument
    add("notebook", nargs="?", help="its name, such as fig1_alexnet, or the path of a .py notebook")
    add("--all", action="store_true", help="every notebook that changed, or whose data or helpers did")
    add("--list", action="store_true", help="show the notebooks, their parameters and defaults")
    add_parameter_arguments(parser)
    add("--output", type=user_path, help="the executed notebook (default: x.ipynb beside x.py)")
    add("--force", action="store_true", help="execute even if nothing has changed")
    add("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="notebooks at once (default: %(default)s)")


def add_parameter_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which notebooks there are, and with which parameters they run."""
    pair = "NAME VALUE or NAME=VALUE; may be repeated; of several notebooks, each takes those it knows"
    parser.add_argument("-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help=pair)
    parser.add_argument("--parameters", default="", metavar="TEXT", help='several in one text: "world=flat seed=1"')
    parser.add_argument(
        "--folder", type=user_path, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)"
    )


def given_parameters(args: argparse.Namespace) -> dict[str, Value]:
    """Return the parameters of the command line, name -> value."""
    return {name: parse_value(text) for name, text in (*parse_pairs(args.parameters), *args.parameter)}


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib run`; return 0, or 1 if a notebook failed."""
    sources = find_sources(args.folder)
    if not sources and not args.notebook:
        raise ValueError(f"There are no notebooks in {args.folder}.")
    if args.list:
        print("\n\n".join(source.describe() for source in sources.values()))
        return 0
    jobs = _jobs(args, sources)
    at_once = min(args.jobs, len(jobs))
    # Much of a notebook is not arithmetic: two cores are used better by two notebooks than by two threads of one.
    options = {"force": args.force, "threads": max(1, (os.cpu_count() or 1) // at_once) if at_once > 1 else None}

    async def run(source: NotebookSource, given: Mapping[str, Value], row: int) -> str:
        executed = await execute.execute_beside(source, given, args.output, row=row, **options)
        name = f"{source.name}: " if args.all else ""
        return f"{name}{'written' if executed else 'unchanged'}: {args.output or source.output}"

    failures = execute.run_until_done(_run_jobs(jobs, at_once, run))
    if failures and hasattr(args, "debug"):
        raise failures[0]
    return 1 if failures else 0


def _jobs(args: argparse.Namespace, sources: Mapping[str, NotebookSource]) -> list[Job]:
    """The notebooks to execute, each with its parameters; ValueError or OSError if the command makes no sense."""
    given = given_parameters(args)
    if bool(args.notebook) == args.all:
        raise ValueError(f"Name one notebook or say --all; there are {', '.join(sources) or 'none'}.")
    if args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, found {args.jobs}.")
    if args.all and args.output:
        raise ValueError("--output goes with one notebook, not with --all.")
    if args.output:
        _check_output(args.output)
    if args.all:
        return share_out(sources.values(), given)
    source = named_source(args.notebook, sources)
    return [(source, source.checked(given))]


def _check_output(path: Path) -> None:
    if path.is_dir() or path.suffix != ".ipynb":
        raise ValueError(f"--output must be a file that ends in .ipynb; found {'the folder ' * path.is_dir()}{path}.")
    around = next(folder for folder in path.parents if folder.exists())
    if not (around.is_dir() and os.access(around, os.W_OK)):
        raise ValueError(f"--output cannot be {path}: {around} is no folder to write in.")


async def _run_jobs(jobs: Sequence[Job], at_once: int, run: Run) -> list[execute.NotebookFailed]:
    """Execute notebooks, several at once; return what failed."""
    rows, todo, failures = range(1, at_once + 1) if len(jobs) > 1 else [0], iter(jobs), []
    with tqdm(total=len(jobs), desc="notebooks", disable=len(jobs) == 1) as bar:

        async def take_turns(row: int) -> None:
            for source, given in todo:
                try:
                    tqdm.write(await run(source, given, row))
                except execute.NotebookFailed as failure:
                    tqdm.write(str(failure), file=sys.stderr)
                    failures.append(failure)
                bar.update()

        # With exceptions as results, a signal lets each of them end its kernel before this ends.
        for result in await asyncio.gather(*map(take_turns, rows), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
    return failures
