"""Decoding and encoding side by side: the same networks, voxels and layers, the arrow turned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.encoding import stacked_predictions
from lib.analysis.usable import varies
from lib.core import choose
from lib.core.scores import Interval, correlation, t_interval
from lib.data import Participant
from lib.data.features import ImageFeatures, rows_of
from lib.networks.zoo import PAPER_Y


@dataclass(frozen=True)
class Directions:
    """Both networks compared in both directions, on the same voxels and layers.

    Attributes
    ----------
    decoding : mapping of network to array of shape (n_participants,)
        Mean r over layers from the second on, areas and units.
    encoding : mapping of network to array of shape (n_participants,)
        Mean r, over voxels, of the stack of all layers.
    """

    decoding: Mapping[str, np.ndarray]
    encoding: Mapping[str, np.ndarray]

    def ahead(self, direction: str) -> Interval:
        """AlexNet's score minus ResNet-50's, over participants, in "decoding" or "encoding"."""
        scores = {"decoding": self.decoding, "encoding": self.encoding}
        alexnet, resnet = (scores[choose("direction", direction, scores)][name] for name in PAPER_Y)
        return t_interval(alexnet - resnet)


def both_directions(study: DecodingStudy, units: Mapping[str, ImageFeatures]) -> Directions:
    """Encode the voxels of a study from the units that it decoded.

    Parameters
    ----------
    study : DecodingStudy
    units : mapping of network to ImageFeatures
        Its units, layers named as in the study.
    """
    layers = {name: study.layers(name)[1:] for name in PAPER_Y}
    decoding = {name: np.mean([study.overall(name, one) for one in own], axis=0) for name, own in layers.items()}
    return Directions(decoding, {name: encode_units(study.participants, units[name]) for name in PAPER_Y})


def encode_units(participants: Sequence[Participant], units: ImageFeatures, roi: str | None = None) -> np.ndarray:
    """Mean r over voxels of the stack of all layers, the score that decoding uses.

    All saw the same pictures, so their voxels are fitted together, as those of one participant.

    Parameters
    ----------
    participants : sequence of Participant
    units : ImageFeatures
    roi : str, optional
        Whose voxels; all by default.

    Returns
    -------
    array of shape (n_participants,)
    """
    ids = {"train": participants[0].train.stimulus_ids, "test": participants[0].test.stimulus_ids}
    features = {
        part: {name: units.of(name, own).astype(np.float32) for name in units.layers} for part, own in ids.items()
    }
    y = {part: [_responses(one, part, own, roi) for one in participants] for part, own in ids.items()}
    train, test = (np.hstack(own) for own in y.values())
    usable, r = varies(train) & varies(test), np.full(train.shape[1], np.nan)
    predicted = stacked_predictions(features["train"], train[:, usable], features["test"])
    r[usable] = correlation(test[:, usable], predicted)
    ends = np.cumsum([own.shape[1] for own in y["train"]])[:-1]
    return np.array([np.nanmean(own) for own in np.split(r, ends)])


def _responses(participant: Participant, part: str, ids: np.ndarray, roi: str | None) -> np.ndarray:
    """Responses (n_images, n_voxels) to these pictures of a part, in this order."""
    measured = participant.train if part == "train" else participant.test
    rows = rows_of(ids, measured.stimulus_ids, f"responses of {participant.name}")
    return np.asarray(measured.responses[rows][:, participant.roi(roi) if roi else slice(None)])
