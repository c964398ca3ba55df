"""A network that is not in the zoo: made ready, taught, and refused in a sentence where it cannot be read."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from lib.analysis.training_curves import PlainNetwork, Shape
from lib.networks import Network, extract, own_network
from lib.simulation.scenes import OBJECTS, SCENES, render_many
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
        (["conv1"], r"mine: expected layers as \{name: tap\}, such as .*, found \['conv1'\]"),
        ({"first": 1}, r"mine: expected layers as \{name: tap\}"),
    ],
)
def test_places_that_do_not_exist_are_refused(shufflenet: nn.Module, layers: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        own_network("mine", shufflenet, layers)
    assert "\n" not in str(caught.value)


@pytest.mark.slow("trains networks")
class Flow(nn.Module):
    """Its forward asks for values."""

    def __init__(self, inside: nn.Module | None = None) -> None:
        super().__init__()
        self.conv, self.inside = nn.Conv2d(3, 4, 3), inside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.inside:
            return self.inside(self.conv(x))
        return self.conv(x * 2 if x.mean() > 0 else x)


class Attention(nn.Module):
    """One of its layers answers a tuple, and its sequence comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.attn, self.norm = nn.MultiheadAttention(3, 1), nn.LayerNorm(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(2).permute(2, 0, 1)[:9]
        return self.norm(self.attn(x, x, x)[0]).permute(1, 0, 2)


class Dictionary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.conv(x)
        return {"maps": maps, "size": maps.shape[2], "wave": torch.fft.fft(maps)}


CANNOT = {
    "a function": (lambda x: x, {"c": "0"}, {}, "mine: expected a torch.nn.Module written in Python, found a function"),
    "TorchScript": (torch.jit.script(nn.Sequential(nn.ReLU())), {"c": "0"}, {}, "found a RecursiveScriptModule"),
    "conditions": (
        Flow(), {"c": "conv"}, {},
        "mine cannot be read layer by layer, because its forward cannot be traced (TraceError: symbolically traced"),
    "conditions in a part": (
        Flow(nn.Sequential(nn.ReLU(), Flow())), {"c": "conv"}, {}, "because its part 'inside.1' cannot be traced"),
    "a tuple": (
        Attention(), {"a": "attn"}, {},
        "Layer attn of mine answers a value of type tuple, where one real array with a row for each of 1 images was "
        "expected; read what follows it: getitem_1."),
    "sequence first": (Attention(), {"a": "norm"}, {}, "norm of mine answers torch.float32 of shape (9, 1, 3)"),
    "a number": (Dictionary(), {"a": "getitem"}, {}, "Layer getitem of mine answers a value of type int"),
    "complex numbers": (Dictionary(), {"a": "fft_fft"}, {}, "answers torch.complex64 of shape (1, 4, 62, 62)"),
    "another size": (
        nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 5)), {"l": "1"}, {},
        "mine does not take an image of shape (3, 64, 64), its input_size (RuntimeError: mat1 and mat2 shapes cannot"),
    "one channel": (nn.Sequential(nn.Conv2d(1, 4, 3)), {"c": "0"}, {"input_size": 32}, "of shape (3, 32, 32)"),
    "no size": (nn.Sequential(nn.ReLU()), {"c": "0"}, {"input_size": 0}, "input_size must be a whole number, at least"),
    "size as text": (nn.Sequential(nn.ReLU()), {"c": "0"}, {"input_size": "64"}, "at least 1, found '64'"),
    "lazy": (nn.Sequential(nn.LazyConv2d(4, 3)), {"c": "0"}, {}, "mine: some of its parameters have no values yet"),
    "meta": (nn.Sequential(nn.Conv2d(3, 4, 3, device="meta")), {"c": "0"}, {}, "parameters have no values yet"),
    "pixels": (nn.Sequential(nn.ReLU()), {"c": "0"}, {"pixels": "keras"}, "Unknown scale of pixels 'keras'; choose"),
}  # fmt: skip


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_be_read_is_refused_with_the_part_that_is_to_blame(case: str) -> None:
    module, layers, options, sentence = CANNOT[case]
    with pytest.raises(ValueError) as caught:
        own_network("mine", module, layers, **options)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_layer_that_answers_a_tuple_is_named_when_it_is_asked_for() -> None:
    network = own_network("mine", Attention(), {"a": "permute_1"})
    with pytest.raises(ValueError, match="Layer attn of mine answers a value of type tuple"):
        extract(network, IMAGES, ["attn"])


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision(precision: torch.dtype) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3))
    right = extract(own_network("mine", module, {"c": "0"}), IMAGES)["c"]
    found = extract(own_network("mine", module.to(precision), {"c": "0"}), IMAGES)["c"]
    assert found.dtype == np.float32 and np.allclose(found, right, atol=0.02)


@pytest.mark.parametrize(
    ("wrap", "tap"), [(nn.DataParallel, "module.0"), (torch.compile, "0"), (torch.compile, "_orig_mod.0")]
)
def test_wrappers_are_taken_off(wrap: Callable[[nn.Module], nn.Module], tap: str) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3))
    found = extract(own_network("mine", wrap(module), {"c": tap}), IMAGES)["c"]
    assert np.array_equal(found, extract(own_network("mine", module, {"c": "0"}), IMAGES)["c"])


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
    torch.manual_seed(1)
    module = PlainNetwork(Shape(4, 8), len(SCENES))
    before, *_, after = [
        accuracy(module, held_out, "place") for _ in train_classifier(module, training, 6, task="place")
    ]
    assert after > before + 0.05
