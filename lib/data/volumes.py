"""Volumes in NIfTI files, and the voxels of a mask in them."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from lib.data.files import read_file, require_equal

_BLOCK = 1 << 24  # bytes that are read at once
_TOLERANCE = 1e-3  # mm, between affines of the same grid


def open_volume(path: Path, expected: str = "a NIfTI file") -> Any:
    """Open a NIfTI file, whose numbers are read later; it stays open, so that it is decompressed only once."""
    return read_file(path, expected, lambda path: nibabel.load(path, keep_file_open=True))


def read_volume(path: Path, shape: tuple[int, ...], affine: np.ndarray | None = None) -> np.ndarray:
    """Read one volume, float32 array of shape (X, Y, Z).

    Parameters
    ----------
    path : Path
    shape : (X, Y, Z)
        That it must have.
    affine : array of shape (4, 4), optional
        That it must have, too.
    """
    what = f"a NIfTI volume of shape {shape}"
    image = open_volume(path, what)
    require_equal(path, "the shape of the volume", shape, image.shape[:3] if image.shape[3:] == (1,) else image.shape)
    if affine is not None:
        check_affine(path, image.affine, affine)
    return read_file(path, what, lambda _: _whole(image, np.asarray(image.dataobj, np.float32).reshape(shape)))


def _whole(image: Any, values: np.ndarray) -> np.ndarray:
    """The values, once the file is read to its end, where gzip compares them with their checksum."""
    with image.dataobj._get_fileobj() as file:  # the one that nibabel has read them from
        while file.read(_BLOCK):
            pass
    return values


def axes_of(path: Path, affine: np.ndarray) -> str:
    """Directions of a file's axes, such as RAS; ValueError where its affine, shape (4, 4), is no map to millimetres."""
    if not np.isfinite(affine).all() or not np.linalg.det(affine[:3, :3]):
        found = f"{affine[:3].tolist()}: correct its sform"
        raise ValueError(f"{path}: expected an affine from voxels to millimetres, found {found}.")
    return "".join(nibabel.aff2axcodes(affine))


def check_affine(path: Path, found: np.ndarray, wanted: np.ndarray) -> None:
    """Refuse a file that does not lie on the grid of the betas.

    Parameters
    ----------
    path : Path
    found, wanted : arrays of shape (4, 4)
        The affine of the file, and that of the betas.
    """
    if not np.allclose(found, wanted, atol=_TOLERANCE):
        axes, expected = (axes_of(path, one) for one in (found, wanted))
        other = f"another, its axes {axes}" if axes != expected else "another"
        way_out = "resample it to the betas' grid, nearest label"
        raise ValueError(f"{path}: expected the affine of the betas, axes {expected}, found {other}: {way_out}.")


def check_axes(path: Path, other: Path) -> None:
    """Refuse a file whose axes run in other directions than those of another file, if that is there.

    Parameters
    ----------
    path, other : Path
    """
    if other.exists():
        found, expected = (axes_of(one, open_volume(one).affine) for one in (path, other))
        if found != expected:
            raise ValueError(f"{path}: expected axes {expected} as in {other.name}, found {found}; resample it.")


def read_voxels(image: Any, inside: np.ndarray) -> np.ndarray:
    """Read some voxels of all volumes of an open file, one volume at a time, from first to last.

    Parameters
    ----------
    image : as of `open_volume`
    inside : boolean array of shape (X, Y, Z)

    Returns
    -------
    float32 array of shape (n_volumes, n_voxels)
    """
    voxels = np.empty((image.shape[3], int(inside.sum())), np.float32)
    for i, row in enumerate(voxels):
        row[:] = image.dataobj[..., i][inside]
    return _whole(image, voxels)
