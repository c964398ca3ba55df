"""What an executed notebook depends on: the code it imports, its parameters, its data, and versions.

Code is followed by its source: a module counts if an import statement, in the notebook or in a module that counts,
names it. A module that is imported by a computed name could be any, so all of `lib` counts then.
"""

import ast
import hashlib
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from lib.app.notebooks import MEASURE, NotebookSource
from lib.app.parameters import Value
from lib.core.disk import ROOT, sha256_of_file, stamp
from lib.core.downloads import cache_folder

LIB = ROOT / "lib"
# Packages whose version can change a notebook's numbers or pictures.
PACKAGES = ("numpy", "scipy", "torch", "torchvision", "scikit-learn", "h5py", "nibabel", "matplotlib")
_SCRIPT = re.compile(r"[\w~./-]+\.py\b")  # a file that code may run, as in `%run helper.py`


def notebook_fingerprint(source: NotebookSource, given: Mapping[str, Value]) -> str:
    """Hash of everything an executed notebook depends on.

    Its source and parameters; the modules that it imports, directly or not, of `lib` and beside it, and the data files
    in their folders of `lib`; versions of Python and of the packages that compute; and names, sizes and times of the
    data files at hand: downloads, and what a parameter names.

    Parameters
    ----------
    source : NotebookSource
    given : mapping
        Parameters that replace defaults.
    """
    parameters = {**source.defaults, **given}
    used = _modules_of_notebook(source)
    named = [source.path.parent / os.path.expanduser(text) for text in _texts(list(parameters.values())) if text]
    places = [cache_folder(), *(place for place in named if os.path.exists(place) and place != Path(place.anchor))]
    lines = [repr(sorted(parameters.items())), source.prelude, sha256_of_file(source.path)]
    lines += [*_hashes(used), *versions(), *(f"{path} {state}" for path, state in data_files(places))]
    return hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()


def code_lines(names: Iterable[str]) -> list[str]:
    """One line, with its hash, for each file of `lib` that these modules import or that lies in their folders."""
    return _hashes(modules_used(names))


@cache
def versions() -> list[str]:
    """Return the versions of Python and of the packages that can change a number or a picture."""
    return [platform.python_version(), *(f"{package} {version(package)}" for package in PACKAGES)]


def data_files(places: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Each file at or below these places, and its state: where it really lies, size and time.

    Links are followed; a folder that several lead to counts once.
    """
    for place in places:
        for path in [place] if place.is_file() else _files_below(place):
            if path.is_file():
                yield path, " ".join(map(str, (os.path.realpath(path), *stamp(path))))


def _files_below(place: Path) -> Iterator[Path]:
    seen = set()
    for folder, folders, files in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [] if real in seen else sorted(folders)
        yield from (Path(folder, name) for name in sorted(files if real not in seen else ()))
        seen.add(real)


def _texts(value: object) -> Iterator[str]:
    """Every text in a value, in lists of lists too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple | set):
        for member in value:
            yield from _texts(member)


def modules_used(names: Iterable[str]) -> set[Path]:
    """Files of `lib` that these modules import, directly or not, the modules themselves included."""
    return _closure([path for name in names for path in _files_of(name, LIB, ())], ())


def _modules_of_notebook(source: NotebookSource) -> set[Path]:
    """Files that a notebook imports, directly or not: of `lib`, beside it, and in PYTHONPATH."""
    paths = [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    folders = [source.path.parent, *(path for path in paths if not path.name.endswith("-packages"))]
    names = [*_imports_in(source.prelude), *_imports_in(MEASURE)]
    start = [path for name in names for path in _files_of(name, source.path, folders)]
    return _closure([source.path, *start], folders) - {source.path}


def _closure(todo: list[Path], folders: Sequence[Path]) -> set[Path]:
    found: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += [other for name in _imports(path, stamp(path)) for other in _files_of(name, path, folders)]
            todo += [] if path.is_relative_to(LIB) else _scripts(path)
    return found


@cache
def _imports(path: Path, _: tuple[int, int]) -> tuple[str, ...]:
    return tuple(_imports_in(path.read_text(encoding="utf-8-sig", errors="replace")))


def _imports_in(code: str) -> Iterator[str]:
    """Names that code imports, relative ones with their dots; of `from a import b`, also a.b, which may be a module.

    "*" is a name that is computed: any module of `lib`.
    """
    with suppress(SyntaxError):  # Python will say so where it is imported
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                yield from (name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                yield module
                yield from (f"{module}.{name.name}" if node.module else module + name.name for name in node.names)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
                "import_module",
                "__import__",
            ):
                name = getattr(node.args[0], "value", None) if node.args else None
                yield name if isinstance(name, str) else "*"


def _files_of(name: str, importer: Path, folders: Sequence[Path]) -> list[Path]:
    """Source files of a module and of the packages around it; none for those that are installed."""
    if name == "*":
        return sorted(LIB.rglob("*.py"))
    parts = name.lstrip(".").split(".")
    level = len(name) - len(name.lstrip("."))
    roots = [importer.parents[level - 1]] if level else [LIB.parent] if parts[0] == "lib" else folders
    for root in roots:
        stems = [root.joinpath(*parts[:i]) for i in range(1, len(parts) + 1)]
        files = [path for stem in stems for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()]
        if files:
            return files
    return []


def _scripts(path: Path) -> list[Path]:
    """Python files that a notebook or a module beside it names as text, seen from its folder."""
    words = _SCRIPT.findall(path.read_text(encoding="utf-8", errors="replace"))
    return [script for word in words if (script := path.parent / os.path.expanduser(word)).is_file()]


def _hashes(modules: set[Path]) -> list[str]:
    """One line per module, and per data file in the folders of those that are in `lib`: its name and hash."""
    folders = {path.parent for path in modules if path.is_relative_to(LIB)}
    files = {*modules, *(path for folder in folders for path in _package_data(folder))}
    return [f"{os.path.relpath(path, ROOT)} {_hash(path, stamp(path))}" for path in sorted(files)]


def _package_data(folder: Path) -> Iterator[Path]:
    """Files of a package that are not code, in its folders that are no packages too."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from _package_data(path)
        elif path.is_file() and path.suffix != ".py" and not path.name.startswith("."):
            yield path


@cache
def _hash(path: Path, _: tuple[int, int]) -> str:
    return sha256_of_file(path)
