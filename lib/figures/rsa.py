"""Representational similarity analysis: images, dissimilarities, layers against areas."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from lib.analysis.rsa import RSAResult, rdm_noise_ceiling
from lib.core.scores import Interval
from lib.core.tables import Table
from lib.data.images92 import Images92
from lib.figures import style
from lib.figures.style import COLOURS, NORMAL, SMALL, subplots


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
    figure, axes = subplots(1, len(data.rdms), (7.2, 4.1), sharey=True)
    for ax, (roi, rdms) in zip(axes.flat, data.rdms.items(), strict=True):
        picture = ax.imshow(_percentiles(rdms.mean(axis=0)), cmap="cividis", vmin=0, vmax=100)
        ax.set_title(f"{roi}, mean of {len(rdms)} people", fontsize=NORMAL)
        _category_axes(ax, data.category)
    bar = figure.colorbar(picture, ax=axes, shrink=0.7)
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


def layers_against_areas(results: Mapping[str, Mapping[str, RSAResult]], simulated: bool) -> Figure:
    """Mean r of every layer, 95 % intervals, noise ceiling; a column per area, a row per kind of network.

    Parameters
    ----------
    results : mapping of network label to mapping of area to RSAResult
    simulated : bool
        Whether the participants are.
    """
    rois = list(next(iter(results.values())))
    kinds = list(dict.fromkeys(result[rois[0]].layers for result in results.values()))
    figure, axes = subplots(len(kinds), len(rois), (7.2, 3.2 * len(kinds) + 0.6), sharey=True)
    for row, layers in zip(axes, kinds, strict=True):
        family = {label: result for label, result in results.items() if result[rois[0]].layers == layers}
        for ax, roi in zip(row, rois, strict=True):
            _rsa_panel(ax, roi, {label: result[roi] for label, result in family.items()})
        row[0].set_ylabel("Spearman r with a participant's RDM\n(mean, 95 % interval)", fontsize=SMALL)
    style.legend_below(figure, *axes[:, 0], ncols=2)
    return style.label_data(figure, simulated)


def _rsa_panel(ax: Axes, roi: str, results: Mapping[str, RSAResult]) -> None:
    first = next(iter(results.values()))
    ax.axhspan(first.ceiling.lower_r, first.ceiling.upper_r, color="0.85", label="noise ceiling, lower to upper")
    ax.axhline(0, color="0.5", lw=0.8)
    shifts = np.linspace(-0.2, 0.2, len(results))
    for i, (shift, (label, result)) in enumerate(zip(shifts, results.items(), strict=True)):
        found = list(map(Interval, result.r.mean(axis=1), result.low, result.high))
        style.errorbar(ax, np.arange(len(found)) + shift, found, i, label=label, ms=4.5, lw=1.2)
    style.label_axes(ax, roi)
    style.label_layers(ax, first.layers, 45, ha="right")


def participants_against_areas(results: Mapping[str, RSAResult], title: str, simulated: bool) -> Figure:
    """A line per participant over one network's layers, the best layer of each marked; a panel per area.

    Parameters
    ----------
    results : mapping of area to RSAResult
    title : str
        Of every panel, before the area.
    simulated : bool
        Whether the participants are.
    """
    figure, axes = subplots(1, len(results), (7.2, 3.2), sharey=True)
    for ax, (roi, result) in zip(axes.flat, results.items(), strict=True):
        ax.plot(result.r, color="0.65", lw=0.8)
        ax.plot(result.r.argmax(axis=0), result.r.max(axis=0), "o", color=COLOURS[1], ms=4, label="best layer")
        ax.plot(result.r.mean(axis=1), color="black", lw=2, label="mean")
        style.label_axes(ax, f"{title}: {roi}")
        style.label_layers(ax, result.layers, 45, ha="right")
    axes[0, 0].set_ylabel("Spearman r", fontsize=SMALL)
    style.small_legend(axes[0, 0])
    return style.label_data(figure, simulated)


def ceiling_table(rdms: Mapping[str, np.ndarray]) -> Table:
    """Noise ceilings of each area's RDMs, arrays of shape (n_participants, n_images, n_images)."""
    ceilings = {roi: rdm_noise_ceiling(matrices) for roi, matrices in rdms.items()}
    rows = [(roi, f"{c.upper_r2:.4f}", c.upper_r, c.lower_r) for roi, c in ceilings.items()]
    return Table(("area", "upper R2", "upper r", "lower r"), rows)


def best_layer_table(results: Mapping[str, Mapping[str, RSAResult]]) -> Table:
    """Each network's best layer per area, its mean r, and the distance to the lower noise ceiling.

    Parameters
    ----------
    results : mapping of network to mapping of area to RSAResult
    """
    header = ("network", "area", "best", "r [95 %]", "lower ceiling - r")
    return Table(header, [(label, roi, *_best(r)) for label, areas in results.items() for roi, r in areas.items()])


def _best(result: RSAResult) -> tuple[str, str, str]:
    i, mean = result.layers.index(result.best), result.r.mean(axis=1).max()
    r = f"{mean:.2f} [{result.low[i]:.2f}, {result.high[i]:.2f}]"
    gap = f"{result.ceiling.lower_r - mean:.2f} [{result.gap_low[i]:.2f}, {result.gap_high[i]:.2f}]"
    return result.best, r, gap
