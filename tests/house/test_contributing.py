"""CONTRIBUTING.md leads to the right place: its picture of the house is true."""

import re
import tomllib

import pytest
from house.lines import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PICTURE = re.findall(r"```\n(.*?)```", TEXT.partition("## The house")[2], re.DOTALL)[0].splitlines()
NAMES = sorted(set(re.findall(r"`([\w.]+)` (?:of|in) `(lib/[\w/]+\.py)`", TEXT)))


def test_picture_is_short_and_lists_every_room_from_top_to_bottom() -> None:
    assert len(PICTURE) <= 25
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    rooms = [name.strip().removeprefix("lib.") for layer in layers for name in layer.split("|")]
    shown = [re.match(r"  (\w+)/", line)[1] for line in PICTURE if line.startswith("  ")]
    assert shown == [room for room in rooms if room != "__main__"]
    assert {path.name for path in (ROOT / "lib").iterdir() if (path / "__init__.py").exists()} == set(shown)


def test_picture_names_folders_that_exist() -> None:
    folders = [line.split()[0] for line in PICTURE if not line.startswith(" ")]
    assert [name for name in folders if not (ROOT / name).is_dir()] == []


@pytest.mark.parametrize(("name", "path"), NAMES)
def test_named_functions_stand_where_it_says(name: str, path: str) -> None:
    last = name.rpartition(".")[2]
    assert re.search(rf"^ *(def |class |){last}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_named_tests_exist() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", TEXT) if f"def {name}(" not in tests] == []
