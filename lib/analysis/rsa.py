"""Representational similarity analysis: which images a layer, or a brain area, treats as similar.

A representational dissimilarity matrix (RDM) holds one number for each pair of images. It can be compared between
a network and a brain without any mapping from units to voxels (Kriegeskorte, Mur & Bandettini 2008,
Front Syst Neurosci 2:4). All comparisons are made on the pairs above the diagonal.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from lib.core.scale import constant_columns, power_of_two
from lib.core.validation import matrix

FEWEST_IMAGES = 8  # to draw from with replacement: of fewer, too many draws hold two images or less


@dataclass(frozen=True)
class NoiseCeiling:
    """How well the true model could do, given that people differ.

    Attributes
    ----------
    upper_r, upper_r2 : float
        Spearman r, and its square, of each participant with the mean of all, averaged. The mean has seen the
        participant: a model that has not will hardly do better.
    lower_r : float
        Spearman r of each participant with the mean of the others, averaged: what the other people predict.
    """

    upper_r: float
    upper_r2: float
    lower_r: float


@dataclass(frozen=True)
class Bootstrap:
    """Resampled values, over participants and images at once; NaN where some RDM is constant over the images drawn.

    Attributes
    ----------
    r : array of shape (n_bootstrap, n_models)
        Mean over the drawn participants of Spearman r with each model.
    lower_r : array of shape (n_bootstrap,)
        Mean over the drawn participants of Spearman r with the mean of the other participants.
    """

    r: np.ndarray
    lower_r: np.ndarray


@dataclass(frozen=True)
class RSAResult:
    """A network's layers against one brain area.

    Attributes
    ----------
    layers : tuple of str
    r : array of shape (n_layers, n_participants)
        Spearman r between the layer's RDM and the participant's.
    low, high : arrays of shape (n_layers,)
        95 % bootstrap interval of the mean r, over participants and images.
    gap_low, gap_high : arrays of shape (n_layers,)
        The same for lower noise ceiling minus mean r; above 0, something is left to explain.
    ceiling : NoiseCeiling
    """

    layers: tuple[str, ...]
    r: np.ndarray
    low: np.ndarray
    high: np.ndarray
    gap_low: np.ndarray
    gap_high: np.ndarray
    ceiling: NoiseCeiling

    @property
    def best(self) -> str:
        """The layer with the largest mean r."""
        return self.layers[int(self.r.mean(axis=1).argmax())]


def rdm(features: np.ndarray) -> np.ndarray:
    """Dissimilarity of images: 1 - Pearson r between their feature vectors.

    Parameters
    ----------
    features : array of shape (n_images, n_features)

    Returns
    -------
    float64 array of shape (n_images, n_images), 0 (alike) to 2

    Raises
    ------
    ValueError
        The features of some image do not vary, or are not finite: it has no correlation with any other.

    Examples
    --------
    >>> rdm(np.array([[1, 2, 3], [2, 4, 6], [3, 2, 1]])).round(6)
    array([[0., 0., 2.],
           [0., 0., 2.],
           [2., 2., 0.]])
    """
    X = matrix("features", features, min_rows=2, dtype=np.float64, finite=False)
    silent = np.flatnonzero(constant_columns(X.T))
    if len(silent):
        raise ValueError(f"Images {silent.tolist()} have constant or undefined features: no correlation is defined.")
    X = X / power_of_two(X.T).T
    centred = X - X.mean(axis=1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.clip(1 - unit @ unit.T, 0, 2) * ~np.eye(len(unit), dtype=bool))


def compare(model_rdm: np.ndarray, rdms: np.ndarray) -> np.ndarray:
    """Spearman r of a model's RDM with each participant's, over all pairs of different images.

    Parameters
    ----------
    model_rdm : array of shape (n_images, n_images)
    rdms : array of shape (n_participants, n_images, n_images)

    Returns
    -------
    array of shape (n_participants,)

    Raises
    ------
    ValueError
        RDMs that are not square, of other images, not symmetric, not finite, or the same for all pairs.
    """
    models, people = _same_images(np.asarray(model_rdm)[None], rdms)
    return np.asarray(_spearman(models, people)[0])


def rdm_noise_ceiling(rdms: np.ndarray) -> NoiseCeiling:
    """Upper and lower bound of the best possible model's r (Nili et al. 2014, PLoS Comput Biol 10:e1003553).

    Parameters
    ----------
    rdms : array of shape (n_participants, n_images, n_images)

    Raises
    ------
    ValueError
        For a single participant, whom nobody else can predict, and as `compare`.
    """
    people = _pairs("participants' RDMs", rdms)
    upper, lower = _spearman(people.mean(0)[None], people)[0], np.diagonal(_spearman(_others(people), people))
    return NoiseCeiling(float(upper.mean()), float((upper**2).mean()), float(lower.mean()))


def bootstrap(model_rdms: np.ndarray, rdms: np.ndarray, n_bootstrap: int = 1000, seed: int = 0) -> Bootstrap:
    """Draw participants and images with replacement, together; pairs of an image with itself are left out.

    Drawing both at once gives intervals that are too wide rather than too narrow (Schütt et al. 2023, eLife
    12:e82566). An image drawn k times and another drawn l times make k l equal pairs, so a draw is a weight
    per pair: nothing is sorted again. The others who make the lower ceiling are those of the whole sample,
    lest a participant drawn twice predict themselves.

    Parameters
    ----------
    model_rdms : array of shape (n_models, n_images, n_images)
    rdms : array of shape (n_participants, n_images, n_images)
    n_bootstrap, seed : int
        The same seed draws the same images and participants, whatever the models.

    Raises
    ------
    ValueError
        Fewer than 8 images, of which too many draws would hold two or fewer, and as `rdm_noise_ceiling`.
    """
    return _bootstrap(*_same_images(model_rdms, rdms), len(rdms[0]), n_bootstrap, seed)


def _bootstrap(models: np.ndarray, people: np.ndarray, n_images: int, n_bootstrap: int, seed: int) -> Bootstrap:
    if n_images < FEWEST_IMAGES:
        raise ValueError(f"Intervals need at least {FEWEST_IMAGES} images to draw from, found {n_images}.")
    rng, n_people = np.random.default_rng(seed), len(people)
    of_models, of_people, of_others = (_Ranks.of(pairs) for pairs in (models, people, _others(people)))
    r, lower = np.empty((n_bootstrap, len(models))), np.empty(n_bootstrap)
    for b in range(n_bootstrap):
        images = rng.multinomial(n_images, np.full(n_images, 1 / n_images))
        drawn = rng.multinomial(n_people, np.full(n_people, 1 / n_people)) / n_people
        weights = _upper(np.outer(images, images).astype(float))
        answers = of_people.scores(weights)  # (n_people, n_pairs)
        r[b] = of_models.scores(weights) @ (answers.T @ drawn)
        lower[b] = (of_others.scores(weights) * answers).sum(axis=1) @ drawn
    return Bootstrap(r, lower)


def compare_layers(
    layers: Mapping[str, np.ndarray], rdms: np.ndarray, *, n_bootstrap: int = 1000, seed: int = 0
) -> RSAResult:
    """Compare each layer of a network with each participant, with intervals and noise ceilings.

    Parameters
    ----------
    layers : mapping of layer name to RDM of shape (n_images, n_images)
    rdms : array of shape (n_participants, n_images, n_images)
    n_bootstrap, seed : int
        As for `bootstrap`.

    Raises
    ------
    ValueError
        As `bootstrap`.
    """
    models, people = _same_images(np.stack(list(layers.values())), rdms)
    drawn = _bootstrap(models, people, len(rdms[0]), n_bootstrap, seed)
    low, high = np.nanquantile(drawn.r, (0.025, 0.975), axis=0)
    gap_low, gap_high = np.nanquantile(drawn.lower_r[:, None] - drawn.r, (0.025, 0.975), axis=0)
    return RSAResult(tuple(layers), _spearman(models, people), low, high, gap_low, gap_high, rdm_noise_ceiling(rdms))


def compare_areas(
    layers: Mapping[str, np.ndarray],
    areas: Mapping[str, np.ndarray],
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, RSAResult]:
    """`compare_layers` for each area.

    Parameters
    ----------
    layers : mapping of layer name to RDM of shape (n_images, n_images)
    areas : mapping of area to RDMs of shape (n_participants, n_images, n_images)
    n_bootstrap, seed : int
        As for `bootstrap`.
    """
    return {roi: compare_layers(layers, rdms, n_bootstrap=n_bootstrap, seed=seed) for roi, rdms in areas.items()}


def label_rdm(labels: np.ndarray) -> np.ndarray:
    """RDM of a model that knows nothing but a label: 0 where two images share it, 1 where not.

    Parameters
    ----------
    labels : array of shape (n_images,)

    Returns
    -------
    array of shape (n_images, n_images)
    """
    labels = np.asarray(labels)
    different: np.ndarray = labels[:, None] != labels
    return different.astype(np.float64)


# Pairs of images


def _pairs(name: str, rdms: np.ndarray) -> np.ndarray:
    """Values above the diagonal, array of shape (n_rdms, n_pairs); matrices that are no RDMs are refused."""
    rdms = np.asarray(rdms, dtype=np.float64)
    if rdms.ndim != 3 or rdms.shape[1] != rdms.shape[2] or rdms.shape[1] < 3:
        raise ValueError(f"{name}: expected square matrices of at least 3 images, found shape {rdms.shape}.")
    values = _upper(rdms)
    for i, (row, mirrored) in enumerate(zip(values, _upper(rdms.swapaxes(1, 2)), strict=True)):
        if not np.isfinite(row).all():
            raise ValueError(f"{name}: matrix {i} holds NaN or infinite dissimilarities; leave those images out.")
        if not np.allclose(row, mirrored):
            raise ValueError(f"{name}: matrix {i} is not symmetric.")
        if row.min() == row.max():
            raise ValueError(f"{name}: matrix {i} is the same for all pairs of images: nothing can be ranked.")
    return values


def _same_images(model_rdms: np.ndarray, rdms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of models and of participants."""
    models, people = _pairs("models' RDMs", model_rdms), _pairs("participants' RDMs", rdms)
    if models.shape[1] != people.shape[1]:
        raise ValueError(f"The models' RDMs have shape {np.shape(model_rdms)}, the participants' {np.shape(rdms)}.")
    return models, people


def _upper(rdms: np.ndarray) -> np.ndarray:
    """Values (..., n_pairs) above the diagonal of matrices (..., n, n)."""
    rows, columns = np.triu_indices(rdms.shape[-1], 1)
    return np.asarray(rdms[..., rows, columns])


def _others(people: np.ndarray) -> np.ndarray:
    """For each participant's pairs (n_participants, n_pairs), the mean of the others'."""
    if len(people) < 2:
        raise ValueError("A noise ceiling needs at least 2 participants, found 1.")
    return np.asarray((people.sum(axis=0) - people) / (len(people) - 1))


def _spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman r of rows (n_one, n_pairs) with rows (n_other, n_pairs), array of shape (n_one, n_other)."""
    once = np.ones(one.shape[1])
    return np.asarray(_Ranks.of(one).scores(once) @ _Ranks.of(other).scores(once).T)


@dataclass(frozen=True)
class _Ranks:
    """Rows of values, sorted once, to be ranked under any weights.

    Attributes
    ----------
    order : int array of shape (n_rows, n_pairs)
        Which value is the k-th smallest.
    below, upto : int arrays of shape (n_rows, n_pairs)
        Where, in rows of running totals (n_rows, 1 + n_pairs) read as one line, stands the weight of all
        values smaller than this one, and smaller or equal.
    """

    order: np.ndarray
    below: np.ndarray
    upto: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "_Ranks":
        below, upto = (rankdata(values, method, axis=1).astype(int) for method in ("min", "max"))
        start = np.arange(len(values))[:, None] * (values.shape[1] + 1)
        return cls(np.argsort(values, axis=1), start + below - 1, start + upto)

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """Weighted midranks, centred and scaled: rows (n_rows, n_pairs) whose products are Spearman's r.

        `weights` (n_pairs,) says how often each pair was drawn. A row whose drawn values are all equal becomes NaN.
        """
        total = np.zeros((len(self.order), len(weights) + 1))
        np.cumsum(weights[self.order], axis=1, out=total[:, 1:])
        # Twice the midranks; their weighted mean is the whole weight.
        ranks = total.take(self.below) + total.take(self.upto)
        scaled = (ranks - weights.sum()) * np.sqrt(weights)
        with np.errstate(invalid="ignore"):
            return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True))
