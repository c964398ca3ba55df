"""Results kept on disk from run to run, and shared by processes that need the same.

The environment variable COMPANION_RESULTS names the folder; without it everything is computed anew. A file's name is
the digest of all that its result depends on: the inputs, the code that computes it with all it imports, and versions.
Another input or another line of code is another file, so no result can be stale. A file is whole or absent; numbers are
read without pickle, and compared with their checksums.
"""

import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock

from lib.core.code import code_lines, versions
from lib.core.disk import digest_of, remove, written_aside

FOLDER = "COMPANION_RESULTS"
KEPT_BYTES = 4 * 10**9  # in the folder; beyond, what was used longest ago is removed

Arrays = Mapping[str, np.ndarray]


def kept(
    module: str, inputs: Callable[[], Sequence[object]], compute: Callable[[], Arrays], at_most: int = KEPT_BYTES
) -> Arrays:
    """Arrays as they were computed by this process or another, or compute and keep them.

    A process that needs what another computes waits for it.

    Parameters
    ----------
    module : str
        Whose code computes the arrays: `__name__`. All that it imports counts.
    inputs : callable
        Returns everything else that the arrays depend on: arrays, or what JSON can say. ValueError if something has no
        name: then nothing is kept.
    compute : callable
        Returns the arrays by name.
    at_most : int
        Bytes: more are not kept.

    Returns
    -------
    mapping of name to array
    """
    if not (root := os.environ.get(FOLDER)):
        return compute()
    folder = Path(root).expanduser()
    try:
        path = folder / f"{digest_of([module, *code_lines([module]), *versions()], *inputs())[:32]}.npz"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock")).acquire()  # the lock itself, as a context, would be acquired twice
    except (OSError, ValueError) as error:
        warnings.warn(f"Results are not kept in {folder}: {getattr(error, 'strerror', error)}.", stacklevel=2)
        return compute()
    with lock:
        if (found := _read(path)) is not None:
            return found
        computed = compute()
        if sum(array.nbytes for array in computed.values()) <= at_most:
            _write(path, computed)
        return computed


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None if it is not there, or not as it was written."""
    with suppress(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        os.utime(path)
        return arrays
    return None


def _write(path: Path, arrays: Arrays) -> None:
    """Write a file, and make room for it; where that fails, a warning says so."""
    try:
        with written_aside(path) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        _make_room(path.parent)
    except OSError as error:
        warnings.warn(f"A result was not kept: {error}", stacklevel=3)


def _make_room(folder: Path) -> None:
    files = []
    for path in folder.glob("*.npz"):
        with suppress(FileNotFoundError):  # another process makes room, too
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    files.sort(reverse=True)
    total = np.cumsum([size for _, size, _ in files])
    for (_, _, path), until in zip(files, total, strict=True):
        if until > KEPT_BYTES:
            remove(path)
