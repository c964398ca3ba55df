"""Every notebook that offers LAION-fMRI, run on small simulated folders in its layout."""

from pathlib import Path

import pytest
from folders import FIGURES, check_kept, offered, run, run_as, simulated

pytestmark = pytest.mark.slow("runs notebooks, some minutes in all")


@pytest.fixture(scope="module")
def small_laion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("small_laion") / "data", "laion", 150)


@pytest.fixture(scope="module")
def laion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("laion") / "data", "laion", 500)


@pytest.mark.parametrize("name", offered("laion"))
def test_laion(name: str, laion: Path, tmp_path: Path) -> None:
    keep = {"results": tmp_path / "kept", "unique": True} if name == "fig1_alexnet" else {}
    text = run(name, "laion", laion, tmp_path / "out.ipynb", **keep)
    if keep:
        check_kept(tmp_path / "kept", tmp_path / "out.ipynb")
    assert "no voxels of aTLfaces" in text and "simulated, in LAION's layout" in text


@pytest.mark.parametrize("analysis", ["as-published", "as-coded"])  # careful is the default, as above
@pytest.mark.parametrize("name", FIGURES)
def test_analyses_of_paper_w(name: str, analysis: str, small_laion: Path, tmp_path: Path) -> None:
    run_as(analysis, name, "laion", small_laion, tmp_path / "out.ipynb")


def test_every_notebook_is_run() -> None:
    assert offered("laion") == [*FIGURES]
