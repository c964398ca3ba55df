"""One door to every data source."""

import inspect
import os
from collections.abc import Callable, Mapping

from lib.core import choose
from lib.data.god import god_subjects, load_god
from lib.data.nsd import load_nsd
from lib.data.participant import Participant
from lib.simulation.god_like import simulate_god, simulate_god_worlds
from lib.simulation.nsd_like import simulate
from lib.simulation.sizes import GOD


def simulate_layout(*, layout: str = "nsd", **options: object) -> Participant:
    """Simulate a participant in the trial structure of NSD (`simulate`) or GOD (`simulate_god`)."""
    return LAYOUTS[choose("layout", layout, LAYOUTS)](**options)


LAYOUTS: Mapping[str, Callable[..., Participant]] = {"nsd": simulate, "god": simulate_god}
SOURCES: Mapping[str, Callable[..., Participant]] = {"simulated": simulate_layout, "nsd": load_nsd, "god": load_god}


def load_participant(
    dataset: str = "simulated",
    subject: int = 1,
    data_root: str | os.PathLike | None = None,
    *,
    world: str = "as-published",
    seed: int = 0,
    n_images: int | None = None,
    voxels_per_roi: int | None = None,
    **options: object,
) -> Participant:
    """Read one participant, or simulate one.

    Parameters
    ----------
    dataset : "simulated", "nsd" or "god"
        Where the data come from.
    subject : int
        Number of the participant, from 1.
    data_root : path, optional
        Folder of measured data; not used by simulations.
    world : str
        What drives a simulated participant's voxels, one of `lib.simulation.worlds.WORLDS`.
    seed : int
        Of the simulation.
    n_images, voxels_per_roi : int, optional
        Size of a simulated participant, its kind's own by default; measured ones have theirs.
    **options
        Of "simulated": `layout` ("nsd" or "god"). Of "nsd": `sessions`, `split`,
        `zscore`, `rois`, `hemispheres`, as in `lib.data.nsd.load_nsd`. Of "god": `rois`, `images`, as in
        `lib.data.god.load_god`.

    Raises
    ------
    ValueError, OSError
        An unknown dataset, world, subject or option, with the ones there are; a file missing or not as expected.
    """
    load = SOURCES[choose("dataset", dataset, SOURCES)]
    for name in options:
        choose(f"option of dataset {dataset}", name, KNOWN[dataset])
    if dataset == "simulated":
        size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
        given = {name: number for name, number in size.items() if number is not None}
        return load(subject=subject, world=world, seed=seed, **given, **options)
    return load(subject=subject, data_root=data_root, **options)


def load_everybody(
    dataset: str = "simulated",
    data_root: str | os.PathLike | None = None,
    *,
    world: str = "as-published",
    seed: int = 0,
    n_images: int = GOD.default.n_images,
    voxels_per_roi: int = GOD.default.voxels_per_roi,
) -> list[Participant]:
    """Simulate the five participants of GOD, or read those whose files are there; parameters as for `load_participant`.

    Parameters
    ----------
    dataset : "simulated" or "god"
    """
    if choose("dataset of GOD's kind", dataset, ("simulated", "god")) == "god":
        return [load_god(subject=subject, data_root=data_root) for subject in god_subjects(data_root)]
    return simulate_god_worlds([world], seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)[world]


def _options(load: Callable[..., Participant]) -> list[str]:
    given = {"subject", "data_root", "world", "seed"}
    return [name for name in inspect.signature(load).parameters if name not in given]


KNOWN = {
    "simulated": ["layout"],
    "nsd": _options(load_nsd),
    "god": _options(load_god),
}
