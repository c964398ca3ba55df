"""LAION-fMRI read from a small folder that was written by hand, and what is wrong with one said in one sentence."""

import gzip
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from measured import (
    LAION_AFFINE,
    LAION_BETAS,
    LAION_LABELS,
    LAION_SHAPE,
    TinyLaion,
    damage,
    write_laion_split,
    write_laion_volume,
    write_sform,
    write_tiny_laion,
)

from lib.__main__ import main
from lib.analysis.loading import load_participant
from lib.data import Participant
from lib.data.embeddings import read_embeddings
from lib.data.laion import (
    load_laion,
    stimulus_ids,
)

NINE = ["V1", "V2", "V3", "V4", "OPA", "PPA", "RSC", "FFA", "OFA"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyLaion:
    return write_tiny_laion(tmp_path_factory.mktemp("laion") / "data")


@pytest.fixture(scope="module")
def participant(tiny: TinyLaion) -> Participant:
    return load_laion(data_root=tiny.root)


@pytest.fixture
def root(tiny: TinyLaion, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(tiny.root, tmp_path / "laion"))


def in_masks(tiny: TinyLaion) -> np.ndarray:
    """Voxels of the nine areas."""
    inside = np.zeros(LAION_SHAPE, bool)
    inside[:, 2:6] = True
    return inside & tiny.brain


def test_responses_are_standardised_within_session_and_averaged(tiny: TinyLaion, participant: Participant) -> None:
    inside, trials, labels = in_masks(tiny), [], []
    for number, betas in tiny.betas.items():
        kept = betas[:, inside].astype(float)
        trials.append((kept - kept.mean(0)) / kept.std(0))
        labels += tiny.labels[number]
    expected = {name: np.vstack(trials)[np.array(labels) == name].mean(0) for name in tiny.names}
    ids = dict(zip(stimulus_ids(tiny.names).tolist(), tiny.names, strict=True))
    for part, n in ((participant.train, 17), (participant.test, 3)):
        assert len(part) == n
        for i, responses, repeats in zip(part.stimulus_ids.tolist(), part.responses, part.n_repeats, strict=True):
            np.testing.assert_allclose(responses, expected[ids[i]], atol=1e-5)
            assert repeats == labels.count(ids[i])
    assert np.isnan(participant.train.responses).any(0).sum() == 1  # the voxel that is NaN in session 2


def test_within_run_is_another_standardisation(tiny: TinyLaion, participant: Participant) -> None:
    by_run = load_laion(data_root=tiny.root, zscore="run")
    assert "z-scored within run" in by_run.source.description
    assert not np.allclose(by_run.train.responses, participant.train.responses, equal_nan=True)


def test_nine_areas_under_names_with_and_without_hyphens(tiny: TinyLaion, participant: Participant) -> None:
    assert list(participant.rois) == NINE
    assert "no voxels of aTLfaces" in participant.source.description
    x = np.argwhere(in_masks(tiny))[:, 0]
    expected = {"V1": (0, 1), "V4": (6,), "OPA": (1,), "RSC": (4,), "FFA": (2, 3), "OFA": (1,)}
    for roi, planes in expected.items():
        np.testing.assert_array_equal(participant.rois[roi], np.isin(x, planes))


def test_masks_may_be_unpacked(root: Path, participant: Participant) -> None:
    for i, path in enumerate(sorted(root.rglob("*_mask.nii.gz"))):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        if i % 2:  # of the others there are both
            path.unlink()
    found = load_laion(data_root=root)
    assert {roi: mask.sum() for roi, mask in found.rois.items()} == {r: m.sum() for r, m in participant.rois.items()}


def test_coordinates_follow_the_mirrored_affine(tiny: TinyLaion, participant: Participant) -> None:
    voxels = np.argwhere(in_masks(tiny))
    np.testing.assert_allclose(participant.coordinates, voxels @ LAION_AFFINE[:3, :3].T + LAION_AFFINE[:3, 3])


def test_ceilings_are_solved_for_the_number_of_repeats(participant: Participant) -> None:
    """60 percent for 4 repeats is a squared ncsnr of .375."""
    m = np.mean(1 / participant.test.n_repeats)
    np.testing.assert_allclose(participant.noise_ceiling, 0.375 / (0.375 + m), rtol=1e-6)


@pytest.mark.parametrize(("values", "repeats"), [(80, 12), (0.8, 12)])
def test_ceiling_of_other_repeats_in_percent_or_as_a_fraction(root: Path, values: float, repeats: int) -> None:
    tiny = TinyLaion(root, {}, {}, np.ones(1), [])
    tiny.map("desc-Noiseceiling4rep").unlink()
    write_laion_volume(tiny.map("desc-Noiseceiling12rep"), np.full(LAION_SHAPE, values, np.float32))
    found, squared = load_laion(data_root=root), 0.8 / 0.2 / repeats
    m = np.mean(1 / found.test.n_repeats)
    np.testing.assert_allclose(found.noise_ceiling, squared / (squared + m), rtol=1e-5)


@pytest.mark.parametrize("scale", [1, 0.01])
def test_explained_variance_in_percent_or_as_a_fraction_marks_the_same_brain(
    root: Path, participant: Participant, tiny: TinyLaion, scale: float
) -> None:
    path = TinyLaion(root, {}, {}, np.ones(1), []).map("stat-rsquare_desc-R2mean")
    write_laion_volume(path, np.where(tiny.brain, 30 * scale, 0).astype(np.float32))
    assert load_laion(data_root=root).n_voxels == participant.n_voxels


def test_one_session(tiny: TinyLaion) -> None:
    one = load_laion(data_root=tiny.root, sessions=[1])
    assert one.source.description.startswith("1 of 30 sessions") and not one.source.simulated
    assert np.isfinite(one.train.responses).all()


def test_pictures_are_shown_over_mid_grey(tiny: TinyLaion, participant: Participant) -> None:
    for i, name in enumerate(tiny.names):
        picture = participant.stimuli[int(stimulus_ids([name])[0])]
        if name.endswith("png"):
            assert (picture[:, :4] == 128).all() and (picture[:, 4:] == 11 * i).all()
        else:
            assert np.abs(picture.astype(int) - 11 * i).max() < 3


def test_embeddings_are_joined_by_name(tiny: TinyLaion, participant: Participant) -> None:
    features = read_embeddings(tiny.root, participant.test.stimulus_ids)
    position = {i: row for row, i in enumerate(stimulus_ids(tiny.names).tolist())}
    expected = [position[i] for i in participant.test.stimulus_ids.tolist()]
    assert list(features.layers) == ["CLIP"] and features.layers["CLIP"].dtype == np.float32
    np.testing.assert_array_equal(features.layers["CLIP"][:, 0], expected)


def test_official_split_and_the_commit_of_its_files(tiny: TinyLaion, root: Path) -> None:
    path = write_laion_split(root, [*tiny.names[:8], *tiny.names[12:]], tiny.names[8:12])
    found = load_laion(data_root=root, split="ood")
    np.testing.assert_array_equal(found.test.stimulus_ids, np.sort(stimulus_ids(tiny.names[8:12])))
    assert len(found.train) == 16 and "split ood of pool sub-01 (commit unknown, SHA-256" in found.source.description
    repository = path.parents[4]
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "splits"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert f"(commit {head[:12]}, SHA-256" in load_laion(data_root=root, split="ood").source.description


def test_images_of_a_split_that_were_not_shown_are_counted(tiny: TinyLaion, root: Path) -> None:
    (root / "stimuli/task-images_metadata.csv").unlink()
    write_laion_split(root, [*tiny.names[:4], "unique_later_p01.jpg"], tiny.names[8:12], "shared")
    text = load_laion(data_root=root, split="ood", pool="shared").source.description
    assert "1 of its images were not shown in these sessions" in text and "12 images shown are in neither" in text


def test_without_pictures_responses_can_still_be_read(root: Path) -> None:
    (root / "stimuli/task-images_stimuli.h5").unlink()
    found = load_laion(data_root=root)
    assert "a short form at https://laion-fmri.hebartlab.com/request" in found.stimuli.absent
    with pytest.raises(FileNotFoundError, match="a short form"):
        found.images(found.test)[0]


# Bad input


def rewritten(path: str, write: Callable[[Path], object]) -> Callable[[Path], None]:
    return lambda root: write(root / path) and None


def mirrored(root: Path) -> None:
    affine = LAION_AFFINE.copy()
    affine[0] *= -1
    path = TinyLaion(root, {}, {}, np.ones(1), []).mask("place", "PPA")
    write_laion_volume(path, np.ones(LAION_SHAPE, np.uint8), affine)


def other_grid(root: Path) -> None:
    write_laion_volume(TinyLaion(root, {}, {}, np.ones(1), []).mask("place", "PPA"), np.ones((8, 7, 6), np.uint8))


def both_names(root: Path) -> None:
    path = TinyLaion(root, {}, {}, np.ones(1), []).mask("face", "FFA-1")
    shutil.copy(path, path.with_name(path.name.replace("FFA-1", "FFA1")))


def above_100(root: Path) -> None:
    path = TinyLaion(root, {}, {}, np.ones(1), []).map("desc-Noiseceiling4rep")
    write_laion_volume(path, np.full(LAION_SHAPE, 4000, np.float32))


def map_of(name: str, value: float) -> Callable[[Path], None]:
    return lambda root: write_laion_volume(
        TinyLaion(root, {}, {}, np.ones(1), []).map(name), np.full(LAION_SHAPE, value, np.float32)
    )


def unlabelled(root: Path) -> None:
    path = TinyLaion(root, {}, {}, np.ones(1), []).session(1, LAION_LABELS)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], lines[3].rpartition("\t")[0] + "\t\n", *lines[4:]]))


def fewer_trials(root: Path) -> None:
    path = TinyLaion(root, {}, {}, np.ones(1), []).session(1, LAION_LABELS)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def trial_twice(root: Path) -> None:
    path = TinyLaion(root, {}, {}, np.ones(1), []).session(1, LAION_LABELS)
    path.write_text(path.read_text().replace("\t5\t", "\t4\t"))


def truncated(root: Path) -> None:
    path = TinyLaion(root, {}, {}, np.ones(1), []).session(2, LAION_BETAS)
    path.write_bytes(path.read_bytes()[:4000])


def damaged(root: Path) -> None:
    damage(TinyLaion(root, {}, {}, np.ones(1), []).session(2, LAION_BETAS))


def no_such_picture(root: Path) -> None:
    names = (root / "stimuli/task-images_metadata.csv").read_text().splitlines()[1:]
    names = [line.split(",")[0] for line in names]
    write_laion_split(root, names[:10], [*names[10:14], "shared_4rep_OOD_gone.png"])


def not_valid(root: Path) -> None:
    with h5py.File(root / "stimuli/task-images_desc-CLIP_embeddings.h5", "a") as file:
        file["valid"][...] = False


BAD: dict[str, tuple[Callable[[Path], object], dict[str, object], str]] = {
    "mirrored mask": (mirrored, {}, r"PPA_mask.* axes LAS.*found another, its axes RAS: resample it"),
    "mask on another grid": (other_grid, {}, r"PPA_mask.*shape of the volume to be \(7, 6, 5\), found \(8, 7, 6\)"),
    "both names of a mask": (both_names, {}, r"one mask of FFA1, found face/.*FFA-1.* and face/.*FFA1.*keep the newer"),
    "ceiling above 100": (above_100, {}, r"Noiseceiling4rep.*percent of variance, 0 to 100, found .* 4000"),
    "ceiling without a number": (
        map_of("desc-Noiseceiling4rep", np.nan),
        {},
        r"ceiling4rep.*found no number in any",
    ),
    "R2 above 0 nowhere": (map_of("stat-rsquare_desc-R2mean", -1), {}, r"R2mean.*expected R2 above 0 in the brain, fo"),
    "a trial without a label": (unlabelled, {}, r"trials.tsv: expected .*no label in 1 trials, the first has beta_ind"),
    "trials missing": (fewer_trials, {}, r"shape of the betas to be \(7, 6, 5, 23\), found \(7, 6, 5, 24\)"),
    "a trial twice": (trial_twice, {}, r"beta_index to be 0 to 23, each once, found 4 where 5 should be"),
    "half a session": (truncated, {}, r"ses-02.*expected betas of 26 trials, found"),
    "a damaged session": (damaged, {}, r"ses-02.*expected betas of 26 trials, found .*CRC check failed"),
    "betas without an affine": (
        lambda root: write_sform(TinyLaion(root, {}, {}, np.ones(1), []).session(1, LAION_BETAS), 0),
        {},
        r"ses-01_.*SingletrialBetas_statmap.nii.gz: expected an affine from voxels to millimetres, found \[\[0.0",
    ),
    "map with an affine of NaN": (
        lambda root: write_sform(TinyLaion(root, {}, {}, np.ones(1), []).map("desc-Noiseceiling4rep"), np.nan),
        {},
        r"Noiseceiling4rep_statmap.nii.gz: expected an affine from voxels to millimetres, found \[\[nan",
    ),
    "held-back session": (lambda _: None, {"sessions": [31]}, r"released sessions 1 to 30, not 31"),
    "session that is not there": (lambda _: None, {"sessions": [3]}, r"ses-03.*the betas of session 3, found no such"),
    "participant 2": (lambda _: None, {"subject": 2}, r"participants 1, 3, 5, 6, 7, found subject 2"),
    "no split": (lambda _: None, {"split": "ood"}, r"expected the official splits, found none: clone https"),
    "unknown split": (no_such_picture, {"split": "odd"}, r"Unknown split 'odd'; choose one of random, ood"),
    "split of other pictures": (no_such_picture, {"split": "ood"}, r"1 that are not there.*shared_4rep_OOD_gone"),
    "area without a mask": (lambda _: None, {"rois": "aTLfaces"}, r"voxels in aTLfaces \(no mask: none is published"),
    "option of another": (lambda _: None, {"hemispheres": "joined"}, r"Unknown option of dataset laion 'hemispheres'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_sentence(root: Path, case: str) -> None:
    spoil, arguments, sentence = BAD[case]
    spoil(root)
    with pytest.raises((ValueError, OSError), match=sentence) as found:
        load_participant("laion", **{"subject": 1, "data_root": root, **arguments})
    assert "\n" not in str(found.value)


def test_embedding_that_is_not_valid_is_refused(root: Path) -> None:
    participant = load_laion(data_root=root)
    not_valid(root)
    with pytest.raises(ValueError, match=r"CLIP.*whose embedding is not valid to be 0, found 3"):
        read_embeddings(root, participant.test.stimulus_ids)


@pytest.mark.parametrize(
    ("embedding", "sentence"),
    [
        (np.zeros((25, 6)), r"expected the numbers of rows of valid and embedding to be \(20, 20\), found \(20, 25\)"),
        (np.zeros(20), r"expected two dimensions .*, found shape \(3,\)"),
        (np.full((20, 6), np.nan), r"expected finite numbers, found nan"),
    ],
)
def test_embeddings_that_are_no_rows_of_numbers_are_refused(root: Path, embedding: np.ndarray, sentence: str) -> None:
    shown = load_laion(data_root=root).test.stimulus_ids
    with h5py.File(root / "stimuli/task-images_desc-CLIP_embeddings.h5", "a") as file:
        del file["embedding"]
        file["embedding"] = embedding
    with pytest.raises(ValueError, match=rf"CLIP_embeddings.h5: {sentence}"):
        read_embeddings(root, shown)


def test_picture_missing_from_the_table_is_said(root: Path) -> None:
    table = root / "stimuli/task-images_metadata.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], "other.jpg,x,4rep", *lines[2:]]) + "\n")
    assert "expected all 20 pictures shown, found 19" in load_laion(data_root=root).stimuli.absent


# `python -m lib check`


def test_check_says_what_is_there(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "laion", str(root)]) == 0
    out = capsys.readouterr().out
    assert "2 of 30 sessions, without 3-30, 50 trials" in out and "aTLfaces none in this participant" in out
    assert "20 pictures shown" in out and "can run on participant 1 of laion" in out
    (root / "stimuli/task-images_stimuli.h5").unlink()
    assert main(["check", "laion", str(root)]) == 0  # embeddings can stand in
    assert "a short form" in capsys.readouterr().out
    (root / "stimuli/task-images_desc-CLIP_embeddings.h5").unlink()
    assert main(["check", "laion", str(root)]) == 1
    map_of("desc-Noiseceiling4rep", np.nan)(root)
    assert main(["check", "laion", str(root)]) == 1
    assert "Noiseceiling4rep_statmap.nii.gz: expected values above 0, found none" in capsys.readouterr().out
    mirrored(root)
    assert main(["check", "laion", str(root)]) == 1
    assert "WRONG" in capsys.readouterr().out


# Full size

FULL, N_TRIALS = (143, 143, 143), 60
MOST_BYTES = 1.5e9
CHILD = """
import sys
from pathlib import Path
import numpy as np
from lib.core.memory import peak_memory
from lib.data.laion import Grid, read_grid, read_single_trials
inside = np.load(sys.argv[2])
np.save(sys.argv[3], read_single_trials(Path(sys.argv[1]), read_grid(Path(sys.argv[1])), int(sys.argv[4]), inside))
print(peak_memory())
"""


@pytest.mark.slow("writes and reads 700 MB")
def test_session_of_full_shape_stays_small_and_equals_nibabel(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inside = np.zeros(FULL, bool)
    inside[40:60, 50:70, 60:80] = rng.random((20, 20, 20)) < 0.5
    whole = np.zeros((*FULL, N_TRIALS), np.float32)
    whole[30:70, 40:80, 50:90] = rng.normal(size=(40, 40, 40, N_TRIALS))
    path, mask, out = tmp_path / "betas.nii.gz", tmp_path / "inside.npy", tmp_path / "voxels.npy"
    nibabel.openers.Opener.default_compresslevel = 1
    nibabel.save(nibabel.Nifti1Image(whole, LAION_AFFINE), path)
    np.save(mask, inside)
    del whole
    words = [sys.executable, "-c", CHILD, *map(str, (path, mask, out, N_TRIALS))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) < MOST_BYTES
    expected = np.asarray(nibabel.load(path).dataobj)[inside].T
    np.testing.assert_array_equal(np.load(out).view(np.int32), expected.view(np.int32))
