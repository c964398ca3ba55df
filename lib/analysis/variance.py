"""Variance partitioning: what only one feature space explains of a voxel, and what several could explain alike.

Write R2(S) for the variance of held-out responses that the feature spaces in S explain together. Then

    what a adds to S, "unique" to a if S is all else     R2(S and a) - R2(S)
    what a and S share                                   R2(a) minus what a adds to S

(Lescroart, Stansbury & Gallant 2015). With layers in the order of their network, S can be all layers before a, or all
behind it (structured variance partitioning: Lin, Naselaris, Kay & Wehbe 2024).

Models of several spaces are built step by step, each step a ridge regression with one penalty per voxel. What the
spaces before it predict of a space is taken out of it; the rest is fitted to what they left unexplained of the voxel
(Frisch & Waugh 1933, Lovell 1963). A single ridge regression on the features of all layers would have to find one
penalty for layers that matter and layers that do not; a stack of their predictions misses what only their features
together predict, and so calls it shared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import torch

from lib.analysis.encoding import by_training, contiguous_folds
from lib.analysis.usable import varies
from lib.core import choose, progress
from lib.data import Participant
from lib.networks import Network, extract
from lib.solvers.ridge import Design, decompose, fit_ridge, project
from lib.solvers.stacking import error_products, simplex_weights

N_FOLDS = 5
N_AXES = 300  # leading principal axes of a space that other spaces are taken out of; the others are left as they are

LayerName = tuple[str, str]  # (network, layer), as in `lib.simulation.worlds`


@dataclass(frozen=True)
class Targets:
    """Numbers to be explained, predictions of them, or what is left of them unexplained.

    Attributes
    ----------
    train : float32 tensor of shape (n_images, n_targets)
        Of the training images; predictions are out of fold.
    test : float32 tensor of shape (n_test, n_targets)
    """

    train: torch.Tensor
    test: torch.Tensor

    def minus(self, predicted: "Targets") -> "Targets":
        """What a prediction leaves unexplained."""
        return Targets(self.train - predicted.train, self.test - predicted.test)

    def plus(self, other: "Targets") -> "Targets":
        """The sum of two predictions."""
        return Targets(self.train + other.train, self.test + other.test)

    def times(self, weights: np.ndarray | float) -> "Targets":
        """Every target times a weight, or its own, array of shape (n_targets,)."""
        factor = torch.as_tensor(weights, dtype=torch.float32)
        return Targets(self.train * factor, self.test * factor)


def r2_left(targets: Targets, left: Targets) -> np.ndarray:
    """R2 on the test images, array of shape (n_targets,), of a model that leaves `left` of `targets`."""
    error = left.test.square().mean(0, dtype=torch.float64)
    return np.asarray(1 - (error / targets.test.double().var(0, correction=0)).numpy())


@dataclass(frozen=True)
class FeatureSpace:
    """A feature space, decomposed for ridge regression.

    Attributes
    ----------
    design : Design
        Of the training images.
    test : tensor of shape (n_test, rank)
        The test images' coordinates along its principal axes.
    """

    design: Design
    test: torch.Tensor

    def predict(self, targets: Targets, *, penalty_by_folds: bool = False) -> Targets:
        """Ridge predictions, one penalty per target.

        Parameters
        ----------
        targets : Targets
        penalty_by_folds : bool
            Whether the penalty is chosen by cross-validation over the folds rather than by generalised
            cross-validation. It takes more time, and is safer where most of a space has been taken out: what is left
            predicts next to nothing, and generalised cross-validation would choose too small a penalty.
        """
        folds = contiguous_folds(self.design.n_images, N_FOLDS)
        ridge = fit_ridge(self.design, targets.train, folds=folds if penalty_by_folds else None)
        return Targets(targets.train - ridge.out_of_fold(folds), ridge.predict(self.test))

    def coordinates(self) -> Targets:
        """The images along the principal axes, the largest first."""
        return Targets((self.design.U * self.design.e.sqrt()).flip(1), self.test.flip(1))


def feature_space(train: np.ndarray, test: np.ndarray) -> FeatureSpace:
    """Decompose the features of the training images, and project the test images.

    Parameters
    ----------
    train : array of shape (n_images, n_features)
    test : array of shape (n_test, n_features)
    """
    design = decompose(train)
    return FeatureSpace(design, project(design, test))


def stack_predictions(spaces: Sequence[FeatureSpace], targets: Targets) -> Targets:
    """Add up the spaces' predictions, with the weights >= 0 that are best out of fold.

    Without the constraint that weights sum to 1 (Breiman 1996 tried both), spaces that explain different parts can all
    count in full. Convex weights over K-fold predictions and one that is always 0 are any weights up to a sum of K, so
    the exact solver of the stack serves here too.

    Parameters
    ----------
    spaces : sequence of FeatureSpace
    targets : Targets
    """
    K, predictions = len(spaces), [space.predict(targets) for space in spaces]
    errors = [targets.train, *(targets.minus(one.times(K)).train for one in predictions)]
    weights = K * simplex_weights(error_products(errors))[:, 1:].T
    return reduce(Targets.plus, (one.times(weight) for one, weight in zip(predictions, weights, strict=True)))


@dataclass(frozen=True)
class FeatureSpaces:
    """Feature spaces of the images that a participant saw.

    Attributes
    ----------
    layers : mapping of (network, layer) to FeatureSpace
    """

    layers: Mapping[LayerName, FeatureSpace]
    _residuals: dict[tuple[LayerName, frozenset[LayerName]], FeatureSpace] = field(
        default_factory=dict, repr=False, compare=False
    )

    def of(self, *networks: str) -> list[LayerName]:
        """Layers of the named networks, in order; an unknown network is refused with the names there are."""
        names = dict.fromkeys(network for network, _ in self.layers)
        chosen = [choose("network", network, names) for network in networks]
        return [space for network in chosen for space in self.layers if space[0] == network]

    def residual(self, space: LayerName, given: Iterable[LayerName]) -> FeatureSpace:
        """A space minus what others predict of it; computed once, for it does not depend on any voxel.

        Parameters
        ----------
        space : (network, layer)
        given : iterable of (network, layer)
        """
        key = space, frozenset(given)
        if key not in self._residuals:
            self._residuals[key] = self._without(*key) if key[1] else self.layers[space]
        return self._residuals[key]

    def _without(self, space: LayerName, given: frozenset[LayerName]) -> FeatureSpace:
        whole = self.layers[space].coordinates()
        leading = Targets(whole.train[:, :N_AXES], whole.test[:, :N_AXES])
        left = leading.minus(stack_predictions([self.layers[other] for other in given], leading))
        train = torch.cat((left.train, whole.train[:, N_AXES:]), 1)
        return feature_space(train.numpy(), torch.cat((left.test, whole.test[:, N_AXES:]), 1).numpy())


def decompose_spaces(
    features: Mapping[LayerName, np.ndarray], test_features: Mapping[LayerName, np.ndarray]
) -> FeatureSpaces:
    """Decompose every feature space of the training images, and project the test images.

    Parameters
    ----------
    features : mapping of (network, layer) to array of shape (n_images, n_features)
    test_features : mapping of (network, layer) to array of shape (n_test, n_features)
    """
    layers = progress(features, "decomposing layers")
    return FeatureSpaces({space: feature_space(features[space], test_features[space]) for space in layers})


def feature_spaces(
    participant: Participant, networks: Iterable[Network], preprocessing: str = "as-published"
) -> FeatureSpaces:
    """Extract and decompose the layers of networks for the images that a participant saw.

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
    return Targets(*(torch.as_tensor(part, dtype=torch.float32) for part in by_training(y, y_test)))


@dataclass(frozen=True)
class Steps:
    """R2 of a model that grows step by step.

    Attributes
    ----------
    given : array of shape (n_voxels,)
        R2 of the spaces at the start; 0 if there are none.
    added : array of shape (n_steps, n_voxels)
        What each step adds. Below zero where more spaces predicted less well: estimates are left as they are.
    """

    given: np.ndarray
    added: np.ndarray


def added_in_order(
    spaces: FeatureSpaces, y: Targets, order: Sequence[LayerName], given: Sequence[LayerName] = ()
) -> Steps:
    """R2 that each space adds to those before it in `order`, and to those `given`.

    In the order of a network: what is new in each layer. In the reverse order: what the later layers have lost.

    Parameters
    ----------
    spaces : FeatureSpaces
    y : Targets
    order, given : sequences of (network, layer)
    """
    before, left = list(given), _left_by(spaces, y, given)
    explained = [r2_left(y, left)]
    for space in order:
        left = _left_after(spaces, left, space, before)
        explained.append(r2_left(y, left))
        before.append(space)
    return Steps(explained[0], np.diff(explained, axis=0))


def added_singly(
    spaces: FeatureSpaces, y: Targets, chosen: Sequence[LayerName], given: Sequence[LayerName] = ()
) -> Steps:
    """R2 that each space, without the other chosen ones, adds to those `given`.

    Parameters
    ----------
    spaces : FeatureSpaces
    y : Targets
    chosen, given : sequences of (network, layer)
    """
    left = _left_by(spaces, y, given)
    before, after = r2_left(y, left), [r2_left(y, _left_after(spaces, left, space, given)) for space in chosen]
    return Steps(before, np.stack(after) - before)


def _left_after(spaces: FeatureSpaces, left: Targets, space: LayerName, given: Iterable[LayerName]) -> Targets:
    """What a space that is added to others leaves unexplained of what they have left."""
    return left.minus(spaces.residual(space, given).predict(left, penalty_by_folds=True))


def _left_by(spaces: FeatureSpaces, y: Targets, given: Sequence[LayerName]) -> Targets:
    return y.minus(stack_predictions([spaces.layers[space] for space in given], y)) if given else y


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


def partition(spaces: FeatureSpaces, y: Targets, network: str, others: Sequence[str]) -> Partition:
    """Take apart what the layers of a network explain, among themselves and against other networks.

    Parameters
    ----------
    spaces : FeatureSpaces
    y : Targets
    network : str
    others : sequence of str
    """
    own = spaces.of(network)
    return Partition(
        layers=tuple(layer for _, layer in own),
        alone=added_singly(spaces, y, own).added,
        new=added_in_order(spaces, y, own).added,
        last=added_in_order(spaces, y, own[::-1]).added[::-1],
        beyond=added_singly(spaces, y, own, spaces.of(*others)).added,
    )
