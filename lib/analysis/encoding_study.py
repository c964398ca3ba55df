"""What the encoding claims are decided on: one participant, encoded by several networks."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from lib.analysis.encoding import EncodingResult, encode_together
from lib.core import choose
from lib.data import Brain, Participant
from lib.data.areas import ROIS
from lib.networks import load_network

MIN_VOXELS = 10  # of an area: fewer say little about it
MIN_CEILING = 0.1  # of the variance: a voxel that no model could explain better says little about any
N_BLOCKS = 16  # of an area's voxels, whose errors count as independent
FEW_BLOCKS = 8  # with less edge, across which neighbours are alike: where test images add little error


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
        """Indices of the voxels that a network's stack predicts best, array of shape (n_best,) or shorter.

        Parameters
        ----------
        network, roi : str
        selection : "out-of-fold" or "test"
            By which score. Paper W chose by the test score that its figures then show; claims are decided on voxels
            that were not chosen by the numbers under test.
        """
        result = self.encoding[network]
        scores = {"out-of-fold": result.stacked_cv_score, "test": result.stacked_score}
        score = scores[choose("selection", selection, scores)]
        return best_voxels(score, self.participant.roi(roi), self.n_best)

    def common(self, networks: Iterable[str], roi: str) -> np.ndarray:
        """The same voxels for several networks: reliable ones, those first that all together predict best out of fold.

        Neither the test scores under test nor a single network decide which voxels are compared.

        Parameters
        ----------
        networks : names
        roi : str
            None are chosen of an area that the participant lacks.

        Returns
        -------
        int array of shape (n_chosen,)
        """
        together = np.mean([self.encoding[name].stacked_cv_score for name in networks], axis=0)
        return best_voxels(together, self.reliable(roi), self.n_best)

    def reliable(self, roi: str) -> np.ndarray:
        """Voxels of an ROI that a model could explain, boolean array of shape (n_voxels,); none of a missing ROI.

        A voxel whose noise ceiling is unknown, NaN, counts.
        """
        inside = self.participant.rois.get(roi, np.zeros(self.participant.n_voxels, bool))
        return inside & ~(self.participant.noise_ceiling < MIN_CEILING)

    def blocks(self, voxels: np.ndarray, n_blocks: int = N_BLOCKS) -> np.ndarray:
        """Blocks of neighbours in the area that holds all of some voxels, or in all areas that hold any of them.

        The areas are paper W's; others may hold several of these. The best voxels of an area lie in few of its blocks,
        see `cortex_blocks`. Without coordinates, voxels count as lying in their order.

        Parameters
        ----------
        voxels : int array of shape (n_chosen,)
        n_blocks : int
            Of all areas together, as for `cortex_blocks`.

        Returns
        -------
        int array of shape (n_chosen,)
            Labels 0, 1, ... of the blocks that hold any.
        """
        areas = [mask for roi, mask in self.participant.rois.items() if roi in ROIS and mask[voxels].any()]
        around = [mask for mask in areas if mask[voxels].all()]  # more than one where areas overlap
        inside = np.flatnonzero(min(around, key=np.sum) if around else np.any(areas, axis=0))
        positions = getattr(self.participant, "coordinates", None)
        blocks = cortex_blocks(inside[:, None] if positions is None else positions[inside], n_blocks)
        return np.unique(blocks[np.searchsorted(inside, voxels)], return_inverse=True)[1]

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
    """Encode a participant by several networks.

    Parameters
    ----------
    participant : Participant
    networks : iterable of str
        Names in `lib.networks.ZOO`.
    weights : str
        As for `lib.networks.load_network`.
    n_best : int
        As in `EncodingStudy`.
    """
    return encoding_studies({participant.name: participant}, networks, weights, n_best)[participant.name]


def encoding_studies(
    participants: Mapping[str, Participant], networks: Iterable[str], weights: str = "miniature", n_best: int = 200
) -> dict[str, EncodingStudy]:
    """Encode participants who saw the same images: every layer is decomposed once for all of them.

    Parameters
    ----------
    participants : mapping of name to Participant
    networks, weights, n_best
        As for `encoding_study`.

    Raises
    ------
    ValueError
        The images differ.
    """
    names, people = list(networks), list(participants.values())
    found = [encode_together(people, load_network(name, weights)) for name in names]
    encodings = [dict(zip(names, of_one, strict=True)) for of_one in zip(*found, strict=True)]
    together = zip(participants.items(), encodings, strict=True)
    return {name: EncodingStudy(person, encoding, n_best, weights) for (name, person), encoding in together}


def best_voxels(score: np.ndarray, roi: np.ndarray, n_best: int) -> np.ndarray:
    """Voxels of an ROI with the highest score, best first; NaN never counts.

    Parameters
    ----------
    score : array of shape (n_voxels,)
    roi : boolean array of shape (n_voxels,)
    n_best : int
        How many; fewer if the ROI has fewer.

    Returns
    -------
    int array of shape (n_chosen,)

    Examples
    --------
    >>> best_voxels(np.array([0.1, 0.5, np.nan, 0.3]), np.array([True, True, True, False]), 2)
    array([1, 0])
    """
    voxels = np.flatnonzero(roi & np.isfinite(score))
    return voxels[np.argsort(-score[voxels], kind="stable")[:n_best]]


def best_layer_score(result: EncodingResult) -> np.ndarray:
    """Test score of the layer that is best out of fold, array of shape (n_voxels,): a fair rival of the stack."""
    return np.asarray(np.take_along_axis(result.score, result.cv_score.argmax(0)[None], 0)[0])


def cortex_blocks(positions: np.ndarray, n_blocks: int = N_BLOCKS) -> np.ndarray:
    """Cut voxels into blocks of neighbours of nearly equal size, by halving along the widest direction.

    Parameters
    ----------
    positions : array of shape (n_voxels, n_dimensions)
    n_blocks : int
        A power of two; fewer voxels are a block each.

    Returns
    -------
    int array of shape (n_voxels,)
        0, 1, ...

    Examples
    --------
    >>> cortex_blocks(np.array([[0.0], [9.0], [1.0], [8.0]]), 2)
    array([0, 1, 0, 1])
    """
    if len(positions) <= n_blocks:
        return np.arange(len(positions))
    if n_blocks == 1:
        return np.zeros(len(positions), int)
    order = np.argsort(positions[:, np.ptp(positions, axis=0).argmax()], kind="stable")
    blocks = np.empty(len(positions), int)
    for i, half in enumerate(np.array_split(order, 2)):
        blocks[half] = cortex_blocks(positions[half], n_blocks // 2) + i * (n_blocks // 2)
    return blocks
