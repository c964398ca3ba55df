"""The claims of paper Y (Yu, Lu, Hasson, Norman & Pillow 2018) about networks whose units are decoded from the brain.

The paper shows averages over participants, with intervals, for ten ROIs; its sentences name none. So every statistic
here is the mean over ROIs, and its interval resamples the five participants.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from lib.analysis.decoding_study import DecodingStudy, mean_over_participants
from lib.claims.claim import Claim
from lib.core.scores import Interval
from lib.networks.zoo import PAPER_Y

ALEXNET, RESNET50 = PAPER_Y
_SECTION = "Methods and Results, Predicting neural network activity patterns with fMRI responses; Figure 1"


def pair_differences(study: DecodingStudy) -> np.ndarray:
    """AlexNet's score minus ResNet-50's, layer by layer from the second on, shape (n_participants, n_pairs)."""
    cnn, resnet = ([study.overall(layer) for layer in study.layers(network)[1:]] for network in (ALEXNET, RESNET50))
    differences: np.ndarray = np.subtract(cnn, resnet).T
    return differences


def _intervals(contrasts: Mapping[str, np.ndarray]) -> dict[str, Interval]:
    """Means of arrays of shape (n_participants,)."""
    return {name: mean_over_participants(values) for name, values in contrasts.items()}


def _y1(study: DecodingStudy) -> dict[str, Interval]:
    differences = pair_differences(study)
    alexnet = np.mean([study.overall(layer) for layer in study.layers(ALEXNET)[1:]], axis=0)
    pairs = {"mean of the pairs": differences.mean(1), "middle pair": np.median(differences, axis=1)}
    return _intervals({"AlexNet": alexnet, **pairs})


def _y2(study: DecodingStudy) -> dict[str, Interval]:
    *others, output = study.layers(ALEXNET)
    best = study.overall(output)
    return _intervals({output: best} | {f"{output} - {layer}": best - study.overall(layer) for layer in others})


def _y3(study: DecodingStudy) -> dict[str, Interval]:
    cnn, resnet = (study.layers(network)[-1] for network in (ALEXNET, RESNET50))
    return _intervals({f"half of {cnn} - {resnet}": study.overall(cnn) / 2 - study.overall(resnet)})


_claim = partial(Claim, paper="yu2018", kind="decoding", place=_SECTION, notebook="fig4_decoding")

CLAIMS_Y = (
    _claim(
        id="Y1",
        title="ResNet-50's units are decoded less well than AlexNet's",
        quote=(
            "the linear prediction performance with ResNet-50 is significantly worse than AlexNet (except for the "
            "comparison of their first layers, resnet1 and cnn1, respectively)"
        ),
        statistic=(
            "mean r of a layer of AlexNet minus that of ResNet-50's layer of the same number, for the seven pairs from "
            "the second on: their mean, and the middle one (the paper goes on: \u201cfor most other comparisons\u201d)"
        ),
        rule="both 95 % intervals lie above zero, and that of AlexNet's mean r over these layers too",
        networks=(ALEXNET, RESNET50),
        contrasts=_y1,
    ),
    _claim(
        id="Y2",
        title="AlexNet's output layer is decoded best",
        quote=(
            "in the AlexNet experiment, the output layer (cnn8), which should strongly encode category distinction, "
            "achieved the best performance"
        ),
        statistic="mean r of cnn8, and cnn8 minus each of AlexNet's other layers",
        rule="all 95 % intervals lie above zero",
        networks=(ALEXNET,),
        contrasts=_y2,
    ),
    _claim(
        id="Y3",
        title="ResNet-50's output layer is decoded very poorly",
        quote="In comparison, the linear model performance on the output layer of the ResNet-50 is very low.",
        statistic="half the mean r of AlexNet's output layer minus the mean r of ResNet-50's",
        rule="the 95 % interval lies above zero: ResNet-50's is less than half",
        networks=(ALEXNET, RESNET50),
        contrasts=_y3,
    ),
)
