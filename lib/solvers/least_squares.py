"""Least squares and ridge regression of many units, each on its own subset of the same voxels.

The normal equations of every unit are rows and columns of one matrix, S = X'X + alpha, which is computed once
(`upper_gram`). `subset_weights` takes the cheapest of two ways:

* few voxels are left out, or none: the weights without voxels C follow from those with all voxels,
  w - K_C (K_CC)^-1 w_C with K = S^-1, a system as small as C;
* otherwise one Cholesky factorisation per unit, of the rows and columns it kept.

Normal equations square the condition of X. Where a voxel is nearly a combination of others, or voxels are at least as
many as trials, the weights come from a singular value decomposition instead (`smallest_solution`).
"""

import numpy as np
import scipy.linalg
from scipy.linalg.blas import dsyrk

from lib.core.lapack import cholesky, cholesky_solve, in_threads, shares
from lib.core.validation import matrix

STRIP = 128  # rows taken at a time: only the upper triangle of a unit's matrix is needed
AT_ONCE = 16  # units that a thread solves in one go
COLLINEAR = 1e-5  # of a voxel's variance: with less of it left by the voxels before, rounding grows too much


def upper_gram(X: np.ndarray) -> np.ndarray:
    """X'X of X (n_trials, n_voxels), array of shape (n_voxels, n_voxels), zero below the diagonal."""
    return np.asarray(dsyrk(1.0, X.T, lower=True).T)


def subset_weights(
    X: np.ndarray, gram: np.ndarray, Y: np.ndarray, xy: np.ndarray, kept: np.ndarray, alpha: float = 0.0
) -> np.ndarray:
    """Weights of every unit on the voxels that were kept for it.

    Parameters
    ----------
    X : array of shape (n_trials, n_voxels)
        Centred.
    gram : array of shape (n_voxels, n_voxels)
        `upper_gram(X)`.
    Y : array of shape (n_trials, n_units)
        Centred.
    xy : array of shape (n_units, n_voxels)
        Y'X.
    kept : int array of shape (n_units, n_kept)
        Which voxels a unit is regressed on, ascending.
    alpha : float
        Ridge penalty; 0 is least squares. Where that has many solutions, the smallest is taken.

    Returns
    -------
    array of shape (n_units, n_voxels)
        Zero where a voxel was not kept.

    Examples
    --------
    >>> X = np.array([[-1.0, 1.0], [0.0, -2.0], [1.0, 1.0]])
    >>> Y = X @ [[2.0, 0.0], [0.0, 3.0]]
    >>> subset_weights(X, upper_gram(X), Y, Y.T @ X, np.array([[0], [1]])).round(9)
    array([[2., 0.],
           [0., 3.]])
    """
    n_voxels, n_kept = X.shape[1], kept.shape[1]
    if n_voxels - n_kept <= n_kept // 2 and (K := _inverse(gram, alpha)) is not None:
        return _leaving_out(K, xy, kept)
    if n_kept == n_voxels:
        return smallest_solution(X, Y, alpha).T
    return _one_by_one(X, gram, Y, xy, kept, alpha)


def hat_matrix(X: np.ndarray, X_new: np.ndarray, gram: np.ndarray, alpha: float = 0.0) -> np.ndarray:
    """Matrix H that maps units to their predictions H Y, where every unit is regressed on all voxels.

    Parameters
    ----------
    X : array of shape (n_trials, n_voxels)
        Centred.
    X_new : array of shape (n_new, n_voxels)
        Of the trials to predict.
    gram : array of shape (n_voxels, n_voxels)
        `upper_gram(X)`.
    alpha : float
        Ridge penalty; 0 is least squares. Where that has many solutions, the smallest is taken.

    Returns
    -------
    array of shape (n_new, n_trials)

    Examples
    --------
    >>> X = np.array([[-1.0, 1.0], [0.0, -2.0], [1.0, 1.0]])
    >>> (hat_matrix(X, np.array([[1.0, 2.0]]), upper_gram(X)) @ X @ [[2.0], [3.0]]).round(9)
    array([[8.]])
    """
    R = gram.copy()
    if not _factored(R, alpha):
        return np.asarray(X_new @ smallest_solution(X, np.eye(len(X)), alpha))
    return np.asarray(scipy.linalg.cho_solve((R, False), X_new.T, check_finite=False).T @ X.T)


def smallest_solution(X: np.ndarray, y: np.ndarray, alpha: float = 0.0) -> np.ndarray:
    """Of all least-squares solutions the one of smallest norm, by singular values.

    A singular value counts as zero below max(n_trials, n_features) eps times the largest, as in
    `numpy.linalg.matrix_rank`: rounding leaves centred columns, or repeated ones, values of some eps.

    Parameters
    ----------
    X : array of shape (n_trials, n_features)
    y : array of shape (n_trials,) or (n_trials, n_units)
    alpha : float
        Ridge penalty.

    Returns
    -------
    array of shape (n_features,) or (n_features, n_units)

    Raises
    ------
    ValueError
        Lengths that do not match, NaN or infinite values.

    Examples
    --------
    >>> smallest_solution(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([2.0, 4.0])).round(9)
    array([1., 1.])
    """
    X = matrix("features", X, dtype=np.float64)  # with NaN or infinity, LAPACK may never end
    y = matrix("targets", np.reshape(y, (len(y), -1)), n_rows=len(X), dtype=np.float64).reshape(np.shape(y))
    if alpha:
        X = np.vstack([X, alpha**0.5 * np.eye(X.shape[1])])
        y = np.concatenate([y, np.zeros((X.shape[1], *y.shape[1:]))])
    zero = max(X.shape) * np.finfo(np.float64).eps
    try:
        return _lstsq(X, y, zero, "gelsd")
    except np.linalg.LinAlgError:  # divide and conquer does not always converge; QR iteration nearly does
        return _lstsq(X, y, zero, "gelss")


def _lstsq(X: np.ndarray, y: np.ndarray, zero: float, driver: str) -> np.ndarray:
    return np.asarray(scipy.linalg.lstsq(X, y, cond=zero, lapack_driver=driver, check_finite=False)[0])


def _inverse(gram: np.ndarray, alpha: float) -> np.ndarray | None:
    """S^-1; None if some voxel is nearly a combination of others."""
    R = gram.copy()
    if not _factored(R, alpha):
        return None
    return np.asarray(scipy.linalg.cho_solve((R, False), np.eye(len(R)), check_finite=False))


def _factored(R: np.ndarray, alpha: float) -> bool:
    """Add the penalty and factor, in place; False if there is no factor to be trusted."""
    diagonal = R.reshape(-1)[:: len(R) + 1]
    diagonal += alpha
    least = COLLINEAR * diagonal
    return cholesky(R) and bool((diagonal**2 > least).all())


def _leaving_out(K: np.ndarray, xy: np.ndarray, kept: np.ndarray) -> np.ndarray:
    out = np.ones(xy.shape, bool)
    np.put_along_axis(out, kept, False, axis=1)
    weights: np.ndarray = np.where(out, 0, xy) @ K
    if not out.any():
        return weights

    def leave_out(unit: int) -> None:
        """Take the voxels that were not kept out of one unit's weights."""
        C = np.flatnonzero(out[unit])
        weights[unit] -= np.linalg.solve(K[np.ix_(C, C)], weights[unit, C]) @ K[C]
        weights[unit, C] = 0

    in_threads(leave_out, range(len(kept)))
    return weights


def _one_by_one(
    X: np.ndarray, gram: np.ndarray, Y: np.ndarray, xy: np.ndarray, kept: np.ndarray, alpha: float
) -> np.ndarray:
    weights = np.zeros_like(xy)

    def solve(unit: int, R: np.ndarray) -> np.ndarray:
        """Weights of one unit on the voxels kept; R is room for their matrix."""
        voxels = kept[unit]
        _take_upper(gram, voxels, R)
        if _factored(R, alpha):
            return cholesky_solve(R, xy[unit, voxels])
        return smallest_solution(X[:, voxels], Y[:, unit], alpha)

    def solve_some(units: np.ndarray) -> None:
        """Write the weights of some units, one after the other in the same room."""
        R = np.empty((kept.shape[1],) * 2)
        for unit in units:
            weights[unit, kept[unit]] = solve(unit, R)

    in_threads(solve_some, shares(len(kept), AT_ONCE))
    return weights


def _take_upper(S: np.ndarray, chosen: np.ndarray, out: np.ndarray) -> None:
    """Write the upper triangle of S[chosen][:, chosen] into `out`, in strips of rows; below it is undefined.

    Parameters
    ----------
    S : array of shape (n, n), C-contiguous
    chosen : int array of shape (k,)
    out : array of shape (k, k)
    """
    flat, rows = S.reshape(-1), chosen[:, None] * len(S)
    for start in range(0, len(chosen), STRIP):
        strip = slice(start, start + STRIP)
        out[strip, start:] = flat.take(rows[strip] + chosen[start:], mode="clip")
