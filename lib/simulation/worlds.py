"""Worlds: which layers of which networks drive which ROI of a simulated participant.

Each is a small table, meant to be read: the share of a voxel's stimulus-driven variance that is planted in each
network, and the layers of that network it is planted in. A single voxel's own shares scatter around these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.core import choose
from lib.data.areas import FACE, PLACE, ROIS
from lib.networks.zoo import PAPER_W, ZOO

Drive = Mapping[tuple[str, str], float]  # (network, layer) -> share of the signal's variance


@dataclass(frozen=True)
class World:
    """What was planted.

    Attributes
    ----------
    description : str
    drive : mapping of ROI to {(network, layer): share}
        Shares of an ROI sum to 1; an ROI with none answers to nothing.
    concentration : float
        Of the Dirichlet distribution from which each voxel draws its own shares. At 30 they scatter around the ROI's;
        at 0.2 nearly every voxel has one favourite, and the ROI's shares say how many voxels have which.
    """

    description: str
    drive: Mapping[str, Drive]
    concentration: float = 30.0

    def networks(self) -> tuple[str, ...]:
        """Networks whose layers drive some ROI."""
        return tuple(dict.fromkeys(network for shares in self.drive.values() for network, _ in shares))

    def planted(self, roi: str, network: str) -> dict[str, float]:
        """Share of each layer of `network` in `roi`; layers that drive nothing are left out."""
        return {layer: share for (name, layer), share in self.drive[roi].items() if name == network}


def _drive(shares: Mapping[str, float], layers: Sequence[str]) -> Drive:
    """Split each network's share equally over the layers named for it, "Conv-2 Conv-3"; "all" is every layer."""
    drive: dict[tuple[str, str], float] = {}
    for (network, share), names in zip(shares.items(), layers, strict=True):
        own = list(ZOO[network].layers) if names == "all" else names.split()
        drive |= {(network, layer): share / len(own) for layer in own}
    return drive


def _table(description: str, networks: Sequence[str], rows: Mapping[str, str], **options: float) -> World:
    """A world from rows of text: for some ROIs, the percentage and the layers of each network in turn."""
    drive: dict[str, Drive] = {}
    for rois, row in rows.items():
        entries = [entry.split(maxsplit=1) for entry in row.split(",")]
        shares = {name: float(percent) / 100 for name, (percent, _) in zip(networks, entries, strict=True)}
        drive |= dict.fromkeys(rois.split(), _drive(shares, [layers for _, layers in entries]))
    return World(description, drive, **options)


HIGHER = " ".join(PLACE + FACE)

# Rows: ROIs, then for each of the networks in turn, percent of the signal and the layers it comes from.
WORLDS = {
    "as-published": _table(
        "planted so that what paper W claims is true",
        PAPER_W,
        {
            "V1": "27 Conv-3, 27 Conv-4, 16 Conv-2, 20 Conv-2, 6 Conv-2, 4 Conv-1",
            "V2 V3 V4": "24 Conv-3, 24 Conv-4, 15 Conv-3, 12 Conv-3, 13 Conv-3, 12 Conv-3",
            HIGHER: "21 FC-7, 18 FC-7, 19 Conv-5, 18 Conv-5, 12 Conv-3, 12 Conv-3",
        },
        concentration=0.2,
    ),
    "reversed": _table(
        "planted so that what paper W claims is false",
        PAPER_W,
        {
            "V1 V2 V3 V4": "10 FC-7, 10 FC-7, 10 Avgpool, 10 Conv-5, 30 Conv-5, 30 Conv-5",
            HIGHER: "10 Conv-2, 10 Conv-2, 10 Avgpool, 10 Conv-2, 30 Conv-5, 30 Conv-5",
        },
        concentration=0.2,
    ),
    "flat": World(
        "every layer drives every ROI alike", dict.fromkeys(ROIS, _drive(dict.fromkeys(PAPER_W, 1 / 6), ["all"] * 6))
    ),
    "noise": World("voxels answer to nothing", {roi: {} for roi in ROIS}),
    "unplanted": _table(
        "a network that nobody analyses drives all areas: its early layers the early areas, its late layers the others",
        ["multitask"],
        {"V1": "100 Conv-1", "V2": "100 Conv-2", "V3": "100 Conv-3", "V4": "100 Conv-4", HIGHER: "100 Conv-5 FC-6"},
    ),
}


def find_world(name: str) -> World:
    """The world of that name; an unknown one is refused with the names there are."""
    return WORLDS[choose("world", name, WORLDS)]


# The ROIs of GOD. "elsewhere" is what HVC holds beyond LOC, FFA and PPA; LVC, HVC and VC are made of these.
GOD_LOWER, GOD_HIGHER = ("V1", "V2", "V3"), ("LOC", "FFA", "PPA", "elsewhere")
GOD_ROIS = (*GOD_LOWER, "V4", *GOD_HIGHER)


def _areas(network: str, lower: str, v4: str, higher: str) -> dict[str, Drive]:
    """One network's layers, "Conv-2 Conv-3", in the lower areas, V4 and the higher ones."""
    rows = dict.fromkeys(GOD_LOWER, lower) | {"V4": v4} | dict.fromkeys(GOD_HIGHER, higher)
    return {roi: _drive({network: 1.0}, [layers]) for roi, layers in rows.items()}


GOD_WORLDS = {
    "as-published": World(
        "planted so that what paper Y claims is true: AlexNet's output drives all areas",
        _areas("alexnet-object", "cnn8", "cnn8", "cnn8"),
    ),
    "reversed": World(
        "planted so that it is false: ResNet-50's layers drive all areas, later layers the higher ones",
        _areas("resnet50-object", "Conv-2", "Conv-3", "Conv-4 Conv-5"),
    ),
    "noise": World("voxels answer to nothing", {roi: {} for roi in GOD_ROIS}),
    "resnet-brain": World(
        "ResNet-50's first layer drives the lower areas, its later ones the others",
        _areas("resnet50-object", "Conv-1", "Conv-4", "Conv-5"),
    ),
}


def find_god_world(name: str) -> World:
    """The world of that name among those for GOD; an unknown one is refused with the names there are."""
    return GOD_WORLDS[choose("world of GOD", name, GOD_WORLDS)]
