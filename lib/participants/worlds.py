"""Worlds: which layers of which networks drive which ROI of a simulated participant.

Each is a small table, meant to be read. A number is the share of a voxel's stimulus-driven variance that is planted
in that layer; a single voxel's own shares scatter around them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lib import choose
from lib.networks.zoo import ALEXNET_LAYERS

EARLY = ("V1", "V2", "V3", "V4")
PLACE = ("OPA", "PPA", "RSC")
FACE = ("FFA", "OFA", "aTLfaces")
ROIS = EARLY + PLACE + FACE

Drive = Mapping[tuple[str, str], float]  # (network, layer) -> share of the signal's variance


@dataclass(frozen=True)
class World:
    """What was planted.

    Attributes
    ----------
    description : str
    drive : mapping of ROI to {(network, layer): share}
        Shares of an ROI sum to 1; an ROI with none answers to nothing.
    """

    description: str
    drive: Mapping[str, Drive]

    def networks(self) -> tuple[str, ...]:
        """Networks whose layers drive some ROI."""
        return tuple(dict.fromkeys(network for shares in self.drive.values() for network, _ in shares))

    def planted(self, roi: str, network: str) -> dict[str, float]:
        """Share of each layer of `network` in `roi`; layers that drive nothing are left out."""
        return {layer: share for (name, layer), share in self.drive[roi].items() if name == network}


def _alexnets(object_layers: Mapping[str, float], place_layers: Mapping[str, float]) -> Drive:
    """Shares of layers of AlexNet-Object and AlexNet-Place."""
    return {
        **{("alexnet-object", layer): share for layer, share in object_layers.items()},
        **{("alexnet-place", layer): share for layer, share in place_layers.items()},
    }


_EQUAL = {layer: 1 / (2 * len(ALEXNET_LAYERS)) for layer in ALEXNET_LAYERS}
_SEMANTIC = _alexnets({"FC-7": 0.8}, {"FC-7": 0.2})

WORLDS = {
    "as-published": World(
        "planted so that what the papers claim is true",
        {
            "V1": _alexnets({"Conv-2": 0.15, "Conv-3": 0.4}, {"Conv-4": 0.45}),
            "V2": _alexnets({"Conv-2": 0.1, "Conv-3": 0.45}, {"Conv-4": 0.45}),
            "V3": _alexnets({"Conv-3": 0.5}, {"Conv-4": 0.5}),
            "V4": _alexnets({"Conv-3": 0.5}, {"Conv-4": 0.5}),
            **{roi: _SEMANTIC for roi in PLACE + FACE},
        },
    ),
    "flat": World("every layer drives every ROI alike", {roi: _alexnets(_EQUAL, _EQUAL) for roi in ROIS}),
    "noise": World("voxels answer to nothing", {roi: {} for roi in ROIS}),
}


def world(name: str) -> World:
    """The world of that name; an unknown one is refused with the names there are."""
    return WORLDS[choose("world", name, WORLDS)]


# The ROIs of GOD. "elsewhere" is what HVC holds beyond LOC, FFA and PPA; LVC, HVC and VC are made of these.
GOD_LOWER, GOD_HIGHER = ("V1", "V2", "V3"), ("LOC", "FFA", "PPA", "elsewhere")
GOD_ROIS = (*GOD_LOWER, "V4", *GOD_HIGHER)

GOD_WORLDS = {
    "as-published": World(
        "planted so that lower areas answer to convolutions and higher areas to the last layers of AlexNet-Object",
        {
            **{roi: {("alexnet-object", "Conv-2"): 0.5, ("alexnet-object", "Conv-3"): 0.5} for roi in GOD_LOWER},
            "V4": {("alexnet-object", "Conv-4"): 0.5, ("alexnet-object", "Conv-5"): 0.5},
            **{roi: {("alexnet-object", "FC-7"): 1.0} for roi in GOD_HIGHER},
        },
    ),
    "noise": World("voxels answer to nothing", {roi: {} for roi in GOD_ROIS}),
}


def god_world(name: str) -> World:
    """The world of that name among those for GOD; an unknown one is refused with the names there are."""
    return GOD_WORLDS[choose("world of GOD", name, GOD_WORLDS)]
