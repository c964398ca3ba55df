"""Stacking carried over to dissimilarities: which layers' geometry, combined, predicts an area's for other images.

The weights are non-negative and are learned on one half of the images (Khaligh-Razavi & Kriegeskorte 2014; Jozwik et
al. 2016); the other half, none of whose pairs was seen, is predicted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from lib.analysis.rsa import compare, rdm_pairs
from lib.core.validation import matrix


@dataclass(frozen=True)
class StackedGeometry:
    """How well combined layers predict an area's dissimilarities of held-out images, mean over random halves.

    Attributes
    ----------
    layers : tuple of str
    weights : array of shape (n_layers,)
        Share of each layer in the combination, mean over halves; the shares sum to 1.
    stack, best : arrays of shape (n_participants,)
        Spearman r with each participant, of the combination, and of the layer that was best on the other images.
    """

    layers: tuple[str, ...]
    weights: np.ndarray
    stack: np.ndarray
    best: np.ndarray


def stack_geometry(
    layers: Mapping[str, np.ndarray], rdms: np.ndarray, *, n_halves: int = 20, seed: int = 0
) -> StackedGeometry:
    """Learn weights of the layers on half of the images and predict the other half, `n_halves` times.

    Parameters
    ----------
    layers : mapping of layer to RDM of shape (n_images, n_images)
    rdms : array of shape (n_participants, n_images, n_images)
    n_halves : int
        Random halves; each is predicted from the other, so there are twice as many fits.
    seed : int
        Of the halves.

    Raises
    ------
    ValueError
        Matrices that are no RDMs, other images than the participants', fewer than 6 images, no layer or none that
        tells pairs apart, or no halves.
    """
    if not layers or n_halves < 1:
        raise ValueError(f"Needed: at least one layer and n_halves of at least 1, not {len(layers)} and {n_halves}.")
    rdm_pairs("participants' RDMs", rdms)
    rdms = np.asarray(rdms, np.float64)
    n = rdms.shape[-1]
    models = np.stack([matrix(name, model, n_rows=n, n_columns=n, min_rows=6) for name, model in layers.items()])
    rng, found = np.random.default_rng(seed), []
    for _ in range(n_halves):
        halves = np.array_split(rng.permutation(n), 2)
        found += [_predict_half(models, rdms, *halves), _predict_half(models, rdms, *halves[::-1])]
    weights, stack, best = (np.mean(values, axis=0) for values in zip(*found, strict=True))
    return StackedGeometry(tuple(layers), weights, stack, best)


def _predict_half(
    models: np.ndarray, rdms: np.ndarray, learn: np.ndarray, held_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of the layers, and Spearman r of stack and best layer with each participant over the held-out half."""
    upper = np.triu_indices(len(learn), 1)
    X, y = (_part(models, learn)[:, *upper], _part(rdms, learn).mean(0)[upper])
    spread = X.std(1)
    usable = spread > 1e-9 * np.abs(X).max(1)  # a layer that tells no two pairs apart combines to nothing
    if not usable.any():
        raise ValueError("No layer tells any two pairs of images apart: all its dissimilarities are the same.")
    scaled = np.where(usable[:, None], X / np.where(usable, spread, 1)[:, None], 0)
    coefficients = nnls(np.column_stack([scaled.T, np.ones(len(y))]), y)[0][:-1]
    if not coefficients.any():  # no layer is like the area at all: then all alike
        coefficients = usable.astype(float)
    weights = coefficients / coefficients.sum()
    combined = np.tensordot(np.where(usable, coefficients / np.where(usable, spread, 1), 0), models, 1)
    ranked = compare(_part(models[usable], learn), _part(rdms, learn)).mean(1)
    best = models[usable][ranked.argmax()]
    stack, alone = compare(_part(np.stack([combined, best]), held_out), _part(rdms, held_out))
    return weights, stack, alone


def _part(rdms: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The dissimilarities (..., n, n) of some images."""
    return rdms[..., images[:, None], images]
