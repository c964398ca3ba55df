"""Every notebook runs with other parameters than its own: another world, seed and participant, at a tiny size."""

from pathlib import Path

import matplotlib
import pytest
from papermill.parameterize import parameterize_notebook

from lib.app.notebooks import NotebookSource, find_sources
from lib.core.kept import FOLDER

pytestmark = pytest.mark.slow("runs notebooks")

OTHER = {"world": "reversed", "seed": 1, "subject": 2}
TINY = {"n_images": 120, "voxels_per_roi": 8, "n_best_voxels": 5, "n_fresh": 20, "few": 60, "many": 120}
TINY |= {"n_units": 20, "n_units_sparse": 1, "depths": [3], "widths": [4]}
TINY |= {"n_training_scenes": 192, "epochs": [0, 1], "n_epochs": 1}
TINY |= {"n_twins": 1, "n_folds": 2, "n_orders": 1, "n_halves": 1}
TINY |= {"n_voxels": 50, "n_studies": 2, "sheet": 10}
SOURCES = {name: source for name, source in find_sources().items() if OTHER.keys() & source.parameters.keys()}


def execute(source: NotebookSource, parameters: dict[str, object]) -> dict[str, object]:
    """Run a notebook's cells here, with parameters put in by papermill; return what they defined.

    In one process, for a kernel of its own would cost each notebook some seconds to start.
    """
    source.notebook.metadata.setdefault("papermill", {})  # as papermill does when it reads a file
    for cell in source.notebook.cells:
        cell.metadata.setdefault("tags", [])
    notebook = parameterize_notebook(source.notebook, parameters)
    namespace: dict[str, object] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, f"{source.name}.py", "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where notebooks keep what they have in common, as `python -m lib run` lets them."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture
def in_notebooks(monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
    """Where notebooks run, with figures that nobody looks at."""
    monkeypatch.setenv(FOLDER, str(results))
    monkeypatch.chdir(next(iter(SOURCES.values())).path.parent)
    matplotlib.use("Agg")


@pytest.mark.parametrize("name", SOURCES)
def test_notebook_runs_with_other_parameters(name: str, in_notebooks: None) -> None:
    given = {key: value for key, value in {**OTHER, **TINY}.items() if key in SOURCES[name].parameters}
    defined = execute(SOURCES[name], given)
    assert {key: defined[key] for key in given} == given


def test_most_notebooks_are_among_them() -> None:
    assert {"fig1_alexnet", "fig2_resnet50", "fig3_taskonomy", "claims"} <= SOURCES.keys()
