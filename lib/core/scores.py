"""How good is a prediction: R2, signed R, correlation, noise ceilings, intervals."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from lib.core.scale import constant_columns, power_of_two

IMAGE_GROUPS = 20  # of images, whose errors count as independent


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


def r2_without(y: np.ndarray, y_pred: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """R2 per voxel on all images but those of one group, for each group: what a jackknife needs.

    Parameters
    ----------
    y : array of shape (n_images, n_voxels)
        Around zero, as standardised responses are.
    y_pred : array of shape (..., n_images, n_voxels)
    starts : int array of shape (n_groups,)
        First image of each group.

    Returns
    -------
    array of shape (..., n_groups, n_voxels)
        NaN where `y` does not vary without the group.

    Examples
    --------
    >>> y = np.array([[1.0], [2.0], [3.0], [5.0]])
    >>> r2_without(y, y[[0, 1, 3, 2]], np.array([0, 2])).round(2)
    array([[-3.],
           [ 1.]])
    """
    y, n = np.asarray(y, np.float64), np.add.reduceat(np.ones(len(y)), starts)[:, None]
    sums = [np.add.reduceat(values, starts, axis=-2) for values in (np.square(y - y_pred), y**2, y)]
    error, square, total = (values.sum(-2, keepdims=True) - values for values in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = square - total**2 / (len(y) - n)
        rounding = len(y) * np.finfo(spread.dtype).eps * (y**2).sum(0)
        explained: np.ndarray = np.where(spread > rounding, 1 - error / spread, np.nan)
    return explained


def group_starts(n_images: int, n_groups: int = IMAGE_GROUPS) -> np.ndarray:
    """First image of each of `n_groups` groups of nearly equal size; fewer if a group would have less than two images.

    >>> group_starts(10, 3)
    array([0, 4, 7])
    """
    n = max(1, min(n_groups, n_images // 2))
    return np.cumsum([0, *map(len, np.array_split(np.arange(n_images), n))])[:-1]


def pseudo_values(whole: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Jackknife pseudo-values (Tukey 1958): what each group of images says of a statistic.

    Their mean is the statistic, less its bias of the order of one over the number of images.

    Parameters
    ----------
    whole : array of shape (..., n_voxels)
        The statistic of all images.
    without : array of shape (..., n_groups, n_voxels)
        The same without each group. One group is everything, and gives `whole`; so does a group without which the
        statistic is undefined, NaN.
    """
    n, whole = without.shape[-2], whole[..., None, :]
    return whole if n == 1 else n * whole - (n - 1) * np.where(np.isnan(without), whole, without)


def squared_pseudo_values(R: np.ndarray, of_R: np.ndarray) -> np.ndarray:
    """Pseudo-values of R2 from those of its signed root, which is steep near zero and makes differences of R uneven.

    Parameters
    ----------
    R : array of shape (..., n_voxels)
    of_R : array of shape (..., n_groups, n_voxels)
        Its pseudo-values.

    Returns
    -------
    array of shape (..., n_groups, n_voxels)

    Examples
    --------
    >>> R, without = np.array([0.5]), np.array([[0.4], [-0.1]])
    >>> squared_pseudo_values(R, pseudo_values(R, without)).ravel().round(2)
    array([0.34, 0.51])
    """
    n = of_R.shape[-2]
    without = (n * R[..., None, :] - of_R) / max(1, n - 1)
    return pseudo_values(R * np.abs(R), without * np.abs(without)) if n > 1 else of_R * np.abs(of_R)


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


def share_of_ceiling(R: np.ndarray, ceiling: np.ndarray, squared: bool = False) -> np.ndarray:
    """R as a share of the largest R that any model could reach (Schoppe et al. 2016).

    The ceiling is a share of variance, so R is divided by its root, and R2 by itself.

    Parameters
    ----------
    R : array of shape (..., n_voxels)
        Scores, or differences between them.
    ceiling : array of shape (n_voxels,)
        As `noise_ceiling` gives it.
    squared : bool
        Whether `R` holds R2.

    Returns
    -------
    array of shape (..., n_voxels)
        NaN where the ceiling is zero or unknown.

    Examples
    --------
    >>> share_of_ceiling(np.array([0.3, 0.3]), np.array([0.25, 0.0]))
    array([0.6, nan])
    """
    largest = np.where(ceiling > 0, ceiling, np.nan)
    return np.asarray(R / (largest if squared else np.sqrt(largest)))


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval that holds it with the stated confidence."""

    estimate: float
    low: float
    high: float
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.estimate:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def t_quantile(df: float, confidence: float = 0.95) -> float:
    """Half-width of a two-sided t interval, in standard errors.

    >>> round(t_quantile(4), 2)
    2.78
    """
    return float(stdtrit(df, (1 + confidence) / 2))


def t_interval(values: np.ndarray) -> Interval:
    """Mean of independent values, such as those of several people, with its 95 % t interval.

    Five people are too few for a percentile bootstrap, whose 95 % interval covers the mean in 83 %.

    Parameters
    ----------
    values : array of shape (n_samples,)
        NaN is left out. The bounds of a single value are NaN.

    Examples
    --------
    >>> str(t_interval([0.1, 0.2, 0.3, float("nan")]))
    '+0.200 [-0.048, +0.448]'
    """
    known = np.asarray(values, float)[np.isfinite(values)]
    n, mean = len(known), float(known.mean()) if len(known) else np.nan
    half = t_quantile(n - 1) * float(known.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
    return Interval(mean, mean - half, mean + half)


def clustered_error(values: np.ndarray, blocks: np.ndarray) -> tuple[np.ndarray, int]:
    """Standard error of a mean over images and voxels, where images are shared and neighbouring voxels correlated.

    Images and blocks of voxels are both drawn at random, so their variances add up; what one image does in one block
    is in both, and is counted once (two-way clustering: Cameron, Gelbach & Miller 2011).

    Parameters
    ----------
    values : array of shape (..., n_images, n_voxels)
        One image says that values do not depend on it, as for stacking weights.
    blocks : int array of shape (n_voxels,)
        Which block each voxel belongs to, 0, 1, ...

    Returns
    -------
    array of shape (...)
        NaN if there is neither a second image nor a second block.
    int
        Degrees of freedom: the smaller number of images or blocks, less one.

    Examples
    --------
    >>> error, df = clustered_error(np.array([[0.1, 0.2, 0.3]]), np.arange(3))
    >>> round(float(error), 4), df
    (0.0577, 2)
    """
    n_images, n_voxels = values.shape[-2:]
    members = np.eye(blocks.max() + 1)[blocks]
    n, m = n_images, members.shape[1]
    sums = (values - values.mean((-2, -1), keepdims=True)) @ members / (n * n_voxels)  # (..., n_images, n_blocks)
    images = sums.sum(-1)
    sums = sums * (1 - 1 / m) / (1 - members.mean(0) + (m == 1))  # a larger block would be missed more
    voxels = sums.sum(-2)
    both = sums - images[..., None] / m - voxels[..., None, :] / n
    parts = [
        (images**2).sum(-1) * n / max(1, n - 1),
        (voxels**2).sum(-1) * m / max(1, m - 1),
        (both**2).sum((-2, -1)) * n * m / max(1, (n - 1) * (m - 1)),
    ]
    variance: np.ndarray = np.maximum(parts[0] + parts[1] - parts[2], np.maximum(parts[0], parts[1]))
    sizes = [size for size in (n, m) if size > 1]
    error = np.sqrt(variance) if sizes else np.full(variance.shape, np.nan)
    return np.asarray(error), min(sizes, default=2) - 1


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
