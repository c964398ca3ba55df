"""Variance partitioning: what only one feature space explains of a voxel, and what several could explain alike.

Write R2(S) for the variance of held-out responses that one regression on all feature spaces in S explains. Then

    unique to a beyond S                R2(S and a) - R2(S)
    what a and S share                  R2(a) minus what is unique to a

(commonality analysis; Lescroart, Stansbury & Gallant 2015). With layers in the order of their network, S can be all
layers before a, or all behind it (structured variance partitioning: Lin, Naselaris, Kay & Wehbe 2024).

The regressions are joint and banded: each space has a penalty of its own (`lib.solvers.banded`). A single penalty for
all spaces would let a wide one that does not matter spoil a narrow one that does. A stack of the spaces' separate
predictions misses what only their features together predict, and so would credit it to the space that comes last.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lib.analysis.encoding import FEW_IMAGES, by_training, contiguous_folds
from lib.analysis.usable import varies
from lib.core import choose
from lib.data import Participant
from lib.networks import Network, extract
from lib.solvers.banded import N_DRAWS, Kernels, Search, linear_kernels, random_search

N_FOLDS = 5

LayerName = tuple[str, str]  # (network, layer), as in `lib.simulation.worlds`
Model = Sequence[LayerName]
_Group = TypeVar("_Group", bound=Hashable)


@dataclass(frozen=True)
class Targets:
    """Standardised responses.

    Attributes
    ----------
    train : float32 array of shape (n_images, n_voxels)
    test : float32 array of shape (n_test, n_voxels)
    """

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class FeatureSpaces:
    """Feature spaces of the images that a participant saw.

    Attributes
    ----------
    layers : tuple of (network, layer)
    kernels : Kernels
        One per layer.
    """

    layers: tuple[LayerName, ...]
    kernels: Kernels

    def of(self, *networks: str) -> list[LayerName]:
        """Layers of the named networks, in order; an unknown network is refused with the names there are."""
        names = dict.fromkeys(network for network, _ in self.layers)
        chosen = [choose("network", network, names) for network in networks]
        return [space for network in chosen for space in self.layers if space[0] == network]


def decompose_spaces(
    features: Mapping[LayerName, np.ndarray], test_features: Mapping[LayerName, np.ndarray]
) -> FeatureSpaces:
    """Compute the kernel of every feature space.

    Parameters
    ----------
    features : mapping of (network, layer) to array of shape (n_images, n_features)
    test_features : mapping of (network, layer) to array of shape (n_test, n_features)
    """
    layers = tuple(features)
    return FeatureSpaces(layers, linear_kernels(list(features.values()), [test_features[name] for name in layers]))


def feature_spaces(
    participant: Participant, networks: Iterable[Network], preprocessing: str = "as-published"
) -> FeatureSpaces:
    """Extract the layers of networks for the images that a participant saw, and compute their kernels.

    Parameters
    ----------
    participant : Participant
    networks : iterable of Network
    preprocessing : str
        As for `lib.networks.extract`.
    """
    features: dict[LayerName, np.ndarray] = {}
    test_features: dict[LayerName, np.ndarray] = {}
    for network in networks:
        for part, found in ((participant.train, features), (participant.test, test_features)):
            layers = extract(network, participant.images(part), preprocessing=preprocessing)
            found.update({(network.name, layer): X for layer, X in layers.items()})
    return decompose_spaces(features, test_features)


def usable_voxels(participant: Participant, rois: Iterable[str]) -> np.ndarray:
    """Indices of the voxels of some ROIs that are finite and vary, int array of shape (n_voxels,)."""
    usable = varies(participant.train.responses) & varies(participant.test.responses)
    return np.flatnonzero(usable & np.any([participant.roi(roi) for roi in rois], axis=0))


def standardised_responses(participant: Participant, voxels: np.ndarray) -> Targets:
    """Responses of some voxels (indices of shape (n_voxels,)), standardised by the training images."""
    y, y_test = participant.train.responses[:, voxels], participant.test.responses[:, voxels]
    return Targets(*(part.astype(np.float32) for part in by_training(y, y_test)))


@dataclass(frozen=True)
class JointModels:
    """Joint regressions of voxels on sets of feature spaces.

    Attributes
    ----------
    layers : tuple of (network, layer)
    search : Search
        Its spaces are the layers, in that order.
    """

    layers: tuple[LayerName, ...]
    search: Search

    def r2(self, spaces: Model) -> np.ndarray:
        """R2 of the joint regression on some spaces, array of shape (n_voxels,)."""
        return self.search.joint(frozenset(self.layers.index(space) for space in spaces))

    def unique(self, space: LayerName, given: Model = ()) -> np.ndarray:
        """R2 that a space adds to the joint regression on others, array of shape (n_voxels,).

        It can lie below zero: on new images a larger model may predict less well, and estimates are left as they are.

        Parameters
        ----------
        space : (network, layer)
        given : sequence of (network, layer)
        """
        return np.asarray(self.r2([*given, space]) - self.r2(given))


def joint_models(
    spaces: FeatureSpaces, targets: Targets, models: Iterable[Model], *, n_draws: int = N_DRAWS, seed: int = 0
) -> JointModels:
    """Fit joint regressions on sets of feature spaces.

    Parameters
    ----------
    spaces : FeatureSpaces
    targets : Targets
    models : iterable of sequences of (network, layer)
        The sets that will be asked for.
    n_draws, seed : int
        Of the random search, as for `lib.solvers.banded.random_search`.
    """
    sets = [[spaces.layers.index(space) for space in model] for model in models]
    y, y_test, gcv = targets.train, targets.test, len(targets.train) >= FEW_IMAGES
    folds = contiguous_folds(len(y), N_FOLDS)
    search = random_search(spaces.kernels, y, y_test, sets, folds, n_draws=n_draws, gcv=gcv, seed=seed)
    return JointModels(spaces.layers, search)


@dataclass(frozen=True)
class Partition:
    """R2 of each layer of a network, taken apart.

    Attributes
    ----------
    layers : tuple of str
    alone : array of shape (n_layers, n_voxels)
        By itself.
    new : array of shape (n_layers, n_voxels)
        Beyond the layers before it.
    last : array of shape (n_layers, n_voxels)
        Beyond the layers behind it: what they have not kept.
    beyond : array of shape (n_layers, n_voxels)
        Beyond all layers of other networks.
    """

    layers: tuple[str, ...]
    alone: np.ndarray
    new: np.ndarray
    last: np.ndarray
    beyond: np.ndarray


def partition(
    spaces: FeatureSpaces,
    groups: Mapping[_Group, Targets],
    networks: Sequence[str],
    others: Sequence[str],
    *,
    n_draws: int = N_DRAWS,
) -> dict[tuple[_Group, str], Partition]:
    """Take apart what the layers of networks explain, among themselves and against other networks.

    Parameters
    ----------
    spaces : FeatureSpaces
    groups : mapping of name to Targets
        Groups of voxels, of one participant or of several, with responses to the same images.
    networks : sequence of str
        Each is taken apart by itself.
    others : sequence of str
    n_draws : int
        As for `joint_models`.

    Returns
    -------
    dict of (group, network) to Partition
    """
    given = spaces.of(*others)
    questions = {network: _questions(spaces.of(network), given) for network in networks}
    asked = [question for parts in questions.values() for part in parts.values() for question in part]
    models = [model for space, beyond in asked for model in (beyond, [*beyond, space])]
    joint = joint_models(spaces, _side_by_side(groups.values()), models, n_draws=n_draws)
    ends = np.cumsum([one.train.shape[1] for one in groups.values()])[:-1]
    found = {}
    for network, parts in questions.items():
        layers = tuple(layer for _, layer in spaces.of(network))
        unique = {name: np.split(np.stack([joint.unique(*q) for q in part]), ends, 1) for name, part in parts.items()}
        for i, group in enumerate(groups):
            found[group, network] = Partition(layers, **{name: values[i] for name, values in unique.items()})
    return found


def _side_by_side(groups: Iterable[Targets]) -> Targets:
    train, test = zip(*((one.train, one.test) for one in groups), strict=True)
    return Targets(np.hstack(train), np.hstack(test))


def _questions(own: Model, others: Model) -> dict[str, list[tuple[LayerName, Model]]]:
    """For each field of `Partition`, each layer and the layers that it is compared with."""
    return {
        "alone": [(space, []) for space in own],
        "new": [(space, own[:i]) for i, space in enumerate(own)],
        "last": [(space, own[i + 1 :]) for i, space in enumerate(own)],
        "beyond": [(space, others) for space in own],
    }
