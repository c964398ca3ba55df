"""How good is a prediction: R2, signed R, correlation, noise ceilings, intervals."""

from dataclasses import dataclass

import numpy as np


def r2(y: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Coefficient of determination per voxel, 1 - mean squared error / variance of `y`.

    Parameters
    ----------
    y, y_pred : arrays of shape (..., n_images, n_voxels)

    Returns
    -------
    float64 array of shape (..., n_voxels)
        Minus infinity to 1; NaN where `y` does not vary.
    """
    error = np.mean((y - y_pred) ** 2, axis=-2, dtype=np.float64)
    variance = np.var(y, axis=-2, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, 1 - error / variance, np.nan)


def signed_root(r2: np.ndarray) -> np.ndarray:
    """R = sign(R2) sqrt(|R2|), the measure in the figures of paper W (its Results; its Methods say correlation)."""
    return np.sign(r2) * np.sqrt(np.abs(r2))


def correlation(y: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Pearson correlation per voxel over images; NaN where either does not vary.

    Parameters
    ----------
    y, y_pred : arrays of shape (..., n_images, n_voxels)
    """
    a = y - np.mean(y, axis=-2, keepdims=True, dtype=np.float64)
    b = y_pred - np.mean(y_pred, axis=-2, keepdims=True, dtype=np.float64)
    norm = np.sqrt(np.sum(a**2, axis=-2) * np.sum(b**2, axis=-2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(norm > 0, np.sum(a * b, axis=-2) / norm, np.nan)


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
    array of shape (n_voxels,), 0..1
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
    """Mean of `values` (n_samples,) with its percentile bootstrap interval (Efron 1979); NaNs are left out.

    Raises
    ------
    ValueError
        Fewer than two numbers.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        raise ValueError(f"An interval needs at least 2 numbers, found {len(values)}.")
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(n_bootstrap, len(values)))].mean(1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values.mean()), float(low), float(high), confidence)
