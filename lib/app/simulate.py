"""`python -m lib simulate`: simulated participants on disk, in the layouts of the measured data."""

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lib.app.parameters import at_least, check_fits, user_folder
from lib.core import choose
from lib.core.disk import written_aside
from lib.data.god import N_SUBJECTS
from lib.data.laion import laion_files
from lib.data.participant import Images, Participant
from lib.networks import extract, load_network
from lib.simulation.god_layout import write_features, write_god, write_images
from lib.simulation.god_like import simulate_god
from lib.simulation.laion_layout import write_laion
from lib.simulation.nsd_layout import check_size, write_nsd
from lib.simulation.nsd_like import draw_trials
from lib.simulation.sizes import GOD, NSD, SIZES, ParticipantSize

_SUBJECTS = {"nsd": [1], "god": list(range(1, N_SUBJECTS + 1)), "laion": [1]}
_PAGE = {"nsd": "fig1_alexnet", "god": "fig4_decoding", "laion": "fig1_alexnet"}


def write_layout(
    layout: str,
    target: Path,
    subjects: Sequence[int],
    *,
    world: str = "as-published",
    seed: int = 0,
    n_images: int | None = None,
    voxels_per_roi: int | None = None,
) -> None:
    """Simulate participants and write them in the layout of a measured data set.

    Parameters
    ----------
    layout : "nsd", "god" or "laion"
    target : Path
        A new or empty folder; it gets its name when everything is written.
    subjects : sequence of int
        One for NSD, whose design file holds a single order of trials; any of the five for LAION-fMRI and GOD.
    world, seed
        As for `lib.analysis.loading.load_participant`.
    n_images, voxels_per_roi : int, optional
        By default those of the participant simulated in memory.

    Raises
    ------
    ValueError, OSError
        In one sentence; nothing is left at `target`.
    """
    size = SIZES[choose("layout", layout, SIZES)].default.given(n_images, voxels_per_roi)
    if layout == "nsd" and len(subjects) != 1:
        raise ValueError(f"A simulated NSD holds one participant, found {subjects}: give each a folder of its own.")
    with written_aside(target.absolute()) as folder:
        folder.mkdir()
        _WRITE[layout](folder, subjects, world, seed, size)


def _write_nsd(folder: Path, subjects: Sequence[int], world: str, seed: int, size: ParticipantSize) -> None:
    check_size(subjects[0], size.n_images)
    write_nsd(draw_trials(subject=subjects[0], world=world, seed=seed, **asdict(size)), folder)


def _write_laion(folder: Path, subjects: Sequence[int], world: str, seed: int, size: ParticipantSize) -> None:
    for subject in subjects:  # an unknown one is refused before any is drawn
        laion_files(subject, folder)
    write_laion((draw_trials(subject=one, world=world, seed=seed, **asdict(size)) for one in subjects), folder)


def _write_god(folder: Path, subjects: Sequence[int], world: str, seed: int, size: ParticipantSize) -> None:
    for subject in subjects:
        participant = simulate_god(subject=subject, world=world, seed=seed, **asdict(size))
        write_god(participant, folder, subject)
    write_features(participant, folder, _alexnet_units(participant))
    write_images(participant, folder)


_Write = Callable[[Path, Sequence[int], str, int, ParticipantSize], None]
_WRITE: Mapping[str, _Write] = {"nsd": _write_nsd, "god": _write_god, "laion": _write_laion}


def _alexnet_units(participant: Participant) -> Mapping[str, np.ndarray]:
    """Units of the miniature AlexNet, where the published ones are CaffeNet's."""
    network = load_network("alexnet-object")
    images = Images(participant.stimuli, np.r_[participant.train.stimulus_ids, participant.test.stimulus_ids])
    return extract(network, images, list(network.decoding_layers), pool=False, n_units=1000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib simulate`."""
    add, nsd, god = parser.add_argument, NSD.default, GOD.default
    add("target", type=user_folder, metavar="OUT", help="a new folder")
    add("--layout", required=True, help="nsd, god or laion")
    add("--subject", type=at_least(1), nargs="+", help="its number (nsd, laion: 1), or several for laion and god (all)")
    add("--world", default="as-published", help="what is planted")
    add("--seed", type=at_least(0), default=0)
    images = f"seen ({nsd.n_images}; of nsd a multiple of 250) or trained on (god: {god.n_images})"
    voxels = f"voxels of each ROI (nsd, laion: {nsd.voxels_per_roi}, god: {god.voxels_per_roi})"
    add("--images", type=at_least(1), help=images)
    add("--voxels", type=at_least(1), help=voxels)
    add("--full", action="store_true", help="as many images and voxels as the measured data have in these ROIs")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib simulate`; return 0."""
    sizes = SIZES[choose("layout", args.layout, SIZES)]
    size = (sizes.measured if args.full else sizes.default).given(args.images, args.voxels)
    check_fits(asdict(size))
    subjects, root = args.subject or _SUBJECTS[args.layout], shlex.quote(str(args.target))
    write_layout(args.layout, args.target, subjects, world=args.world, seed=args.seed, **asdict(size))
    n_bytes = sum(path.stat().st_size for path in args.target.rglob("*") if path.is_file())
    print(f"{args.target}: simulated, world '{args.world}', {n_bytes / 1e6:.0f} MB")
    print(f"python -m lib run {_PAGE[args.layout]} -p dataset {args.layout} -p data_root {root} -p weights miniature")
    return 0
