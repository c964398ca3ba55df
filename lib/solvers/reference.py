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


def out_of_fold(X: np.ndarray, Y: np.ndarray, folds: Sequence[slice], alphas: np.ndarray) -> np.ndarray:
    """Predict each fold from the others.

    Parameters
    ----------
    X : array of shape (n_images, n_features), z-scored
    Y : array of shape (n_images, n_voxels), z-scored

    Returns
    -------
    array of shape (n_images, n_voxels)
    """
    predictions = np.empty_like(Y)
    for fold in folds:
        train = np.delete(np.arange(len(Y)), fold)
        x, y = zscore(X[train]), zscore(Y[train])
        predictions[fold] = predict(x, y, zscore(X[fold]), choose_alphas(x, y, alphas))
    return predictions


def choose_alphas(X: np.ndarray, Y: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Penalty of each voxel, array of shape (n_voxels,): smallest summed 1 - R2 over the inner folds."""
    cost = np.zeros((len(alphas), Y.shape[1]))
    for train, held_out in KFold(INNER_FOLDS).split(X):
        U, s, Vt = svd(X[train], full_matrices=False)
        Z, cross = U.T @ Y[train], X[held_out] @ Vt.T
        for cost_of_alpha, alpha in zip(cost, alphas, strict=True):
            cost_of_alpha += 1 - r2(Y[held_out], cross @ ((s / (s**2 + alpha))[:, None] * Z))
    return np.asarray(alphas)[cost.argmin(0)]


def predict(X: np.ndarray, Y: np.ndarray, X_test: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Fit all training images, one penalty per voxel, and predict others: array of shape (n_test, n_voxels)."""
    U, s, Vt = svd(X, full_matrices=False)
    shrink = s[:, None] / (s[:, None] ** 2 + alphas)
    return (X_test @ Vt.T) @ (shrink * (U.T @ Y))
