"""What of a sweep is on disk, and whether it is still what the task would give today."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from lib.app.fingerprint import data_files, notebook_fingerprint
from lib.app.sweep.tasks import Task
from lib.core.code import code_lines, versions
from lib.core.disk import digest_of, read_json, remove, sha256_of_file, written_aside
from lib.core.downloads import cache_folder

PARTICIPANT = re.compile(r"sub(?:-|j(?:ect)?)0?(\d+)", re.IGNORECASE)  # in names of files of one person
HALF_WRITTEN = (".tls", ".*.part", "*/.*.part", "results/.*.lock")


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
        """Refuse a second sweep into the same folder at the same time; what killed ones left half-written goes.

        The end of the process, of whatever kind, frees the lock.
        """
        for name in ("results", "records", "logs", "shared"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                for path in (path for pattern in HALF_WRITTEN for path in self.folder.glob(pattern)):
                    remove(path)
                yield
        except Timeout as error:
            raise ValueError(
                f"Another sweep is writing to {self.folder}: wait for it, or name another folder."
            ) from error

    def record(self, task: Task) -> dict[str, Any] | None:
        """The record of a task, if there is one that can be read."""
        return read_json(self.record_file(task))

    def holds(self, token: str) -> bool:
        """Whether the sweep of that token writes here: a worker that does not find it sees another folder, or none."""
        return (read_json(self.manifest) or {}).get("token") == token

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


def fingerprint(task: Task) -> str:
    """Hash of everything that a task's result depends on.

    A notebook's is `notebook_fingerprint`. An analysis depends on its parameters, on those modules of `lib` that it
    uses, on the versions of Python and packages, on the files that hold its weights, and on the data files at hand
    except those of other participants.
    """
    if task.notebook:
        return notebook_fingerprint(task.notebook, task.parameters)
    code = code_lines(["lib.app.sweep.analyses"])
    return digest_of(dict(task.parameters), code, versions(), _data(task))


def _data(task: Task) -> list[str]:
    """State of the data files, but of those that belong to other participants, and of the files of the weights."""
    analysis = task.analysis
    root, whose = str(analysis.data_root or ""), {str(analysis.subject)}
    weights = cache_folder() if analysis.weights == "published" else Path(analysis.weights)
    files = data_files([Path(root)] if root else [])
    own = [one for one in files if set(PARTICIPANT.findall(str(one[0]).removeprefix(root))) <= whose]
    return [f"{path} {state}" for path, state in [*own, *data_files([weights])]]
