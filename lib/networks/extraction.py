"""Run images through a network and keep the activations of its layers."""

import copy
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from lib.core import choose, progress
from lib.core.device import find_device
from lib.core.disk import digest_of
from lib.core.kept import kept
from lib.core.memory import keeping_memory
from lib.core.pixels import from_array
from lib.networks.cache import Place
from lib.networks.network import Network
from lib.networks.tracing import Traced

MAX_FEATURES = 20_000
# What notebooks share of activations without being asked; a folder holds all, and any number.
SHARED_BYTES, SHARED_WEIGHTS = 2 * 10**8, ("miniature", "untrained", "published")
# Of pixels in 0..1, what is subtracted and what they are divided by.
PIXELS = {
    "unit": (0.0, 1.0),
    "signed": (0.5, 0.5),
    "lite": (127 / 255, 128 / 255),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((122.679 / 255, 116.669 / 255, 104.007 / 255), (1 / 255,) * 3),  # of ImageNet, 0..255
    "places": ((116.676 / 255, 112.514 / 255, 104.051 / 255), (1.0, 1.0, 1.0)),  # the mean colour of Places365
}

Pictures = Sequence[np.ndarray] | np.ndarray
Rows = dict[str, np.ndarray]  # tap -> float32 array of shape (n_images, n_features)


@dataclass(frozen=True)
class Extraction:
    """Which images are shown to which network, and how: see `extract`."""

    network: Network
    images: Pictures
    pixels: str
    pool: bool
    batch_size: int
    device: str
    n_units: int | None = None

    @cached_property
    def traced(self) -> Traced:
        """The network as it is when the extraction begins."""
        return self.network.traced()

    def identity(self) -> dict[str, object]:
        """All that activations depend on besides the layer: the key of the cache.

        Raises
        ------
        ValueError
            The network has parts that cannot be told from others.
        """
        return {
            "network": self.network.name, "computation": self.traced.digest(), "size": self.network.input_size,
            "pixels": PIXELS[self.pixels], "pool": self.pool, "n_units": self.n_units,
            "n_images": len(self.images), "images": name_of(self.images),
        }  # fmt: skip

    def batch(self, images: Pictures) -> torch.Tensor:
        """Images as the network takes them, in the precision of its weights."""
        weights = (weight for weight in self.network.module.parameters() if weight.is_floating_point())
        precision = next(weights, torch.empty(0)).dtype
        return prepare(images, self.network.input_size, self.pixels).to(self.device, precision)

    def reader(self, taps: Sequence[str]) -> Callable[[Pictures], Rows]:
        """A function from images to their activations at some taps."""
        module = self.traced.reading({tap.partition("|")[0] for tap in taps})
        module = module if self.device == "cpu" else copy.deepcopy(module).to(self.device)

        def read(images: Pictures) -> Rows:
            """Activations of some images, by tap."""
            with torch.inference_mode():
                answers = module(self.batch(images))
                return {tap: self._rows(tap, answers[tap.partition("|")[0]], len(images)) for tap in taps}

        return read

    def _rows(self, tap: str, answer: object, n_images: int) -> np.ndarray:
        if not isinstance(answer, torch.Tensor) or answer.is_complex() or answer.shape[:1] != (n_images,):
            raise ValueError(self._no_rows(tap, answer, n_images))
        function = tap.partition("|")[2]
        rows = flatten(getattr(torch, function)(answer, 1) if function else answer, self.pool)
        return rows[:, drawn(rows.shape[1], self.n_units)]

    def _no_rows(self, tap: str, answer: object, n_images: int) -> str:
        """Why the answer of a layer cannot be kept, and what could be read in its place."""
        traced, found = self.traced, f"a value of type {type(answer).__name__}"
        if isinstance(answer, torch.Tensor):
            found = f"{answer.dtype} of shape {tuple(answer.shape)}"
        after = [place for place, node in traced.places.items() if traced.node(tap) in node.all_input_nodes]
        instead = f"; read what follows it: {', '.join(after)}" if after else ""
        return (
            f"Layer {tap} of {self.network.name} answers {found}, where one real array with a row for each of "
            f"{n_images} images was expected{instead}."
        )


def extract(
    network: Network,
    images: Pictures,
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
        Or of others that `prepare` takes. They are squeezed to the network's input size, opened batch by batch.
    layers : sequence of str, optional
        Names in `network.layers` or `network.decoding_layers`, or other taps (see `Network.tap`); all of
        `network.layers` by default.
    preprocessing : "as-published", "as-trained" or "imagenet"
        Paper W's code scales pixels to 0..1 and nothing else; "imagenet" also subtracts the mean and divides by the
        standard deviation of ImageNet's pixels; "as-trained" is how pixels were scaled in the network's training:
        "imagenet" for torchvision's networks, 0..1 for miniatures. Taskonomy's encoders always take -1..1.
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
        An unknown layer, preprocessing or device, no images, or an image that is none; a network that cannot be
        traced, or a layer that does not answer with one array.
    OSError
        The folder cannot be written, or has too little room.
    """
    taps = {name: network.tap(name) for name in layers or network.layers}
    pixels = network.pixels[choose("preprocessing", preprocessing, network.pixels)]
    found = (len(images), batch_size, 1 if n_units is None else n_units)
    if not all(isinstance(number, Integral) and number >= 1 for number in found):
        needed = "at least 1 image, a batch_size of at least 1 and n_units of at least 1"
        raise ValueError(f"Needed: {needed}, not {', '.join(map(str, found))}.")
    extraction = Extraction(network, images, pixels, pool, batch_size, find_device(device), n_units)
    folder, distinct = cache or os.environ.get("COMPANION_FEATURES"), list(dict.fromkeys(taps.values()))
    place = _place(extraction, Path(folder)) if folder else None
    arrays = _through_folder(extraction, distinct, place) if place else _shared(extraction, distinct)
    return {name: arrays[tap] for name, tap in taps.items()}


def name_of(images: Pictures) -> str:
    """A name that two sequences share only if they hold the same images.

    A participant's images (`lib.data.participant.Images`) are named by their set and their ids, without opening
    them; others by their pixels.
    """
    if stimuli := getattr(images, "stimuli", None):
        return f"{stimuli.key} {digest_of(np.asarray(getattr(images, 'stimulus_ids')).tolist())}"  # noqa: B009
    return digest_of(*((image.shape, str(image.dtype), image) for image in images))


def _shared(extraction: Extraction, taps: Sequence[str]) -> Rows:
    """Activations as another notebook has computed them (`lib.core.kept`); drawn units are drawn anew."""
    if extraction.n_units is not None or extraction.network.weights not in SHARED_WEIGHTS:
        return _in_memory(extraction, taps)

    def depends() -> list[object]:
        return [extraction.identity(), list(taps), extraction.device]

    def compute() -> Rows:
        return {str(i): rows for i, rows in enumerate(_in_memory(extraction, taps).values())}

    found = kept(__name__, depends, compute, SHARED_BYTES)
    return {tap: found[str(i)] for i, tap in enumerate(taps)}


def _in_memory(extraction: Extraction, taps: Sequence[str]) -> Rows:
    read = extraction.reader(taps)
    arrays = {
        tap: np.empty((len(extraction.images), n), np.float32) for tap, n in _n_features(extraction, read).items()
    }
    for start, batch in _batches(extraction, read):
        for tap, rows in batch.items():
            arrays[tap][start : start + len(rows)] = rows
    return arrays


def _place(extraction: Extraction, root: Path) -> Place | None:
    """Where activations are kept; None, with a warning, if they could be taken for those of another network."""
    try:
        return Place.of(root, extraction.identity())
    except ValueError as error:
        warnings.warn(f"Activations of {extraction.network.name} are not kept in {root}, since {error}.", stacklevel=3)
        return None


def _through_folder(extraction: Extraction, taps: Sequence[str], place: Place) -> Rows:
    """Map what is there; compute, write and then map what is missing."""
    if place.missing(taps):
        with place.locked():
            if missing := place.missing(taps):  # another process may just have written them
                _write(extraction, missing, place)
    return {tap: place.open(tap) for tap in taps}


def _write(extraction: Extraction, taps: Sequence[str], place: Place) -> None:
    read = extraction.reader(taps)
    with place.writing(_n_features(extraction, read), extraction.batch_size) as (start, write):
        for _, batch in _batches(extraction, read, start):
            write(batch)


def _n_features(extraction: Extraction, read: Callable[[Pictures], Rows]) -> dict[str, int]:
    return {tap: rows.shape[1] for tap, rows in read(extraction.images[:1]).items()}


def _batches(extraction: Extraction, read: Callable[[Pictures], Rows], start: int = 0) -> Iterator[tuple[int, Rows]]:
    """Index of its first image and activations of each batch, from image `start` on."""
    network, images, size = extraction.network, extraction.images, extraction.batch_size
    with keeping_memory():
        for i in progress(range(start, len(images), size), f"{network.name} ({network.weights})"):
            yield i, read(images[i : i + size])


def drawn(n_features: int, n_units: int | None) -> slice | np.ndarray:
    """Which of a layer's features are kept: all, or `n_units` drawn without replacement, ascending."""
    if n_units is None or n_units >= n_features:
        return slice(None)
    return np.sort(np.random.default_rng(n_features).choice(n_features, n_units, replace=False))


def prepare(images: Pictures, size: int, pixels: str) -> torch.Tensor:
    """Scale and resize images for a network.

    Parameters
    ----------
    images : sequence of arrays of shape (height, width) or (height, width, 1 to 4)
        As `lib.core.pixels.from_array` takes them: of 8 or 16 bits, or floating-point numbers from 0 to 1.
    size : int
        Height and width of the result, to which images are squeezed.
    pixels : str
        One of `PIXELS`.

    Returns
    -------
    float32 tensor of shape (n_images, 3, size, size)

    Raises
    ------
    ValueError
        An image that is no array, of another shape, or of numbers whose range is unknown.

    Examples
    --------
    >>> image = np.full((2, 2, 3), 255, np.uint8)
    >>> prepare([image], 1, "signed").tolist()
    [[[[1.0]], [[1.0]], [[1.0]]]]
    """
    images = [_rgb(image) for image in images]
    if len({image.shape for image in images}) > 1:
        return torch.cat([prepare([image], size, pixels) for image in images])
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    if batch.shape[2:] != (size, size):
        batch = functional.interpolate(batch, (size, size), mode="bilinear", antialias=True, align_corners=False)
    if pixels != "unit":
        mean, std = torch.tensor(PIXELS[pixels]).reshape(2, -1, 1, 1)
        batch = (batch - mean) / std
    return batch.contiguous(memory_format=torch.channels_last)


def _rgb(image: np.ndarray) -> np.ndarray:
    if not isinstance(image, np.ndarray):  # a palette image or a tensor would be misread
        raise ValueError(f"Expected images as NumPy arrays, found a {type(image).__name__}; convert it to RGB first.")
    return from_array(image, "image")


def flatten(maps: torch.Tensor, pool: bool) -> np.ndarray:
    """Activations (n, channels[, height, width]) as float32 (n, n_features), large maps average-pooled if asked."""
    if maps.device.type == "mps":  # where pooling to sizes that do not divide the map's is missing
        maps = maps.cpu()
    if pool and maps.ndim == 4:
        k = int((MAX_FEATURES / maps.shape[1]) ** 0.5)
        if k < maps.shape[2]:
            maps = functional.adaptive_avg_pool2d(maps, k)
    return maps.reshape(len(maps), -1).float().contiguous().cpu().numpy()
