"""What an executed notebook depends on: exactly the code that it imports, its parameters and its data."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.app.fingerprint import notebook_fingerprint
from lib.app.notebooks import NotebookSource, find_sources
from lib.core import code
from lib.core.code import LIB, modules_used

SOURCES = find_sources()
FIGURES = ["fig1_alexnet", "fig2_resnet50", "fig3_taskonomy", "fig4_decoding"]
PARAMETERS = """\
# %% tags=["parameters"]
data_root = None  # folder of the measured data
layers = ["conv1"]  # names, or files, or lists of them
"""

Mark = Callable[..., str]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of lib whose files may be changed."""
    shutil.copytree(LIB, tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "LIB", tmp_path / "lib")
    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "no data"))
    return tmp_path / "lib"


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mark:
    """The fingerprint of a notebook with some code, executed with some parameters."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "no data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "x.py"

    def of(code: str = "", **given: object) -> str:
        path.write_text(f"{PARAMETERS}\n# %%\n{code}")
        return notebook_fingerprint(NotebookSource(path), given)

    return of


def changed(path: Path, before: dict[str, str]) -> set[str]:
    """Notebooks that a comment at the end of a file makes stale."""
    with path.open("a") as file:
        file.write("\n# a comment\n")
    return {name for name, mark in marks().items() if mark != before[name]}


def marks() -> dict[str, str]:
    """Name of each notebook of the book -> fingerprint."""
    return {name: notebook_fingerprint(source, {}) for name, source in SOURCES.items()}


@pytest.mark.slow("follows the imports of every notebook")
@pytest.mark.parametrize("file", ["app/sweep/command.py", "app/run.py", "app/check.py", "__main__.py"])
def test_a_comment_in_a_command_makes_no_notebook_stale(copy: Path, file: str) -> None:
    assert changed(copy / file, marks()) == set()


@pytest.mark.slow("follows the imports of every notebook")
def test_a_comment_makes_those_stale_that_use_the_module(copy: Path) -> None:
    stale = changed(copy / "solvers" / "ridge.py", marks())
    assert {*FIGURES, "ridge", "stacking"} <= stale
    stale = changed(copy / "simulation" / "arrays_layout.py", marks())
    assert "your_data" in stale and not stale & {*FIGURES, "ridge", "stacking"}


@pytest.mark.slow("follows the imports of every notebook")
def test_package_data_count_where_the_package_does(copy: Path) -> None:
    assert "ridge" in SOURCES and "fig1_alexnet" in changed(
        copy / "networks" / "miniatures" / "alexnet-object.json", marks()
    )
    stale = changed(copy / "figures" / "benchmarks.json", marks())  # named like the module that reads it
    assert "speed" in stale and "fig1_alexnet" not in stale
    assert "fig1_alexnet" in changed(copy / "claims" / "claims.toml", marks())
    assert changed(copy / "app" / "notes.txt", marks()) == set()


def test_a_module_imported_by_a_computed_name_may_be_any(copy: Path, mark: Mark) -> None:
    named, computed = "import importlib\nimportlib.import_module('lib.core.scores')", "__import__('lib.' + 'core')"
    before = [mark(code) for code in (named, computed)]
    (copy / "app" / "check.py").write_text("")
    assert [mark(code) == one for code, one in zip((named, computed), before, strict=True)] == [True, False]
    (copy / "core" / "scores.py").write_text("")
    assert mark(named) != before[0]


@pytest.mark.slow("imports all of lib in a process of its own")
def test_every_module_that_python_loads_is_counted() -> None:
    """Python itself says what fig1's imports load; all of it must be in the closure."""
    import subprocess
    import sys

    code = "import sys, lib.figures.explorers, lib.analysis.loading, lib.claims\n"
    code += "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'lib'))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {Path(path) for path in loaded} <= modules_used(
        ["lib.figures.explorers", "lib.analysis.loading", "lib.claims"]
    )


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("import helper", ["helper.py"]),
        ("from helper import f", ["helper.py", "deep.py"]),
        ("def f():\n    import helper", ["helper.py"]),
        ("from package import part", ["package/part.py", "package/__init__.py", "package/other.py"]),
        ("import space.part", ["space/part.py"]),
        ("import importlib\nimportlib.import_module('helper')", ["helper.py", "deep.py"]),
        ("exec(open('helper.py').read())", ["helper.py", "deep.py"]),
        ("# %run helper.py", ["helper.py", "deep.py"]),
        ("import far", ["../elsewhere/far.py"]),
        ("import sys\nsys.path.append('../tools')\nimport tool", ["../tools/tool.py"]),
    ],
)
def test_modules_beside_the_notebook_count(mark: Mark, tmp_path: Path, code: str, files: list[str]) -> None:
    folder = tmp_path / "notebooks"
    for path in ("package", "space", "../elsewhere", "../tools"):
        (folder / path).mkdir()
    contents = {"helper.py": "import deep", "deep.py": "", "package/__init__.py": "", "../elsewhere/far.py": ""}
    contents["../tools/tool.py"] = ""
    contents |= {"package/part.py": "from . import other", "package/other.py": "", "space/part.py": ""}
    for path, content in contents.items():
        (folder / path).write_text(content)
    seen = {mark(code)}
    for i, path in enumerate(files, start=1):
        (folder / path).write_text(contents[path] + "\n# changed")
        seen.add(mark(code))
        assert len(seen) == i + 1, path
    (folder / "unused.py").write_text("")
    assert mark(code) in seen


def test_data_behind_links_count_and_loops_end(mark: Mark, tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "deep" / "betas").write_text("1")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "deep" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "nothing").symlink_to(tmp_path / "nowhere")
    seen = [mark(data_root=str(tmp_path / "data"))]
    (tmp_path / "real" / "deep" / "betas").write_text("22")
    seen.append(mark(data_root=str(tmp_path / "data")))
    shutil.copytree(tmp_path / "real", tmp_path / "twin", symlinks=True)
    (tmp_path / "data" / "link").unlink()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "twin")
    seen.append(mark(data_root=str(tmp_path / "data")))
    assert len(set(seen)) == 3, "another file of the same size and time is another file"
    assert mark(data_root=str(tmp_path / "data")) == seen[-1]


def test_other_content_of_the_same_size_counts_whatever_its_time_is_set_to(mark: Mark, tmp_path: Path) -> None:
    path = tmp_path / "betas"
    path.write_text("1")
    times, before = path.stat(), mark(data_root=str(path))
    path.write_text("2")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert mark(data_root=str(path)) != before


@pytest.mark.parametrize(
    "given",
    [
        {"data_root": "~/betas"},
        {"data_root": "~"},
        {"layers": ["conv1", "~/betas"]},
        {"layers": [["conv1", ["~/betas"]]]},
        {"layers": {"conv1": "~/betas"}},
        {"layers": "../home/betas"},
    ],
)
def test_files_named_anywhere_in_a_parameter_count(mark: Mark, tmp_path: Path, given: dict[str, object]) -> None:
    (tmp_path / "home").mkdir()
    before = mark(**given)
    (tmp_path / "home" / "betas").write_text("1")
    between = mark(**given)
    (tmp_path / "home" / "betas").write_text("22")
    assert len({before, between, mark(**given)}) == 3


def test_names_that_are_no_text_are_no_obstacle(mark: Mark, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / os.fsdecode(b"caf\xe9.h5")).write_text("1")
    assert mark(data_root=str(data)) != mark(data_root="x" * 10_000)
    assert mark(data_root="/") == mark(data_root="/")
