"""Maps of voxels as nilearn draws them, in the participant's own space: slices, surfaces, a viewer."""

import html
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nibabel
import numpy as np
from matplotlib.figure import Figure
from nilearn.image import iter_img, load_img, math_img, resample_to_img
from nilearn.plotting import plot_stat_map, plot_surf_stat_map, view_img

from lib.figures.style import NORMAL, SMALL

N_SLICES = 10
_MARGIN = 2  # voxels around those that were fitted, where there is no anatomy
_FITTED, _AROUND, _DIM = 1, 2, 5  # levels that nilearn, dimming so much, shows as light grey and white
_SURFACES = ("pial", "white")  # outer and inner one, as FreeSurfer calls them
_LAYERS = ("layerB2", "layerB1", "layerB3")  # of the grey matter in NSD's transforms, the middle one first
_DEPTHS = (0.5, 0.25, 0.75, 0.0, 1.0)  # between the surfaces, as looked at in turn
LAYER_MAPS = ("preferred_layer", "depth")  # maps of layers, counted from 1


def _look(path: Path) -> dict[str, Any]:
    """Colours of a map, and their ends: zero or the first layer, and the largest value."""
    values = np.asarray(load_img(path).dataobj)
    highest = np.nanmax(values, initial=1e-3)
    layers = path.name.removesuffix(".nii.gz").endswith(LAYER_MAPS)
    colours: dict[str, Any] = {"cmap": "viridis", "vmin": 1} if layers else {"cmap": "inferno", "vmin": 0}
    return colours | {"vmax": max(float(highest), colours["vmin"] + 1e-3), "threshold": 1e-6, "black_bg": False}


def map_slices(path: Path, title: str, anatomy: Path | None = None, layers: Sequence[str] = ()) -> Figure:
    """Slices through a map, along the axis in which its voxels lie in the fewest planes; a row for each layer.

    Without an anatomy, voxels that were fitted and whose value is not above zero are grey.

    Parameters
    ----------
    path : Path
        A NIfTI volume, or one for each layer, with NaN where no voxel was fitted.
    title : str
    anatomy : Path, optional
        A volume in the same space, shown in grey behind the map.
    layers : sequence of str
        Names of the volumes; they are numbered where none are given.
    """
    image, filled = load_img(path), _filled(path)
    rows = list(iter_img(filled)) if image.ndim == 4 else [filled]
    names = (layers or [f"layer {i}" for i, _ in enumerate(rows, start=1)]) if len(rows) > 1 else [""]
    figure, axes = plt.subplots(len(rows), 1, figsize=(10, 0.7 + 1.5 * len(rows)), dpi=110, squeeze=False)
    figure.subplots_adjust(left=0.1, right=0.97, bottom=0, top=1 - 0.7 / (0.7 + 1.5 * len(rows)))
    plt.close(figure)
    axis, places = _cuts(image)
    behind = {"bg_img": anatomy, "dim": 0} if anatomy else {"bg_img": _frame(image), "dim": _DIM}
    for name, row, ax in zip(names, rows, axes.flat, strict=True):
        with warnings.catch_warnings(action="ignore"):  # about slices through the first and the last voxels
            drawn = plot_stat_map(
                row, display_mode=axis, cut_coords=places, axes=ax, figure=figure, annotate=False,
                resampling_interpolation="nearest", **behind, **_look(path),
            )  # fmt: skip
        for place, cut in drawn.axes.items():  # beside the slices, not on them
            sides = ("", "") if axis == "x" else ("L  ", "  R")
            cut.ax.set_title(f"{sides[0]}{axis} = {place:.0f}{sides[1]}", fontsize=SMALL - 2, color="black")
        figure.text(0.005, ax.get_position().y0 + ax.get_position().height / 2, name, fontsize=SMALL, va="center")
    figure.suptitle(title, fontsize=NORMAL)
    return figure


def _frame(image: nibabel.Nifti1Image, cube: bool = False) -> nibabel.Nifti1Image:
    """What lies behind a map without anatomy: its fitted voxels, and a margin around them; or a cube around them."""
    voxels = np.argwhere(np.isfinite(np.asarray(image.dataobj).reshape(*image.shape[:3], -1)).any(-1))
    low, size = voxels.min(0) - _MARGIN, np.ptp(voxels, axis=0) + 1 + 2 * _MARGIN
    wider = (size.max() - size) * cube
    low, size = low - wider // 2, size + wider
    greys: np.ndarray = np.full(size, _AROUND, np.float32)
    greys[tuple((voxels - low).T)] = _FITTED
    return nibabel.Nifti1Image(greys, image.affine @ nibabel.affines.from_matvec(np.eye(3), low))


def _filled(path: Path) -> nibabel.Nifti1Image:
    """The map with 0, which is drawn as nothing, where no voxel was fitted."""
    return math_img("np.nan_to_num(img)", img=path)


def _cuts(image: nibabel.Nifti1Image) -> tuple[str, np.ndarray]:
    """The axis along which voxels lie in the fewest planes, and millimetres of at most ten of these."""
    voxels = np.argwhere(np.isfinite(np.asarray(image.dataobj).reshape(*image.shape[:3], -1)).any(-1))
    thin = int(np.argmin([len(np.unique(column)) for column in voxels.T]))
    axis = int(nibabel.io_orientation(image.affine)[thin, 0])
    places = np.unique(nibabel.affines.apply_affine(image.affine, voxels)[:, axis].round(3))
    return "xyz"[axis], places[np.unique(np.linspace(0, len(places) - 1, N_SLICES).round().astype(int))]


def map_surface(path: Path, title: str, surfaces: Path) -> Figure:
    """A map on the outer surface of both hemispheres, seen from the side and from below.

    Parameters
    ----------
    path : Path
        A NIfTI volume with NaN where no voxel was fitted.
    title : str
    surfaces : Path
        The participant's folder `surf` of FreeSurfer, see `surface_files`.

    Raises
    ------
    ValueError
        No voxel lies near the surfaces, so they belong to another space or person.
    """
    textures = {side: _texture(path, surfaces, f"{side[0]}h") for side in ("left", "right")}
    if not any(np.isfinite(texture).any() for texture in textures.values()):
        raise ValueError(f"{surfaces}: expected surfaces in the space of {path.name}, found none of its voxels nearby.")
    views = [(side, view) for side in textures for view in ("lateral", "ventral")]
    figure, axes = plt.subplots(1, 4, figsize=(10, 3), dpi=110, subplot_kw={"projection": "3d"}, facecolor="white")
    plt.close(figure)
    look = {name: value for name, value in _look(path).items() if name != "black_bg"}
    for ax, (side, view) in zip(axes, views, strict=True):
        plot_surf_stat_map(
            surfaces / f"{side[0]}h.pial", textures[side], hemi=side, view=view, axes=ax, figure=figure,
            colorbar=False, symmetric_cbar=False, **look,
        )  # fmt: skip
        ax.set_title(f"{side}, {view}", fontsize=SMALL)
    figure.suptitle(title, fontsize=NORMAL)
    return figure


def surface_files(surfaces: Path) -> list[Path]:
    """The files that `map_surface` reads: outer and inner surfaces, and NSD's transforms if they are NSD's.

    NSD's surfaces lie in the space of the anatomy, and its betas in another.

    Parameters
    ----------
    surfaces : Path
        A participant's folder `surf` of FreeSurfer; `freesurfer/subj01/surf`, say, is one of NSD.
    """
    sides, subject = ("lh", "rh"), surfaces.parent.name
    files = [surfaces / f"{side}.{name}" for side in sides for name in _SURFACES]
    if surfaces.parent.parent.name == "freesurfer" and re.fullmatch(r"subj\d\d", subject):
        transforms = surfaces.parent.parent.parent / "ppdata" / subject / "transforms"
        files += [transforms / f"{side}.func1pt8-to-{layer}.mgz" for side in sides for layer in _LAYERS]
    return files


def _texture(path: Path, surfaces: Path, side: str) -> np.ndarray:
    """The value of the voxel nearest to the middle of the grey matter, else of one nearer to its rims, else NaN.

    Array of shape (n_vertices,).
    """
    image, files = load_img(path), [file for file in surface_files(surfaces) if file.name.startswith(side)]
    outer, inner = (_scanner_points(file) for file in files[:2])
    if layers := files[2:]:
        places = [np.asarray(load_img(layer).dataobj).reshape(-1, 3) - 1 for layer in layers]  # counted from 1
    else:
        to_voxels = np.linalg.inv(image.affine)
        places = [nibabel.affines.apply_affine(to_voxels, outer + depth * (inner - outer)) for depth in _DEPTHS]
    texture: np.ndarray = np.full(len(outer), np.nan)
    for ijk in places:
        texture = np.where(np.isfinite(texture), texture, _at(image, ijk))
    return texture


def _scanner_points(file: Path) -> np.ndarray:
    """Vertices (n_vertices, 3) of a surface in millimetres of the scanner; FreeSurfer centres them on its volume."""
    with warnings.catch_warnings(action="ignore"):  # about a file that does not say where that centre is
        points, _, about = nibabel.freesurfer.read_geometry(file, read_metadata=True)
    return np.asarray(points + about.get("cras", 0))


def _at(image: nibabel.Nifti1Image, places: np.ndarray) -> np.ndarray:
    """Values of the voxels at indices (n_points, 3), rounded; NaN outside the volume."""
    ijk = np.rint(np.nan_to_num(places, nan=-1)).astype(int)
    inside = ((ijk >= 0) & (ijk < image.shape)).all(1)
    values: np.ndarray = np.full(len(ijk), np.nan)
    values[inside] = np.asarray(image.dataobj)[tuple(ijk[inside].T)]
    return values


def write_viewer(path: Path, title: str, page: Path, anatomy: Path | None = None) -> None:
    """Write a page on which a map can be turned through, without a server or a network.

    Parameters
    ----------
    path : Path
        A NIfTI volume with NaN where no voxel was fitted.
    title : str
    page : Path
        An HTML file.
    anatomy : Path, optional
        As for `map_slices`.
    """
    look = _look(path) | {"resampling_interpolation": "nearest", "symmetric_cmap": False}
    around = _frame(load_img(path), cube=True)  # a page holds its background voxel by voxel, so no more of it
    behind, dim = (resample_to_img(anatomy, around), 0) if anatomy else (around, _DIM)
    shown = view_img(_filled(path), bg_img=behind, dim=dim, width_view=900, **look).get_standalone()
    page.write_text(shown.replace("<body>", f"<body><p>{html.escape(title)}</p>", 1), encoding="utf-8")
