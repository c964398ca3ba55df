"""Check what callers pass in: every array and every penalty of the project comes through here, or is refused."""

import numpy as np

from lib.core.memory import release_pages

CHECK_BYTES = 16 * 2**20  # of an array whose values are checked at a time
SMALLEST, LARGEST = 1e-20, 1e20  # penalties; beyond them, single precision loses what they do


def matrix(
    name: str,
    values: object,
    *,
    n_rows: int | None = None,
    n_columns: int | None = None,
    min_rows: int = 1,
    dtype: type[np.floating] | None = None,
    finite: bool = True,
) -> np.ndarray:
    """Return `values` as an array of numbers with two dimensions, or refuse them in one sentence.

    Parameters
    ----------
    name : str
        What the values are, for the message, such as "training responses".
    values : array, memory map, tensor, data frame or nested list of shape (n_rows, n_columns)
    n_rows, n_columns : int, optional
        How many rows and columns there must be.
    min_rows : int
        How many rows there must be at least.
    dtype : float type, optional
        Of the result. By default float32 and float64 stay as they are; other numbers become float32 if it holds all
        numbers of their type exactly, and float64 otherwise.
    finite : bool
        Whether NaN and infinite values are refused.

    Returns
    -------
    array of shape (n_rows, n_columns)
        Not copied if `values` was such an array. A memory map is read in strips of rows.

    Raises
    ------
    ValueError
        Not numbers, not two dimensions, too few rows, no column, NaN or infinite.

    Examples
    --------
    >>> matrix("responses", [[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]])
    >>> matrix("y", [1.0, 2.0])
    Traceback (most recent call last):
    ValueError: y: expected two dimensions (rows, columns), found shape (2,); give one column as values[:, None].
    """
    array = _numbers(name, values)
    hint = "; give one column as values[:, None]" if array.ndim == 1 else ""
    if array.ndim != 2:
        raise ValueError(f"{name}: expected two dimensions (rows, columns), found shape {array.shape}{hint}.")
    wanted = [("rows", n_rows), ("columns", n_columns)]
    for (what, expected), found in zip(wanted, array.shape, strict=True):
        if expected not in (None, found):
            raise ValueError(f"{name}: expected {expected} {what}, found {found}; arrays used together must agree.")
    if len(array) < min_rows or not array.shape[1]:
        raise ValueError(f"{name}: expected at least {min_rows} rows and 1 column, found shape {array.shape}.")
    exact = np.float32 if np.can_cast(array.dtype, np.float32) else np.float64
    array = array.astype(dtype or exact, copy=False)
    if finite:
        _check_finite(name, array)
    return array


def penalties(values: object, name: str = "alphas") -> np.ndarray:
    """Return ridge penalties as a float64 array of shape (n_alphas,), or refuse them in one sentence.

    Parameters
    ----------
    values : number or sequence of numbers
    name : str
        For the message.

    Raises
    ------
    ValueError
        None given, or one that is not a number between 1e-20 and 1e20.

    Examples
    --------
    >>> penalties([1, 10])
    array([ 1., 10.])
    """
    alphas = np.atleast_1d(_numbers(name, values)).astype(np.float64)
    if alphas.ndim != 1 or not len(alphas) or not ((alphas >= SMALLEST) & (alphas <= LARGEST)).all():
        shown = np.array2string(alphas, threshold=8, edgeitems=3)
        expected = f"one or more penalties between {SMALLEST:g} and {LARGEST:g}"
        raise ValueError(f"{name}: expected {expected}, found {shown}; for hardly any penalty give 1e-6.")
    return alphas


def _numbers(name: str, values: object) -> np.ndarray:
    """Return an array of booleans, integers or floats; masked entries become NaN."""
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        array = np.asarray(_without_torch(values))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers in rows of equal length, could not read them ({error}).") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected numbers, found {type(values).__name__} of {array.dtype}.")
    return array


def _without_torch(values: object) -> object:
    """Return a tensor's values without its gradient and from any device; NumPy has no bfloat16."""
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    return tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor


def _check_finite(name: str, array: np.ndarray) -> None:
    step = max(1, CHECK_BYTES // (array.itemsize * array.shape[1]))
    for start in range(0, len(array), step):
        strip = array[start : start + step]
        if not (fine := np.isfinite(strip)).all():
            row, column = np.argwhere(~fine)[0]
            raise ValueError(
                f"{name}: expected finite numbers, found {strip[row, column]} in row {start + row}, column {column}; "
                "leave out or replace such rows or columns."
            )
        release_pages(array)
