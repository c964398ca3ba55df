"""The 92 images of Kriegeskorte et al. (2008): the data that are there, and the networks to compare with them."""

from collections.abc import Sequence

import numpy as np

from lib.analysis.rsa import rdm
from lib.core.fetch import DATASETS, cached
from lib.data.images92 import Images92, read_images92
from lib.networks import Network, extract, load_network
from lib.simulation.images92_like import simulate_images92


def load_images92() -> Images92:
    """Read the measured data if `python -m lib fetch images92` has brought them; else simulate a stand-in."""
    paths = cached("images92")
    return read_images92(*paths) if paths else simulate_images92()


def layer_rdms(network: Network, images: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """RDM of shape (n_images, n_images) of each of a network's layers."""
    return {layer: rdm(features) for layer, features in extract(network, images).items()}


def available_networks(names: Sequence[str], weights: str = "miniature") -> dict[str, Network]:
    """Networks to compare, by a label: the named ones, one untrained, and those whose published weights are cached.

    Parameters
    ----------
    names : sequence of str
        Networks of the zoo.
    weights : str
        As `lib.networks.load_network` takes them.
    """
    wanted = [(name, weights) for name in names] + [(names[0], "untrained")]
    wanted += [(name, "published") for name in names if name in DATASETS and cached(name)]
    return {f"{name}, {kind}": load_network(name, weights=kind) for name, kind in wanted}
