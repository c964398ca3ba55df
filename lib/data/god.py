"""Generic Object Decoding (Horikawa & Kamitani 2017) as published on figshare, for all five participants.

The files are BData of KamitaniLab's bdpy: a table of samples by columns, and for each key a row that says which columns
it marks. Voxels and labels are columns alike.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lib.core.disk import digest_of, stamp
from lib.core.validation import matrix
from lib.data.areas import chosen_rois
from lib.data.features import ImageFeatures
from lib.data.files import read_file, read_planted, require_equal, require_folder
from lib.data.layouts import Files, source_of
from lib.data.participant import Participant, Responses, Stimuli
from lib.data.pictures import open_picture
from lib.data.trials import average_repeats, ceiling_of, ncsnr_of_repeats

N_SUBJECTS = 5
PUBLISHED_ROIS = ("V1", "V2", "V3", "V4", "LOC", "FFA", "PPA", "LVC", "HVC", "VC")
TRAINING, TEST, IMAGERY = 1, 2, 3  # values of DataType
IMAGE_LABELS = ("stimulus_id", "Label")  # newer and older files
COORDINATES = ("voxel_x", "voxel_y", "voxel_z")
CNN_LAYERS = tuple(f"cnn{i}" for i in range(1, 9))
PER_CATEGORY = 1_000_000  # image numbers have up to six digits: 1518878.005958 is image 5958 of category 1518878
SUFFIXES = (".jpeg", ".jpg", ".png")


@dataclass(frozen=True)
class BData:
    """A table and the meaning of its columns.

    Attributes
    ----------
    path : Path
    dataset : float64 array of shape (n_samples, n_columns)
    marks : mapping of key to array of shape (n_columns,)
        Most keys mark columns by 1; some, such as voxel_x, give them a value. NaN where not set.
    planted : mapping
        As of `lib.data.files.read_planted`: empty for measured data.
    """

    path: Path
    dataset: np.ndarray
    marks: Mapping[str, np.ndarray]
    planted: Mapping[str, str | None]

    def key(self, name: str) -> np.ndarray:
        """Row of the metadata, shape (n_columns,)."""
        if name not in self.marks:
            raise ValueError(f"{self.path}: expected a metadata key {name}, found {', '.join(self.marks)}.")
        return self.marks[name]

    def select(self, name: str) -> np.ndarray:
        """Columns that a key marks by 1, array of shape (n_samples, n_selected)."""
        return self.dataset[:, self.key(name) == 1]

    def label(self, *names: str) -> np.ndarray:
        """The one column, shape (n_samples,), of the first of these keys that is there."""
        name = next((name for name in names if name in self.marks), names[0])
        columns = self.select(name)
        require_equal(self.path, f"the number of columns of {name}", 1, columns.shape[1])
        return columns[:, 0]

    def images(self, rows: np.ndarray, *names: str) -> np.ndarray:
        """Stimulus ids of some rows, shape (n_rows,), from the first of these labels that is there."""
        labels = self.label(*names)[rows]
        require_equal(self.path, f"the number of rows without {names[0]}", 0, int((~np.isfinite(labels)).sum()))
        return image_ids(labels)


def read_bdata(path: Path) -> BData:
    """Read a BData file, in its newer (`dataset`, `metadata`) or older (`dataSet`, `metaData`) spelling.

    Raises
    ------
    ValueError, OSError
        In one sentence: the file, what was expected and what was found.
    """
    return read_file(path, "BData with dataset and metadata/key, value", _bdata)


def _bdata(path: Path) -> BData:
    with h5py.File(path) as file:
        table, metadata = (file[_spelled(file, name)] for name in ("dataset", "metadata"))
        if table.dtype.newbyteorder("=") != np.float64:  # fewer digits would not hold 1518878.005958
            raise ValueError(f"{path}: expected the type of the dataset to be float64, found {table.dtype}.")
        keys = [key.decode() if isinstance(key, bytes) else str(key) for key in metadata["key"][()]]
        values = metadata["value"][()].astype(float)
        require_equal(path, "the shape of metadata/value (keys, columns)", (len(keys), *table.shape[1:]), values.shape)
        marks, native = dict(zip(keys, values, strict=True)), table[()].astype(float, copy=False)
        return BData(path, native, marks, read_planted(path, file))


def _spelled(file: h5py.File, name: str) -> str:
    older = {"dataset": "dataSet", "metadata": "metaData"}[name]
    return older if older in file else name


def image_ids(labels: np.ndarray) -> np.ndarray:
    """Convert ids such as 1518878.005958 to whole numbers, which can be compared.

    Returns
    -------
    int64 array
        Category times 1,000,000 plus image number.
    """
    return np.rint(np.asarray(labels, np.float64) * PER_CATEGORY).astype(np.int64)


def image_name(image_id: int) -> str:
    """Name of an image's file without its suffix: 1518878005958 is n01518878_5958."""
    category, number = divmod(int(image_id), PER_CATEGORY)
    return f"n{category:08d}_{number}"


class GodFiles(Files):
    """GOD's files of one participant."""

    dataset = "god"


def god_files(subject: int, data_root: str | os.PathLike | None) -> GodFiles:
    """Check the participant's number and the folder; nothing is read."""
    if subject not in range(1, N_SUBJECTS + 1) or isinstance(subject, float):
        raise ValueError(f"GOD has participants 1 to {N_SUBJECTS}, found subject {subject!r}.")
    return GodFiles(require_folder(data_root, "Subject1.h5 and so on"), subject)


def god_subjects(data_root: str | os.PathLike | None) -> list[int]:
    """Numbers of the participants whose files are in the folder; 1 if there is none, so that reading it tells why."""
    numbers = range(1, N_SUBJECTS + 1)
    return [number for number in numbers if god_files(number, data_root).path("responses").exists()] or [1]


def load_god(
    *,
    subject: int = 1,
    data_root: str | os.PathLike | None = None,
    rois: Iterable[str] | None = None,
    images: str | os.PathLike | None = None,
) -> Participant:
    """Read one participant of GOD.

    Parameters
    ----------
    subject : int
        1 to 5.
    data_root : path
        The folder that holds Subject1.h5 and so on.
    rois : iterable of str, optional
        Some of `PUBLISHED_ROIS`; all by default. LVC, HVC and VC overlap with the others.
    images : path, optional
        Folder of the photographs, with names such as n01518878_5958.JPEG; by default `images` below `data_root`.
        Without it everything but the pictures is there.

    Returns
    -------
    Participant
        Responses as they stand in the file: `train` holds single trials in their order, `test` averages
        `test_trials`. Stimulus ids are those of `image_ids`.

    Raises
    ------
    ValueError, OSError
        In one sentence: the file, what was expected and what was found.
    """
    files = god_files(subject, data_root)
    wanted = chosen_rois(rois, PUBLISHED_ROIS)
    data = read_bdata(files.path("responses"))
    masks = {roi: data.key(f"ROI_{roi}") == 1 for roi in wanted}
    inside = np.any(list(masks.values()), axis=0) & (data.key("VoxelData") == 1)
    if not inside.any():
        raise ValueError(f"{files.path('responses')}: expected voxels in {', '.join(wanted)}, found none.")
    parts = {kind: _trials(data, kind, inside) for kind in (TRAINING, TEST, IMAGERY)}
    _check_trials(files.path("responses"), parts[TRAINING], parts[TEST])
    shown = np.union1d(parts[TRAINING].stimulus_ids, parts[TEST].stimulus_ids)
    return make_participant(
        name=f"{'simulated' if data.planted else 'GOD'} participant {subject}",
        train=parts[TRAINING],
        test_trials=parts[TEST],
        imagery=parts[IMAGERY],
        rois={roi: mask[inside] for roi, mask in masks.items()},
        coordinates=np.column_stack([data.key(axis)[inside] for axis in COORDINATES]),
        stimuli=find_images(Path(images or files.path("images")).expanduser(), shown),
        source=source_of("god", data.planted),
    )


def make_participant(test_trials: Responses, **rest: Any) -> Participant:
    """Average the test trials of each image, and estimate the noise ceiling from them: GOD publishes none.

    Parameters
    ----------
    test_trials : Responses
        Every test image was shown equally often.
    **rest
        All else that a `Participant` has.
    """
    test = average_repeats(test_trials.responses, test_trials.stimulus_ids, np.unique(test_trials.stimulus_ids))
    ceiling = ceiling_of(ncsnr_of_repeats(test_trials), test.n_repeats)
    return Participant(noise_ceiling=ceiling, test=test, test_trials=test_trials, **rest)


def _trials(data: BData, kind: int, inside: np.ndarray) -> Responses:
    rows = data.label("DataType") == kind
    ids = data.images(rows, *IMAGE_LABELS)
    return Responses(ids, data.dataset[np.ix_(rows, inside)], np.ones(len(ids), int))


def _check_trials(path: Path, train: Responses, test: Responses) -> None:
    """Every training image once, every test image equally often and never in training."""
    ids, counts = np.unique(test.stimulus_ids, return_counts=True)
    if len(train) < 2 or len(ids) < 2:
        found = f"found {len(train)} and {len(test)}, of {len(ids)} test images"
        raise ValueError(f"{path}: expected training and test trials, {found}: at least 2 images are needed of each.")
    if not (np.r_[train.stimulus_ids, ids] % (PER_CATEGORY // 8)).any():  # of such numbers, float32 holds eighths
        found = f"{train.stimulus_ids[0] / PER_CATEGORY}: they were rounded to single precision"
        raise ValueError(f"{path}: expected stimulus ids such as 1518878.005958, found ids such as {found}.")
    twice = len(train) - len(np.unique(train.stimulus_ids))
    require_equal(path, "the number of training images shown more than once", 0, twice)
    repeats = np.unique(counts).tolist()
    if len(repeats) > 1 or repeats[0] < 2:
        raise ValueError(f"{path}: expected every test image equally often, at least twice, found {repeats} times.")
    both = len(np.intersect1d(train.stimulus_ids, ids))
    require_equal(path, "the number of images in both training and test", 0, both)


# Photographs


def find_images(folder: Path, wanted: np.ndarray) -> Stimuli:
    """Find photographs by their names in `folder` or any folder below it; `absent` tells which are missing.

    Parameters
    ----------
    wanted : int array of shape (n_images,)
        Stimulus ids as in `image_ids`.
    """
    there = image_files(folder)
    paths = {i: there[image_name(i)] for i in wanted.tolist() if image_name(i) in there}
    missing = next((image_name(i) for i in wanted.tolist() if i not in paths), "")
    absent = f"{folder}: expected {len(wanted)} images, found {len(paths)}; {missing}.JPEG is missing."
    key = digest_of([(str(path), *stamp(path)) for path in paths.values()])
    return Stimuli(f"{folder}:{key[:16]}", partial(_open_photograph, folder, paths), absent if missing else "")


def image_files(folder: Path) -> dict[str, Path]:
    """Image files in a folder and below by their names without suffix; none where there is no folder."""
    there = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return {path.stem: path for path in there if os.path.isfile(path)}  # not a link to nothing


def _open_photograph(folder: Path, paths: Mapping[int, Path], image_id: int) -> np.ndarray:
    if image_id not in paths:
        raise FileNotFoundError(f"{folder}: expected {image_name(image_id)}.JPEG there or below, found no such image.")
    return open_picture(paths[image_id])


# Published features


def read_image_features(path: Path, layers: Sequence[str] = CNN_LAYERS) -> ImageFeatures:
    """Read ImageFeatures.h5: training and test images; the means over categories in it are left out."""
    data = read_bdata(path)
    single = np.isin(data.label("FeatureType"), (TRAINING, TEST))
    units = {layer: matrix(f"{path}: {layer}", data.select(layer)[single]) for layer in layers}
    return ImageFeatures(data.images(single, "ImageID"), units)
