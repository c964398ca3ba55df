"""Measure jobs in turns: seconds on the wall, peak memory, and what the machine could do at best."""

import gc
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from lib.core.disk import read_json, write_json
from lib.core.tables import Table
from lib.figures.benchmarks import RESULTS

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Run:
    """One execution of a job.

    Attributes
    ----------
    seconds : float
        On the wall.
    peak_bytes : int or None
        Most memory that was resident, beyond what was before; None where the system does not tell (it takes Linux).
    answer : object
        What the job returned.
    """

    seconds: float
    peak_bytes: int | None
    answer: Any


def run(job: Callable[[], Any]) -> Run:
    """Execute a job once."""
    gc.collect()
    before = _resident()
    with peak_memory() as peak:
        start = time.perf_counter()
        answer = job()
        seconds = time.perf_counter() - start
    return Run(seconds, peak[0] - before if peak[0] else None, answer)


def in_turns(jobs: Mapping[str, Callable[[], Any]], n_runs: int) -> dict[str, list[Run]]:
    """Execute jobs alternately, so that whatever else the machine does befalls all of them."""
    turns = [{name: run(job) for name, job in jobs.items()} for _ in range(n_runs)]
    return {name: [turn[name] for turn in turns] for name in jobs}


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """A list that holds, after the block, the most bytes that were resident during it (0 where nobody knows)."""
    peak = [0]
    if CLEAR.exists():
        CLEAR.write_text("5")  # start the high-water mark anew
    yield peak
    peak[0] = _status("VmHWM")


def _resident() -> int:
    return _status("VmRSS")


def _status(entry: str) -> int:
    """A line of /proc/self/status, in bytes."""
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(entry)), 0)


@dataclass(frozen=True)
class Machine:
    """What was measured of the machine.

    Attributes
    ----------
    processor : str
    threads : int
    flops32, flops64 : float
        Operations a second in a product of two 4000 x 4000 matrices, float32 and float64.
    bandwidth : float
        Bytes a second in copying half a gigabyte, read and written.
    """

    processor: str
    threads: int
    flops32: float
    flops64: float
    bandwidth: float

    def limit(self, work: "Work") -> float:
        """Seconds that this work takes if every operation runs at the rate of a matrix product."""
        return work.flops32 / self.flops32 + work.flops64 / self.flops64 + work.bytes / self.bandwidth


@dataclass(frozen=True)
class Work:
    """Operations in float32 and float64, and bytes that must be moved at least."""

    flops32: float = 0
    flops64: float = 0
    bytes: float = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops32 + other.flops32, self.flops64 + other.flops64, self.bytes + other.bytes)


@cache
def machine() -> Machine:
    """Measure the machine, once."""
    rates = [_product_rate(dtype) for dtype in (torch.float32, torch.float64)]
    source = np.zeros(2**27, np.float32)
    target = np.ones_like(source)
    seconds = min(_seconds(lambda: np.copyto(target, source)) for _ in range(5))
    return Machine(_processor(), torch.get_num_threads(), *rates, 2 * source.nbytes / seconds)


def _product_rate(dtype: torch.dtype, n: int = 4000) -> float:
    a = torch.ones(n, n, dtype=dtype)
    return 2 * n**3 / min(_seconds(lambda: a @ a) for _ in range(3))


def _seconds(job: Callable[[], Any]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


@contextmanager
def phases(places: Mapping[str, tuple[Any, str]], memory: bool = True) -> Iterator[dict[str, dict[str, float]]]:
    """Time every call of some functions, and note the peak memory while they ran.

    Parameters
    ----------
    places : mapping of phase to (module or class, name of its function)
    memory : bool
        Whether to look at the memory, which takes longer than a short call.
    """
    spent = {phase: {"seconds": 0.0, "processor_seconds": 0.0, "peak_bytes": 0} for phase in places}
    originals = {phase: getattr(owner, name) for phase, (owner, name) in places.items()}

    def timed(phase: str) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            with peak_memory() if memory else nullcontext([0]) as peak:
                start, processor = time.perf_counter(), time.process_time()
                answer = originals[phase](*args, **kwargs)
                spent[phase]["seconds"] += time.perf_counter() - start
                spent[phase]["processor_seconds"] += time.process_time() - processor
            spent[phase]["peak_bytes"] = max(spent[phase]["peak_bytes"], peak[0])
            return answer

        return call

    for phase, (owner, name) in places.items():
        setattr(owner, name, timed(phase))
    try:
        yield spent
    finally:
        for phase, (owner, name) in places.items():
            setattr(owner, name, originals[phase])


def middle(runs: Iterable[Run]) -> float:
    """Median seconds."""
    return median(r.seconds for r in runs)


def record(name: str, rows: Any) -> None:
    """Write one benchmark's rows into the file of results beside those of the others, with the machine they ran on."""
    measured = {"machine": asdict(machine()), "date": time.strftime("%Y-%m-%d"), "rows": rows}
    write_json(RESULTS, (read_json(RESULTS) or {}) | {name: measured})


def table(rows: list[dict[str, Any]]) -> Table:
    """Rows of numbers and words, one column per key; numbers with four digits."""
    return Table(list(rows[0]), [[_cell(row.get(key)) for key in rows[0]] for row in rows])


def _cell(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value
