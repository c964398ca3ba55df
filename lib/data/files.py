"""Read files that others made; a bad one gives one sentence: the file, what was expected, what was found."""

import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import h5py

Content = TypeVar("Content")

SIMULATED = "simulated"  # attribute of the HDF5 files that this project writes: a JSON text that says what was planted
_LONGEST = 500  # characters of a text in it


def require_folder(folder: str | os.PathLike | None, holds: str) -> Path:
    """Check the folder that a user named as `data_root`.

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


def require_file(path: Path, what: str) -> Path:
    """Return `path`, or raise FileNotFoundError with what it would hold."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected {what}, found no such file.")
    return path


def require_equal(path: Path, what: str, expected: object, found: object) -> None:
    """Refuse a file of which something is not as expected.

    Parameters
    ----------
    path : Path
    what : str
        What is compared, for the message: "the shape of the betas".
    expected, found : anything

    Raises
    ------
    ValueError
        They are not equal.
    """
    if found != expected:
        raise ValueError(f"{path}: expected {what} to be {expected}, found {found}.")


def read_file(path: Path, expected: str, reader: Callable[[Path], Content]) -> Content:
    """Read a file; any error becomes one sentence that names it.

    Parameters
    ----------
    path : Path
    expected : str
        What it should hold, for the message: "a NIfTI volume".
    reader : callable
        Reads it. A message of its own that begins with the path is kept.

    Raises
    ------
    FileNotFoundError, PermissionError
        It is not there, or may not be read.
    ValueError
        It is not what was expected.
    """
    require_file(path, expected)
    if not os.access(path, os.R_OK):
        raise PermissionError(f"{path}: expected {expected}, found no permission to read it.")
    try:
        return reader(path)
    except PermissionError as error:
        raise PermissionError(f"{path}: expected {expected}, found no permission to read it.") from error
    except Exception as error:  # h5py, scipy and nibabel answer a bad file with a dozen types of exception
        if str(error).startswith(str(path)):
            raise
        found = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        raise ValueError(f"{path}: expected {expected}, found {found}.") from error


def read_planted(path: Path, file: h5py.File) -> dict[str, str | None]:
    """Read what was planted, a "description" and a "world", from an HDF5 file of this project; empty for measured data.

    Raises
    ------
    ValueError
        The attribute that says so holds something else.
    """
    return parse_planted(path, file.attrs[SIMULATED]) if SIMULATED in file.attrs else {}


def parse_planted(path: Path, text: str) -> dict[str, str | None]:
    """Read what was planted from the JSON text that a file of this project carries; ValueError if it is another."""
    told = json.loads(text)
    texts = [told.get("description"), told.get("world") or ""] if isinstance(told, dict) else [None]
    if not all(isinstance(text, str) and text.isprintable() and len(text) <= _LONGEST for text in texts):
        expected = f"its attribute {SIMULATED!r} to be JSON with a description and a world"
        raise ValueError(f"{path}: expected {expected}, each a line of at most {_LONGEST} characters, found another.")
    return {"description": texts[0], "world": texts[1] or None}


def read_columns(path: Path, columns: Sequence[str], delimiter: str = ",") -> list[list[str]]:
    """Read some columns of a table, one row for each line; KeyError or ValueError if a column is missing, or all rows.

    Parameters
    ----------
    path : Path
    columns : sequence of str
    delimiter : str
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=delimiter)
        header = next(reader, [])
        if missing := [name for name in columns if name not in header]:
            raise KeyError(f"no column {', '.join(missing)}")
        places = [header.index(name) for name in columns]
        rows = [[row[place] for place in places] for row in reader if row]
    if not rows:
        raise ValueError("no row")
    return rows
