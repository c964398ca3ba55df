"""What of a sweep is on disk, and whether it is still what the task would give today."""

import hashlib
import json
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from lib.app.fingerprint import code_lines, data_files, notebook_fingerprint, versions
from lib.app.notebooks import NotebookSource
from lib.app.sweep.analyses import ANALYSES
from lib.app.sweep.tasks import Task
from lib.core.fetch import cache_folder

SOMEBODY = re.compile(r"subj(?:ect)?0?(\d+)", re.IGNORECASE)  # in names of files that belong to one participant


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
        """What several tasks read."""
        return self.folder / "shared"

    def result(self, task: Task) -> Path:
        """Where its result lies."""
        return self.folder / "results" / f"{task.name}{task.suffix}"

    def record_file(self, task: Task) -> Path:
        """Where its record lies."""
        return self.folder / "records" / f"{task.name}.json"

    def log(self, task: Task) -> Path:
        """Where what it printed lies."""
        return self.folder / "logs" / f"{task.name}.log"

    def prepare(self) -> None:
        """Make the folders."""
        for name in ("results", "records", "logs", "shared"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Refuse a second sweep into the same folder at the same time; the end of the process frees it."""
        self.prepare()
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"Another sweep is writing to {self.folder}: wait for it, or name another folder."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def record(self, task: Task) -> dict[str, object] | None:
        """The record of a task, if there is one that can be read."""
        return read_json(self.record_file(task))

    def records_of(self, what: str) -> list[dict[str, object]]:
        """All records of a notebook or an analysis, whatever their parameters."""
        found = (read_json(path) for path in sorted((self.folder / "records").glob(f"{what}_*.json")))
        return [record for record in found if record and record["what"] == what]

    def done(self, task: Task, fingerprint: str) -> bool:
        """Whether the result is there, whole, and what the task would give today."""
        record, result = self.record(task), self.result(task)
        if not record or record.get("fingerprint") != fingerprint or not result.is_file():
            return False
        return record.get("sha256") == sha256_of(result)

    def keep(self, task: Task, arrays: Mapping[str, np.ndarray]) -> None:
        """Write an analysis' arrays: whole, or not at all."""
        write_aside(self.result(task), lambda file: np.savez(file, **arrays))

    def keep_record(self, task: Task, record: Mapping[str, object]) -> None:
        """Write the record: with it, the task is done."""
        write_aside(self.record_file(task), _json(record))

    def keep_manifest(self, manifest: Mapping[str, object]) -> None:
        """Write what was asked and what became of it."""
        write_aside(self.manifest, _json(manifest))

    def forget(self, task: Task) -> None:
        """Remove the record of a task that is about to be done again: its result will not fit it."""
        self.record_file(task).unlink(missing_ok=True)

    def clear_up(self) -> None:
        """Remove what killed workers left half-written."""
        for pattern in ("*/*.part", ".*.part", "results/.*.running.ipynb"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, object] | None:
    """What a JSON file holds; None if there is none, or none that can be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def write_aside(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place, and rename it when it is on the disk; nothing is left of one that fails.

    Raises
    ------
    OSError
        Names the file; no room, say.
    """
    aside = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        with aside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise type(error)(
            f"{path} could not be written ({error.strerror or error}); nothing was left there."
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def _json(content: Mapping[str, object]) -> Callable[[BinaryIO], object]:
    return lambda file: file.write((json.dumps(content, indent=1) + "\n").encode())


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(task: Task) -> str:
    """Hash of everything that a task's result depends on.

    A notebook's is `notebook_fingerprint`. An analysis depends on its parameters, on those modules of `lib` that it
    uses, on the versions of Python and packages, on the data files at hand, and not on those of other participants.
    """
    if task.source:
        return notebook_fingerprint(NotebookSource(Path(task.source)), task.parameters)
    digest = hashlib.sha256(json.dumps(dict(task.parameters), sort_keys=True).encode())
    for line in [*_code(ANALYSES[task.what].modules), *versions(), *_data(task)]:
        digest.update(line.encode())
    return digest.hexdigest()


@cache
def _code(modules: tuple[str, ...]) -> tuple[str, ...]:
    """One line per file of `lib` that the modules use, data files too: its name and hash."""
    return tuple(code_lines(("lib.app.sweep.analyses", *modules)))


def _data(task: Task) -> list[str]:
    """Paths, sizes and times of the data files, but of those that belong to other participants."""
    root, whose = task.parameters["data_root"], str(task.parameters["subject"])
    files = _files_below(str(root)) if root else ()
    own = [one for one in files if all(name == whose for name in SOMEBODY.findall(one[0].removeprefix(str(root))))]
    downloads = _files_below(str(cache_folder())) if task.parameters["weights"] == "published" else ()
    return [f"{path} {state}" for path, state in (*own, *downloads)]


@cache
def _files_below(place: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(path), state) for path, state in data_files([Path(place)]))
