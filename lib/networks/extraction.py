"""Run images through a network and keep what its layers say."""

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torchvision.models.feature_extraction import create_feature_extractor

from lib.core import choose, progress
from lib.core.device import find_device
from lib.core.disk import digest_of
from lib.core.memory import keeping_memory
from lib.networks import cache as storage
from lib.networks.zoo import Network

MAX_FEATURES = 20_000
# Of pixels in 0..1, what is subtracted and what they are divided by.
PIXELS = {
    "unit": (0.0, 1.0),
    "signed": (0.5, 0.5),
    "lite": (127 / 255, 128 / 255),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}

Rows = dict[str, np.ndarray]
Viewer = Callable[[Sequence[np.ndarray]], Rows]


@dataclass(frozen=True)
class Showing:
    """Which images are shown to which network, and how: see `extract`."""

    network: Network
    images: Sequence[np.ndarray]
    pixels: str
    pool: bool
    batch_size: int
    device: str
    n_units: int | None = None

    @property
    def identity(self) -> dict[str, object]:
        """What activations depend on, besides the layer: the key of the cache."""
        identity = {
            "network": self.network.name, "parameters": self.network.digest, "size": self.network.input_size,
            "pixels": self.pixels, "pool": self.pool, "n_images": len(self.images), "images": name_of(self.images),
        }  # fmt: skip
        return identity if self.n_units is None else identity | {"n_units": self.n_units}


def extract(
    network: Network,
    images: Sequence[np.ndarray] | np.ndarray,
    layers: Sequence[str] | None = None,
    *,
    preprocessing: str = "as-published",
    pool: bool = True,
    n_units: int | None = None,
    batch_size: int = 32,
    device: str = "auto",
    cache: str | os.PathLike | None = None,
) -> dict[str, np.ndarray]:
    """Activations of a network's layers, all layers in one pass.

    Parameters
    ----------
    network : Network
    images : sequence of uint8 arrays of shape (height, width, 3)
        Squeezed to the network's input size, opened batch by batch.
    layers : sequence of str, optional
        Names in `network.layers` or `network.decoding_layers`, or other taps (see `Network.tap`); all of
        `network.layers` by default.
    preprocessing : "as-published", "as-trained" or "imagenet"
        Paper W's code scales pixels to 0..1 and nothing else; "imagenet" also subtracts the mean and divides by the
        standard deviation of ImageNet's pixels; "as-trained" is what the network saw in training: "imagenet" for
        torchvision's networks, 0..1 for miniatures. Taskonomy's encoders always take -1..1.
    pool : bool
        Average-pool convolutional maps to k x k, k = floor(sqrt(20000 / channels)), as paper W's code does.
    n_units : int, optional
        Keep this many units of each layer, drawn at random, the same whenever it is asked (Horikawa & Kamitani 2017);
        all by default, and where there are not that many.
    batch_size : int
    device : "auto", "cuda", "mps" or "cpu"
        By default the first of these that the machine has.
    cache : path, optional
        Folder where activations are kept from run to run; by default the one that the environment variable
        COMPANION_FEATURES names, and without it they stay in memory. With a folder, any number of images needs the
        memory of one batch, and a run that was stopped goes on where it was.

    Returns
    -------
    dict of layer to float32 array of shape (n_images, n_features)
        Memory-mapped and read-only if they come from a folder.

    Raises
    ------
    ValueError
        An unknown layer, preprocessing or device, no images, or an image that is none.
    OSError
        The folder cannot be written, or has too little room.
    """
    taps = {name: network.tap(name) for name in layers or network.layers}
    pixels = network.pixels[choose("preprocessing", preprocessing, network.pixels)]
    if not len(images) or batch_size < 1:
        raise ValueError(
            f"Needed: at least 1 image and a batch_size of at least 1, not {len(images)} and {batch_size}."
        )
    showing = Showing(network, images, pixels, pool, batch_size, find_device(device), n_units)
    folder, distinct = cache or os.environ.get("COMPANION_FEATURES"), list(dict.fromkeys(taps.values()))
    arrays = _through_folder(showing, distinct, Path(folder)) if folder else _in_memory(showing, distinct)
    return {name: arrays[tap] for name, tap in taps.items()}


def name_of(images: Sequence[np.ndarray]) -> str:
    """A name that two sequences share only if they hold the same images.

    A participant's images (`lib.data.participant.Images`) are named by their set and their ids, without opening
    them; others by their pixels.
    """
    if hasattr(images, "stimuli"):
        return f"{images.stimuli.key} {digest_of(np.asarray(images.stimulus_ids).tolist())}"
    return digest_of(*((image.shape, image) for image in images))


def _in_memory(showing: Showing, taps: Sequence[str]) -> dict[str, np.ndarray]:
    look = viewer(showing, taps)
    arrays = {tap: np.empty((len(showing.images), n), np.float32) for tap, n in _n_features(showing, look).items()}
    for start, batch in _activations(showing, look):
        for tap, rows in batch.items():
            arrays[tap][start : start + len(rows)] = rows
    return arrays


def _through_folder(showing: Showing, taps: Sequence[str], root: Path) -> dict[str, np.ndarray]:
    """Map what is there; compute, write and then map what is missing."""
    place = storage.Place.of(root, showing.identity)
    if place.missing(taps):
        with place.locked():
            if missing := place.missing(taps):  # another process may just have written them
                _write(showing, missing, place)
    return {tap: place.open(tap) for tap in taps}


def _write(showing: Showing, taps: Sequence[str], place: storage.Place) -> None:
    look = viewer(showing, taps)
    with place.writing(_n_features(showing, look), showing.batch_size) as (start, write):
        for _, batch in _activations(showing, look, start):
            write(batch)


def _n_features(showing: Showing, look: Viewer) -> dict[str, int]:
    return {tap: rows.shape[1] for tap, rows in look(showing.images[:1]).items()}


def _activations(showing: Showing, look: Viewer, start: int = 0) -> Iterator[tuple[int, Rows]]:
    """Index of its first image and activations of each batch, from image `start` on."""
    network, images, size = showing.network, showing.images, showing.batch_size
    with keeping_memory():
        for i in progress(range(start, len(images), size), f"{network.name} ({network.weights})"):
            yield i, look(images[i : i + size])


def viewer(showing: Showing, taps: Sequence[str]) -> Viewer:
    """A function from images to {tap: float32 array of shape (n_images, n_features)}."""
    network, device = showing.network, showing.device
    module = network.module if device == "cpu" else copy.deepcopy(network.module).to(device)
    tapped = tap_module(module, {tap.partition("|")[0] for tap in taps})

    def look(images: Sequence[np.ndarray]) -> Rows:
        batch = prepare(images, network.input_size, showing.pixels).to(device)
        with torch.inference_mode():
            maps = tapped(batch)
            whole = {tap: flatten(read(maps, tap), showing.pool) for tap in taps}
            return {tap: rows[:, drawn(rows.shape[1], showing.n_units)] for tap, rows in whole.items()}

    return look


def drawn(n_features: int, n_units: int | None) -> slice | np.ndarray:
    """Which of a layer's features are kept: all, or `n_units` drawn without replacement, ascending."""
    if n_units is None or n_units >= n_features:
        return slice(None)
    return np.sort(np.random.default_rng(n_features).choice(n_features, n_units, replace=False))


def tap_module(module: nn.Module, places: set[str]) -> fx.GraphModule:
    """A module that answers with {place: activations}, computes nothing behind the last place, and overwrites nothing.

    torchvision's feature extractor, except that functions called with `inplace=True` do not change a tapped activation
    after it was read. (Modules were seen to when they were loaded; `out += identity` is traced as an addition.)
    """
    tapped = create_feature_extractor(module, sorted(places), suppress_diff_warning=True)
    for node in tapped.graph.nodes:
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
    tapped.recompile()
    return tapped


def read(maps: Mapping[str, torch.Tensor], tap: str) -> torch.Tensor:
    """What a tap says, after the softmax or log-softmax it may ask for."""
    place, _, function = tap.partition("|")
    return getattr(torch, function)(maps[place], 1) if function else maps[place]


def prepare(images: Sequence[np.ndarray] | np.ndarray, size: int, pixels: str) -> torch.Tensor:
    """Turn uint8 images (height, width, 3) into a float batch (n, 3, size, size), scaled as `PIXELS` says."""
    images = list(images)  # each is opened once
    if len({_shape(image) for image in images}) > 1:
        return torch.cat([prepare([image], size, pixels) for image in images])
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    if batch.shape[2:] != (size, size):
        batch = functional.interpolate(batch, (size, size), mode="bilinear", antialias=True, align_corners=False)
    if pixels != "unit":
        mean, std = torch.tensor(PIXELS[pixels]).reshape(2, -1, 1, 1)
        batch = (batch - mean) / std
    return batch.contiguous(memory_format=torch.channels_last)


def _shape(image: np.ndarray) -> tuple[int, ...]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"Expected images of uint8 (height, width, 3), found {image.dtype} {image.shape}.")
    return image.shape


def flatten(maps: torch.Tensor, pool: bool) -> np.ndarray:
    """Activations (n, channels[, height, width]) as float32 (n, n_features), large maps average-pooled if asked."""
    if maps.device.type == "mps":  # where pooling to sizes that do not divide the map's is missing
        maps = maps.cpu()
    if pool and maps.ndim == 4:
        k = int((MAX_FEATURES / maps.shape[1]) ** 0.5)
        if k < maps.shape[2]:
            maps = functional.adaptive_avg_pool2d(maps, k)
    return maps.flatten(1).contiguous().cpu().numpy()
