"""The GOD reader: both spellings, selections, ids, images, features; read by bdpy and reading what bdpy wrote."""

import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from measured import GOD_KEYS, TinyGod, tiny_god, write_god
from PIL import Image

from lib.analysis.loading import load_participant
from lib.data.features import ImageFeatures
from lib.data.god import image_ids, image_name, load_god, read_bdata, read_image_features
from lib.data.trials import ncsnr_of_repeats


@pytest.fixture
def tiny(tmp_path: Path) -> TinyGod:
    return tiny_god(tmp_path / "god")


@pytest.mark.parametrize("image_label", ["stimulus_id", "Label"])
@pytest.mark.parametrize("names", [("dataset", "metadata"), ("dataSet", "metaData")])
def test_both_spellings(tmp_path: Path, names: tuple[str, str], image_label: str) -> None:
    tiny = tiny_god(tmp_path, image_label)
    write_god(tiny, *names)
    participant = load_participant("god", 1, tmp_path)
    voxels = tiny.dataset[:, :12]
    np.testing.assert_array_equal(participant.train.responses, voxels[tiny.kind == 1])
    np.testing.assert_array_equal(participant.test_trials.responses, voxels[tiny.kind == 2])
    np.testing.assert_array_equal(participant.imagery.responses, voxels[tiny.kind == 3])
    np.testing.assert_array_equal(participant.imagery.stimulus_ids // 10**6, np.floor(tiny.ids[tiny.kind == 3]))
    np.testing.assert_array_equal(participant.coordinates[:, 2], tiny.marks["voxel_z"][:12])
    for roi in GOD_KEYS:
        np.testing.assert_array_equal(participant.rois[roi], tiny.marks[f"ROI_{roi}"][:12] == 1)
    assert not participant.source.simulated


def test_test_images_are_averages_of_their_trials(tiny: TinyGod) -> None:
    write_god(tiny)
    participant = load_god(data_root=tiny.root)
    assert len(participant.train) == 40 and (participant.train.n_repeats == 1).all()
    assert len(participant.test) == 5 and (participant.test.n_repeats == 4).all()
    for image, response in zip(participant.test.stimulus_ids, participant.test.responses, strict=True):
        rows = participant.test_trials.stimulus_ids == image
        assert rows.sum() == 4
        np.testing.assert_allclose(response, participant.test_trials.responses[rows].mean(0))


def test_only_the_rois_asked_for(tiny: TinyGod) -> None:
    write_god(tiny)
    participant = load_god(data_root=tiny.root, rois=["V4", "FFA"])
    inside = (tiny.marks["ROI_V4"] == 1) | (tiny.marks["ROI_FFA"] == 1)
    assert list(participant.rois) == ["V4", "FFA"]
    np.testing.assert_array_equal(participant.train.responses, tiny.dataset[tiny.kind == 1][:, inside])


def test_ids_survive_floating_point() -> None:
    # ids as the published tables write them: trailing zeros are gone
    written = {
        "1443537.022563": "n01443537_22563",
        "1621127.01902": "n01621127_19020",
        "1518878.005958": "n01518878_5958",
    }
    ids = image_ids(np.array([float(text) for text in written]))
    assert [image_name(i) for i in ids] == list(written.values())
    numbers = np.random.default_rng(0).integers(1_000_000 * 10**6, 15_000_000 * 10**6, 100_000)
    np.testing.assert_array_equal(image_ids(numbers / 10**6), numbers)
    np.testing.assert_array_equal(image_ids([float(f"{n // 10**6}.{n % 10**6:06d}") for n in numbers]), numbers)


def test_noise_ceiling_of_repeats_recovers_what_was_planted() -> None:
    rng = np.random.default_rng(3)
    ncsnr = np.array([0.0, 0.3, 0.6, 1.2]).repeat(50)
    image = np.arange(200).repeat(10)
    signal = rng.normal(size=(200, 200)) * ncsnr
    responses = signal[image] + rng.normal(size=(2000, 200))
    estimate = ncsnr_of_repeats(type("Trials", (), {"responses": responses, "stimulus_ids": image}))
    means = estimate.reshape(4, 50).mean(1)
    np.testing.assert_allclose(means[1:], [0.3, 0.6, 1.2], atol=0.03)
    assert means[0] < 0.1


def test_images_by_name_in_any_folder(tiny: TinyGod) -> None:
    write_god(tiny)
    ids = image_ids(tiny.ids[tiny.kind < 3])
    for i, suffix in ((ids[0], "training/{}.JPEG"), (ids[-1], "test/{}.png")):
        path = tiny.root / "images" / suffix.format(image_name(i))
        path.parent.mkdir(parents=True)
        Image.new("L", (30, 20), 200).save(path)  # grey pictures become RGB
    stimuli = pickle.loads(pickle.dumps(load_god(data_root=tiny.root).stimuli))
    for i in (ids[0], ids[-1]):
        assert stimuli[int(i)].shape == (20, 30, 3) and abs(int(stimuli[int(i)][5, 5, 1]) - 200) < 3
    with pytest.raises(FileNotFoundError, match=f"images: expected {image_name(ids[1])}.JPEG there or below, found no"):
        stimuli[int(ids[1])]
    assert load_god(data_root=tiny.root, images=tiny.root / "images" / "test").stimuli.key != stimuli.key


def test_odd_files_among_the_images_stop_nothing(tiny: TinyGod) -> None:
    write_god(tiny)
    ids = image_ids(tiny.ids[tiny.kind < 3])
    folder = tiny.root / "images"
    folder.mkdir()
    good, gone, odd = (folder / f"{image_name(i)}.JPEG" for i in (ids[0], ids[-1], ids[1]))
    Image.new("L", (30, 20), 200).save(good)
    Image.new("L", (30, 20), 9).save(folder / f"._{good.name}", "JPEG")  # what macOS leaves beside it
    os.symlink(folder / "nowhere.JPEG", gone)
    odd.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")).write_bytes(b"")  # a name in Latin-1
    (folder / "caf\n.jpg").write_bytes(b"")
    (folder / f"{image_name(ids[2])}.png").write_bytes(b"")
    stimuli = pickle.loads(pickle.dumps(load_god(data_root=tiny.root).stimuli))
    assert stimuli.key.isprintable() and stimuli[int(ids[0])][3, 3, 0] > 190
    for i in (ids[-1], ids[1]):
        with pytest.raises(
            FileNotFoundError, match=f"expected {image_name(i)}.JPEG there or below, found no such image"
        ):
            stimuli[int(i)]
    with pytest.raises(ValueError, match=f"{image_name(ids[2])}.png: expected a picture, found "):
        stimuli[int(ids[2])]


def test_photographs_are_turned_and_composited(tiny: TinyGod) -> None:
    write_god(tiny)
    first, second = image_ids(tiny.ids[tiny.kind < 3])[:2]
    (tiny.root / "images").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), (9, 9, 200)).save(tiny.root / "images" / f"{image_name(first)}.JPEG", exif=exif)
    Image.new("RGBA", (30, 20), (255, 0, 0, 0)).save(tiny.root / "images" / f"{image_name(second)}.png")
    stimuli = load_god(data_root=tiny.root).stimuli
    assert stimuli[int(first)].shape == (30, 20, 3)
    assert (stimuli[int(second)] == 128).all()


def features_file(root: Path) -> tuple[TinyGod, np.ndarray]:
    """ImageFeatures.h5 with 2 units in cnn1 and 3 in cnn8, the mean of a category among its rows."""
    rng = np.random.default_rng(4)
    ids = np.array([1518878.005958, 1518878.01491, 1621127.01902, 1621127.0])
    kind = np.array([1.0, 1.0, 2.0, 3.0])
    dataset = np.column_stack([rng.normal(size=(4, 5)), ids, np.floor(ids), kind])
    columns = {"cnn1": range(2), "cnn8": range(2, 5), "ImageID": [5], "CatID": [6], "FeatureType": [7]}
    marks = {key: np.where(np.isin(np.arange(8), list(where)), 1.0, np.nan) for key, where in columns.items()}
    tiny = TinyGod(root, dataset, marks, ids, kind)
    write_god(tiny, file="ImageFeatures.h5")
    return tiny, image_ids(ids)


def test_image_features(tmp_path: Path) -> None:
    tiny, ids = features_file(tmp_path)
    features = read_image_features(tmp_path / "ImageFeatures.h5", ["cnn1", "cnn8"])
    assert len(features.stimulus_ids) == 3
    np.testing.assert_array_equal(features.of("cnn8", ids[[2, 0, 2]]), tiny.dataset[[2, 0, 2], 2:5])
    with pytest.raises(
        ValueError, match="features of cnn1: 1 of the 2 images are missing, the first is stimulus 9999999000005"
    ):
        features.of("cnn1", np.array([ids[0], 9999999000005]))
    with pytest.raises(ValueError, match="Unknown layer 'cnn2'; choose one of cnn1, cnn8"):
        features.of("cnn2", ids[:1])
    nothing = ImageFeatures(ids[:0], {"cnn1": np.zeros((0, 2))})
    with pytest.raises(ValueError, match="features of cnn1: 1 of the 1 images are missing"):
        nothing.of("cnn1", ids[:1])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tiny: tiny.dataset.__setitem__((1, 2), np.nan), r"cnn8: expected finite numbers, found nan in row 1"),
        (lambda tiny: tiny.dataset[:, 7].fill(3), r"cnn1: expected at least 1 rows and 1 column, found shape \(0, 2\)"),
        (lambda tiny: tiny.marks["cnn1"].fill(0), r"cnn1: expected at least 1 rows and 1 column, found shape \(3, 0\)"),
    ],
)
def test_image_features_that_are_none(tmp_path: Path, change: Callable[[TinyGod], None], sentence: str) -> None:
    tiny, _ = features_file(tmp_path)
    change(tiny)
    write_god(tiny, file="ImageFeatures.h5")
    with pytest.raises(ValueError, match=rf"ImageFeatures.h5: {sentence}"):
        read_image_features(tmp_path / "ImageFeatures.h5", ["cnn1", "cnn8"])


def test_numbers_in_the_other_order_of_bytes(tiny: TinyGod) -> None:
    voxels = tiny.dataset[:, :12]
    tiny.dataset = tiny.dataset.astype(">f8")
    write_god(tiny)
    found = load_participant("god", 1, tiny.root).train.responses
    np.testing.assert_array_equal(found, voxels[tiny.kind == 1])
    assert found.dtype.isnative  # which torch demands


def test_files_written_by_bdpy_are_read(tmp_path: Path, tiny: TinyGod) -> None:
    bdpy = pytest.importorskip("bdpy", reason="bdpy needs Python < 3.12")
    bdata = bdpy.BData()
    bdata.add(tiny.dataset[:, :12], "VoxelData")
    for i, key in enumerate(("DataType", "stimulus_id", "Run"), start=12):
        bdata.add(tiny.dataset[:, [i]], key)
    for key, values in tiny.marks.items():
        if key.startswith(("ROI_", "voxel_")):
            bdata.add_metadata(key, values[:12], where="VoxelData")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bdata.save(str(tmp_path / "Subject1.h5"))
    participant = load_god(data_root=tmp_path)
    np.testing.assert_array_equal(participant.train.responses, tiny.dataset[tiny.kind == 1, :12])
    np.testing.assert_array_equal(participant.test_trials.stimulus_ids, image_ids(tiny.ids[tiny.kind == 2]))
    for roi in GOD_KEYS:
        np.testing.assert_array_equal(participant.rois[roi], tiny.marks[f"ROI_{roi}"][:12] == 1)


@pytest.mark.parametrize("names", [("dataset", "metadata"), ("dataSet", "metaData")])
def test_selections_equal_those_of_bdpy(tiny: TinyGod, names: tuple[str, str]) -> None:
    bdpy = pytest.importorskip("bdpy", reason="bdpy needs Python < 3.12")
    write_god(tiny, *names)
    path = tiny.root / "Subject1.h5"
    theirs, ours = bdpy.BData(str(path)), read_bdata(path)
    np.testing.assert_array_equal(ours.dataset, theirs.dataset)
    for key in ("VoxelData", "DataType", "stimulus_id", *(f"ROI_{roi}" for roi in GOD_KEYS)):
        np.testing.assert_array_equal(ours.select(key), theirs.select(f"{key} = 1"))
    np.testing.assert_array_equal(ours.key("voxel_x"), theirs.get_metadata("voxel_x"))


def test_simulated_is_said_of_a_file_alone(tiny: TinyGod) -> None:
    write_god(tiny)
    with h5py.File(tiny.root / "Subject1.h5", "a") as file:
        file.attrs["simulated"] = '{"world": "noise", "description": "world \'noise\'"}'
    source = load_god(data_root=tiny.root).source
    assert source.simulated and source.world == "noise"
