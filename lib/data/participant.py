"""The one type every data source is read into."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from lib.core import choose


@dataclass(frozen=True)
class Source:
    """What a participant's data are, where they come from, and whether they were measured or simulated.

    Attributes
    ----------
    dataset, description, origin, licence : str
    simulated : bool
    world : str or None
        What was planted, one of `lib.simulation.worlds.WORLDS`; None where nothing was.
    """

    dataset: str
    description: str
    origin: str
    licence: str
    simulated: bool
    world: str | None = None


@dataclass(frozen=True)
class Stimuli:
    """Images opened one at a time, when asked for.

    Attributes
    ----------
    key : str
        Names the image set; two sets with the same key hold the same images.
    open : callable
        Maps a stimulus id to an image, uint8 array of shape (height, width, 3).
    absent : str
        A sentence on the images that cannot be opened; empty if all can.
    """

    key: str
    open: Callable[[int], np.ndarray]
    absent: str = ""

    def __getitem__(self, stimulus_id: int) -> np.ndarray:
        return self.open(stimulus_id)


@dataclass(frozen=True)
class Images(Sequence[np.ndarray]):
    """A sequence of uint8 images, each opened when indexed; slices are again such sequences."""

    stimuli: Stimuli
    stimulus_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.stimulus_ids)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> "Images": ...
    def __getitem__(self, index: int | slice) -> "np.ndarray | Images":
        if isinstance(index, slice):
            return Images(self.stimuli, self.stimulus_ids[index])
        return self.stimuli[int(self.stimulus_ids[index])]


@dataclass(frozen=True)
class Responses:
    """Responses to a set of images, averaged over the repeats of each image.

    Attributes
    ----------
    stimulus_ids : array of shape (n_images,)
    responses : array of shape (n_images, n_voxels)
        Percent signal change, or standardised within session.
    n_repeats : array of shape (n_images,)
        Trials averaged per image.
    """

    stimulus_ids: np.ndarray
    responses: np.ndarray
    n_repeats: np.ndarray

    def __len__(self) -> int:
        return len(self.stimulus_ids)


@dataclass(frozen=True)
class Space:
    """Where voxels lie in a participant's volumes.

    Attributes
    ----------
    shape : (X, Y, Z)
    affine : array of shape (4, 4)
        From voxels to millimetres, that of the files.
    voxels : int array of shape (n_voxels, 3)
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    voxels: np.ndarray


@dataclass(frozen=True)
class Brain:
    """The voxels of a participant, without their responses: what results are read with.

    Attributes
    ----------
    name : str
    rois : mapping of str to boolean array of shape (n_voxels,)
    noise_ceiling : array of shape (n_voxels,)
        Largest variance (0..1) of the averaged test responses that any model could explain.
    source : Source
    coordinates : array of shape (n_voxels, 3) or None
        Position of each voxel in millimetres.
    space : Space or None
        Where the voxels lie in the volumes that they were read from.
    """

    name: str
    rois: Mapping[str, np.ndarray]
    noise_ceiling: np.ndarray
    source: Source
    coordinates: np.ndarray | None = field(default=None, kw_only=True)
    space: Space | None = field(default=None, kw_only=True)

    @property
    def n_voxels(self) -> int:
        """Number of voxels, all ROIs together."""
        return len(self.noise_ceiling)

    def roi(self, name: str) -> np.ndarray:
        """Boolean array of shape (n_voxels,); an unknown name is refused with the names there are."""
        return self.rois[choose("ROI", name, self.rois)]


@dataclass(frozen=True)
class Participant(Brain):
    """Responses of one person, measured or simulated, to images.

    Attributes
    ----------
    name, rois, noise_ceiling, source, coordinates, space
        As of `Brain`.
    train, test : Responses
    stimuli : Stimuli
    test_trials : Responses or None
        The single trials that `test` averages, one per row, so that an image's id stands there once per repeat.
    imagery : Responses or None
        Single trials in which something was imagined; ids are those of the data set's categories.
    """

    train: Responses
    test: Responses
    stimuli: Stimuli
    test_trials: Responses | None = None
    imagery: Responses | None = None

    def images(self, part: Responses) -> "Images":
        """The pictures of `train` or `test`, opened when asked for."""
        return Images(self.stimuli, part.stimulus_ids)
