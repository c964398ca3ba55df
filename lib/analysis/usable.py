"""Which voxels and units can be used: finite in every image, and varying by more than rounding."""

from collections.abc import Iterator

import numpy as np

from lib.core.memory import release_pages
from lib.core.scale import constant_columns

ROWS_BYTES = 64 * 2**20  # of a file that are read before their memory is given back: systems map whole rows


def varies(values: np.ndarray) -> np.ndarray:
    """Columns that are finite in every row and vary by more than rounding.

    Parameters
    ----------
    values : float array of shape (n_rows, n_columns)
        A memory map is read in strips of rows.

    Returns
    -------
    boolean array of shape (n_columns,)

    Examples
    --------
    >>> varies(np.array([[1.0, 2.0, np.nan], [1.0, 3.0, 5.0], [1 + 1e-16, 2.0, 6.0]]))
    array([False,  True, False])
    """
    extremes = np.concatenate([(rows.min(0), rows.max(0)) for rows in strips(values)])  # NaN and infinity are extremes
    return np.asarray(np.isfinite(extremes).all(0) & ~constant_columns(extremes))


def strips(values: np.ndarray) -> Iterator[np.ndarray]:
    """Some rows of an array of shape (n_rows, n_columns) at a time; memory of a memory map is given back afterwards."""
    step = max(1, ROWS_BYTES // max(1, values.itemsize * values.shape[1]))
    for start in range(0, len(values), step):
        yield values[start : start + step]
        release_pages(values)
