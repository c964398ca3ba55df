"""What of a sweep is on disk, and whether it is still what the task would give today."""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from lib.app.fingerprint import code_lines, data_files, notebook_fingerprint, versions
from lib.app.sweep.tasks import Task
from lib.core.disk import digest_of, read_json, remove, sha256_of_file, written_aside
from lib.core.fetch import cache_folder

PARTICIPANT = re.compile(r"subj(?:ect)?0?(\d+)", re.IGNORECASE)  # in names of files that belong to one participant
HALF_WRITTEN = ("*.part", "*/*.part", "results/.*.running.ipynb")


@dataclass(frozen=True)
class Store:
    """The folder of a sweep.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @property
    def manifest(self) -> Path:
        """What was asked, and what became of it."""
        return self.folder / "manifest.json"

    @property
    def shared(self) -> Path:
        """Activations and responses that several tasks read."""
        return self.folder / "shared"

    def new_token(self) -> str:
        """Write a text that is new in every sweep: a worker that does not find it does not see this folder."""
        token = uuid.uuid4().hex
        self._token.write_text(token)
        return token

    def holds(self, token: str) -> bool:
        """Whether this is the folder of that sweep, seen from this machine."""
        with suppress(OSError):
            return self._token.read_text() == token
        return False

    @property
    def _token(self) -> Path:
        return self.folder / ".token"

    def result(self, task: Task) -> Path:
        """Where its result lies."""
        return self.folder / "results" / f"{task.name}{'.ipynb' if task.source else '.npz'}"

    def record_file(self, task: Task) -> Path:
        """Where its record lies."""
        return self.folder / "records" / f"{task.name}.json"

    def log(self, task: Task) -> Path:
        """Where what it printed lies."""
        return self.folder / "logs" / f"{task.name}.log"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Refuse a second sweep into the same folder at the same time; half-written files of earlier ones go.

        The end of the process, of whatever kind, frees the lock.
        """
        for name in ("results", "records", "logs", "shared"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"Another sweep is writing to {self.folder}: wait for it, or name another folder."
            ) from error
        try:
            self._clear_up()
            yield
        finally:
            self._clear_up()
            lock.release()

    def _clear_up(self) -> None:
        remove(self.folder / ".tls")
        for pattern in HALF_WRITTEN:
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def record(self, task: Task) -> dict[str, Any] | None:
        """The record of a task, if there is one that can be read."""
        return read_json(self.record_file(task))

    def done(self, task: Task, fingerprint: str) -> bool:
        """Whether the result is there, whole, and what the task would give today."""
        record, result = self.record(task), self.result(task)
        if not record or record.get("fingerprint") != fingerprint or not result.is_file():
            return False
        return record.get("sha256") == sha256_of_file(result)

    def keep(self, task: Task, arrays: Mapping[str, Any]) -> None:
        """Write an analysis' arrays: whole, or not at all."""
        with written_aside(self.result(task)) as part, part.open("wb") as file:
            np.savez(file, **arrays)


def kernel_memory(notebook: Path) -> int | None:
    """Most bytes that the kernel of an executed notebook held; None where that is not known."""
    try:
        return int(read_json(notebook)["metadata"]["companion"]["memory"])
    except (TypeError, KeyError):
        return None


def fingerprint(task: Task) -> str:
    """Hash of everything that a task's result depends on.

    A notebook's is `notebook_fingerprint`. An analysis depends on its parameters, on those modules of `lib` that it
    uses, on the versions of Python and packages, on the files that hold its weights, and on the data files at hand
    except those of other participants.
    """
    if task.notebook:
        return notebook_fingerprint(task.notebook, task.parameters)
    return digest_of(dict(task.parameters), *_code(), *versions(), *_data(task))


@cache
def _code() -> list[str]:
    return code_lines(["lib.app.sweep.analyses"])


def _data(task: Task) -> list[str]:
    """State of the data files, but of those that belong to other participants, and of the files of the weights."""
    analysis = task.analysis
    root, weights = str(analysis.data_root or ""), analysis.weights
    files = _files_below(root) if root else {}
    whose = {str(analysis.subject)}
    own = {path: state for path, state in files.items() if set(PARTICIPANT.findall(path.removeprefix(root))) <= whose}
    own |= _files_below(str(cache_folder()) if weights == "published" else weights)
    return [f"{path} {state}" for path, state in own.items()]


@cache
def _files_below(place: str) -> dict[str, str]:
    return {str(path): state for path, state in data_files([Path(place)])}
