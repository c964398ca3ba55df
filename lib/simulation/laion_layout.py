"""Simulated participants on disk, laid out as LAION-fMRI's bucket is: what its reader reads, and no measured data.

The trials are those simulated for NSD: three presentations of each image, in sessions of 750. Volumes are as small as
the voxels allow, where the measured ones have 143 voxels along each axis. Every file of betas says in a comment of its
header that it was simulated, and the reader passes that on.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from lib.core import progress
from lib.core.scores import noise_ceiling
from lib.data.areas import PLACE
from lib.data.files import SIMULATED
from lib.data.laion import CEILINGS, MASK_PARTS, LaionFiles, stimulus_ids
from lib.simulation.nsd_layout import filled, place, planted_text, simulated_hdf5, write_volume
from lib.simulation.nsd_like import OWN_IMAGES, Trials

_AFFINE = np.array([[-1.778, 0, 0, 90], [0, 1.778, 0, -126], [0, 0, 1.778, -72], [0, 0, 0, 1]])  # x from right to left
OWN_PLACES = {1: "p01", 3: "p04", 5: "p03", 6: "p02", 7: "p05"}  # how names of pictures call the participants
CATEGORIES = {"V": "retinotopy", "h": "retinotopy", "F": "face", "O": "face"}  # of masks by their first letter
_MARGIN = 5  # voxels added along each axis to the box that the simulated ones fill


def picture_name(image: int, subject: int) -> str:
    """Name a simulated picture in the bucket's way.

    >>> picture_name(7, 1), picture_name(100_007, 1)
    ('shared_4rep_LAION_cluster_7_i0.png', 'unique_LAION_cluster_7_i1_p01.png')
    """
    if image < OWN_IMAGES:
        return f"shared_4rep_LAION_cluster_{image}_i0.png"
    return f"unique_LAION_cluster_{image - subject * OWN_IMAGES}_i1_{OWN_PLACES[subject]}.png"


def write_laion(people: Iterable[Trials], root: Path) -> None:
    """Write simulated participants as LAION-fMRI's files below `root`, an existing folder.

    Voxels of areas for which LAION-fMRI has no mask are written, but are in no ROI. Beside each participant's files
    there is one official split, as if its repository had been cloned: "random_0".

    Parameters
    ----------
    people : iterable of Trials
        One at least, of the same seed, so that they saw the same shared pictures; one is in memory at a time.
    root : Path
    """
    names: dict[int, str] = {}
    for trials in people:
        files = LaionFiles(root, trials.subject)
        own = {image: picture_name(image, trials.subject) for image in trials.images.tolist()}
        _write_participant(files, trials, own)
        _write_split(files, list(own.values()))
        names |= own
    _write_pictures(files, trials, names)


def _write_participant(files: LaionFiles, trials: Trials, names: dict[int, str]) -> None:
    """Betas, tables of trials, masks and maps of one participant."""
    volume = tuple((trials.positions.max(0) + _MARGIN).tolist())
    inside = place(trials.positions, volume)
    for number in progress(np.unique(trials.session).tolist(), "writing sessions"):
        chosen = trials.session == number
        betas = filled(volume, inside, trials.betas[chosen].astype(np.float32))
        write_volume(files.session(number), betas, _AFFINE, f"{SIMULATED} {planted_text(trials.source)}")
        labels = [names[image] for image in trials.shown[chosen].tolist()]
        _write_trials(files.path("trials", session=number), number, labels)
    maps = {files.path("rsquare"): 100 * noise_ceiling(trials.ncsnr, 1) + 1}
    maps |= {files.path("ceiling", ceiling=c): 100 * noise_ceiling(trials.ncsnr, 1 / s) for c, s in CEILINGS.items()}
    for path, values in maps.items():
        write_volume(path, filled(volume, inside, values.astype(np.float32)), _AFFINE)
    _write_masks(files, volume, inside, trials)


def _write_trials(path: Path, number: int, labels: Sequence[str]) -> None:
    """Twelve runs of equal length, or nearly."""
    rows = [(f"ses-{number:02d}", 1 + 12 * i // len(labels), i, label) for i, label in enumerate(labels)]
    _write_rows(path, ("session", "run", "beta_index", "label"), rows, delimiter="\t")


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])


def _write_masks(files: LaionFiles, volume: tuple[int, ...], inside: np.ndarray, trials: Trials) -> None:
    """One file per mask; the parts of an ROI, such as V1v and V1d, take equal shares of its voxels."""
    for roi, parts in MASK_PARTS.items():
        mask = np.flatnonzero(trials.rois.get(roi, np.zeros(0, bool)))
        for part, voxels in zip(parts, np.array_split(mask, max(1, len(parts))), strict=False):
            values = filled(volume, inside[voxels], np.ones(len(voxels), np.uint8))
            category = "place" if roi in PLACE else CATEGORIES[part[0]]
            path = files.path("mask", category=category, mask=part.replace("FFA", "FFA-"))
            write_volume(path, values, _AFFINE)


def _write_pictures(files: LaionFiles, trials: Trials, names: dict[int, str]) -> None:
    """Scenes as PNG files in one HDF5 file, as small as they are, and their table."""
    header = ("image_name", "dataset", "participant", "unique_or_shared", "n_reps")
    rows = [(name, "LAION", name.split("_")[0], name.split("_")[0], "4rep") for name in names.values()]
    _write_rows(files.path("table"), header, rows)
    with simulated_hdf5(files.path("stimuli"), trials.source) as file:
        pictures = file.create_dataset("images", len(names), h5py.vlen_dtype(np.uint8))
        for row, image in enumerate(progress(names, "writing pictures")):
            pictures[row] = np.frombuffer(_png(trials.stimuli[image]), np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    content = BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def _write_split(files: LaionFiles, names: list[str]) -> None:
    """A fifth of the pictures, drawn by their digests, for testing."""
    test = stimulus_ids(names) % 5 == 0
    folder = files.splits("participant")
    folder.mkdir(parents=True)
    parts = {"train_ids": [n for n, t in zip(names, test, strict=True) if not t]}
    parts |= {"test_ids": [n for n, t in zip(names, test, strict=True) if t]}
    content = {"name": "random_0", "pool": folder.name, "variants": [{"variant_id": "0", **parts}]}
    (folder / "random_0.json").write_text(json.dumps(content))
