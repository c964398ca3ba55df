"""The four tasks of paper W on the procedural scenes: the right answers, a network's answers, and how good they are."""

import numpy as np
import torch
from scipy import ndimage

from lib.core.scores import correlation
from lib.networks.extraction import prepare
from lib.networks.network import Network
from lib.simulation.scenes import OBJECTS, SCENES, Scenes

CLASSES = {"object": OBJECTS, "place": SCENES}
EDGE_TASKS = ("edge2d", "edge3d")
NEAREST_JUMP = 0.08  # disparity between neighbouring pixels from which on we speak of an occlusion


def target(scenes: Scenes, task: str) -> torch.Tensor:
    """Right answers: classes, int64 tensor (n_images,), or edges, float32 tensor (n_images, 64, 64)."""
    if task in EDGE_TASKS:
        return torch.from_numpy(edges_2d(scenes.image) if task == "edge2d" else edges_3d(scenes.depth))
    return torch.from_numpy(scenes.object_label if task == "object" else scenes.scene_label)


def edges_2d(images: np.ndarray) -> np.ndarray:
    """Texture edges: gradient magnitude of the smoothed luminance (Canny 1986 without thinning, as Taskonomy's).

    Parameters
    ----------
    images : uint8 array of shape (n_images, height, width, 3)

    Returns
    -------
    array of shape (n_images, height, width), float32, grey levels (0..1) per pixel
    """
    luminance = images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    slope = [ndimage.gaussian_filter(luminance, (0, 1, 1), order=o) for o in ((0, 1, 0), (0, 0, 1))]
    return np.hypot(*slope)


def edges_3d(depth: np.ndarray) -> np.ndarray:
    """Occlusion edges: where disparity (1 / depth) jumps between neighbouring pixels, blurred by one pixel.

    Parameters
    ----------
    depth : array of shape (n_images, height, width)
        Slanted surfaces change by at most 2 / 64 a pixel and make no edge.

    Returns
    -------
    array of shape (n_images, height, width), float32, 0..1
    """
    disparity = 1 / depth
    down = np.abs(np.diff(disparity, axis=1, append=disparity[:, -1:])) > NEAREST_JUMP
    right = np.abs(np.diff(disparity, axis=2, append=disparity[:, :, -1:])) > NEAREST_JUMP
    return ndimage.gaussian_filter((down | right).astype(np.float32), (0, 1, 1))


def predicted_classes(network: Network, scenes: Scenes) -> np.ndarray:
    """Class that a classifier finds most likely for each scene, int array of shape (n_images,)."""
    batches = prepare(scenes.image, network.input_size, network.pixels["as-trained"]).split(256)
    with torch.inference_mode():
        return torch.cat([network.module(batch).argmax(1) for batch in batches]).numpy()


def score(answers: torch.Tensor, scenes: Scenes, task: str) -> float:
    """How good answers are, 1 at best: share of scenes named correctly, or correlation with the true edges.

    The correlation is that over an image's 4096 pixels, averaged over images: 0 where an answer is the same everywhere,
    and left out where the image has no edges.

    Parameters
    ----------
    answers : tensor of shape (n_images, n_classes) or (n_images, 64, 64)
    scenes : Scenes
    task : "object", "place", "edge2d" or "edge3d"
    """
    right = target(scenes, task)
    if task in CLASSES:
        return float((answers.argmax(1) == right).float().mean())
    true, drawn = right.flatten(1).T.numpy(), answers.flatten(1).T.numpy()
    return float(np.nan_to_num(correlation(true, drawn))[np.ptp(true, axis=0) > 0].mean())


def chance_level(task: str, training: Scenes, held_out: Scenes) -> float:
    """Chance-level score on held-out scenes: of guesses, or of the mean edges of the training scenes.

    Parameters
    ----------
    task : "object", "place", "edge2d" or "edge3d"
    training, held_out : Scenes
    """
    if task in CLASSES:
        return 1 / len(CLASSES[task])
    return score(target(training, task).mean(0).expand(len(held_out), -1, -1), held_out, task)
