"""Values of a notebook's parameters, as text on the command line and as Python in the notebook."""

import ast

Value = bool | int | float | str | list[object] | None


def parse_value(text: str) -> Value:
    """Read a parameter as papermill's own command line does: None, booleans, numbers, else text.

    Beyond papermill, `["a", "b"]` is a list, and `false` is not a text that counts as true.
    """
    words: dict[str, Value] = {"None": None, "True": True, "true": True, "False": False, "false": False}
    if text in words:
        return words[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return literal(text) if text.startswith("[") else text


def literal(text: str) -> Value:
    """Read a Python literal; anything else stays text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
