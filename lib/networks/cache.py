"""Activations on disk: one .npy file per layer, whole or absent, written by one process at a time.

    FOLDER/alexnet-object-3f1c.../about.json       what the activations are of
                                 features.2.npy    float32 array of shape (n_images, n_features)

While it is written a file ends in `.part` and grows by whole rows at its end, so what a killed process leaves is its
beginning. With the last row it gets its name.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock

from lib.core.disk import check_room, digest_of, npy_header

FORMAT = 1  # to be raised when the same key would stand for other activations

Write = Callable[[Mapping[str, np.ndarray]], None]


@dataclass(frozen=True)
class Place:
    """Where the activations of one network for one set of images lie, a file per tap.

    Attributes
    ----------
    folder : Path
    identity : mapping
        What they depend on; its digest names the folder.
    """

    folder: Path
    identity: Mapping[str, object]

    @classmethod
    def of(cls, root: Path, identity: Mapping[str, object]) -> "Place":
        """The place under `root` for what has this identity."""
        identity = {**identity, "format": FORMAT}
        return cls(root.expanduser() / f"{identity['network']}-{digest_of(identity)[:16]}", identity)

    def open(self, tap: str) -> np.ndarray:
        """Map a whole file: float32 array of shape (n_images, n_features), read-only."""
        return np.load(self._file(tap), mmap_mode="r")

    def missing(self, taps: Sequence[str]) -> list[str]:
        """Taps whose activations are not there yet."""
        return [tap for tap in taps if not self._file(tap).is_file()]

    def _file(self, tap: str) -> Path:
        return self.folder / f"{tap.replace('|', '-')}.npy"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other process write here; its end, of whatever kind, frees the lock.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            lock.acquire()
        except OSError as error:
            raise type(error)(f"Activations cannot be kept in {self.folder}: {error.strerror or error}.") from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def writing(self, n_features: Mapping[str, int], batch_size: int) -> Iterator[tuple[int, Write]]:
        """Write activations from the first missing image on; at the end the files get their names.

        Parameters
        ----------
        n_features : mapping of tap to int
        batch_size : int
            Going on at a multiple of it makes the same batches, and so the same bits, as an undisturbed run.

        Yields
        ------
        start : int
            The first image to write.
        write : callable
            Appends rows, {tap: array of shape (n, n_features)}.

        Raises
        ------
        OSError
            There is too little room for all, and nothing is written; or a write fails, and the next run goes on there.
        """
        parts = [_Part(self._file(tap), (self.identity["n_images"], n)) for tap, n in n_features.items()]
        check_room(self.folder, sum(part.n_missing() for part in parts), "Activations")
        (self.folder / "about.json").write_text(json.dumps(self.identity, indent=1) + "\n")
        start = min(part.n_rows() for part in parts) // batch_size * batch_size
        with ExitStack() as stack:
            files = {tap: stack.enter_context(part.open(start)) for tap, part in zip(n_features, parts, strict=True)}
            yield start, lambda batch: _append(files, batch)
            for file in files.values():
                os.fsync(file.fileno())
        for part in parts:
            part.finish()


def _append(files: Mapping[str, BinaryIO], batch: Mapping[str, np.ndarray]) -> None:
    for tap, rows in batch.items():
        try:
            files[tap].write(np.ascontiguousarray(rows, np.float32))
            files[tap].flush()  # a killed process would lose what waits here
        except OSError as error:
            message = f"{files[tap].name} cannot be written ({error.strerror}); the next run goes on from here."
            raise type(error)(message) from error


@dataclass(frozen=True)
class _Part:
    """The beginning of a .npy file of float32 rows.

    Attributes
    ----------
    path : Path
        Its name once it is whole.
    shape : (n_rows, n_columns)
    """

    path: Path
    shape: tuple[int, int]

    @property
    def aside(self) -> Path:
        return self.path.with_name(self.path.name + ".part")

    @property
    def header(self) -> bytes:
        return npy_header(self.shape)

    def n_rows(self) -> int:
        """Whole rows that are there; 0 if the file begins as another one would."""
        try:
            with self.aside.open("rb") as file:
                fits = file.read(len(self.header)) == self.header
        except FileNotFoundError:
            return 0
        written = (self.aside.stat().st_size - len(self.header)) // (4 * self.shape[1])
        return min(written, self.shape[0]) if fits else 0

    def n_missing(self) -> int:
        """Bytes still to be written."""
        return 4 * self.shape[1] * (self.shape[0] - self.n_rows())

    def open(self, start: int) -> BinaryIO:
        """The file cut off, or begun, so that row `start` is the next."""
        file = self.aside.open("r+b" if start else "wb")
        if start == 0:
            file.write(self.header)
        file.truncate(len(self.header) + start * 4 * self.shape[1])
        file.seek(0, os.SEEK_END)
        return file

    def finish(self) -> None:
        """Give the whole file its name."""
        os.replace(self.aside, self.path)
