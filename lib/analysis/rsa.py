"""Representational similarity analysis: which images a layer, or a brain area, treats as similar.

A representational dissimilarity matrix (RDM) holds one number for each pair of images. It can be compared between
a network and a brain without any mapping from units to voxels (Kriegeskorte, Mur & Bandettini 2008,
Front Syst Neurosci 2:4). All comparisons are made on the pairs above the diagonal.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from lib.core.scale import constant_columns, power_of_two
from lib.core.validation import matrix

SAME = 1e-9  # of the largest dissimilarity: a smaller range is rounding, and its ranks mean nothing


@dataclass(frozen=True)
class NoiseCeiling:
    """How well the true model could do, given that people differ.

    Attributes
    ----------
    upper_r, upper_r2 : float
        Spearman r, and its square, of each participant with the mean of all participants' ranks, averaged. No RDM
        has a higher mean r with these participants: the mean of ranks is the optimum for Spearman's r, while the mean
        of the dissimilarities themselves lies below it.
    lower_r : float
        Spearman r of each participant with the mean of the others' ranks, averaged: what the other people predict.
    """

    upper_r: float
    upper_r2: float
    lower_r: float


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
    model_rdm : array of shape (n_images, n_images) or (n_models, n_images, n_images)
        Of several models at once, participants are ranked once.
    rdms : array of shape (n_participants, n_images, n_images)

    Returns
    -------
    array of shape (n_participants,) or (n_models, n_participants)

    Raises
    ------
    ValueError
        RDMs that are not square, of other images, not symmetric, not finite, or the same for all pairs.
    """
    models = np.asarray(model_rdm)
    pairs = rdm_pairs("model's RDM", models if models.ndim == 3 else models[None])
    people = rdm_pairs("participants' RDMs", rdms)
    if pairs.shape[1] != people.shape[1]:
        raise ValueError(f"The model's RDM has shape {np.shape(model_rdm)}, the participants' {np.shape(rdms)}.")
    r = _spearman(pairs, people)
    return r if models.ndim == 3 else r[0]


def rdm_noise_ceiling(rdms: np.ndarray) -> NoiseCeiling:
    """Upper and lower bound of the best possible model's Spearman r (Nili et al. 2014, PLoS Comput Biol 10:e1003553).

    Parameters
    ----------
    rdms : array of shape (n_participants, n_images, n_images)

    Raises
    ------
    ValueError
        For a single participant, whom nobody else can predict, and as `compare`.
    """
    people = rankdata(rdm_pairs("participants' RDMs", rdms), axis=1)
    others = _others(people)
    upper, lower = _spearman(people.mean(0)[None], people)[0], np.diagonal(_spearman(others, people))
    return NoiseCeiling(float(upper.mean()), float((upper**2).mean()), float(lower.mean()))


# Pairs of images


def rdm_pairs(name: str, rdms: np.ndarray) -> np.ndarray:
    """Values above the diagonal; ValueError for matrices that are no RDMs.

    Parameters
    ----------
    name : str
        What they are, for the message.
    rdms : array of shape (n_rdms, n_images, n_images)

    Returns
    -------
    array of shape (n_rdms, n_pairs)
    """
    rdms = np.asarray(rdms, dtype=np.float64)
    if rdms.ndim != 3 or rdms.shape[1] != rdms.shape[2] or rdms.shape[1] < 3:
        raise ValueError(f"{name}: expected square matrices of at least 3 images, found shape {rdms.shape}.")
    values = _upper(rdms)
    for i, (row, mirrored) in enumerate(zip(values, _upper(rdms.swapaxes(1, 2)), strict=True)):
        if not np.isfinite(row).all():
            raise ValueError(f"{name}: matrix {i} holds NaN or infinite dissimilarities; leave those images out.")
        if not np.allclose(row, mirrored, atol=1e-8 * np.abs(row).max()):
            raise ValueError(f"{name}: matrix {i} is not symmetric.")
        if np.ptp(row) <= SAME * np.abs(row).max():
            raise ValueError(f"{name}: matrix {i} is the same for all pairs of images: nothing can be ranked.")
    return values


def _upper(rdms: np.ndarray) -> np.ndarray:
    """Values (..., n_pairs) above the diagonal of matrices (..., n, n)."""
    rows, columns = np.triu_indices(rdms.shape[-1], 1)
    return np.asarray(rdms[..., rows, columns])


def _others(people: np.ndarray) -> np.ndarray:
    """For each participant's pairs (n_participants, n_pairs), the mean of the others'."""
    if len(people) < 2:
        raise ValueError(f"A noise ceiling needs at least 2 participants, found {len(people)}.")
    return np.asarray((people.sum(axis=0) - people) / (len(people) - 1))


def _spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman r of rows (n_one, n_pairs) with rows (n_other, n_pairs), array of shape (n_one, n_other)."""
    return np.asarray(_unit_ranks(one) @ _unit_ranks(other).T)


def _unit_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along rows (n_rows, n_pairs), centred and scaled so that products of rows are correlations."""
    ranks = rankdata(values, axis=1) - (values.shape[1] + 1) / 2
    return np.asarray(ranks / np.linalg.norm(ranks, axis=1, keepdims=True))
