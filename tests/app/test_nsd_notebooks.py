"""Every notebook that offers NSD, run on small simulated folders in its layout."""

from pathlib import Path

import pytest
from folders import FIGURES, check_kept, command, offered, run, run_as, simulated

pytestmark = pytest.mark.slow("runs notebooks, some minutes in all")


@pytest.fixture(scope="module")
def nsd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("nsd") / "data", "nsd", 500)


@pytest.fixture(scope="module")
def small_nsd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("small_nsd") / "data", "nsd", 250)


@pytest.mark.parametrize("name", sorted({*offered("nsd")} - {"fig1_alexnet"}))
def test_nsd(name: str, nsd: Path, tmp_path: Path) -> None:
    assert run(name, "nsd", nsd, tmp_path / "out.ipynb")


def test_figure_1_keeps_what_it_shows(nsd: Path, tmp_path: Path) -> None:
    assert run("fig1_alexnet", "nsd", nsd, tmp_path / "out.ipynb", results=tmp_path / "kept", unique=True)
    check_kept(tmp_path / "kept", tmp_path / "out.ipynb")


# As coded, networks see NSD's pictures in their own size, 425 pixels: minutes each, so one figure stands for three.
# careful is the default, which all runs above have.
@pytest.mark.parametrize(
    ("name", "analysis"), [*((name, "as-published") for name in FIGURES), ("fig1_alexnet", "as-coded")]
)
def test_analyses_of_paper_w(name: str, analysis: str, small_nsd: Path, tmp_path: Path) -> None:
    run_as(analysis, name, "nsd", small_nsd, tmp_path / "out.ipynb")


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
    assert set(offered("nsd")) >= {*FIGURES, "claims"}
