"""One table in Markdown, text and HTML: whatever a cell holds, it stays one cell, and nothing in it is run."""

from html.parser import HTMLParser

import numpy as np
import pytest
from markdown_it import MarkdownIt

from lib.core.tables import Table, plain

CELLS = [
    "a|b", r"a\|b", r"a\\|b", "|", "||", "|---|", "a\nb", "a\r\nb", "a\n\nb", "| x |\n| y |", "a\x0bb\x85c\u2028d",
    "<b>bold</b>", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;script&gt;", "<!-- x", "`a|b`",
    "$|r|$", "**x", "[x](y)", "\\", "ends with \\", "", " ", "\x1b[31mred", "a\tb", "é 数 🙂",
]  # fmt: skip


class Cells(HTMLParser):
    """Rows of cells, and all elements that are there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.elements: set[str] = set()
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

        self.inside = tag not in ("tr", "tbody", "table")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def rendered(markdown: str) -> Cells:
    """As a page and a notebook show it: HTML in Markdown is passed on."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    return Cells(html)


def one_line(text: str) -> str:
    return " ".join(text.replace("\x1b", " ").split())


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_stays_one_cell_in_markdown(cell: str) -> None:
    found = rendered(Table(["first", cell], [[cell, 1], ["x", cell]])._repr_markdown_())
    assert [len(row) for row in found.rows] == [2, 2, 2]
    assert found.rows[2][0] == "x" and found.rows[1][1] == "1"
    assert not found.elements & {"b", "script", "img"}


@pytest.mark.parametrize("cell", CELLS)
def test_plain_text_is_shown_letter_by_letter(cell: str) -> None:
    found = rendered(Table(["first", plain(cell)], [[plain(cell), "x"]])._repr_markdown_())
    assert found.rows == [["first", one_line(cell)], [one_line(cell), "x"]]
    assert found.elements == {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("cell", CELLS)
def test_rows_of_a_literal_table_are_shown_letter_by_letter(cell: str) -> None:
    table = Table(["*choice*", "value"], [[cell, 1.0]], literal=True)
    found = rendered(table._repr_markdown_())
    assert found.rows[1] == [one_line(cell), "1.000"]
    assert found.elements == {"table", "thead", "tbody", "tr", "th", "td", "em"}
    assert one_line(cell) in str(table)


@pytest.mark.parametrize("cell", CELLS)
def test_plain_text_survives_programs_that_count_backslashes_before_a_bar(cell: str) -> None:
    """JupyterLab splits a row at a bar with an even number of backslashes before it; this leaves no bar at all."""
    assert "|" not in plain(cell)


@pytest.mark.parametrize(
    "text",
    [*CELLS, "- x", "1. x", "12) x", "+ x", "> x", "# x", "%x", ":::x", "===", "---", "(a)=", "{role}`x`", "$x$"],
)
def test_plain_text_is_a_paragraph_where_a_line_begins(text: str) -> None:
    html = MarkdownIt("commonmark", {"html": True}).render(plain(text))
    found = Cells(f"<table><tr><td>{html}</td></tr></table>")
    assert found.rows[0][0].strip() == one_line(text) and found.elements <= {"table", "tr", "td", "p"}


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_stays_one_cell_in_html_and_text(cell: str) -> None:
    table = Table(["first", cell], [[cell, "x"]], caption=cell)
    found = Cells(table.html().replace("<caption>", "<i>").replace("</caption>", "</i>"))
    assert found.rows == [["first", one_line(cell)], [one_line(cell), "x"]]
    assert not found.elements & {"b", "script", "img"}
    lines = str(table).split("\n")
    assert len(lines) == 2 and all(line.isprintable() for line in lines)


def test_emphasis_code_and_formulas_work_in_markdown() -> None:
    found = rendered(Table(["*a*", "`b`"], [["**c**", "[d](e)"]])._repr_markdown_())
    assert {"em", "code", "strong", "a"} <= found.elements
    assert r"$\|r\|$" in Table(["$|r|$"], [])._repr_markdown_()  # the parser of tables takes the backslashes away


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.12345, "0.123"), (np.float32(0.5), "0.500"), (np.float64(-1), "-1.000"), (np.float16(2), "2.000"),
        (3, "3"), (np.int64(3), "3"), (True, "True"), (np.bool_(False), "False"), (None, ""), (np.nan, "nan"),
        (np.str_("x"), "x"), (np.inf, "inf"), ("x", "x"), (-0.0004, "0.000"),
    ],
)  # fmt: skip
def test_numbers_and_nothing(value: object, shown: str) -> None:
    table = Table(["a", "b"], [[value, "end"]])
    assert rendered(table._repr_markdown_()).rows[1] == [shown, "end"]
    assert Cells(table.html()).rows[1] == [shown, "end"]
    assert str(table).split("\n")[1].split() == [*shown.split(), "end"]


def test_columns_of_text_line_up() -> None:
    assert str(Table(["a", "long name"], [["longer", 1], ["b", 22]])) == "a       long name\nlonger  1\nb       22"


def test_rows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="A table of 2 columns cannot hold a row of 1"):
        Table(["a", "b"], [["only"]])


def test_no_rows() -> None:
    assert rendered(Table(["a", "b"], [])._repr_markdown_()).rows == [["a", "b"]]
    assert str(Table(["a", "b"], [])) == "a  b"
