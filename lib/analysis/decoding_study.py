"""What the decoding claims are decided on: layers of several networks, decoded from several participants."""

import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from lib.analysis.decoding import PUBLISHED, Choices, DecodingResult, decode_participant, permutation_p, units_of
from lib.data import Participant
from lib.data.features import ImageFeatures
from lib.data.god import GodFiles, read_image_features
from lib.networks import load_network
from lib.networks.extraction import drawn

CAFFENET = "alexnet-object"  # whose units come with GOD, and need no pictures


@dataclass(frozen=True)
class DecodingStudy:
    """The same layers decoded from the same ROIs of several participants.

    Attributes
    ----------
    participants : sequence of Participant
        Empty where only results were kept.
    results : sequence of sequences of DecodingResult
        One sequence per participant, all in the same order.
    choices : Choices
    weights : str
        Which weights the networks had, as for `lib.networks.load_network`.
    """

    participants: Sequence[Participant]
    results: Sequence[Sequence[DecodingResult]]
    choices: Choices = PUBLISHED
    weights: str = "miniature"
    kind: ClassVar[str] = "decoding"

    @property
    def networks(self) -> Collection[str]:
        """Names of the networks that were analysed."""
        return dict.fromkeys(result.network for result in self.results[0]).keys()

    @property
    def rois(self) -> list[str]:
        """Names of the ROIs, in the participants' order."""
        return list(dict.fromkeys(result.roi for result in self.results[0]))

    @property
    def simulated(self) -> bool:
        """Whether nobody was scanned."""
        return self.participants[0].source.simulated

    def layers(self, network: str) -> list[str]:
        """Names of a network's layers, in the network's order."""
        return list(dict.fromkeys(result.layer for result in self.results[0] if result.network == network))

    def _of(self, network: str, layer: str) -> list[list[DecodingResult]]:
        """Results of a layer for each participant; two networks may give a layer the same name."""
        return [[one for one in own if (one.network, one.layer) == (network, layer)] for own in self.results]

    def scores(self, network: str, layer: str) -> np.ndarray:
        """Mean r over the units of a layer, array of shape (n_participants, n_rois); NaN if no unit varies."""
        return np.array([[result.mean for result in own] for own in self._of(network, layer)])

    def overall(self, network: str, layer: str) -> np.ndarray:
        """The same, averaged over ROIs: array of shape (n_participants,)."""
        return np.asarray(self.scores(network, layer).mean(1))

    def by_image(self, network: str, layer: str) -> np.ndarray:
        """What each test image says of `overall`: array of shape (n_images, n_participants), one image if unknown."""
        of_layer = self._of(network, layer)
        known = [[one.by_image for one in own if one.by_image is not None] for own in of_layer]
        if list(map(len, known)) != list(map(len, of_layer)):
            return self.overall(network, layer)[None]
        return np.asarray(np.mean(known, axis=1).T)

    def by_roi(self) -> np.ndarray:
        """Mean over all layers of all networks, array of shape (n_participants, n_rois)."""
        layers = [(network, layer) for network in self.networks for layer in self.layers(network)]
        return np.asarray(np.mean([self.scores(*layer) for layer in layers], axis=0))

    def agreements(self, network: str, layer: str, roi: str) -> list[np.ndarray]:
        """`agreement_matrix` of each participant in an ROI, arrays of shape (n_test, n_test).

        Parameters
        ----------
        network, layer, roi : str
        """
        return [one.agreement for own in self._of(network, layer) for one in own if one.roi == roi]

    def p(self, network: str, layer: str, roi: str) -> float:
        """Permutation p-value of a layer's mean score in an ROI, all participants together.

        Parameters
        ----------
        network, layer, roi : str
        """
        return permutation_p(self.agreements(network, layer, roi))


def decoding_study(
    participants: Sequence[Participant],
    networks: Iterable[str],
    weights: str = "miniature",
    choices: Choices = PUBLISHED,
    *,
    n_units: int = 1000,
    data_root: str | None = None,
) -> DecodingStudy:
    """Decode paper Y's layers of some networks from participants who all saw the same pictures.

    Parameters
    ----------
    participants : sequence of Participant
    networks, weights, choices, n_units, data_root
        As for `units_to_decode`.
    """
    units = units_to_decode(participants[0], networks, weights, choices, n_units=n_units, data_root=data_root)
    return study_units(participants, units, choices, weights)


def units_to_decode(
    participant: Participant,
    networks: Iterable[str],
    weights: str = "miniature",
    choices: Choices = PUBLISHED,
    *,
    n_units: int = 1000,
    data_root: str | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> dict[str, ImageFeatures]:
    """What units of paper Y's layers say of the pictures that a participant saw, by network.

    Parameters
    ----------
    participant : Participant
        One of several who all saw the same pictures.
    networks : iterable of str
        Names in `lib.networks.ZOO`.
    weights : str
        As for `lib.networks.load_network`.
    choices : Choices
    n_units : int
        Kept per layer.
    data_root : path, optional
        Folder of GOD. If it holds ImageFeatures.h5, AlexNet is GOD's CaffeNet, as it stands there; then, without
        pictures, other networks are left out with a warning.
    cache : path, optional
        As in `lib.networks.extract`.

    Raises
    ------
    FileNotFoundError
        A picture or a checkpoint is missing.
    """
    wanted = list(networks)
    units = _published_units(data_root, n_units) if CAFFENET in wanted and choices.as_published else {}
    shown = [name for name in wanted if name not in units]
    if shown and (why := participant.stimuli.absent):
        if not units:
            raise FileNotFoundError(why)
        warnings.warn(f"Left out: {', '.join(shown)}. {why}", stacklevel=2)
        return units
    return units | {
        name: units_of(load_network(name, weights), participant, choices.taps(name), n_units, cache) for name in shown
    }


def _published_units(data_root: str | None, n_units: int) -> dict[str, ImageFeatures]:
    """Units of CaffeNet, if they are in the folder of GOD."""
    path = GodFiles(Path(data_root).expanduser(), 1).path("features") if data_root else None
    if not path or not path.exists():
        return {}
    found = read_image_features(path)
    few = {layer: values[:, drawn(values.shape[1], n_units)] for layer, values in found.layers.items()}
    return {CAFFENET: replace(found, layers=few)}


def study_units(
    participants: Sequence[Participant],
    units: Mapping[str, ImageFeatures],
    choices: Choices = PUBLISHED,
    weights: str = "miniature",
) -> DecodingStudy:
    """Decode units that are at hand.

    Parameters
    ----------
    participants : sequence of Participant
    units : mapping of network to ImageFeatures
    choices : Choices
    weights : str
        Which weights the networks had.
    """
    results = [decode_participant(one, units, choices) for one in participants]
    return DecodingStudy(participants, results, choices, weights)
