"""Worlds: which layers predict each ROI of a simulated participant best, in every network.

A world is a small table, meant to be read. No network drives a voxel: `lib.simulation.planting` looks for responses
that all networks of a profile predict, each best from the layer that the profile names. The voxels of an ROI mix the
profiles of their neighbourhood.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lib.core import choose
from lib.data.areas import EARLY, FACE, PLACE, ROIS
from lib.networks.zoo import PAPER_W, ZOO
from lib.simulation.planting import EVERY, Profile

PLANTING_SEEDS = range(100, 120)  # on which worlds and the sizes of planting were chosen; no verdict is counted on them
Shares = Mapping[str, float]  # profile -> share of the planted variance


@dataclass(frozen=True)
class World:
    """What was planted.

    Attributes
    ----------
    description : str
    profiles : mapping of name to {network: layer}
        The layer of each network that predicts best what the profile names; `lib.simulation.planting.EVERY` where no
        layer shall lead.
    areas : mapping of ROI to {profile: share}
        Shares of an ROI sum to 1, and its voxels' own shares scatter around them; an ROI with none answers to nothing.
    unexplained : float
        Share of a voxel's signal that no network predicts: it answers to the images in its own way.
    """

    description: str
    profiles: Mapping[str, Profile]
    areas: Mapping[str, Shares]
    unexplained: float = 0.1

    def networks(self) -> tuple[str, ...]:
        """Networks that the profiles name."""
        return tuple(dict.fromkeys(network for profile in self.profiles.values() for network in profile))

    def planted(self, roi: str, network: str) -> dict[str, float]:
        """Share of the profiles that name each layer of `network` in `roi`; layers that none names are left out."""
        shares: dict[str, float] = {}
        for name, share in self.areas[roi].items():
            layer = self.profiles[name].get(network)
            layers = list(ZOO[network].layers) if layer == EVERY else [layer] if layer else []
            shares |= {layer: shares.get(layer, 0.0) + share / len(layers) for layer in layers}
        return shares

    def depth(self, shares: Mapping[str, np.ndarray], network: str) -> np.ndarray:
        """Mean position, counted from 0, of the layers of a network that voxels were planted to prefer.

        Parameters
        ----------
        shares : mapping of profile to array of shape (n_voxels,)
        network : str

        Returns
        -------
        array of shape (n_voxels,) or, where nothing was planted, ()
            NaN where no profile names the network.
        """
        layers = list(ZOO[network].layers)
        named = {name: self.profiles[name].get(network) for name in shares}
        if None in named.values() or not named:
            return np.array(np.nan)
        middle = (len(layers) - 1) / 2
        positions = [middle if layer == EVERY else layers.index(str(layer)) for layer in named.values()]
        return np.asarray(np.tensordot(positions, list(shares.values()), 1))


def _profiles(**layers: str) -> dict[str, Profile]:
    """Profiles from lines of text, a layer for each network of paper W in turn."""
    return {name: dict(zip(PAPER_W, line.split(), strict=True)) for name, line in layers.items()}


def _areas(rois: Iterable[str], percentages: str) -> dict[str, Shares]:
    """The same shares for some ROIs: "60 first, 40 middle"."""
    parts = [part.split() for part in percentages.split(",")]
    return {roi: {name: float(percent) / 100 for percent, name in parts} for roi in rois}


WORLDS = {
    "as-published": World(
        "planted so that what paper W claims is true",
        _profiles(
            first="Conv-3 Conv-4 Conv-2 Conv-2 Conv-2 Conv-2",
            middle="Conv-3 Conv-4 Conv-3 Conv-3 Conv-3 Conv-3",
            late="FC-7 FC-7 Conv-5 Conv-5 Conv-3 Conv-3",
        ),
        _areas(["V1"], "85 first, 15 middle")
        | _areas(["V2", "V3"], "10 first, 90 middle")
        | _areas(["V4"], "95 middle, 5 late")
        | _areas(PLACE + FACE, "5 middle, 95 late"),
    ),
    "reversed": World(
        "planted so that what paper W claims is false",
        _profiles(
            early="FC-7 FC-7 Avgpool Conv-4 Conv-5 Conv-5",
            higher="Conv-2 Conv-2 Conv-1 Conv-3 Conv-5 Conv-5",
        ),
        _areas(EARLY, "100 early") | _areas(PLACE + FACE, "100 higher"),
    ),
    "flat": World(
        "every layer of every network predicts every ROI alike",
        {"any": dict.fromkeys(PAPER_W, EVERY)},
        _areas(ROIS, "100 any"),
    ),
    "noise": World("voxels answer to nothing", {}, {roi: {} for roi in ROIS}),
    "unplanted": World(
        "a network that nobody analyses drives all areas: its early layers the early areas, its late layers the others",
        {layer: {"multitask": layer} for layer in ("Conv-1", "Conv-2", "Conv-3", "Conv-4", "Conv-5", "FC-6")},
        {roi: {layer: 1.0} for roi, layer in zip(EARLY, ("Conv-1", "Conv-2", "Conv-3", "Conv-4"), strict=True)}
        | _areas(PLACE + FACE, "50 Conv-5, 50 FC-6"),
    ),
}  # fmt: skip


def find_world(name: str) -> World:
    """The world of that name; an unknown one is refused with the names there are."""
    return WORLDS[choose("world", name, WORLDS)]


# The ROIs of GOD. "elsewhere" is what HVC holds beyond LOC, FFA and PPA; LVC, HVC and VC are made of these.
GOD_LOWER, GOD_HIGHER = ("V1", "V2", "V3"), ("LOC", "FFA", "PPA", "elsewhere")
GOD_ROIS = (*GOD_LOWER, "V4", *GOD_HIGHER)


def _by_depth(lower: str, v4: str, higher: str) -> dict[str, Shares]:
    """Percentages of profiles in the lower areas, V4 and the higher ones."""
    return _areas(GOD_LOWER, lower) | _areas(["V4"], v4) | _areas(GOD_HIGHER, higher)


def _each(network: str, layers: Iterable[str]) -> dict[str, Profile]:
    """A profile for each of some layers of one network."""
    return {layer: {network: layer} for layer in layers}


GOD_WORLDS = {
    "as-published": World(
        "planted so that what paper Y claims about output layers is true: AlexNet's output drives all areas",
        _each("alexnet-object", ["cnn8"]),
        _by_depth("100 cnn8", "100 cnn8", "100 cnn8"),
        unexplained=0.9,
    ),
    "reversed": World(
        "planted so that it is false: ResNet-50's layers drive all areas, later ones the higher areas",
        _each("resnet50-object", ("resnet2", "resnet3", "resnet6", "resnet7")),
        _by_depth("100 resnet2", "100 resnet3", "50 resnet6, 50 resnet7"),
        unexplained=0.6,
    ),
    "noise": World("voxels answer to nothing", {}, {roi: {} for roi in GOD_ROIS}),
    "resnet-brain": World(
        "ResNet-50's first layer drives the lower areas, its later ones the others",
        _each("resnet50-object", ("resnet1", "resnet6", "resnet7")),
        _by_depth("100 resnet1", "100 resnet6", "100 resnet7"),
        unexplained=0.6,
    ),
}


def find_god_world(name: str) -> World:
    """The world of that name among those for GOD; an unknown one is refused with the names there are."""
    return GOD_WORLDS[choose("world of GOD", name, GOD_WORLDS)]
