"""A network ready to look at images, and the names of its layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn

from lib.core import choose
from lib.networks.layers import FUNCTIONS
from lib.networks.tracing import Traced

# Preprocessing by name -> how pixels are scaled, one of lib.networks.extraction.PIXELS.
UNIT_PIXELS = {"as-published": "unit", "as-trained": "unit", "imagenet": "imagenet"}


@dataclass(frozen=True)
class Network:
    """A network ready to look at images.

    Attributes
    ----------
    name : str
    weights : str
        "miniature", "untrained", "untrained-full", "published" or the path they were read from.
    module : torch.nn.Module
        In evaluation mode.
    layers : mapping of paper W's layer names to taps, in the network's order
    input_size : int
        Height and width of the images it takes.
    decoding_layers : mapping of paper Y's layer names to taps, in the network's order
    pixels : mapping of preprocessing ("as-published", "as-trained", "imagenet") to how it scales pixels
    """

    name: str
    weights: str
    module: nn.Module
    layers: Mapping[str, str]
    input_size: int
    decoding_layers: Mapping[str, str] = field(default_factory=dict)
    pixels: Mapping[str, str] = field(default_factory=lambda: UNIT_PIXELS)

    def tap(self, layer: str) -> str:
        """Where a layer is read: see `lib.networks.layers`.

        Parameters
        ----------
        layer : str
            A name in `layers` or `decoding_layers`, or a tap itself ("layer1.0.bn3", "fc|log_softmax").

        Raises
        ------
        ValueError
            There is none of that name; lists the papers' names.
        """
        named = {**self.decoding_layers, **self.layers}
        place, _, function = layer.partition("|")
        if layer not in named and function in FUNCTIONS and self._traced.node(place):
            return layer
        return named[choose("layer", layer, named)]

    def traced(self) -> Traced:
        """The module as it is now, operation by operation; ValueError if it cannot be traced."""
        return Traced.of(self.module.eval(), self.name)

    @cached_property
    def _traced(self) -> Traced:
        return self.traced()

    @property
    def digest(self) -> str:
        """SHA-256 of all that activations depend on besides the images (see `lib.networks.tracing.Traced.digest`)."""
        return self.traced().digest()
