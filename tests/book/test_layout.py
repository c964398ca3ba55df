"""How a notebook becomes a page: its figure first, imports folded, long lines of code wrapped."""

import re
from collections.abc import Iterator

import pytest
from browser import HTML, ROOT, book_at, contents
from docutils import nodes
from docutils.utils import new_document
from layout import _lines, arranged, keep_together, mend, reading_minutes
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Page

from lib.app.notebooks import NotebookSource

NOTEBOOKS = [page for page in contents() if page.startswith("notebooks/")]
# Blocks of code that hold more than they show, and the top of the first picture.
CUT = """() => Array.from(document.querySelectorAll("main div.highlight pre"))
  .filter((pre) => [pre, pre.parentElement].some((box) => box.scrollWidth > box.clientWidth + 1))
  .map((pre) => pre.innerText.slice(0, 80))"""
FIRST_PICTURE = """() => Math.min(...Array.from(document.querySelectorAll("article img, article figure.explorer"))
  .map((one) => one.getBoundingClientRect().top))"""


def figure(name: str, caption: str, drawn: bool, **metadata: object) -> NotebookNode:
    """A cell with a figure's metadata, executed if its figure was drawn."""
    about = {"image": {"alt": f"Alt of {name}."}, "figure": {"name": f"fig-{name}", "caption": caption}}
    outputs = [new_output("display_data", {"image/png": ""})] * drawn
    return new_code_cell("draw()", metadata={"mystnb": about, **metadata}, outputs=outputs)


@pytest.fixture
def page() -> NotebookNode:
    """A paper's figure after another one, between cells of every kind."""
    notice = new_output(
        "display_data",
        {"text/markdown": "```{admonition} Simulated data\n:class: warning\n\nx\n```"},
        metadata={"text/markdown": {"simulated": True}},
    )
    cells = [
        new_markdown_cell("# Figure 7: title\n\nA question.\n\nMore words."),
        new_code_cell("import numpy\nfrom math import (\n    pi,\n)"),
        new_code_cell("a = 1", metadata={"tags": ["parameters"]}),
        new_code_cell("notice()", outputs=[notice]),
        figure("one", "First.", drawn=True),
        figure("two", "Second.", drawn=True, tags=["thumbnail"]),
        new_code_cell("import numpy\nx = 1"),
        new_code_cell("%matplotlib inline"),
    ]
    return arranged(new_notebook(cells=cells), "mine")


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def test_page_leads_with_the_figure_of_the_landing_page(page: NotebookNode) -> None:
    blocks = page.cells[0].source.split("\n\n")
    assert [blocks[0], blocks[1], blocks[-1]] == ["# Figure 7: title", "A question.", "More words."]
    assert blocks[2] == "```{thumbnail} mine\n:alt: Alt of two.\n:target: fig-two\n:lead:\n```"
    assert blocks[3].startswith("Figure 7: [") and blocks[3].endswith("](#fig-two).")
    assert blocks[4] == "*About 3 min to read, without the exercises.*"


def test_a_list_stays_with_the_sentence_that_opens_it() -> None:
    cells = [new_markdown_cell("# T\n\nTwo claims:\n\n* one\n* two\n\nWords."), figure("one", "First.", drawn=True)]
    blocks = arranged(new_notebook(cells=cells), "mine").cells[0].source.split("\n\n")
    assert blocks[1:3] == ["Two claims:", "* one\n* two"] and blocks[3].startswith("```{thumbnail}")


def test_a_page_that_drew_nothing_has_no_lead() -> None:
    page = arranged(new_notebook(cells=[new_markdown_cell("# T\n\nQ."), figure("one", "x", drawn=False)]), "mine")
    assert page.cells[0].source == "# T\n\nQ.\n\n*About 2 min to read, without the exercises.*"


def test_reading_takes_a_minute_for_a_hundred_words_and_each_figure_but_not_for_what_is_folded() -> None:
    folded = "```{note} x\n:class: dropdown\n\n" + "fold " * 500 + "\n```"
    cells = [new_markdown_cell(f"# T\n\n{'word ' * 98}\n\n{folded}"), figure("one", "x", drawn=True)]
    exercises = [new_markdown_cell("## Exercises\n\n" + "word " * 900), figure("two", "x", drawn=True)]
    assert reading_minutes(new_notebook(cells=[*cells, *exercises])) == 2
    assert reading_minutes(new_notebook(cells=[*cells, new_markdown_cell("one"), *exercises])) == 3


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_page_takes_more_than_twenty_minutes(name: str) -> None:
    assert reading_minutes(NotebookSource(ROOT / f"{name}.py").notebook) <= 20


def test_figures_are_numbered(page: NotebookNode) -> None:
    captions = [cell.metadata.mystnb.figure.caption for cell in page.cells[4:6]]
    assert captions == ["**Figure A of this page.** First.", "**Figure 7.** Second."]


def test_only_imports_and_parameters_are_folded(page: NotebookNode) -> None:
    cells = page.cells[1:]
    assert ["hide-input" in tags(cell) for cell in cells] == [True, True, *[False] * 5]
    assert [cell.metadata.mystnb["code_prompt_show"] for cell in cells[:2]] == ["Imports", "Parameters"]
    assert ["remove-input" in tags(cell) for cell in cells] == [False, False, True, *[False] * 4]
    assert ":class: warning dropdown" in page.cells[3].outputs[0].data["text/markdown"]


def test_each_line_of_code_has_a_box() -> None:
    boxes = '<span class="code-line">a</span>\n<span class="code-line"></span>\n<span class="code-line">b</span>\n'
    assert _lines("a\n\nb\n") == boxes


def test_a_line_of_code_goes_on_behind_its_own_indent_and_may_break_where_code_opens() -> None:
    call = '<span class="n">f</span><span class="p">(</span><span class="n">a</span><span class="o">.</span>b'
    broken = call.replace("(</span>", "(</span><wbr>").replace(".</span>", ".</span><wbr>")
    spaces = '<span class="w">    </span>'
    first, second = (f'<span class="code-line"{style}>' for style in ("", ' style="--indent: 4"'))
    assert _lines(f"{call}\n{spaces}{call}") == f"{first}{broken}</span>\n{second}{spaces}{broken}</span>\n"


def test_names_with_a_number_stay_in_one_line_where_they_are_prose() -> None:
    kept = '<script>"Conv-3"</script><img alt="Conv-3"><svg><text>FC-6</text></svg><pre>Conv-1</pre>'
    context = {"body": f"{kept}<p>Conv-3, FC-6 of ResNet-50 in V1-V4; x-1, Y1-Y3, as-published, 1e-02, K-fold</p>"}
    mend(None, "page", "", context, None)
    shown = [f'<span class="whole">{name}</span>' for name in ("Conv-3", "FC-6", "ResNet-50", "V1-V4")]
    shown += ['<span class="whole long">as-published</span>']
    shown += [f'<span class="whole">{one}</span>' for one in ("1e-02", "K-fold")]
    assert context["body"] == kept + "<p>{}, {} of {} in {}; x-1, Y1-Y3, {}, {}, {}</p>".format(*shown)


def test_an_address_in_code_may_break_before_it_and_after_its_slashes() -> None:
    broken = "INDEX=<wbr>https://a.org/<wbr>b/<wbr>c d/e"
    assert _lines(broken.replace("<wbr>", "")) == f'<span class="code-line">{broken}</span>\n'


def test_the_link_of_a_solution_begins_behind_the_space() -> None:
    context = {"body": '<p>Solution to<a href="#a"> Exercise 1</a></p>'}
    mend(None, "page", "", context, None)
    assert context["body"] == '<p>Solution to <a href="#a">Exercise 1</a></p>'


def test_a_sign_of_code_stays_with_what_it_belongs_to() -> None:
    arrow, minus = '<span class="o">-&gt;</span>', '<span class="o">-</span><span class="n">best</span>'
    between = '<span class="w"> </span><span class="o">-</span><span class="w"> </span>'
    first, second = (f'<span class="whole">{sign}</span>' for sign in (arrow, minus))
    assert _lines(arrow + between + minus) == f'<span class="code-line">{first}{between}{second}</span>\n'


def test_no_hyphen_of_code_ends_a_line() -> None:
    whole = "run {-p} x {--dry-run} {as-coded} a - b -1 " + "long-" * 8 + "name"
    shown = whole.replace("{", '<span class="whole">').replace("}", "</span>")
    assert _lines(whole.replace("{", "").replace("}", "")) == f'<span class="code-line">{shown}</span>\n'


def test_hyphens_within_a_tag_are_not_code() -> None:
    coloured = '<span class="l l-Scalar l-Scalar-Plain">my-lab</span>'
    whole = coloured.replace("my-lab", '<span class="whole">my-lab</span>')
    assert _lines(coloured) == f'<span class="code-line">{whole}</span>\n'


def test_short_names_marks_and_percents_stay_in_one_line() -> None:
    page = new_document("page")
    words, code = (
        nodes.paragraph("", "95 % of 20 % hold: ✓ 3 ? 2 – 1, 4 GB, 64 x 64, 13 s, 5 steps, p < .01"),
        nodes.literal_block("", "95 %"),
    )
    short, long = nodes.literal("", "results/TASK.npz"), nodes.literal("", "taskonomy-edge2d")
    page += [words, code, nodes.paragraph("", "", short, long)]
    keep_together(None, page, "page")
    assert (
        words.astext()
        == "95\xa0% of 20\xa0% hold: ✓\xa03 ?\xa02 –\u2060\xa01, 4\xa0GB, 64\xa0×\xa064, 13\xa0s, 5 steps"
        ", p\xa0<\xa0.01"
        and code.astext() == "95 %"
    )
    assert (short["classes"], long["classes"]) == (["short"], ["fits"])


def test_signs_are_set_in_prose_and_nowhere_else() -> None:
    page = new_document("page")
    told = nodes.paragraph("", "+0.1 [-0.1, +0.3]; -0.4 (-.5 to -1) of 425 x 425 in ResNet-50, a - b, 2018-2021")
    kept = [kind("", "-0.4 x 2 x 3") for kind in (nodes.literal, nodes.math, nodes.literal_block)]
    silent = nodes.paragraph("", "-")
    page += [told, nodes.paragraph("", "", *kept[:2]), kept[2], silent]
    orphan = nodes.paragraph()
    orphan.children.append(nodes.Text("-1"))  # as extensions leave it: it does not know its parent
    page += orphan
    keep_together(None, page, "page")
    assert orphan.astext() == "−1"
    assert told.astext() == "+0.1 [−0.1,\xa0+0.3]; −0.4 (−.5 to −1) of 425\xa0×\xa0425 in ResNet-50, a - b, 2018-2021"
    assert [one.astext() for one in (*kept, silent)] == ["-0.4 x 2 x 3"] * 3 + ["–"]


def test_long_paths_may_break_after_a_slash_or_an_underscore() -> None:
    code = '<code class="docutils literal notranslate"><span class="pre">nsddata/ppdata/n_x</span></code> a/b'
    command = '<code class="literal"><span class="pre">run</span> <span class="pre">-p</span> n_x</code>'
    context = {"body": code + command}
    mend(None, "page", "", context, None)
    broken = code.replace("nsddata/ppdata/n_x", "nsddata/<wbr>ppdata/<wbr>n_<wbr>x")
    whole = command.replace(">-p<", '><span class="whole">-p</span><')
    assert context["body"] == broken + whole, "a command breaks at its spaces"


def test_columns_of_numbers_are_marked_with_their_heads() -> None:
    page = new_document("page")
    rows = [nodes.row("", *(nodes.entry("", nodes.paragraph("", one)) for one in texts)) for texts in
            (("layer", "R", "time"), ("Conv-1", "-1.2e-15", "3 min"), ("2", "", "–"))]  # fmt: skip
    page += nodes.table("", nodes.tgroup("", nodes.tbody("", *rows), cols=3))
    keep_together(None, page, "page")
    assert [row.index(cell) for row in rows for cell in row if "number" in cell["classes"]] == [1, 2] * 3


def test_wide_tables_and_cells_of_sentences_are_marked() -> None:
    page = new_document("page")
    cells = [nodes.entry("", nodes.paragraph("", "word " * n)) for n in (3, 30)]
    for n_columns in (2, 9):
        page += nodes.table("", nodes.tgroup("", *(cell.deepcopy() for cell in cells), cols=n_columns))
    keep_together(None, page, "page")
    assert [one["classes"] for one in page.findall(nodes.table)] == [[], ["many-columns"]]
    assert [one["classes"] for one in page.findall(nodes.entry)] == [[], ["sentences"]] * 2


@pytest.fixture(scope="module")
def screen() -> Iterator[Page]:
    """A screen of 1440 x 900 pixels, and the built book on it."""
    with book_at(1440) as page:
        yield page


@pytest.mark.slow("looks at the built book")
@pytest.mark.parametrize("name", contents())
def test_no_line_of_code_is_cut(screen: Page, name: str) -> None:
    screen.goto(f"{screen.address}/{name}.html")
    assert screen.evaluate(CUT) == []


@pytest.mark.slow("looks at the built book")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_first_figure_is_on_the_first_two_screens(screen: Page, name: str) -> None:
    screen.goto(f"{screen.address}/{name}.html")
    assert screen.evaluate(FIRST_PICTURE) < 2 * 900 or name == "notebooks/claims"  # a ledger is a table


@pytest.mark.slow("looks at the built book")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_captions_have_no_number_of_the_whole_book(name: str) -> None:
    path = HTML / f"{name}.html"
    if not path.is_file():
        pytest.skip("the book is not built: make book")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", path.read_text(), re.DOTALL)
    assert [text for text in captions if "Fig. " in text] == []


@pytest.mark.slow("looks at the built book")
def test_first_screen_holds_the_picture_the_answers_and_the_doors(screen: Page) -> None:
    screen.goto(f"{screen.address}/book/index.html")
    drawing, doors = screen.locator("svg.two-ways"), screen.locator("article .sd-card").filter(has_text="Teach").first
    for one in (drawing, screen.locator("article li").first, doors):
        box = one.bounding_box()
        assert box["y"] + box["height"] < 900
