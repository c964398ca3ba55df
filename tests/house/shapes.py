"""Array shapes, as docstrings give them, checked whenever a test calls a function.

`watch("lib.solvers")` wraps every public function and method of a package when it is imported. After a call that
returns, every "array of shape (n_images, n_voxels)" in Parameters and Returns, and in the Attributes of dataclasses, is
compared with the arrays themselves: one name means one number throughout the call.
"""

import dataclasses
import functools
import importlib.abc
import importlib.machinery
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from house.public import entries, heads, sections

SHAPES = re.compile(r"of shape (\([^)]*\)(?:(?:,| or) \([^)]*\))*)")
Sizes = dict[str, int]


class ShapeError(AssertionError):
    """An array is not as its docstring says."""


def shapes_of(kind: str) -> list[list[str]]:
    """Shapes that a type allows: "array of shape (n,) or (n, 2)" allows two; none means that nothing is said."""
    found = SHAPES.search(kind)
    alternatives = re.findall(r"\(([^)]*)\)", found[1]) if found else []
    return [[size.strip() for size in shape.split(",") if size.strip()] for shape in alternatives]


def bound(shape: list[str], found: tuple[int, ...], sizes: Sizes) -> Sizes | None:
    """The sizes with those of one more array, or None if they contradict; "n + 1" and "..." fit any number."""
    if shape[:1] == ["..."]:
        shape, found = shape[1:], found[max(0, len(found) - len(shape) + 1) :]
    if len(shape) != len(found):
        return None
    known = dict(sizes)
    for name, size in zip(shape, found, strict=True):
        if (name.isdigit() and int(name) != size) or (name.isidentifier() and known.setdefault(name, size) != size):
            return None
    return known


def compare(what: str, kind: str, value: Any, sizes: Sizes) -> None:
    """Compare an array with its type, and add its sizes to `sizes`.

    Each array of a list or mapping is compared by itself: a size may differ among them if no other array has it.
    """
    if isinstance(value, Mapping | list | tuple):
        each = [dict(sizes) for _ in value]
        for one, own in zip(value.values() if isinstance(value, Mapping) else value, each, strict=True):
            compare(what, kind, one, own)
        sizes |= dict(set.intersection(*(set(own.items()) for own in each))) if each else {}
    elif (shapes := shapes_of(kind)) and hasattr(value, "shape"):
        fitting = [new for shape in shapes if (new := bound(shape, tuple(value.shape), sizes)) is not None]
        if not fitting:
            raise ShapeError(f"{what}: documented as {kind}, found shape {tuple(value.shape)}, where {sizes}.")
        sizes |= fitting[0]


def compare_fields(value: Any, sizes: Sizes) -> None:
    """Compare the arrays of a dataclass with its Attributes."""
    if dataclasses.is_dataclass(value):
        documented = entries(sections(inspect.getdoc(type(value)) or "").get("Attributes", ""))
        for name in documented.keys() & {field.name for field in dataclasses.fields(value)}:
            compare(f"{type(value).__name__}.{name}", documented[name], getattr(value, name, None), sizes)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which compares shapes after each call that returns."""
    signature, parts = inspect.signature(function), sections(inspect.getdoc(function) or "")
    returns = [kind or text for text, kind in heads(parts.get("Returns", ""))]

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, sizes = function(*args, **kwargs), Sizes()
        given = signature.bind(*args, **kwargs).arguments
        for value in given.values():
            compare_fields(value, {})
        for name, kind in entries(parts.get("Parameters", "")).items():
            compare(f"{function.__qualname__}({name})", kind, given.get(name), sizes)
        results = result if isinstance(result, tuple) and len(returns) == len(result) else [result]
        for kind, value in zip(returns, results, strict=False):
            compare(f"result of {function.__qualname__}", kind, value, sizes)
        compare_fields(result, sizes)
        return result

    return wrapped


def wrap(module: ModuleType) -> None:
    """Check every public function of a module, and every public method of its classes."""
    for owner in (module, *vars(module).values()):
        if owner is module or (inspect.isclass(owner) and owner.__module__ == module.__name__):
            for name, value in list(vars(owner).items()):
                if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
                    setattr(owner, name, checked(value))


class Watch(importlib.abc.MetaPathFinder):
    """Finds modules as Python does, and wraps those of some packages when they are loaded."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder`."""
        if not name.startswith(self.packages):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (load(module), wrap(module))[0]  # type: ignore[method-assign]
        return spec


def watch(*packages: str) -> None:
    """Wrap the modules of these packages, which must not be imported yet."""
    sys.meta_path.insert(0, Watch(packages))
