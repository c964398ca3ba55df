"""This book's own sentences about networks and the 92 photographs, which stand in `measured.toml`.

They were written after a first look at these very data. So a verdict describes what was measured; it confirms nothing.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.analysis.images92 import PhotographStudy
from lib.claims.claim import Contrast, SmallestEffect, Verdict, contrast, judge

Parts = dict[str, Contrast]  # by network, or by two that are compared
N_BOOTSTRAP = 500
_FILE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
MEASURED_EFFECTS = {measure: SmallestEffect(**entry) for measure, entry in _FILE["smallest"].items()}
# What these data can be asked of paper W's claims: by which of `SENTENCES`, and what is left out or missing.
ASKED_HERE: dict[str, tuple[str, str]] = {claim: tuple(answer) for claim, answer in _FILE["asked_here"].items()}


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
    return np.asarray(result.r(result.best, images)[:1, None])


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
        """R of each layer of the later half minus that of the first layer, on some images."""
        r = result.r(result.predictions, images)[:, 0]
        return np.asarray(r[half:, None] - r[None, :1])

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
        """R of the stack minus that of the best layer, on some images."""
        return np.asarray((result.r(result.stack, images) - result.r(result.best, images))[:1, None])

    return _over_images(np.full(len(study.face), True), gain, "stacking")


_PARTS = {
    "M1": _each(_better_than_twins),
    "M2": _each(_late_over_first),
    "M3": _each(_within_no_faces),
    "M4": _each(_order_of_areas),
    "M5": _better_than_edges,
    "M6": _each(_stack_over_best),
}
SENTENCES = {name: Sentence(words, _PARTS[name]) for name, words in _FILE["sentences"].items()}


def decide_sentences(study: PhotographStudy) -> dict[str, Verdict]:
    """Decide each of `SENTENCES`; a sentence holds if it holds for every network.

    Without a network that a sentence needs, an edge network say, it cannot be asked.
    """
    return {name: judge(name, one.parts(study), MEASURED_EFFECTS) for name, one in SENTENCES.items()}
