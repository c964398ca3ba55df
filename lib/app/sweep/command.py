"""`python -m lib sweep`: a grid of tasks on many workers, told before it starts and while it runs."""

import argparse
import os
import re
import shlex
import socket
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil
from tqdm import tqdm

from lib.app.notebooks import NOTEBOOKS
from lib.app.parameters import Value, parse_value, user_folder
from lib.app.sweep.engine import Workers, killed_by_signals, parse_bytes, run_all
from lib.app.sweep.forecast import Forecast, forecast
from lib.app.sweep.store import Store, fingerprint
from lib.app.sweep.tasks import Task, make_grid
from lib.app.sweep.worker import Outcome
from lib.core.code import versions
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
_SIZE = re.compile(r"(?=.*[1-9])\d+(\.\d+)? *[kMGT]?i?B?", re.IGNORECASE)
AXES = ("subject", "network")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib sweep`."""
    add = parser.add_argument
    add("out", type=user_folder, metavar="OUT", help="folder for the results; all workers must see it")
    add("what", nargs="+", metavar="WHAT", help="encoding, decoding, or notebooks by name or path")
    add("--subject", nargs="+", type=int, help="numbers of the participants")
    add("--network", nargs="+", help="networks of encoding and decoding")
    add("-p", "--parameter", nargs="+", action="append", default=[], metavar=("NAME", "VALUE"),
        help="a parameter and its values; may be repeated; each task takes those it knows")  # fmt: skip
    add("--scheduler", default="local", help="local, slurm, or tcp://host:port (default: %(default)s)")
    add("--workers", type=int, help="tasks at once (default: as many as the cores here; slurm: 8)")
    add("--cores", type=int, default=1, help="of each worker (default: %(default)s)")
    add("--memory", help="of each worker, such as 8GB (default: local: an equal share of this machine's)")
    add("--time", default="01:00:00", help="wall time of a SLURM job (default: %(default)s)")
    add("--dry-run", action="store_true", help="show tasks, memory and the SLURM script; do nothing")
    add("--resume", action="store_true", help="do what is missing, failed or changed")
    add("--folder", type=user_folder, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib sweep`; return 0, or 1 if a task failed."""
    tasks, workers, store = make_grid(args.what, _axes(args), args.folder), _workers(args), Store(args.out.absolute())
    sweep = Sweep(store, {task: fingerprint(task) for task in tasks}, _about(workers))
    _check_new(args, store)
    todo = [task for task, mark in sweep.marks.items() if not store.done(task, mark)]
    forecasts = {task.name: forecast(task, store) for task in todo}
    print(plan(forecasts, len(tasks), workers))
    check_memory(forecasts, workers.memory)
    if args.dry_run:
        print(workers.script() if args.scheduler == "slurm" else "", end="")
        return 0
    with store.alone():
        _check_new(args, store)
        return sweep.carry_out(todo, workers)


def _check_new(args: argparse.Namespace, store: Store) -> None:
    if not args.resume and store.manifest.exists():
        raise ValueError(f"{args.out} holds a sweep: say --resume to go on with it, or name another folder.")


def _about(workers: Workers) -> dict[str, Any]:
    return {
        "command": shlex.join(["python", "-m", "lib", *sys.argv[1:]]), "started": time.strftime("%F %T"),
        "host": socket.gethostname(), "token": uuid.uuid4().hex, "versions": versions(),
        "workers": {**asdict(workers), "logs": str(workers.logs)},
    }  # fmt: skip


def _axes(args: argparse.Namespace) -> dict[str, list[Value]]:
    given: dict[str, list[Value]] = {axis: values for axis in AXES if (values := getattr(args, axis))}
    for name, *values in args.parameter:
        if name in given:
            raise ValueError(f"{name} is given twice: write all its values once, -p {name} VALUE [VALUE ...].")
        given[name] = [parse_value(text) for text in values]
        if not values:
            raise ValueError(f"-p {name} names no value: write -p {name} VALUE [VALUE ...].")
    return given


def _workers(args: argparse.Namespace) -> Workers:
    """What is asked for; ValueError for what cannot be."""
    slurm, cores = args.scheduler == "slurm", os.cpu_count() or 1
    n = args.workers if args.workers is not None else 8 if slurm else max(1, cores // max(1, args.cores))
    wrong = {
        f"--workers and --cores must be at least 1, found {n} and {args.cores}.": min(n, args.cores) < 1,
        f"--scheduler must be local, slurm or an address as tcp://host:port, found {args.scheduler!r}.": (
            args.scheduler not in ("local", "slurm") and "://" not in args.scheduler
        ),
        f"--time must be hours:minutes:seconds, found {args.time!r}.": slurm and not TIME.fullmatch(args.time),
        f"--memory is missing: say what each worker of {args.scheduler} may hold.": (
            args.scheduler != "local" and not args.memory
        ),
        f"--scheduler slurm: OUT must be a path without a line break, found {str(args.out)!r}.": (
            slurm and "\n" in str(args.out.absolute())
        ),
        f"--memory must be a size such as 8GB, found {args.memory!r}.": (
            args.memory and not _SIZE.fullmatch(args.memory)
        ),
    }
    for sentence, is_so in wrong.items():
        if is_so:
            raise ValueError(sentence)
    memory = parse_bytes(args.memory) if args.memory else psutil.virtual_memory().total // n
    return Workers(args.scheduler, n, args.cores, memory, args.time, args.out.absolute() / "logs")


def plan(forecasts: Mapping[str, Forecast], n_all: int, workers: Workers) -> str:
    """What is to be done, and what it is expected to need.

    Parameters
    ----------
    forecasts : mapping of the name of each task to do to its forecast
    n_all : int
        Tasks of the sweep, those that are done too.
    workers : Workers
    """
    core_hours = {name: f"{one.hours:.2g}" if one.operations else "?" for name, one in forecasts.items()}
    rows = [(name, _size(one.bytes), core_hours[name], one.reason) for name, one in forecasts.items()]
    table = Table(("task", "memory", "core hours", ""), rows)
    hours, kept = sum(one.hours for one in forecasts.values()), sum(one.kept for one in forecasts.values())
    known = f"{sum(one.operations > 0 for one in forecasts.values())} of these: {hours:.2g} core hours for the fits"
    who = f"{workers.n} workers ({workers.scheduler}), each {workers.cores} cores and {_size(workers.memory)}"
    room = f"at most {_size(kept)} on the disk, activations and results"
    return f"{table}\n{len(forecasts)} of {n_all} tasks to do; {known}, {room}.\n{who}."


def check_memory(forecasts: Mapping[str, Forecast], memory: int) -> None:
    """Refuse what cannot fit, with the numbers, before anything starts."""
    large = {name: one for name, one in forecasts.items() if one.bytes and one.bytes > memory}
    if large:
        lines = [f"  {name} needs {_size(one.bytes)}: {one.reason}" for name, one in large.items()]
        first = f"{len(large)} of {len(forecasts)} tasks do not fit into the {_size(memory)} of a worker:"
        last = "Give more with --memory, or make blocks of voxels smaller, with -p memory_bytes 500000000 say."
        raise ValueError("\n".join([first, *lines, last]))


def _size(n_bytes: int | None) -> str:
    return "?" if n_bytes is None else f"{n_bytes / 1e9:.2f} GB"


@dataclass(frozen=True)
class Sweep:
    """Tasks, and what becomes of them.

    Attributes
    ----------
    store : Store
    marks : mapping of each task to its fingerprint
    about : mapping
        The command, and when and where it was given.
    outcomes : dict of a task's name to its outcome, once it has ended
    """

    store: Store
    marks: Mapping[Task, str]
    about: Mapping[str, Any]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def carry_out(self, todo: Sequence[Task], workers: Workers) -> int:
        """Do some of the tasks; return 0 if all are done then, else 1."""
        for task in todo:
            self.store.record_file(task).unlink(missing_ok=True)  # the result to come will not fit it
        self.write_manifest()
        try:
            if todo:
                with killed_by_signals(self.finish), tqdm(total=len(todo), desc="tasks") as bar:
                    for outcome in run_all(workers, {task: self.marks[task] for task in todo}, self.store):
                        self.outcomes[outcome.task] = outcome
                        _tell(outcome, bar)
        finally:
            n_left = self.finish()
        return 1 if n_left else 0

    def finish(self) -> int:
        """Write the manifest, say how it ended, and return how many tasks are not done."""
        rows = self.write_manifest()
        left = [row for row in rows if row["state"] != "done"]
        print(f"{len(rows) - len(left)} of {len(rows)} tasks done: {self.store.folder}", flush=True)
        for row in left:
            if row["failure"]:
                log = self.store.folder / "logs" / f"{row['task']}.log"
                print(f"FAILED {row['task']}: {row['failure']}\n  log: {log}", file=sys.stderr)
        if n := sum(not row["failure"] for row in left):
            print(f"{n} not reached: go on with --resume.", file=sys.stderr)
        return len(left)

    def write_manifest(self) -> list[dict[str, Any]]:
        """Write what was asked and what has become of it, as the disk says; return the rows of these tasks.

        Tasks that an earlier command put into the same folder stay in the list, as they were.
        """
        names = {task.name for task in self.marks}
        earlier = [
            row for row in (read_json(self.store.manifest) or {"tasks": []})["tasks"] if row["task"] not in names
        ]
        rows = [self._row(task) for task in self.marks]
        write_json(self.store.manifest, {**self.about, "tasks": earlier + rows})
        return rows

    def _row(self, task: Task) -> dict[str, Any]:
        done = self.store.done(task, self.marks[task])
        failure = self.outcomes[task.name].failure if task.name in self.outcomes and not done else ""
        state = "done" if done else "failed" if failure else "missing"
        row = {"task": task.name, "what": task.what, "parameters": dict(task.parameters), "source": task.source}
        return {**row, "state": state, "failure": failure, "record": self.store.record(task)}


def _tell(outcome: Outcome, bar: tqdm) -> None:
    words = outcome.failure or f"{outcome.seconds:.0f} s, {_size(outcome.peak_bytes)}, {outcome.host}"
    tqdm.write(f"{'FAILED ' if outcome.failure else ''}{outcome.task}: {words}")
    bar.update()
