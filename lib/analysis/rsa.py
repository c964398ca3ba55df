"""Representational similarity analysis: which images a layer, or a brain area, takes for alike.

A representational dissimilarity matrix (RDM) holds one number for each two images. It can be compared between
a network and a brain without any mapping from units to voxels (Kriegeskorte, Mur & Bandettini 2008,
Front Syst Neurosci 2:4).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata


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
    """Resampled values, over participants and images at once.

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
        An image whose features are all equal, or not finite, has no correlation with any other.
    """
    centred = np.asarray(features, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        centred = centred - centred.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    silent = np.flatnonzero(~(norm > 0) | ~np.isfinite(norm))
    if len(silent):
        raise ValueError(f"Images {silent.tolist()} have constant or undefined features: no correlation is defined.")
    unit = centred / norm
    return np.clip(1 - unit @ unit.T, 0, 2) * ~np.eye(len(unit), dtype=bool)


def compare(model_rdm: np.ndarray, rdms: np.ndarray) -> np.ndarray:
    """Spearman r of a model's RDM with each participant's, over all pairs of different images.

    Parameters
    ----------
    model_rdm : array of shape (n_images, n_images)
    rdms : array of shape (n_participants, n_images, n_images)

    Returns
    -------
    array of shape (n_participants,)
    """
    ones = np.ones(rdms.shape[1] * (rdms.shape[1] - 1) // 2)
    return _Ranks.of(rdms).scores(ones) @ _Ranks.of(model_rdm[None]).scores(ones)[0]


def noise_ceiling(rdms: np.ndarray) -> NoiseCeiling:
    """Upper and lower bound of the best possible model's r (Nili et al. 2014, PLoS Comput Biol 10:e1003553).

    Parameters
    ----------
    rdms : array of shape (n_participants, n_images, n_images)

    Raises
    ------
    ValueError
        For a single participant, whom nobody else can predict.
    """
    upper = compare(rdms.mean(axis=0), rdms)
    lower = [compare(other, one[None])[0] for other, one in zip(_others(rdms), rdms, strict=True)]
    return NoiseCeiling(float(upper.mean()), float((upper**2).mean()), float(np.mean(lower)))


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
    """
    rng = np.random.default_rng(seed)
    n_people, n_images = rdms.shape[:2]
    models, people, others = _Ranks.of(model_rdms), _Ranks.of(rdms), _Ranks.of(_others(rdms))
    r, lower = np.empty((n_bootstrap, len(model_rdms))), np.empty(n_bootstrap)
    for b in range(n_bootstrap):
        images = rng.multinomial(n_images, np.full(n_images, 1 / n_images))
        drawn = rng.multinomial(n_people, np.full(n_people, 1 / n_people)) / n_people
        weights = _upper(np.outer(images, images).astype(float))
        answers = people.scores(weights)  # (n_people, n_pairs)
        r[b] = models.scores(weights) @ (answers.T @ drawn)
        lower[b] = (others.scores(weights) * answers).sum(axis=1) @ drawn
    return Bootstrap(r, lower)


def compare_layers(
    layers: Mapping[str, np.ndarray], rdms: np.ndarray, *, n_bootstrap: int = 1000, seed: int = 0
) -> RSAResult:
    """Compare each layer of a network with each participant, with intervals and noise ceilings.

    Parameters
    ----------
    layers : mapping of layer name to RDM of shape (n_images, n_images)
    rdms : array of shape (n_participants, n_images, n_images)

    Raises
    ------
    ValueError
        The layers saw another number of images than the participants.
    """
    models = np.stack(list(layers.values()))
    if models.shape[1:] != rdms.shape[1:]:
        raise ValueError(f"The layers' RDMs are {models.shape[1:]}, the participants' {rdms.shape[1:]}.")
    drawn = bootstrap(models, rdms, n_bootstrap, seed)
    low, high = np.quantile(drawn.r, (0.025, 0.975), axis=0)
    gap_low, gap_high = np.quantile(drawn.lower_r[:, None] - drawn.r, (0.025, 0.975), axis=0)
    r = np.stack([compare(model, rdms) for model in models])
    return RSAResult(tuple(layers), r, low, high, gap_low, gap_high, noise_ceiling(rdms))


def label_rdm(labels: np.ndarray) -> np.ndarray:
    """RDM of a model that knows nothing but a label (n_images,): 0 where two images share it, 1 where not."""
    return (labels[:, None] != labels).astype(float)


def compare_areas(
    layers: Mapping[str, np.ndarray],
    areas: Mapping[str, np.ndarray],
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, RSAResult]:
    """`compare_layers` for each area: a mapping of its name to RDMs (n_participants, n_images, n_images)."""
    return {roi: compare_layers(layers, rdms, n_bootstrap=n_bootstrap, seed=seed) for roi, rdms in areas.items()}


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
    def of(cls, rdms: np.ndarray) -> "_Ranks":
        values = _upper(rdms)
        below, upto = (rankdata(values, method, axis=1).astype(int) for method in ("min", "max"))
        start = np.arange(len(values))[:, None] * (values.shape[1] + 1)
        return cls(np.argsort(values, axis=1), start + below - 1, start + upto)

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """Weighted midranks, centred and scaled: rows (n_rows, n_pairs) whose products are Spearman's r.

        `weights` (n_pairs,) says how often each pair was drawn.
        """
        total = np.zeros((len(self.order), len(weights) + 1))
        np.cumsum(weights[self.order], axis=1, out=total[:, 1:])
        # Twice the midranks; their weighted mean is the whole weight.
        ranks = total.take(self.below) + total.take(self.upto)
        scaled = (ranks - weights.sum()) * np.sqrt(weights)
        return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)


def _upper(rdms: np.ndarray) -> np.ndarray:
    """Values (..., n_pairs) above the diagonal of matrices (..., n, n)."""
    rows, columns = np.triu_indices(rdms.shape[-1], 1)
    return rdms[..., rows, columns]


def _others(rdms: np.ndarray) -> np.ndarray:
    """For each participant, the mean RDM of the others; shape as `rdms`."""
    if len(rdms) < 2:
        raise ValueError("A noise ceiling needs two participants at least; found 1.")
    return (rdms.sum(axis=0) - rdms) / (len(rdms) - 1)
