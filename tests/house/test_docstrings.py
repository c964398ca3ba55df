"""Every public function says what it does; one with many arguments says what each of them is."""

import ast

import pytest
from house.public import Function, entries, functions, sections

MANY = 3


def undocumented(function: Function) -> list[str]:
    """Arguments that a function's Parameters leave out; a function of few arguments needs no Parameters."""
    if len(function.annotations) - 1 < MANY:
        return []
    named = entries(sections(function.docstring).get("Parameters", ""))
    return [name for name in function.annotations if name not in named and name != "return" and name[0] != "_"]


def test_public_functions_have_docstrings() -> None:
    silent = [function.place for function in functions() if not function.docstring]
    assert not silent, "\n".join(silent)


def test_functions_of_three_arguments_or_more_document_each() -> None:
    found = [
        f"{function.place}: {', '.join(missing)}" for function in functions() if (missing := undocumented(function))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("docstring", "missing"),
    [
        ("Adds.", ["a", "b", "rest"]),
        ("Adds.\n\nParameters\n----------\na, b : int\n    What to add.\n", ["rest"]),
        ("Adds.\n\nParameters\n----------\na\n    One.\nb : int\n**rest\n    More.\n\nReturns\n-------\nint\n", []),
    ],
)
def test_check_itself(docstring: str, missing: list[str]) -> None:
    add = ast.parse(f"def add(self, a: int, b, **rest: int) -> int:\n    '''{docstring}'''").body[0]
    assert undocumented(Function.of("lib.add", add)) == missing
