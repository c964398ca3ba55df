"""Train the miniatures on the procedural scenes, from the seed, on a laptop's processor.

    python -m lib miniatures [NAME ...]

writes `lib/networks/miniatures/NAME.safetensors` and, beside it, a card (json) of what it was trained on and how well
it does. An edge network comes with `NAME-decoder.safetensors`, which draws edges from its code.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from lib.core import choose
from lib.core.disk import write_json, written_aside
from lib.core.memory import keeping_memory
from lib.networks.architectures import Bottleneck
from lib.networks.extraction import prepare
from lib.networks.network import Network
from lib.networks.zoo import MINIATURES, ZOO, load_decoder, load_network, miniature, miniature_pixels, untrained_decoder
from lib.simulation import cards
from lib.simulation.scenes import SIZE, Scenes, render_many
from lib.simulation.tasks import CLASSES, EDGE_TASKS, chance_level, score, target

TRAINING_WORLD, HELD_OUT_WORLD = 0, 1  # seeds of scenes

Answers = Mapping[str, torch.Tensor]  # task -> class scores (n_images, n_classes) or edges (n_images, 64, 64)


@dataclass(frozen=True)
class Recipe:
    """How a miniature is trained: AdamW with a one-cycle learning rate on mirrored copies of `n_images` scenes."""

    epochs: int
    n_images: int = 12_000
    n_held_out: int = 2_000
    batch_size: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    seed: int = 0


RECIPES = {
    "alexnet-object": Recipe(epochs=24),
    "alexnet-place": Recipe(epochs=8),
    "resnet50-object": Recipe(epochs=7, n_images=24_000, learning_rate=6e-3, weight_decay=5e-2),
    "resnet50-place": Recipe(epochs=6, learning_rate=6e-3, weight_decay=5e-2),
    "taskonomy-edge2d": Recipe(epochs=12, learning_rate=3e-3),
    "taskonomy-edge3d": Recipe(epochs=10, learning_rate=3e-3),
    "multitask": Recipe(epochs=8, learning_rate=6e-3),
}


class TaskNetwork(nn.Module):
    """A miniature, and its decoder if it has one, which together answer each of its tasks.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    network : Module
    decoder : Module, optional
    """

    def __init__(self, name: str, network: nn.Module, decoder: nn.Module | None = None):
        super().__init__()
        self.name, self.network, self.decoder = name, network, decoder

    @classmethod
    def untrained(cls, name: str, seed: int) -> "TaskNetwork":
        """With random weights drawn from `seed`."""
        return cls(name, miniature(name, seed), untrained_decoder(name, seed) if ZOO[name].decoder else None)

    @classmethod
    def trained(cls, name: str) -> "TaskNetwork":
        """With the weights in the repository."""
        return cls(name, load_network(name).module, load_decoder(name) if ZOO[name].decoder else None)

    def forward(self, images: torch.Tensor) -> Answers:
        """Map images (n, 3, 64, 64) to answers by task."""
        answers = self.network(images)
        if isinstance(answers, dict):
            return answers
        return {ZOO[self.name].task: self.decoder(answers) if self.decoder else answers}

    def prepare(self, scenes: Scenes) -> torch.Tensor:
        """Pixels of scenes as the network takes them, tensor of shape (n_images, 3, 64, 64)."""
        return prepare(scenes.image, SIZE, miniature_pixels(self.name)["as-trained"])

    def answer(self, scenes: Scenes) -> dict[str, torch.Tensor]:
        """Answers to scenes by task, in evaluation mode."""
        self.eval()
        batches = self.prepare(scenes).split(256)
        with torch.inference_mode():
            answers = [self(batch) for batch in batches]
        return {task: torch.cat([answer[task] for answer in answers]) for task in answers[0]}

    def as_network(self) -> Network:
        """The miniature without its decoder, to read its layers."""
        pixels = miniature_pixels(self.name)
        return Network(self.name, "miniature", self.network.eval(), ZOO[self.name].layers, SIZE, pixels=pixels)


@dataclass(frozen=True)
class Trained:
    """A miniature at the end of its training, and the mean loss of each epoch."""

    network: TaskNetwork
    losses: list[float]


def train_miniature(name: str, scenes: Scenes) -> Trained:
    """Train one miniature from its seed on scenes."""
    recipe = RECIPES[choose("network", name, RECIPES)]
    torch.manual_seed(recipe.seed)
    network = TaskNetwork.untrained(name, recipe.seed).to(memory_format=torch.channels_last)
    if ZOO[name].task in CLASSES:  # one label an image teaches little: a ResNet50 would stay at chance for some epochs
        zero_residuals(network)
    with _one_thread(), keeping_memory():
        return Trained(network, _descend(network, scenes, recipe))


def zero_residuals(module: nn.Module) -> None:
    """Set the last scale of every bottleneck to 0, so that it begins as its shortcut and learns sooner (Goyal 2017)."""
    for part in module.modules():
        if isinstance(part, Bottleneck):
            nn.init.zeros_(part.bn3.weight)


@contextmanager
def _one_thread() -> Iterator[None]:
    """In layers this narrow, two threads wait for each other longer than they compute; one adds in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _descend(network: TaskNetwork, scenes: Scenes, recipe: Recipe) -> list[float]:
    """Minimise the loss in place; return its mean over each epoch."""
    optimiser = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = -(-len(scenes) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, recipe.epochs * steps)
    network.train()
    losses = []
    for _ in (progress := tqdm(range(recipe.epochs), desc=f"training {network.name}", unit="epoch")):
        losses.append(_epoch(network, scenes, recipe.batch_size, optimiser, schedule))
        progress.set_postfix(loss=f"{losses[-1]:.3f}")
    return losses


def _epoch(network: TaskNetwork, scenes: Scenes, batch_size: int, optimiser: Optimizer, schedule: LRScheduler) -> float:
    """Take every scene once, in a random order; return the mean loss."""
    total = 0.0
    for batch in torch.randperm(len(scenes)).split(batch_size):
        taken = mirrored_batch(scenes, batch.numpy(), torch.rand(len(batch)).numpy() < 0.5)
        optimiser.zero_grad()
        error = loss(network(network.prepare(taken)), taken)
        error.backward()
        optimiser.step()
        schedule.step()
        total += float(error.detach()) * len(batch)
    return total / len(scenes)


def train_classifier(
    module: nn.Module, scenes: Scenes, epochs: int, *, task: str = "object", learning_rate: float = 3e-3
) -> Iterator[int]:
    """Train any network to name the objects, or the places, of scenes; it is changed in place.

    PyTorch's random numbers decide the order of the scenes: after the same `torch.manual_seed` it is the same.

    Parameters
    ----------
    module : Module
        Maps images (n, 3, 64, 64), pixels in 0..1, to scores of `lib.simulation.scenes.OBJECTS`, or of as many classes
        as there are places.
    scenes : Scenes
    epochs : int
    task : "object" or "place"
    learning_rate : float

    Yields
    ------
    int
        How many epochs are done: 0 before the first.
    """
    images, right = prepare(scenes.image, SIZE, "unit"), target(scenes, task)
    optimiser = torch.optim.AdamW(module.parameters(), learning_rate)
    yield 0
    for epoch in range(1, epochs + 1):
        module.train()
        for batch in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            functional.cross_entropy(module(images[batch]), right[batch]).backward()
            optimiser.step()
        yield epoch


def accuracy(module: nn.Module, scenes: Scenes, task: str = "object") -> float:
    """Share of scenes whose object, or place, a network names, as `train_classifier` trains it to.

    Parameters
    ----------
    module : Module
    scenes : Scenes
    task : "object" or "place"
    """
    module.eval()
    with torch.inference_mode():
        return score(module(prepare(scenes.image, SIZE, "unit")), scenes, task)


def mirrored_batch(scenes: Scenes, indices: np.ndarray, mirror: np.ndarray) -> Scenes:
    """A batch of scenes, some of them turned left to right: a mirrored face is a face.

    Parameters
    ----------
    scenes : Scenes
    indices : int array of shape (n_batch,)
    mirror : boolean array of shape (n_batch,)
    """
    batch = Scenes(*(getattr(scenes, field.name)[indices] for field in fields(Scenes)))
    image, depth = batch.image.copy(), batch.depth.copy()
    image[mirror], depth[mirror] = image[mirror, :, ::-1], depth[mirror, :, ::-1]
    return replace(batch, image=image, depth=depth)


def loss(answers: Answers, scenes: Scenes) -> torch.Tensor:
    """Sum over tasks: cross-entropy of classes, share of the batch's variance of edges that is left unexplained."""
    each = [
        (_unexplained if task in EDGE_TASKS else functional.cross_entropy)(answer, target(scenes, task))
        for task, answer in answers.items()
    ]
    return reduce(torch.add, each)


def _unexplained(edges: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return functional.mse_loss(edges, right) / right.var()


def make_miniature(name: str, folder: Path = MINIATURES) -> dict[str, object]:
    """Train one miniature, write its checkpoint and its card, and return the card.

    Its seconds are the processor's, which other work on the machine does not add to.
    """
    start = time.process_time()
    recipe = RECIPES[choose("network", name, RECIPES)]
    scenes = render_many(TRAINING_WORLD, range(recipe.n_images))
    trained = train_miniature(name, scenes)
    card = _card(trained, scenes, round(time.process_time() - start))
    _save(trained.network.network, folder / f"{name}.safetensors")
    if trained.network.decoder:
        _save(trained.network.decoder, folder / f"{name}-decoder.safetensors")
    write_json(folder / f"{name}.json", card)
    return card


def _card(trained: Trained, scenes: Scenes, seconds: int) -> dict[str, object]:
    """The card of a network that was trained on these scenes in so many seconds."""
    network, name = trained.network, trained.network.name
    held_out = render_many(HELD_OUT_WORLD, range(RECIPES[name].n_held_out))
    found = _own_scores(network, scenes, held_out)
    if ZOO[name].task != "all":  # which was trained on every task that a probe could ask for
        found += cards.probe(network.as_network(), scenes, held_out)
    return {
        "network": name, "task": ZOO[name].task, "parameters": sum(p.numel() for p in network.network.parameters()),
        "recipe": asdict(RECIPES[name]), "loss": np.round(trained.losses, 4).tolist(),
        "scores": [asdict(one) for one in found], "seconds": seconds, "torch": torch.__version__,
    }  # fmt: skip


def _own_scores(network: TaskNetwork, training: Scenes, held_out: Scenes) -> list[cards.Score]:
    """Scores of a network's own tasks."""
    kinds = dict.fromkeys(CLASSES, "accuracy") | dict.fromkeys(EDGE_TASKS, "correlation")
    return [
        cards.Score(task, kinds[task], score(answer, held_out, task), chance_level(task, training, held_out))
        for task, answer in network.answer(held_out).items()
    ]


def _save(module: nn.Module, path: Path) -> None:
    """Write a checkpoint at once, readable by all."""
    with written_aside(path) as part:
        save_file({key: tensor.contiguous() for key, tensor in module.state_dict().items()}, part)
        part.chmod(0o644)
