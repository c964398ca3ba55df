"""The Natural Scenes Dataset (Allen et al. 2022) as its users have it on disk, for all eight participants.

Only the voxels of the ROIs asked for are read, and one session at a time: betas (int16, percent signal change times
300) are standardised within session or run, added up per image, and averaged at the end.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
from scipy.io import loadmat

from lib.core import choose
from lib.core.pixels import from_array
from lib.data.areas import chosen_rois
from lib.data.files import read_columns, read_file, read_planted, require_equal, require_folder
from lib.data.layouts import DESCRIPTIONS, Files, source_of
from lib.data.participant import Participant, Space, Stimuli
from lib.data.pictures import stored, stored_key
from lib.data.sessions import ZSCORES, Layout, Session, Split, chosen_sessions
from lib.data.trials import RUN_LENGTHS, TRIALS_PER_SESSION, ceiling_of, random_split
from lib.data.volumes import check_axes, open_volume, read_volume, read_voxels

VOXEL_SIZE = 1.8  # millimetres
_NSD = DESCRIPTIONS["nsd"]
VOLUMES = dict(enumerate(map(tuple, _NSD["participants"]["volumes"]), 1))  # (X, Y, Z) of each participant
SESSIONS = dict(enumerate(_NSD["participants"]["sessions"], 1))
ROI_LABELS = {file: dict(enumerate(labels, 1)) for file, labels in _NSD["labels"].items()}
ROI_PARTS = {roi: (file, tuple(labels)) for roi, (file, *labels) in _NSD["areas"].items()}  # the papers' ROIs
N_TRIALS, IMAGES_PER_PARTICIPANT, N_SHARED, N_STIMULI = 30_000, 10_000, 1000, 73_000
BRICK = (N_STIMULI, 425, 425, 3)
EXPECTED = f"int16 betas of {TRIALS_PER_SESSION} trials"
PER_PERCENT = 300  # betas are stored as percent signal change times this

SPLITS = ("random", "shared1000")
HEMISPHERES = {"joined": ("",), "separate": ("lh.", "rh.")}


class NsdFiles(Files):
    """NSD's files of one participant."""

    dataset = "nsd"

    @property
    def volume(self) -> tuple[int, ...]:
        """Shape (X, Y, Z) of this participant's volumes."""
        return VOLUMES[self.subject]

    def session(self, number: int) -> Path:
        """Betas of a session: the HDF5 file, or the NIfTI file where only that is there."""
        file, nifti = super().session(number), self.path("nifti", session=number)
        return file if file.exists() or not nifti.exists() else nifti


def nsd_files(subject: int, data_root: str | os.PathLike | None) -> NsdFiles:
    """Check the participant's number and the folder; nothing is read."""
    if subject not in VOLUMES or isinstance(subject, float):
        raise ValueError(f"NSD has participants 1 to {len(VOLUMES)}, found subject {subject!r}.")
    return NsdFiles(require_folder(data_root, "nsddata, nsddata_betas and nsddata_stimuli"), subject)


def load_nsd(
    *,
    subject: int = 1,
    data_root: str | os.PathLike | None = None,
    sessions: Iterable[int] | None = None,
    split: str = "random",
    zscore: str = "session",
    rois: Iterable[str] | None = None,
    hemispheres: str = "joined",
) -> Participant:
    """Read one participant of NSD.

    Parameters
    ----------
    subject : int
        1 to 8.
    data_root : path
        The folder that holds nsddata, nsddata_betas and nsddata_stimuli.
    sessions : iterable of int, optional
        From 1; by default all that are there.
    split : "random" or "shared1000"
        Which images test: a random 15 % of those the participant saw, as paper W's first author does, or those of the
        1000 that all participants were to see.
    zscore : "session", "run" or "none"
        Within what each voxel is standardised, if at all. One that does not vary within some of them holds NaN, and is
        dropped and counted by `lib.analysis.encoding`.
    rois : iterable of str, optional
        Some of `ROI_PARTS`; all by default. A participant without a label lacks that ROI, and `source` says so.
    hemispheres : "joined" or "separate"
        Separate ROIs are named "lh.V1", "rh.V1" and so on, and are read from the masks of one hemisphere.

    Returns
    -------
    Participant
        Responses are float32. `noise_ceiling` is that of the test images' numbers of repeats.

    Raises
    ------
    ValueError, OSError
        In one sentence: the file, what was expected and what was found.
    """
    files = nsd_files(subject, data_root)
    numbers, masks = nsd_sessions(files, sessions), read_rois(files, rois, hemispheres)
    layout = read_layout(files, numbers, split, zscore, inside=np.any(list(masks.values()), axis=0))
    rest = read_rest(files, layout, masks)
    train, test = layout.parts(layout.averages())
    return Participant(train=train, test=test, **rest)


def nsd_sessions(files: NsdFiles, wanted: Iterable[int] | None = None) -> tuple[int, ...]:
    """Check the sessions wanted, by default all that are there; returns their numbers in order."""
    whose = f"NSD participant {files.subject} has"
    return chosen_sessions(files, wanted, SESSIONS[files.subject], whose)


# Design


@dataclass(frozen=True)
class NsdDesign:
    """Images of all 40 sessions, of which the participant may have seen fewer.

    Attributes
    ----------
    image : int array of shape (30000,)
        Stimulus id of each trial: its row in the images' file, from 0.
    shared : int array of shape (1000,)
        Stimulus ids of the images that all participants were to see.
    """

    image: np.ndarray
    shared: np.ndarray

    def of_session(self, number: int) -> np.ndarray:
        """Stimulus ids of the 750 trials of a session, from 1."""
        return self.image[(number - 1) * TRIALS_PER_SESSION : number * TRIALS_PER_SESSION]


def read_design(files: NsdFiles) -> NsdDesign:
    """Read which image was shown in each trial; where the images' table is there, it must agree."""
    names = {"masterordering": (1, N_TRIALS), "subjectim": (8, IMAGES_PER_PARTICIPANT), "sharedix": (1, N_SHARED)}
    path = files.path("design")
    arrays = read_file(path, f"a MATLAB file with {', '.join(names)}", partial(_arrays, names=tuple(names)))
    for name, shape in names.items():
        require_equal(path, f"the shape of {name}", shape, arrays[name].shape)
    order = _within(path, "masterordering", arrays["masterordering"][0], IMAGES_PER_PARTICIPANT) - 1
    images = _within(path, "subjectim", arrays["subjectim"][files.subject - 1], N_STIMULI) - 1
    design = NsdDesign(images[order], _within(path, "sharedix", arrays["sharedix"][0], N_STIMULI) - 1)
    if files.path("table").exists():
        _check_table(files, design)
    return design


def _arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    content = loadmat(path, variable_names=names)
    missing = [name for name in names if name not in content]
    if missing:
        raise KeyError(f"no variable {', '.join(missing)}")
    return {name: content[name].astype(np.int64) for name in names}


def _within(path: Path, name: str, values: np.ndarray, largest: int, least: int = 1) -> np.ndarray:
    """The values, if all lie in the range."""
    low, high = int(values.min(initial=least)), int(values.max(initial=least))
    if low < least or high > largest:
        raise ValueError(f"{path}: expected {name} from {least} to {largest}, found {low} to {high}.")
    return values


def _check_table(files: NsdFiles, design: NsdDesign) -> None:
    """The images' table names up to three trials of each image; the design must show that image in them."""
    columns = ["nsdId", *(f"subject{files.subject}_rep{i}" for i in range(3))]
    expected, read = f"a table with columns {', '.join(columns)}", partial(read_columns, columns=columns)
    path = files.path("table")
    rows = read_file(path, expected, lambda path: np.array(read(path)).astype(int))
    require_equal(path, "the number of rows", N_STIMULI, len(rows))
    trials = _within(path, "trials", rows[:, 1:], N_TRIALS, least=0)
    row, repeat = np.nonzero(trials)
    shown = design.image[trials[row, repeat] - 1]
    for first in np.flatnonzero(shown != rows[row, 0])[:1]:
        trial, found = trials[row[first], repeat[first]], rows[row[first], 0]
        expected = f"trial {trial} of participant {files.subject} to show image {shown[first]}"
        raise ValueError(f"{path}: expected {expected} as in {files.path('design').name}, found {found}.")


def read_layout(
    files: NsdFiles,
    sessions: Iterable[int] | None = None,
    split: str = "random",
    zscore: str = "session",
    inside: np.ndarray | None = None,
) -> Layout:
    """Find out which images and voxels there are; no betas are read.

    Parameters
    ----------
    files : NsdFiles
    sessions, split, zscore
        As of `load_nsd`.
    inside : boolean array of shape (X, Y, Z), optional
        The voxels wanted; all that a mask calls cortex by default, with a label or without.
    """
    choose("split", split, SPLITS)
    choose("zscore", zscore, ZSCORES)
    numbers, design = nsd_sessions(files, sessions), read_design(files)
    if inside is None:
        inside = np.any([_read_labels(files, "", name) >= 0 for name in ROI_LABELS], axis=0)
    run = np.repeat(range(len(RUN_LENGTHS)), RUN_LENGTHS).tolist()
    trials = [Session(n, design.of_session(n), run, partial(read_session, files, n)) for n in numbers]
    shown = np.unique(np.concatenate([one.images for one in trials]))
    train, test = random_split(shown) if split == "random" else _split_shared(shown, design, files)
    return Layout(trials, Split(train, test, split), zscore, inside)


def _split_shared(shown: np.ndarray, design: NsdDesign, files: NsdFiles) -> tuple[np.ndarray, np.ndarray]:
    """Ids of training and test images, each ascending: those that all participants were to see are for testing."""
    shared = np.isin(shown, design.shared)
    if min(shared.sum(), (~shared).sum()) < 2:
        found = f"{shared.sum()} shared and {(~shared).sum()} other ones in these sessions"
        raise ValueError(f"{files.path('betas')}: expected images of both kinds for split 'shared1000', found {found}.")
    return shown[~shared], shown[shared]


# Masks


def read_rois(files: NsdFiles, rois: Iterable[str] | None = None, hemispheres: str = "joined") -> dict[str, np.ndarray]:
    """Read masks of ROIs, boolean arrays of shape (X, Y, Z), empty where the participant lacks the label.

    Masks may overlap: a voxel can answer to faces and to places.

    Parameters
    ----------
    files : NsdFiles
    rois, hemispheres
        As of `load_nsd`.

    Raises
    ------
    ValueError
        An unknown ROI, a mask of the wrong shape or with unknown labels, or no voxel in any ROI.
    """
    wanted, sides = chosen_rois(rois, ROI_PARTS), HEMISPHERES[choose("hemispheres", hemispheres, HEMISPHERES)]
    labels = {
        (side, name): _read_labels(files, side, name) for name in {ROI_PARTS[r][0] for r in wanted} for side in sides
    }
    masks = {side + roi: _mask(labels[side, ROI_PARTS[roi][0]], roi) for roi in wanted for side in sides}
    if not any(mask.any() for mask in masks.values()):
        raise ValueError(f"{files.path('mask', mask='*').parent}: expected voxels in {', '.join(masks)}, found none.")
    return masks


def _mask(labels: np.ndarray, roi: str) -> np.ndarray:
    name, parts = ROI_PARTS[roi]
    return np.isin(labels, [value for value, label in ROI_LABELS[name].items() if label in parts])


def _read_labels(files: NsdFiles, side: str, name: str) -> np.ndarray:
    """Labels (X, Y, Z) of one file; both hemispheres' files together where the joint one is not there."""
    path = files.path("mask", mask=side + name)
    halves = [files.path("mask", mask=f"{half}.{name}") for half in ("lh", "rh")]
    if not side and not path.exists() and all(half.exists() for half in halves):
        return np.maximum(*(_read_mask(files, half, name) for half in halves))
    return _read_mask(files, path, name)


def _read_mask(files: NsdFiles, path: Path, name: str) -> np.ndarray:
    labels = read_volume(path, files.volume)
    check_axes(path, files.path("ncsnr"))
    unknown = sorted(set(np.unique(labels).tolist()) - {-1, 0, *ROI_LABELS[name]})
    if unknown:
        known = ", ".join(f"{value} ({label})" for value, label in ROI_LABELS[name].items())
        way_out = "" if unknown[0].is_integer() else ": resample to the nearest label, and write -1 outside cortex"
        raise ValueError(f"{path}: expected labels -1, 0 and {known}, found {unknown[0]:g} too{way_out}.")
    return labels


# Betas


def read_session(files: NsdFiles, number: int, inside: np.ndarray) -> np.ndarray:
    """Read betas of a session in percent signal change, float32 array of shape (750, n_voxels).

    Parameters
    ----------
    files : NsdFiles
    number : int
        From 1.
    inside : boolean array of shape (X, Y, Z)
        Voxels to read.
    """
    check_session(files, number)
    path = files.session(number)
    betas = read_file(path, EXPECTED, partial(_read_hdf5 if path.suffix == ".hdf5" else _read_nifti, inside=inside))
    return np.divide(betas, np.float32(PER_PERCENT), out=betas)  # no copy: of a whole cortex it would be large


def check_session(files: NsdFiles, number: int) -> None:
    """Open a session's file and check shape and type; the betas are not read."""
    path = files.session(number)
    shape, dtype = read_file(path, EXPECTED, _header)
    trials_first = path.suffix == ".hdf5"
    expected = (TRIALS_PER_SESSION, *files.volume[::-1]) if trials_first else (*files.volume, TRIALS_PER_SESSION)
    require_equal(path, "the shape of the betas", expected, tuple(shape))
    require_equal(path, "the type of the betas", "int16", str(dtype.newbyteorder("=")))


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of a session's betas."""
    if path.suffix == ".hdf5":
        with h5py.File(path) as file:
            return file["betas"].shape, file["betas"].dtype
    image: Any = nibabel.load(path)
    scaling = (image.dataobj.slope, image.dataobj.inter)
    require_equal(path, "slope and intercept of the betas, which are divided by 300 here,", (1.0, 0.0), scaling)
    return image.shape, image.get_data_dtype()


def _read_hdf5(path: Path, inside: np.ndarray) -> np.ndarray:
    """Voxels of an HDF5 file, (750, n_voxels), chunk by chunk: h5py shows (trial, Z, Y, X), the mask is (X, Y, Z)."""
    places = np.nonzero(inside)[::-1]
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in places)
    voxels = np.empty((TRIALS_PER_SESSION, len(places[0])), np.float32)
    with h5py.File(path) as file:
        betas, volumes = file["betas"], ((slice(t, t + 1), *box) for t in range(TRIALS_PER_SESSION))
        for trials, *part in betas.iter_chunks((slice(0, TRIALS_PER_SESSION), *box)) if betas.chunks else volumes:
            pairs = list(zip(places, part, strict=True))
            here = np.all([(i >= of.start) & (i < of.stop) for i, of in pairs], axis=0)
            within = (i[here] - of.start for i, of in pairs)
            voxels[trials, here] = betas[trials, *part][:, *within]
    return voxels


def _read_nifti(path: Path, inside: np.ndarray) -> np.ndarray:
    """Voxels of a NIfTI file, (750, n_voxels)."""
    return read_voxels(open_volume(path), inside)


# Images


def read_stimuli(files: NsdFiles) -> Stimuli:
    """Check the file of images; they are opened one at a time, and by every process for itself."""
    read_file(files.path("stimuli"), f"HDF5 dataset imgBrick of shape {BRICK}", _check_brick)
    return Stimuli(stored_key(files.path("stimuli")), partial(_open_image, str(files.path("stimuli"))))


def _check_brick(path: Path) -> None:
    with h5py.File(path) as file:
        shape, dtype = file["imgBrick"].shape, str(file["imgBrick"].dtype)
    if shape[:3] != BRICK[:3] or shape[3:] not in ((), (1,), (4,)):  # grey, or with alpha
        require_equal(path, "the shape of imgBrick", BRICK, shape)
    require_equal(path, "the type of imgBrick", "uint8", dtype)


def _open_image(path: str, stimulus_id: int) -> np.ndarray:
    """One image, uint8 array of shape (425, 425, 3)."""
    return from_array(stored(path, "imgBrick", stimulus_id), path)


# The rest of a participant


def planted_in(path: Path) -> dict[str, str | None]:
    """Read what was planted, as `lib.data.files.read_planted` does."""
    with h5py.File(path) as file:
        return read_planted(path, file)


def read_rest(files: NsdFiles, layout: Layout, masks: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Read all of a participant but the responses, by argument of `Participant`; before the betas, which take minutes.

    Parameters
    ----------
    files : NsdFiles
    layout : Layout
    masks : mapping of ROI to boolean array of shape (X, Y, Z)
    """
    stimuli, ncsnr = read_stimuli(files), read_volume(files.path("ncsnr"), files.volume)[layout.inside]
    image: Any = nibabel.load(files.path("ncsnr"))
    if np.isnan(ncsnr).all():
        raise ValueError(f"{files.path('ncsnr')}: expected numbers in these voxels, found NaN only.")
    if np.nanmin(ncsnr) < 0:
        raise ValueError(f"{files.path('ncsnr')}: expected ratios of 0 or more, found {np.nanmin(ncsnr):g}.")
    planted = read_file(files.path("stimuli"), "HDF5 images", planted_in)
    lacking = [roi for roi, mask in masks.items() if not mask.any()]
    return {
        "name": f"{'simulated' if planted else 'NSD'} participant {files.subject}",
        "rois": {roi: mask[layout.inside] for roi, mask in masks.items() if mask.any()},
        "noise_ceiling": ceiling_of(ncsnr, layout.test_repeats),
        "source": source_of("nsd", planted, layout.describe(SESSIONS[files.subject], lacking)),
        "coordinates": VOXEL_SIZE * np.argwhere(layout.inside),
        "space": Space(files.volume, image.affine, np.argwhere(layout.inside)),
        "stimuli": stimuli,
    }
