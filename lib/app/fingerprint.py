"""What an executed notebook depends on: the code that it imports, its parameters, its data, and versions."""

import ast
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from lib.app.notebooks import MEASURE, NotebookSource
from lib.app.parameters import Value
from lib.core.code import files_of, hash_lines, import_closure, imports_in, versions
from lib.core.disk import sha256_of_file, stamp
from lib.core.downloads import cache_folder


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
    lines += [*hash_lines(used), *versions(), *(f"{path} {state}" for path, state in data_files(places))]
    return hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()


def data_files(places: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Each file at or below these places, and its state: where it really lies, size and times.

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


def _modules_of_notebook(source: NotebookSource) -> set[Path]:
    """Files that a notebook imports, directly or not: of `lib`, beside it, in PYTHONPATH and in folders it names."""
    paths = [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    paths += [folder for text in _texts_in(source.path) if (folder := source.path.parent / text).is_dir()]
    folders = [source.path.parent, *(path for path in paths if not path.name.endswith("-packages"))]
    names = [*imports_in(source.prelude), *imports_in(MEASURE)]
    start = [path for name in names for path in files_of(name, source.path, folders)]
    return import_closure([source.path, *start], folders) - {source.path}


def _texts_in(path: Path) -> Iterator[str]:
    """Texts of one line in code, such as the folder in `sys.path.append("../tools")`."""
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8-sig", errors="replace"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isprintable():
                yield os.path.expanduser(node.value[:1000])
