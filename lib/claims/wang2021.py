"""The claims of paper W (Wang, Lin, Tarr & Wehbe 2021) about networks that encode the brain."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from lib.analysis.encoding_study import EncodingStudy, best_layer_score
from lib.claims.claim import interval_of, margin, resampled_means, weaker
from lib.core.scores import Interval, bootstrap_mean
from lib.data.areas import EARLY, FACE, PLACE, ROIS
from lib.networks.zoo import PAPER_W

ALEXNETS, RESNETS, EDGE_NETWORKS = PAPER_W[:2], PAPER_W[2:4], PAPER_W[4:]  # objects before places, 2D before 3D

Contrasts = dict[str, Interval]


def _predicted(study: EncodingStudy, network: str, roi: str) -> Interval:
    """R of the stack over the best voxels: a preferred layer means nothing where nothing is predicted."""
    return bootstrap_mean(study.encoding[network].stacked_score[study.best(network, roi)])


def _preferred(study: EncodingStudy, network: str, roi: str, layers: Iterable[str], what: str) -> Interval:
    """Margin of `layers` in an ROI, or how far from predicted the ROI is where that is the weaker of the two."""
    result = study.encoding[network]
    values = getattr(result, what)[:, study.best(network, roi)]
    found = margin(values, [result.layer(layer) for layer in layers])
    return weaker(found, _predicted(study, network, roi))


def preferences(
    study: EncodingStudy, networks: Sequence[str], layers: Mapping[str, Sequence[str]], what: str
) -> Contrasts:
    """How far each network prefers the wanted layers in each ROI that the participant has.

    A margin (see `lib.claims.margin`), or R of the stack where that is the weaker of the two.

    Parameters
    ----------
    study : EncodingStudy
    networks : names
    layers : mapping of ROI to the layers wanted there
    what : "score" or "weights"
        Whose means over the best voxels are compared.
    """
    pairs = product(study.rois(layers), networks)
    return {f"{roi}, {network}": _preferred(study, network, roi, layers[roi], what) for roi, network in pairs}


def _shared_preference(study: EncodingStudy, networks: Sequence[str], roi: str, what: str) -> Interval:
    """Margin, in the network where it is weaker, of the layer that two networks together prefer in an ROI."""
    layers = study.encoding[networks[0]].layers
    means = [getattr(study.encoding[name], what)[:, study.best(name, roi)].mean(1) for name in networks]
    together = layers[np.sum(means, axis=0).argmax()]
    return weaker(*(_preferred(study, name, roi, [together], what) for name in networks))


def weight_shift(weights: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of the stacking weight that lies on other layers in one network than in the other.

    Parameters
    ----------
    weights, others : arrays of shape (..., n_layers), each summing to 1

    Returns
    -------
    array of shape (...), 0 (the same profile) to 1 (no layer in common)
    """
    moved: np.ndarray = np.abs(weights - others).sum(-1) / 2
    return moved


def task_shift(study: EncodingStudy, pair: Sequence[str], roi: str) -> np.ndarray:
    """Share of the stacking weight that moves between the two tasks of an architecture, see `weight_shift`.

    Parameters
    ----------
    study : EncodingStudy
    pair : names of two networks
        Each is looked at in its own best voxels, see `resampled_means`.
    roi : str

    Returns
    -------
    array of shape (1 + n_bootstrap,)
    """
    weights = [study.encoding[name].weights[:, study.best(name, roi)] for name in pair]
    return weight_shift(*(resampled_means(values, seed=i) for i, values in enumerate(weights)))


def _better(study: EncodingStudy, one: np.ndarray, other: np.ndarray) -> Interval:
    """How much better `one` predicts than `other`, or how far from predicted it is where that is less.

    Parameters
    ----------
    one, other : arrays of shape (n_voxels,)
        R. The mean is over the voxels of all ROIs.
    """
    voxels = np.any([study.participant.roi(roi) for roi in study.rois(ROIS)], axis=0)
    return weaker(bootstrap_mean((one - other)[voxels]), bootstrap_mean(one[voxels]))


def _w1(study: EncodingStudy) -> Contrasts:
    wanted = dict.fromkeys(EARLY[:3], ("Conv-2", "Conv-3")) | dict.fromkeys(PLACE + FACE, ("FC-7",))
    return preferences(study, ALEXNETS[:1], wanted, "score")


def _w2(study: EncodingStudy) -> Contrasts:
    objects, places = (dict.fromkeys(EARLY, (layer,)) for layer in ("Conv-3", "Conv-4"))
    return {
        **preferences(study, ALEXNETS[:1], objects, "weights"),
        **preferences(study, ALEXNETS[1:], places, "weights"),
    }


def _w3(study: EncodingStudy) -> Contrasts:
    same = {
        f"{roi}, {name}": _shared_preference(study, RESNETS, roi, what)
        for roi, (name, what) in product(study.rois(ROIS), {"R": "score", "weight": "weights"}.items())
    }
    moves = {roi: task_shift(study, ALEXNETS, roi) - task_shift(study, RESNETS, roi) for roi in study.rois(EARLY)}
    return same | {f"{roi}, against AlexNet": interval_of(more) for roi, more in moves.items()}


def _w4(study: EncodingStudy) -> Contrasts:
    early, late = ("Conv-1", "Conv-2", "Conv-3"), ("Conv-4", "Conv-5", "Avgpool")
    return preferences(study, RESNETS, dict.fromkeys(EARLY, early) | dict.fromkeys(PLACE + FACE, late), "score")


def _w5(study: EncodingStudy) -> Contrasts:
    fourth, last = (dict.fromkeys(PLACE + FACE, (layer,)) for layer in ("Conv-5", "FC-7"))
    return {
        **preferences(study, RESNETS, fourth, "weights"),
        **preferences(study, ALEXNETS[:1], last, "weights"),
    }


def _w6(study: EncodingStudy) -> Contrasts:
    wanted = dict.fromkeys(ROIS, ("Conv-3",)) | {"V1": ("Conv-1", "Conv-2")}
    return preferences(study, EDGE_NETWORKS, wanted, "score")


def _w7(study: EncodingStudy) -> Contrasts:
    stacked = {name: study.encoding[name].stacked_score for name in PAPER_W}
    pairs = product((*ALEXNETS, *RESNETS), EDGE_NETWORKS) if study.rois(ROIS) else ()
    return {f"{name} over {edges}": _better(study, stacked[name], stacked[edges]) for name, edges in pairs}


def _w8(study: EncodingStudy) -> Contrasts:
    results = {name: study.encoding[name] for name in PAPER_W if study.rois(ROIS)}
    return {name: _better(study, r.stacked_score, best_layer_score(r)) for name, r in results.items()}


ENCODING_CONTRASTS: Mapping[str, Callable[[Any], Mapping[str, Interval]]] = {
    "W1": _w1,
    "W2": _w2,
    "W3": _w3,
    "W4": _w4,
    "W5": _w5,
    "W6": _w6,
    "W7": _w7,
    "W8": _w8,
}
