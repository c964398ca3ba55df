"""A network that is not in the zoo: made ready, taught, and refused in a sentence where it cannot be read."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from lib.analysis.training_curves import PlainNetwork, Shape
from lib.networks import Network, extract, own_network
from lib.simulation.scenes import OBJECTS, render_many
from lib.simulation.training import HELD_OUT_WORLD, TRAINING_WORLD, accuracy, train_classifier

IMAGES = list(np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8))
LAYERS = {"first": "conv1", "middle": "stage2.1", "last": "fc|softmax"}


@pytest.fixture
def shufflenet() -> nn.Module:
    """Random weights, in training mode, as torchvision builds it."""
    torch.manual_seed(0)
    return torchvision.models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=len(OBJECTS))


def test_its_layers_are_those_of_the_module(shufflenet: nn.Module) -> None:
    found = extract(own_network("mine", shufflenet, LAYERS), IMAGES, pool=False)
    batch = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        first = shufflenet.conv1(batch)
        middle = shufflenet.stage2[:2](shufflenet.maxpool(first))
        last = shufflenet(batch).softmax(1)
    for name, right in (("first", first), ("middle", middle), ("last", last)):
        np.testing.assert_allclose(found[name], right.flatten(1).numpy(), rtol=1e-4, atol=1e-5)
    assert list(found) == list(LAYERS)


def test_it_is_ready_for_reading(shufflenet: nn.Module) -> None:
    network = own_network("mine", shufflenet, LAYERS)
    assert isinstance(network, Network) and not network.module.training
    assert not any(weight.requires_grad for weight in network.module.parameters())
    np.testing.assert_array_equal(extract(network, IMAGES)["last"], extract(network, IMAGES[:])["last"])


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ({"middle": "stag2"}, "mine has no 'stag2', named for layer middle; it has stage2, "),
        ({"first": "conv1", "x": "classifier"}, "mine has no 'classifier', named for layer x; it has "),
        ({}, "mine: expected at least one layer to read, found none"),
    ],
)
def test_places_that_do_not_exist_are_refused(shufflenet: nn.Module, layers: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        own_network("mine", shufflenet, layers)
    assert "\n" not in str(caught.value)


@pytest.mark.slow("trains networks")
def test_any_network_can_be_taught_and_learns_the_same_from_the_same_seed() -> None:
    training, held_out = render_many(TRAINING_WORLD, range(600)), render_many(HELD_OUT_WORLD, range(200))
    curves = []
    for _ in range(2):
        torch.manual_seed(1)
        module = PlainNetwork(Shape(4, 8), len(OBJECTS))
        curves.append([accuracy(module, held_out) for _ in train_classifier(module, training, 6)])
    assert len(curves[0]) == 7 and curves[0] == curves[1]
    assert curves[0][-1] > curves[0][0] + 0.05
