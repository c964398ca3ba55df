"""Lines of code: without blank lines, comments and docstrings. `python tests/house/lines.py` prints them."""

import ast
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
LARGEST = {"lib": 7400, "import closure of the figure notebooks": 4000}


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of lib by its dotted name."""
    names = {path: ".".join(path.relative_to(root).with_suffix("").parts) for path in (root / "lib").rglob("*.py")}
    return {name.removesuffix(".__init__"): path for path, name in sorted(names.items())}


def code_lines(path: Path) -> int:
    """How many lines of a file are code; a line inside a longer string counts."""
    source = path.read_text(encoding="utf-8")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [
        node.body[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None
    ]
    skipped = {line for text in texts for line in range(text.lineno, (text.end_lineno or 0) + 1)}
    lines = enumerate(map(str.strip, source.splitlines()), start=1)
    return sum(bool(line) and not line.startswith("#") and number not in skipped for number, line in lines)


def imported(path: Path) -> set[str]:
    """Dotted names that a file may import; an attribute of a module is listed as if it were a module."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def closure(paths: Iterable[Path], files: dict[str, Path]) -> set[str]:
    """Modules of lib that files import, directly or not, with the packages around them."""
    found: set[str] = set()
    waiting = set().union(*map(imported, paths))
    while waiting:
        name = waiting.pop()
        waiting.add(name.rpartition(".")[0])
        if name in files and name not in found:
            found.add(name)
            waiting |= imported(files[name])
        waiting -= found | {""}
    return found


def measured() -> dict[str, int]:
    """Lines of code of each part that has a limit in `LARGEST`."""
    files = modules()
    figures = closure((ROOT / "notebooks").glob("fig*.py"), files)
    parts = zip(LARGEST, (files, figures), strict=True)
    return {part: sum(code_lines(files[name]) for name in names) for part, names in parts}


if __name__ == "__main__":
    for part, lines in measured().items():
        print(f"{lines:,} lines of code in {part} (at most {LARGEST[part]:,})")
