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

import psutil
from tqdm import tqdm

from lib.app.fingerprint import versions
from lib.app.notebooks import NOTEBOOKS
from lib.app.parameters import Value, parse_value
from lib.app.sweep.engine import Workers, connected, parse_bytes, run_all
from lib.app.sweep.forecast import Forecast, forecast
from lib.app.sweep.store import Store, fingerprint, read_json
from lib.app.sweep.tasks import Task, make_grid
from lib.app.sweep.worker import Outcome

EPILOG = """examples:
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
    add("--dry-run", action="store_true", help="show tasks, memory, time and the SLURM script; do nothing")
    add("--resume", action="store_true", help="do what is missing, failed or changed")
    add("--folder", type=Path, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib sweep`; return 0, or 1 if a task failed."""
    tasks, workers, store = make_grid(args.what, _axes(args), args.folder), _workers(args), Store(args.out.absolute())
    if not args.resume and store.manifest.exists():
        raise ValueError(f"{args.out} holds a sweep: say --resume to go on with it, or name another folder.")
    marks = {task.name: fingerprint(task) for task in tasks}
    todo = [task for task in tasks if not store.done(task, marks[task.name])]
    forecasts = {task.name: forecast(task, store, args.cores) for task in todo}
    print(plan(todo, forecasts, len(tasks), workers))
    check_memory(forecasts, workers.memory)
    if args.dry_run:
        print(workers.script() if args.scheduler == "slurm" else "", end="")
        return 0
    return _carry_out(args, store, workers, tasks, todo, marks)


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


def plan(todo: Sequence[Task], forecasts: Mapping[str, Forecast], n_all: int, workers: Workers) -> str:
    """What is to be done, and what it is expected to need."""
    rows = [
        (task.name, _size(one.bytes), _duration(one.seconds), one.words)
        for task in todo
        for one in [forecasts[task.name]]
    ]
    width = max((len(row[0]) for row in rows), default=4)
    lines = [f"{'task':{width}} {'memory':>9} {'time':>9}", *(f"{n:{width}} {m:>9} {t:>9}  {w}" for n, m, t, w in rows)]
    known = [one.seconds for one in forecasts.values() if one.seconds is not None]
    hours = sum(known) * workers.cores / 3600
    unknown = f", {len(todo) - len(known)} not known" if len(known) < len(todo) else ""
    lines += [
        f"{len(todo)} of {n_all} tasks to do; about {hours:.2f} core hours{unknown}.",
        f"{workers.n} workers ({workers.scheduler}), each {workers.cores} cores and {_size(workers.memory)}.",
    ]
    return "\n".join(lines)


def check_memory(forecasts: Mapping[str, Forecast], memory: int) -> None:
    """Refuse what cannot fit, with the numbers, before anything starts."""
    large = {name: one for name, one in forecasts.items() if one.bytes and one.bytes > memory}
    if large:
        lines = [f"  {name} needs {_size(one.bytes)}: {one.words}" for name, one in large.items()]
        raise ValueError(
            f"{len(large)} of {len(forecasts)} tasks do not fit into the {_size(memory)} of a worker:\n"
            + "\n".join(lines)
            + "\nGive more with --memory, or make blocks of voxels smaller, with -p memory_bytes 500000000 say."
        )


def _size(n_bytes: int | None) -> str:
    return "?" if n_bytes is None else f"{n_bytes / 1e9:.2f} GB"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _carry_out(
    args: argparse.Namespace,
    store: Store,
    workers: Workers,
    tasks: Sequence[Task],
    todo: Sequence[Task],
    marks: Mapping[str, str],
) -> int:
    about = {
        "command": shlex.join(["python", "-m", "lib", *sys.argv[1:]]), "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "host": socket.gethostname(), "versions": versions(), "workers": {**asdict(workers), "logs": str(workers.logs)},
    }  # fmt: skip
    outcomes: dict[str, Outcome] = {}
    with store.alone():
        store.clear_up()
        for task in todo:
            store.forget(task)
        store.keep_manifest(manifest(about, store, tasks, marks, outcomes))
        try:
            if todo:
                with connected(workers) as client, tqdm(total=len(todo), desc="tasks") as bar:
                    for outcome in run_all(client, todo, store.folder, marks, workers.memory):
                        outcomes[outcome.task] = outcome
                        _tell(outcome, bar)
        finally:
            store.clear_up()
            found = manifest(about, store, tasks, marks, outcomes)
            store.keep_manifest(found)
    return _close(store, tasks, found)


def _tell(outcome: Outcome, bar: tqdm) -> None:
    words = outcome.failure or f"{_duration(outcome.seconds)}, {_size(outcome.peak_bytes)}, {outcome.host}"
    tqdm.write(f"{'FAILED ' if outcome.failure else ''}{outcome.task}: {words}")
    bar.update()


def manifest(
    about: Mapping[str, object],
    store: Store,
    tasks: Sequence[Task],
    marks: Mapping[str, str],
    outcomes: Mapping[str, Outcome],
) -> dict[str, object]:
    """What was asked, and what has become of it: states are read from the disk, not from what a worker said.

    Tasks that an earlier command put into the same folder stay in the list, as they were.
    """
    names = {task.name for task in tasks}
    rows = [row for row in (read_json(store.manifest) or {"tasks": []})["tasks"] if row["task"] not in names]
    for task in tasks:
        record, outcome = store.record(task), outcomes.get(task.name)
        done = record is not None and record["fingerprint"] == marks[task.name] and store.result(task).exists()
        failure = "" if done else outcome.failure if outcome else ""
        state = {"state": "done" if done else "failed" if failure else "missing", "failure": failure}
        row = {"task": task.name, "what": task.what, "parameters": dict(task.parameters), "source": task.source}
        rows.append({**row, **state, "record": record})
    return {**about, "tasks": rows}


def _close(store: Store, tasks: Sequence[Task], found: Mapping[str, object]) -> int:
    """Say how it ended; return 1 if anything is missing."""
    rows = {row["task"]: row for row in found["tasks"]}
    left = [(task, rows[task.name]) for task in tasks if rows[task.name]["state"] != "done"]
    print(f"{len(tasks) - len(left)} of {len(tasks)} tasks done: {store.folder}")
    for task, row in left:
        print(f"FAILED {task.name}: {row['failure'] or 'not reached'}\n  log: {store.log(task)}", file=sys.stderr)
    return 1 if left else 0
