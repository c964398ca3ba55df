"""Images in, layer activations out: the zoo of networks, their miniatures, and extraction."""

from lib.networks.extraction import extract
from lib.networks.network import Network
from lib.networks.zoo import ZOO, load_network

__all__ = ["ZOO", "Network", "extract", "load_network"]
