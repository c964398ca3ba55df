"""The 92 images of Kriegeskorte et al. (2008): brains that answered to them, and networks to compare with them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lib.analysis.nested import Coordinates, NestedResult
from lib.analysis.rsa import compare, rdm
from lib.core.downloads import cached
from lib.data.images92 import Images92, read_images92
from lib.data.kay2017 import Kay2017, read_kay2017
from lib.networks import ZOO, Network, extract, load_network
from lib.simulation.images92_like import simulate_images92, simulate_kay2017

_SAME = 0.8  # of the photographs: 87 of 92 look most like themselves, the others like each other
_BATCH_SIZE = 8  # images: the maps of 32 would need more memory than all that is kept


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


@dataclass(frozen=True)
class PhotographStudy:
    """What was found of networks on the 92 images.

    Attributes
    ----------
    face : boolean array of shape (n_images,)
    found : mapping of label to NestedResult of FFA and VWFA
        Labels are those of `available_networks`; there may be yardsticks too.
    alike : mapping of label to {area: array of shape (n_layers, n_participants)}
        Centred `likeness`.
    """

    face: np.ndarray
    found: Mapping[str, NestedResult]
    alike: Mapping[str, Mapping[str, np.ndarray]]

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks in full size, trained on photographs, that have untrained twins."""
        names = (label.partition(", ")[0] for label in self.alike)
        return tuple(n for n in dict.fromkeys(names) if self.trained(n) in self.found and self.twins(n) in self.found)

    def trained_on(self, *tasks: str) -> tuple[str, ...]:
        """Those of `networks` that were trained on one of these tasks (see `lib.networks.zoo.Spec`)."""
        return tuple(name for name in self.networks if name in ZOO and ZOO[name].task in tasks)

    def trained(self, network: str) -> str:
        """Label of a network with its published weights."""
        return f"{network}, published"

    def twins(self, network: str) -> str:
        """Label of its untrained twins."""
        return f"{network}, untrained-full"


def load_images92() -> Images92:
    """Read the measured images and dissimilarities if they were fetched; else simulate a stand-in."""
    paths = cached("images92")
    return read_images92(*paths) if paths else simulate_images92()


def load_photograph_data() -> PhotographData:
    """Read the measured data if `python -m lib fetch images92 kay2017` has brought them; else simulate a stand-in."""
    photographs, responses = cached("images92"), cached("kay2017")
    if photographs and responses:
        data = PhotographData(read_images92(*photographs), read_kay2017(*responses))
        require_same_photographs(data.images.images, data.areas.images)
        return data
    images = simulate_images92()
    return PhotographData(images, simulate_kay2017(images))


def require_same_photographs(some: np.ndarray, others: np.ndarray) -> None:
    """Refuse photographs in another order: the outline of most is like that of the other file's photograph there.

    Parameters
    ----------
    some : uint8 array of shape (n_images, height, width, 3)
        Objects on a grey ground.
    others : uint8 array of shape (n_images, other_height, other_width, 3)
        The same, larger or smaller.

    Raises
    ------
    ValueError
        Says how many agree.
    """
    n_images = len(some)
    alike = np.corrcoef(_outlines(some), _outlines(others))[:n_images, n_images:]
    n_same = int((alike.argmax(1) == np.arange(n_images)).sum())
    if n_same < _SAME * n_images:
        raise ValueError(
            f"images92 and kay2017: expected the photographs of both in the same order, found {n_same} of {n_images} "
            "that look alike; fetch both again."
        )


def _outlines(images: np.ndarray) -> np.ndarray:
    """What is object and what is ground, in 40 x 40 fields: boolean array of shape (n_images, 1600)."""
    places = np.linspace(0, images.shape[1] - 1, 40).astype(int)
    grey = images[:, places][:, :, places].mean(3)
    return np.asarray(np.abs(grey - np.median(grey[:, 0, 0])) > 6).reshape(len(images), -1)


@dataclass(frozen=True)
class Representations:
    """What is kept of a network's layers: n_images x n_images numbers each, however many features they have.

    Attributes
    ----------
    coordinates : mapping of layer to Coordinates
        For encoding.
    rdms : mapping of "raw" and "centred" to {layer: array of shape (n_images, n_images)}
        1 - Pearson r of units; centred: each unit's mean over the images is taken out first.
    """

    coordinates: Mapping[str, Coordinates]
    rdms: Mapping[str, Mapping[str, np.ndarray]]


def represent(network: Network, images: np.ndarray) -> Representations:
    """Show images to a network, scaled as in its training, and keep what is needed of its layers.

    Parameters
    ----------
    network : Network
    images : uint8 array of shape (n_images, height, width, 3)
    """
    features = extract(network, images, preprocessing="as-trained", batch_size=_BATCH_SIZE)
    coordinates = {name: Coordinates.of(units) for name, units in features.items()}
    rdms = {way: _layer_rdms(features, centred=way == "centred") for way in ("raw", "centred")}
    return Representations(coordinates, rdms)


def likeness(
    networks: Sequence[Representations], people: Mapping[str, np.ndarray], way: str = "centred"
) -> dict[str, np.ndarray]:
    """Spearman r of each layer's dissimilarities with each participant's, mean over networks.

    Parameters
    ----------
    networks : sequence of Representations
        Of one network, or of several draws of its random weights.
    people : mapping of area to array of shape (n_participants, n_images, n_images)
    way : "raw" or "centred"

    Returns
    -------
    dict of area to array of shape (n_layers, n_participants)
    """
    rdms = [np.stack(list(one.rdms[way].values())) for one in networks]
    return {area: np.mean([compare(layers, own) for layers in rdms], 0) for area, own in people.items()}


def _layer_rdms(layers: Mapping[str, np.ndarray], *, centred: bool) -> dict[str, np.ndarray]:
    """RDM of each layer. Uncentred, what all images have in common makes most of the correlation of two of them."""
    return {name: rdm(units - units.mean(0) if centred else units) for name, units in layers.items()}


def available_networks(names: Iterable[str], n_twins: int = 3) -> dict[str, tuple[Network, ...]]:
    """Networks to compare, by a label, each followed by its untrained twins.

    Parameters
    ----------
    names : iterable of str
        Networks of the zoo. One with published weights is left out if these were not fetched; one with a miniature is
        compared in miniature, too.
    n_twins : int
        Untrained twins, which differ in the draw of their random weights.
    """
    wanted: list[tuple[str, str]] = []
    for name in names:
        spec = ZOO[name]
        if spec.package or cached(name):
            wanted += [(name, "published"), (name, "untrained-full")]
        if spec.miniature:
            wanted += [(name, "miniature"), (name, "untrained")]
    return {f"{name}, {weights}": _draws(name, weights, n_twins) for name, weights in wanted}


def _draws(name: str, weights: str, n_twins: int) -> tuple[Network, ...]:
    n_draws = n_twins if weights.startswith("untrained") else 1
    return tuple(load_network(name, weights, seed) for seed in range(n_draws))
