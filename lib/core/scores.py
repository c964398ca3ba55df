"""How good is a prediction: R2, signed R, correlation, noise ceilings, intervals."""

from dataclasses import dataclass

import numpy as np

from lib.core.scale import constant_columns, power_of_two


def r2(y: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Coefficient of determination per voxel, 1 - mean squared error / variance of `y`.

    Parameters
    ----------
    y, y_pred : arrays of shape (..., n_images, n_voxels)

    Returns
    -------
    float64 array of shape (..., n_voxels)
        Minus infinity to 1; NaN where `y` does not vary.

    Examples
    --------
    >>> y = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> r2(y, np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]]))
    array([0.5, nan])
    """
    unit = power_of_two(y)
    error = np.mean(np.square(y / unit - y_pred / unit), axis=-2)
    variance = np.var(y / unit, axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        explained: np.ndarray = np.where(constant_columns(y), np.nan, 1 - error / variance)
    return explained


def signed_root(r2: np.ndarray) -> np.ndarray:
    """R = sign(R2) sqrt(|R2|), the measure in the figures of paper W (its Results; its Methods say correlation).

    >>> signed_root(np.array([0.25, -0.25]))
    array([ 0.5, -0.5])
    """
    root: np.ndarray = np.sign(r2) * np.sqrt(np.abs(r2))
    return root


def correlation(y: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Pearson correlation per voxel over images; NaN where either does not vary.

    Parameters
    ----------
    y, y_pred : arrays of shape (..., n_images, n_voxels)

    Returns
    -------
    float64 array of shape (..., n_voxels)

    Examples
    --------
    >>> y = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> correlation(y, y[::-1])
    array([-1., nan])
    """
    a, b = (values / power_of_two(values) for values in (y, y_pred))
    a, b = (values - values.mean(-2, keepdims=True) for values in (a, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.sum(a * b, axis=-2) / np.sqrt(np.sum(a**2, axis=-2) * np.sum(b**2, axis=-2))
    return np.where(constant_columns(y) | constant_columns(y_pred), np.nan, r)


def noise_ceiling(ncsnr: np.ndarray, n_repeats: float) -> np.ndarray:
    """Largest R2 any model can reach for responses averaged over repeats (Allen et al. 2022).

    Parameters
    ----------
    ncsnr : array of shape (n_voxels,)
        Standard deviation of the signal over that of a single trial's noise.
    n_repeats : float
        Trials averaged; where images differ in it, the harmonic mean.

    Returns
    -------
    array of shape (n_voxels,)
        0 to 1.

    Examples
    --------
    >>> noise_ceiling(np.array([0.0, 1.0]), 3)
    array([0.  , 0.75])
    """
    return ncsnr**2 / (ncsnr**2 + 1 / n_repeats)


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval that holds it with the stated confidence."""

    estimate: float
    low: float
    high: float
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.estimate:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def bootstrap_mean(values: np.ndarray, *, n_bootstrap: int = 2000, seed: int = 0, confidence: float = 0.95) -> Interval:
    """Mean with its percentile bootstrap interval (Efron 1979).

    Parameters
    ----------
    values : array of shape (n_samples,)
        NaN is left out.
    n_bootstrap : int
        Resamples.
    seed : int
    confidence : float
        Share of intervals that should cover the true mean.

    Raises
    ------
    ValueError
        Fewer than two numbers.

    Examples
    --------
    >>> str(bootstrap_mean([0.1, 0.2, 0.3, float("nan")]))
    '+0.200 [+0.100, +0.300]'
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        raise ValueError(f"An interval needs at least 2 numbers, found {len(values)}.")
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(n_bootstrap, len(values)))].mean(1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values.mean()), float(low), float(high), confidence)
