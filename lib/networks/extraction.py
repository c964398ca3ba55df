"""Run images through a network and keep what its layers say."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from torchvision.models.feature_extraction import create_feature_extractor

from lib import choose, progress
from lib.networks.zoo import Network

MAX_FEATURES = 20_000
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
PREPROCESSING = ("as-published", "imagenet")


def extract(
    network: Network,
    images: Sequence[np.ndarray],
    layers: Sequence[str] | None = None,
    *,
    preprocessing: str = "as-published",
    pool: bool = True,
    batch_size: int = 32,
) -> dict[str, np.ndarray]:
    """Activations of a network's layers, all layers in one pass.

    Parameters
    ----------
    network : Network
    images : sequence of uint8 arrays of shape (height, width, 3)
        Resized to the network's input size.
    layers : sequence of str, optional
        The paper's layer names; all of the network's by default.
    preprocessing : "as-published" or "imagenet"
        Paper W's code scales pixels to 0..1 and nothing else; "imagenet" also subtracts the mean and divides by the
        standard deviation of ImageNet's pixels.
    pool : bool
        Average-pool convolutional maps to k x k, k = floor(sqrt(20000 / channels)), as paper W's code does.

    Returns
    -------
    dict of layer name to float32 array of shape (n_images, n_features)
    """
    choose("preprocessing", preprocessing, PREPROCESSING)
    names = list(layers or network.layers)
    taps = {network.layers[choose("layer", name, network.layers)]: name for name in names}
    tapped = create_feature_extractor(network.module, taps)
    batches = range(0, len(images), batch_size)
    parts = []
    for start in progress(batches, f"{network.name} ({network.weights})"):
        batch = prepare(images[start : start + batch_size], network.input_size, preprocessing)
        with torch.inference_mode():
            parts.append({name: flatten(maps, pool) for name, maps in tapped(batch).items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def prepare(images: Sequence[np.ndarray], size: int, preprocessing: str) -> torch.Tensor:
    """Turn uint8 images (n, height, width, 3) into a float batch (n, 3, size, size) in 0..1 or ImageNet-normalised."""
    batch = torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2).float() / 255
    if batch.shape[2:] != (size, size):
        batch = functional.interpolate(batch, (size, size), mode="bilinear", antialias=True, align_corners=False)
    if preprocessing == "imagenet":
        mean, std = IMAGENET[..., None, None]
        batch = (batch - mean) / std
    return batch.contiguous(memory_format=torch.channels_last)


def flatten(maps: torch.Tensor, pool: bool) -> np.ndarray:
    """Activations (n, channels[, height, width]) as float32 (n, n_features), large maps average-pooled if asked."""
    if pool and maps.ndim == 4:
        k = int((MAX_FEATURES / maps.shape[1]) ** 0.5)
        if k < maps.shape[2]:
            maps = functional.adaptive_avg_pool2d(maps, k)
    return maps.flatten(1).contiguous().numpy()
