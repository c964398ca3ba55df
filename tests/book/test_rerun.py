"""What a reader needs to run a page: its parameters, its cost, and a notebook that runs in an empty folder."""

import re
from pathlib import Path

import nbformat
import papermill
import pytest
import rerun
from browser import HTML, ROOT, contents

from lib.analysis.loading import SOURCES
from lib.app.copies import plain_notebook
from lib.app.execute import ThisPython
from lib.app.notebooks import find_sources
from lib.app.parameters import Parameter
from lib.networks.zoo import ZOO
from lib.simulation.worlds import GOD_WORLDS, WORLDS

pytestmark = pytest.mark.slow("looks at the built book")

EXECUTED = ROOT / "_build" / "executed"
WITH_PARAMETERS = {name: source for name, source in find_sources().items() if source.parameters}
WORLD_NAMES = WORLDS.keys() | GOD_WORLDS.keys()
KNOWN = {"dataset": SOURCES.keys(), "world": WORLD_NAMES, "beside": WORLD_NAMES, "network": ZOO.keys()}
KNOWN |= {"weights": {"miniature", "untrained", "untrained-full", "published"}}
SOURCE = """\
# %% [markdown]
# # Toy

# %% tags=["parameters"]
world = "flat"  # what drives the voxels: "flat" or "noise"
subject = 1  # whose brain

# %%
print(world, subject)
"""


@pytest.fixture
def toy(tmp_path: Path) -> rerun.Executed:
    """A notebook that was executed for another subject."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "toy.py").write_text(SOURCE)
    executed = rerun.Executed("notebooks/toy", tmp_path)
    notebook = executed.source.notebook
    notebook.metadata.companion = {"parameters": {"subject": 2}, "seconds": 131.2, "memory": 1_234_567_890, "cores": 2}
    nbformat.write(notebook, executed.path)
    return executed


@pytest.mark.parametrize(
    ("text", "default", "meaning", "choices"),
    [
        ('what drives it: "flat" or "noise"', "flat", "what drives it", '`"flat"` or `"noise"`'),
        ('"b" adds: a, and a column: "a", "b" or "c"', "a", '"b" adds: a, and a column', '`"a"`, `"b"` or `"c"`'),
        ("whose brain", 1, "whose brain", "a whole number"),
        ("share: 0 to 1", 0.5, "share: 0 to 1", "a number"),
        ("say everything", True, "say everything", "`True` or `False`"),
        ("folder of the data", None, "folder of the data", "`None` or a value"),
    ],
)
def test_meaning_and_choices_are_told_apart(text: str, default: object, meaning: str, choices: str) -> None:
    parameter = Parameter("x", repr(default), text)
    assert (parameter.meaning, rerun.choices_of(parameter)) == (meaning, choices)


def test_note_has_a_row_per_parameter_and_the_cost(toy: rerun.Executed) -> None:
    note = rerun.parameters_note(toy)
    assert "| Parameter | Default | Meaning | Choices | On this page |" in note
    assert '| `world` | `"flat"` | what drives the voxels | `"flat"` or `"noise"` | `\'flat\'` |' in note
    assert "| `subject` | `1` | whose brain | a whole number | `2` |" in note
    assert "what this page costs: 2 min, 1.2 GB\n" in note
    assert "cores used: 2." in note
    assert "python -m lib run toy -p world VALUE" in note


def test_a_page_with_its_defaults_needs_no_column_of_its_own(toy: rerun.Executed) -> None:
    toy.record["parameters"] = {}
    assert "On this page" not in rerun.parameters_note(toy)


def test_what_nobody_measured_is_not_made_up(toy: rerun.Executed) -> None:
    del toy.notebook.metadata["companion"]
    assert toy.cost == ("?", "?", "?")


def test_a_notebook_is_read_again_only_when_it_changed(toy: rerun.Executed) -> None:
    other = rerun.Executed(toy.page, toy.folder)
    assert other.notebook is toy.notebook
    nbformat.write(nbformat.v4.new_notebook(), toy.path)
    assert other.notebook.cells == []


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_every_parameter_has_a_meaning_and_true_choices(name: str) -> None:
    source = WITH_PARAMETERS[name]
    for parameter, default in source.defaults.items():
        assert source.parameters[parameter].meaning, f"{parameter} of {name} has no comment"
        named = set(source.parameters[parameter].choices)
        chosen = default is None and "by default" in source.parameters[parameter].meaning  # by the notebook, and said
        assert not named or default in named or chosen, f"{parameter} of {name}: the default is none of the choices"
        assert named <= KNOWN.get(parameter, named), f"{parameter} of {name}"
        if parameter in ("dataset", "weights", "world", "beside"):
            assert named, f"{parameter} of {name} names no choices"


def built(page: str, folder: Path = EXECUTED) -> Path:
    """A notebook that the build wrote; skips if there is no build."""
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    return folder / f"{page}.ipynb"


@pytest.mark.parametrize("name", find_sources())
def test_published_notebook_is_the_executed_one_with_a_cell_that_installs(name: str) -> None:
    published = nbformat.read(built(f"notebooks/{name}"), as_version=4)
    install = [i for i, cell in enumerate(published.cells) if "install" in cell.metadata.get("tags", ())]
    first_code = next(i for i, cell in enumerate(published.cells) if cell.cell_type == "code")
    assert install == [first_code]
    published.cells.pop(first_code)
    executed = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert published.cells == plain_notebook(executed, f"notebooks/{name}").cells
    downloaded = built(f"notebooks/{name}", HTML / "_sources")
    assert downloaded.read_bytes() == built(f"notebooks/{name}").read_bytes()


def test_pages_show_the_parameters_and_not_the_install_cell() -> None:
    built("notebooks/ridge")
    page = re.sub("<[^>]+>", "", (HTML / "notebooks" / "ridge.html").read_text())
    assert "python -m lib run ridge -p seed VALUE" in page
    assert "pip install" not in page
    costs = (HTML / "book" / "run.html").read_text().split('id="what-it-costs"')[1].split("</table>")[0]
    named = [
        f"notebooks/{name}" for name in re.findall(r'<td><p><a class="[^"]+" href="../notebooks/(\w+).html">', costs)
    ]
    assert named == [page for page in contents() if page.startswith("notebooks/")], "in the order of the contents"


def test_downloaded_notebook_runs_in_an_empty_folder(tmp_path: Path) -> None:
    source, output = built("notebooks/ridge"), tmp_path / "ridge.ipynb"
    papermill.execute_notebook(
        source, output, {"n_images": 60}, cwd=tmp_path, progress_bar=False, kernel_manager_class=ThisPython
    )
    cells = nbformat.read(output, as_version=4).cells
    assert all(cell.execution_count for cell in cells if cell.cell_type == "code" and cell.source)
    assert [path.name for path in tmp_path.iterdir()] == ["ridge.ipynb"]
