"""How a notebook becomes a page: it leads with its figure, folds what a reader skips, and numbers its figures.

* Below the first paragraph stands the page's figure, small, with a link to where it is computed and explained.
* Imports and parameters are folded. Of a box about the data the title stays, and the code that makes it is left out.
* A figure of the papers has the papers' number; others have letters (`lib.app.copies.figure_names`).
* A line of code that does not fit is wrapped, and its rest indented.
* Short names of code, what has a hyphen, "95 %" and "✓ 3" stay in one line. Wide tables and columns of numbers are
  known by their class.
* Names such as Conv-3 and ResNet-50 stay in one line, in prose too. A long path may break after a slash or an
  underscore, code on a phone after a bracket, a dot or an equals sign. A minus, a dash and "2 × 3" are set as such.
"""

import ast
import math
import re
from itertools import takewhile
from typing import Any

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx

from lib.app.copies import figure_names

CODE = re.compile(r'(<div class="highlight"><pre>(?:<span></span>)?)(.*?)(</pre></div>)', re.DOTALL)
WHOLE = r'<span class="whole">\g<0></span>'  # stays in one line
HYPHENATED = re.compile(  # --dry-run, as-coded; not a class within a tag
    r"(?<![\w-])(?=[\w-]{2,30}(?![\w-]))(?![^<>]*>)(?:--?[A-Za-z][\w-]*|\w+(?:-\w+)+)"
)
APART = re.compile(  # spaces at which no line may end
    r"(?<=\d) (?=%|× ?\d|(?:[kMG]B|s|min|mm|T)\b)|(?<=\d ×) (?=\d)|(?<=[✓✗?–]) (?=\d)"
    r"|(?<=\d,) (?=[−+]?[\d.]+\])|(?<=\b[prR]) (?=[≤≥<>=] )|(?<=[≤≥<>=]) (?=[−.\d])"
)
SHORT, SHORT_WITH_HYPHEN, FITS = 17, 14, 30  # letters of a name that stays in one line: anywhere, where there is room
SIGNS = {
    re.compile(r"(?<![\w.)–−-])-(?=\.?\d)"): "−",
    re.compile(r"(?<=\d) x (?=\d)"): " × ",
    re.compile(r"^-(?=$| \()"): "–",
}
LITERAL = re.compile(r'(<code class="[^"]*\bliteral\b[^"]*">)(.*?)(</code>)', re.DOTALL)
NAMED = re.compile(  # a name that stays in one line; first what is no prose, and is left as it is
    r"(?P<kept><(script|style|svg|pre)\b.*?</\2>|<[^>]*>)"
    r"|(?<![\w-])(?P<name>(?:Conv|FC|Fire|Stage)-\d+|ResNet-\d+(?:-v\d)?|V1-V\d|\d[\d.]*e[-+]\d+|[A-Za-z]-[a-z]+"
    r"|(?P<long>[a-z][a-z\d]+-(?:published|brain|object|place|edges|edge\dd)))(?![\w-])",  # worlds and networks
    re.DOTALL,
)
TAG = re.compile(r"<[^>]*>")
SOLUTION = re.compile(r"(Solution to)(<a [^>]*>) ")  # the link begins behind the space
SIGN = re.compile(r'<span class="o">-(?:&gt;</span>|</span><span class="(?:n|mi|mf)">[^<]*</span>)')  # of code
OPENED = re.compile(r'(<span class="(?:p|o)">(?:[^<]*[([{]|\.|=)</span>)')  # behind it code may go on in a new line
ADDRESS = re.compile(r"https?://[^\s<]+")  # of code; before it and within it a line may end
BREAKS = re.compile(r"(?<=[\w.}>][/_])(?=\w)")  # where a long path may break
SENTENCES, MANY_COLUMNS = 100, 8  # letters of a cell, columns of a table
NUMBER = re.compile(  # a cell of a column that ends on the right
    r"(?:[-–]|[-−+]?[\d.,]+(?:e[-−+]?\d+)?(?: ?(?:%|s|min|kB|MB|GB))?)?"
)
AUTOMATIC_NUMBER = re.compile(r'<span class="caption-number">Fig\. [^<]*</span>')
WORDS_PER_MINUTE = 100  # of prose with formulas, and a minute for each figure
AFTER = re.compile("^## (?:Exercises|Three questions)", re.MULTILINE)  # what a page's own minutes do not count
FOLDED = re.compile(r"^(`{3,}|:{3,})\s*\{.*\n(?::.*\n)*:class:.*dropdown.*\n(?:.*\n)*?\1`*:*$", re.MULTILINE)


def arrange(app: Sphinx, page: str, content: list[str]) -> None:
    """Arrange a notebook before Sphinx reads it."""
    if page.startswith("notebooks/"):
        content[0] = nbformat.writes(arranged(nbformat.reads(content[0], as_version=4), page.partition("/")[2]))


def arranged(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook as its page shows it."""
    lead = _lead(notebook, name)  # before captions get their numbers
    for cell, number in figure_names(notebook):
        cell.metadata.mystnb.figure.caption = f"**{number}.** {cell.metadata.mystnb.figure.caption}"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _fold(cell)
    lead = [*lead, f"*About {reading_minutes(notebook)} min to read, without the exercises.*"]
    first = notebook.cells[0]
    blocks = re.split(r"\n\s*\n", first.source)
    before = 3 if len(blocks) > 2 and blocks[1].endswith(":") else 2  # title, question, and the list that it opens
    first.source = "\n\n".join([*blocks[:before], *lead, *blocks[before:]])
    return notebook


def reading_minutes(notebook: NotebookNode) -> int:
    """What reading a page takes, without its exercises, its questions and what is folded."""
    read = NotebookNode(cells=list(takewhile(lambda cell: not AFTER.search(cell.source), notebook.cells)))
    words = "\n\n".join(cell.source for cell in read.cells if cell.cell_type == "markdown")
    return math.ceil(len(FOLDED.sub("", words).split()) / WORDS_PER_MINUTE + len(figure_names(read)))


def _lead(notebook: NotebookNode, name: str) -> list[str]:
    """MyST Markdown of the page's figure, the one that the landing page would show; empty if there is none."""
    drawn = [cell for cell, _ in figure_names(notebook) if _draws(cell)]
    if not drawn:
        return []
    chosen = next((cell for cell in drawn if "thumbnail" in cell.metadata.get("tags", ())), drawn[0])
    number = dict((cell.id, number) for cell, number in figure_names(notebook))[chosen.id]
    about = chosen.metadata.mystnb
    picture = f"```{{thumbnail}} {name}\n:alt: {about.image.alt}\n:target: {about.figure.name}\n:lead:\n```"
    return [picture, f"{number}: [how it is computed, and what it shows](#{about.figure.name})."]


def _draws(cell: NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))


def _fold(cell: NotebookNode) -> None:
    """Fold a cell that only imports or sets parameters, and what a notice says below its title."""
    body = ast.parse(re.sub(r"^(\s*)[%!]", r"\1#", cell.source, flags=re.MULTILINE)).body
    tags = cell.metadata.setdefault("tags", [])
    for output in cell.outputs:
        if "simulated" in output.get("metadata", {}).get("text/markdown", {}):
            output.data["text/markdown"] = re.sub(r"^:class: (.+)$", r":class: \1 dropdown", *_once(output))
            tags.append("remove-input")
    prompt = "Parameters" if "parameters" in tags else ""
    prompt = prompt or ("Imports" if body and all(isinstance(one, ast.Import | ast.ImportFrom) for one in body) else "")
    if prompt:
        tags.append("hide-input")
        cell.metadata.setdefault("mystnb", {})["code_prompt_show"] = prompt


def _once(output: NotebookNode) -> tuple[str, int, re.RegexFlag]:
    return output.data["text/markdown"], 1, re.MULTILINE


def keep_together(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Mark what the style treats apart: short names of code, cells of sentences, wide tables; and bind spaces."""
    for name in doctree.findall(nodes.literal):
        longest = SHORT_WITH_HYPHEN if "-" in name.astext() else SHORT
        name["classes"] += ["short"] * (len(name.astext()) <= longest)
        name["classes"] += ["fits"] * (longest < len(name.astext()) <= FITS)
    for cell in doctree.findall(nodes.entry):
        cell["classes"] += ["sentences"] * (len(cell.astext()) > SENTENCES)
    for table in doctree.findall(nodes.tgroup):
        table.parent["classes"] += ["many-columns"] * (table["cols"] >= MANY_COLUMNS)
        _mark_numbers(table)
    for element in list(doctree.findall(nodes.Element)):
        if not isinstance(element, nodes.FixedTextElement | nodes.literal | nodes.math | nodes.raw):
            for i, text in enumerate(element.children):  # extensions leave texts that do not know their parent
                if isinstance(text, nodes.Text):
                    element[i] = nodes.Text(typeset(text))


def _mark_numbers(table: nodes.tgroup) -> None:
    """Mark the columns whose cells below the head are numbers; some may be empty."""
    for head, *cells in zip(*(row.children for row in table.findall(nodes.row)), strict=False):
        texts = [cell.astext() for cell in cells]
        if any(texts) and all(map(NUMBER.fullmatch, texts)):
            for cell in (head, *cells):
                cell["classes"].append("number")


def typeset(text: str) -> str:
    """Prose with its signs, and with spaces that do not break where a line must not end."""
    for written, sign in SIGNS.items():
        text = written.sub(sign, text)
    return APART.sub("\u00a0", text).replace("–\u00a0", "–\u2060\u00a0")  # a dash would part from its count


def mend(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Wrap each line of code on its own, and leave out figure numbers that count through the whole book."""
    if "body" in context:
        body = AUTOMATIC_NUMBER.sub("", context["body"])
        body = LITERAL.sub(_breaking, body)
        body = SOLUTION.sub(r"\1 \2", body)
        body = NAMED.sub(_whole, body)
        context["body"] = CODE.sub(lambda found: found[1] + _lines(found[2]) + found[3], body)


def _breaking(found: re.Match[str]) -> str:
    """Code that may break within a long path; a command breaks at its spaces, not within an option."""
    command = " " in TAG.sub("", found[2])
    return found[1] + (HYPHENATED.sub(WHOLE, found[2]) if command else BREAKS.sub("<wbr>", found[2])) + found[3]


def _whole(found: re.Match[str]) -> str:
    return found["kept"] or f'<span class="whole{" long" if found["long"] else ""}">{found["name"]}</span>'


def _lines(code: str) -> str:
    """Code with each line in a box of its own; Pygments never lets a colour reach beyond a line."""
    whole = HYPHENATED.sub(WHOLE, code)
    whole = SIGN.sub(WHOLE, whole)
    whole = OPENED.sub(r"\1<wbr>", whole)
    whole = ADDRESS.sub(lambda found: "<wbr>" + BREAKS.sub("<wbr>", found[0]), whole)
    return "".join(f"<span {_box(line)}>{line}</span>\n" for line in whole.rstrip("\n").split("\n"))


def _box(line: str) -> str:
    """Attributes of a line's box: what does not fit goes on behind the line's own indent, which the style is told."""
    text = TAG.sub("", line)
    indent = len(text) - len(text.lstrip()) if text.strip() else 0
    return 'class="code-line"' + f' style="--indent: {indent}"' * (indent > 0)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", arrange, priority=900)  # after the box of parameters
    app.connect("doctree-resolved", keep_together, priority=900)  # after terms are linked
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
