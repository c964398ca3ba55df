"""Every notebook that offers measured data, run on small simulated folders in their layouts."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from browser import ROOT

pytestmark = pytest.mark.slow("runs notebooks, some ten minutes in all")

NSD = {"n_images": 500, "voxels_per_roi": 20}
GOD = {"n_images": 300, "voxels_per_roi": 20}
BESIDE = {"n_images": 60, "voxels_per_roi": 12}  # of the simulated participants in the columns beside the measured ones
SMALL = {
    ("claims", "nsd"): BESIDE,
    ("claims", "god"): BESIDE,
    ("selection", "nsd"): NSD | {"n_fresh": 100},
    ("fig4_decoding", "god"): GOD | {"n_units": 50},
}


def offered(dataset: str) -> list[str]:
    """Names of the notebooks whose parameter `dataset` has this choice."""
    pages = sorted((ROOT / "notebooks").glob("*.py"))
    return [
        page.stem for page in pages if re.search(rf'^dataset = .*or "{dataset}"|"{dataset}" or', page.read_text(), re.M)
    ]


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """`python -m lib` on two cores at most, as the tests of this project run."""
    line = [sys.executable, "-m", "lib", *map(str, words)]
    return subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def run(name: str, dataset: str, data: Path, output: Path, **more: object) -> str:
    """Run a notebook on a folder; what its code cells printed and showed as text."""
    given = SMALL.get((name, dataset), NSD) | {"dataset": dataset, "data_root": data, "weights": "miniature"} | more
    options = [word for pair in given.items() for word in ("-p", *pair)]
    done = command("run", name, *options, "--output", output)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = json.loads(output.read_text())["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    texts = [
        out.get("text") or out.get("data", {}).get("text/markdown") or out.get("data", {}).get("text/html") or ""
        for out in outputs
    ]
    return "\n".join("".join(text) for text in texts)


def simulated(folder: Path, layout: str, n_images: int, *more: object) -> Path:
    """A folder in a measured layout, with 20 voxels an area."""
    done = command("simulate", folder, "--layout", layout, "--images", n_images, "--voxels", 20, *more)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def nsd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("nsd") / "data", "nsd", 500)


@pytest.fixture(scope="module")
def small_nsd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("small_nsd") / "data", "nsd", 250)


@pytest.fixture(scope="module")
def small_laion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("small_laion") / "data", "laion", 150)


@pytest.fixture(scope="module")
def laion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("laion") / "data", "laion", 500)


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


@pytest.mark.parametrize("name", offered("nsd"))
def test_nsd(name: str, nsd: Path, tmp_path: Path) -> None:
    assert run(name, "nsd", nsd, tmp_path / "out.ipynb")


@pytest.mark.parametrize("name", offered("laion"))
def test_laion(name: str, laion: Path, tmp_path: Path) -> None:
    text = run(name, "laion", laion, tmp_path / "out.ipynb")
    assert "no voxels of aTLfaces" in text and "simulated, in LAION's layout" in text


# What the table of a run says under each analysis
STANDARDISED = {"as-published": "not z-scored", "as-coded": "z-scored within run", "careful": "z-scored within session"}
HVC = {"as-published": "V4, LOC, FFA, PPA together", "as-coded": "a mask of its own", "careful": "ridge, penalty 100"}


# As coded, networks see NSD's pictures in their own size, 425 pixels: minutes each, so one figure stands for three.
# careful is the default, which all runs above have.
FIGURES = ("fig1_alexnet", "fig2_resnet50", "fig3_taskonomy")
ANALYSES = [
    *((dataset, name, "as-published") for dataset in ("nsd", "laion") for name in FIGURES),
    *(("laion", name, "as-coded") for name in FIGURES),
    ("nsd", "fig1_alexnet", "as-coded"),
]


@pytest.mark.parametrize(("dataset", "name", "analysis"), ANALYSES)
def test_analyses_of_paper_w(
    dataset: str, name: str, analysis: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(f"small_{dataset}")
    text = run(name, dataset, data, tmp_path / "out.ipynb", analysis=analysis)
    assert f"in this run ({analysis})" in text and STANDARDISED[analysis] in text
    assert ("reference" in text) == (analysis == "as-coded")


@pytest.mark.parametrize("analysis", HVC)
def test_analyses_of_paper_y(analysis: str, god: Path, tmp_path: Path) -> None:
    text = run("fig4_decoding", "god", god, tmp_path / "out.ipynb", analysis=analysis)
    assert f"in this run ({analysis})" in text and HVC[analysis] in text


@pytest.mark.parametrize("dataset", ["nsd", "laion"])
def test_without_published_weights_the_command_is_named(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is read: the folder is empty."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    options = ("-p", "dataset", dataset, "-p", "data_root", tmp_path, "--output", tmp_path / "out.ipynb")
    done = command("run", "fig1_alexnet", *options)
    assert done.returncode == 1 and "run: python -m lib fetch alexnet-object alexnet-place" in done.stderr


def test_every_notebook_is_run() -> None:
    assert set(offered("god")) == {name for name, _ in CASES} and set(offered("nsd")) >= {"fig1_alexnet", "claims"}
    assert offered("laion") == ["fig1_alexnet", "fig2_resnet50", "fig3_taskonomy"]


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
