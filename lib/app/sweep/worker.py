"""What a worker does with a task: carry it out within its memory, watch it, and keep result and record."""

import os
import platform
import resource
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TextIO

import psutil
import torch

from lib.app.execute import NotebookFailed, run_notebook
from lib.app.fingerprint import versions
from lib.app.notebooks import NotebookSource
from lib.app.sweep.analyses import ANALYSES
from lib.app.sweep.store import Store, sha256_of
from lib.app.sweep.tasks import Task

GLANCE = 0.25  # seconds between two looks at the memory
ONE_AT_A_TIME = threading.Lock()  # what a process prints, and its memory, belong to one task
NO_MEMORY = "not enough memory: you tried to allocate"  # PyTorch's words; it raises RuntimeError


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    task : str
        Its name.
    failure : str
        Why it failed, in a line; empty if it did not.
    seconds : float
    peak_bytes : int
        Most memory that its process, and those it started, held at once.
    host : str
    details : str
        The traceback of a failure.
    """

    task: str
    failure: str
    seconds: float
    peak_bytes: int
    host: str
    details: str = ""


def perform(task: Task, folder: Path, fingerprint: str, memory: int | None) -> Outcome:
    """Carry out a task and keep its result; nothing is raised, so that other tasks go on.

    Parameters
    ----------
    task : Task
    folder : Path
        The sweep's, seen from this machine.
    fingerprint : str
        Goes into the record.
    memory : int or None
        Bytes this process may hold, on Linux.
    """
    store, start, failure, details = Store(folder), time.time(), "", ""
    with ONE_AT_A_TIME, logged(store.log(task)), watched() as peak:
        try:
            store.prepare()
            with limited(memory):
                _compute(task, store)
            seconds = time.time() - start
            store.keep_record(task, _record(task, store, fingerprint, start, seconds, peak[0]))
        except Exception as error:  # whatever it is, it is this task's
            failure, details = _reason(error, memory), traceback.format_exc()
            print(details, file=sys.stderr)
    return Outcome(task.name, failure, time.time() - start, peak[0], socket.gethostname(), details)


def _compute(task: Task, store: Store) -> None:
    with shared_activations(store.shared / "features"):
        if task.source:
            run_notebook(NotebookSource(Path(task.source)), task.parameters, store.result(task), force=True)
        else:
            store.keep(task, ANALYSES[task.what].run(task.parameters, store.shared))


def _record(task: Task, store: Store, fingerprint: str, start: float, seconds: float, peak: int) -> dict[str, object]:
    return {
        "task": task.name, "what": task.what, "parameters": dict(task.parameters), "fingerprint": fingerprint,
        "sha256": sha256_of(store.result(task)), "started": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(start)),
        "seconds": round(seconds, 2), "peak_bytes": peak, "threads": torch.get_num_threads(),
        "host": socket.gethostname(), "system": platform.platform(), "versions": versions(),
    }  # fmt: skip


def _reason(error: Exception, memory: int | None) -> str:
    """One line; of memory that was refused, how much there was."""
    if isinstance(error, MemoryError) or NO_MEMORY in str(error) or "MemoryError" in str(error):
        allowed = f"the {memory / 1e9:.2f} GB it was given" if memory else "there is"
        return f"wants more memory than {allowed}"
    words = (
        str(error) if isinstance(error, NotebookFailed | ValueError | OSError) else f"{type(error).__name__}: {error}"
    )
    return words.strip().splitlines()[0] if words.strip() else type(error).__name__


@contextmanager
def shared_activations(folder: Path) -> Iterator[None]:
    """Let `lib.networks.extract` keep activations here, unless the user has named a folder for all of them."""
    if "COMPANION_FEATURES" in os.environ:
        yield
        return
    os.environ["COMPANION_FEATURES"] = str(folder)
    try:
        yield
    finally:
        del os.environ["COMPANION_FEATURES"]


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """What is printed goes into the log; where that cannot be written, nowhere: the task matters more."""
    with ExitStack() as stack:
        log: TextIO = StringIO()
        with suppress(OSError):
            log = stack.enter_context(_Patient(path))
        stack.enter_context(redirect_stdout(log))
        stack.enter_context(redirect_stderr(log))
        yield


class _Patient:
    """A file for text that never complains: what a full disk does not take is lost."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", buffering=1)

    def __enter__(self) -> "_Patient":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


@contextmanager
def limited(memory: int | None) -> Iterator[None]:
    """Refuse allocations that would take this process, or one it starts, beyond `memory` bytes, where the system can.

    Linux counts what a process may write and has for itself; mapped files are not counted, they can be dropped.
    """
    if not memory or sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


@contextmanager
def watched() -> Iterator[list[int]]:
    """A list that holds the most bytes that were resident in this process and those it started."""
    peak, over = [resident()], threading.Event()

    def look() -> None:
        while not over.wait(GLANCE):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def resident() -> int:
    """Bytes that this process and those it started hold now."""
    total, me = 0, psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total
