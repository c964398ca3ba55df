"""`python -m lib maps`: draw the maps that a figure notebook kept, and write pages on which to turn through them."""

import argparse
from html import escape
from pathlib import Path

import xarray as xr
from tqdm import tqdm

from lib.app.parameters import user_path
from lib.core.disk import written_aside
from lib.figures.maps import SURFACES, map_slices, map_surface, write_viewer
from lib.figures.style import data_warning

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{font-family: sans-serif; max-width: 70em; margin: auto}} img {{max-width: 100%}}</style></head>
<body><h1>{title}</h1><p><strong>{warning}</strong></p><p>{source}</p>
{maps}
</body></html>
"""


def draw_maps(result: Path, target: Path, anatomy: Path | None = None, surfaces: Path | None = None) -> Path:
    """Draw the maps of a folder of results: pictures, a viewer for each map of one volume, and a page with all.

    Parameters
    ----------
    result : Path
        As `lib.analysis.results.write_results` made it.
    target : Path
        A new or empty folder; it gets its name when everything is written.
    anatomy : Path, optional
        A volume in the maps' space, drawn behind them.
    surfaces : Path, optional
        The participant's folder `surf` of FreeSurfer, to draw the maps on it as well.

    Returns
    -------
    Path
        The page `index.html`.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        No maps or no such file, a target that holds something, or surfaces of another space.
    """
    maps = sorted((result / "maps").glob("*.nii.gz"))
    needed = [anatomy] if anatomy else []
    needed += [surfaces / f"{side}.{name}" for side in ("lh", "rh") for name in SURFACES] if surfaces else []
    if not maps or not (result / "results.nc").is_file():
        raise FileNotFoundError(f"{result}: expected results.nc and maps of figures 1 to 3 (-p results), found none.")
    if absent := [path for path in needed if not path.is_file()]:
        raise FileNotFoundError(f"{absent[0]}: expected a file to draw the maps on, found none.")
    with xr.open_dataset(result / "results.nc") as found:
        about = found.attrs
    warning = data_warning(about["simulated"] == "True", about["weights"])
    title = ": ".join(filter(None, (about["title"], warning)))
    with written_aside(target.absolute()) as folder:
        folder.mkdir()
        shown = [_drawn(path, title, folder, anatomy, surfaces) for path in tqdm(maps, "maps")]
        words = {"title": about["title"], "warning": warning, "source": about["source"]}
        page = _PAGE.format(maps="\n".join(shown), **{name: escape(text) for name, text in words.items()})
        (folder / "index.html").write_text(page, encoding="utf-8")
    return target / "index.html"


def _drawn(path: Path, title: str, folder: Path, anatomy: Path | None, surfaces: Path | None) -> str:
    """Draw one map; its part of the page."""
    name = path.name.removesuffix(".nii.gz")
    figures = {"slices": map_slices(path, f"{title}\n{name}", anatomy)}
    parts = [f"<h2>{escape(name)}</h2>"]
    if not name.endswith("_score") or name.endswith("_stacked_score"):  # these have one volume
        write_viewer(path, name, folder / f"{name}.html", anatomy)
        parts.append(f'<p><a href="{name}.html">Turn through it</a></p>')
        if surfaces:
            figures["surface"] = map_surface(path, f"{title}\n{name}", surfaces)
    for what, figure in figures.items():
        figure.savefig(folder / f"{name}_{what}.png")
        parts.append(f'<img src="{name}_{what}.png" alt="{what} of {escape(name)}, colours by value">')
    return "\n".join(parts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m lib maps`."""
    parser.add_argument("result", type=user_path, help="the folder named by -p results")
    parser.add_argument("--output", type=user_path, help="a new folder (default: RESULT/pictures)")
    parser.add_argument("--anatomy", type=user_path, help="a volume in the betas' space, shown behind the maps")
    parser.add_argument(
        "--surf", type=user_path, help="the participant's FreeSurfer folder: lh.pial, lh.white and so on"
    )


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib maps`; return 0."""
    print(draw_maps(args.result, args.output or args.result / "pictures", args.anatomy, args.surf))
    return 0
