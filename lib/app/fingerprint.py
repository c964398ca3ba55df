"""What an executed notebook depends on: code, parameters, data, versions."""

import ast
import hashlib
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from lib.app.notebooks import NotebookSource
from lib.app.parameters import Value
from lib.core.disk import ROOT
from lib.core.fetch import cache_folder

LIB = ROOT / "lib"


# Packages whose version can change a notebook's numbers or pictures.
PACKAGES = ("numpy", "scipy", "torch", "torchvision", "scikit-learn", "h5py", "nibabel", "matplotlib")


def notebook_fingerprint(source: NotebookSource, given: Mapping[str, Value]) -> str:
    """Hash of everything an executed notebook depends on.

    Its source and parameters, the helpers in `lib`, the miniature networks, the versions of Python and of the
    packages that compute, and the names, sizes and times of the data files at hand.
    """
    parameters = {**source.defaults, **given}
    digest = hashlib.sha256(repr(sorted(parameters.items())).encode())
    named = [source.path.parent / value for value in parameters.values() if isinstance(value, str) and value]
    digest.update(source.prelude.encode())
    for path in [source.path, *sorted([*LIB.rglob("*.py"), *miniature_files()])]:
        digest.update(path.read_bytes())
    for line in [*versions(), *data_files([cache_folder(), *named])]:
        digest.update(line.encode())
    return digest.hexdigest()


def miniature_files() -> list[Path]:
    """Checkpoints and cards of the miniature networks."""
    return [path for path in (LIB / "networks" / "miniatures").glob("*") if path.is_file()]


def versions() -> list[str]:
    """Of Python, and of the packages that can change a number or a picture."""
    return [platform.python_version(), *(f"{package} {version(package)}" for package in PACKAGES)]


def data_files(places: Iterable[Path]) -> Iterator[str]:
    """One line per file at or below each of these places: its path, size and time."""
    for place in places:
        for path in [place, *sorted(place.rglob("*"))]:
            if path.is_file():
                yield f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}"


def modules_used(names: Sequence[str]) -> set[Path]:
    """Files of `lib` that these modules import, directly or not, as their source says."""
    found: set[Path] = set()
    todo = [path for name in names for path in _files_of(name)]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += [other for name in _imported(path) for other in _files_of(name)]
    return found


def _imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports; of `from a import b`, also a.b, which may be a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _files_of(name: str) -> list[Path]:
    """Source files of a module of `lib` and of the packages around it; none for others."""
    parts = name.split(".")
    if parts[0] != "lib":
        return []
    stems = [LIB.joinpath(*parts[1:i]) for i in range(1, len(parts) + 1)]
    return [path for stem in stems for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()]
