"""`python -m lib maps`: draw the maps that a figure notebook kept, and write pages on which to turn through them."""

import argparse
from html import escape
from pathlib import Path

import xarray as xr
from tqdm import tqdm

from lib.app.parameters import user_folder, user_path
from lib.core.disk import written_aside
from lib.data.files import read_file
from lib.figures.maps import LAYER_MAPS, map_slices, map_surface, surface_files, write_viewer
from lib.figures.style import data_warning

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{font-family: sans-serif; max-width: 70em; margin: auto}} img {{max-width: 100%}}</style></head>
<body><h1>{title}</h1><p><strong>{warning}</strong></p><p>{source}</p>
<p>Where nothing lies behind a map, grey voxels were fitted and their value is not above zero.</p>
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
    needed += surface_files(surfaces) if surfaces else []
    if not maps or not (result / "results.nc").is_file():
        raise FileNotFoundError(f"{result}: expected results.nc and maps of figures 1 to 3 (-p results), found none.")
    if absent := [path for path in needed if not path.is_file()]:
        raise FileNotFoundError(f"{absent[0]}: expected a file to draw the maps on, found none.")
    found = read_file(result / "results.nc", "results of figures 1 to 3", xr.load_dataset)
    about = found.attrs
    warning = data_warning(about["simulated"] == "True", about["weights"])
    with written_aside(target.absolute()) as folder:
        folder.mkdir()
        shown = [_drawn(path, found, warning, folder, anatomy, surfaces) for path in tqdm(maps, "maps")]
        words = {"title": about["title"], "warning": warning, "source": about["source"]}
        page = _PAGE.format(maps="\n".join(shown), **{name: escape(text) for name, text in words.items()})
        (folder / "index.html").write_text(page, encoding="utf-8")
    return target / "index.html"


def _drawn(
    path: Path, found: xr.Dataset, warning: str, folder: Path, anatomy: Path | None, surfaces: Path | None
) -> str:
    """Draw one map; its part of the page."""
    name = path.name.removesuffix(".nii.gz")
    network, _, what = name.partition("_")
    layers = [layer for layer in found.layer_name.sel(network=network).values.ravel() if layer]
    heading, meaning = f"{network}: {what.replace('_', ' ')}", found[what].attrs["long_name"]
    if what in LAYER_MAPS:
        meaning += f": {', '.join(f'{i} {layer}' for i, layer in enumerate(layers, start=1))}"
    title = "\n".join(filter(None, (f"{heading}. {meaning}", f"{found.attrs['title']}. {warning}")))
    figures = {"slices": map_slices(path, title, anatomy, layers)}
    parts = [f"<h2>{escape(heading)}</h2>", f"<p>{escape(meaning)}.</p>"]
    if "layer" not in found[what].dims:
        write_viewer(path, title, folder / f"{name}.html", anatomy)
        parts.append(f'<p><a href="{name}.html">Turn through it</a></p>')
        if surfaces:
            figures["surface"] = map_surface(path, title, surfaces)
    for kind, figure in figures.items():
        figure.savefig(folder / f"{name}_{kind}.png")
        parts.append(f'<img src="{name}_{kind}.png" alt="{kind} of {escape(heading)}, colours by value">')
    return "\n".join(parts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m lib maps`."""
    parser.add_argument("result", type=user_path, help="the folder named by -p results")
    parser.add_argument("--output", type=user_folder, help="a new folder (default: RESULT/pictures)")
    parser.add_argument("--anatomy", type=user_path, help="a volume in the betas' space, shown behind the maps")
    parser.add_argument(
        "--surf", type=user_path, help="the participant's FreeSurfer folder, such as NSD's freesurfer/subj01/surf"
    )


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib maps`; return 0."""
    print(draw_maps(args.result, args.output or args.result / "pictures", args.anatomy, args.surf))
    return 0
