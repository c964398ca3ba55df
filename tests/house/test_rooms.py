"""The rooms of lib: few, imports that point down only, PyTorch where it is needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house.lines import LARGEST, ROOT, closure, code_lines, measured, modules

ENTRIES = 11
FORBIDDEN = {
    "lib/core/scores.py": "import lib.solvers.ridge",
    "lib/solvers/ridge.py": "import lib.data.participant",
    "lib/data/participant.py": "import lib.networks.zoo",
    "lib/networks/zoo.py": "import lib.data.participant",
    "lib/simulation/worlds.py": "import lib.analysis.encoding",
    "lib/analysis/encoding.py": "import lib.claims.claim",
    "lib/claims/claim.py": "import lib.figures.papers",
    "lib/figures/papers.py": "import lib.app.check",
    "lib/solvers/stacking.py": "import matplotlib.pyplot",
    "lib/core/disk.py": "import argparse",
    "lib/data/files.py": "import torch",
}


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


def test_upward_imports_break_a_contract(copy: Path) -> None:
    for name, line in FORBIDDEN.items():
        path = copy / name
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    found = contracts(copy)
    assert found.returncode == 1 and "KEPT" not in found.stdout
    for name, line in FORBIDDEN.items():
        importer = name.removesuffix(".py").replace("/", ".")
        imported = line.removeprefix("import ").partition(".pyplot")[0]
        assert f"{importer} -> {imported} (l." in found.stdout, found.stdout


def test_one_upward_import_breaks_a_contract(copy: Path) -> None:
    path = copy / "lib/solvers/ridge.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}\nfrom lib.analysis import encoding\n", encoding="utf-8")
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
