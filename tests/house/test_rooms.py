"""The rooms of lib: few, imports that point down only, PyTorch where it is needed."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from house.lines import LARGEST, ROOT, closure, code_lines, measured, modules

ENTRIES = 11
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BROUGHT = {
    "IPython",
    "PIL",
    "jupyter_client",
    "markdown_it",
    "mdit_py_plugins",
    "nbclient",
    "nbformat",
    "pybtex",
    "pygments",
    "traitlets",
    "yaml",
    "urllib3",
}  # by others
FORBIDDEN = [  # room, and what it must not import
    ("lib.core", "lib.solvers"),
    ("lib.solvers", "lib.data"),
    ("lib.data", "lib.networks"),
    ("lib.networks", "lib.data"),
    ("lib.networks", "lib.simulation"),
    ("lib.simulation", "lib.analysis"),
    ("lib.analysis", "lib.claims"),
    ("lib.claims", "lib.figures"),
    ("lib.figures", "lib.app"),
    ("lib.solvers", "matplotlib"),
    ("lib.core", "argparse"),
    ("lib.data", "torch"),
    ("lib.claims", "torch"),
]


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of the lib in a folder."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_listing_shows_the_rooms() -> None:
    entries = [path.name for path in (ROOT / "lib").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= ENTRIES, sorted(entries)


def test_imports_point_down() -> None:
    found = contracts(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


def add_import(copy: Path, room: str, name: str) -> None:
    path = copy / room.replace(".", "/") / "__init__.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}\nimport {name}\n", encoding="utf-8")


def test_every_forbidden_import_is_named(copy: Path) -> None:
    for room, name in FORBIDDEN:
        add_import(copy, room, name)
    found = contracts(copy)
    assert found.returncode == 1 and "KEPT" not in found.stdout
    assert [pair for pair in FORBIDDEN if f"{pair[0]} -> {pair[1]} (l." not in found.stdout] == [], found.stdout


def test_one_upward_import_is_enough(copy: Path) -> None:
    add_import(copy, "lib.solvers", "lib.analysis")
    assert contracts(copy).returncode == 1


@pytest.mark.parametrize("room", ["lib.data", "lib.core"])
def test_face_of_a_room_loads_no_torch(room: str) -> None:
    assert loaded_by([room]) == []


def test_no_module_of_data_loads_torch() -> None:
    assert loaded_by([name for name in modules() if name.startswith("lib.data")]) == []


def loaded_by(names: list[str]) -> list[str]:
    """Which modules of PyTorch are loaded with modules of lib, in a process of its own."""
    code = f"import sys, {', '.join(names)}; print(*[name for name in sys.modules if name == 'torch'])"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.xfail(reason="the rooms are larger than they shall be; `make check` prints by how much", strict=True)
@pytest.mark.parametrize("part", LARGEST)
def test_size(part: str) -> None:
    assert measured()[part] <= LARGEST[part]


def test_lines_of_code(tmp_path: Path) -> None:
    module = '"""Module,\n\nof four lines."""\n\nimport lib.a  # comment\n\n\n# comment\n'
    function = 'def f():\n    """Text."""\n    return """\nx"""\n'
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("")
    (tmp_path / "lib" / "a.py").write_text(module + function)
    (tmp_path / "lib" / "b.py").write_text("import os\n")
    (tmp_path / "page.py").write_text("from lib import a\n")
    assert code_lines(tmp_path / "lib" / "a.py") == 4
    assert closure([tmp_path / "page.py"], modules(tmp_path)) == {"lib", "lib.a"}


def test_the_wheel_holds_every_room_of_lib_and_nothing_else() -> None:
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "lib").rglob("__init__.py")}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == there


def imported(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in plain | named}


def test_packages_that_lib_imports_are_declared() -> None:
    project = PROJECT["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in lines}
    names = set.union(*(imported(path) for path in (ROOT / "lib").rglob("*.py"))) - set(sys.stdlib_module_names)
    owners = packages_distributions()
    found = {name: {owner.lower().replace("_", "-") for owner in owners[name]} for name in names if name in owners}
    assert {name for name, own in found.items() if not own & declared} <= BROUGHT
