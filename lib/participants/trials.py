"""From single trials to one response per image."""

from collections.abc import Iterable

import numpy as np

from lib.participants.participant import Responses


def standardise_runs(betas: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance per voxel within each run or session, in place and returned.

    Parameters
    ----------
    betas : float array of shape (n_trials, n_voxels)
        Voxels that do not vary within some run become NaN there, and so drop out later.
    run : array of shape (n_trials,)
        Run, or session, of each trial.
    """
    for label in np.unique(run):
        trials = run == label
        std = betas[trials].std(0)
        betas[trials] = (betas[trials] - betas[trials].mean(0)) / np.where(std > 0, std, np.nan)
    return betas


def average_repeats(betas: np.ndarray, image: np.ndarray, wanted: Iterable[int]) -> Responses:
    """Average the trials of each image.

    Parameters
    ----------
    betas : array of shape (n_trials, n_voxels)
    image : array of shape (n_trials,)
        Stimulus id shown in each trial.
    wanted : iterable of int
        Stimulus ids to keep, in this order.

    Raises
    ------
    ValueError
        A wanted image was never shown.
    """
    wanted = np.asarray(list(wanted))
    ids, position, counts = np.unique(image, return_inverse=True, return_counts=True)
    missing = np.setdiff1d(wanted, ids)
    if len(missing):
        raise ValueError(f"{len(missing)} of {len(wanted)} images were never shown, the first is {missing[0]}.")
    order = np.argsort(position, kind="stable")
    sums = np.add.reduceat(betas[order], np.r_[0, np.cumsum(counts)[:-1]], axis=0)
    rows = np.searchsorted(ids, wanted)
    return Responses(wanted, sums[rows] / counts[rows, None], counts[rows])
