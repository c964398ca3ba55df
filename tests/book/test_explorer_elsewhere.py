"""A figure that answers a pointer, shown on a page that is not its notebook's: as the landing page does."""

import io
from pathlib import Path

import nbformat
from companion import Explorer
from nbformat.v4 import new_code_cell, new_notebook, new_output
from sphinx.application import Sphinx

FIGURE = '<figure class="explorer" data-explorer="plant"><script type="application/json">{"n":1}</script></figure>'


def page(folder: Path, *html: str) -> str:
    """A page that asks for the explorer of a notebook with these outputs, and what Sphinx warned of."""
    (folder / "notebooks").mkdir()
    outputs = [new_output("display_data", {"text/html": one}) for one in html]
    nbformat.write(new_notebook(cells=[new_code_cell("x", outputs=outputs)]), folder / "notebooks" / "mine.ipynb")
    (folder / "index.md").write_text("# Book\n\n```{explorer} mine\n```\n", encoding="utf-8")
    settings = {"extensions": ["myst_parser"], "exclude_patterns": ["notebooks"]}
    folders = (folder, None, folder / "html", folder / "doctrees")
    app = Sphinx(*folders, "html", settings, status=None, warning=(warnings := io.StringIO()))
    app.add_directive("explorer", Explorer, override=True)
    app.build()
    return (folder / "html" / "index.html").read_text(encoding="utf-8") + warnings.getvalue()


def test_the_first_explorer_of_the_notebook_is_shown_as_it_is(tmp_path: Path) -> None:
    assert FIGURE in page(tmp_path, "<p>a table</p>", FIGURE, FIGURE.replace("plant", "voxels"))


def test_a_notebook_without_one_is_an_error(tmp_path: Path) -> None:
    assert "ERROR: notebooks/mine.py has no figure that answers a pointer" in page(tmp_path, "<p>a table</p>")
