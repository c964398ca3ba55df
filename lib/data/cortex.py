"""The whole cortex of a participant of NSD: some 250,000 voxels, whose responses stay on disk.

One session is in memory at a time. Its betas are standardised and added, a block of voxels at a time, to the rows of a
file that holds one row per image, training images first; at the end each row is divided by its number of repeats. What
is handed over are memory maps of the two parts.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock

from lib.core import choose, progress
from lib.core.disk import check_room, digest_of, npy_header, stamp, written_aside
from lib.data.nsd import (
    SPANS,
    SPLITS,
    Design,
    Files,
    ceiling_of,
    chosen_sessions,
    nsd_files,
    read_cortex,
    read_design,
    read_rois,
    read_session,
    read_stimuli,
    read_volume,
    source_of,
    spans_of,
    split_images,
)
from lib.data.participant import Participant, Responses
from lib.data.trials import standardise_runs, sum_repeats

FORMAT = 1  # to be raised when the same sessions would give other responses
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
    folder : path
        Where the file is kept, 4 bytes per image and voxel (10 GB for 40 sessions); the first who asks writes it.
    subject, data_root, sessions, split, zscore
        As of `lib.data.nsd.load_nsd`.

    Returns
    -------
    Participant
        Responses are float32, memory-mapped and read-only, and the same numbers as `load_nsd` gives for voxels of its
        ROIs. Voxels in no ROI are there too.

    Raises
    ------
    ValueError, OSError
        In one sentence; `folder` has too little room, say.
    """
    files = nsd_files(subject, data_root)
    layout = read_layout(files, sessions, split, zscore)
    masks = read_rois(files)
    stimuli, ncsnr = read_stimuli(files), read_volume(files.ncsnr, files.volume)
    array = np.load(_averaged(files, layout, Path(folder)), mmap_mode="r")
    n, train, test = len(layout.train), layout.train, layout.test
    test_part = Responses(test, array[n:], layout.repeats[n:])
    source = source_of(files, layout.sessions, zscore, split, [roi for roi, mask in masks.items() if not mask.any()])
    return Participant(
        name=f"{'simulated' if source.simulated else 'NSD'} participant {subject}",
        train=Responses(train, array[:n], layout.repeats[:n]),
        test=test_part,
        rois={roi: mask[layout.inside] for roi, mask in masks.items() if mask.any()},
        noise_ceiling=ceiling_of(ncsnr[layout.inside], test_part),
        stimuli=stimuli,
        source=source,
    )


@dataclass(frozen=True)
class Layout:
    """What the file holds: rows are images, training images first; columns are cortical voxels.

    Attributes
    ----------
    sessions : tuple of int
    zscore : str
    inside : boolean array of shape (X, Y, Z)
    design : Design
    train, test : int arrays
        Stimulus ids, each ascending.
    repeats : int array of shape (n_images,)
    """

    sessions: tuple[int, ...]
    zscore: str
    inside: np.ndarray
    design: Design
    train: np.ndarray
    test: np.ndarray
    repeats: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Images and voxels."""
        return len(self.repeats), int(self.inside.sum())

    def rows_of(self, ids: np.ndarray) -> np.ndarray:
        """Where these images' rows are."""
        rows = np.r_[self.train, self.test]
        order = np.argsort(rows)
        return order[np.searchsorted(rows, ids, sorter=order)]


def read_layout(
    files: Files, sessions: Sequence[int] | None = None, split: str = "random", zscore: str = "session"
) -> Layout:
    """Find out which images and voxels there are; no betas are read. Parameters as of `load_cortex`."""
    choose("split", split, SPLITS)
    choose("zscore", zscore, SPANS)
    numbers, design, inside = chosen_sessions(files, sessions), read_design(files), read_cortex(files)
    shown, counts = np.unique(np.concatenate([design.of_session(n) for n in numbers]), return_counts=True)
    train, test = split_images(shown, split, design, files)
    repeats = counts[np.searchsorted(shown, np.r_[train, test])]
    return Layout(numbers, zscore, inside, design, train, test, repeats)


def _averaged(files: Files, layout: Layout, folder: Path) -> Path:
    """The file of averaged responses; written if it is not there, by one process at a time."""
    path = folder / f"subj{files.subject:02d}-{_identity(files, layout)}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not _is_whole(path, layout.shape):
            with written_aside(path) as part:
                _write(files, layout, part)
    return path


def _is_whole(path: Path, shape: tuple[int, int]) -> bool:
    """Whether the file is there and holds an array of this shape; one that is damaged is told, and written again."""
    header = npy_header(shape)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        whole = file.read(len(header)) == header and path.stat().st_size == len(header) + 4 * shape[0] * shape[1]
    if not whole:
        warnings.warn(f"{path}: not the whole array of {shape} float32 numbers; it is written again.", stacklevel=4)
    return whole


def _identity(files: Files, layout: Layout) -> str:
    """What the responses depend on: betas, voxels, the image of each trial and how they are standardised."""
    about = [FORMAT, layout.sessions, layout.zscore, [stamp(files.session(number)) for number in layout.sessions]]
    return digest_of(about, layout.inside, layout.design.image, layout.train, layout.test)[:16]


def _write(files: Files, layout: Layout, path: Path) -> None:
    """Add up session after session, then divide by the number of repeats."""
    _make_room(path, layout.shape)
    blocks = _blocks(layout.shape[1], VOXELS_AT_ONCE)
    for number in progress(layout.sessions, "reading sessions"):
        betas, shown = read_session(files, number, layout.inside), layout.design.of_session(number)
        for block in blocks:
            ids, sums, _ = sum_repeats(standardise_runs(betas[:, block], spans_of(layout.zscore)), shown)
            # A new map for every block: pages that were written count as this process's memory until it is closed.
            np.load(path, mmap_mode="r+")[layout.rows_of(ids), block] += sums
    for rows in _blocks(layout.shape[0], ROWS_AT_ONCE):
        total = np.load(path, mmap_mode="r+")
        np.divide(total[rows], layout.repeats[rows, None], out=total[rows], dtype=np.float32, casting="same_kind")


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
