"""Networks as graphs: what can be read, operations in place, and a digest that no change of the computation escapes."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from lib.networks import extract, load_network
from lib.networks.own import own_network
from lib.networks.tracing import Traced

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


class Net(nn.Module):
    """A convolution, batch normalisation, an activation and pooling, all of which can be chosen."""

    def __init__(
        self,
        act: nn.Module | None = None,
        pool: nn.Module | None = None,
        scale: float | None = None,
        eps: float = 1e-5,
        steps: int = 1,
        **conv: int,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.bn = nn.Conv2d(3, 8, 3, **{"padding": 1, **conv}), nn.BatchNorm2d(8, eps=eps)
        self.act, self.pool = act or nn.ReLU(), pool or nn.MaxPool2d(2)
        self.scale, self.steps = scale, steps
        self.grid = torch.linspace(0, 1, 8)  # neither a parameter nor a buffer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.scale is not None:
            x = x / self.scale
        for _ in range(self.steps):
            x = x + 1
        return self.pool(self.act(self.bn(self.conv(x))) * self.grid[:, None, None])


class OtherForward(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).sin()


class Leaky(nn.LeakyReLU):
    """A subclass of one's own: its code is traced."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * 2


def with_grid(module: Net) -> Net:
    module.grid = module.grid + 0.001
    return module


def with_buffer(module: Net) -> Net:
    module.bn.running_var[3] = 1.001
    return module


def with_weight(module: Net) -> Net:
    module.conv.weight.data[0, 0, 0, 0] = torch.nextafter(module.conv.weight.data[0, 0, 0, 0], torch.tensor(9.0))
    return module


def with_attribute(module: nn.Module, part: str, name: str, value: object) -> nn.Module:
    setattr(module.get_submodule(part), name, value)
    return module


CHANGES: dict[str, Callable[[], nn.Module]] = {
    "another activation function": lambda: Net(nn.Tanh()),
    "its approximation": lambda: Net(nn.GELU("tanh")),
    "its slope": lambda: Net(nn.LeakyReLU(0.02)),
    "a subclass of one's own": lambda: Net(Leaky(0.01)),
    "average pooling": lambda: Net(pool=nn.AvgPool2d(2)),
    "padding of average pooling": lambda: Net(pool=nn.AvgPool2d(2, padding=1, count_include_pad=False)),
    "rounding up": lambda: Net(pool=nn.MaxPool2d(2, ceil_mode=True)),
    "stride": lambda: Net(stride=2),
    "dilation": lambda: Net(dilation=2, padding=2),
    "padding mode": lambda: with_attribute(Net(), "conv", "padding_mode", "circular"),
    "eps": lambda: Net(eps=0.1),
    "batch statistics": lambda: with_attribute(Net(), "bn", "track_running_stats", False),
    "scale in the forward": lambda: Net(scale=0.45),
    "another scale": lambda: Net(scale=0.4500001),
    "number of steps": lambda: Net(steps=2),
    "another forward": OtherForward,
    "a tensor that is no parameter": lambda: with_grid(Net()),
    "a buffer": lambda: with_buffer(Net()),
    "one weight by one bit": lambda: with_weight(Net()),
    "precision": lambda: Net().half(),
}


DIFFERENT = [*[*CHANGES][:6], "stride", "dilation", "eps", "scale in the forward", "number of steps"]


def digest(module: nn.Module) -> str:
    return Traced.of(module.eval()).digest()


def test_every_change_of_the_computation_has_a_digest_of_its_own() -> None:
    digests = {name: digest(make()) for name, make in CHANGES.items()} | {"nothing": digest(Net())}
    assert len(set(digests.values())) == len(digests)


def test_the_same_computation_has_the_same_digest() -> None:
    assert digest(Net()) == digest(Net())
    module = Net().eval()
    assert digest(module) == digest(module)  # tracing leaves nothing behind
    assert load_network("resnet50-object").digest == load_network("resnet50-object").digest
    assert not [name for name in vars(module) if name.startswith("_tensor")]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CHANGES)
def test_no_change_gets_the_activations_of_another(name: str, tmp_path) -> None:
    first = extract(own_network("mine", Net(), {"out": "pool"}), IMAGES, cache=tmp_path)["out"]
    changed = own_network("mine", CHANGES[name](), {"out": "pool"})
    found, right = (extract(changed, IMAGES, cache=folder)["out"] for folder in (tmp_path, None))
    assert np.array_equal(found, right, equal_nan=True) and len(list(tmp_path.iterdir())) == 2
    if name in DIFFERENT:
        assert found.shape != first.shape or not np.allclose(found, first)


def test_a_network_changed_between_two_calls_is_looked_at_again(tmp_path) -> None:
    network = own_network("mine", Net(), {"out": "pool"})
    before = extract(network, IMAGES, cache=tmp_path)["out"].copy()
    network.module.conv.weight.data *= 2
    changed = extract(network, IMAGES, cache=tmp_path)["out"]
    network.module.act = nn.Tanh()
    again = extract(network, IMAGES, cache=tmp_path)["out"]
    assert not np.array_equal(changed, before) and not np.array_equal(again, changed)


def hooked() -> nn.Module:
    module = Net()
    module.conv.register_forward_hook(lambda _, __, answer: answer + 1)
    return module


def patched() -> nn.Module:
    module = Net()
    module.act.forward = lambda x: x.exp()
    return module


class Twice(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


def parametrized() -> nn.Module:
    module = Net()
    parametrize.register_parametrization(module.conv, "weight", Twice())
    return module


@fx.wrap
def own_function(x: torch.Tensor) -> torch.Tensor:
    return x.tan()


class Wrapped(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return own_function(super().forward(x))


@pytest.mark.parametrize("make", [hooked, patched, parametrized, Wrapped])
def test_code_that_cannot_be_told_is_not_cached(make: Callable[[], nn.Module], tmp_path) -> None:
    network = own_network("mine", make(), {"out": "pool"})
    with pytest.warns(
        UserWarning, match=r"Activations of mine are not kept in .*, since it holds .* cannot be told\.$"
    ):
        found = extract(network, IMAGES, cache=tmp_path)["out"]
    assert np.array_equal(found, extract(network, IMAGES)["out"]) and not list(tmp_path.iterdir())


# Places


@pytest.mark.parametrize("places", [["layer4", "layer4.2"], ["layer4.2", "layer4.2.relu_2"], ["layer1", "layer1.2"]])
def test_a_block_and_its_last_part_are_the_same_activation(places: list[str]) -> None:
    """torchvision's extractor gives the second of two such places the operation before."""
    network = load_network("resnet50-object")
    both = extract(network, IMAGES, places)
    alone = [extract(network, IMAGES, [place])[place] for place in places]
    assert np.array_equal(both[places[0]], both[places[1]])
    assert np.array_equal(both[places[1]], alone[1]) and np.array_equal(alone[0], alone[1])


def test_training_mode_is_left_before_a_network_is_read() -> None:
    network = own_network("mine", nn.Sequential(nn.Dropout(0.5), nn.Conv2d(3, 2, 1)), {"x": "1"})
    expected = extract(network, IMAGES)["x"]
    network.module.train()
    assert np.array_equal(extract(network, IMAGES)["x"], expected)


# Operations in place


class PreActivation(nn.Module):
    """The shortcut takes what ReLU in place left of its input."""

    def __init__(self, way: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.conv, self.relu = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)
        self.way = way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        if self.way == "module":
            rectified = self.relu(x)
        elif self.way == "function":
            rectified = functional.relu(x, inplace=True)
        elif self.way == "method":
            rectified = x.relu_()
        elif self.way == "torch":
            rectified = torch.relu_(x)
        else:
            functional.leaky_relu_(x, 0.1)
            rectified = x.clamp_(min=0).add_(1)
        return self.conv(rectified) + x


@pytest.mark.parametrize("way", ["module", "function", "method", "torch", "statement"])
def test_operations_in_place_change_what_comes_after_them_and_nothing_before(way: str) -> None:
    module = PreActivation(way).eval()
    batch = torch.rand(2, 3, 8, 8)
    with torch.inference_mode():
        right, stem = module(batch), module.stem(batch)
        found = Traced.of(module).reading(["stem", "add"])(batch)
        assert torch.equal(found["stem"], stem) and stem.min() < 0
        last = Traced.of(module).whole()(batch)
        assert torch.equal(last, right)
    assert module.relu.inplace  # the module itself is left as it was
    own_network("mine", module, {"stem": "stem"})


class Aliased(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.conv(x)
        view = maps[:, 1:]
        view.mul_(3)
        return maps


class Random(Aliased):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) + torch.rand(1)


@pytest.mark.parametrize("kind", [Aliased, Random])
def test_a_network_that_cannot_be_followed_is_refused(kind: type) -> None:
    with pytest.raises(ValueError, match="mine answers otherwise when it is read layer by layer than as a whole"):
        own_network("mine", kind(), {"conv": "conv"})


def test_math_and_shapes_are_traced() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maps = self.conv(x)
            return maps.reshape(maps.shape[0], -1) / math.sqrt(maps.shape[1])

    found = extract(own_network("mine", Scaled(), {"out": "truediv", "conv": "conv"}), IMAGES, pool=False)
    assert np.allclose(found["out"], found["conv"] / 2)
