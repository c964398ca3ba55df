"""The zoo: taps, parity with torchvision and visualpriors, the miniatures' shapes, and sentences for bad input."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor
from visualpriors.taskonomy_network import TaskonomyEncoder as PublishedEncoder

from lib.core.device import find_device
from lib.networks import ZOO, extract, load_network, zoo
from lib.networks.architectures import Bottleneck, TaskonomyEncoder
from lib.networks.extraction import prepare
from lib.networks.network import Network
from lib.networks.own import own_network
from lib.networks.tracing import Traced
from lib.networks.zoo import Spec, load_decoder, miniature
from lib.simulation.training import zero_residuals

MINIATURES = [name for name in ZOO if ZOO[name].miniature]
PAPERS = [name for name in MINIATURES if ZOO[name].full]


def pictures(n: int = 2, size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def scramble(module: nn.Module) -> None:
    """Random statistics in batch normalisation: with the first ones it would only copy."""
    torch.manual_seed(2)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.5, 0.5)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.3, 0.7)
            nn.init.uniform_(part.bias, -0.5, 0.5)


def close(ours: np.ndarray, theirs: torch.Tensor, tolerance: float = 1e-5) -> bool:
    theirs = theirs.flatten(1).numpy()
    return np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


@pytest.mark.slow("runs networks of full size")
@pytest.mark.parametrize("name", ["alexnet", "resnet50", "mobilenet"])
def test_taps_equal_torchvisions_feature_extractor(name: str) -> None:
    network = load_network(f"{name}-object", "untrained-full")
    scramble(network.module)
    spoken = [*network.layers, *(layer for layer in network.decoding_layers if layer != "resnet8")]
    ours = extract(network, pictures(), spoken, pool=False, preprocessing="imagenet")
    original = torchvision.models.get_model("mobilenet_v2" if name == "mobilenet" else name).eval()
    original.load_state_dict(network.module.state_dict())
    for part in original.modules():
        if hasattr(part, "inplace"):
            part.inplace = False  # or its in-place ReLUs would change what its own extractor hands out
    images = prepare(pictures(), 224, "imagenet")
    for layer in spoken:
        with torch.inference_mode():
            theirs = create_feature_extractor(original, [network.tap(layer)])(images)
        assert close(ours[layer], theirs[network.tap(layer)]), layer


@pytest.mark.slow("runs networks of full size")
def test_taskonomy_equals_visualpriors() -> None:
    torch.manual_seed(3)
    published = PublishedEncoder(normalize_outputs=False)
    scramble(published)
    ours = TaskonomyEncoder()
    ours.load_state_dict(published.state_dict())
    network = replace(load_network("taskonomy-edge2d", "untrained-full"), module=ours.eval())
    layers = ["conv1", "layer1", "layer2", "layer3", "layer4", "compress1"]
    found = extract(network, pictures(size=256), layers, pool=False)
    maps = {}
    for layer in layers:
        keep = lambda _, __, answer, layer=layer: maps.update({layer: answer.clone()})  # noqa: E731
        getattr(published, layer).register_forward_hook(keep)
    images = torch.from_numpy(pictures(size=256)).permute(0, 3, 1, 2) / 127.5 - 1
    code = published(images)
    shapes = {layer: tuple(answer.shape[1:]) for layer, answer in maps.items()}
    assert shapes == {
        "conv1": (64, 128, 128), "layer1": (256, 32, 32), "layer2": (512, 16, 16), "layer3": (1024, 16, 16),
        "layer4": (2048, 16, 16), "compress1": (8, 16, 16),
    }  # fmt: skip
    assert all(close(found[layer], maps[layer]) for layer in layers)
    with torch.inference_mode():
        assert close(ours(images).flatten(1).numpy(), code)


def test_what_a_block_adds_does_not_overwrite_what_was_read() -> None:
    """torchvision's bottleneck adds its input to bn3's answer in place."""
    network = load_network("resnet50-object", "untrained-full")
    kept = {}
    network.module.layer1[1].bn3.register_forward_hook(lambda _, __, answer: kept.update(bn3=answer.clone()))
    with torch.inference_mode():
        network.module(prepare(pictures(), 224, "unit"))
    found = extract(network, pictures(), ["layer1.1.bn3", "layer1.1.relu", "layer1.1.relu_2"], pool=False)
    assert close(found["layer1.1.bn3"], kept["bn3"])
    assert found["layer1.1.bn3"].min() < 0 <= min(found["layer1.1.relu"].min(), found["layer1.1.relu_2"].min())


class InPlace(nn.Module):
    """Overwrites its convolution's answer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = nn.functional.relu(self.conv(images), inplace=True)
        maps *= 3
        return maps


def test_functions_in_place_do_not_overwrite_either() -> None:
    module, images = InPlace().eval(), torch.randn(2, 3, 4, 4)
    with torch.inference_mode():
        found = Traced.of(module).reading({"conv", "relu", "mul"})(images)
        assert torch.equal(found["conv"], module.conv(images))
        assert torch.equal(found["relu"], module.conv(images).relu()) and torch.equal(found["mul"], 3 * found["relu"])


@pytest.mark.parametrize("name", PAPERS)
def test_miniature_has_the_modules_of_its_model(name: str) -> None:
    small, full = miniature(name, 0).state_dict(), ZOO[name].full(ZOO[name].n_classes).state_dict()
    assert list(small) == list(full)
    assert sum(tensor.numel() * tensor.element_size() for tensor in small.values()) < 3.95e6


@pytest.mark.parametrize("name", MINIATURES)
def test_every_layer_answers_to_every_picture(name: str) -> None:
    network = load_network(name, "untrained")
    found = extract(network, pictures(3), [*network.layers, *network.decoding_layers])
    for layer, rows in found.items():
        assert rows.dtype == np.float32 and len(rows) == 3 and 0 < rows.shape[1] <= 20_000, layer
        assert np.isfinite(rows).all() and np.ptp(rows, axis=0).max() > 0, layer


def test_layers_are_the_papers() -> None:
    layers = {name: list(spec.layers) for name, spec in ZOO.items()}
    conv = [f"Conv-{i}" for i in range(1, 6)]
    assert layers["alexnet-object"] == layers["alexnet-place"] == [*conv, "FC-6", "FC-7"]
    assert layers["resnet50-object"] == layers["resnet50-place"] == [*conv, "Avgpool"]
    assert layers["taskonomy-edge2d"] == layers["taskonomy-edge3d"] == ["Conv-1", "Conv-2", "Conv-3", "Conv-5"]
    assert list(ZOO["alexnet-object"].decoding_layers) == [f"cnn{i}" for i in range(1, 9)]
    assert list(ZOO["resnet50-place"].decoding_layers) == [f"resnet{i}" for i in range(1, 9)]


def test_multitask_answers_to_all_tasks_from_layers_that_grow_smaller() -> None:
    network = load_network("multitask", "untrained")
    shapes = {task: tuple(answer.shape) for task, answer in network.module(torch.zeros(3, 3, 64, 64)).items()}
    assert shapes == {"object": (3, 8), "place": (3, 6), "edge2d": (3, 64, 64), "edge3d": (3, 64, 64)}
    sizes = [rows.shape[1] for rows in extract(network, pictures()).values()]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("task", ["edge2d", "edge3d"])
def test_a_decoder_draws_a_picture_from_the_code(task: str) -> None:
    module, decoder = load_network(f"taskonomy-{task}").module, load_decoder(f"taskonomy-{task}")
    code = module(prepare(pictures(), 64, "signed"))
    edges = decoder(code)
    assert tuple(edges.shape) == (2, 64, 64) and edges.std() > 0 and not edges.requires_grad
    assert torch.allclose(decoder(code[:1])[0], edges[0], atol=1e-6)


def test_a_bottleneck_can_begin_as_its_shortcut() -> None:
    block, maps = Bottleneck(8, 2), torch.randn(2, 8, 4, 4)
    assert not torch.equal(block(maps), maps.relu())
    zero_residuals(nn.Sequential(block))
    assert torch.equal(block(maps), maps.relu())


def test_taps_are_the_published_ones() -> None:
    alexnet, resnet, taskonomy = (ZOO[name] for name in ("alexnet-place", "resnet50-object", "taskonomy-edge3d"))
    features = [f"features.{i}" for i in (2, 5, 7, 9, 12)]
    assert list(alexnet.layers.values()) == [*features, "classifier.1", "classifier.4"]
    assert list(resnet.layers.values()) == ["conv1", "layer1", "layer2", "layer3", "layer4", "avgpool"]
    assert list(taskonomy.layers.values()) == ["conv1", "layer1", "layer2", "layer4"]
    assert list(resnet.decoding_layers.values()) == [
        "conv1", "layer1.1.conv3", "layer2.1.conv2", "layer2.3.conv3", "layer3.2.conv1", "layer3.4.conv2",
        "layer4.0.downsample.0", "fc|softmax",
    ]  # fmt: skip


def test_softmax_logits_and_log_probabilities() -> None:
    network = load_network("resnet50-object", "untrained")
    found = extract(network, pictures(), ["resnet8", "fc", "fc|log_softmax"])
    assert np.allclose(found["resnet8"].sum(1), 1) and np.allclose(np.log(found["resnet8"]), found["fc|log_softmax"])
    centred = found["fc"] - found["fc|log_softmax"]
    assert np.ptp(centred, axis=1).max() < 1e-4


def test_a_layer_with_two_names() -> None:
    found = extract(load_network("alexnet-object"), pictures(), ["Conv-3", "cnn3", "features.7"])
    assert np.array_equal(found["Conv-3"], found["cnn3"]) and np.array_equal(found["cnn3"], found["features.7"])


def test_untrained_is_the_same_every_time_and_leaves_chance_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = load_network("resnet50-object", "untrained")
    assert torch.equal(torch.rand(1), expected)
    assert first.digest == load_network("resnet50-object", "untrained").digest
    assert first.digest != load_network("resnet50-place", "untrained").digest
    assert load_network("alexnet-object", "untrained-full").input_size == 224


def test_a_network_is_added_by_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = {"Stem": "features.0", "Pool": "features.12"}
    monkeypatch.setitem(ZOO, "squeezenet-object", Spec("object", layers, zoo._torchvision("squeezenet1_1"), 1000))
    found = extract(load_network("squeezenet-object", "untrained-full"), pictures())
    assert list(found) == ["Stem", "Pool"]


def test_pixels() -> None:
    image = np.full((1, 8, 8, 3), (0, 255, 51), np.uint8)
    values = {pixels: prepare(image, 8, pixels)[0, :, 0, 0] for pixels in ("unit", "signed", "imagenet")}
    assert torch.allclose(values["unit"], torch.tensor([0, 1, 0.2]))
    assert torch.allclose(values["signed"], torch.tensor([-1, 1, -0.6]))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    assert torch.allclose(values["imagenet"], (torch.tensor([0, 1, 0.2]) - mean) / std)


@pytest.mark.parametrize(("name", "model"), [("alexnet-place", "alexnet"), ("resnet50-object", "resnet50")])
def test_full_networks_see_what_torchvisions_own_transforms_give(name: str, model: str) -> None:
    """A crop of the right size, so that nothing is resized; pixels as torchvision's recipe scales them in training."""
    network = load_network(name, "untrained-full")
    image = pictures(1, 224)[0]
    recipe = torchvision.models.get_model_weights(model).IMAGENET1K_V1.transforms(crop_size=224, resize_size=224)
    with torch.inference_mode():
        whole = network.module(recipe(Image.fromarray(image))[None])
    tap = {"alexnet": "classifier.6", "resnet50": "fc"}[model]
    found = {choice: extract(network, [image], [tap], preprocessing=choice)[tap] for choice in network.pixels}
    assert close(found["as-trained"], whole) and close(found["imagenet"], whole)
    assert not close(found["as-published"], whole, 1e-2)
    unit = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        assert close(found["as-published"], network.module(unit))


def test_pixels_are_scaled_as_in_training() -> None:
    trained = {name: load_network(name).pixels["as-trained"] for name in PAPERS}
    assert trained == {name: "signed" if "taskonomy" in name else "unit" for name in PAPERS}
    full = {name: load_network(name, "untrained-full").pixels["as-trained"] for name in PAPERS}
    assert full == {name: "signed" if "taskonomy" in name else "imagenet" for name in PAPERS}
    own = own_network("mine", nn.Sequential(nn.Conv2d(3, 2, 1)), {"x": "0"}, pixels="imagenet")
    found = extract(own, pictures(), preprocessing="as-trained")["x"]
    with torch.inference_mode():
        assert close(found, own.module(prepare(pictures(), 64, "imagenet")))


def test_pictures_of_any_kind_are_the_same_picture() -> None:
    """What is uint8 is the reference; other types hold the same levels."""
    image = pictures(1)[0]
    kinds = {"uint16": image * np.uint16(257), "float64": image / 255, "float32": np.float32(image) / np.float32(255)}
    kinds |= {"opaque": np.dstack([image, np.full((64, 64), 255, np.uint8)])}
    for kind, other in kinds.items():
        assert torch.equal(prepare([other], 64, "unit"), prepare([image], 64, "unit")), kind
    grey = prepare([image[..., 0]], 64, "unit")
    assert all(torch.equal(grey[0, i], torch.from_numpy(image[..., 0]) / 255) for i in range(3))
    assert prepare([image[..., 0] > 100], 64, "unit").unique().tolist() == [0, 1]
    hidden = np.dstack([image, np.zeros((64, 64), np.uint8)])
    assert (prepare([hidden], 64, "unit") == 128 / 255).all()
    mixed = prepare([image, image / 255, image[..., 0]], 64, "unit")
    assert torch.equal(mixed[0], mixed[1]) and torch.equal(mixed[2], grey[0])


def test_pictures_of_several_sizes() -> None:
    several = [pictures(1, 64)[0], pictures(1, 100)[0], pictures(1, 64)[0][:40]]
    batch = prepare(several, 64, "unit")
    assert batch.shape == (3, 3, 64, 64)
    for i, image in enumerate(several):
        assert torch.allclose(batch[i], prepare([image], 64, "unit")[0], atol=1e-6)


def small() -> Network:
    return load_network("alexnet-object")


BAD = {
    "network": (lambda: load_network("alexnet"), ValueError, "Unknown network 'alexnet'; choose one of alexnet-object"),
    "weights": (lambda: load_network("alexnet-object", "untraned"), FileNotFoundError, "neither 'miniature'"),
    "weights that begin well": (
        lambda: load_network("alexnet-object", "untrained-small"), FileNotFoundError, "nor a file that exists"),
    "no such file": (lambda: load_network("resnet50-place", "no/such.pth"), FileNotFoundError, "nor a file that"),
    "a folder": (lambda: load_network("resnet50-place", "/"), IsADirectoryError, "name the file in it"),
    "no miniature of it": (
        lambda: load_network("mobilenet-object"), FileNotFoundError,
        "No trained miniature of mobilenet-object is in the repository; weights may be 'untrained-full', 'published'"),
    "no miniature to leave untrained": (
        lambda: load_network("mobilenet-object", "untrained"), FileNotFoundError, "No trained miniature"),
    "published weights of what nobody published": (
        lambda: load_network("multitask", "published"), FileNotFoundError,
        "multitask exists in miniature only; weights may be 'miniature' or 'untrained'."),
    "full size of what has none": (
        lambda: load_network("multitask", "untrained-full"), FileNotFoundError, "in miniature only"),
    "a decoder of what has none": (
        lambda: load_decoder("resnet50-object"), ValueError,
        "Unknown network with a decoder 'resnet50-object'; choose one of taskonomy-edge2d, taskonomy-edge3d"),
    "layer": (lambda: extract(small(), pictures(), ["conv1"]), ValueError, "Unknown layer 'conv1'; choose one of cnn1"),
    "layer by half its name": (lambda: extract(small(), pictures(), ["feat"]), ValueError, "Unknown layer 'feat'"),
    "function": (lambda: extract(small(), pictures(), ["classifier.6|tanh"]), ValueError, "Unknown layer"),
    "preprocessing": (
        lambda: extract(small(), pictures(), preprocessing="caffe"), ValueError, "Unknown preprocessing 'caffe'"),
    "preprocessing of another network": (
        lambda: extract(load_network("taskonomy-edge2d", "untrained"), pictures(), preprocessing="imagenet"),
        ValueError, "Unknown preprocessing 'imagenet'; choose one of as-published"),
    "device": (lambda: extract(small(), pictures(), device="gpu"), ValueError, "Unknown device 'gpu'"),
    "no images": (lambda: extract(small(), []), ValueError, "at least 1 image"),
    "half an image": (lambda: extract(small(), pictures(), batch_size=2.5), ValueError, "not 2, 2.5, 1."),
    "a text for a number": (lambda: extract(small(), pictures(), n_units="9"), ValueError, "not 2, 32, 9."),
    "no weights": (lambda: load_network("alexnet-object", None), FileNotFoundError, "neither 'miniature'"),
    "batch size": (lambda: extract(small(), pictures(), batch_size=0), ValueError, "a batch_size of at least 1"),
    "units": (lambda: extract(small(), pictures(), n_units=0), ValueError, "n_units of at least 1, not 2, 32, 0"),
    "images of large floats": (
        lambda: extract(small(), pictures() / 1.0), ValueError, "or floating-point numbers from 0 to 1, found float64"),
    "images of NaN": (lambda: extract(small(), pictures() * np.nan), ValueError, "found float64 from nan to nan"),
    "images of integers": (lambda: extract(small(), pictures().astype(int)), ValueError, "found int64 from 0 to 255"),
    "rows of pixels": (lambda: extract(small(), pictures()[0, 0]), ValueError, "expected pixels (height, width)"),
    "channels first": (lambda: extract(small(), pictures().transpose(0, 3, 1, 2)), ValueError, "found (3, 64, 64)"),
    "tensors": (
        lambda: extract(small(), torch.zeros(2, 64, 64, 3)), ValueError, "as NumPy arrays, found a Tensor; convert"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refused_with_a_sentence(case: str) -> None:
    call, kind, sentence = BAD[case]
    with pytest.raises(kind) as error:
        call()
    assert sentence in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", PAPERS)
def test_a_miniature_is_there_or_says_what_else_is(name: str) -> None:
    if (zoo.MINIATURES / f"{name}.safetensors").exists():
        assert load_network(name).input_size == 64
    else:
        with pytest.raises(FileNotFoundError, match="weights may be 'untrained', 'untrained-full', 'published' or"):
            load_network(name)


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.core.device.DEVICES", {"cuda": lambda: False, "cpu": lambda: True})
    assert find_device("auto") == "cpu"
    with pytest.raises(ValueError, match="has no device 'cuda'; it has cpu"):
        find_device("cuda")
