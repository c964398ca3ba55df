"""Activations on disk: one .npy file per layer, whole or absent, written by one process at a time.

    FOLDER/alexnet-object-3f1c.../about.json       what the activations are of
                                 features.2.npy    float32 array of shape (n_images, n_features), and its checksum

Behind the array, where numpy does not look, stands the CRC-32 of all before it. A process compares it when it opens a
file for the first time, about 1.5 GB a second (7 s for 10 GB, which then lie in the system's cache of files); a file
that is not as it was written is computed again, with a warning.

While it is written a file ends in `.part` and grows by whole batches, and progress.json says how far all are, so that
what a killed process leaves can be trusted and continued. With the last batch a file gets its name.
"""

import os
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import numpy as np
from filelock import FileLock

from lib.core.disk import check_room, digest_of, npy_header, read_json, remove, stamp, write_json

CACHE_FORMAT = 2  # to be raised when the same key would stand for other activations
_CHECKSUM = 4  # bytes
_BLOCK = 1 << 24  # bytes that are read at once
_checked: dict[Path, tuple[int, ...]] = {}  # files that this process found as they were written, and their stamps

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
        identity = {**identity, "format": CACHE_FORMAT}
        return cls(root.expanduser() / f"{_file_name(str(identity['network']))}-{digest_of(identity)[:16]}", identity)

    @property
    def n_images(self) -> int:
        """Rows of each file."""
        return int(str(self.identity["n_images"]))

    def open(self, tap: str) -> np.ndarray:
        """Map a whole file: float32 array of shape (n_images, n_features), read-only."""
        return np.load(self._file(tap), mmap_mode="r")

    def missing(self, taps: Sequence[str]) -> list[str]:
        """Taps whose activations are not there, or not as they were written."""
        return [tap for tap in taps if not _is_whole(self._file(tap), self.n_images)]

    def _file(self, tap: str) -> Path:
        return self.folder / f"{_file_name(tap)}.npy"

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
        parts = {tap: _Part(self._file(tap), (self.n_images, n)) for tap, n in n_features.items()}
        start = self._continue(parts, batch_size)
        check_room(
            self.folder,
            sum(part.n_bytes(self.n_images) - part.n_bytes(start) for part in parts.values()),
            "Activations",
        )
        write_json(self.folder / "about.json", self.identity)
        with ExitStack() as stack:
            for part in parts.values():
                stack.callback(part.open(start).close)
            yield start, lambda batch: self._append(parts, batch)
            for part in parts.values():
                part.finish()
        remove(self._progress)

    @property
    def _progress(self) -> Path:
        return self.folder / "progress.json"

    def _continue(self, parts: Mapping[str, "_Part"], batch_size: int) -> int:
        """The image to go on from: all before it are in the parts as they were written."""
        with suppress(TypeError, KeyError, OSError):  # no progress, or none of these parts
            found = read_json(self._progress)
            n_rows = min(found["n_rows"], self.n_images)
            if all(part.checksum_of(n_rows) == found["checksums"][tap] for tap, part in parts.items()):
                return n_rows // batch_size * batch_size
        return 0

    def _append(self, parts: Mapping[str, "_Part"], batch: Mapping[str, np.ndarray]) -> None:
        for tap, rows in batch.items():
            parts[tap].append(rows)
        checksums = {tap: part.checksum for tap, part in parts.items()}
        write_json(self._progress, {"n_rows": next(iter(parts.values())).n_rows, "checksums": checksums})


class _Part:
    """The beginning of a .npy file of float32 rows.

    Parameters
    ----------
    path : Path
        Its name once it is whole.
    shape : (n_rows, n_columns)
    """

    def __init__(self, path: Path, shape: tuple[int, int]):
        self.path, self.aside = path, path.with_name(path.name + ".part")
        self.header, self.row_bytes = npy_header(shape), 4 * shape[1]
        self.n_rows = self.checksum = 0

    def n_bytes(self, n_rows: int) -> int:
        """Bytes up to a row."""
        return len(self.header) + n_rows * self.row_bytes

    def checksum_of(self, n_rows: int) -> int:
        """CRC-32 of the bytes up to a row; OSError if there are none."""
        with self.aside.open("rb") as file:
            return _crc32(file, self.n_bytes(n_rows))

    def open(self, n_rows: int) -> BinaryIO:
        """The file cut off, or begun, so that row `n_rows` is the next."""
        if n_rows == 0:
            self.aside.write_bytes(self.header)
        self.n_rows, self.checksum = n_rows, self.checksum_of(n_rows)
        self.file = self.aside.open("r+b")
        self.file.truncate(self.n_bytes(n_rows))
        self.file.seek(0, os.SEEK_END)
        return self.file

    def append(self, rows: np.ndarray) -> None:
        """Write rows at the end."""
        try:
            content = np.ascontiguousarray(rows, np.float32).data
            self.file.write(content)
            self.file.flush()  # a killed process would lose what waits here
        except OSError as error:
            message = f"{self.aside} cannot be written ({error.strerror}); the next run goes on from here."
            raise type(error)(message) from error
        self.n_rows, self.checksum = self.n_rows + len(rows), zlib.crc32(content, self.checksum)

    def finish(self) -> None:
        """Add the checksum and give the whole file its name; one that is damaged makes room for it, with a warning."""
        self.file.write(self.checksum.to_bytes(_CHECKSUM, "little"))
        self.file.flush()
        os.fsync(self.file.fileno())
        if self.path.exists():
            warnings.warn(f"{self.path} was not as it had been written, and was computed again.", stacklevel=2)
        os.replace(self.aside, self.path)
        _checked[self.path] = stamp(self.path)


def _is_whole(path: Path, n_rows: int) -> bool:
    """Whether a file is there as it was written; its bytes are read only if they may have changed since last time."""
    try:
        if _checked.get(path) != (found := stamp(path)):
            with path.open("rb") as file:
                checksum = _crc32(file, path.stat().st_size - _CHECKSUM)
                if file.read() != checksum.to_bytes(_CHECKSUM, "little"):
                    return False
            _checked[path] = found
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return array.dtype == np.float32 and array.ndim == 2 and len(array) == n_rows


def _crc32(file: BinaryIO, n_bytes: int) -> int:
    """CRC-32 of the next bytes of a file."""
    checksum = 0
    while n_bytes > 0 and (block := file.read(min(n_bytes, _BLOCK))):
        checksum, n_bytes = zlib.crc32(block, checksum), n_bytes - len(block)
    return checksum


def _file_name(name: str) -> str:
    """A name as one part of a path, whatever is in it; two names stay two."""
    quoted = quote(name, safe="")
    return quoted if len(quoted) <= 150 else f"{quoted[:100]}-{digest_of(name)[:16]}"
