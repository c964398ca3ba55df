"""The NSD reader against plain arithmetic on a folder written by hand, for every way the files may be stored."""

import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from measured import (
    BETAS,
    MASKS,
    STIMULI,
    VOLUME,
    TinyNsd,
    write_brick,
    write_nifti,
    write_session,
    write_tiny_nsd,
)

from lib.analysis.loading import load_participant
from lib.data import nsd
from lib.data.nsd import load_nsd
from lib.data.trials import RUN_LENGTHS

PARTS = {"V1": (1, 2), "V2": (3, 4), "V3": (5, 6), "V4": (7,)}
PARTS |= {"OPA": (1,), "PPA": (2,), "RSC": (3,), "FFA": (2, 3), "OFA": (1,), "aTLfaces": (5,)}
FILE = {roi: name for name, rois in {"prf-visualrois": ("V1", "V2", "V3", "V4"), "floc-places": ("OPA", "PPA", "RSC"),
        "floc-faces": ("FFA", "OFA", "aTLfaces")}.items() for roi in rois}  # fmt: skip


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyNsd:
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    return write_tiny_nsd(tmp_path / "nsd", table=False)


def expected_mask(tiny: TinyNsd, roi: str) -> np.ndarray:
    return np.isin(tiny.labels[FILE[roi]], PARTS[roi])


def expected_mean(tiny: TinyNsd, image: int, voxel: tuple[int, ...], spans: list[tuple[int, int, int]]) -> float:
    """z-scored within (session, first trial, last trial), averaged over the trials that show the image."""
    values = []
    for session, start, stop in spans:
        beta = tiny.betas[session][(slice(start, stop), *voxel)] / 300
        shown = tiny.image[session * 750 + start : session * 750 + stop] == image
        values += list(((beta - beta.mean()) / beta.std())[shown])
    return float(np.mean(values))


RUNS = np.cumsum([0, *RUN_LENGTHS])
SPANS = {
    "session": [(session, 0, 750) for session in (0, 1)],
    "run": [(session, RUNS[i], RUNS[i + 1]) for session in (0, 1) for i in range(12)],
}


@pytest.mark.parametrize("zscore", ["session", "run"])
@pytest.mark.parametrize("storage", ["contiguous", "by trial", "by ten trials", "by voxel", "in boxes", "nifti"])
def test_responses_are_those_of_plain_arithmetic(tiny: TinyNsd, storage: str, zscore: str) -> None:
    chunks = {
        "by trial": (1, 7, 6, 5),
        "by ten trials": (10, 3, 3, 3),
        "by voxel": (750, 1, 1, 1),
        "in boxes": (750, 4, 4, 4),
    }
    for number, betas in enumerate(tiny.betas, start=1):
        write_session(tiny.root, number, betas, chunks.get(storage))
        if storage == "nifti":
            (tiny.root / BETAS / f"betas_session{number:02d}.hdf5").unlink()
            write_nifti(tiny.root / BETAS / f"betas_session{number:02d}.nii.gz", np.moveaxis(betas, 0, -1))
    participant = load_nsd(data_root=tiny.root, zscore=zscore)
    inside = np.any([expected_mask(tiny, roi) for roi in PARTS], axis=0)
    voxels = list(zip(*np.nonzero(inside), strict=True))
    assert participant.n_voxels == len(voxels) and participant.train.responses.dtype == np.float32
    for part in (participant.train, participant.test):
        for row, v in ((0, 0), (3, 17), (-1, -1)):
            image = part.stimulus_ids[row]
            wanted = expected_mean(tiny, image, voxels[v], SPANS[zscore])
            assert part.responses[row, v] == pytest.approx(wanted, abs=2e-6)
            assert part.n_repeats[row] == 3


def test_rois_have_the_papers_names_and_may_overlap(tiny: TinyNsd) -> None:
    participant = load_nsd(data_root=tiny.root)
    inside = np.any([expected_mask(tiny, roi) for roi in PARTS], axis=0)
    assert set(participant.rois) == set(PARTS)
    for roi, mask in participant.rois.items():
        np.testing.assert_array_equal(mask, expected_mask(tiny, roi)[inside])
    assert (participant.rois["PPA"] & participant.rois["FFA"]).any()


def test_only_the_rois_asked_for(tiny: TinyNsd) -> None:
    participant = load_participant("nsd", 1, tiny.root, rois=["FFA", "V1"], sessions=[2])
    assert list(participant.rois) == ["FFA", "V1"]
    assert participant.n_voxels == (expected_mask(tiny, "FFA") | expected_mask(tiny, "V1")).sum()
    shown = np.unique(tiny.image[750:1500])
    np.testing.assert_array_equal(np.union1d(participant.train.stimulus_ids, participant.test.stimulus_ids), shown)


def test_hemispheres(tiny: TinyNsd) -> None:
    whole = load_nsd(data_root=tiny.root, rois=["V4"])
    halves = load_nsd(data_root=tiny.root, rois=["V4"], hemispheres="separate")
    np.testing.assert_array_equal(halves.rois["lh.V4"] | halves.rois["rh.V4"], whole.rois["V4"])
    assert not (halves.rois["lh.V4"] & halves.rois["rh.V4"]).any() and halves.rois["lh.V4"].any()
    (tiny.root / MASKS / "prf-visualrois.nii.gz").unlink()
    joined = load_nsd(data_root=tiny.root, rois=["V4"])
    np.testing.assert_array_equal(joined.train.responses, whole.train.responses)


def test_a_single_roi_may_be_named_without_a_list(tiny: TinyNsd) -> None:
    assert list(load_nsd(data_root=tiny.root, rois="PPA").rois) == ["PPA"]


@pytest.mark.parametrize("form", ["one volume of four axes", "float64", "unpacked", "big-endian"])
def test_masks_and_ncsnr_of_other_forms(tiny: TinyNsd, form: str) -> None:
    whole = load_nsd(data_root=tiny.root)
    change = {
        "one volume of four axes": lambda values: values[..., None],
        "float64": lambda values: values.astype(np.float64),
        "big-endian": lambda values: values.astype(values.dtype.newbyteorder(">")),
        "unpacked": lambda values: values,
    }[form]
    suffix = ".nii" if form == "unpacked" else ".nii.gz"
    for path, values in [*((f"{MASKS}/{name}", v) for name, v in tiny.labels.items()), (f"{BETAS}/ncsnr", tiny.ncsnr)]:
        (tiny.root / f"{path}.nii.gz").unlink()
        write_nifti(tiny.root / f"{path}{suffix}", change(values))
    again = load_nsd(data_root=tiny.root)
    np.testing.assert_array_equal(again.noise_ceiling, whole.noise_ceiling)
    np.testing.assert_array_equal(again.train.responses, whole.train.responses)
    assert all((again.rois[roi] == mask).all() for roi, mask in whole.rois.items())


@pytest.mark.parametrize("channels", [(), (1,), (4,)])
def test_images_in_grey_or_with_alpha(tiny: TinyNsd, channels: tuple[int, ...]) -> None:
    """Image 7 is filled with 7; where that is alpha too, the mid grey behind it shows through."""
    write_brick(tiny.root / STIMULI, (73000, 425, 425, *channels))
    picture = load_nsd(data_root=tiny.root, rois=["V1"]).stimuli[7]
    assert picture.shape == (425, 425, 3) and picture.dtype == np.uint8
    assert (picture == (round(128 + (7 - 128) * 7 / 255) if channels == (4,) else 7)).all()


def test_splits_and_noise_ceiling(tiny: TinyNsd) -> None:
    participant = load_nsd(data_root=tiny.root)
    assert (len(participant.train), len(participant.test)) == (425, 75)
    shared = load_nsd(data_root=tiny.root, split="shared1000", sessions=[1])
    wanted = np.intersect1d(tiny.shared, tiny.image[:750])
    np.testing.assert_array_equal(shared.test.stimulus_ids, wanted)
    assert not np.isin(shared.train.stimulus_ids, tiny.shared).any()
    counts = [(tiny.image[:750] == i).sum() for i in wanted]
    np.testing.assert_array_equal(shared.test.n_repeats, counts)
    inside = np.any([expected_mask(tiny, roi) for roi in PARTS], axis=0)
    ncsnr = tiny.ncsnr[inside].astype(float)
    np.testing.assert_allclose(participant.noise_ceiling, ncsnr**2 / (ncsnr**2 + 1 / 3))
    np.testing.assert_allclose(shared.noise_ceiling, ncsnr**2 / (ncsnr**2 + np.mean(1 / np.array(counts))))


def test_voxel_missing_in_a_session_is_nan(tiny: TinyNsd) -> None:
    first = tuple(np.argwhere(expected_mask(tiny, "V1"))[0])
    tiny.betas[1][(slice(None), *first)] = 0
    write_session(tiny.root, 2, tiny.betas[1])
    participant = load_nsd(data_root=tiny.root, rois=["V1"])
    assert np.isnan(participant.train.responses).any(0).tolist() == [True] + [False] * (participant.n_voxels - 1)


def test_participant_without_a_label_lacks_the_roi_and_says_so(tiny: TinyNsd) -> None:
    labels = np.where(tiny.labels["floc-faces"] == 5, 0, tiny.labels["floc-faces"])
    write_nifti(tiny.root / MASKS / "floc-faces.nii.gz", labels)
    participant = load_nsd(data_root=tiny.root)
    assert "aTLfaces" not in participant.rois and len(participant.rois) == 9
    assert "no voxels of aTLfaces" in participant.source.description
    assert not participant.source.simulated


def test_the_images_table_must_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    tiny = write_tiny_nsd(tmp_path, table=True)
    design = nsd.read_design(nsd.nsd_files(1, tmp_path))
    np.testing.assert_array_equal(design.image, tiny.image)
    np.testing.assert_array_equal(design.shared, tiny.shared)


@pytest.mark.parametrize("subject", nsd.VOLUMES)
def test_all_eight_volumes(tmp_path: Path, subject: int) -> None:
    files = nsd.NsdFiles(tmp_path, subject)
    labels = np.full(files.volume, -1, np.int16)
    labels[10, 20, 30:37] = range(1, 8)
    write_nifti(files.path("mask", mask="prf-visualrois"), labels)
    masks = nsd.read_rois(files, ["V1", "V4"])
    assert [int(mask.sum()) for mask in masks.values()] == [2, 1] and masks["V4"][10, 20, 36]
    write_nifti(files.path("mask", mask="prf-visualrois"), labels.swapaxes(0, 1))
    with pytest.raises(ValueError, match=f"shape of the volume to be \\({files.volume[0]}, "):
        nsd.read_rois(files, ["V1"])


def _pixel(stimuli: object) -> int:
    return int(stimuli[7][424, 0, 2])


# A process of its own: forks of one with many threads, as tests have, may wait forever for a lock that nobody holds.
FORKED = """
import multiprocessing, pickle, sys
from lib.data.pictures import _dataset
stimuli = pickle.load(sys.stdin.buffer)
def pixel(_): return int(stimuli[7][424, 0, 2]), _dataset.cache_info().misses
print(*pixel(0))
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(*pool.map(pixel, range(2)))
"""


def test_images_open_lazily_in_every_process(tiny: TinyNsd) -> None:
    stimuli = load_nsd(data_root=tiny.root, rois=["V1"]).stimuli
    assert stimuli[7].shape == (425, 425, 3) and stimuli[7].dtype == np.uint8 and _pixel(stimuli) == 7
    assert _pixel(pickle.loads(pickle.dumps(stimuli))) == 7
    command = [sys.executable, "-c", FORKED]
    forked = subprocess.run(command, input=pickle.dumps(stimuli), capture_output=True, timeout=60)
    assert forked.stdout == b"7 1\n(7, 2) (7, 2)\n", forked.stderr.decode()  # opened once in each process
    before = stimuli.key
    (tiny.root / STIMULI).touch()
    assert load_nsd(data_root=tiny.root, rois=["V1"]).stimuli.key != before


def test_images_are_those_of_the_file_that_is_there_now(tiny: TinyNsd) -> None:
    stimuli, path = load_nsd(data_root=tiny.root, rois=["V1"]).stimuli, tiny.root / STIMULI
    assert _pixel(stimuli) == 7
    with h5py.File(tiny.root / "other.hdf5", "w") as file:
        form = {"chunks": (1, 425, 425, 3), "compression": "gzip"}
        file.create_dataset("imgBrick", (73000, 425, 425, 3), "uint8", **form)[7] = 9
    (tiny.root / "other.hdf5").replace(path)
    assert _pixel(stimuli) == 9
    content = path.read_bytes()
    with h5py.File(path) as file:
        start = file["imgBrick"].id.get_chunk_info(0).byte_offset
    (tiny.root / "other.hdf5").write_bytes(content[:start] + b"damaged" + content[start + 7 :])
    (tiny.root / "other.hdf5").replace(path)
    with pytest.raises(ValueError, match=r"nsd_stimuli.hdf5: expected row 7 of imgBrick, found OSError"):
        _pixel(stimuli)
