"""Each sentence the papers claim, as a test on results.

A claim about layers is a contrast, not a bare argmax: in any brain, even one where every layer drives every ROI
alike, some layer is the best. So a layer counts as preferred in an ROI when the mean over voxels of its score (or
weight) exceeds that of every other layer by a margin whose 95 % interval lies above zero; and a claim over several
ROIs is as strong as its weakest ROI.

The intervals resample voxels: they say what another set of voxels of the same brain would give. How often a rule is
wrong is measured over simulated participants, where the truth is known.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lib import choose
from lib.encoding import EncodingResult, encode
from lib.networks import load_network
from lib.participants import Participant
from lib.participants.worlds import EARLY, FACE, PLACE
from lib.scores import Interval, bootstrap_mean

HOLDS, FAILS, UNTESTED = "holds", "does not hold", "cannot be tested here"


@dataclass(frozen=True)
class Study:
    """One participant, encoded by several networks.

    Attributes
    ----------
    participant : Participant
    encoding : mapping of network name to EncodingResult
    n_best : int
        Voxels per ROI that are looked at.
    """

    participant: Participant
    encoding: Mapping[str, EncodingResult]
    n_best: int = 200

    def best(self, network: str, roi: str, selection: str = "out-of-fold") -> np.ndarray:
        """Indices of the voxels of `roi` that `network`'s stack predicts best.

        Parameters
        ----------
        selection : "out-of-fold" or "test"
            By which score. Paper W chose by the test score that its figures then show; claims are decided on voxels
            that were not chosen by the numbers under test.
        """
        scores = {"out-of-fold": "stacked_cv_score", "test": "stacked_score"}
        score = getattr(self.encoding[network], scores[choose("selection", selection, scores)])
        return best_voxels(score, self.participant.roi(roi), self.n_best)

    def rois(self, wanted: Iterable[str]) -> list[str]:
        """Those of the wanted ROIs that the participant has, with at least two voxels."""
        return [roi for roi in wanted if roi in self.participant.rois and self.participant.rois[roi].sum() > 1]


def study(participant: Participant, weights: str = "miniature", n_best: int = 200) -> Study:
    """Encode a participant by every network that some claim speaks about."""
    names = dict.fromkeys(network for claim in CLAIMS.values() for network in claim.networks)
    return Study(participant, {name: encode(participant, load_network(name, weights)) for name in names}, n_best)


def best_voxels(score: np.ndarray, roi: np.ndarray, n_best: int) -> np.ndarray:
    """Indices of the `n_best` voxels of an ROI (boolean mask) with the highest score, best first; NaN never counts."""
    voxels = np.flatnonzero(roi & np.isfinite(score))
    return voxels[np.argsort(-score[voxels], kind="stable")[:n_best]]


def margin(values: np.ndarray, wanted: Iterable[int], *, n_bootstrap: int = 2000, seed: int = 0) -> Interval:
    """How far the best of the wanted layers stands above the best of the others, on average over voxels.

    Parameters
    ----------
    values : array of shape (n_layers, n_voxels)
        Scores or weights.
    wanted : indices of layers

    Returns
    -------
    Interval
        Above zero: one of the wanted layers is preferred. 95 % percentile bootstrap over voxels.
    """
    wanted = np.isin(np.arange(len(values)), list(wanted))
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(values.shape[1], np.full(values.shape[1], 1 / values.shape[1]), n_bootstrap)
    means = counts @ values.T / values.shape[1]  # (n_bootstrap, n_layers)
    gaps = means[:, wanted].max(1) - means[:, ~wanted].max(1)
    whole = values.mean(1)
    estimate = whole[wanted].max() - whole[~wanted].max()
    return Interval(float(estimate), *map(float, np.quantile(gaps, [0.025, 0.975])))


@dataclass(frozen=True)
class Verdict:
    """What a claim's test came to.

    Attributes
    ----------
    claim : str
    outcome : "holds", "does not hold" or "cannot be tested here"
    effect : Interval or None
        Of the weakest ROI.
    where : str
        That ROI; or why there was nothing to test.
    """

    claim: str
    outcome: str
    effect: Interval | None
    where: str


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper with the rule that decides it.

    Attributes
    ----------
    id, paper, quote, place : str
        Which sentence, word for word, and where it stands.
    statistic, rule : str
        What is computed, and when the claim holds.
    networks : tuple of str
        Networks it speaks about.
    contrasts : callable
        Maps a Study to {ROI or comparison: Interval}; the claim holds when every interval lies above zero.
    """

    id: str
    paper: str
    quote: str
    place: str
    statistic: str
    rule: str
    networks: tuple[str, ...]
    contrasts: Callable[[Study], Mapping[str, Interval]]

    def evaluate(self, study: Study) -> Verdict:
        """Decide the claim on one study."""
        absent = [network for network in self.networks if network not in study.encoding]
        if absent:
            return Verdict(self.id, UNTESTED, None, f"needs {', '.join(absent)}")
        contrasts = self.contrasts(study)
        if not contrasts:
            return Verdict(self.id, UNTESTED, None, "the participant has none of its ROIs")
        where = min(contrasts, key=lambda name: contrasts[name].low)
        holds = contrasts[where].low > 0
        return Verdict(self.id, HOLDS if holds else FAILS, contrasts[where], where)


def _predicted(study: Study, network: str, roi: str) -> Interval:
    """R of the stack over the best voxels: a preferred layer means nothing where nothing is predicted."""
    return bootstrap_mean(study.encoding[network].stacked_score[study.best(network, roi)])


def _preferred(study: Study, network: str, roi: str, layers: Iterable[str], what: str) -> Interval:
    """Margin of `layers` in an ROI, or how far from predicted the ROI is where that is the weaker of the two."""
    result = study.encoding[network]
    values = getattr(result, what)[:, study.best(network, roi)]
    found = margin(values, [result.layer(layer) for layer in layers])
    return min(found, _predicted(study, network, roi), key=lambda interval: interval.low)


def _w1(study: Study) -> dict[str, Interval]:
    wanted = dict.fromkeys(EARLY[:3], ("Conv-2", "Conv-3")) | dict.fromkeys(PLACE + FACE, ("FC-7",))
    return {roi: _preferred(study, "alexnet-object", roi, wanted[roi], "score") for roi in study.rois(wanted)}


def _w2(study: Study) -> dict[str, Interval]:
    peaks = {"alexnet-object": "Conv-3", "alexnet-place": "Conv-4"}
    return {
        f"{roi}, {network}": _preferred(study, network, roi, [layer], "weights")
        for roi in study.rois(EARLY)
        for network, layer in peaks.items()
    }


CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            id="W1",
            paper="wang2021",
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
            rule="every ROI's 95 % interval above zero, and the stack's mean R too",
            networks=("alexnet-object",),
            contrasts=_w1,
        ),
        Claim(
            id="W2",
            paper="wang2021",
            quote=(
                "there is a peak weight shift from Conv-3 layer to Conv-4 layer as we change the task from "
                "AlexNet-Object to AlexNet-Place"
            ),
            place="Results, Figure 1 (its caption: V1-V4)",
            statistic=(
                "mean stacking weight over an ROI's best voxels: Conv-3 minus the largest other weight for "
                "AlexNet-Object, Conv-4 minus the largest other weight for AlexNet-Place"
            ),
            rule="both 95 % intervals above zero in each of V1-V4, and the stack's mean R too",
            networks=("alexnet-object", "alexnet-place"),
            contrasts=_w2,
        ),
    )
}


def evaluate(study: Study, claims: Iterable[str] = tuple(CLAIMS)) -> list[Verdict]:
    """Decide several claims on one study, in the order given."""
    return [CLAIMS[choose("claim", claim, CLAIMS)].evaluate(study) for claim in claims]
