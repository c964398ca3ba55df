"""The claims of paper W (Wang, Lin, Tarr & Wehbe 2021) about networks that encode the brain."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np

from lib.analysis.encoding_study import EncodingStudy, best_layer_score
from lib.claims.claim import Claim, interval_of, margin, resampled_means, weaker
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
    """`_preferred` of each network in each ROI of `layers` (ROI -> layers) that the participant has."""
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
    """`weight_shift` between the two tasks of an architecture, each in its own best voxels, see `resampled_means`.

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


_claim = partial(Claim, paper="wang2021", kind="encoding")

CLAIMS_W = (
    _claim(
        id="W1",
        title="AlexNet: Conv-2 and Conv-3 for V1-V3, FC-7 for place and face areas",
        quote=(
            "in AlexNet-Object features extracted from convolution layers (Conv-2 and Conv-3) encode the early "
            "visual areas (especially V1, V2, V3) better while features extracted from fully connected layer "
            "(FC-7) outperform those from all other layers in encoding Place and Face ROIs"
        ),
        place="Results, Figure 1",
        statistic=(
            "mean R over an ROI's best voxels: the better of Conv-2 and Conv-3 minus the best other layer in "
            "V1-V3; FC-7 minus the best other layer in Place and Face ROIs"
        ),
        rule="every ROI's 95 % interval lies above zero, and so does that of the stack's mean R",
        networks=ALEXNETS[:1],
        contrasts=_w1,
        notebook="fig1_alexnet",
    ),
    _claim(
        id="W2",
        title="AlexNet, V1-V4: the weights' peak moves from Conv-3 to Conv-4 with the task",
        quote=(
            "there is a peak weight shift from Conv-3 layer to Conv-4 layer as we change the task from "
            "AlexNet-Object to AlexNet-Place"
        ),
        place="Results, Figure 1 (its caption: V1-V4)",
        statistic=(
            "mean stacking weight over an ROI's best voxels: Conv-3 minus the largest other weight for "
            "AlexNet-Object, Conv-4 minus the largest other weight for AlexNet-Place"
        ),
        rule="both 95 % intervals lie above zero in each of V1-V4, and so does that of the stack's mean R",
        networks=ALEXNETS,
        contrasts=_w2,
        notebook="fig1_alexnet",
    ),
    _claim(
        id="W3",
        title="ResNet50: the same layers for both tasks, unlike AlexNet",
        quote=(
            "preferred layers by the brain as well as stacking weight are consistent between the two tasks, "
            "indicating that the additional depth of networks might lessen the influence of task in terms brain "
            "prediction"
        ),
        place="Results, Figure 2",
        statistic=(
            "the layer that both ResNet50s together prefer, minus the best other layer, in the network where that "
            "margin is smaller: by mean R and by mean stacking weight, in every ROI; and the share of the stacking "
            "weight that moves to other layers when the task changes, in AlexNet minus in ResNet50, in V1-V4"
        ),
        rule="every 95 % interval lies above zero, and so does that of the stack's mean R",
        networks=(*ALEXNETS, *RESNETS),
        contrasts=_w3,
        notebook="fig2_resnet50",
    ),
    _claim(
        id="W4",
        title="ResNet50: early layers for V1-V4, late ones for place and face areas",
        quote=(
            "features extracted from early layers represent the early visual cortex better while features extracted "
            "from later layers represent Place and Face ROIs better"
        ),
        place="Results, Figure 2",
        statistic=(
            "mean R over an ROI's best voxels: the best of Conv-1, Conv-2 and Conv-3 minus the best of Conv-4, Conv-5 "
            "and Avgpool in V1-V4, the reverse in Place and Face ROIs, for each ResNet50"
        ),
        rule="every 95 % interval lies above zero, and so does that of the stack's mean R",
        networks=RESNETS,
        contrasts=_w4,
        notebook="fig2_resnet50",
    ),
    _claim(
        id="W5",
        title="ResNet50: place and face areas give Conv-5 the largest weight, not the last layer",
        quote=(
            "for Face and Place area prediction, layer 4 in ResNet is assigned the largest stacking weight. Different "
            "from what we see in Alexnet, where the last layer has the largest weight"
        ),
        place="Results, Figure 2",
        statistic=(
            "mean stacking weight over an ROI's best voxels, in Place and Face ROIs: Conv-5 minus the largest other "
            "weight for each ResNet50, FC-7 minus the largest other weight for AlexNet-Object; “layer 4” is read as "
            "torchvision's layer4, the Conv-5 block"
        ),
        rule="every 95 % interval lies above zero, and so does that of the stack's mean R",
        networks=(*RESNETS, *ALEXNETS[:1]),
        contrasts=_w5,
        notebook="fig2_resnet50",
    ),
    _claim(
        id="W6",
        title="edge networks: early layers everywhere, Conv-3 in all areas but V1",
        quote=(
            "For both Edge2d and Edge3d, early layers predict consistently better across ROIs and Conv-3 layer is the "
            "most preferred in all ROIs except V1"
        ),
        place="Figure 3, caption",
        statistic=(
            "mean R over an ROI's best voxels, for each edge network: Conv-3 minus the best other layer; in V1, the "
            "better of Conv-1 and Conv-2 minus the better of Conv-3 and Conv-5"
        ),
        rule="every 95 % interval lies above zero, and so does that of the stack's mean R",
        networks=EDGE_NETWORKS,
        contrasts=_w6,
        notebook="fig3_taskonomy",
    ),
    _claim(
        id="W7",
        title="edge networks predict less well than object and place networks",
        quote=(
            "The overall prediction performance is lower, which is not surprising considering how little information "
            "edge detection task would normally required compared to more high level semantic tasks"
        ),
        place="Results, Figure 3",
        statistic=(
            "mean over all voxels of all ROIs of the difference of R between the stack of each object or place network "
            "and the stack of each edge network"
        ),
        rule="every pair's 95 % interval lies above zero, and so does that of the object or place network's mean R",
        networks=PAPER_W,
        contrasts=_w7,
        notebook="fig3_taskonomy",
    ),
    _claim(
        id="W8",
        title="the stack predicts better than its best layer",
        quote=(
            "The result from stacking is a readily-interpretable combination of individual features that outperforms "
            "the performance of the best feature alone"
        ),
        place="Methods",
        statistic=(
            "mean over all voxels of all ROIs of the difference of R between a network's stack and the layer that is "
            "best out of fold in that voxel, for each network"
        ),
        rule="every network's 95 % interval lies above zero, and so does that of the stack's mean R",
        networks=PAPER_W,
        contrasts=_w8,
        notebook="stacking",
    ),
)
