"""LAION-fMRI as it lies in its public bucket: five people, 7 T, 25,000 photographs.

Single-trial betas come as one compressed NIfTI file a session, some 12 GB when opened whole. They are read volume by
volume, and of each volume only the voxels of the ROIs are kept. Responses and masks are free; photographs come after a
form, and public embeddings of them can stand in for a network.
"""

import hashlib
import json
import operator
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import nibabel
import numpy as np

from lib.core import choose
from lib.core.disk import sha256_of_file
from lib.data.areas import chosen_rois
from lib.data.files import SIMULATED, parse_planted, read_columns, read_file, require_equal, require_folder
from lib.data.layouts import DESCRIPTIONS, Files, source_of
from lib.data.participant import Participant, Space, Stimuli
from lib.data.pictures import decode_picture, stored, stored_key
from lib.data.sessions import ZSCORES, Layout, Session, Split, chosen_sessions
from lib.data.trials import ceiling_of, random_split
from lib.data.volumes import axes_of, check_affine, open_volume, read_volume, read_voxels

SUBJECTS = (1, 3, 5, 6, 7)
LAST_SESSION = 30  # sessions 31 to 34 are held back
FORM = "https://laion-fmri.hebartlab.com/request"
REPOSITORY = "https://github.com/ViCCo-Group/LAION-fMRI"
TRIAL_COLUMNS = ("run", "beta_index", "label")

MASK_PARTS: Mapping[str, Sequence[str]] = DESCRIPTIONS["laion"]["areas"]  # masks of the papers' ROIs

# Maps of the noise ceiling in the order of preference, and 1 / n of the repeats n that they are for. Of all images
# together: 881 shown 12 times and 5323 shown 4 times.
CEILINGS = {"Noiseceiling4rep": 1 / 4, "Noiseceiling12rep": 1 / 12, "NoiseceilingAllrep": (881 / 12 + 5323 / 4) / 6204}
POOLS = ("participant", "shared")


class LaionFiles(Files):
    """LAION-fMRI's files of one participant."""

    dataset = "laion"

    @property
    def ceiling(self) -> tuple[Path, float]:
        """The first of `CEILINGS` that is there, or the first of all; and 1 / n of its repeats."""
        paths = {self.path("ceiling", ceiling=name): share for name, share in CEILINGS.items()}
        return next(((path, share) for path, share in paths.items() if path.exists()), next(iter(paths.items())))

    @cached_property
    def masks(self) -> dict[str, list[Path]]:
        """Files of masks by name, hyphens left out: the bucket has FFA-1 and FFA1 for the same area."""
        found: dict[str, list[Path]] = {}
        pattern = str(self.path("mask", category="*", mask="*").relative_to(self.root))
        unpacked = (path for path in self.root.glob(pattern[:-3]) if not path.with_name(f"{path.name}.gz").exists())
        for path in sorted([*self.root.glob(pattern), *unpacked]):
            name = path.name.partition("label-")[2].partition("_mask")[0].replace("-", "")
            found.setdefault(name, []).append(path)
        return found

    def splits(self, pool: str) -> Path:
        """Folder of official splits, where the authors' repository was cloned into the root (or its package copied)."""
        places = (self.root / "LAION-fMRI/laion_fmri/splits/data", self.root / "laion_fmri/splits/data")
        folder = next((place for place in places if place.exists()), places[0])
        return folder / ("shared" if pool == "shared" else f"sub-{self.subject:02}")


def laion_files(subject: int, data_root: str | os.PathLike | None) -> LaionFiles:
    """Check the participant's number and the folder; nothing is read."""
    if subject not in SUBJECTS or isinstance(subject, float):
        known = ", ".join(map(str, SUBJECTS))
        raise ValueError(f"LAION-fMRI has participants {known}, found subject {subject!r}.")
    return LaionFiles(require_folder(data_root, "derivatives and stimuli"), subject)


def load_laion(
    *,
    subject: int = 1,
    data_root: str | os.PathLike | None = None,
    sessions: Iterable[int] | None = None,
    split: str = "random",
    pool: str = "participant",
    zscore: str = "session",
    rois: Iterable[str] | None = None,
) -> Participant:
    """Read one participant of LAION-fMRI.

    Parameters
    ----------
    subject : int
        1, 3, 5, 6 or 7.
    data_root : path
        The folder that holds derivatives and stimuli, as the bucket does.
    sessions : iterable of int, optional
        1 to 30; by default all that are there.
    split : str
        Which images test: "random" holds out 15 %, as paper W's first author does; any other is the name of an official
        one ("random_0", "cluster_k5_0", "tau", "ood"), whose images that were not shown in these sessions are left out.
    pool : "participant" or "shared"
        Of an official split: over all images of the participant, or over those that all participants saw.
    zscore : "session", "run" or "none"
        Within what each voxel is standardised, if at all. One that is NaN or does not vary within some of them holds
        NaN, and is dropped and counted by `lib.analysis.encoding`.
    rois : iterable of str, optional
        Some of `MASK_PARTS`; by default all that there are. `source` says which are missing.

    Returns
    -------
    Participant
        Responses are float32; `coordinates` are millimetres in the participant's T1w space. `noise_ceiling` is solved
        for the test images' numbers of repeats. A stimulus id is a digest of the picture's name (`stimulus_ids`), the
        same for all participants.

    Raises
    ------
    ValueError, OSError
        In one sentence: the file, what was expected and what was found.
    """
    choose("zscore", zscore, ZSCORES)
    files = laion_files(subject, data_root)
    grid, masks, layout = read_laion_layout(files, sessions, split, pool, zscore, rois)
    rest = _read_rest(files, grid, layout, masks)
    train, test = layout.parts(layout.averages())
    return Participant(train=train, test=test, **rest)


class LaionLayout(NamedTuple):
    """What is known of a participant before any betas are read."""

    grid: "Grid"
    masks: Mapping[str, np.ndarray]
    rows: Layout


def read_laion_layout(
    files: LaionFiles,
    sessions: Iterable[int] | None = None,
    split: str = "random",
    pool: str = "participant",
    zscore: str = "session",
    rois: Iterable[str] | None = None,
) -> LaionLayout:
    """Read masks, trials and split of a participant.

    Parameters
    ----------
    files : LaionFiles
    sessions, split, pool, zscore, rois
        As for `load_laion`.
    """
    numbers = released_sessions(files, sessions)
    grid = read_grid(files.session(numbers[0]))
    masks = read_masks(files, grid, rois)
    trials = [read_trials(files, number, grid) for number in numbers]
    shown, inside = np.unique(np.concatenate([one.images for one in trials])), np.any(list(masks.values()), axis=0)
    return LaionLayout(grid, masks, Layout(trials, divide_images(files, split, pool, shown), zscore, inside))


def stimulus_ids(names: Iterable[str]) -> np.ndarray:
    """Number pictures by their names: the first 52 bits of the SHA-256, int array of shape (n_names,).

    Rows of the pictures' table would do, but the table comes with the gated pictures. Ascending ids are in no order of
    content, which contiguous folds need.

    >>> stimulus_ids(["shared_4rep_OOD_gabor_1.png"]).tolist()
    [1352669168835439]
    """
    return np.array([int(hashlib.sha256(name.encode()).hexdigest()[:13], 16) for name in names], np.int64)


def released_sessions(files: LaionFiles, wanted: Iterable[int] | None = None) -> tuple[int, ...]:
    """Check the sessions wanted, by default all that are there; returns their numbers in order."""
    return chosen_sessions(files, wanted, LAST_SESSION, "LAION-fMRI has released")


# Volumes


class Grid(NamedTuple):
    """Shape (X, Y, Z) of a participant's volumes, and the affine (4, 4) from voxels to millimetres."""

    shape: tuple[int, ...]
    affine: np.ndarray


def read_grid(path: Path) -> Grid:
    """Read shape and affine from the header of a session's betas."""
    image = open_volume(path)
    require_equal(path, "the number of dimensions of the betas", 4, len(image.shape))
    axes_of(path, image.affine)  # refuses one that is none
    return Grid(image.shape[:3], image.affine)


def read_single_trials(path: Path, grid: Grid, n_trials: int, inside: np.ndarray) -> np.ndarray:
    """Read betas of one session, float32 array of shape (n_trials, n_voxels), in the units of the file.

    Parameters
    ----------
    path : Path
    grid : Grid
    n_trials : int
        Volumes that there must be.
    inside : boolean array of shape (X, Y, Z)
        Voxels to read.
    """
    image = _open_session(path, grid, n_trials)
    return read_file(path, f"betas of {n_trials} trials", lambda _: read_voxels(image, inside))


def check_trials(files: LaionFiles, number: int, grid: Grid) -> int:
    """Check a session's trials against the header of its betas, which are not read; returns the number of trials.

    Parameters
    ----------
    files : LaionFiles
    number : int
    grid : Grid
    """
    n_trials = len(read_trials(files, number, grid).images)
    _open_session(files.session(number), grid, n_trials)
    return n_trials


def _open_session(path: Path, grid: Grid, n_trials: int) -> Any:
    image = open_volume(path)
    require_equal(path, "the shape of the betas", (*grid.shape, n_trials), image.shape)
    check_affine(path, image.affine, grid.affine)
    return image


def read_masks(files: LaionFiles, grid: Grid, rois: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read masks of ROIs, boolean arrays of shape (X, Y, Z), empty where the participant lacks the area.

    Voxels outside the model (R2 of 0 or NaN) are left out. Masks may overlap.

    Parameters
    ----------
    files : LaionFiles
    grid : Grid
    rois : iterable of str, optional
        Some of `MASK_PARTS`; all by default.
    """
    rsquare, wanted = read_volume(files.path("rsquare"), *grid), chosen_rois(rois, MASK_PARTS)
    brain = np.isfinite(rsquare) & (rsquare > 0)
    if not brain.any():
        raise ValueError(f"{files.path('rsquare')}: expected R2 above 0 in the brain, found it nowhere.")
    masks = {roi: brain & _mask(files, grid, MASK_PARTS[roi]) for roi in wanted}
    if not any(mask.any() for mask in masks.values()):
        parts = [part for roi in wanted for part in MASK_PARTS[roi]] or ["no mask: none is published for it"]
        expected = f"voxels in {', '.join(wanted)} ({', '.join(parts)})"
        raise ValueError(f"{files.path('rois')}: expected {expected}, found none.")
    return masks


def _mask(files: LaionFiles, grid: Grid, parts: Sequence[str]) -> np.ndarray:
    """Voxels in any of the parts, which may be missing."""
    mask = np.zeros(grid.shape, bool)
    for part in parts:
        paths = files.masks.get(part, [])
        if len(paths) > 1:
            both = " and ".join(str(path.relative_to(files.path("rois"))) for path in paths)
            raise ValueError(f"{files.path('rois')}: expected one mask of {part}, found {both}: keep the newer one.")
        for path in paths:
            mask |= np.nan_to_num(read_volume(path, *grid)) != 0
    return mask


# Trials


def read_trials(files: LaionFiles, number: int, grid: Grid) -> Session:
    """Read which picture each volume of a session's betas answers to; the betas are not read.

    Parameters
    ----------
    files : LaionFiles
    number : int
    grid : Grid
    """
    path, expected = files.path("trials", session=number), f"a table with columns {', '.join(TRIAL_COLUMNS)}"
    rows = sorted(read_file(path, expected, _trial_rows), key=operator.itemgetter(0))
    if wrong := [f"{index} where {place} should be" for place, (index, _, _) in enumerate(rows) if index != place]:
        raise ValueError(f"{path}: expected beta_index to be 0 to {len(rows) - 1}, each once, found {wrong[0]}.")
    ids, run = stimulus_ids(label for _, _, label in rows), [run for _, run, _ in rows]
    return Session(number, ids, run, partial(read_single_trials, files.session(number), grid, len(rows)))


def _trial_rows(path: Path) -> list[tuple[int, str, str]]:
    rows = [(int(index), run, label.strip()) for run, index, label in read_columns(path, TRIAL_COLUMNS, "\t")]
    if unknown := [index for index, _, label in rows if label in ("", "n/a")]:
        raise ValueError(f"no label in {len(unknown)} trials, the first has beta_index {unknown[0]}")
    return rows


# Training and test images


def divide_images(files: LaionFiles, split: str, pool: str, shown: np.ndarray) -> Split:
    """Divide the images that were shown into training and test images.

    Parameters
    ----------
    files : LaionFiles
    split, pool : str
        As of `load_laion`.
    shown : int array of shape (n_images,), ascending
        Stimulus ids.

    Raises
    ------
    ValueError, OSError
        No such split; it names pictures that do not exist; fewer than two training or test images were shown.
    """
    if split == "random":
        return Split(*random_split(shown), "random")
    folder = files.splits(choose("pool", pool, POOLS))
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected the official splits, found none: clone {REPOSITORY} there.")
    path = folder / f"{choose('split', split, ['random', *sorted(file.stem for file in folder.glob('*.json'))])}.json"
    parts = read_file(path, "a split with train_ids and test_ids", _split_ids)
    _check_names(files, path, parts)
    train, test = (np.intersect1d(stimulus_ids(part), shown) for part in parts)
    if min(len(train), len(test)) < 2:
        found = f"{len(train)} and {len(test)} of {len(parts[0])} and {len(parts[1])}"
        raise ValueError(f"{path}: expected 2 training and 2 test images or more among those shown, found {found}.")
    unseen = len(parts[0]) + len(parts[1]) - len(train) - len(test)
    left_out = f"; {unseen} of its images were not shown in these sessions" if unseen else ""
    unused = len(shown) - len(train) - len(test)
    left_out += f"; {unused} images shown are in neither part" if unused else ""
    return Split(train, test, f"{split} of pool {folder.name} ({_version(folder, path)}){left_out}")


def _split_ids(path: Path) -> tuple[list[str], list[str]]:
    variant = json.loads(path.read_text(encoding="utf-8"))["variants"][0]
    train, test = ([str(name) for name in variant[part]] for part in ("train_ids", "test_ids"))
    if both := sorted(set(train) & set(test)):
        raise ValueError(f"{both[0]} in both parts")
    return train, test


def _check_names(files: LaionFiles, path: Path, parts: Iterable[Sequence[str]]) -> None:
    """Refuse a split that names pictures which the table, where it is there, does not have."""
    table, wanted = files.path("table"), {name for part in parts for name in part}
    if table.exists() and (unknown := sorted(wanted - set(picture_names(table)))):
        found = f"{len(unknown)} that are not there, the first is {unknown[0]}"
        raise ValueError(f"{path}: expected pictures of {table.name}, found {found}: take files of one version.")


def _version(folder: Path, path: Path) -> str:
    """The commit of a clone that holds the splits, and the digest of the file: splits were changed once already."""
    commit, repository = "unknown", folder.parents[3]  # above laion_fmri/splits/data/POOL
    if (repository / ".git").exists():
        with suppress(OSError, subprocess.CalledProcessError):
            asked = ["git", "-C", str(repository), "rev-parse", "HEAD"]
            commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()[:12]
    return f"commit {commit}, SHA-256 {sha256_of_file(path)[:12]}"


# Pictures


def picture_names(table: Path) -> list[str]:
    """Names of all pictures, in the order of the rows of their file."""
    rows = read_file(table, "a table with column image_name", partial(read_columns, columns=["image_name"]))
    return [name for (name,) in rows]


def read_pictures(files: LaionFiles, shown: np.ndarray) -> Stimuli:
    """Check the pictures; they are opened one at a time. Those missing are told by `Stimuli.absent`.

    Parameters
    ----------
    files : LaionFiles
    shown : int array of shape (n_images,)
        Stimulus ids.
    """
    pictures, table = files.path("stimuli"), files.path("table")
    for path in (pictures, table):
        if not path.exists():
            absent = f"{path}: expected the pictures, found no such file; a short form at {FORM} gives access."
            return Stimuli("none", partial(_open_picture, "", {}, absent), absent)
    names = picture_names(table)
    read_file(pictures, "HDF5 dataset images", partial(_check_pictures, n_pictures=len(names)))
    rows = dict(zip(stimulus_ids(names).tolist(), range(len(names)), strict=True))
    missing, absent = [i for i in shown.tolist() if i not in rows], ""
    if missing:
        absent = f"{table}: expected all {len(shown)} pictures shown, found {len(shown) - len(missing)}."
    return Stimuli(stored_key(pictures), partial(_open_picture, str(pictures), rows, absent), absent)


def _check_pictures(path: Path, n_pictures: int) -> None:
    with h5py.File(path) as file:
        require_equal(
            path, "the shape of images, a row for each line of the table", (n_pictures,), file["images"].shape
        )


def _open_picture(path: str, rows: Mapping[int, int], absent: str, stimulus_id: int) -> np.ndarray:
    """One picture, uint8 array of shape (height, width, 3); transparent pixels show mid grey, as in the scanner."""
    if stimulus_id not in rows:
        raise FileNotFoundError(absent)
    row = rows[stimulus_id]
    return read_file(
        Path(path),
        f"a JPEG or PNG file in row {row} of images",
        lambda _: decode_picture(BytesIO(bytes(stored(path, "images", row))), f"{path}, row {row}"),
    )


# The rest of a participant


def _read_rest(files: LaionFiles, grid: Grid, layout: Layout, masks: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """All but responses, by argument of `Participant`."""
    voxels, planted = np.argwhere(layout.inside), planted_in_betas(files.session(layout.sessions[0].number))
    lacking = [roi for roi, mask in masks.items() if not mask.any()]
    return {
        "name": f"{'simulated' if planted else 'LAION-fMRI'} participant {files.subject}",
        "rois": {roi: mask[layout.inside] for roi, mask in masks.items() if mask.any()},
        "noise_ceiling": read_ceiling(files, grid, layout.inside, layout.test_repeats),
        "source": source_of("laion", planted, layout.describe(LAST_SESSION, lacking)),
        "coordinates": nibabel.affines.apply_affine(grid.affine, voxels),
        "space": Space(grid.shape, grid.affine, voxels),
        "stimuli": read_pictures(files, layout.images),
    }


def read_ceiling(files: LaionFiles, grid: Grid, inside: np.ndarray, n_repeats: np.ndarray) -> np.ndarray:
    """Noise ceiling of responses averaged over `n_repeats`, solved from the published one for other numbers of repeats.

    The published map is 100 s / (s + m), where s is the squared ncsnr and m the mean of 1 / n over images.

    Parameters
    ----------
    files : LaionFiles
    grid : Grid
    inside : boolean array of shape (X, Y, Z)
    n_repeats : int array of shape (n_images,)

    Returns
    -------
    array of shape (n_voxels,)
        0 to 1.
    """
    path, share = files.ceiling
    published = read_volume(path, *grid)[inside].astype(float)
    low, high = np.nanmin(published, initial=0), np.nanmax(published, initial=0)
    if not np.isfinite(published).any():
        raise ValueError(f"{path}: expected percent of variance in the areas, found no number in any of their voxels.")
    if low < 0 or high > 100:
        raise ValueError(f"{path}: expected percent of variance, 0 to 100, found {low:g} to {high:g}.")
    fraction = np.nan_to_num(published) / (100 if high > 1 else 1)  # a map of percent that never exceeds 1 is of noise
    with np.errstate(divide="ignore", invalid="ignore"):
        ncsnr = np.sqrt(share * fraction / (1 - fraction))
        return np.where(fraction < 1, ceiling_of(ncsnr, n_repeats), 1.0)


def planted_in_betas(path: Path) -> dict[str, str | None]:
    """Read what was planted from a session's betas: a comment in the header of files that this project wrote."""
    for extension in open_volume(path).header.extensions:
        text = bytes(extension.get_content()).rstrip(b"\0").decode(errors="replace")
        if text.startswith(f"{SIMULATED} "):
            planted = partial(parse_planted, text=text.partition(" ")[2])
            return read_file(path, "a comment on what was planted", planted)
    return {}
