"""Least squares and ridge regression of many units, each on its own subset of the same voxels.

The normal equations of every unit are rows and columns of one matrix, S = X'X + alpha, which is computed once
(`Gram`). Then there are three ways, and `subset_weights` takes the cheapest:

* all units have all voxels: one factorisation serves them all;
* few voxels are left out: the weights without voxels C follow from those with all voxels, w - K_C (K_CC)^-1 w_C with
  K = S^-1, a system as small as C;
* otherwise one Cholesky factorisation per unit, of the rows and columns it kept. With a penalty it is done in single
  precision, which takes half as long, and refined: the residuals of many units are one product in double precision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from scipy.linalg.blas import dsyrk, ssyrk

from lib.core.lapack import cholesky, cholesky_solve, in_threads, shares

STRIP = 128  # rows taken at a time: only the upper triangle of a unit's matrix is needed
FACTORS_BYTES = 2**25  # of the factors that wait for the residuals of their units
AT_ONCE = 16  # units solved in one go where none waits for another
ROUGH = 1e-5  # of a unit's weights: a refinement larger than this leaves more than its square to be refined
COLLINEAR = 1e-9  # of a voxel's variance: with less of it left by the voxels before, the equations cannot be solved


@dataclass(frozen=True)
class Gram:
    """X'X, computed in the precision that is asked for when it first is; zero below the diagonal.

    Attributes
    ----------
    X : array of shape (n_trials, n_voxels), centred
    """

    X: np.ndarray

    @cached_property
    def double(self) -> np.ndarray:
        """Float64 array of shape (n_voxels, n_voxels)."""
        return dsyrk(1.0, self.X.T, lower=True).T

    @cached_property
    def single(self) -> np.ndarray:
        """The same as float32, in half the time."""
        return ssyrk(1.0, self.X.T.astype(np.float32), lower=True).T


def subset_weights(gram: Gram, Y: np.ndarray, xy: np.ndarray, kept: np.ndarray, alpha: float = 0.0) -> np.ndarray:
    """Weights of every unit.

    Parameters
    ----------
    gram : Gram
        Of the voxels.
    Y : array of shape (n_trials, n_units), centred
    xy : array of shape (n_units, n_voxels)
        Y'X.
    kept : int array of shape (n_units, n_kept), ascending
        Which voxels a unit is regressed on.
    alpha : float
        Ridge penalty; 0 is least squares. Where that has many solutions, the smallest is taken.

    Returns
    -------
    array of shape (n_units, n_voxels), zero where a voxel was not kept
    """
    X, n_kept = gram.X, kept.shape[1]
    n_trials, n_voxels = X.shape
    if alpha == 0 and n_kept >= n_trials:
        return _smallest(X, Y, kept)
    solvable = alpha > 0 or n_voxels < n_trials
    if solvable and n_voxels - n_kept <= n_kept // 2 and (K := _inverse(gram.double, alpha)) is not None:
        return _leaving_out(K, xy, kept)
    weights, left = _refined(gram, alpha, xy, kept) if alpha > 0 else (np.zeros_like(xy), np.arange(len(xy)))
    if len(left):
        xy, kept, Y = xy[left], kept[left], Y[:, left]
        weights[left] = _one_by_one(gram.double, alpha, xy, kept, lambda i: smallest_solution(X[:, kept[i]], Y[:, i]))
    return weights


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


def _refined(gram: Gram, alpha: float, xy: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights, and the units of which they are not filled in, since single precision was no good start."""
    X, single, weights, n_kept = gram.X, gram.single, np.zeros_like(xy), kept.shape[1]
    at_once = max(1, FACTORS_BYTES // (single.itemsize * n_kept**2))

    def solve_some(units: np.ndarray) -> np.ndarray:
        factors, good = np.empty((len(units), n_kept, n_kept), np.float32), np.zeros(len(units), bool)
        for i, unit in enumerate(units):
            take_upper(single, kept[unit], factors[i])
            good[i] = _factored(factors[i], alpha)

        def step(rest: np.ndarray) -> np.ndarray:
            found = np.zeros_like(rest)
            for i in np.flatnonzero(good):
                voxels = kept[units[i]]
                found[i, voxels] = cholesky_solve(factors[i], rest[i, voxels].astype(np.float32))
            return found

        first = step(xy[units])
        second = step(xy[units] - (first @ X.T) @ X - alpha * first)
        good &= np.linalg.norm(second, axis=1) <= ROUGH * np.linalg.norm(first, axis=1)
        weights[units[good]] = (first + second)[good]
        return units[~good]

    left = in_threads(solve_some, shares(len(xy), at_once))
    return weights, np.concatenate(left)


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

    in_threads(solve_some, shares(len(kept), AT_ONCE))
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
