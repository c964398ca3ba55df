"""What a reader needs to trust a page and to pass it on.

* At the end of each page: how to cite it; of a notebook also when, where from and with which versions it was executed.
* On cards and in the table of contents: whether its brains are measured or simulated.
* For other sites: a description, the page's picture, and its address; for search engines a list of all pages.
* A page for addresses that lead nowhere.
"""

import html
import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from rerun import Executed, duration
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from lib.app.copies import Book

DESCRIPTION = 200  # characters of it that other sites show
MISSING = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>No such page</title></head>
<body style="font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>There is no such page</h1>
<p><a href="{address}/book/index.html">Brains and networks</a> begins here;
<a href="{address}/search.html">search</a> finds the rest.</p></body></html>
"""
SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{urls}</urlset>
"""
# What a notebook's boxes about its data say of it.
MARKS = {(True,): "simulated", (False,): "measured", (False, True): "measured, simulated"}
MEASURED_PAGE = "notebooks/images92"  # the build has the tag `measured` if this page shows measured brains
KINDS = {
    (True,): "simulated; nobody was scanned",
    (False,): "measured",
    (False, True): "measured, and simulated where the page says so",
}


def share(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give a page its words for other sites, and a box about it at its end."""
    if doctree is None:
        return
    book = _book(Path(app.srcdir))
    executed = Executed(page, Path(app.srcdir)) if page.startswith("notebooks/") else None
    tags = _tags(book, page, context["title"], doctree, _pictures(app, page))
    context["metatags"] = context.get("metatags", "") + tags
    context["body"] += _about(executed, book) + _cite(book, page, context["title"], executed)


_book = cache(Book)  # its settings are read once for all pages


def _pictures(app: Sphinx, page: str) -> list[str]:
    """The figures that stand for a page: its leading one, or those of the landing page; none if none was executed."""
    images = [(pages, name) for place, (pages, name) in app.env.images.items() if "_thumbnails" in place]
    own, cover = (sorted(name for pages, name in images if one in pages) for one in (page, app.config.root_doc))
    return own or cover


def _tags(book: Book, page: str, title: str, doctree: nodes.document, pictures: list[str]) -> str:
    paragraph = next((one.astext() for one in doctree.findall(nodes.paragraph)), "")
    words = re.sub(r"\s+", " ", paragraph)
    short = words if len(words) <= DESCRIPTION else words[:DESCRIPTION].rsplit(" ", 1)[0] + " …"
    tags = {"og:title": re.sub("<[^>]+>", "", title), "og:description": short, "og:url": f"{book.address}/{page}.html"}
    if pictures:
        tags["og:image"] = f"{book.address}/_images/{pictures[0]}"
    lines = [f'<meta property="{name}" content="{html.escape(text)}">' for name, text in tags.items()]
    return "\n".join([f'<meta name="description" content="{html.escape(short)}">', *lines, ""])


def _about(executed: Executed | None, book: Book) -> str:
    """When and from what a notebook was executed, as HTML."""
    if not executed or not executed.record:
        return ""
    record = executed.record
    commit = record.get("commit")
    link = f'<a href="{book.repository}/commit/{commit}">{commit[:10]}</a>' if commit else ""
    facts = {
        "Data": KINDS.get(tuple(sorted(simulated_outputs(executed)))),
        "Executed": record.get("date"),
        "In": f"{duration(record['seconds'])} on {record['cores']} core{'s' * (record['cores'] > 1)}",
        "From commit": link,
        "With": ", ".join(f"Python {one}" if one[0].isdigit() else one for one in record.get("versions", [])),
        "Fingerprint": record["fingerprint"][:12],
    }
    rows = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items() if text)
    return f'<details class="about-page"><summary>How this page was computed</summary><dl>{rows}</dl></details>\n'


def simulated_outputs(executed: Executed) -> set[bool]:
    """Whether the boxes and tables of a page say that its data are simulated: True, False, both or none."""
    outputs = [output for cell in executed.notebook.cells for output in cell.get("outputs", ())]
    kinds = [kind for output in outputs for kind in output.get("metadata", {}).values() if isinstance(kind, dict)]
    told = [kind.get("simulated") for kind in kinds]
    words = "".join(cell.source for cell in executed.notebook.cells if cell.cell_type == "markdown")
    written = {True} if "{admonition} Simulated data" in words else set()
    return {one for one in told if one is not None} | written


def kind_of_data(root: Path, page: str) -> str:
    """Whether a page's brains are "measured" or "simulated", as it was executed; empty where it shows none."""
    path = root / f"{page}.ipynb"
    return MARKS.get(tuple(sorted(simulated_outputs(Executed(page, root)))), "") if path.is_file() else ""


class Brains(SphinxRole):
    """Say of a notebook, `images92` say, whether its brains are measured or simulated."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a word; the page is built again when the notebook changes."""
        root, page = Path(self.env.srcdir), f"notebooks/{self.text}"
        self.env.note_dependency(str(root / f"{page}.ipynb"))
        kind = kind_of_data(root, page)
        return [nodes.inline("", kind.capitalize() or "No brain data", classes=_classes(kind))], []


def mark_contents(app: Sphinx, env: Any) -> list[str]:
    """Write behind each notebook's title in the table of contents whether its brains are measured or simulated."""
    for page in sorted(env.tocs):
        title = next(iter(env.tocs[page].findall(nodes.reference)), None)
        if title is None:
            continue
        for old in list(title.findall(lambda node: "brains" in getattr(node, "attributes", {}).get("classes", ()))):
            old.parent.remove(old)  # of an earlier build
        if kind := kind_of_data(Path(app.srcdir), page):
            title += nodes.inline("", f" {kind}", classes=_classes(kind))
    return []


def _classes(kind: str) -> list[str]:
    return ["brains", *(["brains-measured"] if kind.startswith("measured") else [])]


def _cite(book: Book, page: str, title: str, executed: Executed | None) -> str:
    date = executed.record.get("date", "") if executed else ""
    entries = bibtex(book, page, re.sub("<[^>]+>", "", html.unescape(title)), date)
    block = f'<div class="highlight"><pre>{html.escape(entries)}</pre></div>'
    box = f'<div class="highlight-bibtex notranslate">{block}</div>'  # as the theme's own blocks of code
    return f'<details class="about-page" id="cite"><summary>Cite this page</summary>\n{box}\n</details>\n'


def bibtex(book: Book, page: str, title: str, date: str = "") -> str:
    """Two BibTeX entries: of a page, and of the book."""
    key, whole = page.rpartition("/")[2], book.title
    fields = {"author": "{The contributors of ``Brains and networks''}", "year": book.year}
    note = {"note": f"Computed on {date}"} if date else {}
    return "\n\n".join(
        [
            _entry(
                "incollection",
                f"companion-{key}",
                title=title,
                booktitle=whole,
                **fields,
                **note,
                url=f"{book.address}/{page}.html",
            ),
            _entry("misc", "companion", title=whole, **fields, url=book.address),
        ]
    )


def _entry(kind: str, key: str, **fields: str) -> str:
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def list_pages(app: Sphinx, error: Exception | None) -> None:
    """Write the list of pages for search engines and the page for addresses that lead nowhere; mend the search."""
    if error is not None or app.builder.format != "html":
        return
    address = _book(Path(app.srcdir)).address
    urls = "".join(f"<url><loc>{address}/{page}.html</loc></url>\n" for page in sorted(app.env.found_docs))
    Path(app.outdir, "sitemap.xml").write_text(SITEMAP.format(urls=urls))
    Path(app.outdir, "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {address}/sitemap.xml\n")
    Path(app.outdir, "404.html").write_text(MISSING.format(address=address))
    search = Path(app.outdir, "_static", "searchtools.js")
    text = search.read_text().replace('[role="main"]', "article")  # which begins with words, not with buttons
    search.write_text(text.replace('[".headerlink"', '[".headerlink", "[role=tooltip]"'))  # nor with what a word means


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    if kind_of_data(Path(app.srcdir), MEASURED_PAGE) == "measured":
        app.tags.add("measured")
    app.add_role("brains", Brains())
    app.connect("env-updated", mark_contents)
    app.connect("html-page-context", share, priority=800)  # before lines of code are wrapped
    app.connect("build-finished", list_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
