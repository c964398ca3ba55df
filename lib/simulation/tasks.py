"""The four tasks of paper W on the procedural scenes: the right answers, a network's answers, and how good they are."""

import numpy as np
import torch

from lib.core.scores import correlation
from lib.networks.extraction import prepare
from lib.networks.network import Network
from lib.simulation.scenes import OBJECTS, SCENES, Scenes, edges_2d, edges_3d

CLASSES = {"object": OBJECTS, "place": SCENES}
EDGE_TASKS = ("edge2d", "edge3d")


def target(scenes: Scenes, task: str) -> torch.Tensor:
    """Right answers: classes, int64 tensor (n_images,), or edges, float32 tensor (n_images, 64, 64)."""
    if task in EDGE_TASKS:
        return torch.from_numpy(edges_2d(scenes.image) if task == "edge2d" else edges_3d(scenes.depth))
    return torch.from_numpy(scenes.object_label if task == "object" else scenes.scene_label)


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
