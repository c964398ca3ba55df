"""Whatever is wrong with measured data is said in one sentence: the file, what was expected, what was found.

Every row breaks a good folder in one way. The sentence must come, on one line, and the folder must be left as it was.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from measured import (
    BETAS,
    DESIGN,
    MASKS,
    NCSNR,
    STIMULI,
    TABLE,
    VOLUME,
    TinyGod,
    damage,
    tiny_god,
    write_brick,
    write_design,
    write_god,
    write_nifti,
    write_session,
    write_sform,
    write_tiny_nsd,
)

from lib.__main__ import main
from lib.analysis.loading import load_participant
from lib.data import nsd

Break = Callable[[Path], None]
Row = tuple[Break, dict[str, object], str]
FIRST, SECOND = f"{BETAS}/betas_session01.hdf5", f"{BETAS}/betas_session02.hdf5"
FACES = f"{MASKS}/floc-faces.nii.gz"


def nothing(root: Path) -> None:
    """Leave the folder as it is: the arguments are what is wrong."""


def gone(*files: str) -> Break:
    return lambda root: [(root / file).unlink() for file in files] and None


def text(file: str) -> Break:
    return lambda root: (root / file).write_text("no such thing\n" * 50) and None


def empty(file: str) -> Break:
    return lambda root: (root / file).write_bytes(b"") and None


def half(file: str) -> Break:
    def truncate(root: Path) -> None:
        whole = (root / file).read_bytes()
        (root / file).write_bytes(whole[: len(whole) // 2])

    return truncate


def folder(file: str) -> Break:
    def replace(root: Path) -> None:
        (root / file).unlink()
        (root / file).mkdir()

    return replace


def session(shape: tuple[int, ...] = (750, *VOLUME), dtype: str = "int16", fill: float = 1) -> Break:
    return lambda root: write_session(root, 1, np.full(shape, fill, dtype))


def nifti_session(shape: tuple[int, ...] = (*VOLUME, 750), dtype: str = "int16") -> Break:
    def write(root: Path) -> None:
        (root / FIRST).unlink()
        write_nifti(root / BETAS / "betas_session01.nii.gz", np.zeros(shape, dtype))

    return write


def half_nifti_session(root: Path) -> None:
    (root / FIRST).unlink()
    noise = np.random.default_rng(0).integers(-900, 900, (*VOLUME, 750)).astype(np.int16)
    write_nifti(root / BETAS / "betas_session01.nii.gz", noise)
    half(f"{BETAS}/betas_session01.nii.gz")(root)


def damaged_nifti_session(root: Path) -> None:
    nifti_session()(root)
    damage(root / BETAS / "betas_session01.nii.gz")


def scaled_nifti_session(root: Path) -> None:
    (root / FIRST).unlink()
    image = nibabel.Nifti1Image(np.zeros((*VOLUME, 750), np.int16), np.eye(4))
    image.header.set_slope_inter(1 / 256, 0)
    nibabel.save(image, root / BETAS / "betas_session01.nii.gz")


def renamed(file: str, old: str, new: str) -> Break:
    def move(root: Path) -> None:
        with h5py.File(root / file, "a") as h5:
            h5.move(old, new)

    return move


def volume(file: str, values: np.ndarray) -> Break:
    return lambda root: write_nifti(root / file, values)


def mirrored(file: str) -> Break:
    def turn(root: Path) -> None:
        image = nibabel.load(root / file)
        nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), np.diag([-1, 1, 1, 1])), root / file)

    return turn


def design(**arrays: np.ndarray | None) -> Break:
    return lambda root: write_design(root, **arrays) and None


def table(change: Callable[[list[str]], list[str]]) -> Break:
    def write(root: Path) -> None:
        lines = (root / TABLE).read_text().splitlines()
        (root / TABLE).write_text("\n".join(change(lines)) + "\n")

    return write


def unlabelled() -> np.ndarray:
    return np.zeros(VOLUME, np.int16)


def other_trial(lines: list[str]) -> list[str]:
    """Two images that swap their trials."""
    shown = [i for i, line in enumerate(lines[1:], start=1) if not line.endswith(",0,0,0")][:2]
    a, b = (lines[i].rsplit(",", 3) for i in shown)
    lines[shown[0]], lines[shown[1]] = ",".join([a[0], *b[1:]]), ",".join([b[0], *a[1:]])
    return lines


ORDER = np.arange(30000)[None] % 10000 + 1
SUBJECTS = np.tile(np.arange(1, 10001), (8, 1))
UNSHARED = {"masterordering": ORDER % 9000 + 1001, "subjectim": SUBJECTS}

NSD: dict[str, Row] = {
    "no folder named": (nothing, {"data_root": None}, r"^data_root is missing: name the folder that holds nsddata, "),
    "folder not there": (
        nothing,
        {"data_root": "/nowhere/nsd"},
        r"^/nowhere/nsd: expected the folder .*, found nothing",
    ),
    "root is a file": (nothing, {"data_root": __file__}, r"\.py: expected the folder that holds .*, found a file"),
    "root is empty": (
        lambda root: shutil.rmtree(root / "nsddata_betas"),
        {},
        r"RR: expected the folder .*, found nothing",
    ),
    "participant 9": (nothing, {"subject": 9}, r"NSD has participants 1 to 8, found subject 9"),
    "participant 0": (nothing, {"subject": 0}, r"participants 1 to 8, found subject 0"),
    "participant as text": (nothing, {"subject": "1"}, r"participants 1 to 8, found subject '1'"),
    "participant as float": (nothing, {"subject": 1.0}, r"participants 1 to 8, found subject 1\.0"),
    "participant not here": (nothing, {"subject": 2}, r"subj02/.*_RR: expected the folder .*, found nothing"),
    "unknown ROI": (
        nothing,
        {"rois": ["V1", "FFA1"]},
        r"Unknown ROI 'FFA1'; choose one of V1, V2.*Did you mean 'FFA'\?",
    ),
    "unknown split": (nothing, {"split": "half"}, r"Unknown split 'half'; choose one of random, shared1000"),
    "unknown z-scoring": (nothing, {"zscore": "runs"}, r"Unknown zscore 'runs'; .*Did you mean 'run'\?"),
    "unknown hemispheres": (nothing, {"hemispheres": "left"}, r"Unknown hemispheres 'left'; choose one of joined, sep"),
    "unknown option": (
        nothing,
        {"session": [1]},
        r"Unknown option of dataset nsd 'session'.*Did you mean 'sessions'\?",
    ),
    "session not here": (
        nothing,
        {"sessions": [1, 7]},
        r"session07.hdf5: expected the betas of session 7, found no such",
    ),
    "sessions a number": (nothing, {"sessions": 2}, r"sessions: expected whole numbers such as \[1, 2\], found 2\."),
    "sessions a text": (nothing, {"sessions": "1-2"}, r"sessions: expected whole numbers such as .*, found '1-2'"),
    "sessions as texts": (nothing, {"sessions": ["1"]}, r"sessions: expected whole numbers such as .*, found \['1'\]"),
    "sessions as floats": (nothing, {"sessions": [1.0]}, r"sessions: expected whole numbers .*, found \[1.0\]"),
    "no ROI": (nothing, {"rois": []}, r"rois: expected at least one ROI, found none"),
    "unknown ROI as a text": (nothing, {"rois": "FFA1"}, r"Unknown ROI 'FFA1'"),
    "label resampled": (
        volume(FACES, unlabelled() + np.float32(1.00001)),
        {},
        r"found 1.00001 too: resample to the nearest label, and write -1 outside cortex\.",
    ),
    "mask of two volumes": (volume(FACES, np.zeros((*VOLUME, 2), np.int16)), {}, r"\(5, 6, 7\), found \(5, 6, 7, 2\)"),
    "ncsnr of nothing": (
        volume(NCSNR, np.full(VOLUME, np.nan, np.float32)),
        {},
        r"ncsnr.nii.gz: expected numbers in these voxels, found NaN only",
    ),
    "session nobody had": (nothing, {"sessions": [41]}, r"participant 1 has sessions 1 to 40, not 41"),
    "no session wanted": (nothing, {"sessions": []}, r"_RR: expected betas of at least one session, .*, found none"),
    "no session there": (gone(FIRST, SECOND), {}, r"at least one session"),
    "trial count off": (
        session((749, *VOLUME)),
        {},
        r"shape of the betas to be \(750, 7, 6, 5\), found \(749, 7, 6, 5\)",
    ),
    "axes not swapped": (session((750, 7, 6, 5)), {}, r"01.hdf5: expected .*\(750, 7, 6, 5\), found \(750, 5, 6, 7\)"),
    "betas of floats": (session(dtype="float32"), {}, r"type of the betas to be int16, found float32"),
    "betas under another name": (renamed(FIRST, "betas", "beta"), {}, r"01.hdf5: expected int16 betas .*KeyError"),
    "betas truncated": (half(FIRST), {}, r"01.hdf5: expected int16 betas of 750 trials, found OSError"),
    "betas empty": (empty(FIRST), {}, r"01.hdf5: expected int16 betas of 750 trials, found OSError"),
    "betas a folder": (folder(FIRST), {}, r"01.hdf5: expected int16 betas of 750 trials, found \w+"),
    "NIfTI trial count off": (nifti_session((*VOLUME, 751)), {}, r"nii.gz: .*\(5, 6, 7, 750\), found \(5, 6, 7, 751\)"),
    "NIfTI betas of floats": (nifti_session(dtype="float32"), {}, r"type of the betas to be int16, found float32"),
    "NIfTI betas truncated": (half_nifti_session, {}, r"01.nii.gz: expected int16 betas of 750 trials, found \w+Error"),
    "NIfTI betas damaged": (damaged_nifti_session, {}, r"01.nii.gz: expected int16 betas .*, found .*CRC check failed"),
    "NIfTI betas scaled": (
        scaled_nifti_session,
        {},
        r"01.nii.gz: expected slope and intercept of the betas, .*to be \(1\.0, 0\.0\), found \(0\.00390625, 0\.0\)",
    ),
    "mask gone": (
        gone(FACES, f"{MASKS}/lh.floc-faces.nii.gz"),
        {},
        r"floc-faces.nii.gz: expected a NIfTI .*no such file",
    ),
    "hemisphere gone": (
        gone(f"{MASKS}/rh.floc-faces.nii.gz"),
        {"hemispheres": "separate"},
        r"rh.floc-faces.nii.gz: expected a NIfTI volume of shape \(5, 6, 7\), found no such file",
    ),
    "mask of another participant": (
        volume(FACES, np.zeros((5, 6, 8), np.int16)),
        {},
        r"floc-faces.nii.gz: expected the shape of the volume to be \(5, 6, 7\), found \(5, 6, 8\)",
    ),
    "unknown label": (
        volume(FACES, unlabelled() + 6),
        {},
        r"expected labels -1, 0 and 1 \(OFA\), 2 \(FFA-1\), .*5 \(aTL-faces\), found 6 too",
    ),
    "label between": (volume(FACES, unlabelled() + np.float32(1.5)), {}, r"found 1.5 too"),
    "label not a number": (volume(FACES, unlabelled() + np.float32(np.nan)), {}, r"found nan too"),
    "mask no NIfTI": (text(FACES), {}, r"floc-faces.nii.gz: expected a NIfTI volume of shape \(5, 6, 7\), found \w+"),
    "mask truncated": (half(FACES), {}, r"floc-faces.nii.gz: expected a NIfTI volume of shape \(5, 6, 7\), found \w+"),
    "no voxel in the ROI": (
        volume(FACES, unlabelled()),
        {"rois": ["aTLfaces", "OFA"]},
        r"roi: expected voxels in aTLfaces, OFA, found none",
    ),
    "ncsnr gone": (gone(NCSNR), {}, r"ncsnr.nii.gz: expected a NIfTI volume of shape \(5, 6, 7\), found no such file"),
    "ncsnr of another volume": (volume(NCSNR, np.zeros((5, 6, 6), np.float32)), {}, r"\(5, 6, 7\), found \(5, 6, 6\)"),
    "design gone": (gone(DESIGN), {}, r"expdesign.mat: expected a MATLAB file with masterordering, .*no such file"),
    "design no MATLAB file": (text(DESIGN), {}, r"expdesign.mat: expected a MATLAB file with .*, found \w+"),
    "design empty": (empty(DESIGN), {}, r"expdesign.mat: expected a MATLAB file with .*, found \w+"),
    "design without a variable": (design(sharedix=None), {}, r"found KeyError: 'no variable sharedix'"),
    "design of other length": (
        design(masterordering=ORDER[:, 1:]),
        {},
        r"shape of masterordering to be \(1, 30000\), found \(1, 29999\)",
    ),
    "design of seven": (design(subjectim=SUBJECTS[1:]), {}, r"subjectim to be \(8, 10000\), found \(7, 10000\)"),
    "design from 0": (design(masterordering=ORDER - 1), {}, r"masterordering from 1 to 10000, found 0 to 9999"),
    "design beyond the images": (
        design(subjectim=SUBJECTS + 72000),
        {},
        r"subjectim from 1 to 73000, found .* to 82000",
    ),
    "mask mirrored": (mirrored(FACES), {}, r"floc-faces.nii.gz: expected axes RAS as in ncsnr.nii.gz, found LAS; res"),
    "mask without an affine": (
        lambda root: write_sform(root / FACES, 0),
        {},
        r"floc-faces.nii.gz: expected an affine from voxels to millimetres, found \[\[0.0, .*: correct its sform\.",
    ),
    "mask with an affine of NaN": (
        lambda root: write_sform(root / FACES, np.nan),
        {},
        r"floc-faces.nii.gz: expected an affine from voxels to millimetres, found \[\[nan, ",
    ),
    "ratios below 0": (
        volume(NCSNR, np.full(VOLUME, -0.5, np.float32)),
        {},
        r"ncsnr.nii.gz: expected ratios of 0 or more, found -0\.5",
    ),
    "no shared image shown": (
        lambda root: (design(**UNSHARED, sharedix=np.arange(72001, 73001)[None])(root), gone(TABLE)(root)) and None,
        {"split": "shared1000"},
        r"expected images of both kinds for split 'shared1000', found 0 shared and 1500 other",
    ),
    "table without a column": (
        table(lambda lines: [lines[0].replace("subject1_rep1", "rep1"), *lines[1:]]),
        {},
        r"merged.csv: expected a table with columns nsdId, .*, found KeyError: 'no column subject1_rep1'",
    ),
    "table cut short": (table(lambda lines: lines[:100]), {}, r"number of rows to be 73000, found 99"),
    "table cut within a row": (
        table(lambda lines: [*lines[:-1], lines[-1][:4]]),
        {},
        r"merged.csv: .*found IndexError",
    ),
    "table not of numbers": (
        table(lambda lines: [*lines[:-1], lines[-1] + "x"]),
        {},
        r"merged.csv: .*found ValueError",
    ),
    "table empty": (empty(TABLE), {}, r"merged.csv: .*found KeyError: 'no column nsdId"),
    "table disagrees": (
        table(other_trial),
        {},
        r"expected trial \d+ of participant 1 to show image \d+ as in nsd_expd",
    ),
    "images gone": (gone(STIMULI), {}, r"nsd_stimuli.hdf5: expected HDF5 dataset imgBrick .*found no such file"),
    "images no HDF5": (text(STIMULI), {}, r"nsd_stimuli.hdf5: expected HDF5 dataset imgBrick .*, found OSError"),
    "images under another name": (renamed(STIMULI, "imgBrick", "images"), {}, r"imgBrick .*, found KeyError"),
    "too few images": (
        lambda root: write_brick(root / STIMULI, (1000, 425, 425, 3)),
        {},
        r"imgBrick to be \(73000, 425, 425, 3\), found \(1000, 425, 425, 3\)",
    ),
    "images of floats": (
        lambda root: write_brick(root / STIMULI, dtype="float32"),
        {},
        r"type of imgBrick to be uint8, found float32",
    ),
}


@pytest.fixture(scope="module")
def good_nsd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_nsd(tmp_path_factory.mktemp("good")).root


def contents(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def refused(sentence: str, dataset: str, root: Path, options: dict[str, object]) -> None:
    before = contents(root)
    with pytest.raises((ValueError, OSError), match=sentence) as error:
        load_participant(dataset, **({"subject": 1, "data_root": root} | options))
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
    assert contents(root) == before


@pytest.mark.parametrize("case", NSD)
def test_nsd(case: str, good_nsd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    spoil, options, sentence = NSD[case]
    root = Path(shutil.copytree(good_nsd, tmp_path / "nsd"))
    spoil(root)
    refused(sentence, "nsd", root, options)


@pytest.mark.parametrize("file", [FIRST, FACES, NCSNR, DESIGN, TABLE, STIMULI])
def test_no_permission(file: str, good_nsd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != Path(file).name and may(path, mode))
    with pytest.raises(PermissionError, match=f"{Path(file).name}: expected .*, found no permission to read it"):
        load_participant("nsd", 1, good_nsd)


def test_session_without_any_data_is_nan(good_nsd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    root = Path(shutil.copytree(good_nsd, tmp_path / "nsd"))
    session(fill=0)(root)
    assert np.isnan(load_participant("nsd", 1, root).train.responses).any(0).all()


def rewritten(change: Callable[[TinyGod], None], **spelling: str) -> Break:
    def write(root: Path) -> None:
        god = tiny_god(root)
        change(god)
        write_god(god, **spelling)

    return write


def without(key: str) -> Break:
    return rewritten(lambda god: god.marks.__delitem__(key))


def relabel(row: int, column: int, value: float) -> Break:
    def change(god: TinyGod) -> None:
        god.dataset[row, column] = value

    return rewritten(change)


def no_voxels(god: TinyGod) -> None:
    god.marks["ROI_FFA"][:12] = 0


def extra_column(god: TinyGod) -> None:
    god.dataset = np.column_stack([god.dataset, god.dataset[:, 0]])


def single_precision(god: TinyGod) -> None:
    god.dataset = god.dataset.astype(np.float32)


def two_label_columns(god: TinyGod) -> None:
    god.marks["DataType"][14] = 1


SUBJECT = "Subject1.h5"
GOD: dict[str, Row] = {
    "no folder named": (nothing, {"data_root": None}, r"^data_root is missing: name the folder that holds Subject1.h5"),
    "participant 6": (nothing, {"subject": 6}, r"GOD has participants 1 to 5, found subject 6"),
    "participant as float": (nothing, {"subject": 1.0}, r"participants 1 to 5, found subject 1\.0"),
    "participant not here": (nothing, {"subject": 2}, r"Subject2.h5: expected BData .*, found no such file"),
    "unknown ROI": (nothing, {"rois": ["LO"]}, r"Unknown ROI 'LO'; .*Did you mean 'LOC'\?"),
    "no HDF5": (text(SUBJECT), {}, r"Subject1.h5: expected BData with dataset and metadata/key, value, found OSError"),
    "truncated": (half(SUBJECT), {}, r"Subject1.h5: expected BData .*, found OSError"),
    "no table": (renamed(SUBJECT, "dataset", "data"), {}, r"Subject1.h5: expected BData .*, found KeyError"),
    "no metadata": (renamed(SUBJECT, "metadata/value", "value"), {}, r"Subject1.h5: expected BData .*, found KeyError"),
    "ROI key gone": (without("ROI_HVC"), {}, r"expected a metadata key ROI_HVC, found VoxelData, "),
    "label gone": (without("stimulus_id"), {}, r"expected a metadata key stimulus_id, found "),
    "kind gone": (without("DataType"), {}, r"expected a metadata key DataType, found "),
    "two columns of a label": (rewritten(two_label_columns), {}, r"number of columns of DataType to be 1, found 2"),
    "metadata do not fit": (
        rewritten(extra_column),
        {},
        r"shape of metadata/value \(keys, columns\) to be \(17, 16\), found \(17, 15\)",
    ),
    "one dimension": (
        rewritten(lambda god: setattr(god, "dataset", god.dataset[0])),
        {},
        r"Subject1.h5: expected the shape of metadata/value \(keys, columns\) to be \(17,\), found \(17, 15\)",
    ),
    "three dimensions": (
        rewritten(lambda god: setattr(god, "dataset", god.dataset[None])),
        {},
        r"Subject1.h5: expected the shape of metadata/value \(keys, columns\) to be \(17, 70, 15\), found \(17, 15\)",
    ),
    "single precision": (rewritten(single_precision), {}, r"type of the dataset to be float64, found float32"),
    "no voxels": (rewritten(no_voxels), {"rois": ["FFA"]}, r"expected voxels in FFA, found none"),
    "test trial gone": (
        relabel(40, 12, 3),
        {},
        r"every test image equally often, at least twice, found \[3, 4\] times",
    ),
    "training image twice": (
        rewritten(lambda god: god.dataset.__setitem__((0, 13), god.dataset[1, 13])),
        {},
        r"training images shown more than once to be 0, found 1",
    ),
    "test image in training": (
        relabel(0, 13, 1443537.022563),
        {},
        r"images in both training and test to be 0, found 1",
    ),
    "no ROI": (nothing, {"rois": []}, r"rois: expected at least one ROI, found none"),
    "one test image": (
        rewritten(
            lambda god: (
                god.dataset.__setitem__((slice(44, 60), 12), 3.0)
                or god.dataset.__setitem__((slice(40, 44), 13), 1443537.022563)
            )
        ),
        {},
        r"expected training and test trials, found 40 and 4, of 1 test images: at least 2 images are needed of each",
    ),
    "ids in single precision": (
        rewritten(lambda god: god.dataset.__setitem__((slice(None), 13), god.dataset[:, 13].astype(np.float32))),
        {},
        r"expected stimulus ids such as 1518878.005958, found ids such as \d+\.\d+: they were rounded to single prec",
    ),
    "table turned": (
        rewritten(lambda god: setattr(god, "dataset", god.dataset.T)),
        {},
        r"shape of metadata/value \(keys, columns\) to be \(17, 70\), found \(17, 15\)",
    ),
    "all imagery": (
        rewritten(lambda god: god.dataset.__setitem__((slice(None), 12), 3.0)),
        {},
        r"expected training and test trials, found 0 and 0",
    ),
    "a trial without an image": (relabel(5, 13, np.nan), {}, r"number of rows without stimulus_id to be 0, found 1"),
    "no test trials": (
        rewritten(lambda god: god.dataset.__setitem__((slice(40, 60), 12), 3.0)),
        {},
        r"expected training and test trials, found 40 and 0",
    ),
}


@pytest.mark.parametrize("case", GOD)
def test_god(case: str, tmp_path: Path) -> None:
    spoil, options, sentence = GOD[case]
    write_god(tiny_god(tmp_path))
    spoil(tmp_path)
    refused(sentence, "god", tmp_path, options)


ATTRIBUTES = {
    "no JSON": ("world noise", r"found JSONDecodeError"),
    "a list": ('["noise"]', r"its attribute 'simulated' to be JSON with a description and a world, each a line"),
    "no description": ('{"world": "noise"}', "its attribute 'simulated' to be JSON"),
    "nothing": ("{}", "its attribute 'simulated' to be JSON"),
    "a number": ('{"description": 3}', "its attribute 'simulated' to be JSON"),
    "two lines": ('{"description": "a\\nb"}', "each a line of at most 500 characters"),
    "control characters": ('{"description": "a\\u001b[31mb"}', "each a line of at most 500 characters"),
    "endless": (json.dumps({"description": "a" * 501}), "each a line of at most 500 characters"),
    "world a table": ('{"description": "a", "world": {"a": 1}}', "its attribute 'simulated' to be JSON"),
    "no text": (7, "found TypeError"),
}


@pytest.mark.parametrize("dataset", ["nsd", "god"])
@pytest.mark.parametrize("case", ATTRIBUTES)
def test_what_a_file_says_of_itself_is_checked(
    case: str, dataset: str, good_nsd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    attribute, sentence = ATTRIBUTES[case]
    root, file = tmp_path / dataset, {"nsd": STIMULI, "god": SUBJECT}[dataset]
    shutil.copytree(good_nsd, root) if dataset == "nsd" else write_god(tiny_god(root))
    with h5py.File(root / file, "a") as h5:
        h5.attrs["simulated"] = attribute
    refused(f"{Path(file).name}: expected .*{sentence}", dataset, root, {})


@pytest.mark.parametrize("dataset", ["nsd", "god"])
def test_what_a_file_says_of_itself_reaches_nothing_but_the_source(
    dataset: str, good_nsd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that nobody asked for are dropped; the words are those of the file, to be escaped where they are shown."""
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    root, file = tmp_path / dataset, {"nsd": STIMULI, "god": SUBJECT}[dataset]
    shutil.copytree(good_nsd, root) if dataset == "nsd" else write_god(tiny_god(root))
    with h5py.File(root / file, "a") as h5:
        h5.attrs["simulated"] = json.dumps({"description": "<b>x</b>", "licence": "<script>"})
    source = load_participant(dataset, 1, root).source
    assert source.simulated and source.world is None and "<b>x</b>" in source.description
    assert "<script>" not in repr(source)


SIMULATED: dict[str, tuple[dict[str, object], str]] = {
    "unknown data set": ({"dataset": "NSD"}, r"Unknown dataset 'NSD'; choose one of simulated, nsd, god, laion"),
    "unknown world": ({"world": "flatt"}, r"Unknown world 'flatt'; .*Did you mean 'flat'\?"),
    "unknown layout": ({"layout": "bold"}, r"Unknown layout 'bold'; choose one of nsd, god\."),
    "unknown world of GOD": ({"layout": "god", "world": "flat"}, r"Unknown world of GOD 'flat'; choose one of as-publ"),
    "participant of GOD": ({"layout": "god", "subject": 6}, r"GOD has participants 1 to 5 and seeds from 0, found 6"),
    "negative seed": ({"seed": -1}, r"seed at least 0, found 1 and -1"),
    "option of another": ({"sessions": [1]}, r"Unknown option of dataset simulated 'sessions'; choose one of layout\."),
}


@pytest.mark.parametrize("case", SIMULATED)
def test_simulated(case: str) -> None:
    arguments, sentence = SIMULATED[case]
    with pytest.raises(ValueError, match=sentence):
        load_participant(**arguments)


WRITING: dict[str, tuple[list[str], str]] = {
    "unknown layout": (["--layout", "bold"], r"Unknown layout 'bold'; choose one of nsd, god, laion"),
    "sessions not filled": (["--layout", "nsd", "--images", "300"], r"must be a multiple of 250, .*; found 300"),
    "too many images": (["--layout", "nsd", "--images", "10250"], r"at most 10000, .*; found 10250"),
    "participant 9": (["--layout", "nsd", "--subject", "9"], r"NSD has participants 1 to 8, found subject 9"),
    "two participants of NSD": (["--layout", "nsd", "--subject", "1", "2"], r"holds one participant, found \[1, 2\]"),
    "participant 6 of GOD": (["--layout", "god", "--subject", "6"], r"GOD has participants 1 to 5"),
    "unknown world": (["--layout", "god", "--world", "flat"], r"Unknown world of GOD 'flat'"),
}


@pytest.mark.parametrize("case", WRITING)
def test_simulate(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, sentence = WRITING[case]
    assert main(["simulate", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(sentence, error), error
    assert list(tmp_path.iterdir()) == []
