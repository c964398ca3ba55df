"""Variance partitioning: what only one feature space explains of a voxel, and what several could explain alike.

Write R2(S) for the variance of held-out responses that the feature spaces in S explain together. Then

    what a adds to S, "unique" to a if S is all else     R2(S and a) - R2(S)
    what a and S share                                   R2(a) minus what a adds to S

(Lescroart, Stansbury & Gallant 2015). With layers in the order of their network, S can be all layers before a, or all
behind it (structured variance partitioning: Lin, Naselaris, Kay & Wehbe 2024).

Models of several spaces are built step by step, each step a ridge regression with one penalty per voxel. From the space
that is added, what the spaces before it can say of it is taken out; the rest is regressed on what they left unexplained
of the voxel (Frisch & Waugh 1933, Lovell 1963). A single ridge regression on the features of all layers would have to
find one penalty for layers that matter and layers that do not; a stack of their predictions cannot say what only their
features together say, and so calls it shared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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

Space = tuple[str, str]  # (network, layer), as in `lib.simulation.worlds`


@dataclass(frozen=True)
class Targets:
    """Numbers to be explained, or what is left of them unexplained.

    Attributes
    ----------
    train : float32 tensor of shape (n_images, n_targets)
        Of the training images, out of fold where something was explained.
    test : float32 tensor of shape (n_test, n_targets)
    """

    train: torch.Tensor
    test: torch.Tensor

    def minus(self, predicted: "Targets") -> "Targets":
        """What is left when something is explained."""
        return Targets(self.train - predicted.train, self.test - predicted.test)

    def times(self, weights: np.ndarray | float) -> "Targets":
        """Every target times a weight, or its own, shape (n_targets,)."""
        weights = torch.as_tensor(weights, dtype=torch.float32)
        return Targets(self.train * weights, self.test * weights)


def r2_left(targets: Targets, left: Targets) -> np.ndarray:
    """R2 on the test images, array of shape (n_targets,), of a model that leaves `left` of `targets`."""
    error = left.test.square().mean(0, dtype=torch.float64)
    return 1 - (error / targets.test.double().var(0, correction=0)).numpy()


@dataclass(frozen=True)
class Decomposed:
    """A feature space, ready to be regressed on.

    Attributes
    ----------
    design : Design
        Of the training images.
    test : tensor of shape (n_test, rank)
        The test images' coordinates along its principal axes.
    """

    design: Design
    test: torch.Tensor

    def predicted(self, targets: Targets, *, wary: bool = False) -> Targets:
        """What ridge regression says of targets, the penalty of each chosen by itself.

        If `wary`, over folds, at some more cost: where most of a space has been taken out, what is left hardly says
        anything, and generalised cross-validation would believe it.
        """
        folds = contiguous_folds(self.design.n_images, N_FOLDS)
        ridge = fit_ridge(self.design, targets.train, folds=folds if wary else None)
        out_of_fold = ridge.out_of_fold(folds)
        return Targets(targets.train - out_of_fold, ridge.predict(self.test))

    def coordinates(self) -> Targets:
        """The images along the principal axes, the largest first."""
        return Targets((self.design.U * self.design.e.sqrt()).flip(1), self.test.flip(1))


def decomposed(train: np.ndarray, test: np.ndarray) -> Decomposed:
    """Decompose the features (n_images, n_features) of the training images, and project the test images."""
    design = decompose(train)
    return Decomposed(design, project(design, test))


def stacked(spaces: Sequence[Decomposed], targets: Targets) -> Targets:
    """What the spaces' predictions say together, added up with the weights >= 0 that are best out of fold.

    Without the constraint that weights sum to 1 (Breiman 1996 tried both), spaces that explain different parts can all
    count in full. Convex weights over K-fold predictions and one that says nothing are any weights up to a sum of K, so
    the exact solver of the stack serves here too.
    """
    K, said = len(spaces), [space.predicted(targets) for space in spaces]
    errors = [targets.train, *(targets.minus(one.times(K)).train for one in said)]
    weights = K * simplex_weights(error_products(errors))[:, 1:].T
    parts = [one.times(weight) for one, weight in zip(said, weights, strict=True)]
    return Targets(sum(part.train for part in parts), sum(part.test for part in parts))


@dataclass(frozen=True)
class Spaces:
    """Feature spaces of the images that a participant saw.

    Attributes
    ----------
    layers : mapping of (network, layer) to Decomposed
    """

    layers: Mapping[Space, Decomposed]
    _rests: dict[tuple[Space, frozenset[Space]], Decomposed] = field(default_factory=dict, repr=False, compare=False)

    def of(self, *networks: str) -> list[Space]:
        """Layers of the named networks, in order; an unknown network is refused with the names there are."""
        names = dict.fromkeys(network for network, _ in self.layers)
        networks = [choose("network", network, names) for network in networks]
        return [space for network in networks for space in self.layers if space[0] == network]

    def rest(self, space: Space, given: Iterable[Space]) -> Decomposed:
        """A space without what others can say of it; computed once, for it does not depend on any voxel."""
        key = space, frozenset(given)
        if key not in self._rests:
            self._rests[key] = self._without(*key) if key[1] else self.layers[space]
        return self._rests[key]

    def _without(self, space: Space, given: frozenset[Space]) -> Decomposed:
        whole = self.layers[space].coordinates()
        leading = Targets(whole.train[:, :N_AXES], whole.test[:, :N_AXES])
        left = leading.minus(stacked([self.layers[other] for other in given], leading))
        parts = (left.train, whole.train[:, N_AXES:]), (left.test, whole.test[:, N_AXES:])
        return decomposed(*(torch.cat(part, 1).numpy() for part in parts))


def spaces_of(features: Mapping[Space, np.ndarray], test_features: Mapping[Space, np.ndarray]) -> Spaces:
    """Decompose features (n_images, n_features) of the training images, and project the test images."""
    layers = progress(features, "decomposing layers")
    return Spaces({space: decomposed(features[space], test_features[space]) for space in layers})


def look(participant: Participant, networks: Iterable[Network], preprocessing: str = "as-published") -> Spaces:
    """Show a participant's images to networks."""
    features, test_features = {}, {}
    for network in networks:
        for part, found in ((participant.train, features), (participant.test, test_features)):
            layers = extract(network, participant.images(part), preprocessing=preprocessing)
            found.update({(network.name, layer): X for layer, X in layers.items()})
    return spaces_of(features, test_features)


def voxels(participant: Participant, rois: Iterable[str]) -> np.ndarray:
    """Indices of the usable voxels of some ROIs: finite, and not constant."""
    usable = varies(participant.train.responses) & varies(participant.test.responses)
    return np.flatnonzero(usable & np.any([participant.roi(roi) for roi in rois], axis=0))


def responses(participant: Participant, chosen: np.ndarray) -> Targets:
    """Responses of some voxels, standardised by the training images."""
    y, y_test = participant.train.responses[:, chosen], participant.test.responses[:, chosen]
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


def in_order(spaces: Spaces, y: Targets, order: Sequence[Space], given: Sequence[Space] = ()) -> Steps:
    """What each space adds to those before it in `order`, and to those `given`.

    In the order of a network: what is new in each layer. In the reverse order: what the layers behind it have lost.
    """
    before, left = list(given), _left_by(spaces, y, given)
    explained = [r2_left(y, left)]
    for space in order:
        left = left.minus(spaces.rest(space, before).predicted(left, wary=True))
        explained.append(r2_left(y, left))
        before.append(space)
    return Steps(explained[0], np.diff(explained, axis=0))


def each(spaces: Spaces, y: Targets, chosen: Sequence[Space], given: Sequence[Space] = ()) -> Steps:
    """What each space adds to those `given`, by itself; with none given, what it explains alone."""
    left = _left_by(spaces, y, given)
    before = r2_left(y, left)
    after = [r2_left(y, left.minus(spaces.rest(space, given).predicted(left, wary=True))) for space in chosen]
    return Steps(before, np.stack(after) - before)


def _left_by(spaces: Spaces, y: Targets, given: Sequence[Space]) -> Targets:
    return y.minus(stacked([spaces.layers[space] for space in given], y)) if given else y


@dataclass(frozen=True)
class Partition:
    """What each layer of a network explains, taken apart; arrays of shape (n_layers, n_voxels), R2.

    Attributes
    ----------
    layers : tuple of str
    alone : array
        By itself.
    new : array
        Beyond the layers before it.
    last : array
        Beyond the layers behind it: what they have not kept.
    beyond : array
        Beyond all layers of other networks.
    """

    layers: tuple[str, ...]
    alone: np.ndarray
    new: np.ndarray
    last: np.ndarray
    beyond: np.ndarray


def partition(spaces: Spaces, y: Targets, network: str, others: Sequence[str]) -> Partition:
    """Take apart what the layers of a network explain, among themselves and against other networks."""
    own = spaces.of(network)
    return Partition(
        layers=tuple(layer for _, layer in own),
        alone=each(spaces, y, own).added,
        new=in_order(spaces, y, own).added,
        last=in_order(spaces, y, own[::-1]).added[::-1],
        beyond=each(spaces, y, own, spaces.of(*others)).added,
    )
