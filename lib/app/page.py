"""An executed notebook as one HTML file: no server, no network and no other file are needed to read it."""

import html
import os
import re
import sys
import webbrowser
from importlib.resources import files
from pathlib import Path
from string import Template

import nbformat
from nbformat import NotebookNode

from lib.app.copies import plain_notebook
from lib.core.disk import ROOT, written_aside

_FORMULAS = re.compile(r"\$[^$]+\$")
_MATHJAX = """<script>MathJax = {tex: {inlineMath: [["$", "$"]], tags: "none"}, options: {enableMenu: false}};</script>
<script>%s</script>"""


def write_page(executed: Path) -> Path:
    """Write an executed notebook as a page beside it, and return the page's path.

    Explorers answer as they do in the book, and formulas are set, by scripts within the page.
    """
    notebook = plain_notebook(nbformat.read(executed, as_version=4), f"notebooks/{executed.stem}")
    page = executed.with_suffix(".html")
    with written_aside(page) as part:
        part.write_text(html_page(notebook, executed.stem), encoding="utf-8")
    return page


def html_page(notebook: NotebookNode, name: str) -> str:
    """The HTML of a notebook in plain Markdown; `name` stands in where it has no title."""
    from nbconvert import HTMLExporter  # slow to import

    notebook.cells = [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", ())]
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    title = re.search(r"^# (.+)$", words, re.MULTILINE)
    quiet = {"exclude_input_prompt": True, "exclude_output_prompt": True, "exclude_anchor_links": True}
    body, _ = HTMLExporter(template_name="basic", **quiet).from_notebook_node(notebook)
    explorers = "data-explorer" in body
    scripts = [_MATHJAX % _mathjax()] if _FORMULAS.search(words) else []
    scripts += [f"<script>{_asset(name)}</script>" for name in ("plant.js", "explorer.js") if explorers]
    style = _code_style() + (_asset("companion.css") if explorers else "")
    template = Template(files("lib.app").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title[1] if title else name), style=style, body=body, script="\n".join(scripts)
    )


def _code_style() -> str:
    from pygments.formatters import HtmlFormatter

    dark = HtmlFormatter(style="a11y-high-contrast-dark").get_style_defs(".highlight")
    light = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _asset(name: str) -> str:
    path = ROOT / "book" / "assets" / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _mathjax() -> str:
    """MathJax in one script, which draws the letters itself; empty if it is not installed."""
    try:
        folder = Path(str(files("sphinx-mathjax-offline")))
    except ModuleNotFoundError:
        return ""
    script = (folder / "static" / "mathjax" / "tex-svg.js").read_text(encoding="utf-8")
    return script.replace("</script", "<\\/script")


def how_to_open(page: Path) -> str:
    """A sentence that says how to look at a page."""
    return f"Open it in a browser: {page.absolute().as_uri()}"


def show_page(page: Path) -> str:
    """Open a page in a browser where there is a screen; return a sentence that says so, or how to open it."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    opened = screen and webbrowser.open(page.absolute().as_uri())
    return f"Opened in your browser: {page}" if opened else how_to_open(page)
