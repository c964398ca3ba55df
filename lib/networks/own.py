"""Networks that are not in the zoo."""

import difflib
import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from lib.core import choose
from lib.networks.extraction import PIXELS, Extraction
from lib.networks.network import UNIT_PIXELS, Network
from lib.networks.tracing import first_line
from lib.networks.zoo import MINIATURE_SIZE


def own_network(
    name: str,
    module: nn.Module,
    layers: Mapping[str, str],
    *,
    weights: str = "own",
    input_size: int = MINIATURE_SIZE,
    pixels: str = "unit",
) -> Network:
    """Make a network ready to look at images that is not in the zoo.

    It is tried out on one random image.

    Parameters
    ----------
    name : str
    module : torch.nn.Module
        Maps images (n, 3, input_size, input_size), pixels in 0..1, to anything; put into evaluation mode here.
    layers : mapping of a layer's name to its tap (see `lib.networks.layers`), in the network's order
    weights : str
        Where they come from.
    input_size : int
        Height and width of the images it takes.
    pixels : "unit", "signed" or "imagenet"
        How pixels were scaled in its training (preprocessing "as-trained").

    Raises
    ------
    ValueError
        No module, one that cannot be traced or does not take such images; no layers, a tap that is no place in the
        module (names those that are most like it), or a layer that does not answer with one array.
    """
    if not isinstance(module, nn.Module) or isinstance(module, torch.jit.ScriptModule):
        raise ValueError(f"{name}: expected a torch.nn.Module written in Python, found a {type(module).__name__}.")
    if not layers:
        raise ValueError(f"{name}: expected at least one layer to read, found none.")
    if not isinstance(layers, Mapping) or not all(isinstance(tap, str) for tap in layers.values()):
        raise ValueError(f"{name}: expected layers as {{name: tap}}, such as {{'first': 'conv1'}}, found {layers!r}.")
    if not isinstance(input_size, int) or input_size < 1:
        raise ValueError(f"{name}: input_size must be a whole number, at least 1, found {input_size!r}.")
    if any(is_lazy(one) or one.is_meta for one in module.parameters()):
        raise ValueError(f"{name}: some of its parameters have no values yet: load or draw them first.")
    module, taps = _unwrapped(module), dict(layers)
    if "module" not in dict(module.named_children()):  # so named by one who looked at the wrapper
        taps = {layer: re.sub(r"^(module|_orig_mod)\.", "", tap) for layer, tap in taps.items()}
    pixels_by_name = {**UNIT_PIXELS, "as-trained": choose("scale of pixels", pixels, PIXELS)}
    network = Network(name, weights, module.eval().requires_grad_(False), taps, input_size, pixels=pixels_by_name)
    _check_taps(network)
    _try_out(network)
    return network


def _unwrapped(module: nn.Module) -> nn.Module:
    """The network inside of torch.compile and of parallel training."""
    inner = getattr(module, "_orig_mod", module.module if isinstance(module, nn.DataParallel) else module)
    return module if inner is module else _unwrapped(inner)


def _check_taps(network: Network) -> None:
    """ValueError unless every layer's tap is a place of the network."""
    traced = network.traced()
    for layer, tap in network.layers.items():
        if not traced.node(tap.partition("|")[0]):
            close = ", ".join(difflib.get_close_matches(tap, traced.modules(), n=5, cutoff=0))
            raise ValueError(f"{network.name} has no {tap!r}, named for layer {layer}; it has {close}, for example.")


def _try_out(network: Network) -> None:
    """ValueError unless the network takes an image, and answers the same when it is read layer by layer."""
    size, taps = network.input_size, list(network.layers.values())
    noise = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    trial = Extraction(network, noise, network.pixels["as-trained"], False, 1, "cpu")
    try:
        with torch.inference_mode():
            batch = trial.batch(noise)
            whole, by_layer = network.module(batch), network.traced().whole()(batch)
    except Exception as error:
        message = f"{network.name} does not take an image of shape (3, {size}, {size}), its input_size"
        raise ValueError(f"{message} ({type(error).__name__}: {first_line(error)}).") from error
    if not _alike(whole, by_layer):
        raise ValueError(
            f"{network.name} answers otherwise when it is read layer by layer than as a whole; "
            "its forward may be random, keep a state, use autocast, or change a view of an activation in place."
        )
    trial.reader(taps)(noise)


def _alike(one: object, other: object) -> bool:
    """Whether two answers of a network are the same but for rounding."""
    pairs = zip(_tensors(one), _tensors(other), strict=True)
    return all(a.shape == b.shape and torch.allclose(a, b, 1e-2, 1e-3, equal_nan=True) for a, b in pairs)


def _tensors(answer: object) -> list[torch.Tensor]:
    """All tensors of an answer, those in tuples, lists and mappings included, in double precision."""
    if isinstance(answer, torch.Tensor):
        return [answer if answer.is_complex() else answer.double()]
    parts = answer.values() if isinstance(answer, Mapping) else answer if isinstance(answer, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]
