"""Examples in the docstrings of `lib` give what they show."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

from lib.core.disk import ROOT

WITH_EXAMPLES = [path for path in sorted((ROOT / "lib").rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_give_what_they_show(path: Path) -> None:
    """Read from the source: doctest passes over functions that the watch over shapes has wrapped."""
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    text, told = path.read_text(encoding="utf-8"), []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = [ast.get_docstring(node) for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    for docstring in filter(None, docstrings):
        example = parser.get_doctest(docstring, dict(vars(module)), path.stem, str(path), None)
        runner.run(example, out=told.append)
    assert told == [] and runner.tries == text.count(">>> ")
