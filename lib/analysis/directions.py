"""Decoding and encoding side by side: the same networks, voxels and layers, the arrow turned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.encoding import fit_encoding
from lib.core.scores import Interval, bootstrap_mean
from lib.data import Participant
from lib.data.features import ImageFeatures, rows_of
from lib.networks.zoo import PAPER_Y


@dataclass(frozen=True)
class Directions:
    """Both networks compared in both directions, on the same voxels and layers.

    Attributes
    ----------
    decoding, encoding : mapping of network to array of shape (n_participants,)
        Mean r over pairs of layers, areas and units; mean r of the stack of the same layers over voxels.
    """

    decoding: Mapping[str, np.ndarray]
    encoding: Mapping[str, np.ndarray]

    def ahead(self, direction: str) -> Interval:
        """AlexNet minus ResNet-50, over participants."""
        one, other = (getattr(self, direction)[name] for name in PAPER_Y)
        return bootstrap_mean(one - other)


def both_directions(study: DecodingStudy, units: Mapping[str, ImageFeatures]) -> Directions:
    """Encode the voxels of a study from the units that it decoded.

    Parameters
    ----------
    study : DecodingStudy
    units : mapping of network to ImageFeatures
        Its units, layers named as in the study.
    """
    decoding = {name: np.mean([study.overall(layer) for layer in study.layers(name)[1:]], axis=0) for name in PAPER_Y}
    return Directions(decoding, {name: encode_units(study.participants, units[name]) for name in PAPER_Y})


def encode_units(participants: Sequence[Participant], units: ImageFeatures, roi: str | None = None) -> np.ndarray:
    """Mean r, over the voxels of an ROI or all, of the stack of all layers: the measure of decoding.

    All saw the same pictures, so their voxels are fitted together, as those of one participant.

    Returns
    -------
    array of shape (n_participants,)
    """
    train, test = (participants[0].train.stimulus_ids, participants[0].test.stimulus_ids)
    features = [{layer: units.of(layer, ids).astype(np.float32) for layer in units.layers} for ids in (train, test)]
    answers = [[_responses(one, ids, roi) for one in participants] for ids in (train, test)]
    scores = fit_encoding(features[0], np.hstack(answers[0]), features[1], np.hstack(answers[1])).stacked_correlation
    ends = np.cumsum([found.shape[1] for found in answers[0]])[:-1]
    return np.array([np.nanmean(own) for own in np.split(scores, ends)])


def _responses(participant: Participant, ids: np.ndarray, roi: str | None) -> np.ndarray:
    """Responses (n_images, n_voxels) to these pictures, in this order."""
    part = participant.train if ids[0] in participant.train.stimulus_ids else participant.test
    rows = rows_of(ids, part.stimulus_ids, f"responses of {participant.name}")
    return part.responses[rows][:, participant.roi(roi) if roi else slice(None)]
