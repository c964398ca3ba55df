"""Performance on a task against likeness to the brain, for networks of several sizes along their training.

Paper Y expects an inverted U: up to a point a better network is more like the brain, beyond it less. Small networks
show what such a curve looks like where the truth is known; they cannot show how far "beyond" lies.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from lib.analysis.decoding import units_of
from lib.analysis.directions import encode_units
from lib.analysis.rsa import compare, rdm
from lib.core import progress
from lib.data import Participant
from lib.networks import Network, extract
from lib.simulation.scenes import OBJECTS, SIZE, Scenes, render_many
from lib.simulation.training import HELD_OUT_WORLD, TRAINING_WORLD, accuracy, train_classifier

MAX_DOUBLINGS = 3


@dataclass(frozen=True)
class Shape:
    """How deep (convolutions) and how wide (channels of the first) a network is."""

    depth: int
    width: int

    def __str__(self) -> str:
        return f"{self.depth} layers of {self.width} channels"


@dataclass(frozen=True)
class Snapshot:
    """A network at some point of its training.

    Attributes
    ----------
    shape : Shape
    epoch : int
        0 before training.
    accuracy : float
        Share of held-out scenes whose object it names.
    network : Network
    """

    shape: Shape
    epoch: int
    accuracy: float
    network: Network


class PlainNetwork(nn.Module):
    """Convolutions with ReLU, then a linear map; the first few pool, and each of them has twice as many channels.

    Parameters
    ----------
    shape : Shape
    n_classes : int
    """

    def __init__(self, shape: Shape, n_classes: int):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for i in range(shape.depth):
            width = shape.width * 2 ** min(i, MAX_DOUBLINGS)
            layers += [nn.Conv2d(channels, width, 3, 2 if i == 0 else 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if i < MAX_DOUBLINGS else []
            channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images, tensor of shape (n, 3, 64, 64), to class scores, tensor of shape (n, n_classes)."""
        scores: torch.Tensor = self.classifier(self.features(images).mean((2, 3)))
        return scores


def train_networks(
    shapes: Iterable[Shape],
    *,
    n_images: int = 2000,
    epochs: int = 8,
    keep: Iterable[int] = (0, 1, 2, 4, 8),
    seed: int = 0,
) -> list[Snapshot]:
    """Train networks of several shapes to name objects, and keep some epochs of each.

    Parameters
    ----------
    shapes : iterable of Shape
    n_images : int
        Scenes to learn from.
    epochs : int
    keep : iterable of int
        Epochs to keep; 0 is before training.
    seed : int
        Of the weights and of the order of the images.
    """
    training, held_out = render_many(TRAINING_WORLD, range(n_images)), render_many(HELD_OUT_WORLD, range(500))
    kept = set(keep)
    return [
        Snapshot(shape, epoch, accuracy(module, held_out), _network(shape, epoch, module))
        for shape in progress(list(shapes), "training networks")
        for epoch, module in _train(shape, training, epochs, seed)
        if epoch in kept
    ]


def _train(shape: Shape, training: Scenes, epochs: int, seed: int) -> Iterator[tuple[int, nn.Module]]:
    """The network before training and after each epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = PlainNetwork(shape, len(OBJECTS)).to(memory_format=torch.channels_last)
        for epoch in train_classifier(module, training, epochs):
            yield epoch, module


def _network(shape: Shape, epoch: int, module: nn.Module) -> Network:
    module = copy.deepcopy(module).eval().requires_grad_(False)
    after = [name for name, part in module.named_modules() if isinstance(part, nn.ReLU)]
    layers = {f"Layer-{i}": name for i, name in enumerate(after, start=1)}
    return Network(f"plain-{shape.depth}-{shape.width}", f"epoch {epoch}", module, layers, SIZE)


# Likeness


def rsa_likeness(
    snapshots: Sequence[Snapshot], images: Sequence[np.ndarray], rdms: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Spearman r of each network's best layer with each participant, by area.

    Parameters
    ----------
    snapshots : sequence of Snapshot
    images : sequence of uint8 arrays of shape (height, width, 3)
    rdms : mapping of area to array of shape (n_participants, n_images, n_images)

    Returns
    -------
    dict of area to array of shape (n_snapshots, n_participants)
    """
    layers = [[rdm(f) for f in extract(one.network, images).values()] for one in snapshots]
    return {
        roi: np.stack([max((compare(one, matrices) for one in network), key=np.mean) for network in layers])
        for roi, matrices in rdms.items()
    }


def encoding_likeness(snapshots: Sequence[Snapshot], participants: Sequence[Participant], roi: str) -> np.ndarray:
    """Mean r of the stack of all layers over an ROI's voxels, array of shape (n_snapshots, n_participants).

    Parameters
    ----------
    snapshots : sequence of Snapshot
    participants : sequence of Participant
        Who all saw the same pictures.
    roi : str
    """
    shown = [units_of(one.network, participants[0], one.network.layers, None) for one in snapshots]
    return np.stack([encode_units(participants, units, roi) for units in shown])


def brain_rdms(participants: Sequence[Participant], rois: Iterable[str]) -> dict[str, np.ndarray]:
    """RDMs of the test images, arrays of shape (n_participants, n_images, n_images) by ROI."""
    return {roi: np.stack([rdm(p.test.responses[:, p.roi(roi)]) for p in participants]) for roi in rois}


def correlation_by_half(accuracy: np.ndarray, likeness: np.ndarray) -> np.ndarray:
    """Spearman r of likeness and accuracy, among the worse half of the networks and among the better half.

    An inverted U has a positive first and a negative second number.

    Parameters
    ----------
    accuracy, likeness : arrays of shape (n_snapshots,)

    Returns
    -------
    array of shape (2,)
    """
    halves = np.array_split(np.argsort(accuracy, kind="stable"), 2)
    return np.array([spearmanr(accuracy[half], likeness[half]).statistic for half in halves])


def along_training(snapshots: Sequence[Snapshot], likeness: np.ndarray) -> dict[Shape, float]:
    """Spearman r of likeness and accuracy over one network's own training, for each network.

    Parameters
    ----------
    snapshots : sequence of Snapshot
    likeness : array of shape (n_snapshots,)
    """
    shapes = np.array([str(one.shape) for one in snapshots])
    accuracy = np.array([one.accuracy for one in snapshots])
    own = {one.shape: shapes == str(one.shape) for one in snapshots}
    return {shape: float(spearmanr(accuracy[mine], likeness[mine]).statistic) for shape, mine in own.items()}
