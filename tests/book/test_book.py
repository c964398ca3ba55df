"""The book's files: what they name exists, and what they command runs."""

import importlib
import re
import shlex
import sys
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import nbformat
import numpy as np
import pytest
import yaml
from browser import HTML, ROOT, contents
from PIL import Image
from sphinx.errors import ExtensionError

from lib.__main__ import _parser

pytestmark = pytest.mark.slow("looks at the built book")

REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
COMMAND_PAGES = ["README.md", "CONTRIBUTING.md", "book/run.md", "book/teaching.md"]
NOTEBOOKS = [page for page in contents() if page.startswith("notebooks/")]


class Addresses(HTMLParser):
    """Collects what a page links to, and what it loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort addresses by what a browser does with them."""
        for name, value in attrs:
            if name in ("src", "href", "srcset", "poster", "data") and value:
                (self.links if tag == "a" else self.loaded).append(value)


def addresses(path: Path) -> Addresses:
    """The addresses in one built page."""
    parser = Addresses()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def built_pages() -> list[Path]:
    """All built pages; skips if there are none."""
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    return sorted(path for path in HTML.rglob("*.html") if "_static" not in path.parts)


def commands(pages: Iterable[str]) -> list[str]:
    """Every line of the pages' console blocks."""
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in pages]
    blocks = [block for text in texts for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", contents())
def test_page_has_a_source(page: str) -> None:
    assert (ROOT / f"{page}.md").is_file() or (ROOT / f"{page}.py").is_file()


def test_every_notebook_is_in_the_contents() -> None:
    assert {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.py")} == set(NOTEBOOKS)


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_every_notebook_asks_three_questions_and_folds_the_answers(page: str) -> None:
    text = (ROOT / f"{page}.py").read_text(encoding="utf-8")
    asked = re.findall(
        r"^# ```\{dropdown\} (.+\?)\n((?:# .+\n)+?)# ```$", text.partition("# ## Three questions")[2], re.M
    )
    assert len(asked) == 3
    assert not any(re.search(r"[0-9]{2}|0?\.[0-9]", answer) for _, answer in asked), "no numbers typed into prose"


def test_notebooks_are_kept_without_outputs() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "notebooks/*.ipynb" in ignored
    assert not {"lib/", "lib"} & set(ignored)


@pytest.mark.parametrize("command", [line for line in commands(COMMAND_PAGES) if "make" in shlex.split(line)])
def test_make_commands_name_targets(command: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    words = shlex.split(command)
    goals = [word for word in words[words.index("make") + 1 :] if "=" not in word]
    assert set(goals) <= set(targets)


@pytest.mark.parametrize("command", [line for line in commands(COMMAND_PAGES) if "-m lib" in line])
def test_lib_commands_are_understood(command: str) -> None:
    argv = shlex.split(command)
    argv = argv[argv.index("lib") + 1 :]
    args = _parser(argv).parse_args(argv)
    if getattr(args, "notebook", None):
        assert f"notebooks/{args.notebook}" in NOTEBOOKS


def test_commands_are_all_checked() -> None:
    known = (
        "make",
        "python -m lib",
        "COMPANION_DATA=",
        "source .venv/bin/activate",
        "git ",
        "conda env create -f environment.yml",
    )
    assert [line for line in commands(COMMAND_PAGES) if not line.startswith(known)] == []


def test_every_page_is_built() -> None:
    assert {f"{page}.html" for page in contents()} <= {str(p.relative_to(HTML)) for p in built_pages()}


def test_pages_load_nothing_from_elsewhere() -> None:
    loaded = [(path.name, url) for path in built_pages() for url in addresses(path).loaded]
    assert [(name, url) for name, url in loaded if re.match(r"(https?:)?//", url)] == []
    styles = [path for path in HTML.rglob("*.css") if re.search(r"url\(['\"]?(https?:)?//", path.read_text())]
    assert styles == []


def test_local_links_lead_to_files() -> None:
    for path in built_pages():
        found = addresses(path)
        local = [urlsplit(url) for url in found.links + found.loaded]
        names = {url.path for url in local if not url.scheme and not url.netloc and url.path}
        assert [name for name in names if not (path.parent / name).exists()] == [], path


def test_repository_links_name_files() -> None:
    urls = [url for path in built_pages() for url in addresses(path).links]
    files = [re.fullmatch(rf"{re.escape(REPOSITORY)}/(?:edit|blob)/main/([^#]+)(?:#L[0-9]+)?", url) for url in urls]
    named = {match[1] for match in files if match}
    assert {f"{page}.py" for page in NOTEBOOKS} <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_launch_links_name_files(page: str) -> None:
    built_pages()
    urls = [urlsplit(url) for url in addresses(HTML / f"{page}.html").links]
    binder = [parse_qs(url.query)["urlpath"][0] for url in urls if url.netloc == "mybinder.org"]
    colab = [url.path for url in urls if url.netloc == "colab.research.google.com"]
    assert binder == [f"lab/tree/{page}.py"]
    assert [path.endswith(f"/blob/executed/{page}.ipynb") for path in colab] == [True]
    assert (ROOT / f"{page}.py").is_file()
    assert (ROOT / "_build" / "executed" / f"{page}.ipynb").is_file(), "what the workflow publishes"


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_downloads_are_the_source_and_the_executed_notebook(page: str) -> None:
    built_pages()
    source, executed = HTML / "_sources" / f"{page}.py", HTML / "_sources" / f"{page}.ipynb"
    assert source.read_bytes() == (ROOT / f"{page}.py").read_bytes()
    cells = nbformat.read(executed, as_version=4).cells
    own = [cell for cell in cells if cell.cell_type == "code" and "install" not in cell.metadata.get("tags", ())]
    assert all(cell.execution_count for cell in own if cell.source)
    links = addresses(HTML / f"{page}.html").links
    assert {f"../_sources/{page}.py", f"../_sources/{page}.ipynb"} <= set(links)


def companion() -> ModuleType:
    """What this book adds to Sphinx."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    try:
        return importlib.import_module("companion")
    finally:
        sys.path.pop(0)


def test_choices_lead_to_the_lines_that_make_them() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| \{line\}`(.+)` \|$", (ROOT / "book" / "choices.md").read_text(), re.M)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1)) and len(rows) >= 25
    for _, name in rows:
        path, number = companion().line_of(ROOT, name)
        assert name.rpartition(".")[2] in (ROOT / path).read_text().splitlines()[number - 1]
    path, number = companion().line_of(ROOT, "lib.networks.layers.resnet50")
    assert (ROOT / path).read_text().splitlines()[number - 1 : number + 1] == [
        "[encoding.resnet50]",
        'Conv-1 = "conv1"',
    ]
    with pytest.raises(ExtensionError, match=r"lib\.core\.scores\.r3 is defined nowhere in lib/core/scores\.py"):
        companion().line_of(ROOT, "lib.core.scores.r3")


def test_plots_are_made_light_and_photographs_keep_their_colours(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    plot = np.full((200, 200, 3), 255, np.uint8)
    plot[90:110] = [0, 114, 178]
    for name, pixels in {"noise": noise, "plot": plot}.items():
        path = tmp_path / f"{name}.png"
        Image.fromarray(pixels).convert("RGBA").save(path)
        before = path.stat().st_size
        path.write_bytes(companion()._light(path.read_bytes()))
        np.testing.assert_array_equal(np.asarray(Image.open(path).convert("RGB")), pixels)
        assert path.stat().st_size < before
    assert [Image.open(tmp_path / f"{name}.png").mode for name in ("noise", "plot")] == ["RGB", "P"]


def test_a_transparent_picture_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "icon.png"
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(path)
    before = path.read_bytes()
    assert companion()._light(before) == before


def test_a_picture_is_made_small_once(tmp_path: Path) -> None:
    made = []

    def make(picture: bytes) -> bytes:
        """Another picture."""
        made.append(picture)
        return picture[::-1]

    found = [companion()._once(tmp_path, make, picture) for picture in (b"ab", b"ab", b"cd")]
    assert (found, made) == ([b"ba", b"ba", b"dc"], [b"ab", b"cd"])


def test_no_page_shows_a_warning_of_its_computation() -> None:
    shown = [page.name for page in built_pages() if 'class="output stderr' in page.read_text(encoding="utf-8")]
    assert shown == [], "a reader sees what only the author should: mend the cell, or the function that warns"


def test_pages_load_scripts_only_where_they_are_used() -> None:
    for path in built_pages():
        loaded = " ".join(addresses(path).loaded)
        assert "fontawesome.js" not in loaded, path
        assert ("searchindex.js" in loaded) == (path.name == "search.html"), path
        assert ("mathjax" in loaded) == ('class="math' in path.read_text(encoding="utf-8")), path


def test_no_name_of_a_file_became_an_address() -> None:
    urls = {url for path in built_pages() for url in addresses(path).links}
    assert [url for url in sorted(urls) if re.fullmatch(r"https?://[^/]+\.(md|py|toml)", url)] == []
