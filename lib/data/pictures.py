"""Pictures as a viewer shows them, from files of any common kind."""

import os
import warnings
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageOps

from lib.core.disk import stamp
from lib.core.pixels import from_array
from lib.data.files import read_file

PHOTOMETRIC = 262  # the tag by which a TIFF file says what 0 means


def open_picture(path: str | os.PathLike) -> np.ndarray:
    """Read a picture as a viewer shows it.

    It is turned as its EXIF says. Transparent pixels show mid grey, and never the colour hidden in them; 16 bits are
    scaled to 8. Of an animated picture or a TIFF file of several pages the first is taken.

    Returns
    -------
    uint8 array of shape (height, width, 3)

    Raises
    ------
    FileNotFoundError, PermissionError
        It is not there, or may not be read.
    ValueError
        It is no whole picture, has more pixels than Pillow's limit of 89 million, or numbers of unknown range: 32-bit
        integers, or floating-point numbers beyond 0..1.
    """
    return read_file(Path(path), "a picture", lambda path: decode_picture(path, str(path)))


def decode_picture(file: Path | BytesIO, name: str) -> np.ndarray:
    """Decode a picture, as `open_picture` does, from a file or from the bytes of one.

    Parameters
    ----------
    file : Path or BytesIO
    name : str
        What it is, for the message.

    Returns
    -------
    uint8 array of shape (height, width, 3)

    Raises
    ------
    ValueError, OSError
        As `open_picture`, in Pillow's words where the bytes are no picture.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file) as image:
                white_is_zero = getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0
                return from_array(_values(ImageOps.exif_transpose(image), image.format, white_is_zero), name)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            largest = f"at most {(Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels"
            raise ValueError(f"{name}: expected a picture of {largest}, found more: scale it down.") from error


def _values(image: Image.Image, form: str | None, white_is_zero: bool) -> np.ndarray:
    """Pixels by channels: grey, or grey, red, green, blue with an alpha channel where there is one."""
    if image.mode.startswith(("I", "F")):
        sixteen = image.mode == "I" and form in ("PNG", "PPM")  # these have no more than 16 bits
        values = np.asarray(image, np.uint16 if sixteen else None)
        if white_is_zero:  # which Pillow minds in TIFF files of at most 8 bits only
            values = values.dtype.type(1 if values.dtype.kind == "f" else 65535) - values
        if "transparency" in image.info:
            return np.dstack([values, np.where(values == image.info["transparency"], 0, values.dtype.type(65535))])
        return values
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def stored(path: str, name: str, row: int) -> np.ndarray:
    """Read one row of a dataset in an HDF5 file; each process opens the file for itself.

    Parameters
    ----------
    path, name : str
        File, and dataset in it.
    row : int
    """
    return read_file(Path(path), f"row {row} of {name}", lambda _: _dataset(path, name, os.getpid(), stamp(path))[row])


@lru_cache(maxsize=8)
def _dataset(path: str, name: str, process: int, state: tuple[int, ...]) -> h5py.Dataset:
    """An opened dataset; no handle must be used that went through a fork, or whose file gave way to another."""
    return h5py.File(path)[name]


def stored_key(path: Path) -> str:
    """A name of the pictures in a file, which changes with the file."""
    return ":".join(map(str, (path, *stamp(path))))
