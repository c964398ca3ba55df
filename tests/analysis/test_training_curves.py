"""Networks along their training: reproducible, better with time; halves of an inverted U told apart."""

import numpy as np
import pytest

from lib.analysis.rsa import rdm
from lib.analysis.training_curves import (
    Shape,
    Snapshot,
    along_training,
    correlation_by_half,
    rsa_likeness,
    train_networks,
)
from lib.networks import extract


@pytest.mark.slow("trains networks")
def test_networks_are_trained_alike_from_the_same_seed_and_learn() -> None:
    one, again = (train_networks([Shape(4, 8)], n_images=700, epochs=6, keep=(0, 6)) for _ in range(2))
    assert [s.epoch for s in one] == [0, 6] and [s.accuracy for s in one] == [s.accuracy for s in again]
    assert one[0].network.digest != one[1].network.digest == again[1].network.digest
    assert one[1].accuracy > one[0].accuracy + 0.03
    image = np.zeros((64, 64, 3), np.uint8)
    assert list(extract(one[1].network, [image])) == [f"Layer-{i}" for i in range(1, 5)]


@pytest.mark.slow("trains networks")
def test_a_brain_that_is_the_network_is_most_like_it() -> None:
    snapshots = train_networks([Shape(2, 4), Shape(3, 4)], n_images=64, epochs=1, keep=(1,))
    images = list(np.random.default_rng(0).integers(0, 255, (12, 64, 64, 3), dtype=np.uint8))
    own = rdm(extract(snapshots[0].network, images)["Layer-2"])
    found = rsa_likeness(snapshots, images, {"V1": own[None]})["V1"]
    assert found.shape == (2, 1) and found[0, 0] > 0.999 > found[1, 0]


def test_halves_of_an_inverted_u_and_of_a_rise() -> None:
    accuracy = np.linspace(0, 1, 12)
    np.testing.assert_allclose(correlation_by_half(accuracy, 1 - (2 * accuracy - 1) ** 2), [1, -1])
    np.testing.assert_allclose(correlation_by_half(accuracy[::-1], accuracy[::-1]), [1, 1])


def test_each_network_is_followed_through_its_own_training() -> None:
    rises, falls = Shape(2, 4), Shape(3, 4)
    snapshots = [Snapshot(shape, epoch, epoch / 10, None) for shape in (rises, falls) for epoch in range(4)]
    likeness = np.array([0, 1, 2, 3, 9, 8, 7, 6.0])
    assert along_training(snapshots, likeness) == {rises: pytest.approx(1), falls: pytest.approx(-1)}
