"""The code that a computation depends on, followed by its source.

A module counts if an import statement, in a module that counts, names it. A module that is imported by a computed name
could be any, so all of `lib` counts then.
"""

import ast
import os
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from lib.core.disk import ROOT, sha256_of_file, stamp

LIB = ROOT / "lib"
# Packages whose version can change a notebook's numbers or pictures.
PACKAGES = ("numpy", "scipy", "torch", "torchvision", "scikit-learn", "h5py", "nibabel", "matplotlib")
_SCRIPT = re.compile(r"[\w~./-]+\.py\b")  # a file that code may run, as in `%run helper.py`


def code_lines(names: Iterable[str]) -> list[str]:
    """One line, with its hash, for each file of `lib` that these modules import or that lies in their folders."""
    return hash_lines(modules_used(names))


@cache
def versions() -> list[str]:
    """Return the versions of Python and of the packages that can change a number or a picture."""
    return [platform.python_version(), *(f"{package} {version(package)}" for package in PACKAGES)]


def modules_used(names: Iterable[str]) -> set[Path]:
    """Files of `lib` that these modules import, directly or not, the modules themselves included."""
    return import_closure([path for name in names for path in files_of(name, LIB, ())], ())


def import_closure(todo: list[Path], folders: Sequence[Path]) -> set[Path]:
    """These files and all that they import, directly or not, of `lib` and of the folders."""
    found: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += [other for name in _imports(path, stamp(path)) for other in files_of(name, path, folders)]
            todo += [] if path.is_relative_to(LIB) else _scripts(path)
    return found


@cache
def _imports(path: Path, _: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(imports_in(path.read_text(encoding="utf-8-sig", errors="replace")))


def imports_in(code: str) -> Iterator[str]:
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


def files_of(name: str, importer: Path, folders: Sequence[Path]) -> list[Path]:
    """Source files of a module and of the packages around it; none for those that are installed.

    Parameters
    ----------
    name : str
        As an import statement has it, with the dots of a relative one; "*" is any module of `lib`.
    importer : Path
        The file that imports it.
    folders : sequence of Path
        Where to look for what is neither relative nor of `lib`.
    """
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


def hash_lines(modules: set[Path]) -> list[str]:
    """One line per module, and per data file in the folders of those that are in `lib`: its name and hash.

    A data file that is named like a module beside it belongs to that module alone.
    """
    folders = {path.parent for path in modules if path.is_relative_to(LIB)}
    data = {path: path.with_suffix(".py") for folder in folders for path in _package_data(folder)}
    files = {*modules, *(path for path, owner in data.items() if owner in modules or not owner.exists())}
    return [f"{os.path.relpath(path, ROOT)} {_hash(path, stamp(path))}" for path in sorted(files)]


def _package_data(folder: Path) -> Iterator[Path]:
    """Files of a package that are not code, in its folders that are no packages too."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from _package_data(path)
        elif path.is_file() and path.suffix != ".py" and not path.name.startswith("."):
            yield path


@cache
def _hash(path: Path, _: tuple[int, ...]) -> str:
    return sha256_of_file(path)
