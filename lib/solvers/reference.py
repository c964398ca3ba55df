"""Ridge regression as paper W's authors do it (their package stacking-fmri 0.1.1), to the last choice.

Train and test are z-scored separately, each by its own statistics, unit by unit. Out-of-fold predictions come from
contiguous folds whose two parts are z-scored separately once more; the penalty of each voxel minimises the summed 1 -
R2 of an inner five-fold split; there is no intercept. Kept as an option and as a parity test; `lib.solvers.ridge` is
the default.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh, svd

from lib.core.scale import constant_columns, power_of_two
from lib.core.scores import r2
from lib.core.validation import penalties

INNER_FOLDS = 5


def zscore(x: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance over images (axis 0); columns that do not vary become zero.

    Parameters
    ----------
    x : array of shape (n_images, n_columns)

    Returns
    -------
    float64 array of shape (n_images, n_columns)

    Examples
    --------
    >>> zscore(np.array([[0.1, 1.0], [0.1, 3.0], [0.1, 1.0], [0.1, 3.0]])).T
    array([[ 0.,  0.,  0.,  0.],
           [-1.,  1., -1.,  1.]])
    """
    constant, x = constant_columns(x), x / power_of_two(x)
    std = np.where(constant, np.inf, x.std(0))
    return np.asarray((x - x.mean(0)) / std)


def out_of_fold(
    X: np.ndarray, groups: Sequence[np.ndarray], folds: Sequence[slice], alphas: np.ndarray
) -> list[np.ndarray]:
    """Predict each fold from the others, for several groups of voxels that share the decompositions of X.

    Parameters
    ----------
    X : array of shape (n_images, n_features)
        z-scored.
    groups : sequence of arrays of shape (n_images, n_voxels)
        z-scored.
    folds : sequence of slices
    alphas : array of shape (n_alphas,)
        Ridge penalties to choose from.

    Returns
    -------
    list of arrays of shape (n_images, n_voxels)
    """
    predictions = [np.empty_like(Y) for Y in groups]
    for fold in folds:
        train = np.delete(np.arange(len(X)), fold)
        x, ys = zscore(X[train]), [zscore(Y[train]) for Y in groups]
        found = predict(x, ys, zscore(X[fold]), choose_alphas(x, ys, alphas))
        for whole, part in zip(predictions, found, strict=True):
            whole[fold] = part
    return predictions


def choose_alphas(X: np.ndarray, groups: Sequence[np.ndarray], alphas: np.ndarray) -> list[np.ndarray]:
    """Choose each voxel's penalty by the smallest 1 - R2, summed over the inner folds.

    Parameters
    ----------
    X : array of shape (n_images, n_features)
        z-scored.
    groups : sequence of arrays of shape (n_images, n_voxels)
        z-scored. A fold in which a voxel does not vary says nothing of it.
    alphas : array of shape (n_alphas,)

    Returns
    -------
    list of arrays of shape (n_voxels,)
    """
    from sklearn.model_selection import KFold  # takes a second to import, and few notebooks come here

    alphas = penalties(alphas)
    costs = [np.zeros((len(alphas), Y.shape[1])) for Y in groups]
    gram = X @ X.T if _is_wide(X) else None  # its parts serve all folds, which are not z-scored anew
    for train, held_out in KFold(INNER_FOLDS).split(X):
        if gram is None:
            U, s, cross = _decomposed(X[train], X[held_out])
        else:
            U, s, cross = _decomposed_gram(gram[np.ix_(train, train)], gram[np.ix_(held_out, train)], X.shape[1])
        for Y, cost in zip(groups, costs, strict=True):
            Z = U.T @ Y[train]
            R2 = [r2(Y[held_out], cross @ ((s / (s**2 + alpha))[:, None] * Z)) for alpha in alphas]
            cost += np.nan_to_num(1 - np.array(R2))
    return [alphas[cost.argmin(0)] for cost in costs]


def predict(
    X: np.ndarray, groups: Sequence[np.ndarray], X_test: np.ndarray, alphas: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Fit all training images, one penalty per voxel, and predict others.

    Parameters
    ----------
    X : array of shape (n_images, n_features)
        z-scored.
    groups : sequence of arrays of shape (n_images, n_voxels)
        z-scored.
    X_test : array of shape (n_test, n_features)
    alphas : sequence of arrays of shape (n_voxels,)

    Returns
    -------
    list of arrays of shape (n_test, n_voxels)
    """
    U, s, cross = _decomposed(X, X_test)
    shrunk = (s[:, None] / (s[:, None] ** 2 + alpha) for alpha in alphas)
    return [cross @ (shrink * (U.T @ Y)) for shrink, Y in zip(shrunk, groups, strict=True)]


def _is_wide(X: np.ndarray) -> bool:
    """Whether an inner fold has more features than images, too."""
    return bool(X.shape[1] > len(X))


def _decomposed(X: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U and s of X = U diag(s) V', and other images times V, without the singular values that are rounding."""
    if _is_wide(X):
        return _decomposed_gram(X @ X.T, others @ X.T, X.shape[1])
    try:
        U, s, Vt = svd(X, full_matrices=False)
    except np.linalg.LinAlgError:  # divide and conquer does not always converge; QR iteration nearly does
        U, s, Vt = svd(X, full_matrices=False, lapack_driver="gesvd")
    rank = int((s > max(X.shape) * np.finfo(np.float64).eps * s[0]).sum())
    return U[:, :rank], s[:rank], others @ Vt[:rank].T


def _decomposed_gram(gram: np.ndarray, cross: np.ndarray, n_features: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of wide X, from X X' (n, n) and the other images' products with X (n_others, n): V is never formed."""
    e, U = eigh(gram)
    kept = e > n_features * np.finfo(np.float64).eps * e[-1]
    U, s = U[:, kept], np.sqrt(e[kept])
    return U, s, cross @ U / s
