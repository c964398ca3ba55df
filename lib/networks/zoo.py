"""The networks of the papers: their layers by the papers' names, their sizes, and where their weights come from."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from lib import choose
from lib.networks.architectures import MiniAlexNet
from lib.scenes import OBJECTS, SCENES, SIZE

MINIATURES = Path(__file__).parent / "miniatures"

# Paper W's taps: convolutions after ReLU (1, 2 and 5 also after pooling), linear layers before ReLU.
ALEXNET_LAYERS = {
    "Conv-1": "features.2", "Conv-2": "features.5", "Conv-3": "features.7", "Conv-4": "features.9",
    "Conv-5": "features.12", "FC-6": "classifier.1", "FC-7": "classifier.4",
}  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """One row of the zoo: a network of the papers, full size and in miniature.

    Attributes
    ----------
    task : "object", "place"
        What it was trained on.
    layers : mapping of the paper's layer names to module names, in the network's order
    full, miniature : callable
        Build the module from a number of classes.
    n_classes, n_classes_miniature : int
    """

    task: str
    layers: Mapping[str, str]
    full: Callable[[int], nn.Module]
    miniature: Callable[[int], nn.Module]
    n_classes: int
    n_classes_miniature: int


def _alexnet(n_classes: int) -> nn.Module:
    return torchvision.models.alexnet(num_classes=n_classes)


ZOO = {
    "alexnet-object": Spec("object", ALEXNET_LAYERS, _alexnet, MiniAlexNet, 1000, len(OBJECTS)),
    "alexnet-place": Spec("place", ALEXNET_LAYERS, _alexnet, MiniAlexNet, 365, len(SCENES)),
}


@dataclass(frozen=True)
class Network:
    """A network ready to look at images.

    Attributes
    ----------
    name : str
    weights : str
        "miniature", "untrained", "published" or the path they were read from.
    module : torch.nn.Module
        In evaluation mode.
    layers : mapping of the paper's layer names to module names, in the network's order
    input_size : int
        Height and width of the images it takes.
    """

    name: str
    weights: str
    module: nn.Module
    layers: Mapping[str, str]
    input_size: int


def load_network(name: str, weights: str = "miniature") -> Network:
    """Build a network and give it its weights.

    Parameters
    ----------
    name : str
        One of `ZOO`.
    weights : str
        "miniature" (in the repository), "untrained" (the miniature before training), "published" (a checkpoint fetched
        by `python -m lib fetch NAME`), or the path of a safetensors file or of a published checkpoint.

    Raises
    ------
    ValueError
        Unknown name, or a checkpoint that does not fit the network.
    FileNotFoundError
        The checkpoint is not there; the message says how to get it.
    """
    spec = ZOO[choose("network", name, ZOO)]
    if weights in ("miniature", "untrained"):
        module, size = miniature(name, seed=0), SIZE
    else:
        module, size = spec.full(spec.n_classes), 224
    if weights != "untrained":
        _load_state(module, _checkpoint(name, weights))
    return Network(name, weights, _for_reading(module), spec.layers, size)


def miniature(name: str, seed: int) -> nn.Module:
    """The network in small with random weights drawn from `seed`."""
    spec = ZOO[choose("network", name, ZOO)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return spec.miniature(spec.n_classes_miniature)


def _for_reading(module: nn.Module) -> nn.Module:
    """Evaluation mode, no gradients, and no ReLU that overwrites the activation a tap has just read."""
    for part in module.modules():
        if hasattr(part, "inplace"):
            part.inplace = False
    return module.eval().requires_grad_(False)


def _checkpoint(name: str, weights: str) -> Path:
    if weights == "miniature":
        return MINIATURES / f"{name}.safetensors"
    if weights == "published":
        return _published(name)
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={weights!r} is neither 'miniature', 'untrained', 'published' nor a file that exists."
        )
    return path


def _published(name: str) -> Path:
    from lib.fetch import cached

    paths = cached(name)
    if not paths:
        raise FileNotFoundError(
            f"The published checkpoint of {name} is not in the cache; run: python -m lib fetch {name}"
        )
    return paths[0]


def _load_state(module: nn.Module, path: Path) -> None:
    """Copy weights into `module`; what does not fit is named. Pickled code in a checkpoint never runs."""
    state = read_state(path)
    expected = module.state_dict()
    wrong = [k for k in expected if k not in state or state[k].shape != expected[k].shape]
    extra = [k for k in state if k not in expected]
    if wrong or extra:
        raise ValueError(
            f"{path.name} does not fit {type(module).__name__}: "
            f"missing or misshapen {wrong[:3]}, unexpected {extra[:3]}."
        )
    module.load_state_dict(state)


def read_state(path: str | os.PathLike) -> dict[str, torch.Tensor]:
    """Parameters by name, from a safetensors file or a PyTorch checkpoint (with or without `state_dict`, `module.`).

    Raises
    ------
    ValueError
        The file is neither, is truncated, or holds anything but tensors.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint of tensors only: {str(error).splitlines()[0]}") from error
    state = state.get("state_dict", state)
    return {name.replace("module.", ""): tensor for name, tensor in state.items()}
