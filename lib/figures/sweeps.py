"""Figures of what a sweep has found."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.core.scores import t_interval
from lib.figures.style import COLOURS, NORMAL, SMALL, subplots

KEY = "grey: participants; blue: their mean and its 95 % t interval"


def profiles(values: Mapping[str, np.ndarray], rois: Sequence[str], layers: Sequence[str], title: str) -> Figure:
    """Participants as lines over a network's layers: a column per ROI, a row per measure.

    Parameters
    ----------
    values : mapping of measure to array of shape (n_rois, n_layers, n_participants)
    rois, layers : sequences of str
    title : str
    """
    size = (max(3.0, 1.3 * len(rois)), 1.9 * len(values) + 0.8)
    figure, axes = subplots(len(values), len(rois), size, sharex=True, sharey="row")
    for row, (label, lines) in zip(axes, values.items(), strict=True):
        for ax, of_roi in zip(row, lines, strict=True):
            _participants(ax, of_roi)
            ax.set_xticks(range(len(layers)), layers, rotation=90, fontsize=SMALL)
            ax.tick_params(axis="y", labelsize=SMALL)
        row[0].set_ylabel(label, fontsize=NORMAL)
    for ax, roi in zip(axes[0], rois, strict=True):
        ax.set_title(roi, fontsize=NORMAL)
    figure.supxlabel(f"{title}\n{KEY}", fontsize=SMALL)
    return figure


def _participants(ax: Axes, lines: np.ndarray) -> None:
    """Thin lines (n_layers, n_participants), their mean, and its interval if there are two or more."""
    x = np.arange(len(lines))
    ax.axhline(0, color="0.8", lw=0.6)
    ax.plot(x, lines, color="0.65", lw=0.7)
    ax.plot(x, np.nanmean(lines, axis=1), color=COLOURS[0], lw=1.8)
    if np.isfinite(lines).sum(1).min() > 1:
        found = [t_interval(row) for row in lines]
        ax.fill_between(x, [i.low for i in found], [i.high for i in found], color=COLOURS[0], alpha=0.25, lw=0)
