"""What comments, docstrings and prose name in backticks exists: files, modules and what stands in them."""

import re
from pathlib import Path

import pytest
from house.lines import ROOT

TEXTS = [
    path for pattern in ("*.md", "book/**/*.md", "*/*.py", "*/*/*.py", "*/*/*/*.py") for path in ROOT.glob(pattern)
]
TEXTS = [
    path for path in TEXTS if path.relative_to(ROOT).parts[0] in ("lib", "tests", "notebooks", "book", "benchmarks")
]
TEXTS += ROOT.glob("*.md")
PLACEHOLDER = re.compile(r"NAME|\bx\b")


def missing(text: str) -> list[str]:
    """Names of files below the repository, and of modules of lib and their members, that are not there."""
    files = re.findall(r"`((?:lib|tests|book|notebooks|benchmarks)/[\w./]*\w)`", text)
    names = re.findall(r"`(lib(?:\.\w+)+)", text)
    absent = [name for name in files if not (ROOT / name).exists() and not PLACEHOLDER.search(name)]
    return absent + [name for name in names if not _exists(name.split("."))]


def _exists(parts: list[str]) -> bool:
    """Whether a dotted name is a module, or a word in one: a member, what it imports, or a table of its data."""
    path = ROOT
    for i, part in enumerate(parts):
        if not (path / part).is_dir() and not (path / f"{part}.py").exists():
            sources = [path / "__init__.py" if path.is_dir() else path, path.with_suffix(".toml")]
            texts = [source.read_text(encoding="utf-8") for source in sources if source.exists()]
            return i > 1 and re.search(rf"\b{part}\b", "\n".join(texts)) is not None
        path = path / part if (path / part).is_dir() else path / f"{part}.py"
    return True


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_exists(path: Path) -> None:
    assert missing(path.read_text(encoding="utf-8")) == []


def test_what_is_missing_is_found() -> None:
    names = "lib/ridge.py lib/solvers/ridge.py lib.ridge lib.solvers.ridge lib.solvers.ridge.GCV lib/x.py"
    assert missing("".join(f"`{name}`" for name in names.split())) == [
        "lib/ridge.py",
        "lib.ridge",
        "lib.solvers.ridge.GCV",
    ]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    """pip and conda know their indexes, and users may have others."""
    hosts = re.compile("python" + r"hosted\.org|py" + r"pi\.org|ana" + r"conda\.(org|com)")
    data = [
        path for pattern in ("lib/**/*.toml", "*.toml", "*.txt", "*.yml", "Makefile") for path in ROOT.glob(pattern)
    ]
    assert [path for path in (*TEXTS, *data) if hosts.search(path.read_text(encoding="utf-8"))] == []
