"""Ridge regression as paper W's authors do it (their package stacking-fmri 0.1.1), to the last choice.

Train and test are z-scored separately, each by its own statistics, unit by unit. Out-of-fold predictions come from
contiguous folds whose two parts are z-scored separately once more; the penalty of each voxel minimises the summed 1 -
R2 of an inner five-fold split; there is no intercept. Kept as an option and as a parity test; `lib.solvers.ridge` is
the default.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import svd
from sklearn.model_selection import KFold

from lib.core.scores import r2

INNER_FOLDS = 5


def zscore(x: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance over images (axis 0); columns that do not vary become zero."""
    x = np.asarray(x, np.float64)
    std = x.std(0)
    return (x - x.mean(0)) / np.where(std > 0, std, np.inf)


def out_of_fold(
    X: np.ndarray, groups: Sequence[np.ndarray], folds: Sequence[slice], alphas: np.ndarray
) -> list[np.ndarray]:
    """Predict each fold from the others, for several groups of voxels that share the decompositions of X.

    Parameters
    ----------
    X : array of shape (n_images, n_features), z-scored
    groups : sequence of arrays of shape (n_images, n_voxels), z-scored
    folds : sequence of slices
    alphas : array of shape (n_alphas,)

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
    """Penalty of each voxel, arrays of shape (n_voxels,): smallest summed 1 - R2 over the inner folds."""
    costs = [np.zeros((len(alphas), Y.shape[1])) for Y in groups]
    for train, held_out in KFold(INNER_FOLDS).split(X):
        U, s, Vt = svd(X[train], full_matrices=False)
        cross = X[held_out] @ Vt.T
        for Y, cost in zip(groups, costs, strict=True):
            Z = U.T @ Y[train]
            cost += [1 - r2(Y[held_out], cross @ ((s / (s**2 + alpha))[:, None] * Z)) for alpha in alphas]
    return [np.asarray(alphas)[cost.argmin(0)] for cost in costs]


def predict(
    X: np.ndarray, groups: Sequence[np.ndarray], X_test: np.ndarray, alphas: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Fit all training images, one penalty per voxel, and predict others.

    Parameters
    ----------
    X : array of shape (n_images, n_features)
    groups : sequence of arrays of shape (n_images, n_voxels)
    X_test : array of shape (n_test, n_features)
    alphas : sequence of arrays of shape (n_voxels,)

    Returns
    -------
    list of arrays of shape (n_test, n_voxels)
    """
    U, s, Vt = svd(X, full_matrices=False)
    cross = X_test @ Vt.T
    shrunk = (s[:, None] / (s[:, None] ** 2 + alpha) for alpha in alphas)
    return [cross @ (shrink * (U.T @ Y)) for shrink, Y in zip(shrunk, groups, strict=True)]
