"""What lib offers: public names, functions, their arguments and docstrings, read from the source."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from house.lines import modules

SECTION = re.compile(r"^([A-Z]\w+)\n-{3,}\n", re.MULTILINE)


@dataclass(frozen=True)
class Function:
    """A public function or method.

    Attributes
    ----------
    place : str
        Module, class and name.
    annotations : mapping
        Of each argument but self, and of "return", as text.
    docstring : str
    """

    place: str
    annotations: dict[str, str]
    docstring: str

    @classmethod
    def of(cls, place: str, node: ast.FunctionDef) -> "Function":
        """Read from the source."""
        every = node.args
        arguments = (*every.posonlyargs, *every.args, every.vararg, *every.kwonlyargs, every.kwarg)
        kinds = {argument.arg: argument.annotation for argument in arguments if argument} | {"return": node.returns}
        texts = {name: ast.unparse(kind) if kind else "" for name, kind in kinds.items() if name not in ("self", "cls")}
        return cls(place, texts, ast.get_docstring(node) or "")


def sections(docstring: str) -> dict[str, str]:
    """The sections of a numpydoc docstring by title."""
    _, *rest = SECTION.split(docstring)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def heads(section: str) -> list[tuple[str, str]]:
    """What stands before and after the colon, of each entry in a section: "a, b : int", or "array" alone."""
    lines = [line for line in section.splitlines() if line.strip() and not line.startswith(" ")]
    return [(name, kind) for name, _, kind in (line.partition(" : ") for line in lines)]


def entries(section: str) -> dict[str, str]:
    """Type by name, of a section such as Parameters; an entry may have several names."""
    return {name.strip("* "): kind for names, kind in heads(section) for name in names.split(",")}


def definitions() -> Iterator[tuple[str, str]]:
    """Public classes, functions and constants as (name, module)."""
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in _defined(node):
                if not name.startswith("_"):
                    yield name, module


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [part.id for target in targets if target for part in ast.walk(target) if isinstance(part, ast.Name)]


def functions() -> Iterator[Function]:
    """Public functions, and public methods of public classes."""
    for module, path in modules().items():
        yield from _functions(ast.parse(path.read_text(encoding="utf-8")).body, module)


def _functions(body: list[ast.stmt], place: str) -> Iterator[Function]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _functions(node.body, f"{place}.{node.name}")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield Function.of(f"{place}.{node.name}", node)
