"""From single trials to one response per image."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable

import numpy as np

from lib.core.scale import ROUNDING, constant_columns, power_of_two
from lib.core.scores import noise_ceiling
from lib.data.participant import Responses

TRIALS_PER_SESSION = 750
RUN_LENGTHS = (62, 63) * 6  # trials in the 12 runs of a session
MISSING = (None, "", "nan", "n/a")  # how tables write a missing label


def random_split(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split images into training and test, each ascending; 15 % at random, seed 42, are for testing, as paper W has it.

    Parameters
    ----------
    images : int array of shape (n_images,), ascending
    """
    if len(images) < 2:
        raise ValueError(f"A split into training and test images needs at least 2 images, found {len(images)}.")
    # scikit-learn's train_test_split, which paper W used, without the second that its import takes.
    shuffled = np.random.RandomState(42).permutation(len(images))
    n_test = math.ceil(0.15 * len(images))
    return np.sort(images[shuffled[n_test:]]), np.sort(images[shuffled[:n_test]])


def standardise_runs(betas: np.ndarray, run: Iterable[Hashable]) -> np.ndarray:
    """Give each voxel zero mean and unit variance within each run or session, in place; returns the same array.

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
    if not isinstance(betas, np.ndarray) or betas.dtype.kind != "f" or betas.ndim != 2:
        found = f"{betas.dtype} of shape {betas.shape}" if hasattr(betas, "dtype") else type(betas).__name__
        raise ValueError(
            f"betas: expected floating-point numbers (n_trials, n_voxels), found {found}: convert them first."
        )
    for trials in _runs(run, len(betas)):
        part = betas[trials]
        with np.errstate(invalid="ignore"):  # of voxels with infinite values, which become NaN
            constant, part = constant_columns(part), part / power_of_two(part)
            betas[trials] = (part - part.mean(0)) / np.where(constant, np.nan, part.std(0))
    return betas


def _runs(run: Iterable[Hashable], n_trials: int) -> Iterable[list[int]]:
    """The trials of each run."""
    labels, trials = as_list(run), defaultdict(list)
    if len(labels) != n_trials:
        raise ValueError(f"run: expected one for each of the {n_trials} trials in betas, found {len(labels)}.")
    unknown = [i for i, label in enumerate(labels) if label in MISSING or label != label]  # NaN is not itself
    if unknown:
        found = f"found none for {len(unknown)}, the first is trial {unknown[0]} from 0"
        raise ValueError(f"run: expected a label for each trial, {found}: label these trials, or leave them out.")
    for i, label in enumerate(labels):
        trials[label].append(i)
    if single := [label for label, rows in trials.items() if len(rows) < 2]:
        way_out = "leave that trial out, or name sessions instead of runs"
        raise ValueError(f"run: expected at least 2 trials to standardise, found 1 in run {single[0]!r}: {way_out}.")
    return trials.values()


def as_list(values: Iterable[Hashable]) -> list[Hashable]:
    """List the items of a sequence, of a column of a table or of an array of any shape, as Python's own objects."""
    return np.asanyarray(values).ravel().tolist() if hasattr(values, "__array__") else list(values)


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
    if len(image) != len(betas):
        raise ValueError(f"image: expected one for each of the {len(betas)} trials in betas, found {len(image)}.")
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
    responses -= responses.mean(0)
    responses /= power_of_two(responses)
    ids, sums, counts = sum_repeats(responses, trials.stimulus_ids)
    means = sums / counts[:, None]
    within = responses - means[np.searchsorted(ids, trials.stimulus_ids)]
    noise = np.mean(sum_repeats(within**2, trials.stimulus_ids)[1] / (counts[:, None] - 1), axis=0)
    signal = np.maximum(means.var(0, ddof=1) - noise * np.mean(1 / counts), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > (ROUNDING * np.finfo(np.float64).eps) ** 2, np.sqrt(signal / noise), np.nan)


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
