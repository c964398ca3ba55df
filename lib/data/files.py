"""Files of others: every way they can be wrong ends in one sentence that names the file, what was expected, what is."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

Content = TypeVar("Content")

SIMULATED = "simulated"  # attribute of the HDF5 files that this project writes: a JSON text that says what was planted


def existing_folder(folder: str | os.PathLike | None, holds: str) -> Path:
    """The folder a user named as `data_root`.

    Raises
    ------
    ValueError
        None was named.
    FileNotFoundError, NotADirectoryError
        It is not there, or no folder.
    """
    if folder is None:
        raise ValueError(f"data_root is missing: name the folder that holds {holds}.")
    path = Path(folder).expanduser().absolute()
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected the folder that holds {holds}, found nothing.")
    if not path.is_dir():
        raise NotADirectoryError(f"{path}: expected the folder that holds {holds}, found a file.")
    return path


def existing(path: Path, what: str) -> Path:
    """`path`, or FileNotFoundError that says what it would hold."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected {what}, found no such file.")
    return path


def read(path: Path, expected: str, reader: Callable[[Path], Content]) -> Content:
    """Call `reader(path)`; whatever goes wrong inside is told in one sentence.

    Raises
    ------
    FileNotFoundError, PermissionError
        It is not there, or may not be read.
    ValueError
        It is not what was expected.
    """
    existing(path, expected)
    if not os.access(path, os.R_OK):
        raise PermissionError(f"{path}: expected {expected}, found no permission to read it.")
    try:
        return reader(path)
    except PermissionError as error:
        raise PermissionError(f"{path}: expected {expected}, found no permission to read it.") from error
    except Exception as error:  # h5py, scipy and nibabel answer a bad file with a dozen types of exception
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path}: expected {expected}, found {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")


def open_picture(path: str | os.PathLike) -> np.ndarray:
    """A picture of any common format as a uint8 array of shape (height, width, 3); errors as for `read`."""
    return read(Path(path), "a picture", _pixels)


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def stamp_of(path: str | os.PathLike) -> tuple[int, int]:
    """Size and time of a file: two files of one path with the same stamp are taken for the same."""
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


def expect(path: Path, what: str, expected: object, found: object) -> None:
    """ValueError unless `found` equals `expected`."""
    if found != expected:
        raise ValueError(f"{path}: expected {what} to be {expected}, found {found}.")


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """A folder `<target>.part` to write into; it gets its name when everything is written, and vanishes otherwise.

    A run that is killed leaves `<target>.part`, which no reader takes for data; the next run clears it away.

    Raises
    ------
    FileExistsError
        `target` is a file, or a folder with something in it.
    OSError
        It cannot be written: no permission, no space.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target}: expected a new or empty folder to write into, found something there.")
    part = target.with_name(target.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        part.replace(target)
    except (OSError, RuntimeError) as error:  # h5py reports a full disk as either
        raise OSError(f"{target}: could not be written ({_first_line(error)}); nothing was left there.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
