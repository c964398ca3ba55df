"""Figures of networks along their training: likeness to the brain against accuracy."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.rsa import NoiseCeiling
from lib.analysis.training_curves import Snapshot, along_training, correlation_by_half
from lib.core.scores import bootstrap_mean
from lib.core.tables import Table
from lib.figures import style
from lib.figures.style import NORMAL, SMALL, subplots
from lib.simulation.scenes import OBJECTS


def performance_figure(
    snapshots: Sequence[Snapshot],
    likeness: Mapping[str, np.ndarray],
    ceilings: Mapping[str, NoiseCeiling],
    simulated: bool,
) -> Figure:
    """Likeness to the brain against accuracy, a panel per measure, a line per network from its first epoch to its last.

    Parameters
    ----------
    snapshots : sequence of Snapshot
    likeness : mapping of measure to array of shape (n_snapshots, n_participants)
    ceilings : mapping of some of the measures to NoiseCeiling
    simulated : bool
        Whether the participants are.
    """
    figure, axes = subplots(1, len(likeness), (3.2 * len(likeness), 3.4), sharex=True)
    shapes = list(dict.fromkeys(one.shape for one in snapshots))
    for ax, (measure, values) in zip(axes.flat, likeness.items(), strict=True):
        for i, shape in enumerate(shapes):
            mine = [k for k, one in enumerate(snapshots) if one.shape == shape]
            found = [bootstrap_mean(values[k]) for k in mine]
            accuracy = np.array([snapshots[k].accuracy for k in mine])
            style.errorbar(ax, accuracy, found, i, label=str(shape), lw=1.2, elinewidth=1)
        ax.axvline(1 / len(OBJECTS), color="0.3", lw=1.2, ls=":", label="chance")
        title = [measure, *([_draw_ceiling(ax, ceilings[measure])] if measure in ceilings else [])]
        ax.set_title("\n".join(title), fontsize=NORMAL)
        ax.set_xlabel("accuracy on held-out scenes (share)", fontsize=SMALL)
        ax.tick_params(labelsize=SMALL)
    axes[0, 0].set_ylabel("likeness to the brain (r)", fontsize=SMALL)
    style.legend_below(figure, *axes.flat, ncols=3, frameon=True)
    return style.label_data(figure, simulated)


def _draw_ceiling(ax: Axes, ceiling: NoiseCeiling) -> str:
    """Shade the noise ceiling as far as the lines reach, so that it does not press them together; return its words."""
    low, high = ax.get_ylim()
    if low < ceiling.upper_r and ceiling.lower_r < high:  # else a legend would explain what nobody sees
        ax.axhspan(ceiling.lower_r, ceiling.upper_r, color="0.85", zorder=0, label="noise ceiling")
    ax.set_ylim(low, high)
    return f"noise ceiling {ceiling.lower_r:.2f} to {ceiling.upper_r:.2f}"


def half_correlations_table(snapshots: Sequence[Snapshot], likeness: Mapping[str, np.ndarray]) -> Table:
    """Rank correlation of likeness and accuracy in the worse and the better half of the networks, per measure."""
    accuracy = np.array([one.accuracy for one in snapshots])
    rows = [
        [name, *(f"{r:+.2f}" for r in correlation_by_half(accuracy, values.mean(1)))]
        for name, values in likeness.items()
    ]
    return Table(["measure", "r, worse half", "r, better half"], rows)


def training_correlations_table(snapshots: Sequence[Snapshot], likeness: Mapping[str, np.ndarray]) -> Table:
    """Rank correlation of likeness and accuracy along each network's own training (columns), per measure."""
    found = {name: along_training(snapshots, values.mean(1)) for name, values in likeness.items()}
    shapes = dict.fromkeys(one.shape for one in snapshots)
    return Table(
        ["measure", *map(str, shapes)], [[name, *(f"{own[s]:+.1f}" for s in shapes)] for name, own in found.items()]
    )


def first_and_last_epoch_table(snapshots: Sequence[Snapshot], likeness: Mapping[str, np.ndarray]) -> Table:
    """Mean likeness of all networks at the first and the last epoch that was kept, per measure."""
    epoch = np.array([one.epoch for one in snapshots])
    ends = [epoch == epoch.min(), epoch == epoch.max()]
    rows = [[name, *(f"{values[there].mean():.3f}" for there in ends)] for name, values in likeness.items()]
    return Table(["measure", *(f"epoch {epoch[there][0]}" for there in ends)], rows)
