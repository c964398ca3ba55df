"""The claims of paper Y (Yu, Lu, Hasson, Norman & Pillow 2018) about networks whose units are decoded from the brain.

The paper shows averages over participants, with intervals, for ten ROIs; its sentences name none. So every statistic
here is the mean over ROIs, and its interval resamples the five participants.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lib.analysis.decoding_study import DecodingStudy, mean_over_participants
from lib.core.scores import Interval
from lib.networks.zoo import PAPER_Y

ALEXNET, RESNET50 = PAPER_Y


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


DECODING_CONTRASTS: Mapping[str, Callable[[Any], Mapping[str, Interval]]] = {"Y1": _y1, "Y2": _y2, "Y3": _y3}
