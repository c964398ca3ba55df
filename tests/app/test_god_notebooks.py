"""Every notebook that offers GOD, run on small simulated folders in its layout, with and without photographs."""

import re
import shutil
from pathlib import Path

import pytest
from folders import command, offered, run, simulated

pytestmark = pytest.mark.slow("runs notebooks, some minutes in all")

# What the table of a run says under each analysis
HVC = {"as-published": "V4, LOC, FFA, PPA together", "as-coded": "a mask of its own", "careful": "ridge, penalty 100"}


@pytest.fixture(scope="module")
def god(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two participants, with all photographs."""
    return simulated(tmp_path_factory.mktemp("god") / "data", "god", 150, "--subject", 1, 2)


FOLDERS = {
    "whole": (2, "all"),
    "one participant": (1, "all"),
    "no photographs": (1, "none"),
    "some photographs": (2, "some"),
}
CASES = [("fig4_decoding", case) for case in FOLDERS] + [("claims", "no photographs"), ("claims", "some photographs")]


def fewer(god: Path, folder: Path, n_participants: int, photographs: str) -> Path:
    """A copy with one participant or two, and all photographs, two thirds of them or none."""
    shutil.copytree(god, folder)
    if n_participants == 1:
        (folder / "Subject2.h5").unlink()
    pictures = sorted((folder / "images").rglob("*.*"))
    for picture in {"all": [], "some": pictures[::3], "none": pictures}[photographs]:
        picture.unlink()
    return folder


def test_every_notebook_is_run() -> None:
    assert set(offered("god")) == {name for name, _ in CASES}


@pytest.mark.parametrize("analysis", HVC)
def test_analyses_of_paper_y(analysis: str, god: Path, tmp_path: Path) -> None:
    text = run("fig4_decoding", "god", god, tmp_path / "out.ipynb", analysis=analysis)
    assert f"in this run ({analysis})" in text and HVC[analysis] in text


@pytest.mark.parametrize(("name", "case"), CASES)
def test_god(name: str, case: str, god: Path, tmp_path: Path) -> None:
    n_participants, photographs = FOLDERS[case]
    folder = fewer(god, tmp_path / "god", n_participants, photographs)
    assert command("check", "god", folder).returncode == 0
    more = {"analysis": "as-coded"} if name == "fig4_decoding" else {}  # others need photographs of AlexNet as well
    text = run(name, "god", folder, tmp_path / "out.ipynb", **more)
    assert ("Left out: resnet50-object" in text) == (photographs != "all")
    if name == "fig4_decoding":
        assert ("one participant: no interval" in text) == (n_participants == 1)
        assert ("needs resnet50-object" in text) == (photographs != "all")


def test_nothing_to_decode_is_said(god: Path, tmp_path: Path) -> None:
    """Neither photographs nor the units that were published: one sentence, from `check` and from the notebook."""
    folder = fewer(god, tmp_path / "god", 1, "some")
    (folder / "ImageFeatures.h5").unlink()
    assert command("check", "god", folder).returncode == 1
    given = {"dataset": "god", "data_root": folder, "weights": "miniature"}
    options = [*(word for pair in given.items() for word in ("-p", *pair)), "--output", tmp_path / "out.ipynb"]
    done = command("run", "fig4_decoding", *options)
    assert done.returncode == 1
    assert re.search(
        r"FileNotFoundError: .*images: expected 200 images, found 133; n\d+_\d+.JPEG is missing", done.stderr
    )
