"""What a worker does with a task: carry it out within its memory, watch it, and keep result and record."""

import platform
import resource
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import Any

import torch

from lib.app.execute import NotebookFailed, run_notebook
from lib.app.sweep.store import Store
from lib.app.sweep.tasks import Task
from lib.core.code import versions
from lib.core.disk import read_json, sha256_of_file, write_json
from lib.core.memory import peak_memory

PEAK = Path("/proc/self/clear_refs")  # Linux: 5 written there begins this process' peak of memory anew
ONE_AT_A_TIME = threading.Lock()  # what a process prints, and its memory, belong to one task
NO_MEMORY = ("not enough memory: you tried to allocate", "MemoryError")  # words of PyTorch's and a notebook's errors


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
    """

    task: str
    failure: str
    seconds: float = 0
    peak_bytes: int = 0
    host: str = ""


def perform(task: Task, folder: Path, fingerprint: str, memory: int | None, token: str = "") -> Outcome:
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
    token : str
        What the sweep wrote into its folder. A worker that does not find it there computes nothing.
    """
    store, host, start, failure = Store(folder), socket.gethostname(), time.time(), ""
    if token and not store.holds(token):
        return Outcome(task.name, f"{host} does not see {folder}: all workers need the same folder at this path.")
    with ONE_AT_A_TIME, _logged(store.log(task)):
        try:
            with suppress(OSError):
                PEAK.write_text("5")
            with _limited(memory):
                _compute(task, store)
            write_json(store.record_file(task), _record(task, store, fingerprint, start))
        except Exception as error:  # whatever it is, it is this task's
            failure = _reason(error, memory)
            traceback.print_exc()
    return Outcome(task.name, failure, time.time() - start, _peak(task, store), host)


def _compute(task: Task, store: Store) -> None:
    if task.notebook:
        run_notebook(task.notebook, task.parameters, store.result(task), force=True)
    else:
        store.keep(task, task.analysis.run(store.shared))


def _record(task: Task, store: Store, fingerprint: str, start: float) -> dict[str, Any]:
    return {
        "task": task.name, "what": task.what, "parameters": dict(task.parameters), "fingerprint": fingerprint,
        "sha256": sha256_of_file(store.result(task)), "started": time.strftime("%F %T", time.localtime(start)),
        "seconds": round(time.time() - start, 2), "peak_bytes": _peak(task, store), "threads": torch.get_num_threads(),
        "host": socket.gethostname(), "system": platform.platform(), "versions": versions(),
    }  # fmt: skip


def _peak(task: Task, store: Store) -> int:
    """Most bytes that this process held during the task, and a notebook's kernel; 0 where the system does not tell."""
    executed = read_json(store.result(task)) if task.notebook else None
    return (peak_memory() or 0) + (executed["metadata"]["companion"]["memory"] or 0 if executed else 0)


def _reason(error: Exception, memory: int | None) -> str:
    """Why a task failed, in one line."""
    if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
        return f"wants more memory than {f'the {memory / 1e9:.2f} GB it was given' if memory else 'there is'}"
    kind = "" if isinstance(error, NotebookFailed | ValueError | OSError) else f"{type(error).__name__}: "
    return f"{kind}{error}".strip().partition("\n")[0] or type(error).__name__


class _Log(FileIO):
    """A file in which what a full disk does not take is lost: the task matters more than its log."""

    def write(self, text: Any) -> int:
        """Write what can be written; the length of the text."""
        with suppress(OSError):
            super().write(text)
        return len(text)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """What is printed goes into the log, at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TextIOWrapper(_Log(path, "w"), "utf-8", write_through=True) as log, redirect_stdout(log), redirect_stderr(log):
        yield


@contextmanager
def _limited(memory: int | None) -> Iterator[None]:
    """Refuse allocations that would take this process, or one it starts, beyond `memory` bytes, where the system can.

    Linux counts what a process may write and has for itself; mapped files are not counted, they can be dropped.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory or before[0], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
