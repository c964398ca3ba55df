"""Small results with all numbers different, so that a figure that draws another row, column or network is found out."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from lib.analysis.decoding import PUBLISHED, DecodingResult
from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.encoding import EncodingResult
from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.variance import Partition
from lib.claims.specifications import Specification, every_choice
from lib.core.scores import Interval
from lib.data import Brain, Source
from lib.networks import ZOO
from lib.networks.zoo import PAPER_W

N_VOXELS, N_BEST = 7, 4  # of each ROI
FEW = ("V1", "V3", "PPA", "FFA", "OFA")  # two, one and two of the groups of areas
SIMULATED = Source("made", "small numbers", "a test", "none", simulated=True, world="as-published")
MEASURED = Source("nsd", "people", "a scanner", "its own", simulated=False)


def make_brain(source: Source = SIMULATED, rois: Sequence[str] = FEW, seed: int = 0) -> Brain:
    masks = {roi: np.repeat([roi == other for other in rois], N_VOXELS) for roi in rois}
    ceiling = np.random.default_rng((seed, 9)).uniform(0.1, 0.9, N_VOXELS * len(rois))
    return Brain("somebody", masks, ceiling, source)


def make_result(network: str, n_voxels: int, seed: int = 0) -> EncodingResult:
    layers = tuple(ZOO[network].layers)
    rng = np.random.default_rng((seed, *network.encode()))
    score, cv_score, correlation, alphas = rng.uniform(-0.2, 0.7, (4, len(layers), n_voxels))
    stacked, stacked_cv, stacked_r = rng.uniform(-0.2, 0.8, (3, n_voxels))
    weights = rng.dirichlet(np.full(len(layers), 0.4), n_voxels).T
    return EncodingResult(layers, score, cv_score, stacked, stacked_cv, correlation, stacked_r, weights, alphas)


def make_study(
    networks: Sequence[str] = PAPER_W[:2],
    source: Source = SIMULATED,
    rois: Sequence[str] = FEW,
    seed: int = 0,
    n_best: int = N_BEST,
    weights: str = "miniature",
) -> EncodingStudy:
    brain = make_brain(source, rois, seed)
    results = {name: make_result(name, brain.n_voxels, seed) for name in networks}
    return EncodingStudy(brain, results, n_best, weights)


def make_decoding(source: Source = SIMULATED, weights: str = "miniature") -> DecodingStudy:
    """Three participants, seven areas, four layers of two networks; unit 2 of each layer does not vary."""
    rng = np.random.default_rng(1)
    layers = [("alexnet-object", f"cnn{i}") for i in (1, 8)] + [("resnet50-object", f"resnet{i}") for i in (1, 8)]

    def result(network: str, layer: str, roi: str) -> DecodingResult:
        units = rng.uniform(0, 0.5, 2 + len(layer))
        units[2] = np.nan
        agreement = rng.normal(0, 0.1, (9, 9)) + (0.5 * np.eye(9) if layer == "cnn8" else 0)
        return DecodingResult(network, layer, roi, PUBLISHED, units, agreement)

    rois = ("V1", "V2", "V3", "V4", "LOC", "FFA", "PPA")
    people = [[result(*layer, roi) for roi in rois for layer in layers] for _ in range(3)]
    return DecodingStudy([make_brain(source)] * 3, people, weights=weights)


def make_specifications(seed: int) -> list[Specification]:
    """One for each set of choices; their leads all differ, and Y1 holds where the lead is above 0."""
    choices = every_choice()
    leads = np.random.default_rng(seed).permutation(np.linspace(-0.2, 0.4, len(choices)))
    intervals = [Interval(lead, lead - 0.01 - abs(lead) / 9, lead + 0.03) for lead in leads]
    return [
        Specification(one, ahead, {"Y1": ahead.estimate > 0, "Y2": ahead.estimate > 0.3})
        for one, ahead in zip(choices, intervals, strict=True)
    ]


def make_partition(seed: int) -> Partition:
    parts = np.random.default_rng(seed).uniform(0.01, 0.5, (4, 3, 6))  # 3 layers, 6 voxels
    return Partition(("Conv-1", "Conv-2", "Conv-3"), *parts)


# Volumes and surfaces

AFFINE = np.array([[-1.2, -0.9, 0.1, 14], [-0.9, 1.2, 0.0, -7], [-0.1, 0.0, 1.8, 2], [0, 0, 0, 1]])  # mirrored, oblique
BOX = (slice(2, 6), slice(3, 8), slice(4, 9))


def write_box(path: Path, factors: Sequence[float]) -> np.ndarray:
    """A map of 9 x 10 x 11 with voxels in a box only; with several factors, a volume for each. Returns the volume."""
    box = np.full((9, 10, 11), np.nan, np.float32)
    box[BOX] = np.random.default_rng(0).uniform(0.1, 0.5, (4, 5, 5))
    volume = np.stack([box * np.float32(factor) for factor in factors], -1).squeeze()
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume, AFFINE), path)
    return volume


def write_spheres(folder: Path, centre: np.ndarray, cras: np.ndarray | None = None) -> None:
    """Spheres of 6 mm, and of 4 mm within, as FreeSurfer writes surfaces; both hemispheres are the same.

    `cras` is the centre of FreeSurfer's volume in the scanner, which its files name.
    """
    axes = {f"{axis}ras": row for axis, row in zip("xyz", np.eye(3), strict=True)}
    grid = {"head": [2, 0, 20], "valid": "1", "filename": "T1", "volume": [256] * 3, "voxelsize": [1.0] * 3}
    about = None if cras is None else grid | axes | {"cras": cras}
    folder.mkdir()
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False), np.linspace(0.1, np.pi - 0.1, 12)
    around, down = (grid.ravel() for grid in np.meshgrid(*angles, indexing="ij"))
    points = np.column_stack([np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), np.cos(down)])
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(24), np.arange(11), indexing="ij"))
    corners = [12 * a + b for a, b in ((i, j), ((i + 1) % 24, j), (i, j + 1), ((i + 1) % 24, j + 1))]
    faces = np.vstack([np.column_stack(corners[:3]), np.column_stack(corners[1:])])
    for side in ("lh", "rh"):
        for name, radius in {"pial": 6, "white": 4}.items():
            surface = radius * points + centre
            nibabel.freesurfer.write_geometry(folder / f"{side}.{name}", surface, faces, volume_info=about)


# What was drawn


def bars(ax: Axes, along: int = 1) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The points of each errorbar, and the ends of its bars along an axis: {label: (xy, low, high)}."""
    found = {}
    for drawn in ax.containers:
        if isinstance(drawn, ErrorbarContainer) and len(drawn.lines[0].get_xdata()):
            nothing = np.full((2, 2), np.nan)
            segments = [one if len(one) else nothing for one in drawn.lines[2][0].get_segments()]
            ends = np.array([segment[:, along] for segment in segments])
            found[drawn.get_label()] = drawn.lines[0].get_xydata(), ends[:, 0], ends[:, 1]
    return found


def lines(ax: Axes, n: int) -> list[np.ndarray]:
    """The heights of all lines of `n` points, in the order drawn."""
    return [line.get_ydata() for line in ax.lines if len(line.get_ydata()) == n]


def ticks(ax: Axes, axis: str = "x") -> list[str]:
    """Labels along an axis."""
    return [text.get_text() for text in getattr(ax, f"get_{axis}ticklabels")()]


def legend(ax_or_figure: Any) -> list[str]:
    """Words of a legend."""
    found = ax_or_figure.legends[0] if hasattr(ax_or_figure, "legends") else ax_or_figure.get_legend()
    return [text.get_text() for text in found.get_texts()]


def payload(html: HTML) -> dict[str, Any]:
    """The numbers that the script of an explorer draws."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html.data, re.DOTALL)[1])
