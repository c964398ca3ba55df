"""From single trials to one response per image."""

from collections.abc import Hashable, Iterable

import numpy as np
from sklearn.model_selection import train_test_split

from lib.core.scale import constant_columns
from lib.core.scores import noise_ceiling
from lib.data.participant import Responses

TRIALS_PER_SESSION = 750
RUN_LENGTHS = (62, 63) * 6  # trials in the 12 runs of a session
MISSING = (None, "", "nan", "n/a")  # how tables write a label that nobody gave


def random_split(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Training and test images, each ascending: a random 15 % are held out, seed 42, as paper W's first author does.

    Parameters
    ----------
    images : int array of shape (n_images,), ascending
    """
    train, test = train_test_split(images, test_size=0.15, random_state=42)
    return np.sort(train), np.sort(test)


def standardise_runs(betas: np.ndarray, run: Iterable[Hashable]) -> np.ndarray:
    """Zero mean and unit variance per voxel within each run or session, in place and returned.

    Means and standard deviations are computed in float64, whatever the responses are.

    Parameters
    ----------
    betas : floating-point array of shape (n_trials, n_voxels)
        Voxels that do not vary within some run become NaN there, and so drop out later.
    run : sequence of n_trials labels
        Run, or session, of each trial.

    Raises
    ------
    ValueError
        Responses are not floating-point numbers, a trial has no label, or a run has a single trial.
    """
    if betas.dtype.kind != "f":
        raise ValueError(f"betas: expected floating-point numbers, found {betas.dtype}: convert them first.")
    for label, trials in _runs(run, len(betas)).items():
        if len(trials) < 2:
            way_out = "leave that trial out, or name sessions instead of runs"
            raise ValueError(f"run: expected at least 2 trials to standardise, found 1 in run {label!r}: {way_out}.")
        part = betas[trials]
        with np.errstate(invalid="ignore"):  # of voxels with infinite values, which become NaN
            mean, std = part.mean(0, dtype=np.float64), part.std(0, dtype=np.float64)
            betas[trials] = (part - mean) / np.where(constant_columns(part), np.nan, std)
    return betas


def _runs(run: Iterable[Hashable], n_trials: int) -> dict[Hashable, list[int]]:
    """The trials of each run, by its label."""
    labels = as_list(run)
    if len(labels) != n_trials:
        raise ValueError(f"run: expected one for each of the {n_trials} trials in betas, found {len(labels)}.")
    unknown = [i for i, label in enumerate(labels) if label in MISSING or label != label]  # NaN is not itself
    if unknown:
        found = f"found none for {len(unknown)}, the first is trial {unknown[0]} from 0"
        raise ValueError(f"run: expected a label for each trial, {found}: label these trials, or leave them out.")
    trials: dict[Hashable, list[int]] = {}
    for i, label in enumerate(labels):
        trials.setdefault(label, []).append(i)
    return trials


def as_list(values: Iterable[Hashable]) -> list[Hashable]:
    """The items of a list, a column of a table, or an array of any shape, as Python's own objects."""
    return np.asarray(values).ravel().tolist() if hasattr(values, "__array__") else list(values)


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
    responses = trials.responses.astype(np.float64)
    responses -= responses.mean(0)  # squares of numbers far from zero would lose the noise
    _, sums, counts = sum_repeats(responses, trials.stimulus_ids)
    _, squares, _ = sum_repeats(responses**2, trials.stimulus_ids)
    means = sums / counts[:, None]
    noise = np.mean((squares - counts[:, None] * means**2) / (counts[:, None] - 1), axis=0)
    signal = np.maximum(means.var(0, ddof=1) - noise * np.mean(1 / counts), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > 0, np.sqrt(signal / noise), np.nan)


def ceiling_of(ncsnr: np.ndarray, n_repeats: np.ndarray) -> np.ndarray:
    """Noise ceiling of responses averaged over unequal numbers of repeats: their noise variances are averaged.

    Parameters
    ----------
    ncsnr : array of shape (n_voxels,)
    n_repeats : int array of shape (n_images,)
        Trials of each image.

    Returns
    -------
    array of shape (n_voxels,)
    """
    return noise_ceiling(ncsnr.astype(float), float(1 / np.mean(1 / n_repeats)))
