"""A small sheet of cortex for every ROI: where its voxels lie, noise that neighbours share, and smooth random maps."""

import numpy as np

GAP = 5  # voxels between the sheets of two ROIs
NEIGHBOURS, SHARED = 0.2, 0.05  # noise: correlation of adjacent voxels, and what all voxels have in common
NOISE_WIDTH = float(1 / np.sqrt(-2 * np.log(NEIGHBOURS)))  # in voxels, see `smooth_fields`


def positions(n_rois: int, voxels_per_roi: int) -> np.ndarray:
    """Sheet, row and column of every voxel in units of voxels, int array of shape (n_rois * voxels_per_roi, 3).

    >>> positions(2, 3).tolist()
    [[0, 0, 0], [0, 0, 1], [0, 1, 0], [5, 0, 0], [5, 0, 1], [5, 1, 0]]
    """
    roi, voxel = np.divmod(np.arange(n_rois * voxels_per_roi), voxels_per_roi)
    return np.column_stack([GAP * roi, *np.divmod(voxel, _side(voxels_per_roi))])


def _side(n_voxels: int) -> int:
    """Columns of the smallest square that holds a sheet."""
    return int(np.ceil(np.sqrt(n_voxels)))


def smooth_fields(rng: np.random.Generator, n_fields: int, n_voxels: int, width: float) -> np.ndarray:
    """Draw Gaussian random fields over the sheet of one ROI.

    Parameters
    ----------
    rng : Generator
    n_fields, n_voxels : int
    width : float
        In voxels: the values of two voxels at a distance d correlate by exp(-d² / (2 width²)).

    Returns
    -------
    float32 array of shape (n_fields, n_voxels), each value of unit variance
    """
    side = np.arange(_side(n_voxels))
    covariance = np.exp(-(((side[:, None] - side) / width) ** 2) / 2)
    root = np.linalg.cholesky(covariance + 1e-6 * np.eye(len(side))).astype(np.float32)
    white = rng.standard_normal((n_fields, len(side), len(side)), np.float32)
    return np.asarray((root @ white @ root.T).reshape(n_fields, -1)[:, :n_voxels])


def sheet_noise(rng: np.random.Generator, n_trials: int, n_rois: int, voxels_per_roi: int) -> np.ndarray:
    """Draw noise of unit variance: adjacent voxels of an ROI correlate by about .24, distant ones by .05.

    Parameters
    ----------
    rng : Generator
    n_trials, n_rois, voxels_per_roi : int

    Returns
    -------
    float32 array of shape (n_trials, n_rois * voxels_per_roi)
    """
    rois = [smooth_fields(rng, n_trials, voxels_per_roi, NOISE_WIDTH) for _ in range(n_rois)]
    common = rng.standard_normal((n_trials, 1), np.float32)
    return np.float32(np.sqrt(1 - SHARED)) * np.hstack(rois) + np.float32(np.sqrt(SHARED)) * common
