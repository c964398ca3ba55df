"""Planting: responses that several networks predict best at once, each from a layer that was chosen for it.

A layer of any network can be predicted from many others, so what is read out of one layer is no signature of it.
Planted here are directions of image space in which each network's chosen layer leads its other layers, the farther away
the more, and the smallest of these leads is as large as possible: a maximin problem over the directions' covariance,
solved by multiplicative weights (Arora, Hazan & Kale 2012).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq

from lib.core.scale import constant_columns

Layer = tuple[str, str]  # network, layer
Profile = Mapping[str, str]  # network -> the layer that predicts best, or EVERY for no layer more than another
EVERY = "every layer"
LESS = "less"  # each of a network's layers is decoded less well than the other network's in its place
UNITS_READ, UNITS_DECODED = 4000, 1000  # of a layer: enough to know what it can predict; as many as paper Y decodes
# Shares of the number of images: components of a layer; effective dimensions of its predictions, the same in every
# layer, so that wide ones have no advantage; dimensions of the space that is searched.
COMPONENTS, DIMENSIONS, BASIS = 0.2, 0.1, 0.3
N_DIRECTIONS, N_DECODED = 40, 60  # the latter of what a network's units vary with, and another's less
N_STEPS, STEP = 60, 20.0
FARTHER = 0.75  # a lead over a layer at distance d shall be d ** FARTHER times that over a neighbour
ALIKE = 0.08  # largest lead that two tasks of one architecture may differ by
COMMON = 0.12  # how much it counts that the chosen layers predict a direction at all


def predictor(activations: np.ndarray) -> np.ndarray:
    """A root B of ridge regression's hat matrix BB' for a layer, at a penalty that suits every layer alike.

    Its trace, the effective dimensions of the predictions, is a tenth of the images.

    Parameters
    ----------
    activations : array of shape (n_images, n_units)

    Returns
    -------
    array of shape (n_images, n_components)
    """
    centred = np.asarray(activations, np.float64) - activations.mean(0, dtype=np.float64)
    wide = centred.shape[0] < centred.shape[1]
    gram = centred @ centred.T if wide else centred.T @ centred
    n = min(max(2, round(COMPONENTS * len(centred))), len(gram))
    variance, axes = eigh(gram, subset_by_index=(len(gram) - n, len(gram) - 1))
    kept = variance > 1e-9 * variance[-1]
    variance, axes = variance[kept] / variance[-1], axes[:, kept]
    scores = axes if wide else centred @ axes
    scores /= np.linalg.norm(scores, axis=0)
    return np.asarray(scores * np.sqrt(variance / (variance + _penalty(variance, DIMENSIONS * len(centred)))))


def variation(activations: np.ndarray) -> np.ndarray:
    """A root B of the covariance BB' of a layer's standardised units: what they vary with, brains may let decode.

    Its trace is that of a `predictor`'s hat matrix; units that do not vary are left out.

    Parameters
    ----------
    activations : array of shape (n_images, n_units)

    Returns
    -------
    array of shape (n_images, n_varying_units)
    """
    units = np.asarray(activations, np.float64)
    units = (units - units.mean(0))[:, ~constant_columns(activations)]
    return np.asarray(units * np.sqrt(DIMENSIONS / units.shape[1]) / units.std(0))


def _penalty(variance: np.ndarray, dimensions: float) -> float:
    """The penalty at which sum v / (v + penalty) is `dimensions`, or half of what there is."""

    def excess(log_penalty: float) -> float:
        return float(np.sum(variance / (variance + np.exp(log_penalty)))) - min(dimensions, len(variance) / 2)

    return float(np.exp(brentq(excess, -40, 40)))


@dataclass(frozen=True)
class LayerAnswers:
    """How layers answer to directions of image space.

    Attributes
    ----------
    basis : array of shape (n_images, n_basis)
        Orthonormal, of what the layers answer to most.
    covariances : mapping of (network, layer) to array of shape (n_basis, n_basis)
        Over directions of the basis: with what a layer predicts when each image is left out in turn, or with its units.
    """

    basis: np.ndarray
    covariances: Mapping[Layer, np.ndarray]


def answers_of(roots: Mapping[Layer, np.ndarray], decoded: bool = False) -> LayerAnswers:
    """How the layers of some networks answer: what all profiles of these networks are planted by.

    Parameters
    ----------
    roots : mapping of (network, layer) to array of shape (n_images, n_components)
        Of all layers of the networks, in their order: each a `predictor`, or each a `variation`.
    decoded : bool
        Each is a `variation`.
    """
    basis, covariance = _basis(np.hstack(list(roots.values()))), _varying if decoded else _predicted
    return LayerAnswers(basis, {layer: covariance(basis, root) for layer, root in roots.items()})


def planted_components(profile: Profile, answers: LayerAnswers, behind: Collection[str] = ()) -> np.ndarray:
    """Directions of image space that each network of a profile predicts best from its chosen layer.

    Where a network is to be decoded `LESS`, the chosen layer's units vary with them most.

    Parameters
    ----------
    profile : mapping of network to layer
    answers : LayerAnswers
        Of these networks; where one is decoded `LESS`, of what their units vary with.
    behind : names
        Networks whose chosen layers predict less than those of the others.

    Returns
    -------
    array of shape (n_images, n_directions)
        Uncorrelated; the sum of their variances is 1.
    """
    basis, found = answers.basis, answers.covariances
    if LESS in profile.values():
        covariance = _maximin(np.array([*_decoded_leads(profile, found)]), N_DECODED)
    else:
        wanted = (*_leads(profile, found), *_likenesses(profile, found), *_behind(profile, found, behind))
        covariance = _maximin(np.array(wanted), N_DIRECTIONS, COMMON * _common(profile, found))
    variance, axes = np.linalg.eigh(covariance)
    kept = variance > 1e-3 * variance[-1]
    directions = basis @ (axes[:, kept] * np.sqrt(variance[kept]))
    return np.asarray(np.sqrt(len(basis)) * (directions - directions.mean(0)))


def _basis(roots: np.ndarray) -> np.ndarray:
    """Orthonormal basis (n_images, n_basis) of what the layers predict most of, by two power iterations."""
    block = np.random.default_rng(0).normal(size=(len(roots), min(max(2, round(BASIS * len(roots))), len(roots) - 1)))
    for _ in range(2):
        block = np.linalg.qr(roots @ (roots.T @ block))[0]
    return block


def _predicted(basis: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Covariance, over directions of the basis, with what a layer predicts when each image is left out in turn."""
    leverage = (root**2).sum(1)
    fitted = (basis / (1 - leverage)[:, None]).T @ root @ (root.T @ basis)
    covariance = fitted - (basis * (leverage / (1 - leverage))[:, None]).T @ basis
    return np.asarray((covariance + covariance.T) / 2)


def _varying(basis: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Covariance, over directions of the basis, with a layer's units."""
    units = basis.T @ root
    return np.asarray(units @ units.T)


def _leads(profile: Profile, predicted: Mapping[Layer, np.ndarray]) -> Iterator[np.ndarray]:
    """Each the lead of a network's chosen layer over another, divided by what their distance in layers asks for."""
    mean = np.mean(list(predicted.values()), axis=0)
    for network, chosen in profile.items():
        layers = [layer for name, layer in predicted if name == network]
        for i, layer in enumerate(layers):
            if chosen == EVERY:
                yield predicted[network, layer] - mean
            elif layer != chosen:
                asked = abs(i - layers.index(chosen)) ** FARTHER
                yield (predicted[network, chosen] - predicted[network, layer]) / asked


def _behind(profile: Profile, predicted: Mapping[Layer, np.ndarray], behind: Collection[str]) -> Iterator[np.ndarray]:
    """Each by how much less a network behind predicts than another that is not, from their chosen layers."""
    for one, other in product(profile.items(), repeat=2):
        if other[0] in behind and one[0] not in behind:
            yield predicted[one] - predicted[other]


def _decoded_leads(profile: Profile, varying: Mapping[Layer, np.ndarray]) -> Iterator[np.ndarray]:
    """Each the lead of a layer over another: the chosen one, by half of it over the other network's output.

    Over the other network's first layer none leads, as paper Y has it.
    """
    first, second = sorted(profile, key=lambda network: profile[network] == LESS)
    one, other = ([hat for (network, _), hat in varying.items() if network == name] for name in (first, second))
    chosen = varying[first, profile[first]]
    yield from (chosen - hat for hat in one if hat is not chosen)
    yield from (hat - its for hat, its in zip(one[1:], other[1:], strict=True))
    yield chosen / 2 - other[-1]


def _likenesses(profile: Profile, predicted: Mapping[Layer, np.ndarray]) -> Iterator[np.ndarray]:
    """How alike two networks predict, layer by layer, if they have one architecture and one chosen layer."""
    for one, other in combinations(profile, 2):
        if profile[one] == profile[other] and one.partition("-")[0] == other.partition("-")[0]:
            for network, layer in predicted:
                if network == one:
                    difference = predicted[one, layer] - predicted[other, layer]
                    yield from (ALIKE * np.eye(len(difference)) + sign * difference for sign in (-1, 1))


def _common(profile: Profile, predicted: Mapping[Layer, np.ndarray]) -> np.ndarray:
    """Mean over the chosen layers."""
    chosen = [hat for (network, layer), hat in predicted.items() if profile[network] in (layer, EVERY)]
    return np.asarray(np.mean(chosen, axis=0))


def _maximin(leads: np.ndarray, n_directions: int, common: np.ndarray | float = 0.0) -> np.ndarray:
    """Covariance of directions, of trace 1, with the largest smallest lead; leads (n_leads, n_basis, n_basis)."""
    weights, total = np.full(len(leads), 1 / len(leads)), np.zeros(leads.shape[1:])
    for step in range(N_STEPS):
        wanted = np.tensordot(weights, leads, 1) + common
        axes = eigh(wanted, subset_by_index=(max(0, len(wanted) - n_directions), len(wanted) - 1))[1]
        covariance = axes @ axes.T / axes.shape[1]
        total += covariance * (step >= N_STEPS // 3)
        weights *= np.exp(-STEP * np.tensordot(leads, covariance, 2))
        weights /= weights.sum()
    return total / np.trace(total)
