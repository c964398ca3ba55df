"""`python -m lib check`: says what is there and what is not, and its exit status can be relied on."""

import shutil
from pathlib import Path

import pytest
from measured import BETAS, DESIGN, MASKS, NCSNR, STIMULI, TABLE, VOLUME, tiny_god, write_god, write_tiny_nsd
from PIL import Image

from lib.__main__ import main
from lib.app import check
from lib.data import nsd
from lib.data.god import image_ids, image_name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_nsd(tmp_path_factory.mktemp("nsd")).root


@pytest.fixture
def root(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(nsd.VOLUMES, 1, VOLUME)
    return Path(shutil.copytree(whole, tmp_path / "nsd"))


@pytest.fixture
def without_table(root: Path) -> Path:
    """The images' table may be missing, and takes a second to read."""
    (root / TABLE).unlink()
    return root


def test_whole_folder_will_do(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nsd", str(root), "--subject", "1"]) == 0
    out = capsys.readouterr().out
    assert "2 of 40 sessions, without 3-40" in out and "agrees with the design" in out
    assert "aTLfaces" in out and "The figures can run on participant 1 of nsd." in out
    assert nsd.load_nsd(data_root=root).n_voxels > 0  # and they can


NEEDED = {
    "betas": [f"{BETAS}/betas_session01.hdf5", f"{BETAS}/betas_session02.hdf5"],
    "design": [DESIGN],
    "images": [STIMULI],
    "ncsnr": [NCSNR],
    "prf-visualrois": [f"{MASKS}/{side}prf-visualrois.nii.gz" for side in ("", "lh.", "rh.")],
    "floc-places": [f"{MASKS}/{side}floc-places.nii.gz" for side in ("", "lh.", "rh.")],
    "floc-faces": [f"{MASKS}/{side}floc-faces.nii.gz" for side in ("", "lh.", "rh.")],
}


@pytest.mark.parametrize("name", NEEDED)
def test_each_missing_file_is_named_with_its_source(
    without_table: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in NEEDED[name]:
        (without_table / file).unlink()
    assert main(["check", "nsd", str(without_table)]) == 1
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith(name + " "))
    assert "MISSING" in row and out.count("MISSING") == 1
    assert f"\n{name}: {without_table}" in out and "naturalscenesdataset.org" in out and "cannot run" in out


def test_what_is_not_needed_may_be_missing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / TABLE).unlink()
    assert main(["check", "nsd", str(root)]) == 0
    assert "not here" in capsys.readouterr().out


def test_wrong_file_is_not_called_missing(without_table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (without_table / STIMULI).write_bytes(b"nothing of the kind")
    assert main(["check", "nsd", str(without_table)]) == 1
    out = capsys.readouterr().out
    assert "WRONG" in out and "MISSING" not in out


def test_god(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    god = tiny_god(tmp_path)
    assert main(["check", "god", str(tmp_path)]) == 1
    assert "Subject1.h5: expected" in capsys.readouterr().out
    write_god(god)
    assert main(["check", "god", str(tmp_path)]) == 1
    assert "expected 45 images, found 0" in capsys.readouterr().out
    (tmp_path / "images").mkdir()
    for i in set(image_ids(god.ids[god.kind < 3]).tolist()):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / f"{image_name(i)}.JPEG")
    assert main(["check", "god", str(tmp_path)]) == 0
    assert "40 training, 20 test, 10 imagery trials, 12 voxels" in capsys.readouterr().out


def test_no_folder_no_participant_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nsd", str(tmp_path / "none")]) == 1
    assert "none: expected the folder that holds nsddata" in capsys.readouterr().out
    assert main(["check", "nsd", str(tmp_path), "--subject", "9"]) == 2
    assert "participants 1 to 8" in capsys.readouterr().err
    assert main(["check", "nds", str(tmp_path)]) == 2
    assert "Did you mean 'nsd'?" in capsys.readouterr().err


def test_ranges() -> None:
    assert check._ranges([3, 4, 5, 9, 11, 12]) == "3-5, 9, 11-12"
