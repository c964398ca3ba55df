"""The claims of paper W (Wang, Lin, Tarr & Wehbe 2021) about networks that encode the brain.

Networks are compared on the same voxels of an area (`EncodingStudy.common`): two groups of voxels that were each chosen
by one network differ even where the networks do not.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from math import comb
from typing import Any

import numpy as np

from lib.analysis.encoding import EncodingResult
from lib.analysis.encoding_study import FEW_BLOCKS, MIN_VOXELS, EncodingStudy
from lib.claims.claim import Contrast, Contrasts, contrast
from lib.core.scores import squared_pseudo_values
from lib.data.areas import EARLY, FACE, PLACE, ROIS
from lib.networks.zoo import PAPER_W

ALEXNETS, RESNETS, EDGE_NETWORKS = PAPER_W[:2], PAPER_W[2:4], PAPER_W[4:]  # objects before places, 2D before 3D
TOO_FEW, NOT_PREDICTED = f"fewer than {MIN_VOXELS} reliable voxels", "its voxels are not predicted"

Values = Callable[[np.ndarray], np.ndarray]  # voxels -> values of shape (n_larger, n_smaller, n_images, n_voxels)


def _scores(result: EncodingResult, voxels: np.ndarray) -> np.ndarray:
    """R of each layer by group of test images, array of shape (n_layers, n_images, n_voxels)."""
    known = result.score_by_images
    return result.score[:, None, voxels] if known is None else known[:-1, :, voxels]


def _weights(result: EncodingResult, voxels: np.ndarray) -> np.ndarray:
    """Stacking weight of each layer by group of training images, array of shape (n_layers, n_images, n_voxels)."""
    known = result.weights_by_images
    return result.weights[:, None, voxels] if known is None else known[:, :, voxels]


def _stacked(result: EncodingResult, voxels: np.ndarray) -> np.ndarray:
    """R of the stack by group of test images, array of shape (1, 1, n_images, n_voxels)."""
    known = result.score_by_images
    return result.stacked_score[None, None, None, voxels] if known is None else known[-1, None, None][..., voxels]


_MEASURES = {"score": _scores, "weights": _weights}
_OF_SCORES = ("score", "variance")  # measures that the noise ceiling bounds


def _decided(
    study: EncodingStudy, networks: Sequence[str], voxels: np.ndarray, values: Values, measure: str, same: bool = False
) -> Contrast | str:
    """A contrast over voxels, or why there is none: a preferred layer means nothing where nothing is predicted."""
    if len(voxels) < MIN_VOXELS:
        return TOO_FEW
    blocks = study.blocks(voxels)
    predicted = [contrast(_stacked(study.encoding[name], voxels), blocks, "score") for name in networks]
    if any(not one.interval().low > 0 for one in predicted):
        return NOT_PREDICTED
    if measure != "score":
        blocks = study.blocks(voxels, FEW_BLOCKS)
    ceiling = study.participant.noise_ceiling[voxels] if measure in _OF_SCORES else None
    return contrast(values(voxels), blocks, measure, same, ceiling=ceiling)


def _against(values: np.ndarray, wanted: Iterable[int]) -> np.ndarray:
    """Wanted layers minus the others: (n_layers, n_images, n_voxels) to (n_wanted, n_others, n_images, n_voxels)."""
    chosen = np.isin(np.arange(len(values)), list(wanted))
    return np.asarray(values[chosen][:, None] - values[~chosen][None])


def preferences(
    study: EncodingStudy,
    networks: Sequence[str],
    layers: Mapping[str, Sequence[str]],
    what: str,
    together: Sequence[str] = (),
) -> Contrasts:
    """Whether one of the wanted layers exceeds every other layer, in each ROI and network.

    Parameters
    ----------
    study : EncodingStudy
    networks : names
    layers : mapping of ROI to the layers wanted there
    what : "score" or "weights"
        Whose means are compared.
    together : names
        Networks that choose the voxels; by default `networks`.
    """
    group = tuple(together) or networks

    def one(roi: str, network: str) -> Contrast | str:
        """One part of the claim."""
        result = study.encoding[network]
        wanted = [result.layer(layer) for layer in layers[roi]]
        voxels = study.common(group, roi)
        return _decided(study, [network], voxels, lambda v: _against(_MEASURES[what](result, v), wanted), what)

    return {f"{roi}, {network}": one(roi, network) for roi, network in product(layers, networks)}


# Depth: a number per voxel, in layers, that moves when a network's preferred layer does


def depth(result: EncodingResult, voxels: np.ndarray, what: str) -> np.ndarray:
    """Where in a network a voxel's preference lies, counted in layers from 0.

    Parameters
    ----------
    result : EncodingResult
    voxels : int array of shape (n_voxels,)
    what : "score" or "weights"
        The layer of highest R out of fold, or the centre of the stacking weights.

    Returns
    -------
    array of shape (n_images, n_voxels)
    """
    if what == "score":
        return np.asarray(result.cv_score[:, voxels].argmax(0), float)[None]
    return np.asarray(np.tensordot(np.arange(len(result.layers)), _weights(result, voxels), 1))


def _shift(study: EncodingStudy, pair: Sequence[str], what: str, voxels: np.ndarray) -> np.ndarray:
    """Layers by which the preference moves from one network of a pair to the other, shape (n_images, n_voxels)."""
    objects, places = (depth(study.encoding[name], voxels, what) for name in pair)
    return np.asarray(places - objects)


def task_shift(study: EncodingStudy, pair: Sequence[str], roi: str, what: str = "weights") -> Contrast | str:
    """Layers by which an area's preference moves between the two tasks of an architecture.

    Zero on average where the task has no effect, whatever the noise.

    Parameters
    ----------
    study : EncodingStudy
    pair : names of two networks
        Compared on the same voxels.
    roi : str
    what : "score" or "weights"
        As for `depth`.
    """
    voxels = study.common(pair, roi)
    return _decided(study, pair, voxels, lambda v: _shift(study, pair, what, v)[None, None], "depth", same=True)


def shift_excess(study: EncodingStudy, roi: str) -> Contrast | str:
    """Layers by which AlexNet's weights move with the task beyond those of ResNet50, in whatever direction these do.

    Parameters
    ----------
    study : EncodingStudy
    roi : str
    """

    def values(voxels: np.ndarray) -> np.ndarray:
        """AlexNet's move beyond that of ResNet50 in either direction, shape (1, 2, n_images, n_voxels)."""
        alexnet, resnet = (_shift(study, pair, "weights", voxels) for pair in (ALEXNETS, RESNETS))
        return np.stack([alexnet - resnet, alexnet + resnet])[None]

    networks = (*ALEXNETS, *RESNETS)
    return _decided(study, networks, study.common(networks, roi), values, "depth")


def best_of(result: EncodingResult, voxels: np.ndarray, n_layers: int) -> np.ndarray:
    """Mean test R of the layer that is best out of fold among `n_layers` drawn at random.

    A network with more layers has more to choose from; this is what each would reach with as many.

    Parameters
    ----------
    result : EncodingResult
    voxels : int array of shape (n_voxels,)
    n_layers : int

    Returns
    -------
    array of shape (n_images, n_voxels)
    """
    n = len(result.layers)
    order = (-result.cv_score[:, voxels]).argsort(0)[:, None]
    ranked = np.take_along_axis(_scores(result, voxels), order, 0)  # the best out of fold first
    chance = [comb(n - 1 - rank, n_layers - 1) / comb(n, n_layers) for rank in range(n)]  # that all better ones miss
    return np.asarray(np.tensordot(chance, ranked, 1))


def _everywhere(
    study: EncodingStudy, better: str, networks: Sequence[str], values: Values, measure: str = "score"
) -> Contrast | str:
    """A difference of R or R2 over the voxels of all ROIs."""
    voxels = np.unique(np.concatenate([study.common(networks, roi) for roi in ROIS]))
    return _decided(study, [better], voxels, values, measure)


def equal_choice(study: EncodingStudy, better: str, worse: str, networks: Sequence[str] = PAPER_W) -> Contrast | str:
    """How much better one network's best layer predicts than another's, with equally many layers to choose from.

    Parameters
    ----------
    study : EncodingStudy
    better, worse : str
    networks : names
        Who choose the voxels.
    """
    one, other = study.encoding[better], study.encoding[worse]
    n = min(len(one.layers), len(other.layers))
    return _everywhere(study, better, networks, lambda v: (best_of(one, v, n) - best_of(other, v, n))[None, None])


def stack_gain(study: EncodingStudy, network: str, networks: Sequence[str] = PAPER_W) -> Contrast | str:
    """How much more variance the stack explains than the layer that is best out of fold in the voxel.

    Parameters
    ----------
    study : EncodingStudy
    network : str
    networks : names
        Who choose the voxels.
    """
    result = study.encoding[network]

    def gain(voxels: np.ndarray) -> np.ndarray:
        """R2 of the stack minus that of each voxel's best layer, shape (1, 1, n_images, n_voxels)."""
        best = result.cv_score[:, voxels].argmax(0)[None]
        layer = np.take_along_axis(result.score[:, voxels], best, 0)
        by_images = np.take_along_axis(_scores(result, voxels), best[None], 0)
        stack = squared_pseudo_values(result.stacked_score[None, voxels], _stacked(result, voxels)[0])
        return np.asarray(stack - squared_pseudo_values(layer, by_images))[None]

    return _everywhere(study, network, networks, gain, "variance")


def _w1(study: EncodingStudy) -> Contrasts:
    wanted = dict.fromkeys(EARLY[:3], ("Conv-2", "Conv-3")) | dict.fromkeys(PLACE + FACE, ("FC-7",))
    return preferences(study, ALEXNETS[:1], wanted, "score")


def _w2(study: EncodingStudy) -> Contrasts:
    peaks = dict(zip(ALEXNETS, ("Conv-3", "Conv-4"), strict=True))
    parts = (
        preferences(study, [name], dict.fromkeys(EARLY, (layer,)), "weights", ALEXNETS) for name, layer in peaks.items()
    )
    return {name: one for part in parts for name, one in part.items()}


def _w3(study: EncodingStudy) -> Contrasts:
    same = {
        f"{roi}, {name}": task_shift(study, RESNETS, roi, what)
        for roi, (name, what) in product(ROIS, {"R": "score", "weight": "weights"}.items())
    }
    return same | {f"{roi}, AlexNet beyond ResNet50": shift_excess(study, roi) for roi in EARLY}


def _w4(study: EncodingStudy) -> Contrasts:
    early, late = ("Conv-1", "Conv-2", "Conv-3"), ("Conv-4", "Conv-5", "Avgpool")

    def one(roi: str, network: str) -> Contrast | str:
        """One part of the claim."""
        result = study.encoding[network]
        sign = np.isin(result.layers, early) / len(early) - np.isin(result.layers, late) / len(late)
        weighted = sign if roi in EARLY else -sign
        return _decided(
            study,
            [network],
            study.common(RESNETS, roi),
            lambda v: np.tensordot(weighted, _scores(result, v), 1)[None, None],
            "score",
        )

    return {f"{roi}, {network}": one(roi, network) for roi, network in product(ROIS, RESNETS)}


def _w5(study: EncodingStudy) -> Contrasts:
    networks = (*RESNETS, ALEXNETS[0])
    fourth, last = (dict.fromkeys(PLACE + FACE, (layer,)) for layer in ("Conv-5", "FC-7"))
    return {
        **preferences(study, RESNETS, fourth, "weights", networks),
        **preferences(study, ALEXNETS[:1], last, "weights", networks),
    }


def _w6(study: EncodingStudy) -> Contrasts:
    wanted = dict.fromkeys(ROIS, ("Conv-3",)) | {"V1": ("Conv-1", "Conv-2")}
    return preferences(study, EDGE_NETWORKS, wanted, "score")


def _w7(study: EncodingStudy) -> Contrasts:
    pairs = product((*ALEXNETS, *RESNETS), EDGE_NETWORKS)
    return {f"{name} over {edges}": equal_choice(study, name, edges) for name, edges in pairs}


def _w8(study: EncodingStudy) -> Contrasts:
    return {name: stack_gain(study, name) for name in PAPER_W}


ENCODING_CONTRASTS: Mapping[str, Callable[[Any], Contrasts]] = {
    "W1": _w1,
    "W2": _w2,
    "W3": _w3,
    "W4": _w4,
    "W5": _w5,
    "W6": _w6,
    "W7": _w7,
    "W8": _w8,
}
