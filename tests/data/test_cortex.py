"""Whole-cortex responses on disk: the same numbers as in memory, whole or not at all, and encoded in blocks."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from measured import DESIGN, VOLUME, TinyNsd, write_tiny_nsd
from scipy.io import loadmat, savemat

from lib.analysis.encoding import EncodingResult, fit_encoding
from lib.analysis.usable import varies
from lib.app.sweep.forecast import Size, encoding_size
from lib.app.sweep.tasks import make_grid
from lib.core import disk
from lib.data import cortex, nsd
from lib.data.cortex import load_cortex
from lib.data.nsd import load_nsd


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyNsd:
    """Two sessions; blocks of voxels and rows so small that there are several, the last one shorter."""
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    monkeypatch.setattr(cortex, "VOXELS_AT_ONCE", 23)
    monkeypatch.setattr(cortex, "ROWS_AT_ONCE", 70)
    return write_tiny_nsd(tmp_path / "nsd", table=False)


def in_cortex(tiny: TinyNsd) -> np.ndarray:
    return np.any([labels >= 0 for labels in tiny.labels.values()], axis=0)


@pytest.mark.parametrize(("split", "zscore"), [("random", "session"), ("shared1000", "run")])
def test_voxels_of_rois_hold_the_same_bits_as_in_memory(tiny: TinyNsd, tmp_path: Path, split: str, zscore: str) -> None:
    options = {"data_root": tiny.root, "split": split, "zscore": zscore}
    whole, part = load_cortex(folder=tmp_path / "kept", **options), load_nsd(**options)
    assert whole.n_voxels == in_cortex(tiny).sum() > part.n_voxels
    in_rois = np.any(list(whole.rois.values()), axis=0)
    for name in ("train", "test"):
        one, other = getattr(whole, name), getattr(part, name)
        assert isinstance(one.responses, np.memmap) and not one.responses.flags.writeable
        assert one.responses[:, in_rois].tobytes() == other.responses.tobytes()
        np.testing.assert_array_equal(one.stimulus_ids, other.stimulus_ids)
        np.testing.assert_array_equal(one.n_repeats, other.n_repeats)
    np.testing.assert_array_equal(whole.noise_ceiling[in_rois], part.noise_ceiling)
    assert whole.rois.keys() == part.rois.keys() and whole.source == part.source


def test_betas_are_read_once_and_again_when_they_change(tiny: TinyNsd, tmp_path: Path, monkeypatch) -> None:
    reads = []
    original = nsd.read_session
    monkeypatch.setattr(nsd, "read_session", lambda *args: reads.append(args[1]) or original(*args))
    for _ in range(2):
        load_cortex(data_root=tiny.root, folder=tmp_path / "kept")
    assert reads == [1, 2]
    file = nsd.nsd_files(1, tiny.root).session(2)
    file.touch()
    load_cortex(data_root=tiny.root, folder=tmp_path / "kept")
    assert reads == [1, 2, 1, 2]
    load_cortex(data_root=tiny.root, folder=tmp_path / "kept", sessions=[1])
    assert reads[4:] == [1]


@pytest.mark.parametrize("damage", ["cut short", "empty", "another array"])
def test_a_damaged_file_is_named_and_written_again(tiny: TinyNsd, tmp_path: Path, damage: str) -> None:
    good = load_cortex(data_root=tiny.root, folder=tmp_path / "kept").train.responses.copy()
    (path,) = (tmp_path / "kept").glob("*.npy")
    whole = path.read_bytes()
    np.save(path, np.zeros(3))
    if damage != "another array":
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut short" else b"")
    with pytest.warns(UserWarning, match=f"{path.name}: not the whole array of .* it is written again"):
        again = load_cortex(data_root=tiny.root, folder=tmp_path / "kept")
    assert again.train.responses.tobytes() == good.tobytes()


def test_another_order_of_the_trials_is_another_file(tiny: TinyNsd, tmp_path: Path) -> None:
    """The same images in the same sessions, but shown in other trials: other responses."""
    before = load_cortex(data_root=tiny.root, folder=tmp_path / "kept").train.responses
    path = tiny.root / DESIGN
    design = {name: values for name, values in loadmat(path).items() if not name.startswith("_")}
    design["masterordering"][0, :1500] = design["masterordering"][0, :1500][::-1].copy()
    savemat(path, design)
    after = load_cortex(data_root=tiny.root, folder=tmp_path / "kept").train.responses
    assert after.shape == before.shape and not np.allclose(after, before)


def test_nothing_half_written_is_left_of_a_session_that_cannot_be_read(tiny: TinyNsd, tmp_path: Path) -> None:
    file = nsd.nsd_files(1, tiny.root).session(2)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"betas_session02.hdf5: expected int16 betas of 750 trials"):
        load_cortex(data_root=tiny.root, folder=tmp_path / "kept")
    assert not [path for path in (tmp_path / "kept").iterdir() if path.suffix != ".lock"]


def test_too_little_room_is_said_with_the_numbers(tiny: TinyNsd, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(OSError, match=r"Responses need 0\.0 GB more in .*, where 0\.0 are free"):
        load_cortex(data_root=tiny.root, folder=tmp_path / "kept")


def test_encoding_from_a_file_equals_encoding_from_memory(tmp_path: Path) -> None:
    """The same bits, whatever the size of the blocks."""
    rng = np.random.default_rng(0)
    features = {name: rng.standard_normal((90, p), np.float32) for name, p in (("a", 30), ("b", 200))}
    responses = rng.standard_normal((90, 50), np.float32) + features["a"][:, :1]
    responses[3, 7], responses[:, 8] = np.nan, 2.0
    np.save(tmp_path / "y.npy", responses)
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")

    def fit(y: np.ndarray, memory_bytes: int) -> EncodingResult:
        train, test = ({name: X[part] for name, X in features.items()} for part in (slice(70), slice(70, None)))
        with pytest.warns(UserWarning, match="2 of 50 voxels dropped"):
            return fit_encoding(train, y[:70], test, y[70:], memory_bytes=memory_bytes)

    memory, file = fit(responses, 20_000), fit(mapped, 2**30)
    for field in fields(EncodingResult):
        np.testing.assert_array_equal(getattr(memory, field.name), getattr(file, field.name), strict=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_voxel_with_one_bad_number_does_not_vary(bad: float) -> None:
    y = np.random.default_rng(0).standard_normal((1100, 4))
    y[1050, 1], y[:, 2] = bad, 3.0
    assert varies(y).tolist() == [True, False, False, True]


@pytest.mark.parametrize("voxels", ["rois", "cortex"])
def test_the_forecast_knows_the_size_of_what_will_be_loaded(tiny: TinyNsd, tmp_path: Path, voxels: str) -> None:
    (task,) = make_grid(["encoding"], {"dataset": ["nsd"], "data_root": [str(tiny.root)], "voxels": [voxels]})
    size, participant = encoding_size(task.analysis), task.analysis.participant(tmp_path)
    assert (size.n, size.m) == (len(participant.train), len(participant.test))
    assert size.voxels == participant.n_voxels and size.cortex == (voxels == "cortex")
    assert len(size.features) == 7


def test_a_cortex_needs_no_more_memory_than_a_few_rois_and_larger_blocks_need_more() -> None:
    few, many = (Size(8500, 1500, voxels, (20_000,) * 7, cortex=True) for voxels in (15_000, 250_000))
    assert many.fitting(2**31) == few.fitting(2**31) < many.fitting(2**32)
    assert many.peak(2**31) < 4 * many.voxels * (many.n + many.m)  # the responses themselves do not fit
