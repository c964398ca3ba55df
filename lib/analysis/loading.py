"""Load participants of every data set: read from files, or simulated."""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict, Unpack

from lib.core import choose
from lib.data import Participant
from lib.data.god import god_subjects, load_god
from lib.data.laion import load_laion
from lib.data.nsd import load_nsd
from lib.simulation.god_like import simulate_god, simulate_god_worlds
from lib.simulation.nsd_like import simulate
from lib.simulation.sizes import GOD

LAYOUTS: Mapping[str, Callable[..., Participant]] = {"nsd": simulate, "god": simulate_god}
SOURCES: Mapping[str, Callable[..., Participant]] = {
    "simulated": simulate,
    "nsd": load_nsd,
    "god": load_god,
    "laion": load_laion,
}


class LoadOptions(TypedDict, total=False):
    """Options of single data sets; `load_nsd`, `load_god` and `load_laion` of `lib.data` say what they mean."""

    layout: str  # of "simulated": in the trial structure of "nsd" or "god"
    sessions: Iterable[int]
    split: str
    pool: str
    zscore: str
    hemispheres: str
    rois: Iterable[str]
    images: str | os.PathLike[str]


def load_participant(
    dataset: str = "simulated",
    subject: int = 1,
    data_root: str | os.PathLike[str] | None = None,
    *,
    world: str = "as-published",
    seed: int = 0,
    n_images: int | None = None,
    voxels_per_roi: int | None = None,
    **options: Unpack[LoadOptions],
) -> Participant:
    """Read one participant, or simulate one.

    Parameters
    ----------
    dataset : "simulated", "nsd", "god" or "laion"
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
        Size of a simulated participant, its layout's own by default; measured ones have theirs.
    **options
        See `LoadOptions`: `layout` of "simulated"; `sessions`, `split`, `zscore`, `rois`, `hemispheres` of "nsd";
        `rois`, `images` of "god"; `sessions`, `split`, `pool`, `zscore`, `rois` of "laion".

    Raises
    ------
    ValueError, OSError
        An unknown dataset, world, subject or option, with the ones there are; a file missing or not as expected.
    """
    load = SOURCES[choose("dataset", dataset, SOURCES)]
    known = inspect.signature(load).parameters.keys() - {"subject", "data_root"}
    for name in options:
        choose(f"option of dataset {dataset}", name, ["layout"] if dataset == "simulated" else sorted(known))
    if dataset != "simulated":
        return load(subject=subject, data_root=data_root, **options)
    size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
    given = {name: number for name, number in size.items() if number is not None}
    simulate_one = LAYOUTS[choose("layout", options.get("layout", "nsd"), LAYOUTS)]
    return simulate_one(subject=subject, world=world, seed=seed, **given)


def load_everybody(
    dataset: str = "simulated",
    data_root: str | os.PathLike[str] | None = None,
    *,
    world: str = "as-published",
    seed: int = 0,
    n_images: int = GOD.default.n_images,
    voxels_per_roi: int = GOD.default.voxels_per_roi,
) -> list[Participant]:
    """Simulate the five participants of GOD, or read those whose files are there.

    Parameters
    ----------
    dataset : "simulated" or "god"
    data_root, world, seed, n_images, voxels_per_roi
        As for `load_participant`.
    """
    if choose("dataset of GOD's kind", dataset, ("simulated", "god")) == "god":
        return [load_god(subject=subject, data_root=data_root) for subject in god_subjects(data_root)]
    return simulate_god_worlds([world], seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)[world]
