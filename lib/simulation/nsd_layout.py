"""A simulated participant on disk, laid out as NSD is: what the reader of measured data reads, and no measured data.

Every HDF5 file says in an attribute that it was simulated, and the reader passes that on.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import h5py
import nibabel
import numpy as np
import torch
from scipy.io import savemat
from threadpoolctl import threadpool_limits
from torch.nn import functional

from lib.core import progress
from lib.data import nsd
from lib.data.files import SIMULATED
from lib.data.nsd import NsdFiles
from lib.data.participant import Source, Stimuli
from lib.data.trials import TRIALS_PER_SESSION
from lib.simulation.nsd_like import N_REPEATS, OWN_IMAGES, Trials
from lib.simulation.scenes import SIZE

OWN = nsd.IMAGES_PER_PARTICIPANT - nsd.N_SHARED  # images that only one participant was to see
FILL = TRIALS_PER_SESSION // N_REPEATS  # so many images fill a session
BOX = 8  # edge of the compressed chunks, in voxels
BLOCKS, ROUNDS = 128, 10  # of enlarged images
NOT_CORTEX, UNLABELLED = -1, 0
AFFINE = np.diag([nsd.VOXEL_SIZE, nsd.VOXEL_SIZE, nsd.VOXEL_SIZE, 1])
COLUMNS = (
    *("index", "cocoId", "cocoSplit", "cropBox", "loss", "nsdId", "flagged", "BOLD5000", "shared1000"),
    *(f"subject{s}" for s in nsd.VOLUMES),
    *(f"subject{s}_rep{i}" for s in nsd.VOLUMES for i in range(N_REPEATS)),
)


def check_size(subject: int, n_images: int) -> None:
    """ValueError unless the layout has room for the participant, and the images fill whole sessions."""
    if subject not in nsd.VOLUMES:
        raise ValueError(f"NSD has participants 1 to {len(nsd.VOLUMES)}, found subject {subject}.")
    if n_images % FILL or not 0 < n_images <= nsd.IMAGES_PER_PARTICIPANT:
        raise ValueError(
            f"The number of images must be a multiple of {FILL}, at most {nsd.IMAGES_PER_PARTICIPANT}, so that "
            f"{N_REPEATS} presentations of each fill sessions of {TRIALS_PER_SESSION} trials; found {n_images}."
        )


def write_nsd(trials: Trials, root: Path) -> None:
    """Write a simulated participant as NSD's files below `root`.

    Volumes have the participant's real shape; the sheets of the ROIs lie in the middle, one behind the other, and
    everything around them is 0. Of the 73,000 images only those shown are written; the others take no space. A
    participant who came for fewer sessions than the trials fill has only those.

    Parameters
    ----------
    trials : Trials
    root : Path
        An existing folder.
    """
    check_size(trials.subject, len(trials.images))
    files = NsdFiles(root, trials.subject)
    for path in (files.session(1), files.path("mask", mask=""), files.path("design"), files.path("stimuli")):
        path.parent.mkdir(parents=True, exist_ok=True)
    inside = place(trials.positions, files.volume)
    write_volume(files.path("ncsnr"), filled(files.volume, inside, trials.ncsnr.astype(np.float32)))
    _write_masks(files, inside, trials.rois)
    _write_design(files, trials)
    _write_images(files.path("stimuli"), trials.stimuli, trials.images, trials.subject, trials.source)
    _write_sessions(files, trials, inside)


def nsd_ids(ids: np.ndarray, subject: int) -> np.ndarray:
    """Rows of the images' file for a simulated participant's stimulus ids: the shared ones first, order kept."""
    own = nsd.N_SHARED + (subject - 1) * OWN + ids - subject * OWN_IMAGES
    return np.where(ids < OWN_IMAGES, ids, own)


def place(positions: np.ndarray, volume: tuple[int, ...]) -> np.ndarray:
    """Flat indices, int array of shape (n_voxels,), of voxels at these positions (n_voxels, 3), amid a volume."""
    box = positions.max(0) + 1
    if np.any(box > volume):
        raise ValueError(
            f"A volume of {volume} has no room for {len(positions)} voxels in a box of {tuple(box.tolist())}."
        )
    return np.ravel_multi_index(tuple((positions + (volume - box) // 2).T), volume)


def filled(volume: tuple[int, ...], inside: np.ndarray, values: np.ndarray, elsewhere: float = 0) -> np.ndarray:
    """Volumes that hold `values` at the flat indices `inside`.

    Parameters
    ----------
    volume : (X, Y, Z)
    inside : int array of shape (n_voxels,)
    values : array of shape (..., n_voxels)
    elsewhere : float

    Returns
    -------
    array of shape (X, Y, Z, ...)
    """
    whole = np.full((int(np.prod(volume)), *values.shape[:-1]), elsewhere, values.dtype)
    whole[inside] = values.T
    return whole.reshape(*volume, *values.shape[:-1])


def write_volume(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE, comment: str = "") -> None:
    """Write a NIfTI file.

    Parameters
    ----------
    path : Path
    values : array of shape (X, Y, Z, ...)
    affine : array of shape (4, 4)
    comment : str
        For the header.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(values, affine)
    if comment:
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", comment.encode()))
    nibabel.save(image, path)


def _write_masks(files: NsdFiles, inside: np.ndarray, rois: Mapping[str, np.ndarray]) -> None:
    """One file per kind of ROI, and one for each hemisphere: the upper rows of all sheets are the left one."""
    row = np.unravel_index(inside, files.volume)[1]
    left = row < np.median(row)
    for name in nsd.ROI_LABELS:
        labels = _labels(name, rois)
        for side, voxels in (("", np.full(len(row), True)), ("lh.", left), ("rh.", ~left)):
            volume = filled(files.volume, inside, np.where(voxels, labels, NOT_CORTEX).astype(np.int16), NOT_CORTEX)
            write_volume(files.path("mask", mask=side + name), volume)


def _labels(name: str, rois: Mapping[str, np.ndarray]) -> np.ndarray:
    """Labels (n_voxels,) of one file; the parts of an ROI, such as V1v and V1d, take equal shares of its voxels."""
    numbers = {label: number for number, label in nsd.ROI_LABELS[name].items()}
    labels = np.full(len(next(iter(rois.values()))), UNLABELLED)
    for roi, (file, parts) in nsd.ROI_PARTS.items():
        if file == name and roi in rois:
            for part, voxels in zip(parts, np.array_split(np.flatnonzero(rois[roi]), len(parts)), strict=True):
                labels[voxels] = numbers[part]
    return labels


def _write_design(files: NsdFiles, trials: Trials) -> None:
    """Which image was shown when: the simulated trials first, then the images that were never shown."""
    shown = nsd_ids(trials.shown, trials.subject)
    order = np.where(shown < nsd.N_SHARED, shown, shown - (trials.subject - 1) * OWN)
    rest = np.setdiff1d(np.arange(nsd.IMAGES_PER_PARTICIPANT), order).repeat(N_REPEATS)
    order = np.r_[order, np.random.default_rng(0).permutation(rest)]
    shared, subjects = np.arange(nsd.N_SHARED), np.arange(len(nsd.VOLUMES))[:, None]
    images = np.hstack([np.tile(shared, (len(nsd.VOLUMES), 1)), nsd.N_SHARED + subjects * OWN + np.arange(OWN)])
    design = {"masterordering": order[None] + 1.0, "subjectim": images + 1.0, "sharedix": shared[None] + 1.0}
    savemat(files.path("design"), design, do_compression=True)
    with files.path("table").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *_table(order, images)])


def _table(order: np.ndarray, images: np.ndarray) -> Iterator[list[object]]:
    """One row per image of the images' table; `order` (30000,) and `images` (8, 10000) count from 0."""
    position = np.full((nsd.N_STIMULI, len(nsd.VOLUMES)), -1)
    for column, ids in enumerate(images):
        position[ids, column] = np.arange(nsd.IMAGES_PER_PARTICIPANT)
    when = np.argsort(order, kind="stable").reshape(nsd.IMAGES_PER_PARTICIPANT, N_REPEATS) + 1
    repeats = np.where(position[..., None] >= 0, when[position], 0)
    for i, (seen, trials) in enumerate(zip((position >= 0).astype(int), repeats, strict=True)):
        row = [i, i, "none", "(0, 0, 0, 0)", 0.0, i, False, False, i < nsd.N_SHARED]
        yield [*row, *seen.tolist(), *trials.ravel().tolist()]


def _write_sessions(files: NsdFiles, trials: Trials, inside: np.ndarray) -> None:
    numbers = [n for n in np.unique(trials.session).tolist() if n <= nsd.SESSIONS[files.subject]]
    for number in progress(numbers, "writing sessions"):
        scaled = np.round(trials.betas[trials.session == number] * nsd.PER_PERCENT)
        betas = np.clip(scaled, *np.array([-1, 1]) * np.iinfo(np.int16).max).astype(np.int16)
        _write_hdf5(files.path("session", session=number), files.volume, betas, inside, trials.source)


def _write_hdf5(path: Path, volume: tuple[int, ...], betas: np.ndarray, inside: np.ndarray, source: Source) -> None:
    """Betas (750, n_voxels) as HDF5 (750, Z, Y, X); chunks that hold no voxel are never written."""
    x, y, z = np.unravel_index(inside, volume)
    low, high = [i.min() for i in (z, y, x)], [i.max() + 1 for i in (z, y, x)]
    box = np.zeros((len(betas), *np.subtract(high, low)), np.int16)
    box[:, z - low[0], y - low[1], x - low[2]] = betas
    with simulated_hdf5(path, source) as file:
        shape, chunks = (len(betas), *volume[::-1]), (len(betas), BOX, BOX, BOX)
        dataset = file.create_dataset("betas", shape, np.int16, chunks=chunks, compression="gzip", shuffle=True)
        dataset[:, low[0] : high[0], low[1] : high[1], low[2] : high[2]] = box


def planted_text(source: Source) -> str:
    """What was planted, as `lib.data.files.parse_planted` reads it."""
    return json.dumps({"world": source.world, "description": source.description})


@contextmanager
def simulated_hdf5(path: Path, source: Source) -> Iterator[h5py.File]:
    """A new HDF5 file that says in the attribute `simulated`, as JSON, what was planted.

    Raises
    ------
    OSError
        It cannot be written.
    """
    try:
        with h5py.File(path, "w") as file:
            file.attrs[SIMULATED] = planted_text(source)
            yield file
    except RuntimeError as error:  # so h5py says of a full disk, if it finds out when the file is closed
        raise OSError(f"{path.name}: {error}") from error


def _write_images(path: Path, stimuli: Stimuli, ids: np.ndarray, subject: int, source: Source) -> None:
    # Matrices as small as these only lose by being shared out among threads.
    with threadpool_limits(1), simulated_hdf5(path, source) as file:
        brick = file.create_dataset("imgBrick", nsd.BRICK, np.uint8, chunks=(1, *nsd.BRICK[1:]), compression="gzip")
        for own, row in zip(progress(ids, "writing images"), nsd_ids(ids, subject), strict=True):
            brick[row] = enlarge(stimuli[int(own)])


def enlarge(image: np.ndarray) -> np.ndarray:
    """An image of 64 x 64 as 425 x 425, such that resizing it to 64 x 64 for a network all but gives the original back.

    Resizing with antialiasing blurs, so the large image is sharpened beforehand: it begins as blocks of equal pixels,
    and takes on, again and again, what its reduction still lacks. What would have to leave 0..255 for that is lost:
    some 2 grey levels (root mean square) of the scenes. Two blocks a pixel each way keep the file small.

    Parameters
    ----------
    image : uint8 array of shape (64, 64, 3)

    Returns
    -------
    uint8 array of shape (425, 425, 3)
    """
    reduce, enlarge_again = _reduction()
    wanted = image.transpose(2, 0, 1).astype(np.float32)
    large = wanted.repeat(BLOCKS // SIZE, axis=1).repeat(BLOCKS // SIZE, axis=2)
    for _ in range(ROUNDS):
        lacking = wanted - reduce @ large @ reduce.T  # (3, 64, 64)
        large = np.clip(large + enlarge_again @ lacking @ enlarge_again.T, 0, 255)
    pixels = np.round(large).astype(np.uint8).transpose(1, 2, 0)
    return pixels[_block_of()][:, _block_of()]


def _block_of() -> np.ndarray:
    """Which of 128 blocks each of 425 pixels shows."""
    return np.arange(nsd.BRICK[1]) * BLOCKS // nsd.BRICK[1]


@cache
def _reduction() -> tuple[np.ndarray, np.ndarray]:
    """How `lib.networks` resizes a column of 128 blocks to 64 pixels (64, 128), and its pseudoinverse (128, 64)."""
    blocks = torch.eye(BLOCKS, dtype=torch.float64)[_block_of()][None, None]
    resized = functional.interpolate(blocks, (SIZE, BLOCKS), mode="bilinear", antialias=True, align_corners=False)
    reduce = resized[0, 0].numpy()
    return reduce.astype(np.float32), np.linalg.pinv(reduce).astype(np.float32)
