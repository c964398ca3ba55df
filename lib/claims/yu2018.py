"""The claims of paper Y (Yu, Lu, Hasson, Norman & Pillow 2018) about networks whose units are decoded from the brain.

The paper shows averages over participants, with intervals, for ten ROIs; its sentences name none. So every statistic
here is the mean over ROIs, with a t interval over the participants.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lib.analysis.decoding_study import DecodingStudy
from lib.claims.claim import Contrast, Contrasts, contrast
from lib.networks.zoo import PAPER_Y

ALEXNET, RESNET50 = PAPER_Y
ONE_PERSON, NOT_DECODED = "one participant: no interval", "AlexNet's units are not decoded"


def pair_differences(study: DecodingStudy) -> np.ndarray:
    """AlexNet's score minus ResNet-50's, layer by layer from the second on, shape (n_participants, n_pairs)."""
    cnn, resnet = ([study.overall(layer) for layer in study.layers(network)[1:]] for network in (ALEXNET, RESNET50))
    differences: np.ndarray = np.subtract(cnn, resnet).T
    return differences


def _over_people(values: np.ndarray) -> Contrast:
    """A contrast of values of shape (n_participants,)."""
    return contrast(values[None, None, None], np.arange(len(values)), "decoding")


def _decided(decoded: np.ndarray, parts: Mapping[str, np.ndarray]) -> Contrasts:
    """Contrasts of values of shape (n_participants,), where AlexNet's units are decoded at all."""
    if len(decoded) < 2:
        return dict.fromkeys(parts, ONE_PERSON)
    if not _over_people(decoded).interval().low > 0:
        return dict.fromkeys(parts, NOT_DECODED)
    return {name: _over_people(values) for name, values in parts.items()}


def _y1(study: DecodingStudy) -> Contrasts:
    cnn, resnet = (study.layers(network)[1:] for network in (ALEXNET, RESNET50))
    decoded = np.mean([study.overall(layer) for layer in cnn], axis=0)
    names = [f"{one} - {other}" for one, other in zip(cnn, resnet, strict=True)]
    return _decided(decoded, dict(zip(names, pair_differences(study).T, strict=True)))


def _y2(study: DecodingStudy) -> Contrasts:
    *others, output = study.layers(ALEXNET)
    best = study.overall(output)
    return _decided(best, {f"{output} - {layer}": best - study.overall(layer) for layer in others})


def _y3(study: DecodingStudy) -> Contrasts:
    cnn, resnet = (study.layers(network)[-1] for network in (ALEXNET, RESNET50))
    output = study.overall(cnn)
    return _decided(output, {f"half of {cnn} - {resnet}": output / 2 - study.overall(resnet)})


DECODING_CONTRASTS: Mapping[str, Callable[[Any], Contrasts]] = {"Y1": _y1, "Y2": _y2, "Y3": _y3}
