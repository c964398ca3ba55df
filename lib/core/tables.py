"""One table for pages, terminals and explorers; what came from a file or a person is escaped here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+!~$<>&|]|^[-=:%]|^\d+(?=\.)")  # the last two only where a line begins
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;"}  # a backslash before a bar is read in several ways
_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")  # one that Markdown does not read as escaped
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Table:
    """Rows under a header. A notebook shows it as Markdown, `print` as columns of text.

    Attributes
    ----------
    header : sequence of str
    rows : sequence of rows, each as long as the header
        Floats are shown with three digits after the point, none as minus zero, None as an empty cell. Markdown in text
        works: emphasis, code, links, formulas. A line break or a bar does not break the row, and HTML is shown, not
        run. Text that came from a file or a person goes through `plain` first.
    caption : str
        Of the HTML table.
    literal : bool
        Whether all text in the rows is shown letter by letter, as by `plain`.

    Raises
    ------
    ValueError
        A row of another length.

    Examples
    --------
    >>> table = Table(["layer", "R"], [["Conv-1", 0.12345], ["Conv-2", None]])
    >>> print(table)
    layer   R
    Conv-1  0.123
    Conv-2
    >>> print(table._repr_markdown_())
    | layer | R |
    | --- | --- |
    | Conv-1 | 0.123 |
    | Conv-2 |  |
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    literal: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"A table of {len(self.header)} columns cannot hold a row of {len(row)}: {row!r}.")

    def _repr_markdown_(self) -> str:
        rows = [[plain(value) for value in row] for row in self.rows] if self.literal else self.rows
        lines = [self.header, ["---"] * len(self.header), *rows]
        return "\n".join(f"| {' | '.join(map(_markdown_cell, line))} |" for line in lines)

    def __str__(self) -> str:
        lines = [[_words(value) for value in line] for line in (self.header, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def html(self) -> str:
        """Return the table as HTML, for the cell of an explorer."""
        head = "".join(f'<th scope="col">{escape(_words(name))}</th>' for name in self.header)
        rows = ("".join(f"<td>{escape(_words(value))}</td>" for value in row) for row in self.rows)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"<caption>{escape(self.caption)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def plain(text: object) -> str:
    """Text from a file or a person, as Markdown that shows it letter by letter, on one line.

    >>> print(plain("a_b | <i>"))
    a\\_b &#124; &lt;i&gt;
    """
    return _SPECIAL.sub(_escaped, _words(text))


def _escaped(found: re.Match[str]) -> str:
    return f"{found[0]}\\" if found[0].isdigit() else _ENTITIES.get(found[0], f"\\{found[0]}")


def _words(value: object) -> str:
    """One line without control characters; nothing for None."""
    text = f"{value:z.3f}" if isinstance(value, float | np.floating) else "" if value is None else str(value)
    return " ".join(_CONTROL.sub(" ", text).split())


def _markdown_cell(value: object) -> str:
    return _BAR.sub(r"\1\\|", _words(value)).replace("<", "&lt;")
