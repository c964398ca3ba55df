"""Maps of voxels as nilearn draws them, in the participant's own space: slices, surfaces, a viewer."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nibabel
import numpy as np
from matplotlib.figure import Figure
from nilearn.image import iter_img, load_img, math_img
from nilearn.plotting import plot_stat_map, plot_surf_stat_map, view_img
from nilearn.surface import load_surf_mesh

from lib.figures.style import NORMAL, SMALL

N_SLICES = 10
SURFACES = ("pial", "white")  # outer and inner one, as FreeSurfer calls them
_DEPTHS = (0.5, 0.25, 0.75, 0.0, 1.0)  # between the surfaces, as looked at in turn
_COUNTED = ("preferred_layer", "depth")  # maps of layers, counted from 1


def _look(path: Path) -> dict[str, Any]:
    """Colours of a map, and their ends: zero or the first layer, and the largest value."""
    values = np.asarray(load_img(path).dataobj)
    highest = np.nanmax(values, initial=1e-3)
    layers = path.name.removesuffix(".nii.gz").endswith(_COUNTED)
    colours: dict[str, Any] = {"cmap": "viridis", "vmin": 1} if layers else {"cmap": "inferno", "vmin": 0}
    return colours | {"vmax": max(float(highest), colours["vmin"] + 1e-3), "threshold": 1e-6, "black_bg": False}


def map_slices(path: Path, title: str, anatomy: Path | None = None) -> Figure:
    """Slices through a map, along the axis in which its voxels lie in the fewest planes; a row for each layer.

    Parameters
    ----------
    path : Path
        A NIfTI volume, or one for each layer, with NaN where no voxel was fitted.
    title : str
    anatomy : Path, optional
        A volume in the same space, shown in grey behind the map.
    """
    image, filled = load_img(path), _filled(path)
    rows = list(iter_img(filled)) if image.ndim == 4 else [filled]
    figure, axes = plt.subplots(len(rows), 1, figsize=(10, 1.7 * len(rows)), dpi=110, squeeze=False, facecolor="white")
    plt.close(figure)
    axis, places = _cuts(image)
    for i, (row, ax) in enumerate(zip(rows, axes.flat, strict=True), start=1):
        with warnings.catch_warnings(action="ignore"):  # about slices through the first and the last voxels
            drawn = plot_stat_map(
                row, bg_img=anatomy, display_mode=axis, cut_coords=places, axes=ax, figure=figure, annotate=False,
                resampling_interpolation="nearest", **_look(path),
            )  # fmt: skip
        drawn.annotate(size=SMALL - 2)
        if len(rows) > 1:
            drawn.title(f"layer {i}", size=SMALL, bgcolor="white", color="black")
    figure.suptitle(title, fontsize=NORMAL)
    return figure


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
        The participant's folder `surf` of FreeSurfer, with lh.pial, lh.white, rh.pial and rh.white.

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


def _texture(path: Path, surfaces: Path, side: str) -> np.ndarray:
    """The value of the voxel nearest to the middle of the grey matter, else of one nearer to its rims, else NaN.

    Array of shape (n_vertices,).
    """
    outer, inner = (np.asarray(load_surf_mesh(surfaces / f"{side}.{name}").coordinates) for name in SURFACES)
    texture: np.ndarray = np.full(len(outer), np.nan)
    for depth in _DEPTHS:
        values = _at(load_img(path), outer + depth * (inner - outer))
        texture = np.where(np.isfinite(texture), texture, values)
    return texture


def _at(image: nibabel.Nifti1Image, points: np.ndarray) -> np.ndarray:
    """Values of the voxels around points (n_points, 3) in millimetres; NaN outside the volume."""
    ijk = np.rint(nibabel.affines.apply_affine(np.linalg.inv(image.affine), points)).astype(int)
    inside = ((ijk >= 0) & (ijk < image.shape)).all(1)
    values: np.ndarray = np.full(len(points), np.nan)
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
    with warnings.catch_warnings(action="ignore"):  # about a background of zeros, where there is no anatomy
        view_img(_filled(path), bg_img=anatomy or False, title=title, **look).save_as_html(page)
