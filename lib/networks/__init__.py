"""Images in, layer activations out: the zoo of networks, their miniatures, and extraction."""

from typing import TYPE_CHECKING, Any

from lib.networks.extraction import extract
from lib.networks.network import Network
from lib.networks.zoo import ZOO, load_network

if TYPE_CHECKING:
    from lib.networks.own import own_network

__all__ = ["ZOO", "Network", "extract", "load_network", "own_network"]


def __getattr__(name: str) -> Any:
    """Networks of the reader's own are imported when one is asked for: no figure needs them."""
    if name == "own_network":
        from lib.networks.own import own_network

        return own_network
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
