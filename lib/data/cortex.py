"""The whole cortex of a participant of NSD: some 250,000 voxels, whose responses stay on disk.

One session is in memory at a time. Its betas are standardised and added, a block of voxels at a time, to the rows of a
file that holds one row per image, training images first; at the end each row is divided by its number of repeats.
The participant's responses are memory maps of its two parts.
"""

import os
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock

from lib.core.disk import check_room, digest_of, npy_header, stamp, written_aside
from lib.data.nsd import NsdFiles, nsd_files, read_layout, read_rest, read_rois
from lib.data.participant import Participant
from lib.data.sessions import Layout

VERSION = 2  # to be raised when the same sessions would give other responses
VOXELS_AT_ONCE = 20_000
ROWS_AT_ONCE = 500


def load_cortex(
    *,
    subject: int = 1,
    data_root: str | os.PathLike | None = None,
    folder: str | os.PathLike,
    sessions: Sequence[int] | None = None,
    split: str = "random",
    zscore: str = "session",
) -> Participant:
    """Read all cortical voxels of one participant of NSD, averaged over repeats in a file.

    Parameters
    ----------
    subject, data_root, sessions, split, zscore
        As of `lib.data.nsd.load_nsd`.
    folder : path
        Where the file is kept, 4 bytes per image and voxel (10 GB for 40 sessions); the first call writes it.

    Returns
    -------
    Participant
        Responses are float32, memory-mapped and read-only, and the same numbers as `load_nsd` gives for voxels of its
        ROIs. Voxels in no ROI are there too.

    Raises
    ------
    ValueError, OSError
        In one sentence; one cause is too little room in `folder`.
    """
    files = nsd_files(subject, data_root)
    layout = read_layout(files, sessions, split, zscore)
    rest = read_rest(files, layout, read_rois(files))
    train, test = layout.parts(np.load(_averaged(files, layout, Path(folder)), mmap_mode="r"))
    return Participant(train=train, test=test, **rest)


def _averaged(files: NsdFiles, layout: Layout, folder: Path) -> Path:
    """The file of averaged responses; written if it is not there, by one process at a time."""
    path = folder / f"subj{files.subject:02d}-{_identity(files, layout)}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not _is_whole(path, layout.shape):
            with written_aside(path) as part:
                _write(layout, part)
    return path


def _is_whole(path: Path, shape: tuple[int, int]) -> bool:
    """Whether the file is there and holds an array of this shape; a damaged one gives a warning."""
    header = npy_header(shape)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        whole = file.read(len(header)) == header and path.stat().st_size == len(header) + 4 * shape[0] * shape[1]
    if not whole:
        warnings.warn(f"{path}: not the whole array of {shape} float32 numbers; it is written again.", stacklevel=4)
    return whole


def _identity(files: NsdFiles, layout: Layout) -> str:
    """Digest of all the responses depend on: betas, voxels, the image of each trial, standardisation."""
    sessions = [(one.number, *stamp(files.session(one.number))) for one in layout.sessions]
    shown = np.concatenate([one.images for one in layout.sessions])
    return digest_of([VERSION, sessions, layout.zscore], layout.inside, shown, layout.images)[:16]


def _write(layout: Layout, path: Path) -> None:
    """Add up session after session, then divide by the number of repeats."""
    _make_room(path, layout.shape)
    for rows, block, sums in layout.sums(_blocks(layout.shape[1], VOXELS_AT_ONCE)):
        # A new map for every block: pages that were written count as this process's memory until it is closed.
        np.load(path, mmap_mode="r+")[rows, block] += sums
    for part in _blocks(layout.shape[0], ROWS_AT_ONCE):
        total = np.load(path, mmap_mode="r+")
        np.divide(total[part], layout.repeats[part, None], out=total[part], dtype=np.float32, casting="same_kind")


def _blocks(length: int, at_once: int) -> list[slice]:
    """Runs of nearly equal length: sums over a single column would be rounded in another order than over several."""
    edges = np.linspace(0, length, -(-length // at_once) + 1, dtype=int)
    return [slice(*pair) for pair in pairwise(edges.tolist())]


def _make_room(path: Path, shape: tuple[int, int]) -> None:
    """A file of zeros that has its room on the disk: writing to a map of one that has not kills the process."""
    check_room(path.parent, 4 * shape[0] * shape[1], "Responses")
    with path.open("wb") as file:
        file.write(npy_header(shape))
        for rows in _blocks(shape[0], ROWS_AT_ONCE):
            file.write(bytes(4 * shape[1] * (rows.stop - rows.start)))
