"""Terms of the glossary say what they mean where they stand: by pointer, by key and by touch.

The first use of a term on a page becomes a link to the glossary. A term's definition is shown while its link is pointed
at or has the focus; it is the first paragraph of its entry. glossary.js closes it by Escape and opens it by a tap.
"""

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

GLOSSARY = "book/symbols"
# Words that mean something else in ordinary sentences are linked only where the text says {term}.
EVERYDAY = {
    "claim",
    "feature",
    "fold",
    "margin",
    "matched",
    "network",
    "planted",
    "probe",
    "repeat",
    "scene",
    "session",
}
EVERYDAY |= {"stack", "trial", "unit", "world", "layer", "IT", "VC"}
PROPER_NAMES = ("Generic Object Decoding",)
PLAIN = (nodes.paragraph,)
LEFT_ALONE = (nodes.reference, nodes.literal, nodes.title, nodes.caption, nodes.table, nodes.raw, addnodes.pending_xref)
LEFT_ALONE += (nodes.citation,)  # a title of the bibliography is not ours to explain
LINK = re.compile(r'<a class="reference internal" href="(?P<href>[^"]*#term-(?P<id>[^"]+))"[^>]*>(?P<words>.*?)</a>')


@cache
def entries(app: Sphinx) -> tuple[tuple[str, str, str], ...]:
    """Every term of the glossary with its identifier and its definition; read once a build."""
    found: list[tuple[str, str, str]] = []
    for item in app.env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        definition = item.next_node(nodes.paragraph).astext().replace("\n", " ")
        found += ((term.astext(), term["ids"][0], definition) for term in item.children if isinstance(term, nodes.term))
    return tuple(found)


def link_first_uses(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link the first use of each term in the running text of a page, unless the page links it already."""
    if page == GLOSSARY:
        return
    linked = {
        node.get("refid") or node.get("refuri", "").partition("#")[2] for node in doctree.findall(nodes.reference)
    }
    address = app.builder.get_relative_uri(page, GLOSSARY) if app.builder.format == "html" else ""
    terms = {term: uid for term, uid, _ in entries(app) if term not in EVERYDAY}
    open_terms = {term: uid for term, uid in terms.items() if uid not in linked}
    for text in list(doctree.findall(nodes.Text)):
        if open_terms and _running(text):
            _link(text, _pattern(tuple(terms)), open_terms, address)


def _running(text: nodes.Text) -> bool:
    """Whether this is text of a paragraph, and not of a link, code, a title or a table."""
    node, inside = text.parent, False
    while node is not None:
        if isinstance(node, LEFT_ALONE):
            return False
        inside, node = inside or isinstance(node, PLAIN), node.parent
    return inside


def _link(text: nodes.Text, pattern: re.Pattern[str], open_terms: dict[str, str], address: str) -> None:
    """Replace a text by itself with links; what is linked is no longer open."""
    parts: list[nodes.Node] = []
    words, end = text.astext(), 0
    for found in pattern.finditer(words):
        if found[1] and (term := _named(found[1], open_terms)) is not None:
            link = nodes.reference("", found[0], internal=True, refuri=f"{address}#{open_terms.pop(term)}")
            parts += [nodes.Text(words[end : found.start()]), link]
            end = found.end()
    if parts:
        text.parent.replace(text, [*parts, nodes.Text(words[end:])])


@cache
def _pattern(terms: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the terms, longest first, as a word of its own, in the plural too; only names care about capitals.

    A proper name that holds a term is found as a whole, and is none.
    """
    words = "|".join(
        re.escape(term) if term != term.lower() else f"(?i:{re.escape(term)})" for term in sorted(terms, key=len)[::-1]
    )
    return re.compile(rf"{'|'.join(PROPER_NAMES)}|(?<![\w-])({words})(?:e?s)?(?![\w-])")


def _named(word: str, terms: Mapping[str, str]) -> str | None:
    """The term that a word is, or None if it is none of them."""
    return word if word in terms else next((term for term in terms if term.lower() == word.lower()), None)


def show_definitions(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put its definition behind every link to the glossary."""
    if "body" not in context or GLOSSARY not in app.env.found_docs:
        return
    meanings, seen = {uid.removeprefix("term-"): meaning for _, uid, meaning in entries(app)}, iter(range(10**6))

    def explained(link: re.Match[str]) -> str:
        if not (meaning := meanings.get(link["id"])):
            return link[0]
        tip = f"meaning-{next(seen)}"
        anchor = f'<a class="reference internal" href="{link["href"]}" aria-describedby="{tip}">{link["words"]}</a>'
        return f'<span class="term">{anchor}<span role="tooltip" id="{tip}">{escape(meaning)}</span></span>'

    context["body"] = LINK.sub(explained, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-resolved", link_first_uses)
    app.connect("html-page-context", show_definitions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
