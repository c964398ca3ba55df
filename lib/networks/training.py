"""Train the miniatures on the procedural scenes, from the seed, on a laptop's processor.

    python -m lib miniatures [NAME ...]

writes `lib/networks/miniatures/NAME.safetensors` and, beside it, a card (json) of what it was trained on and how well
it does.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from lib import choose
from lib.networks.extraction import prepare
from lib.networks.zoo import MINIATURES, ZOO, miniature
from lib.scenes import SIZE, Scenes, render_many

TRAINING_WORLD, HELD_OUT_WORLD = 0, 1


@dataclass(frozen=True)
class Recipe:
    """How a miniature is trained: Adam with a one-cycle learning rate on mirrored copies of `n_images` scenes."""

    epochs: int
    n_images: int = 12_000
    n_held_out: int = 2_000
    batch_size: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    seed: int = 0


RECIPES = {"alexnet-object": Recipe(epochs=24), "alexnet-place": Recipe(epochs=8)}


def labels(scenes: Scenes, task: str) -> torch.Tensor:
    """What a network trained on `task` has to say about each scene: int64 tensor of shape (n_images,)."""
    return torch.from_numpy(scenes.object_label if task == "object" else scenes.scene_label)


def train(name: str) -> tuple[nn.Module, list[float]]:
    """Train one miniature from its seed.

    Returns
    -------
    module : the trained network
    losses : mean loss of each epoch
    """
    spec, recipe = ZOO[choose("network", name, ZOO)], RECIPES[name]
    scenes = render_many(TRAINING_WORLD, range(recipe.n_images))
    images, target = prepare(scenes.image, SIZE, spec.pixels["as-published"]), labels(scenes, spec.task)
    torch.manual_seed(recipe.seed)
    module = miniature(name, recipe.seed).to(memory_format=torch.channels_last)
    return module, _descend(module, images, target, recipe, functional.cross_entropy, name)


def _descend(
    module: nn.Module, images: torch.Tensor, target: torch.Tensor, recipe: Recipe, loss: Callable, name: str
) -> list[float]:
    """Minimise `loss` in place; return its mean over each epoch."""
    optimiser = torch.optim.AdamW(module.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = -(-len(images) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, recipe.epochs * steps)
    module.train()
    losses = []
    for _ in (progress := tqdm(range(recipe.epochs), desc=f"training {name}", unit="epoch")):
        total = 0.0
        for batch in torch.randperm(len(images)).split(recipe.batch_size):
            optimiser.zero_grad()
            error = loss(module(_mirror(images[batch])), target[batch])
            error.backward()
            optimiser.step()
            schedule.step()
            total += float(error.detach()) * len(batch)
        losses.append(total / len(images))
        progress.set_postfix(loss=f"{losses[-1]:.3f}")
    return losses


def _mirror(images: torch.Tensor) -> torch.Tensor:
    """Flip half of the images left to right: a mirrored face is a face."""
    flip = torch.rand(len(images)) < 0.5
    return torch.where(flip[:, None, None, None], images.flip(3), images)


def accuracy(module: nn.Module, scenes: Scenes, task: str) -> float:
    """Share of `scenes` (0..1) that a classifier names correctly."""
    module.eval()
    images, target = prepare(scenes.image, SIZE, "unit"), labels(scenes, task)
    with torch.inference_mode():
        answers = torch.cat([module(batch).argmax(1) for batch in images.split(256)])
    return float((answers == target).float().mean())


def make(name: str, folder: Path = MINIATURES) -> dict[str, object]:
    """Train one miniature, write its checkpoint and its card, and return the card."""
    start = time.perf_counter()
    module, losses = train(name)
    recipe, task = RECIPES[name], ZOO[name].task
    held_out = render_many(HELD_OUT_WORLD, range(recipe.n_held_out))
    card = {
        "network": name, "task": task, "parameters": sum(p.numel() for p in module.parameters()),
        "recipe": asdict(recipe), "loss": np.round(losses, 4).tolist(),
        "held_out_accuracy": accuracy(module, held_out, task), "chance": 1 / ZOO[name].n_classes_miniature,
        "seconds": round(time.perf_counter() - start), "torch": torch.__version__,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{name}.safetensors"
    save_file({k: v.contiguous() for k, v in module.state_dict().items()}, aside)
    os.replace(aside, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")
    return card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m lib miniatures`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which networks (default: all): {', '.join(RECIPES)}")
    parser.add_argument("--folder", type=Path, default=MINIATURES, help="where to write them (default: into lib)")


def main(args: argparse.Namespace) -> int:
    """Train the miniatures that were asked for and print how well each does."""
    for name in [choose("network", name, RECIPES) for name in args.names or RECIPES]:
        card = make(name, args.folder)
        print(f"{name}: {card['held_out_accuracy']:.1%} correct (chance {card['chance']:.1%}), {card['seconds']} s")
    return 0
