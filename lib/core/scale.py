"""Decisions about zero that know the size of the numbers: what does not vary, and in which unit to compute."""

import numpy as np

ROUNDING = 4  # times the spacing of floating-point numbers: a smaller range is rounding


def constant_columns(values: np.ndarray, axis: int = -2) -> np.ndarray:
    """Tell the columns that do not vary by more than rounding, relative to their largest magnitude.

    Their standard deviation is no test: rounding of the mean leaves 1e-18 of a column that is .1 throughout.

    Parameters
    ----------
    values : array of shape (..., n_rows, n_columns)
    axis : int
        Of the rows.

    Returns
    -------
    boolean array of shape (..., n_columns)
        True also for columns that hold NaN.

    Examples
    --------
    >>> constant_columns(np.array([[0.1, 1.0, 1e-300], [0.1, 1.1, 2e-300], [0.1, 1.0, 1e-300]]))
    array([ True, False, False])
    """
    low, high = (np.asarray(extreme, np.float64) for extreme in (values.min(axis), values.max(axis)))
    spacing = np.finfo(np.result_type(values.dtype, np.float32)).eps
    with np.errstate(over="ignore", invalid="ignore"):
        varies: np.ndarray = high - low > ROUNDING * spacing * np.maximum(np.abs(low), np.abs(high))
    return ~varies


def power_of_two(values: np.ndarray, axis: int = -2) -> np.ndarray:
    """Return each column's unit, the power of two just below its largest magnitude.

    Divided by it, which rounds nothing, numbers of any size can be squared and added up.

    Parameters
    ----------
    values : array of shape (..., n_rows, n_columns)
    axis : int
        Of the rows.

    Returns
    -------
    float64 array of shape (..., 1, n_columns)
        1/2 where all numbers are zero.

    Examples
    --------
    >>> power_of_two(np.array([[3.0, 0.0], [-5.0, 0.2]]))
    array([[4.   , 0.125]])
    """
    low, high = values.min(axis, keepdims=True), values.max(axis, keepdims=True)
    largest = np.maximum(np.abs(np.asarray(low, np.float64)), np.abs(np.asarray(high, np.float64)))
    return np.asarray(np.ldexp(1.0, np.frexp(largest)[1] - 1))
