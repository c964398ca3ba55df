"""From single trials to one response per image."""

from collections.abc import Iterable

import numpy as np
from sklearn.model_selection import train_test_split

from lib.data.participant import Responses

TRIALS_PER_SESSION = 750
TRIALS_PER_RUN = (62, 63) * 6  # of the 12 runs of a session


def random_split(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Training and test images, each ascending: a random 15 % are held out, seed 42, as paper W's first author does.

    Parameters
    ----------
    images : int array of shape (n_images,), ascending
    """
    train, test = train_test_split(images, test_size=0.15, random_state=42)
    return np.sort(train), np.sort(test)


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
    ids, sums, counts = sum_repeats(betas, image)
    missing = np.setdiff1d(wanted, ids)
    if len(missing):
        raise ValueError(f"{len(missing)} of {len(wanted)} images were never shown, the first is {missing[0]}.")
    rows = np.searchsorted(ids, wanted)
    return Responses(wanted, sums[rows] / counts[rows, None], counts[rows])


def sum_repeats(betas: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add up the trials of each image.

    Parameters
    ----------
    betas : array of shape (n_trials, n_voxels)
    image : array of shape (n_trials,)

    Returns
    -------
    ids : array of shape (n_images,), ascending
    sums : array of shape (n_images, n_voxels)
    counts : int array of shape (n_images,)
        Trials of each image.
    """
    ids, position, counts = np.unique(image, return_inverse=True, return_counts=True)
    order = np.argsort(position, kind="stable")
    return ids, np.add.reduceat(betas[order], np.r_[0, np.cumsum(counts)[:-1]], axis=0), counts


def ncsnr_of_repeats(trials: Responses) -> np.ndarray:
    """Noise ceiling signal-to-noise ratio, estimated from repeated trials (as Allen et al. 2022 define it).

    Noise variance: within images, averaged over images. Signal variance: of the images' means, less what noise adds to
    it, the noise variance over the number of repeats; 0 where that is negative.

    Parameters
    ----------
    trials : Responses
        One trial per row, every image the same number of times.

    Returns
    -------
    array of shape (n_voxels,)
        Standard deviation of the signal over that of a single trial's noise; NaN where there is no noise.
    """
    _, sums, counts = sum_repeats(trials.responses.astype(np.float64), trials.stimulus_ids)
    _, squares, _ = sum_repeats(trials.responses.astype(np.float64) ** 2, trials.stimulus_ids)
    means = sums / counts[:, None]
    noise = np.mean((squares - counts[:, None] * means**2) / (counts[:, None] - 1), axis=0)
    signal = np.maximum(means.var(0, ddof=1) - noise * np.mean(1 / counts), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > 0, np.sqrt(signal / noise), np.nan)
