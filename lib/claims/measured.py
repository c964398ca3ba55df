"""This book's own sentences about networks and the 92 photographs.

They were written after a first look at these very data. So a verdict describes what was measured; it confirms nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.analysis.images92 import PhotographStudy
from lib.claims.claim import Contrast, SmallestEffect, Verdict, contrast, judge

Parts = dict[str, Contrast]  # by network, or by two that are compared
N_BOOTSTRAP = 500

MEASURED_EFFECTS = {
    "r": SmallestEffect(0.05, "r", "a smaller difference would change no sentence of this page"),
    "depth": SmallestEffect(0.1, "of a network's depth", "these networks have about ten layers"),
    "stacking": SmallestEffect(0.01, "r", "paper W's claim W8 is about as little"),
}


@dataclass(frozen=True)
class Sentence:
    """A sentence that is decided for each network, or for two that are compared.

    Attributes
    ----------
    words : str
    parts : callable
        Maps a study to its parts.
    """

    words: str
    parts: Callable[[PhotographStudy], Parts]


def _each(of_network: Callable[[PhotographStudy, str], Contrast]) -> Callable[[PhotographStudy], Parts]:
    """A sentence about each network that was trained on objects."""
    return lambda study: {network: of_network(study, network) for network in study.trained_on("object")}


def _over_images(shown: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], measure: str = "r") -> Contrast:
    """A difference of correlations (n_larger, n_smaller); its error is the spread over resampled images."""
    images = np.flatnonzero(shown)
    draws = np.random.default_rng(0).choice(images, (N_BOOTSTRAP, len(images)))
    spread = np.nanstd([statistic(draw) for draw in draws], axis=0, ddof=1)
    return Contrast(statistic(images), spread, len(images) - 1, measure)


def _best(study: PhotographStudy, label: str, images: np.ndarray) -> np.ndarray:
    """r with FFA of a network's best layer, array of shape (1, 1)."""
    result = study.found[label]
    r: np.ndarray = result.r(result.best, images)[:1, None]
    return r


def _lead(study: PhotographStudy, label: str, other: str) -> Contrast:
    """r with FFA of a network's best layer minus that of another's."""
    everything = np.full(len(study.face), True)
    return _over_images(everything, lambda images: _best(study, label, images) - _best(study, other, images))


def _better_than_twins(study: PhotographStudy, network: str) -> Contrast:
    return _lead(study, study.trained(network), study.twins(network))


def _late_over_first(study: PhotographStudy, network: str) -> Contrast:
    result = study.found[study.trained(network)]
    half = len(result.layers) // 2

    def later_minus_first(images: np.ndarray) -> np.ndarray:
        r = result.r(result.predictions, images)[:, 0]
        difference: np.ndarray = r[half:, None] - r[None, :1]
        return difference

    return _over_images(np.full(len(study.face), True), later_minus_first)


def _within_no_faces(study: PhotographStudy, network: str) -> Contrast:
    return _over_images(~study.face, lambda images: _best(study, study.trained(network), images))


def _order_of_areas(study: PhotographStudy, network: str) -> Contrast:
    """Depth, 0 to 1, of the layer most like IT minus that of the layer most like EVC, in each participant."""
    areas = study.alike[study.trained(network)]
    depth = {area: r.argmax(0) / (len(r) - 1) for area, r in areas.items()}
    values = depth["IT"] - depth["EVC"]
    return contrast(values[None, None, None], np.arange(len(values)), "depth")


def _better_than_edges(study: PhotographStudy) -> Parts:
    pairs = [(one, edges) for one in study.trained_on("object", "place") for edges in study.trained_on("edges")]
    return {f"{one}, {edges}": _lead(study, study.trained(one), study.trained(edges)) for one, edges in pairs}


def _stack_over_best(study: PhotographStudy, network: str) -> Contrast:
    result = study.found[study.trained(network)]

    def gain(images: np.ndarray) -> np.ndarray:
        difference: np.ndarray = (result.r(result.stack, images) - result.r(result.best, images))[:1, None]
        return difference

    return _over_images(np.full(len(study.face), True), gain, "stacking")


SENTENCES = {
    "M1": Sentence(
        "A network trained on objects predicts FFA better than its untrained twins do.", _each(_better_than_twins)
    ),
    "M2": Sentence("A layer of the later half predicts FFA better than the first layer.", _each(_late_over_first)),
    "M3": Sentence(
        "Within photographs without a face, of which the label says nothing, the trained network predicts FFA.",
        _each(_within_no_faces),
    ),
    "M4": Sentence(
        "The layer most like IT lies deeper than the layer most like EVC (centred).", _each(_order_of_areas)
    ),
    "M5": Sentence(
        "A network trained on objects or places predicts FFA better than a network trained to find edges.",
        _better_than_edges,
    ),
    "M6": Sentence("The stack of all layers predicts FFA better than the best layer.", _each(_stack_over_best)),
}

# What these data can be asked of paper W's claims: by which of `SENTENCES`, and what is left out or missing.
ASKED_HERE = {
    "W1": ("M2", "for a face area and other networks; there are no responses of V1-V3, and no place area"),
    "W2": ("", "there are no responses of V1-V4"),
    "W3": ("", "there is no ResNet50 here, and no network trained on places with a licence"),
    "W4": ("M4", "for EVC and IT by dissimilarities, and for other networks; there is no place area"),
    "W5": ("", "there is no ResNet50 here, and no place area"),
    "W6": ("", "it is about Taskonomy's encoders in ten areas"),
    "W7": ("M5", "for a face area, and another edge network"),
    "W8": ("M6", "for a face area and other networks"),
}


def decide_sentences(study: PhotographStudy) -> dict[str, Verdict]:
    """Decide each of `SENTENCES`; a sentence holds if it holds for every network.

    Without a network that a sentence needs, an edge network say, it cannot be asked.
    """
    return {name: judge(name, one.parts(study), MEASURED_EFFECTS) for name, one in SENTENCES.items()}
