"""What this book asks of Sphinx beyond its theme.

* MathJax comes with the book: a page with formulas needs no network.
* A notebook page's buttons lead to files that exist: git holds `x.py`, the branch `executed` holds `x.ipynb`.
* A page loads only the scripts it needs, and light pictures: scripts weighed more than all else on it.
* `{line}` leads to the line of the repository that defines a name.
* `{thumbnail}` shows a figure of an executed notebook on another page, so that no picture is kept in git; `{explorer}`
  shows its figure that answers a pointer and keys.
"""

import base64
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image, ImageChops, ImageStat
from pybtex.plugin import find_plugin, register_plugin
from pybtex.style.sorting.author_year_title import SortingStyle
from rerun import Executed
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.fileutil import copy_asset

# startup loads the next ones, and they the rest on demand: rarer TeX commands, and the fonts. Left out: MathJax's menu.
MATHJAX_LOADED = ("core", "input/tex", "output/chtml", "a11y/assistive-mml")
MATHJAX_PARTS = (
    "startup.js",
    *(f"{part}.js" for part in MATHJAX_LOADED),
    "input/tex/extensions",
    "output/chtml/fonts",
)
# The theme lets keys reach a box that scrolls, but looks for such boxes only when the window changes its size.
# A link to the citation opens the box that holds it, on the same page: the theme's buttons open another.
LOOK_AGAIN = """addEventListener("click", (event) => {
  const cite = event.target.closest("a[href='#cite']");
  if (cite) (cite.target = "_self", document.getElementById("cite").open = true);
  if (event.target.closest(".admonition-title, summary")) dispatchEvent(new Event("resize"));
});"""
# Icons come from the theme's font as well, and only the search page searches.
ICON_SCRIPTS, SEARCH_SCRIPTS = ("fontawesome",), ("searchtools", "language_data", "searchindex")
EXECUTED_BRANCH = "executed"
VISIBLE_LOSS = 0.5  # of 255, mean over a picture: plots lose a tenth of that, photographs more than one
THUMBNAIL_WIDTH = 720  # pixels: twice what a card on a desktop needs

LEAD_SIZE = (1000, 440)  # pixels, of a page's leading picture: the column is as wide, and the first screen as high
LEAD_COLOURS = 64  # of it: the page loads the figure itself, too, and shall stay light

Button = dict[str, Any]


class Thumbnail(SphinxDirective):
    """Show the picture of a notebook's cell tagged `thumbnail`.

    The argument is the notebook's name; `:alt:` describes the picture. If there is none, the build fails. With `:lead:`
    it is large and leads to `:target:`, a figure of its own page or of another (`page.html#figure`), and the notebook's
    first picture stands in for one without tag; with `:whole:` a phone shows all of it, however tall.
    """

    required_arguments = 1
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "target": directives.unchanged_required,
        "lead": directives.flag,
        "whole": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Return an image, within a link if it leads somewhere."""
        name, lead = self.arguments[0], "lead" in self.options
        uri = _write_thumbnail(Path(self.env.srcdir), name, self._picture(name, lead), lead)
        image = nodes.image(uri=uri, alt=self.options.get("alt", name), classes=["lead" if lead else "thumbnail"])
        if not lead:
            return [image]
        target = self.options["target"]
        link = nodes.reference("", "", image, refuri=target if "#" in target else f"#{target}", internal=True)
        link["classes"] += ["whole"] * ("whole" in self.options)
        return [nodes.paragraph("", "", link)]

    def _picture(self, name: str, lead: bool) -> bytes:
        notebook = _executed(self, name)
        picture = tagged_picture(notebook) or (first_picture(notebook.cells) if lead else None)
        if picture is None:
            raise self.error(f"notebooks/{name}.py has no cell tagged 'thumbnail' whose output is a picture.")
        return picture


class Explorer(SphinxDirective):
    """Show the first figure of a notebook that answers a pointer and keys; without one, the build fails."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return its HTML."""
        (name,) = self.arguments
        outputs = [output for cell in _executed(self, name).cells for output in cell.get("outputs", ())]
        html = [str(output.get("data", {}).get("text/html", "")) for output in outputs]
        found = next((one for one in html if "data-explorer=" in one), None)
        if found is None:
            raise self.error(f"notebooks/{name}.py has no figure that answers a pointer.")
        return [nodes.raw("", found, format="html")]


def _executed(directive: SphinxDirective, name: str) -> nbformat.NotebookNode:
    """The executed notebook that a directive shows a part of."""
    executed = Executed(f"notebooks/{name}", Path(directive.env.srcdir))
    if not executed.path.is_file():
        raise directive.error(f"No picture of notebooks/{name}.py: execute it, python -m lib run {name}.")
    directive.env.note_dependency(str(executed.path))
    return executed.notebook


class Line(SphinxRole):
    """Link a name, such as `lib.core.scores.r2`, to the line that defines it; if there is none, the build fails."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a link."""
        path, number = line_of(Path(self.env.srcdir), self.text)
        address = f"{self.config.html_theme_options['repository_url']}/blob/main/{path}#L{number}"
        return [nodes.reference("", "", nodes.literal(text=self.text.rpartition(".")[2]), refuri=address)], []


def line_of(root: Path, name: str) -> tuple[str, int]:
    """Path and number of the line where a module's function, class or constant, or a table of its file of data, begins.

    Raises
    ------
    ExtensionError
        There is none.
    """
    module, _, last = name.rpartition(".")
    for path in (f"{module.replace('.', '/')}.{kind}" for kind in ("py", "toml")):
        lines = (root / path).read_text(encoding="utf-8").splitlines() if (root / path).is_file() else []
        for number, line in enumerate(lines, start=1):
            if re.match(rf"(?:def |class |\[\w+\.|){last}\b", line):
                return path, number
    raise ExtensionError(f"{name} is defined nowhere in {module.replace('.', '/')}.py, nor in data beside it.")


def tagged_picture(notebook: nbformat.NotebookNode, tag: str = "thumbnail") -> bytes | None:
    """Return the first PNG among the outputs of the cells with this tag, or None."""
    return first_picture(cell for cell in notebook.cells if tag in cell.metadata.get("tags", ()))


def first_picture(cells: Iterable[nbformat.NotebookNode]) -> bytes | None:
    """Return the first PNG among the outputs of cells, or None."""
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return base64.b64decode(pictures[0]) if pictures else None


def _write_thumbnail(source_folder: Path, name: str, picture: bytes, lead: bool) -> str:
    """Write the picture, made small, and return its address within the book."""
    path = source_folder / "book" / "_thumbnails" / f"{name}{'-lead' if lead else ''}.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_once(source_folder, _led if lead else _small, picture))
    return f"/book/_thumbnails/{path.name}"


def _small(picture: bytes) -> bytes:
    image = Image.open(io.BytesIO(picture))
    image.thumbnail((THUMBNAIL_WIDTH, 10 * THUMBNAIL_WIDTH))
    return _saved(image)


def _led(picture: bytes) -> bytes:
    image = Image.open(io.BytesIO(picture))
    image.thumbnail(LEAD_SIZE)
    return _saved(image.convert("RGB").quantize(LEAD_COLOURS, kmeans=3, dither=Image.Dither.NONE))  # thin lines too


def _saved(image: Image.Image) -> bytes:
    image.save(file := io.BytesIO(), "PNG", optimize=True)
    return file.getvalue()


def _once(root: Path, make: Callable[[bytes], bytes], picture: bytes) -> bytes:
    """What `make` makes of a picture, or made of it in a build before: to choose colours takes a fifth of a build."""
    key = hashlib.sha256(Path(__file__).read_bytes() + make.__name__.encode() + picture).hexdigest()
    path = root / "_build" / "pictures" / f"{key}.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_bytes(make(picture))
        aside.replace(path)
    return path.read_bytes()


def set_buttons(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page a button that leads to its citation, and a notebook page others to launch, download and edit it."""
    if doctree is not None:
        cite = {"text": "Cite", "tooltip": "Cite this page", "icon": "fas fa-quote-right", "label": "cite-button"}
        context["header_buttons"] = [*context["header_buttons"], Button(type="link", url="#cite", **cite)]
    if not page.startswith("notebooks/"):
        return
    repository, branch = _repository(app)
    download = Button(
        type="link",
        url=f"{context['pathto']('_sources', 1)}/{page}.py",
        text=".py",
        tooltip="Download the source",
        icon="fas fa-file-code",
        label="download-py-button",
    )
    others = [_corrected(button, download) for button in context["header_buttons"]]
    context["header_buttons"] = [_launch_group(repository, branch, page), *others]


def _repository(app: Sphinx) -> tuple[str, str]:
    options = app.config.html_theme_options
    return options["repository_url"].rstrip("/"), options["repository_branch"]


def _launch_group(repository: str, branch: str, page: str) -> Button:
    owner_and_name = "/".join(repository.split("/")[-2:])
    binder = f"https://mybinder.org/v2/gh/{owner_and_name}/{branch}?urlpath=lab/tree/{page}.py"
    colab = f"https://colab.research.google.com/github/{owner_and_name}/blob/{EXECUTED_BRANCH}/{page}.ipynb"
    buttons = [
        _launch_button("Binder", binder, "_static/images/logo_binder.svg"),
        _launch_button("Colab", colab, "_static/images/logo_colab.png"),
    ]
    tooltip = "Run this page"
    return Button(type="group", tooltip=tooltip, icon="fas fa-rocket", buttons=buttons, label="launch-buttons")


def _launch_button(service: str, url: str, icon: str) -> Button:
    label = f"launch-{service.lower()}-button"
    return Button(type="link", text=service, tooltip=f"Run on {service}", icon=icon, url=url, label=label)


def _corrected(button: Button, download: Button) -> Button:
    """A copy of a theme's button (pages may share the original) that fits a notebook page."""
    if button["label"] == "download-buttons":
        return {**button, "buttons": [button["buttons"][0], download, *button["buttons"][1:]]}
    if button["label"] == "source-buttons":
        return {**button, "buttons": [_corrected(inner, download) for inner in button["buttons"]]}
    if button["label"] == "source-edit-button":
        return {**button, "url": button["url"].removesuffix(".ipynb") + ".py"}
    return button


def lighten(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out scripts that the page does not use, and a font that would hold one icon."""
    context["header_buttons"] = [_without_brands(button) for button in context["header_buttons"]]
    unused = ICON_SCRIPTS if page == "search" else ICON_SCRIPTS + SEARCH_SCRIPTS
    tag = re.compile(rf'<script[^>]*src="[^"]*(?:{"|".join(unused)})\.js[^"]*"[^>]*></script>')
    context["without_unused"] = lambda head: tag.sub("", head)
    if not app.env.get_domain("math").data["has_equations"].get(page):  # those of pages below it do not count
        context["script_files"] = [one for one in context["script_files"] if "mathjax" not in str(one.filename).lower()]


def mend_roles(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Make the entries of a reference list what a reader of screens expects in a list."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def _without_brands(button: Button) -> Button:
    icon = button.get("icon", "")
    changed = {"icon": "fas fa-code-branch"} if icon.startswith("fab ") else {}
    inner = {"buttons": [_without_brands(one) for one in button["buttons"]]} if "buttons" in button else {}
    return {**button, **changed, **inner}


def set_mathjax(app: Sphinx, config: Any) -> None:
    """Tell MathJax which of its parts to load, beside what Jupyter Book tells it."""
    loaded = {"loader": {"load": list(MATHJAX_LOADED)}}
    config.mathjax3_config = {**(config.mathjax3_config or {}), **loaded}


def copy_files(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax and the notebooks' sources beside the finished pages, and make their pictures light."""
    if error is None and app.builder.format == "html":
        for path in (path for folder in ("_images", "_figures") for path in Path(app.outdir, folder).glob("*.png")):
            path.write_bytes(_once(Path(app.srcdir), _light, path.read_bytes()))
        _copy_mathjax(Path(app.outdir, "_static", "mathjax"))
        _copy_sources(Path(app.srcdir), Path(app.outdir, "_sources"), app.env.found_docs)


def _light(picture: bytes) -> bytes:
    """A plot with 256 colours, less than half as many bytes; a picture that would suffer keeps its own."""
    image = Image.open(io.BytesIO(picture))
    transparent = image.mode == "RGBA" and image.getchannel("A").getextrema()[0] < 255
    if image.mode == "P" or transparent:
        return picture
    full = image.convert("RGB")
    few = full.quantize(256, dither=Image.Dither.NONE)
    lost = ImageStat.Stat(ImageChops.difference(full, few.convert("RGB"))).mean
    return _saved(few if max(lost) < VISIBLE_LOSS else full)


def _copy_mathjax(target: Path) -> None:
    for part in MATHJAX_PARTS:
        place = target / part if "." not in part else (target / part).parent
        copy_asset(str(_mathjax_folder() / part), str(place))


def _mathjax_folder() -> Path:
    try:
        return Path(str(files("sphinx-mathjax-offline"))) / "static" / "mathjax"
    except ModuleNotFoundError as error:
        raise ExtensionError("MathJax is not installed; `make book` installs what the book needs.") from error


def _copy_sources(source_folder: Path, target: Path, pages: Iterable[str]) -> None:
    for page in pages:
        path = source_folder / f"{page}.py"
        if path.is_file():
            copy_asset(str(path), str((target / page).parent))


def _find_citation_plugins_once() -> None:
    """Let pybtex not look through all installed packages at each citation: that took a seventh of a build."""
    for name in ("plaintext", "docutils"):
        register_plugin("pybtex.backends", name, find_plugin("pybtex.backends", name), force=True)


class Alphabetical(SortingStyle):
    """The order of the references, by names without the braces that keep {Murty Lab} one name."""

    def person_key(self, person: Any) -> str:
        """What puts an author in order."""
        return str(super().person_key(person)).translate(str.maketrans("", "", "{}"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    _find_citation_plugins_once()
    register_plugin("pybtex.style.sorting", "author_year_title", Alphabetical, force=True)
    app.add_directive("thumbnail", Thumbnail)
    app.add_directive("explorer", Explorer)
    app.add_role("line", Line())
    app.connect("config-inited", set_mathjax, priority=900)
    app.connect("html-page-context", set_buttons, priority=900)  # after the theme has made its own
    app.connect("html-page-context", lighten, priority=900)
    app.connect("html-page-context", mend_roles, priority=900)
    app.add_js_file(None, body=LOOK_AGAIN)
    app.connect("build-finished", copy_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
