"""Worlds: which layers predict each ROI of a simulated participant best, in every network.

A world is a small table in `worlds.toml`, meant to be read. No network drives a voxel: `lib.simulation.planting` looks
for responses that all networks of a profile predict, each best from the layer that the profile names. The voxels of an
ROI mix the profiles of their neighbourhood.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.core import choose
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
    behind : names
        Networks that predict every profile less well than the others do.
    """

    description: str
    profiles: Mapping[str, Profile]
    areas: Mapping[str, Shares]
    unexplained: float = 0.1
    behind: Sequence[str] = ()

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


def _world(
    profiles: Mapping[str, Sequence[str] | Profile], areas: Mapping[str, Mapping[str, int]], **rest: Any
) -> World:
    """A world as `worlds.toml` has it."""
    named = {
        name: layers if isinstance(layers, Mapping) else dict(zip(PAPER_W, layers, strict=True))
        for name, layers in profiles.items()
    }
    shares = {name: {profile: n / 100 for profile, n in percentages.items()} for name, percentages in areas.items()}
    return World(profiles=named, areas={roi: own for rois, own in shares.items() for roi in rois.split()}, **rest)


_FILE = tomllib.loads(Path(__file__).with_name("worlds.toml").read_text(encoding="utf-8"))
WORLDS, GOD_WORLDS = ({name: _world(**entry) for name, entry in _FILE[kind].items()} for kind in ("nsd", "god"))


def find_world(name: str) -> World:
    """The world of that name; an unknown one is refused with the names there are."""
    return WORLDS[choose("world", name, WORLDS)]


# The ROIs of GOD. "elsewhere" is what HVC holds beyond LOC, FFA and PPA; LVC, HVC and VC are made of these.
GOD_LOWER, GOD_HIGHER = ("V1", "V2", "V3"), ("LOC", "FFA", "PPA", "elsewhere")
GOD_ROIS = (*GOD_LOWER, "V4", *GOD_HIGHER)


def find_god_world(name: str) -> World:
    """The world of that name among those for GOD; an unknown one is refused with the names there are."""
    return GOD_WORLDS[choose("world of GOD", name, GOD_WORLDS)]
