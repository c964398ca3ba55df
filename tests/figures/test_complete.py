"""Every public function of figures is called by a test beside this one."""

import ast
from pathlib import Path

from lib import figures

# Tested in tests/simulation/test_layouts.py, on participants with pictures
ELSEWHERE = {"pictures_shown"}


def test_every_public_function_is_tested() -> None:
    tests = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("test_*.py")]
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(figures.__path__[0]).glob("*.py")]
    nodes = [node for tree in tests for node in ast.walk(tree)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    functions = {node.name for tree in modules for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {name for name in functions if not name.startswith("_")} - used == ELSEWHERE
