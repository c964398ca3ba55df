"""Files that are whole or absent, and what identifies a file's content."""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]  # of the project: the folder that holds `lib`


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write a file or a folder at; rename it to `target` when all is written.

    Until then nothing is seen under that name, and an error or interrupt removes what was written. Each process and
    thread has a path of its own, so two that write the same target do not disturb each other: the last one stays.

    Parameters
    ----------
    target : Path
        A file is replaced; so is a folder if it is empty. The folder around it is made if need be.

    Raises
    ------
    FileExistsError
        The target is a folder with something in it.
    OSError
        It cannot be written: no permission, no space. The message names the target.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with written_aside(Path(folder) / "a.txt") as part:
    ...         _ = part.write_text("whole")
    ...     [path.name for path in Path(folder).iterdir()]
    ['a.txt']
    """
    if target.is_dir() and any(target.iterdir()):
        raise FileExistsError(f"{target}: expected a new or empty folder to write into, found something there.")
    part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_native_id()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove(part)
        yield part
        part.replace(target)
    except OSError as error:
        told = OSError(f"{target}: could not be written ({error.strerror or error}).")
        told.errno = error.errno
        raise told from error
    finally:
        remove(part)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        path.unlink()


def check_room(folder: Path, n_bytes: int, what: str) -> None:
    """Refuse to write what would not fit.

    Parameters
    ----------
    folder : Path
        An existing folder.
    n_bytes : int
        Bytes still to be written there.
    what : str
        What they are, in the plural, for the message: "Activations".

    Raises
    ------
    OSError
        The disk has less room than that.
    """
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise OSError(f"{what} need {n_bytes / 1e9:.1f} GB more in {folder}, where {free / 1e9:.1f} are free.")


def npy_header(shape: tuple[int, int]) -> bytes:
    """The first bytes of a .npy file of float32, before the numbers themselves, row by row.

    >>> import io
    >>> np.load(io.BytesIO(npy_header((1, 2)) + np.float32([3, 4]).tobytes()))
    array([[3., 4.]], dtype=float32)
    """
    header = BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)
    return header.getvalue()


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """Size in bytes, time of change, and time of any change, which cannot be set back; both in nanoseconds.

    A file whose stamp is the same is taken to be the same.
    """
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_json(path: Path) -> Any:
    """Return what a JSON file holds; None if there is no such file, or it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, whole or not at all."""
    with written_aside(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def digest_of(*parts: object) -> str:
    """Return the hexadecimal digest of values: arrays by type, shape and bytes, all others by their JSON.

    >>> digest_of("ab", "c") == digest_of("a", "bc"), digest_of(np.zeros((2, 3))) == digest_of(np.zeros((3, 2)))
    (False, False)
    """
    digest = hashlib.sha256()
    for part in parts:
        for member in part if isinstance(part, tuple) else (part,):
            if isinstance(member, np.ndarray):
                digest.update(json.dumps([str(member.dtype), member.shape]).encode())
                digest.update(np.ascontiguousarray(member).data)
            else:
                digest.update(json.dumps([member]).encode())
    return digest.hexdigest()
