"""What the encoding claims are decided on: one participant, encoded by several networks."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np

from lib.analysis.encoding import EncodingResult, encode
from lib.core import choose
from lib.data import Brain, Participant, Responses
from lib.data.areas import ROIS
from lib.networks import load_network


@dataclass(frozen=True)
class EncodingStudy:
    """One participant, encoded by several networks.

    Attributes
    ----------
    participant : Brain
    encoding : mapping of network name to EncodingResult
    n_best : int
        Voxels per ROI that are looked at.
    weights : str
        Which weights the networks had, as for `lib.networks.load_network`.
    """

    participant: Brain
    encoding: Mapping[str, EncodingResult]
    n_best: int = 200
    weights: str = "miniature"
    kind: ClassVar[str] = "encoding"

    @property
    def networks(self) -> Collection[str]:
        """Names of the networks that were analysed."""
        return self.encoding.keys()

    def __str__(self) -> str:
        """A line per network: what was fitted."""
        return "\n".join(
            f"{name}: {len(result.layers)} layers ({', '.join(result.layers)}), {len(result.stacked_score):,} voxels"
            + "".join(f"; {note}" for note in result.notes)
            for name, result in self.encoding.items()
        )

    def only(self, networks: Iterable[str]) -> "EncodingStudy":
        """The same study with some of its networks, for a figure that shows no others."""
        return replace(self, encoding={name: self.encoding[name] for name in networks})

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

    def rois(self, wanted: Iterable[str] | None = None) -> list[str]:
        """Those of the wanted ROIs that the participant has, with at least two voxels that could be fitted.

        By default all: paper W's in its order, then others.
        """
        wanted = dict.fromkeys((*ROIS, *self.participant.rois)) if wanted is None else wanted
        fitted = np.all([np.isfinite(result.stacked_score) for result in self.encoding.values()], axis=0)
        return [roi for roi in wanted if (self.participant.rois.get(roi, False) & fitted).sum() > 1]


def encoding_study(
    participant: Participant, networks: Iterable[str], weights: str = "miniature", n_best: int = 200
) -> EncodingStudy:
    """Encode a participant by several networks."""
    encoding = {name: encode(participant, load_network(name, weights)) for name in networks}
    return EncodingStudy(participant, encoding, n_best, weights)


def encoding_studies(
    participants: Mapping[str, Participant], networks: Iterable[str], weights: str = "miniature", n_best: int = 200
) -> dict[str, EncodingStudy]:
    """Encode participants who saw the same images: every layer is decomposed once for all of them.

    Raises
    ------
    ValueError
        The images differ.
    """
    together = encoding_study(side_by_side(list(participants.values())), networks, weights, n_best)
    ends = np.cumsum([person.n_voxels for person in participants.values()])
    own = [slice(end - person.n_voxels, end) for person, end in zip(participants.values(), ends, strict=True)]
    return {
        name: replace(together, participant=person, encoding={n: part(r, voxels) for n, r in together.encoding.items()})
        for (name, person), voxels in zip(participants.items(), own, strict=True)
    }


def side_by_side(participants: Sequence[Participant]) -> Participant:
    """One participant that holds all the voxels of several, and no ROIs; images that differ are refused."""

    def joined(name: str) -> Responses:
        parts = [getattr(person, name) for person in participants]
        if any(not np.array_equal(one.stimulus_ids, parts[0].stimulus_ids) for one in parts):
            raise ValueError("These participants did not see the same images, so they cannot be encoded together.")
        return replace(parts[0], responses=np.hstack([one.responses for one in parts]))

    return replace(participants[0], train=joined("train"), test=joined("test"), rois={})


def part(result: EncodingResult, voxels: slice) -> EncodingResult:
    """The same result for some of its voxels."""
    arrays = {field.name: getattr(result, field.name) for field in fields(result)}
    return replace(result, **{n: a[..., voxels] for n, a in arrays.items() if isinstance(a, np.ndarray)})


def best_voxels(score: np.ndarray, roi: np.ndarray, n_best: int) -> np.ndarray:
    """Indices of the `n_best` voxels of an ROI (boolean mask) with the highest score, best first; NaN never counts."""
    voxels = np.flatnonzero(roi & np.isfinite(score))
    return voxels[np.argsort(-score[voxels], kind="stable")[:n_best]]


def best_layer_score(result: EncodingResult) -> np.ndarray:
    """Test score of the layer that is best out of fold, array of shape (n_voxels,): a fair rival of the stack."""
    return np.take_along_axis(result.score, result.cv_score.argmax(0)[None], 0)[0]
