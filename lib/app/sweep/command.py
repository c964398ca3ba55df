"""`python -m lib sweep`: a grid of tasks on many workers, told before it starts and while it runs."""

import argparse
import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from lib.app.fingerprint import versions
from lib.app.notebooks import NOTEBOOKS
from lib.app.parameters import Value, parse_value
from lib.app.sweep.engine import Workers, connected, killed_by_signals, parse_bytes, run_all
from lib.app.sweep.forecast import Forecast, forecast
from lib.app.sweep.store import Store, fingerprint
from lib.app.sweep.tasks import Task, make_grid
from lib.app.sweep.worker import Outcome
from lib.core.disk import read_json, write_json
from lib.core.tables import Table

_EPILOG = """examples:
  python -m lib sweep OUT encoding --subject 1 2 3 4 --network alexnet-object resnet50-object
  python -m lib sweep OUT fig1_alexnet fig2_resnet50 --subject 1 2 -p world flat reversed --dry-run
  python -m lib sweep OUT encoding --subject 1 2 -p dataset nsd -p data_root /data/nsd -p voxels cortex \\
      --scheduler slurm --workers 8 --cores 8 --memory 24GB --time 12:00:00
  python -m lib sweep OUT encoding --subject 1 2 3 4 --network alexnet-object resnet50-object --resume
"""
TIME = re.compile(r"\d+:[0-5]\d:[0-5]\d")
AXES = ("subject", "network")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib sweep`."""
    add = parser.add_argument
    add("out", type=Path, metavar="OUT", help="folder for the results; all workers must see it")
    add("what", nargs="+", metavar="WHAT", help="encoding, decoding, or notebooks by name or path")
    add("--subject", nargs="+", type=int, help="numbers of the participants")
    add("--network", nargs="+", help="networks of encoding and decoding")
    add(
        "-p",
        "--parameter",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter and its values; may be repeated; each task takes those it knows",
    )
    add("--scheduler", default="local", help="local, slurm, or tcp://host:port (default: %(default)s)")
    add("--workers", type=int, help="tasks at once (default: as many as the cores here; slurm: 8)")
    add("--cores", type=int, default=1, help="of each worker (default: %(default)s)")
    add("--memory", help="of each worker, such as 8GB (default: local: an equal share of this machine's)")
    add("--time", default="01:00:00", help="wall time of a SLURM job (default: %(default)s)")
    add("--dry-run", action="store_true", help="show tasks, memory and the SLURM script; do nothing")
    add("--resume", action="store_true", help="do what is missing, failed or changed")
    add("--folder", type=Path, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib sweep`; return 0, or 1 if a task failed."""
    tasks, workers, store = make_grid(args.what, _axes(args), args.folder), _workers(args), Store(args.out.absolute())
    _check_new(args, store)
    marks = {task.name: fingerprint(task) for task in tasks}
    todo = [task for task in tasks if not store.done(task, marks[task.name])]
    forecasts = {task.name: forecast(task, store) for task in todo}
    print(plan(forecasts, len(tasks), workers))
    check_memory(forecasts, workers.memory)
    if args.dry_run:
        print(workers.script() if args.scheduler == "slurm" else "", end="")
        return 0
    with store.alone():
        _check_new(args, store)
        return _carry_out(store, workers, tasks, todo, marks)


def _check_new(args: argparse.Namespace, store: Store) -> None:
    if not args.resume and store.manifest.exists():
        raise ValueError(f"{args.out} holds a sweep: say --resume to go on with it, or name another folder.")


def _axes(args: argparse.Namespace) -> dict[str, list[Value]]:
    given = {name: [parse_value(text) for text in values] for name, *values in args.parameter}
    given |= {axis: values for axis in AXES if (values := getattr(args, axis))}
    for name, values in given.items():
        if not values:
            raise ValueError(f"-p {name} names no value: write -p {name} VALUE [VALUE ...].")
    return given


def _workers(args: argparse.Namespace) -> Workers:
    slurm, cores = args.scheduler == "slurm", os.cpu_count() or 1
    n = args.workers if args.workers is not None else 8 if slurm else max(1, cores // max(1, args.cores))
    if n < 1 or args.cores < 1:
        raise ValueError(f"--workers and --cores must be at least 1, found {n} and {args.cores}.")
    if args.scheduler not in ("local", "slurm") and "://" not in args.scheduler:
        raise ValueError(
            f"--scheduler must be local, slurm or an address as tcp://host:port, found {args.scheduler!r}."
        )
    if slurm and not TIME.fullmatch(args.time):
        raise ValueError(f"--time must be hours:minutes:seconds, found {args.time!r}.")
    if args.scheduler != "local" and not args.memory:
        raise ValueError(f"--memory is missing: say what each worker of {args.scheduler} may hold.")
    memory = _bytes(args.memory) if args.memory else psutil.virtual_memory().total // n
    return Workers(args.scheduler, n, args.cores, memory, args.time, args.out.absolute() / "logs")


def _bytes(text: str) -> int:
    with suppress(ValueError):
        if (found := parse_bytes(text)) > 0:
            return found
    raise ValueError(f"--memory must be a size such as 8GB, found {text!r}.")


def plan(forecasts: Mapping[str, Forecast], n_all: int, workers: Workers) -> str:
    """What is to be done, and what it is expected to need.

    Parameters
    ----------
    forecasts : mapping of the name of each task to do to its forecast
    n_all : int
        Tasks of the sweep, those that are done too.
    workers : Workers
    """
    rows = [(name, _size(one.bytes), one.reason) for name, one in forecasts.items()]
    return "\n".join(
        [
            str(Table(("task", "memory", ""), rows)),
            f"{len(rows)} of {n_all} tasks to do.",
            f"{workers.n} workers ({workers.scheduler}), each {workers.cores} cores and {_size(workers.memory)}.",
        ]
    )


def check_memory(forecasts: Mapping[str, Forecast], memory: int) -> None:
    """Refuse what cannot fit, with the numbers, before anything starts."""
    large = {name: one for name, one in forecasts.items() if one.bytes and one.bytes > memory}
    if large:
        lines = [f"  {name} needs {_size(one.bytes)}: {one.reason}" for name, one in large.items()]
        raise ValueError(
            f"{len(large)} of {len(forecasts)} tasks do not fit into the {_size(memory)} of a worker:\n"
            + "\n".join(lines)
            + "\nGive more with --memory, or make blocks of voxels smaller, with -p memory_bytes 500000000 say."
        )


def _size(n_bytes: int | None) -> str:
    return "?" if n_bytes is None else f"{n_bytes / 1e9:.2f} GB"


def _carry_out(
    store: Store, workers: Workers, tasks: Sequence[Task], todo: Sequence[Task], marks: Mapping[str, str]
) -> int:
    about = {
        "command": shlex.join(["python", "-m", "lib", *sys.argv[1:]]), "started": time.strftime("%F %T"),
        "host": socket.gethostname(), "versions": versions(), "workers": {**asdict(workers), "logs": str(workers.logs)},
    }  # fmt: skip
    outcomes: dict[str, Outcome] = {}
    for task in todo:
        store.record_file(task).unlink(missing_ok=True)  # the result to come will not fit it
    write_json(store.manifest, manifest(about, store, tasks, marks, outcomes))

    def finish() -> int:
        found = manifest(about, store, tasks, marks, outcomes)
        write_json(store.manifest, found)
        return _report(store, list(zip(tasks, found["tasks"][-len(tasks) :], strict=True)))

    n_left = len(todo)
    try:
        if todo:
            with killed_by_signals(finish), connected(workers) as connection, tqdm(total=n_left, desc="tasks") as bar:
                for outcome in run_all(connection, todo, store, marks, workers.memory):
                    outcomes[outcome.task] = outcome
                    _tell(outcome, bar)
    finally:
        n_left = finish()
    return 1 if n_left else 0


def _tell(outcome: Outcome, bar: tqdm) -> None:
    words = outcome.failure or f"{outcome.seconds:.0f} s, {_size(outcome.peak_bytes)}, {outcome.host}"
    tqdm.write(f"{'FAILED ' if outcome.failure else ''}{outcome.task}: {words}")
    bar.update()


def manifest(
    about: Mapping[str, object],
    store: Store,
    tasks: Sequence[Task],
    marks: Mapping[str, str],
    outcomes: Mapping[str, Outcome],
) -> dict[str, Any]:
    """What was asked, and what has become of it: states are read from the disk, not from what a worker said.

    Tasks that an earlier command put into the same folder stay in the list, as they were.

    Parameters
    ----------
    about : mapping
        The command, and when and where it was given.
    store : Store
    tasks : sequence of Task
    marks, outcomes : mappings of a task's name to its fingerprint, and to its outcome if it has ended
    """
    names = {task.name for task in tasks}
    rows = [row for row in (read_json(store.manifest) or {"tasks": []})["tasks"] if row["task"] not in names]
    for task in tasks:
        record, outcome = store.record(task), outcomes.get(task.name)
        done = record is not None and record["fingerprint"] == marks[task.name] and store.result(task).exists()
        failure = "" if done or not outcome else outcome.failure
        state = "done" if done else "failed" if failure else "missing"
        row = {"task": task.name, "what": task.what, "parameters": dict(task.parameters), "source": task.source}
        rows.append({**row, "state": state, "failure": failure, "record": record})
    return {**about, "tasks": rows}


def _report(store: Store, rows: Sequence[tuple[Task, Mapping[str, Any]]]) -> int:
    """Say how it ended; return how many tasks are not done."""
    left = [(task, row["failure"]) for task, row in rows if row["state"] != "done"]
    print(f"{len(rows) - len(left)} of {len(rows)} tasks done: {store.folder}", flush=True)
    for task, failure in left:
        if failure:
            print(f"FAILED {task.name}: {failure}\n  log: {store.log(task)}", file=sys.stderr)
    if n := sum(not failure for _, failure in left):
        print(f"{n} not reached: go on with --resume.", file=sys.stderr)
    return len(left)
