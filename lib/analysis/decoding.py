"""From voxels to units of a network (paper Y): choose voxels for each unit, regress, score the predictions.

Six steps, as in the code released with Generic Object Decoding (Horikawa & Kamitani 2017), which paper Y used:

1. standardise each voxel by its training mean and standard deviation (`standardise`);
2. standardise each unit likewise (`scale_units`);
3. keep, for each unit, the voxels with the largest |r| in training (`select`);
4. regress the unit on them and a constant (`decode`);
5. predict the test trials, undo step 2, average the predictions of an image's trials;
6. correlate predictions and unit over the test images (`score`).

All units of all layers share the voxels: X'X is computed once per ROI, and a unit takes its rows and columns out of it.
Voxels and units are centred, so the constant's weight is zero and is left out. Predictions are linear in the voxels:
those of an image's averaged trials are the average of its trials' (step 5).
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lib.core import choose, progress
from lib.core.lapack import in_threads
from lib.core.memory import keeping_memory
from lib.core.scale import constant_columns
from lib.core.scores import correlation
from lib.data import Participant
from lib.data.features import ImageFeatures
from lib.data.participant import Images, Responses
from lib.networks import Network, extract
from lib.networks.layers import AS_PUBLISHED, decoding_taps
from lib.solvers.least_squares import subset_weights, upper_gram
from lib.solvers.sparse import sparse_weights

UNITS_AT_ONCE = 1000
UNIONS = ("LVC", "HVC", "VC")  # ROIs made of others, where twice as many voxels are kept


@dataclass(frozen=True)
class Voxels:
    """An ROI's standardised voxels.

    Attributes
    ----------
    train : array of shape (n_trials, n_usable)
        Without voxels that do not vary.
    test : array of shape (n_test, n_usable)
    """

    train: np.ndarray
    test: np.ndarray

    @cached_property
    def gram(self) -> np.ndarray:
        """X'X of the training trials, array of shape (n_voxels, n_voxels), zero below the diagonal."""
        return upper_gram(self.train)

    def ordered(self, order: np.ndarray) -> "Voxels":
        """The same voxels in another order."""
        return Voxels(self.train.take(order, axis=1), self.test.take(order, axis=1))


@dataclass(frozen=True)
class Units:
    """Units standardised by their training mean and standard deviation.

    Attributes
    ----------
    scaled : array of shape (n_trials, n_units)
    mean, std : arrays of shape (n_units,)
        Standard deviation with n - 1 in the denominator, and 1 for a unit that does not vary.
    """

    scaled: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def standardise(train: np.ndarray, test: np.ndarray) -> Voxels:
    """Step 1; voxels that do not vary in training, or hold NaN, are dropped with a warning.

    Parameters
    ----------
    train : array of shape (n_trials, n_voxels)
    test : array of shape (n_test, n_voxels)

    Raises
    ------
    ValueError
        No voxel is left.
    """
    train, test = np.asarray(train, np.float64), np.asarray(test, np.float64)
    usable = ~constant_columns(train) & np.isfinite(test).all(0)  # NaN and infinity count as constant
    if not usable.any():
        raise ValueError(f"None of the {len(usable)} voxels is finite and varies over the training trials.")
    if not usable.all():
        warnings.warn(f"{(~usable).sum()} of {len(usable)} voxels dropped: constant, or not finite.", stacklevel=3)
        train, test = train[:, usable], test[:, usable]
    mean = train.mean(0)
    train, test = train - mean, test - mean
    rounding = train.mean(0)  # of a mean that is large beside the deviation; left in, it would look like a direction
    train -= rounding
    test -= rounding
    std = np.sqrt(np.einsum("tv,tv->v", train, train) / (len(train) - 1))
    train /= std
    test /= std
    return Voxels(train, test)


def scale_units(units: np.ndarray) -> Units:
    """Step 2.

    Parameters
    ----------
    units : array of shape (n_trials, n_units)
    """
    units = np.asarray(units, np.float64)
    mean, std = units.mean(0), units.std(0, ddof=1)
    std = np.where(np.ptp(units, axis=0) > 0, std, 1)
    return Units((units - mean) / std, mean, std)


def select(xy: np.ndarray, n_voxels: int) -> np.ndarray:
    """Step 3: of each unit the voxels with the largest |r|.

    Parameters
    ----------
    xy : array of shape (n_units, n_voxels)
        Products of standardised units and voxels, proportional to r.
    n_voxels : int
        How many to keep; more than there are keeps all.

    Returns
    -------
    int array of shape (n_units, n_voxels kept), ascending
    """
    if n_voxels >= xy.shape[1]:
        return np.tile(np.arange(xy.shape[1]), (len(xy), 1))

    def largest(some: np.ndarray) -> np.ndarray:
        return np.sort(np.argpartition(-np.abs(some), n_voxels - 1, axis=1)[:, :n_voxels], axis=1)

    return np.concatenate(in_threads(largest, np.array_split(xy, min(len(xy), 16))))


def decode(
    voxels_train: np.ndarray,
    units_train: np.ndarray,
    voxels_test: np.ndarray,
    regression: str = "ols",
    n_voxels: int = 500,
    *,
    alpha: float = 100.0,
) -> np.ndarray:
    """Predict units from the voxels of an ROI: steps 1 to 5.

    Parameters
    ----------
    voxels_train : array of shape (n_trials, n_voxels_of_roi)
    units_train : array of shape (n_trials, n_units)
        Of the images shown in these trials.
    voxels_test : array of shape (n_test, n_voxels_of_roi)
        Single trials, or trials averaged per image: the predictions are those of whatever is given.
    regression : "ols", "ridge" or "slr"
        Ordinary least squares (paper Y, most likely), ridge regression (the GOD authors' later work, PyFastL2LiR), or
        sparse linear regression (Horikawa & Kamitani 2017; `lib.solvers.sparse`).
    n_voxels : int
        Voxels kept per unit; 500 in single areas and 1000 in LVC, HVC and VC as published.
    alpha : float
        Penalty of ridge regression, of standardised voxels; the GOD authors' later work uses 100.

    Returns
    -------
    array of shape (n_test, n_units)
        In the units' own scale. A unit that does not vary in training is predicted by its mean.

    Raises
    ------
    ValueError
        Arrays that do not fit each other, units that are not finite, an unknown regression.

    Warns
    -----
    UserWarning
        Least squares has as many parameters as trials, or more: of the many solutions the smallest is taken.
    """
    _check(voxels_train, units_train, voxels_test, n_voxels, alpha)
    voxels = standardise(voxels_train, voxels_test)
    return predict(voxels, scale_units(units_train), regression, n_voxels, alpha)


def predict(voxels: Voxels, units: Units, regression: str, n_voxels: int, alpha: float) -> np.ndarray:
    """Steps 3 to 5, array of shape (n_test, n_units); other parameters as of `decode`."""
    fit = REGRESSIONS[choose("regression", regression, REGRESSIONS)]
    voxels = voxels.ordered(_popularity(voxels, units))
    _tell(regression, min(n_voxels, voxels.train.shape[1]) + 1, len(voxels.train))
    predictions = np.empty((len(voxels.test), len(units.mean)))
    with keeping_memory():
        for start in range(0, len(units.mean), UNITS_AT_ONCE):
            block = slice(start, start + UNITS_AT_ONCE)
            some = units.scaled[:, block]
            xy = some.T @ voxels.train
            predictions[:, block] = voxels.test @ fit(voxels, some, xy, select(xy, n_voxels), alpha).T
    return predictions * units.std + units.mean


def _check(train: np.ndarray, units: np.ndarray, test: np.ndarray, n_voxels: int, alpha: float) -> None:
    if train.ndim != 2 or units.ndim != 2 or len(train) != len(units) or len(train) < 3:
        raise ValueError(
            f"Voxels of shape {train.shape} and units of shape {units.shape} need the same 3 or more trials as rows."
        )
    if test.ndim != 2 or test.shape[1] != train.shape[1]:
        raise ValueError(f"Test trials of shape {test.shape} do not have the {train.shape[1]} training voxels.")
    if not np.isfinite(units).all():
        raise ValueError("The units hold NaN or infinite values.")
    if n_voxels < 1 or alpha < 0:
        raise ValueError(f"n_voxels must be at least 1 and alpha at least 0, found {n_voxels} and {alpha}.")


def _tell(regression: str, n_parameters: int, n_trials: int) -> None:
    if regression == "ols" and n_parameters > n_trials:
        text = f"{n_parameters} parameters for {n_trials} trials: of the many least-squares solutions the smallest"
        warnings.warn(f"{text} is taken. Fewer voxels, or ridge, would have one.", stacklevel=3)


def _popularity(voxels: Voxels, units: Units) -> np.ndarray:
    """Voxels that many units will select come first, so that a unit's rows of X'X lie close together in memory."""
    some = units.scaled[:, :: -(-len(units.mean) // 100)]  # a hundred units tell
    return np.argsort(-np.square(some.T @ voxels.train).sum(0), kind="stable")


# Step 4. Each takes the voxels, standardised units (n_trials, n_units), their products with the voxels (n_units,
# n_voxels), the voxels kept for each (n_units, n_kept) and the penalty, and returns weights (n_units, n_voxels), zero
# where a voxel was not kept.

Fit = Callable[[Voxels, np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]


def _ols(voxels: Voxels, units: np.ndarray, xy: np.ndarray, kept: np.ndarray, _: float) -> np.ndarray:
    return subset_weights(voxels.train, voxels.gram, units, xy, kept)


def _ridge(voxels: Voxels, units: np.ndarray, xy: np.ndarray, kept: np.ndarray, alpha: float) -> np.ndarray:
    return subset_weights(voxels.train, voxels.gram, units, xy, kept, alpha)


def _slr(voxels: Voxels, units: np.ndarray, xy: np.ndarray, kept: np.ndarray, _: float) -> np.ndarray:
    gram, weights = voxels.gram, np.zeros_like(xy)

    def fit(unit: int) -> None:
        used, y = kept[unit], units[:, unit]
        if y.any():
            weights[unit, used] = sparse_weights(voxels.train[:, used], y, gram[np.ix_(used, used)])

    in_threads(fit, range(len(kept)))
    return weights


REGRESSIONS: Mapping[str, Fit] = {"ols": _ols, "ridge": _ridge, "slr": _slr}


# Step 6, and all steps for one participant


@dataclass(frozen=True)
class Choices:
    """What the analysis leaves open; by default as paper Y made it.

    Attributes
    ----------
    hidden, output : str
        Where the units are read, see `lib.networks.layers.decoding_taps`.
    regression : "ols", "ridge" or "slr"
    n_voxels : int
        Kept per unit; twice as many in LVC, HVC and VC.
    alpha : float
        Penalty of "ridge".
    """

    hidden: str = AS_PUBLISHED
    output: str = AS_PUBLISHED
    regression: str = "ols"
    n_voxels: int = 500
    alpha: float = 100.0

    def taps(self, network: str) -> dict[str, str]:
        """Where each of a network's layers is read."""
        return decoding_taps(network, self.hidden, self.output)

    @property
    def as_published(self) -> bool:
        """Whether units are read where paper Y read them."""
        return self.hidden == self.output == AS_PUBLISHED

    def kept(self, roi: str) -> int:
        """Voxels kept in an ROI."""
        return self.n_voxels * (2 if roi in UNIONS else 1)


PUBLISHED = Choices()
MATCHED = Choices(hidden="convolution", output="logits", regression="ridge")  # alike for both


@dataclass(frozen=True)
class DecodingResult:
    """How well the units of a layer are decoded from an ROI of one participant.

    Attributes
    ----------
    network, layer, roi : str
    choices : Choices
    unit_score : array of shape (n_units,)
        Pearson r over the test images; NaN where the unit, or its prediction, does not vary over them.
    agreement : array of shape (n_test, n_test)
        See the function of that name.
    """

    network: str
    layer: str
    roi: str
    choices: Choices
    unit_score: np.ndarray
    agreement: np.ndarray

    @property
    def mean(self) -> float:
        """Mean r over the units that vary; NaN if none does."""
        varies = np.isfinite(self.unit_score)
        return float(self.unit_score[varies].mean()) if varies.any() else float("nan")

    @property
    def n_constant(self) -> int:
        """Units left out of the mean."""
        return int(np.isnan(self.unit_score).sum())


def agreement(predictions: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Predictions for one image (row) times units' answers to another (column), averaged over units, both standardised.

    The trace is the mean score. With the rows in another order it is the mean score of predictions assigned to the
    wrong images, so this small matrix is all that a permutation test needs.

    Parameters
    ----------
    predictions, units : arrays of shape (n_test, n_units)

    Returns
    -------
    array of shape (n_test, n_test)
    """
    varies = (np.ptp(predictions, axis=0) > 0) & (np.ptp(units, axis=0) > 0)
    a, b = (values[:, varies] - values[:, varies].mean(0) for values in (predictions, units))
    a, b = (values / np.linalg.norm(values, axis=0) for values in (a, b))
    return a @ b.T / max(1, varies.sum())


def permutation_scores(agreements: Sequence[np.ndarray], *, n_permutations: int = 10_000, seed: int = 0) -> np.ndarray:
    """Mean scores of predictions assigned to images in random orders, array of shape (n_permutations,).

    Parameters
    ----------
    agreements : one array of shape (n_test, n_test) per participant
    """
    together = np.mean(agreements, axis=0)
    images = np.arange(len(together))
    orders = np.random.default_rng(seed).permuted(np.tile(images, (n_permutations, 1)), axis=1)
    return together[orders, images].sum(1)


def permutation_p(agreements: Sequence[np.ndarray], *, n_permutations: int = 10_000, seed: int = 0) -> float:
    """How often predictions assigned to wrong images score as high, on average over participants, as the right ones.

    Returns
    -------
    float
        One-sided p-value, (1 + exceedances) / (1 + permutations).
    """
    scores = permutation_scores(agreements, n_permutations=n_permutations, seed=seed)
    return float((1 + (scores >= np.trace(np.mean(agreements, axis=0))).sum()) / (1 + n_permutations))


def units_of(
    network: Network,
    participant: Participant,
    taps: Mapping[str, str],
    n_units: int | None = 1000,
    cache: str | os.PathLike[str] | None = None,
) -> ImageFeatures:
    """Show a network the pictures of a participant, scaled as in its training, and keep some units of each layer.

    Parameters
    ----------
    network : Network
    participant : Participant
        All participants of GOD saw the same pictures.
    taps : mapping of layer to where it is read, as `lib.networks.layers.decoding_taps` gives it
    n_units : int, optional
        Drawn at random per layer, the same for every image and participant; None keeps all.
    cache : path, optional
        As in `lib.networks.extract`.
    """
    ids = np.union1d(participant.train.stimulus_ids, participant.test.stimulus_ids)
    images = Images(participant.stimuli, ids)
    found = extract(
        network, images, list(taps.values()), preprocessing="as-trained", pool=False, n_units=n_units, cache=cache
    )
    return ImageFeatures(ids, {layer: found[tap] for layer, tap in taps.items()})


def decode_participant(
    participant: Participant,
    networks: Mapping[str, ImageFeatures],
    choices: Choices = PUBLISHED,
    rois: Iterable[str] | None = None,
) -> list[DecodingResult]:
    """Decode the units of every layer of some networks from every ROI: all six steps.

    Parameters
    ----------
    participant : Participant
    networks : mapping of network to units per layer
    choices : Choices
    rois : iterable of str, optional
        All of the participant's by default.
    """
    train, test = (_units_shown(networks, part) for part in (participant.train, participant.test))
    everything = scale_units(np.hstack(list(train.values())))
    rois = progress(list(participant.rois if rois is None else rois), f"decoding from {participant.name}")
    return [result for roi in rois for result in _decode_roi(participant, roi, everything, test, choices)]


Layers = dict[tuple[str, str], np.ndarray]  # (network, layer) -> (n_images, n_units)


def _units_shown(networks: Mapping[str, ImageFeatures], part: Responses) -> Layers:
    return {
        (name, layer): features.of(layer, part.stimulus_ids)
        for name, features in networks.items()
        for layer in features.layers
    }


def _decode_roi(
    participant: Participant, roi: str, train: Units, test: Layers, choices: Choices
) -> Iterator[DecodingResult]:
    """All layers at once, since they share the voxels."""
    voxels = standardise(*(part.responses[:, participant.roi(roi)] for part in (participant.train, participant.test)))
    predicted = predict(voxels, train, choices.regression, choices.kept(roi), choices.alpha)
    ends = np.cumsum([units.shape[1] for units in test.values()])[:-1]
    for (layer, units), predictions in zip(test.items(), np.split(predicted, ends, axis=1), strict=True):
        matched = agreement(predictions, units)
        yield DecodingResult(*layer, roi, choices, correlation(units, predictions), matched)
