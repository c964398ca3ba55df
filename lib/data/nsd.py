"""The Natural Scenes Dataset (Allen et al. 2022) as its users have it on disk, for all eight participants.

Only the voxels of the ROIs asked for are read, and one session at a time: betas (int16, percent signal change times
300) are standardised within session or run, added up per image, and averaged at the end.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

import h5py
import nibabel
import numpy as np
from scipy.io import loadmat

from lib.core import choose, progress
from lib.core.scores import noise_ceiling
from lib.data.files import SIMULATED, existing, existing_folder, expect, read
from lib.data.participant import Participant, Responses, Source, Stimuli
from lib.data.trials import TRIALS_PER_RUN, TRIALS_PER_SESSION, random_split, standardise_runs, sum_repeats

VOLUMES = {  # (X, Y, Z) of each participant at 1.8 mm
    1: (81, 104, 83), 2: (82, 106, 84), 3: (81, 106, 82), 4: (85, 99, 80),
    5: (79, 97, 78), 6: (85, 113, 83), 7: (78, 95, 81), 8: (80, 103, 78),
}  # fmt: skip
SESSIONS = {1: 40, 2: 40, 3: 32, 4: 30, 5: 40, 6: 32, 7: 40, 8: 30}
N_TRIALS, N_IMAGES, N_SHARED, N_STIMULI = 30_000, 10_000, 1000, 73_000
BRICK = (N_STIMULI, 425, 425, 3)
PER_PERCENT = 300  # betas are stored as percent signal change times this
TRIALS_AT_ONCE = 25  # whole volumes in memory while a session is read: 35 MB
DTYPE = "int16"

# What each label of a mask file means; 0 is cortex without a label, -1 is not cortex.
LABELS: Mapping[str, Mapping[int, str]] = {
    "prf-visualrois": {1: "V1v", 2: "V1d", 3: "V2v", 4: "V2d", 5: "V3v", 6: "V3d", 7: "hV4"},
    "floc-places": {1: "OPA", 2: "PPA", 3: "RSC"},
    "floc-faces": {1: "OFA", 2: "FFA-1", 3: "FFA-2", 4: "mTL-faces", 5: "aTL-faces"},
}
# The papers' ROIs, and the labels that make them up.
ROIS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "V1": ("prf-visualrois", ("V1v", "V1d")),
    "V2": ("prf-visualrois", ("V2v", "V2d")),
    "V3": ("prf-visualrois", ("V3v", "V3d")),
    "V4": ("prf-visualrois", ("hV4",)),
    "OPA": ("floc-places", ("OPA",)),
    "PPA": ("floc-places", ("PPA",)),
    "RSC": ("floc-places", ("RSC",)),
    "FFA": ("floc-faces", ("FFA-1", "FFA-2")),
    "OFA": ("floc-faces", ("OFA",)),
    "aTLfaces": ("floc-faces", ("aTL-faces",)),
}
SPLITS = ("random", "shared1000")
SPANS = ("session", "run")
HEMISPHERES = ("joined", "separate")


@dataclass(frozen=True)
class Files:
    """Where everything of one participant lies below the folder the user named."""

    root: Path
    subject: int

    @property
    def volume(self) -> tuple[int, int, int]:
        """Shape (X, Y, Z) of this participant's volumes."""
        return VOLUMES[self.subject]

    @property
    def betas(self) -> Path:
        """Folder of the sessions."""
        return self.root / f"nsddata_betas/ppdata/subj{self.subject:02d}/func1pt8mm/betas_fithrf_GLMdenoise_RR"

    @property
    def ncsnr(self) -> Path:
        """Noise ceiling signal-to-noise ratio of every voxel."""
        return self.betas / "ncsnr.nii.gz"

    @property
    def design(self) -> Path:
        """Which image was shown when."""
        return self.root / "nsddata/experiments/nsd/nsd_expdesign.mat"

    @property
    def table(self) -> Path:
        """What is known of each image."""
        return self.root / "nsddata/experiments/nsd/nsd_stim_info_merged.csv"

    @property
    def stimuli(self) -> Path:
        """The images."""
        return self.root / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"

    def mask(self, name: str) -> Path:
        """A file of ROI labels: "floc-faces", or "lh.floc-faces" for one hemisphere."""
        return self.root / f"nsddata/ppdata/subj{self.subject:02d}/func1pt8mm/roi/{name}.nii.gz"

    def session(self, number: int) -> Path:
        """Betas of a session: the HDF5 file, or the NIfTI file where only that is there."""
        file = self.betas / f"betas_session{number:02d}.hdf5"
        return file if file.exists() or not _as_nifti(file).exists() else _as_nifti(file)

    @cached_property
    def sessions(self) -> tuple[int, ...]:
        """Numbers of the sessions that are there."""
        return tuple(n for n in range(1, SESSIONS[self.subject] + 1) if self.session(n).exists())


def _as_nifti(path: Path) -> Path:
    return path.with_suffix(".nii.gz")


def nsd_files(subject: int, data_root: str | os.PathLike | None) -> Files:
    """Check the participant's number and the folder; nothing is read."""
    if subject not in VOLUMES:
        raise ValueError(f"NSD has participants 1 to {len(VOLUMES)}, found subject {subject!r}.")
    return Files(existing_folder(data_root, "nsddata, nsddata_betas and nsddata_stimuli"), subject)


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
    zscore : "session" or "run"
        Within what each voxel is standardised. One that does not vary within some of them holds NaN, and is dropped
        and counted by `lib.analysis.encoding`.
    rois : iterable of str, optional
        Some of `ROIS`; all by default. A participant without a label lacks that ROI, and `source` says so.
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
    choose("split", split, SPLITS)
    choose("zscore", zscore, SPANS)
    numbers = chosen_sessions(files, sessions)
    masks = read_rois(files, rois, hemispheres)
    inside = np.any(list(masks.values()), axis=0)
    stimuli, design, ncsnr = read_stimuli(files), read_design(files), read_volume(files.ncsnr, files.volume)
    responses = average_sessions(files, numbers, inside, design, zscore)
    train, test = (_select(responses, ids) for ids in split_images(responses.stimulus_ids, split, design, files))
    source = source_of(files, numbers, zscore, split, [roi for roi, mask in masks.items() if not mask.any()])
    return Participant(
        name=f"{'simulated' if source.simulated else 'NSD'} participant {subject}",
        train=train,
        test=test,
        rois={roi: mask[inside] for roi, mask in masks.items() if mask.any()},
        noise_ceiling=ceiling_of(ncsnr[inside], test),
        stimuli=stimuli,
        source=source,
    )


def chosen_sessions(files: Files, wanted: Iterable[int] | None) -> tuple[int, ...]:
    existing_folder(files.betas, "betas_session01.hdf5 or .nii.gz and so on")
    numbers = files.sessions if wanted is None else tuple(sorted(set(wanted)))
    if not numbers:
        raise FileNotFoundError(
            f"{files.betas}: expected betas of at least one session, betas_session01.hdf5 or .nii.gz, found none."
        )
    for number in numbers:
        if number not in range(1, SESSIONS[files.subject] + 1):
            raise ValueError(
                f"NSD participant {files.subject} has sessions 1 to {SESSIONS[files.subject]}, not {number}."
            )
        existing(files.session(number), f"the betas of session {number}")
    return numbers


# Which image was shown when


@dataclass(frozen=True)
class Design:
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


def read_design(files: Files) -> Design:
    """Read which image was shown in each trial; where the images' table is there, it must agree."""
    names = {"masterordering": (1, N_TRIALS), "subjectim": (8, N_IMAGES), "sharedix": (1, N_SHARED)}
    path = files.design
    arrays = read(path, f"a MATLAB file with {', '.join(names)}", partial(_arrays, names=tuple(names)))
    for name, shape in names.items():
        expect(path, f"the shape of {name}", shape, arrays[name].shape)
    order = _within(path, "masterordering", arrays["masterordering"][0], N_IMAGES) - 1
    images = _within(path, "subjectim", arrays["subjectim"][files.subject - 1], N_STIMULI) - 1
    design = Design(images[order], _within(path, "sharedix", arrays["sharedix"][0], N_STIMULI) - 1)
    if files.table.exists():
        _check_table(files, design)
    return design


def _arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    content = loadmat(path, variable_names=names)
    missing = [name for name in names if name not in content]
    if missing:
        raise KeyError(f"no variable {', '.join(missing)}")
    return {name: content[name].astype(np.int64) for name in names}


def _within(path: Path, name: str, values: np.ndarray, largest: int) -> np.ndarray:
    """The values, all from 1 to `largest`."""
    extremes = int(values.min()), int(values.max())
    if extremes[0] < 1 or extremes[1] > largest:
        raise ValueError(f"{path}: expected {name} from 1 to {largest}, found {extremes[0]} to {extremes[1]}.")
    return values


def _check_table(files: Files, design: Design) -> None:
    """The images' table names up to three trials of each image; the design must show that image in them."""
    columns = ["nsdId", *(f"subject{files.subject}_rep{i}" for i in range(3))]
    rows = read(files.table, f"a table with columns {', '.join(columns)}", partial(_columns, names=columns))
    expect(files.table, "the number of rows", N_STIMULI, len(rows))
    trials = _up_to(files.table, rows[:, 1:], N_TRIALS)
    row, repeat = np.nonzero(trials)
    shown = design.image[trials[row, repeat] - 1]
    wrong = np.flatnonzero(shown != rows[row, 0])
    if len(wrong):
        first = wrong[0]
        raise ValueError(
            f"{files.table}: expected trial {trials[row[first], repeat[first]]} of participant {files.subject} to show "
            f"image {shown[first]} as in {files.design.name}, found {rows[row[first], 0]}."
        )


def _columns(path: Path, names: Sequence[str]) -> np.ndarray:
    """Integer columns of a CSV file, shape (n_rows, n_columns)."""
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        missing = [name for name in names if name not in header]
        if missing:
            raise KeyError(f"no column {', '.join(missing)}")
        places = [header.index(name) for name in names]
        return np.array([[int(row[place]) for place in places] for row in reader])


def _up_to(path: Path, trials: np.ndarray, largest: int) -> np.ndarray:
    if trials.max(initial=0) > largest or trials.min(initial=0) < 0:
        raise ValueError(f"{path}: expected trials from 0 to {largest}, found {trials.min()} to {trials.max()}.")
    return trials


def split_images(shown: np.ndarray, split: str, design: Design, files: Files) -> tuple[np.ndarray, np.ndarray]:
    """Ids of training and test images, each ascending; parameters as of `load_nsd`."""
    if split == "random":
        return random_split(shown)
    shared = np.isin(shown, design.shared)
    if shared.all() or not shared.any():
        raise ValueError(
            f"{files.betas}: expected images of both kinds for split 'shared1000', found {shared.sum()} shared and "
            f"{(~shared).sum()} other ones in these sessions."
        )
    return shown[~shared], shown[shared]


# Which voxels


def read_rois(files: Files, rois: Iterable[str] | None = None, hemispheres: str = "joined") -> dict[str, np.ndarray]:
    """Masks of ROIs, boolean arrays of shape (X, Y, Z), empty where the participant lacks the label.

    Masks may overlap: a voxel can answer to faces and to places.

    Raises
    ------
    ValueError
        An unknown ROI, a mask of the wrong shape or with unknown labels, or no voxel in any ROI.
    """
    wanted = [choose("ROI", roi, ROIS) for roi in (ROIS if rois is None else rois)]
    sides = {"joined": ("",), "separate": ("lh.", "rh.")}[choose("hemispheres", hemispheres, HEMISPHERES)]
    labels = {(side, name): _read_labels(files, side, name) for name in {ROIS[r][0] for r in wanted} for side in sides}
    masks = {side + roi: _mask(labels[side, ROIS[roi][0]], roi) for roi in wanted for side in sides}
    if not any(mask.any() for mask in masks.values()):
        raise ValueError(f"{files.mask('*').parent}: expected voxels in {', '.join(masks)}, found none.")
    return masks


def read_cortex(files: Files) -> np.ndarray:
    """Voxels that a mask calls cortex, with a label or without, boolean array of shape (X, Y, Z)."""
    return np.any([_read_labels(files, "", name) >= 0 for name in LABELS], axis=0)


def _mask(labels: np.ndarray, roi: str) -> np.ndarray:
    name, parts = ROIS[roi]
    return np.isin(labels, [value for value, label in LABELS[name].items() if label in parts])


def _read_labels(files: Files, side: str, name: str) -> np.ndarray:
    """Labels (X, Y, Z) of one file; both hemispheres' files together where the joint one is not there."""
    path = files.mask(side + name)
    halves = [files.mask(f"{half}.{name}") for half in ("lh", "rh")]
    if not side and not path.exists() and all(half.exists() for half in halves):
        return np.maximum(*(_read_mask(half, files.volume, name) for half in halves))
    return _read_mask(path, files.volume, name)


def _read_mask(path: Path, shape: tuple[int, ...], name: str) -> np.ndarray:
    labels = read_volume(path, shape)
    unknown = sorted(set(np.unique(labels).tolist()) - {-1, 0, *LABELS[name]})
    if unknown:
        raise ValueError(f"{path}: expected labels -1, 0 and {_named(LABELS[name])}, found {unknown[0]:g} too.")
    return labels


def _named(labels: Mapping[int, str]) -> str:
    return ", ".join(f"{value} ({label})" for value, label in labels.items())


def read_volume(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """One NIfTI volume of this participant, float32 array of shape (X, Y, Z)."""
    what = f"a NIfTI volume of shape {shape}"
    image = read(path, what, nibabel.load)
    expect(path, "the shape of the volume", shape, image.shape)
    return read(path, what, lambda _: np.asarray(image.dataobj, np.float32))


# What they answered


def average_sessions(
    files: Files, sessions: Sequence[int], inside: np.ndarray, design: Design, zscore: str = "session"
) -> Responses:
    """Standardise, and average the repeats of every image shown in these sessions, one session in memory at a time.

    Parameters
    ----------
    sessions : sequence of int
    inside : boolean array of shape (X, Y, Z)
        Voxels to read.
    zscore : "session" or "run"

    Returns
    -------
    Responses
        float32, images ascending, voxels in the order of `np.flatnonzero(inside)`.
    """
    shown, counts = np.unique(np.concatenate([design.of_session(n) for n in sessions]), return_counts=True)
    total = np.zeros((len(shown), int(inside.sum())), np.float32)
    run = spans_of(zscore)
    for number in progress(sessions, "reading sessions"):
        betas = standardise_runs(read_session(files, number, inside), run)
        ids, sums, _ = sum_repeats(betas, design.of_session(number))
        total[np.searchsorted(shown, ids)] += sums
    return Responses(shown, np.divide(total, counts[:, None], out=total, dtype=np.float32, casting="same_kind"), counts)


def spans_of(zscore: str) -> np.ndarray:
    """Which trials of a session are standardised together, array of shape (750,)."""
    return np.zeros(TRIALS_PER_SESSION) if zscore == "session" else np.repeat(range(12), TRIALS_PER_RUN)


def read_session(files: Files, number: int, inside: np.ndarray) -> np.ndarray:
    """Betas of a session in percent signal change, float32 array of shape (750, n_voxels).

    Parameters
    ----------
    inside : boolean array of shape (X, Y, Z)
        Voxels to read.
    """
    reader = _read_hdf5 if files.session(number).suffix == ".hdf5" else _read_nifti
    expected = f"{DTYPE} betas of {TRIALS_PER_SESSION} trials"
    betas = read(files.session(number), expected, partial(reader, inside=inside))
    return np.divide(betas, np.float32(PER_PERCENT), out=betas)  # no copy: of a whole cortex it would be large


def check_session(files: Files, number: int) -> None:
    """Open a session's file and check shape and type; the betas are not read."""
    header = _hdf5_header if files.session(number).suffix == ".hdf5" else _nifti_header
    read(files.session(number), "betas", partial(header, shape=files.volume))


def _hdf5_header(path: Path, shape: tuple[int, ...]) -> None:
    with h5py.File(path) as file:
        _check_betas(path, (TRIALS_PER_SESSION, *shape[::-1]), file["betas"].shape, file["betas"].dtype)


def _nifti_header(path: Path, shape: tuple[int, ...]) -> None:
    header = nibabel.load(path).header
    _check_betas(path, (*shape, TRIALS_PER_SESSION), header.get_data_shape(), header.get_data_dtype())


def _check_betas(path: Path, expected: tuple[int, ...], shape: tuple[int, ...], dtype: np.dtype) -> None:
    expect(path, "the shape of the betas", expected, tuple(shape))
    expect(path, "the type of the betas", DTYPE, str(dtype.newbyteorder("=")))


def _read_hdf5(path: Path, inside: np.ndarray) -> np.ndarray:
    """Voxels of an HDF5 file, (750, n_voxels): h5py shows it as (trial, Z, Y, X), the masks are (X, Y, Z)."""
    _hdf5_header(path, inside.shape)
    x, y, z = np.nonzero(inside)
    rows, columns = (slice(i.min(), i.max() + 1) for i in (y, x))
    voxels = np.empty((TRIALS_PER_SESSION, len(x)), np.float32)
    with h5py.File(path) as file:
        for trials, planes in _pieces(file["betas"], slice(z.min(), z.max() + 1)):
            part = (z >= planes.start) & (z < planes.stop)
            piece = file["betas"][trials, planes, rows, columns]
            voxels[trials, part] = piece[:, (z - planes.start)[part], (y - rows.start)[part], (x - columns.start)[part]]
    return voxels


def _pieces(betas: h5py.Dataset, planes: slice) -> Iterator[tuple[slice, slice]]:
    """Trials and planes to read at once, so that no compressed chunk is opened twice and little is held in memory."""
    whole = slice(0, TRIALS_PER_SESSION)
    if betas.chunks and betas.chunks[0] <= TRIALS_AT_ONCE:
        step = betas.chunks[0] * (TRIALS_AT_ONCE // betas.chunks[0])
        yield from ((slice(t, min(t + step, TRIALS_PER_SESSION)), planes) for t in range(0, TRIALS_PER_SESSION, step))
    else:
        depth = betas.chunks[1] if betas.chunks else 1
        for start in range(planes.start - planes.start % depth, planes.stop, depth):
            yield whole, slice(max(start, planes.start), min(start + depth, planes.stop))


def _read_nifti(path: Path, inside: np.ndarray) -> np.ndarray:
    """Voxels of a NIfTI file, (750, n_voxels), a few trials at a time: the file is compressed from first to last."""
    _nifti_header(path, inside.shape)
    betas = nibabel.load(path, keep_file_open=True).dataobj
    starts = range(0, TRIALS_PER_SESSION, TRIALS_AT_ONCE)
    return np.concatenate([betas[..., t : t + TRIALS_AT_ONCE][inside].T.astype(np.float32) for t in starts])


def _select(responses: Responses, ids: np.ndarray) -> Responses:
    rows = np.searchsorted(responses.stimulus_ids, ids)
    return Responses(ids, responses.responses[rows], responses.n_repeats[rows])


def ceiling_of(ncsnr: np.ndarray, test: Responses) -> np.ndarray:
    """Noise ceiling of responses averaged over unequal numbers of repeats: their noise variances are averaged."""
    return noise_ceiling(ncsnr.astype(float), 1 / np.mean(1 / test.n_repeats))


# What they saw


def read_stimuli(files: Files) -> Stimuli:
    """The images, opened one at a time; every process opens the file for itself."""
    read(files.stimuli, f"HDF5 dataset imgBrick of shape {BRICK}", _check_brick)
    status = files.stimuli.stat()
    key = f"{files.stimuli}:{status.st_size}:{status.st_mtime_ns}"
    return Stimuli(key, partial(picture, str(files.stimuli)))


def _check_brick(path: Path) -> None:
    with h5py.File(path) as file:
        expect(path, "the shape of imgBrick", BRICK, file["imgBrick"].shape)
        expect(path, "the type of imgBrick", "uint8", str(file["imgBrick"].dtype))


def picture(path: str, stimulus_id: int) -> np.ndarray:
    """One image, uint8 array of shape (425, 425, 3)."""
    return _brick(path, os.getpid())[stimulus_id]


@lru_cache(maxsize=8)
def _brick(path: str, process: int) -> h5py.Dataset:
    """The opened images; a handle that went through a fork must not be used, hence the process in the key."""
    return h5py.File(path)["imgBrick"]


def source_of(files: Files, sessions: Sequence[int], zscore: str, split: str, lacking: Sequence[str]) -> Source:
    """What was read, and whether anybody was scanned; `lacking` names ROIs without voxels."""
    planted = read(files.stimuli, "HDF5 images", planted_in)
    found = f"{len(sessions)} of {SESSIONS[files.subject]} sessions, z-scored within {zscore}, split {split}"
    without = f"; no voxels are labelled {', '.join(lacking)} in this participant" if lacking else ""
    if planted:
        found = f"simulated, in NSD's layout, {planted['description']}; {found}"
    return Source(
        dataset="nsd",
        description=found + without,
        origin="computed by lib.simulation.nsd_like" if planted else "Natural Scenes Dataset, Allen et al. 2022",
        licence="MIT" if planted else "NSD data use agreement: may not be redistributed",
        simulated=bool(planted),
        world=planted.get("world"),
    )


def planted_in(path: Path) -> dict[str, str]:
    """What was planted, if this project wrote the HDF5 file; empty for measured data."""
    with h5py.File(path) as file:
        return json.loads(file.attrs.get(SIMULATED, "{}"))
