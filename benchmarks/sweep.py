"""What a sweep promises, at length: the same figures, ten killed workers, two workers on two cores.

    python -m benchmarks.sweep figures     4 participants x 3 figures, each equal to its single run
    python -m benchmarks.sweep kills       a worker killed ten times at random moments
    python -m benchmarks.sweep workers     the same sweeps on one worker and on two
    python -m benchmarks.sweep blocks      what blocks of voxels cost, by their size

The first two end with an error if the promise is not kept; what was measured goes into the file of results.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean

import nbformat
import numpy as np
import psutil

from benchmarks.harness import in_turns, record, table
from lib.analysis.encoding import fit_encoding, voxels_at_once
from lib.app.execute import run_notebook
from lib.app.notebooks import NotebookSource, find_sources
from lib.app.sweep.store import Store
from lib.app.sweep.tasks import Task, make_grid
from lib.core.disk import read_json, sha256_of_file

FIGURES = ("fig1_alexnet", "fig2_resnet50", "fig3_taskonomy")
TINY = {"n_images": 120, "voxels_per_roi": 8, "n_best_voxels": 5}
LONG = {"n_images": 700, "voxels_per_roi": 150, "world": "noise"}  # some seconds a task
NETWORKS = ["alexnet-object", "resnet50-object"]
KINDS: dict[str, dict[str, Sequence[object]]] = {
    "encoding": {"subject": range(1, 7), "n_images": [1500], "voxels_per_roi": [1500], "world": ["noise"]},
    "decoding": {"subject": [1, 2, 3], "network": NETWORKS, "regression": ["slr"], "n_units": [3]},
}  # tasks of some twenty seconds: one kind that also waits for memory, one that only computes
N_KILLS, WHEN = 10, (0.1, 1.0)  # kills, and the time between two of them, in durations of a task


def sweep(out: Path, what: Sequence[str], axes: dict[str, Sequence[object]], workers: int) -> subprocess.Popen:
    """Start `python -m lib sweep`."""
    words = [word for name, values in axes.items() for word in ("-p", name, *map(str, values))]
    command = [sys.executable, "-m", "lib", "sweep", str(out), *what, *words, "--workers", str(workers)]
    return subprocess.Popen(command)


def finish(process: subprocess.Popen) -> None:
    """Wait for a sweep; an error unless every task is done."""
    if process.wait():
        raise RuntimeError("The sweep did not complete.")


def shown(path: Path) -> list[object]:
    """All that an executed notebook printed and drew, cell by cell."""
    cells = nbformat.read(path, as_version=4).cells
    return [(cell.source, cell.outputs) for cell in cells if cell.cell_type == "code"]


def figures(out: Path) -> dict[str, object]:
    """4 participants x 3 figures through two workers, then each alone, on one thread as a worker has."""
    os.environ["OMP_NUM_THREADS"] = "1"
    axes = {"subject": [1, 2, 3, 4], **{name: [value] for name, value in TINY.items()}}
    finish(sweep(out, FIGURES, axes, 2))
    grid, sources = make_grid(FIGURES, axes), find_sources()
    unequal = [task.name for task in grid if shown(Store(out).result(task)) != shown(_alone(task, sources, out))]
    if unequal:
        raise AssertionError(f"Not the same as the single run: {', '.join(unequal)}.")
    return {"notebooks": len(grid), "equal": len(grid) - len(unequal)}


def _alone(task: Task, sources: dict[str, NotebookSource], out: Path) -> Path:
    path = out / "alone" / f"{task.name}.ipynb"
    run_notebook(sources[task.what], task.parameters, path)
    return path


def kills(out: Path) -> dict[str, object]:
    """Twelve tasks; a worker that is killed ten times; the same results as of an undisturbed sweep."""
    axes = {"subject": range(1, 13), **{name: [value] for name, value in LONG.items()}}
    finish(sweep(out / "quiet", ["encoding"], axes, 2))
    seconds = mean(_seconds(out / "quiet"))
    process, struck = sweep(out / "killed", ["encoding"], axes, 2), []
    killer = threading.Thread(target=_kill, args=(process, out / "killed", seconds, struck))
    killer.start()
    finish(process)
    killer.join()
    grid = make_grid(["encoding"], {name: list(values) for name, values in axes.items()})
    quiet, killed = ([sha256_of_file(Store(out / name).result(task)) for task in grid] for name in ("quiet", "killed"))
    left = [str(path) for path in (out / "killed").rglob("*.part")]
    if quiet != killed or left or len(struck) < N_KILLS:
        raise AssertionError(f"{len(struck)} kills; equal: {quiet == killed}; half-written: {left}.")
    return {"tasks": len(grid), "kills": len(struck), "equal": True}


def _seconds(out: Path) -> list[float]:
    """How long each task of a sweep took."""
    return [read_json(path)["seconds"] for path in (out / "records").glob("*.json")]


def _kill(process: subprocess.Popen, out: Path, seconds: float, struck: list[int]) -> None:
    """Ten times, after a random while, a worker that has begun a task."""
    draw = random.Random(0)
    while process.poll() is None and len(struck) < N_KILLS:
        time.sleep(seconds * draw.uniform(*WHEN))
        children = psutil.Process(process.pid).children() if process.poll() is None else []
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        if workers and any((out / "logs").glob("*.log")):
            victim = draw.choice(workers)
            victim.kill()
            struck.append(victim.pid)


def workers(out: Path) -> list[dict[str, object]]:
    """The same tasks on one worker and on two; a first run, which fills the cache, does not count."""
    rows = [_workers(out / kind, kind, axes) for kind, axes in KINDS.items()]
    print(table(rows))
    return rows


def _workers(out: Path, kind: str, axes: dict[str, Sequence[object]]) -> dict[str, object]:
    finish(sweep(out / "first", [kind], axes, 2))
    seconds: dict[int, float] = {}
    for n in (1, 2):
        shutil.copytree(out / "first" / "shared", out / str(n) / "shared")
        start = time.perf_counter()
        finish(sweep(out / str(n), [kind], axes, n))
        seconds[n] = time.perf_counter() - start
    tasks = _seconds(out / "1")
    return {"tasks": f"{len(tasks)} x {kind}", "seconds of a task": mean(tasks), "one worker": seconds[1],
            "two workers": seconds[2], "speedup": seconds[1] / seconds[2]}  # fmt: skip


def blocks(_: Path) -> list[dict[str, object]]:
    """20,000 voxels, three layers, 800 + 200 images, in blocks of several sizes; the fastest of three turns."""
    rng = np.random.default_rng(0)
    features = {f"layer{k}": rng.standard_normal((1000, 2000), np.float32) for k in range(3)}
    responses = rng.standard_normal((1000, 20_000), np.float32)
    train, test = ({name: X[part] for name, X in features.items()} for part in (slice(800), slice(800, None)))

    def fit(memory_bytes: int) -> None:
        fit_encoding(train, responses[:800], test, responses[800:], memory_bytes=memory_bytes)

    sizes = {voxels_at_once(3, 1000, size): partial(fit, size) for size in (10**7, 4 * 10**7, 16 * 10**7, 2**31)}
    turns = in_turns(sizes, 3)
    rows = [{"voxels in a block": min(n, 20_000), "seconds": min(r.seconds for r in turns[n]),
             "peak GB": max(r.peak_bytes for r in turns[n]) / 1e9} for n in sizes]  # fmt: skip
    print(table(rows))
    return rows


CHECKS = (figures, kills, workers, blocks)
PROMISES: dict[str, Callable[[Path], object]] = {check.__name__: check for check in CHECKS}


def main(arguments: list[str] | None = None) -> None:
    """Check one promise, and record it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("promise", choices=PROMISES)
    promise = parser.parse_args(arguments).promise
    with tempfile.TemporaryDirectory() as folder:
        found = PROMISES[promise](Path(folder))
    print(found)
    record(f"sweep {promise}", found)


if __name__ == "__main__":
    main()
