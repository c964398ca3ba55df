"""From voxels to units of a network (paper Y): choose voxels for each unit, regress, score the predictions.

Six steps, as in the code released with Generic Object Decoding (Horikawa & Kamitani 2017), which paper Y used:

1. standardise each voxel by its training mean and standard deviation (`standardise`);
2. standardise each unit likewise (`scale_units`);
3. keep, for each unit, the voxels with the largest |r| in training (`select`);
4. regress the unit on them and a constant (`decode`);
5. predict the test trials, undo step 2, average the predictions of an image's trials;
6. correlate predictions and unit over the test images (`agreement_matrix`).

All units of all layers share the voxels: X'X is computed once per ROI, and a unit takes its rows and columns out of it.
Where every unit keeps all voxels, one matrix maps the units of the training trials to predictions.
Voxels and units are centred, so the constant's weight is zero and is left out. Predictions are linear in the voxels:
those of an image's averaged trials are the average of its trials' (step 5).
"""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lib.analysis.usable import varies
from lib.core import choose, progress
from lib.core.lapack import in_threads
from lib.core.memory import keeping_memory
from lib.core.scale import power_of_two
from lib.core.validation import matrix, penalties
from lib.data import Participant
from lib.data.features import ImageFeatures
from lib.data.participant import Images, Responses
from lib.networks import Network, extract
from lib.networks.layers import AS_PUBLISHED, decoding_taps
from lib.solvers.least_squares import hat_matrix, subset_weights, upper_gram
from lib.solvers.sparse import sparse_weights

UNITS_AT_ONCE = 1000
UNIONS = ("LVC", "HVC", "VC")  # ROIs made of others, where twice as many voxels are kept


@dataclass(frozen=True)
class Voxels:
    """An ROI's standardised voxels.

    Attributes
    ----------
    train : array of shape (n_trials, n_voxels)
    test : array of shape (n_test, n_voxels)
    """

    train: np.ndarray
    test: np.ndarray

    @cached_property
    def gram(self) -> np.ndarray:
        """X'X of the training trials, for all units: array of shape (n_voxels, n_voxels), zero below the diagonal."""
        return upper_gram(self.train)


@dataclass(frozen=True)
class Units:
    """Units standardised by their training mean and standard deviation.

    Attributes
    ----------
    scaled : array of shape (n_trials, n_units)
        0 where a unit does not vary.
    mean : array of shape (n_units,)
    std : array of shape (n_units,)
        With n - 1 in the denominator, and 1 for a unit that does not vary.
    """

    scaled: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def standardise(train: np.ndarray, test: np.ndarray) -> Voxels:
    """Step 1; voxels that do not vary in training, or hold NaN, are dropped with a warning.

    Parameters
    ----------
    train : array of shape (n_trials, n_voxels_of_roi)
    test : array of shape (n_test, n_voxels_of_roi)

    Raises
    ------
    ValueError
        Fewer than 3 training trials, other voxels in the test trials, no voxel left.
    """
    train = matrix("training voxels", train, min_rows=3, finite=False)
    test = matrix("test voxels", test, n_columns=train.shape[1], finite=False)
    usable = varies(train) & np.isfinite(test).all(0)
    if not usable.any():
        raise ValueError(f"None of the {len(usable)} voxels is finite and varies over the training trials.")
    if not usable.all():
        warnings.warn(f"{(~usable).sum()} of {len(usable)} voxels dropped: constant, or not finite.", stacklevel=3)
    unit = power_of_two(train[:, usable])
    train, test = (part[:, usable] / unit for part in (train, test))
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
    """Step 2; units, array of shape (n_trials, n_units), that are not finite are refused."""
    units = matrix("units", units)
    varying, unit = varies(units), power_of_two(units)
    units = units / unit
    mean, std = units.mean(0), np.where(varying, units.std(0, ddof=1), 1)
    return Units(np.where(varying, (units - mean) / std, 0), mean * unit[0], std * unit[0])


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
        """The voxels of some units."""
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
    voxels, units = standardise(voxels_train, voxels_test), scale_units(units_train)
    return predict_units(voxels, units, regression, n_voxels, alpha)


def predict_units(voxels: Voxels, units: Units, regression: str, n_voxels: int, alpha: float) -> np.ndarray:
    """Steps 3 to 5.

    Parameters
    ----------
    voxels : Voxels
    units : Units
    regression, n_voxels, alpha
        As for `decode`.

    Returns
    -------
    array of shape (n_test, n_units)
    """
    choose("regression", regression, ("ols", "ridge", "slr"))
    _check(voxels, units, n_voxels)
    if regression == "ridge":
        penalties(alpha, "alpha")
    n_trials, n_parameters = len(voxels.train), min(n_voxels, voxels.train.shape[1]) + 1
    if regression == "ols" and n_parameters > n_trials:
        found = f"{n_parameters} parameters for {n_trials} trials: least squares has many solutions"
        warnings.warn(f"{found}, the smallest is taken. Use fewer voxels or ridge for a unique one.", stacklevel=3)
    penalty = alpha if regression == "ridge" else 0.0
    predictions: np.ndarray
    if regression != "slr" and n_voxels >= voxels.train.shape[1]:  # one matrix for all units
        predictions = hat_matrix(voxels.train, voxels.test, voxels.gram, penalty) @ units.scaled
    else:
        predictions = _from_own_voxels(_often_selected_first(voxels, units), units, regression, n_voxels, penalty)
    predictions *= units.std
    predictions += units.mean
    return predictions


def _from_own_voxels(voxels: Voxels, units: Units, regression: str, n_voxels: int, penalty: float) -> np.ndarray:
    """Standardised predictions (n_test, n_units), each from the voxels kept for the unit."""
    predictions = np.empty((len(voxels.test), len(units.mean)))
    with keeping_memory():
        for start in range(0, len(units.mean), UNITS_AT_ONCE):
            block = slice(start, start + UNITS_AT_ONCE)
            some = units.scaled[:, block]
            xy = some.T @ voxels.train
            weights = _weights(regression, voxels, some, xy, select(xy, n_voxels), penalty)
            predictions[:, block] = voxels.test @ weights.T
    return predictions


def _check(voxels: Voxels, units: Units, n_voxels: int) -> None:
    if len(units.scaled) != len(voxels.train):
        n_units, n_trials = len(units.scaled), len(voxels.train)
        raise ValueError(f"Units: expected one row for each of the {n_trials} training trials, found {n_units} rows.")
    if n_voxels < 1:
        raise ValueError(f"n_voxels must be at least 1, found {n_voxels}.")


def _often_selected_first(voxels: Voxels, units: Units) -> Voxels:
    """The same voxels in an order in which a unit's rows of X'X lie close together in memory."""
    some = units.scaled[:, :: -(-len(units.mean) // 100)]  # a hundred units say which voxels many will select
    order = np.argsort(-np.square(some.T @ voxels.train).sum(0), kind="stable")
    return Voxels(voxels.train.take(order, axis=1), voxels.test.take(order, axis=1))


def _weights(
    regression: str, voxels: Voxels, units: np.ndarray, xy: np.ndarray, kept: np.ndarray, penalty: float
) -> np.ndarray:
    """Step 4.

    Takes standardised units (n_trials, n_units), their products with the voxels (n_units, n_voxels) and the voxels kept
    for each (n_units, n_kept); returns weights (n_units, n_voxels), zero where a voxel was not kept.
    """
    if regression != "slr":
        return subset_weights(voxels.train, voxels.gram, units, xy, kept, penalty)
    gram, weights = voxels.gram, np.zeros_like(xy)

    def fit(unit: int) -> None:
        """Write the weights of one unit."""
        used, y = kept[unit], units[:, unit]
        if y.any():
            weights[unit, used] = sparse_weights(voxels.train[:, used], y, gram[np.ix_(used, used)])

    in_threads(fit, range(len(kept)))
    return weights


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
        See `agreement_matrix`.
    by_image : array of shape (n_test,), optional
        See `score_by_image`.
    """

    network: str
    layer: str
    roi: str
    choices: Choices
    unit_score: np.ndarray
    agreement: np.ndarray
    by_image: np.ndarray | None = None

    @property
    def mean(self) -> float:
        """Mean r over the units that vary; NaN if none does."""
        scored = np.isfinite(self.unit_score)
        return float(self.unit_score[scored].mean()) if scored.any() else float("nan")

    @property
    def n_constant(self) -> int:
        """Units left out of the mean."""
        return int(np.isnan(self.unit_score).sum())


def agreement_matrix(predictions: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Predictions for one image (row) times units' answers to another (column), averaged over units, both standardised.

    The trace is the mean score. With the rows in another order it is the mean score of predictions assigned to the
    wrong images, so this small matrix is all that a permutation test needs. Units that do not vary over images, or
    whose predictions do not, are left out; if none is left all entries are 0.

    Parameters
    ----------
    predictions : array of shape (n_test, n_units)
    units : array of shape (n_test, n_units)

    Returns
    -------
    array of shape (n_test, n_test)
    """
    return _agreement(_unit_length(predictions), _unit_length(units))


def score_by_image(predictions: np.ndarray, units: np.ndarray) -> np.ndarray:
    """What each test image says of the mean r over units: their mean is the score, their spread its error.

    The influence of an image on a correlation (Devlin, Gnanadesikan & Kettenring 1975), added to the correlation. Units
    that do not vary over images, or whose predictions do not, are left out; if none is left all are NaN.

    Parameters
    ----------
    predictions : array of shape (n_test, n_units)
    units : array of shape (n_test, n_units)

    Returns
    -------
    array of shape (n_test,)
    """
    return _by_image(_unit_length(predictions), _unit_length(units))


def _unit_length(values: np.ndarray) -> np.ndarray:
    """Columns (n_images, n_units) centred over images and of length 1; NaN where they do not vary."""
    varying, values = varies(values), values / power_of_two(values)
    centred = values - values.mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(varying, centred / np.linalg.norm(centred, axis=0), np.nan)


def _agreement(predictions: np.ndarray, units: np.ndarray) -> np.ndarray:
    """`agreement_matrix` of columns of length 1, NaN where they do not vary."""
    varying = np.isfinite(predictions[0] * units[0])
    return np.asarray(predictions[:, varying] @ units[:, varying].T / max(1, varying.sum()))


def _by_image(predictions: np.ndarray, units: np.ndarray) -> np.ndarray:
    """`score_by_image` of columns of length 1, NaN where they do not vary."""
    varying = np.isfinite(predictions[0] * units[0])
    if not varying.any():
        return np.full(len(units), np.nan)
    a, b = predictions[:, varying], units[:, varying]
    r = (a * b).sum(0)
    return np.asarray((r + len(a) * (a * b - r * (a**2 + b**2) / 2)).mean(1))


def permutation_scores(agreements: Sequence[np.ndarray], *, n_permutations: int = 10_000, seed: int = 0) -> np.ndarray:
    """Mean scores of predictions assigned to images in random orders.

    Parameters
    ----------
    agreements : one array of shape (n_test, n_test) per participant
    n_permutations : int
    seed : int

    Returns
    -------
    array of shape (n_permutations,)

    Raises
    ------
    ValueError
        Matrices that are not square, not of the same images, or not finite.
    """
    together = _mean_agreement(agreements)
    images = np.arange(len(together))
    orders = np.random.default_rng(seed).permuted(np.tile(images, (n_permutations, 1)), axis=1)
    return np.asarray(together[orders, images].sum(1))


def permutation_p(agreements: Sequence[np.ndarray], *, n_permutations: int = 10_000, seed: int = 0) -> float:
    """How often predictions assigned to wrong images score as high, on average over participants, as the right ones.

    Parameters
    ----------
    agreements : one array of shape (n_test, n_test) per participant
    n_permutations : int
    seed : int
        As for `permutation_scores`.

    Returns
    -------
    float
        One-sided p-value, (1 + exceedances) / (1 + permutations).

    Examples
    --------
    >>> permutation_p([np.zeros((4, 4))])
    1.0
    """
    scores = permutation_scores(agreements, n_permutations=n_permutations, seed=seed)
    together = _mean_agreement(agreements)
    rounding = 1e-12 * np.abs(together).max()  # the right order is drawn, too, and summed in another order
    return float((1 + (scores >= np.trace(together) - rounding).sum()) / (1 + n_permutations))


def _mean_agreement(agreements: Sequence[np.ndarray]) -> np.ndarray:
    if not len(agreements):
        raise ValueError("agreements: expected at least one matrix, found none.")
    n_test = len(agreements[0])
    checked = [matrix("agreement", one, n_rows=n_test, n_columns=n_test) for one in agreements]
    return np.asarray(np.mean(checked, axis=0))


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
    if (n_test := len(participant.test)) < 2:
        raise ValueError(f"{participant.name}: scores over images need at least 2 test images, found {n_test}.")
    train, test = (_units_shown(networks, part) for part in (participant.train, participant.test))
    everything, tested = scale_units(np.hstack(list(train.values()))), {k: _unit_length(v) for k, v in test.items()}
    rois = progress(list(participant.rois if rois is None else rois), f"decoding from {participant.name}")
    return [result for roi in rois for result in _decode_roi(participant, roi, everything, tested, choices)]


_Layers = dict[tuple[str, str], np.ndarray]  # (network, layer) -> (n_images, n_units)


def _units_shown(networks: Mapping[str, ImageFeatures], part: Responses) -> _Layers:
    return {
        (name, layer): features.of(layer, part.stimulus_ids)
        for name, features in networks.items()
        for layer in features.layers
    }


def _decode_roi(
    participant: Participant, roi: str, train: Units, tested: _Layers, choices: Choices
) -> Iterator[DecodingResult]:
    """All layers at once, since they share the voxels; `tested` has columns of length 1, NaN where they do not vary."""
    voxels = standardise(*(part.responses[:, participant.roi(roi)] for part in (participant.train, participant.test)))
    predicted = _unit_length(predict_units(voxels, train, choices.regression, choices.kept(roi), choices.alpha))
    ends = np.cumsum([units.shape[1] for units in tested.values()])[:-1]
    for (layer, units), own in zip(tested.items(), np.split(predicted, ends, axis=1), strict=True):
        score = (own * units).sum(0)
        yield DecodingResult(*layer, roi, choices, score, _agreement(own, units), _by_image(own, units))
