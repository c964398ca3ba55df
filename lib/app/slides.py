"""The book's figures as slides: SVG, 16:9, and PDF in the figure's own size, for each figure with a caption.

    python -m lib slides OUT [NOTEBOOK ...]

Notebooks are executed with their figures drawn as SVG and PDF; each SVG is then put on a white canvas of 1280 x 720, as
large as it fits, and the caption comes with it as the picture's title and description.
"""

import argparse
import base64
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lib.app.execute import NotebookFailed, run_notebook
from lib.app.notebooks import NotebookSource, choose_sources, share_out
from lib.app.parameters import Value, user_folder
from lib.app.run import add_parameter_arguments, given_parameters
from lib.core.disk import written_aside

WIDTH, HEIGHT, _MARGIN = 1280, 720, 32  # pixels
DRAW = 'get_ipython().config.InlineBackend.figure_formats = {"svg", "pdf"}  # read when matplotlib is first imported'
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_EPILOG = """A notebook is executed again only if it changed; what was executed lies in OUT/executed.

examples:
  python -m lib slides _build/slides                        every captioned figure of the book
  python -m lib slides talk fig1_alexnet stacking           those of two pages
  python -m lib slides talk fig1_alexnet -p world flat      with another parameter
"""


def slides_of(notebook: NotebookNode) -> dict[str, bytes]:
    """Slides of an executed notebook, two for each figure with a caption: name of the file -> its content."""
    slides = {}
    for cell in notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        drawn = [o.data for o in cell.get("outputs", ()) if "image/svg+xml" in o.get("data", {})]
        for data in drawn[:1] if "caption" in figure else ():
            slides[f"{figure['name']}.svg"] = slide("".join(data["image/svg+xml"]), figure["caption"]).encode()
            slides[f"{figure['name']}.pdf"] = base64.b64decode(data["application/pdf"])
    return slides


def slide(picture: str, caption: str) -> str:
    """A picture on a white canvas of 16:9, in the middle and as large as it fits.

    Parameters
    ----------
    picture : str
        SVG with a viewBox, as matplotlib writes it.
    caption : str
        Becomes the slide's description, for people who listen to it.
    """
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    inner = ET.fromstring(picture)
    place = {"x": _MARGIN, "y": _MARGIN, "width": WIDTH - 2 * _MARGIN, "height": HEIGHT - 2 * _MARGIN}
    for name, value in place.items():
        inner.set(name, str(value))
    inner.set("preserveAspectRatio", "xMidYMid meet")
    size = {"width": str(WIDTH), "height": str(HEIGHT)}
    canvas = ET.Element(f"{{{SVG}}}svg", {**size, "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img"})
    ET.SubElement(canvas, f"{{{SVG}}}desc").text = caption
    ET.SubElement(canvas, f"{{{SVG}}}rect", {**size, "fill": "white"})
    canvas.append(inner)
    return ET.tostring(canvas, encoding="unicode", xml_declaration=True)


def write_slides(source: NotebookSource, given: Mapping[str, Value], target: Path) -> list[Path]:
    """Execute a notebook, unless it was and nothing changed, and write its slides; return their paths.

    Parameters
    ----------
    source : NotebookSource
    given : mapping
        Parameters that replace defaults.
    target : Path
        The folder to write into.
    """
    executed = target / "executed" / f"{source.name}.ipynb"
    run_notebook(NotebookSource(source.path, prelude=DRAW), given, executed)
    slides = slides_of(nbformat.read(executed, as_version=4))
    for name, content in slides.items():
        with written_aside(target / name) as part:
            part.write_bytes(content)
    return [target / name for name in slides]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib slides`."""
    add = parser.add_argument
    add("target", type=user_folder, metavar="OUT", help="folder for FIGURE.svg and FIGURE.pdf; made if need be")
    add("names", nargs="*", metavar="NOTEBOOK", help="such as fig1_alexnet (default: all, which takes half an hour)")
    add_parameter_arguments(parser)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib slides`; return 0, or raise ValueError if a notebook failed."""
    sources = choose_sources(args.names, args.folder)
    jobs = share_out(sources, given_parameters(args))
    for i, (source, given) in enumerate(jobs, start=1):
        try:
            paths = write_slides(source, given, args.target)
        except NotebookFailed as failure:
            raise ValueError(failure) from failure
        print(f"[{i}/{len(jobs)}] {source.name}: {', '.join(path.name for path in paths) or 'no figures'}", flush=True)
    return 0
