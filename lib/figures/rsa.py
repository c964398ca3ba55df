"""Representational similarity analysis: images, dissimilarities, layers against areas."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from lib.analysis.rsa import rdm_noise_ceiling
from lib.core.tables import Table
from lib.data.images92 import Images92
from lib.figures import style
from lib.figures.style import NORMAL, SMALL, subplots


def contact_sheet(data: Images92, n_columns: int = 12) -> Figure:
    """All images, one block of rows per category."""
    categories = list(dict.fromkeys(data.category))
    sheets = [style.montage(data.images[data.category == category], n_columns) for category in categories]
    heights = [len(sheet) for sheet in sheets]
    size = (7.2, 6.1 * sum(heights) / sheets[0].shape[1] + 0.1 * len(sheets) + 0.2)
    figure, axes = subplots(len(sheets), 1, size, height_ratios=heights, dpi=100)
    for ax, sheet, category in zip(axes.flat, sheets, categories, strict=True):
        ax.imshow(sheet)
        ax.set_ylabel(category.replace(" ", "\n"), fontsize=SMALL, rotation=0, ha="right", va="center")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return style.label_data(figure, data.source.simulated)


def mean_rdms(data: Images92) -> Figure:
    """The participants' mean RDM of each area, as percentiles, images ordered by category."""
    figure, axes = subplots(1, len(data.rdms), (7.2, 3.6), sharey=True)
    people = "invented people" if data.source.simulated else "people"
    for ax, (roi, rdms) in zip(axes.flat, data.rdms.items(), strict=True):
        picture = ax.imshow(_percentiles(rdms.mean(axis=0)), cmap="cividis", vmin=0, vmax=100)
        ax.set_title(f"{roi}, mean of {len(rdms)} {people}", fontsize=NORMAL)
        _category_axes(ax, data.category)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8)
    bar.set_label("dissimilarity (percentile of the area's pairs)", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return style.label_data(figure, data.source.simulated)


def _percentiles(rdm: np.ndarray) -> np.ndarray:
    """Each pair's rank among all pairs, 0 to 100; not a number on the diagonal."""
    rows, columns = np.triu_indices(len(rdm), 1)
    ranks = rankdata(rdm[rows, columns])
    out = np.full(rdm.shape, np.nan)
    out[rows, columns] = out[columns, rows] = 100 * (ranks - 1) / (len(ranks) - 1)
    return out


def _category_axes(ax: Axes, category: np.ndarray) -> None:
    names = list(dict.fromkeys(category))
    edges = np.cumsum([0, *((category == name).sum() for name in names)])
    ax.set_xticks((edges[1:] + edges[:-1]) / 2 - 0.5, names, rotation=90, fontsize=SMALL)
    ax.set_yticks((edges[1:] + edges[:-1]) / 2 - 0.5, names, fontsize=SMALL)
    ax.tick_params(length=0)
    for edge in edges[1:-1] - 0.5:
        ax.axhline(edge, color="white", lw=0.8)
        ax.axvline(edge, color="white", lw=0.8)


def ceiling_table(rdms: Mapping[str, np.ndarray]) -> Table:
    """Noise ceilings of each area's RDMs, arrays (n_participants, n_images, n_images): the optimum for Spearman's r."""
    ceilings = {roi: rdm_noise_ceiling(matrices) for roi, matrices in rdms.items()}
    rows = [(roi, f"{c.upper_r2:.4f}", c.upper_r, c.lower_r) for roi, c in ceilings.items()]
    return Table(("area", "upper r²", "upper Spearman r", "lower Spearman r"), rows)
