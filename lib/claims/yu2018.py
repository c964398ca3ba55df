"""The claims of paper Y (Yu, Lu, Hasson, Norman & Pillow 2018) about networks whose units are decoded from the brain.

The paper shows averages over participants, with intervals, for ten ROIs; its sentences name none. So every statistic
here is the mean over ROIs, and its interval allows for other participants and for other test images.
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
    cnn, resnet = ([study.overall(name, layer) for layer in study.layers(name)[1:]] for name in (ALEXNET, RESNET50))
    return np.asarray(np.subtract(cnn, resnet).T)


def _over_people(values: np.ndarray) -> Contrast:
    """A contrast of values of shape (n_images, n_participants): people saw the same images."""
    return contrast(values[None, None], np.arange(values.shape[1]), "decoding")


def _decided(study: DecodingStudy, parts: Mapping[str, np.ndarray]) -> Contrasts:
    """Contrasts of values (n_images, n_participants), where AlexNet's units are decoded, all its layers together."""
    decoded = np.mean([study.by_image(ALEXNET, layer) for layer in study.layers(ALEXNET)], axis=0)
    if decoded.shape[1] < 2:
        return dict.fromkeys(parts, ONE_PERSON)
    if not _over_people(decoded).interval().low > 0:
        return dict.fromkeys(parts, NOT_DECODED)
    return {name: _over_people(values) for name, values in parts.items()}


def _y1(study: DecodingStudy) -> Contrasts:
    pairs = zip(study.layers(ALEXNET)[1:], study.layers(RESNET50)[1:], strict=True)
    lead = {f"{one} - {other}": study.by_image(ALEXNET, one) - study.by_image(RESNET50, other) for one, other in pairs}
    return _decided(study, lead)


def _y2(study: DecodingStudy) -> Contrasts:
    *others, output = study.layers(ALEXNET)
    best = study.by_image(ALEXNET, output)
    return _decided(study, {f"{output} - {layer}": best - study.by_image(ALEXNET, layer) for layer in others})


def _y3(study: DecodingStudy) -> Contrasts:
    cnn, resnet = (study.layers(network)[-1] for network in (ALEXNET, RESNET50))
    output = study.by_image(ALEXNET, cnn)
    return _decided(study, {f"half of {cnn} - {resnet}": output / 2 - study.by_image(RESNET50, resnet)})


DECODING_CONTRASTS: Mapping[str, Callable[[Any], Contrasts]] = {"Y1": _y1, "Y2": _y2, "Y3": _y3}
