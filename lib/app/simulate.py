"""`python -m lib simulate`: simulated participants on disk, in the layouts of the measured data."""

import argparse
from pathlib import Path

import numpy as np

from lib.core import choose
from lib.data.files import written_aside
from lib.data.god import N_SUBJECTS
from lib.data.participant import Images, Participant
from lib.networks import extract, load_network
from lib.simulation.god_layout import write_features, write_god, write_images
from lib.simulation.god_like import simulate_god
from lib.simulation.nsd_layout import check_size, write_nsd
from lib.simulation.nsd_like import draw_trials
from lib.simulation.sizes import GOD, NSD, SIZES

EVERYBODY = {"nsd": [1], "god": list(range(1, N_SUBJECTS + 1))}
PAGE = {"nsd": "fig1_alexnet", "god": "fig4_decoding"}


def write_layout(
    layout: str, target: Path, subjects: list[int], *, world: str = "as-published", seed: int = 0, **size: int
) -> None:
    """Simulate participants and write them in the layout of a measured data set.

    Parameters
    ----------
    layout : "nsd" or "god"
    target : Path
        A new or empty folder; it gets its name when everything is written.
    subjects : list of int
        One for NSD, whose design file holds a single order of trials; any of the five for GOD.
    world, seed
        As for `lib.analysis.loading.load_participant`.
    n_images, voxels_per_roi : int
        By default those of the participant simulated in memory.

    Raises
    ------
    ValueError, OSError
        In one sentence; nothing is left at `target`.
    """
    sizes = SIZES[choose("layout", layout, SIZES)].default.given(**size)
    if layout == "nsd" and len(subjects) != 1:
        raise ValueError(f"A simulated NSD holds one participant, found {subjects}: give each a folder of its own.")
    with written_aside(target.absolute()) as folder:
        if layout == "nsd":
            check_size(subjects[0], sizes["n_images"])
            write_nsd(draw_trials(subject=subjects[0], world=world, seed=seed, **sizes), folder)
        else:
            _write_god(folder, subjects, world, seed, sizes)


def _write_god(folder: Path, subjects: list[int], world: str, seed: int, sizes: dict[str, int]) -> None:
    for subject in subjects:
        participant = simulate_god(subject=subject, world=world, seed=seed, **sizes)
        write_god(participant, folder, subject)
    write_features(participant, folder, _alexnet(participant))
    write_images(participant, folder)


def _alexnet(participant: Participant) -> dict[str, np.ndarray]:
    """Units of the miniature AlexNet, where the published ones are CaffeNet's."""
    network = load_network("alexnet-object")
    images = np.r_[participant.train.stimulus_ids, participant.test.stimulus_ids]
    return extract(
        network, Images(participant.stimuli, images), list(network.decoding_layers), pool=False, n_units=1000
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib simulate`."""
    add, nsd, god = parser.add_argument, NSD.default, GOD.default
    add("target", type=Path, metavar="OUT", help="a new folder")
    add("--layout", required=True, help="nsd or god")
    add("--subject", type=int, nargs="+", help="its number (nsd: 1); several for god, all five by default")
    add("--world", default="as-published", help="what is planted")
    add("--seed", type=int, default=0)
    add("--images", type=int, help=f"seen (nsd: {nsd.n_images}, a multiple of 250) or trained on (god: {god.n_images})")
    add("--voxels", type=int, help=f"voxels of each ROI (nsd: {nsd.voxels_per_roi}, god: {god.voxels_per_roi})")
    add("--full", action="store_true", help="as many images and voxels as the measured data have in these ROIs")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib simulate`; return 0."""
    of_layout = SIZES[choose("layout", args.layout, SIZES)]
    sizes = (of_layout.measured if args.full else of_layout.default).given(args.images, args.voxels)
    subjects = args.subject or EVERYBODY[args.layout]
    write_layout(args.layout, args.target, subjects, world=args.world, seed=args.seed, **sizes)
    size = sum(path.stat().st_size for path in args.target.rglob("*") if path.is_file())
    print(f"{args.target}: simulated, world '{args.world}', {size / 1e6:.0f} MB")
    print(f"python -m lib run {PAGE[args.layout]} -p dataset {args.layout} -p data_root {args.target.absolute()}")
    return 0
