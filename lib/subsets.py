"""Least squares and ridge regression of many units, each on its own subset of the same voxels.

The normal equations of every unit are rows and columns of one matrix, S = X'X + alpha, which is computed once. Then
there are three ways, and `subset_weights` takes the cheapest:

* all units have all voxels: one factorisation serves them all;
* few voxels are left out: the weights without voxels C follow from those with all voxels, w - K_C (K_CC)^-1 w_C with
  K = S^-1, a system as small as C;
* otherwise one Cholesky factorisation per unit, of the rows and columns it kept.
"""

from collections.abc import Callable

import numpy as np
import scipy.linalg

from lib.lapack import cholesky, cholesky_solve, in_threads

STRIP = 64  # rows taken at a time: only the upper triangle of a unit's matrix is needed
COLLINEAR = 1e-9  # of a voxel's variance: with less of it left by the voxels before, the equations cannot be solved


def subset_weights(
    X: np.ndarray, Y: np.ndarray, xy: np.ndarray, kept: np.ndarray, gram: np.ndarray, alpha: float = 0.0
) -> np.ndarray:
    """Weights of every unit.

    Parameters
    ----------
    X : array of shape (n_trials, n_voxels), centred
    Y : array of shape (n_trials, n_units), centred
    xy : array of shape (n_units, n_voxels)
        Y'X.
    kept : int array of shape (n_units, n_kept), ascending
        Which voxels a unit is regressed on.
    gram : array of shape (n_voxels, n_voxels)
        X'X, of which only the upper triangle is read.
    alpha : float
        Ridge penalty; 0 is least squares. Where that has many solutions, the smallest is taken.

    Returns
    -------
    array of shape (n_units, n_voxels), zero where a voxel was not kept
    """
    (n_trials, n_voxels), n_kept = X.shape, kept.shape[1]
    if alpha == 0 and n_kept >= n_trials:
        return _smallest(X, Y, kept)
    solvable = alpha > 0 or n_voxels < n_trials
    if solvable and n_voxels - n_kept <= n_kept // 2 and (K := _inverse(gram, alpha)) is not None:
        return _leaving_out(K, xy, kept)
    return _one_by_one(gram, alpha, xy, kept, lambda unit: smallest_solution(X[:, kept[unit]], Y[:, unit]))


def smallest_solution(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of all least-squares solutions the one of smallest norm; y has shape (n_trials,) or (n_trials, n_units)."""
    return scipy.linalg.lstsq(X, y, lapack_driver="gelsd", check_finite=False)[0]


def _smallest(X: np.ndarray, Y: np.ndarray, kept: np.ndarray) -> np.ndarray:
    if kept.shape[1] == X.shape[1]:
        return smallest_solution(X, Y).T
    weights = np.zeros((Y.shape[1], X.shape[1]))
    for unit, voxels in enumerate(kept):
        weights[unit, voxels] = smallest_solution(X[:, voxels], Y[:, unit])
    return weights


def _inverse(gram: np.ndarray, alpha: float) -> np.ndarray | None:
    """S^-1; None if some voxel is a combination of others."""
    R = gram.copy()
    if not _factored(R, alpha):
        return None
    return scipy.linalg.cho_solve((R, False), np.eye(len(R)), check_finite=False)


def _factored(R: np.ndarray, alpha: float) -> bool:
    """Add the penalty and factor, in place; False if there is no factor to be trusted."""
    diagonal = R.reshape(-1)[:: len(R) + 1]
    diagonal += alpha
    least = COLLINEAR * diagonal
    return cholesky(R) and bool((diagonal**2 > least).all())


def _leaving_out(K: np.ndarray, xy: np.ndarray, kept: np.ndarray) -> np.ndarray:
    out = np.ones(xy.shape, bool)
    np.put_along_axis(out, kept, False, axis=1)
    weights = np.where(out, 0, xy) @ K
    if not out.any():
        return weights

    def leave_out(unit: int) -> None:
        C = np.flatnonzero(out[unit])
        weights[unit] -= np.linalg.solve(K[np.ix_(C, C)], weights[unit, C]) @ K[C]
        weights[unit, C] = 0

    in_threads(leave_out, range(len(kept)))
    return weights


def _one_by_one(
    gram: np.ndarray, alpha: float, xy: np.ndarray, kept: np.ndarray, otherwise: Callable[[int], np.ndarray]
) -> np.ndarray:
    weights = np.zeros_like(xy)

    def solve(unit: int, R: np.ndarray) -> None:
        voxels = kept[unit]
        take_upper(gram, voxels, R)
        solved = _factored(R, alpha)
        weights[unit, voxels] = cholesky_solve(R, xy[unit, voxels]) if solved else otherwise(unit)

    def solve_some(units: np.ndarray) -> None:
        R = np.empty((kept.shape[1],) * 2)
        for unit in units:
            solve(unit, R)

    in_threads(solve_some, np.array_split(np.arange(len(kept)), min(len(kept), 64)))
    return weights


def take_upper(S: np.ndarray, chosen: np.ndarray, out: np.ndarray) -> None:
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
