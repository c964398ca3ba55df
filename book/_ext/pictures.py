"""What a figure offers on its page: itself as large as it is, its numbers, and another drawing on a narrow screen."""

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from rerun import Executed
from sphinx.application import Sphinx

from lib.figures.style import NARROW

FIGURE = re.compile(
    r'(?P<start><figure class="[^"]*" id="(?P<name>[^"]+)">\s*)(?P<image><img [^>]*?src="(?P<source>[^"]+)"[^>]*>)'
    r"(?P<caption>\s*<figcaption>.*?)(?P<end></figcaption>)",
    re.DOTALL,
)
LEAD = re.compile(
    r'(?P<start><a [^>]*href="(?:[^"#]*notebooks/(?P<other>\w+)\.html)?#(?P<name>[^"]+)">\s*)'
    r'(?P<image><img [^>]*class="lead"[^>]*>)'
)
FOLDER = "_figures"  # of the built book: x.csv, and x.png for narrow screens
NARROW_SCREEN = "(max-width: 600px)"


def leave_out(app: Sphinx, page: str, content: list[str]) -> None:
    """Leave out, before Sphinx reads a notebook, what it does not know and this module takes from the file itself."""
    if page.startswith("notebooks/"):
        notebook = nbformat.reads(content[0], as_version=4)
        for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
            for kind in ("text/csv", NARROW):
                output.get("data", {}).pop(kind, None)
        content[0] = nbformat.writes(notebook)


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Write what the figures of a page offer beside the built book, and let the page lead to it."""
    if doctree is None or "body" not in context or app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(exist_ok=True)
    others = {f"notebooks/{found['other']}" for found in LEAD.finditer(context["body"]) if found["other"]}
    notebooks = {page, *others} if page.startswith("notebooks/") else others
    kept = set().union(*(written(Executed(one, Path(app.srcdir)).notebook, folder) for one in notebooks))
    up = "../" * page.count("/")
    body = LEAD.sub(lambda found: found["start"] + _switched(found, kept, f"{up}{FOLDER}"), context["body"])
    context["body"] = FIGURE.sub(lambda found: offered(found, kept, f"{up}{FOLDER}"), body)


def written(notebook: NotebookNode, folder: Path) -> set[str]:
    """Write the numbers and narrow drawings of a notebook's named figures; return the names of the files."""
    files: dict[str, bytes] = {}
    for cell in notebook.cells:
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for data in (output.get("data", {}) for output in cell.get("outputs", ()) if name):
            files |= {f"{name}.csv": data["text/csv"].encode()} if "text/csv" in data else {}
            files |= {f"{name}.png": base64.b64decode(data[NARROW])} if NARROW in data else {}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return set(files)


def offered(found: re.Match[str], kept: set[str], folder: str) -> str:
    """A figure whose picture leads to itself in full size, and whose caption ends with a link to its numbers.

    Parameters
    ----------
    found : match of FIGURE
    kept : names of the files in `folder`
    folder : str
        As seen from the page.
    """
    picture, name = _switched(found, kept, folder), found["name"]
    picture = f'<a class="enlarge" href="{found["source"]}" title="The picture alone, in full size">{picture}</a>'
    link = f'<p class="numbers"><a href="{folder}/{name}.csv" download>Numbers of this figure (CSV)</a></p>'
    return f"{found['start']}{picture}{found['caption']}{link * (f'{name}.csv' in kept)}{found['end']}"


def _switched(found: re.Match[str], kept: set[str], folder: str) -> str:
    """The picture, and on a narrow screen the drawing for it if there is one."""
    if f"{found['name']}.png" not in kept:
        return found["image"]
    return f'<picture><source media="{NARROW_SCREEN}" srcset="{folder}/{found["name"]}.png">{found["image"]}</picture>'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", leave_out)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
