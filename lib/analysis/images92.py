"""The 92 images of Kriegeskorte et al. (2008): brains that answered to them, and networks to compare with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lib.analysis.rsa import rdm
from lib.core.fetch import cached
from lib.data.images92 import Images92, read_images92
from lib.data.kay2017 import Kay2017, read_kay2017
from lib.networks import ZOO, Network, load_network
from lib.simulation.images92_like import simulate_images92, simulate_kay2017


@dataclass(frozen=True)
class PhotographData:
    """Two measurements with the same 92 images, both real or both simulated.

    Attributes
    ----------
    images : Images92
        The images, and dissimilarities of EVC and IT in 15 people.
    areas : Kay2017
        Responses of FFA and VWFA.
    """

    images: Images92
    areas: Kay2017

    @property
    def simulated(self) -> bool:
        """Whether nobody was scanned."""
        return self.images.source.simulated


def load_images92() -> Images92:
    """Read the measured images and dissimilarities if they were fetched; else simulate a stand-in."""
    paths = cached("images92")
    return read_images92(*paths) if paths else simulate_images92()


def load_photograph_data() -> PhotographData:
    """Read the measured data if `python -m lib fetch images92 kay2017` has brought them; else simulate a stand-in."""
    photographs, responses = cached("images92"), cached("kay2017")
    if photographs and responses:
        return PhotographData(read_images92(*photographs), read_kay2017(*responses))
    images = simulate_images92()
    return PhotographData(images, simulate_kay2017(images))


def layer_rdms(layers: Mapping[str, np.ndarray], *, centred: bool = False) -> dict[str, np.ndarray]:
    """RDM of each of a network's layers.

    Parameters
    ----------
    layers : mapping of layer to array of shape (n_images, n_features)
    centred : bool
        Whether each unit's mean over the images is taken out first. Without it, what all images have in common makes
        most of the correlation between two of them.

    Returns
    -------
    dict of layer to array of shape (n_images, n_images)
    """
    return {name: rdm(units - units.mean(0) if centred else units) for name, units in layers.items()}


def available_networks(names: Iterable[str]) -> dict[str, Network]:
    """Networks to compare, by a label, each followed by its untrained twin.

    Parameters
    ----------
    names : iterable of str
        Networks of the zoo. One with published weights is left out if these were not fetched; one with a miniature is
        compared in miniature, too.
    """
    wanted = []
    for name in names:
        spec = ZOO[name]
        if spec.package or cached(name):
            wanted += [(name, "published"), (name, "untrained-full")]
        if spec.miniature:
            wanted += [(name, "miniature"), (name, "untrained")]
    return {f"{name}, {weights}": load_network(name, weights) for name, weights in wanted}
