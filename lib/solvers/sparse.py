"""Sparse linear regression: every voxel's weight has a prior variance of its own, and most variances end at zero.

Automatic relevance determination with variational updates, as described by Horikawa & Kamitani (2017) and computed by
KamitaniLab's `slir`. An iteration needs the diagonal of one inverse, of a matrix of voxels x voxels. The published code
forms that inverse by a singular value decomposition; here the matrix is factored, the triangle inverted, and its rows
squared. A voxel that drops out makes all later matrices smaller.
"""

from dataclasses import dataclass

import numpy as np

from lib.core.lapack import cholesky, cholesky_solve, invert_triangle
from lib.core.validation import matrix

EPS = np.finfo(np.float64).eps
N_ITERATIONS = 200
MAY_STOP, STILL = 100, 1e-10  # iterations before which it never stops, and the change of a variance that counts as none
PRUNE = 1e-10  # of the largest prior variance: voxels below are dropped
NOTHING = 1e-12  # a weight of which the data determine less is dropped too: what is left of it is rounding


@dataclass(frozen=True)
class Posterior:
    """What is known of the weights, given their prior variances.

    Attributes
    ----------
    mean : array of shape (n_voxels,)
    determined : array of shape (n_voxels,)
        How much of each weight the data determine, 0 (nothing, all is prior) to 1.
    """

    mean: np.ndarray
    determined: np.ndarray


def sparse_weights(
    X: np.ndarray, y: np.ndarray, gram: np.ndarray | None = None, *, n_iterations: int = N_ITERATIONS
) -> np.ndarray:
    """Weights of one unit.

    Parameters
    ----------
    X : array of shape (n_trials, n_voxels)
        Standardised. A constant is a column like any other; none is all zero.
    y : array of shape (n_trials,)
    gram : array of shape (n_voxels, n_voxels), optional
        X'X, if it is known; only its upper triangle is read.
    n_iterations : int
        At most.

    Returns
    -------
    array of shape (n_voxels,)
        Zero where a voxel was dropped.

    Raises
    ------
    ValueError
        Lengths that do not match, NaN or infinite values.

    Examples
    --------
    >>> X = np.array([[-1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    >>> sparse_weights(X, np.array([-2.1, -1.9, 2.1, 1.9])).round(1)
    array([2., 0.])
    """
    X = matrix("features", X, dtype=np.float64)
    y = matrix("target", y[:, None], n_rows=len(X), dtype=np.float64)[:, 0]
    if not y.any():
        return np.zeros(X.shape[1])
    gram = np.triu(X.T @ X if gram is None else gram)
    xy, variance, voxels = y @ X, len(X) / gram.diagonal(), np.arange(X.shape[1])
    for iteration in range(1, n_iterations + 1):
        found = by_voxels(gram, xy, variance) if len(voxels) <= len(X) else None
        found = found or by_trials(X[:, voxels], y, variance)
        weights, where = found.mean, voxels
        noise = max(y @ y - weights @ xy, EPS * (y @ y)) / len(y)  # a difference, of which rounding leaves so much
        change = -variance
        variance = np.sqrt(variance * weights**2 / (noise * np.maximum(found.determined, NOTHING)))
        if np.abs(change + variance).max() < STILL and iteration > MAY_STOP:
            break
        keep = np.flatnonzero((variance > PRUNE * variance.max()) & (found.determined > NOTHING))
        if not len(keep):
            break
        if len(keep) < len(voxels):
            gram, xy, variance, voxels = gram[np.ix_(keep, keep)], xy[keep], variance[keep], voxels[keep]
    whole = np.zeros(X.shape[1])
    whole[where] = weights
    return whole


def by_voxels(gram: np.ndarray, xy: np.ndarray, variance: np.ndarray) -> Posterior | None:
    """Posterior by the matrix of voxels x voxels, S = X'X + diag(1 / variance).

    The share determined is diag(X'X S^-1), which is 1 - diag(S^-1) / variance.

    Parameters
    ----------
    gram : array of shape (n_voxels, n_voxels)
        Upper triangle of X'X, zero below.
    xy, variance : arrays of shape (n_voxels,)

    Returns
    -------
    Posterior or None
        None where rounding leaves no factor of S: voxels that nearly agree, and hardly any noise.
    """
    S = gram.copy()
    S.flat[:: len(S) + 1] += 1 / variance
    if not cholesky(S):
        return None
    mean = cholesky_solve(S, xy.copy())
    invert_triangle(S)
    return Posterior(mean, 1 - np.einsum("ij,ij->i", S, S) / variance)


def by_trials(X: np.ndarray, y: np.ndarray, variance: np.ndarray) -> Posterior:
    """The same by the matrix of trials x trials, C = X diag(variance) X' + 1, where voxels are more than trials.

    Parameters
    ----------
    X : array of shape (n_trials, n_voxels)
    y : array of shape (n_trials,)
    variance : array of shape (n_voxels,)
    """
    C = (X * variance) @ X.T
    C.flat[:: len(C) + 1] += 1
    CX = np.linalg.solve(C, X)
    return Posterior(variance * (y @ CX), variance * np.einsum("ij,ij->j", X, CX))
