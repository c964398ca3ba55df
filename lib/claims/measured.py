"""This book's own sentences about networks and the 92 photographs.

They were written after a first look at these very data. So a verdict describes what was measured; it confirms nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.analysis.images92 import PhotographStudy
from lib.claims.claim import Contrast, SmallestEffect, Verdict, contrast, judge

N_BOOTSTRAP = 500

MEASURED_EFFECTS = {
    "r": SmallestEffect(0.05, "r", "a smaller difference would change no sentence of this page"),
    "depth": SmallestEffect(0.1, "of a network's depth", "these networks have about ten layers"),
}


@dataclass(frozen=True)
class Sentence:
    """A sentence that is decided for each network.

    Attributes
    ----------
    words : str
    of_network : callable
        Maps a study and a network's name to a Contrast.
    """

    words: str
    of_network: Callable[[PhotographStudy, str], Contrast]


def _over_images(shown: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> Contrast:
    """A difference of correlations (n_larger, n_smaller); its error is the spread over resampled images."""
    images = np.flatnonzero(shown)
    draws = np.random.default_rng(0).choice(images, (N_BOOTSTRAP, len(images)))
    spread = np.nanstd([statistic(draw) for draw in draws], axis=0, ddof=1)
    return Contrast(statistic(images), spread, len(images) - 1, "r")


def _best(study: PhotographStudy, label: str, images: np.ndarray) -> np.ndarray:
    """r with FFA of a network's best layer, array of shape (1, 1)."""
    result = study.found[label]
    r: np.ndarray = result.r(result.best, images)[:1, None]
    return r


def _better_than_twins(study: PhotographStudy, network: str) -> Contrast:
    trained, twins = study.trained(network), study.twins(network)
    everything = np.full(len(study.face), True)
    return _over_images(everything, lambda images: _best(study, trained, images) - _best(study, twins, images))


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


SENTENCES = {
    "M1": Sentence("A network trained on objects predicts FFA better than its untrained twins do.", _better_than_twins),
    "M2": Sentence("A layer of the later half predicts FFA better than the first layer.", _late_over_first),
    "M3": Sentence(
        "Within photographs without a face, of which the label says nothing, the trained network predicts FFA.",
        _within_no_faces,
    ),
    "M4": Sentence("The layer most like IT lies deeper than the layer most like EVC (centred).", _order_of_areas),
}


def decide_sentences(study: PhotographStudy) -> dict[str, Verdict]:
    """Decide each of `SENTENCES`; a sentence holds if it holds for every network."""
    return {
        name: judge(name, {network: one.of_network(study, network) for network in study.networks}, MEASURED_EFFECTS)
        for name, one in SENTENCES.items()
    }
