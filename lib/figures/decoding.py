"""Paper Y's figure: how well each layer is decoded from each area."""

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.decoding_study import DecodingStudy
from lib.claims.yu2018 import ONE_PERSON
from lib.core.scores import t_interval
from lib.core.tables import Table, plain
from lib.data.god import PER_CATEGORY
from lib.data.participant import Participant
from lib.figures import style
from lib.figures.style import COLOURS, NORMAL, SMALL, subplots

N_COLUMNS = 5


def pictures_shown(participant: Participant, n_categories: int = 2) -> Figure | Markdown:
    """Some categories seen in training, a row each, and some test pictures; words, if the pictures are not there."""
    train, test = (np.unique(part.stimulus_ids) for part in (participant.train, participant.test))
    categories = np.split(train, np.flatnonzero(np.diff(train // PER_CATEGORY)) + 1)[:n_categories]
    names = [*(f"training,\ncategory {i}" for i in range(1, len(categories) + 1)), "test"]
    n_columns = min(map(len, (*categories, test)))
    size = (0.9 * n_columns + 1, 0.95 * len(names))
    figure, axes = subplots(len(names), n_columns, size, dpi=80)  # near a scene's own pixels
    try:
        for row, name, ids in zip(axes, names, (*categories, test), strict=True):
            row[0].set_ylabel(name, fontsize=SMALL, rotation=0, ha="right", va="center")
            for ax, image_id in zip(row, ids, strict=False):
                ax.imshow(participant.stimuli[int(image_id)])
                ax.set(xticks=[], yticks=[])
    except FileNotFoundError as error:
        return Markdown(f"The pictures cannot be shown: {plain(str(error))}")
    return figure


def decoding_figure(study: DecodingStudy) -> Figure:
    """The layout of paper Y's figure: a panel per ROI, mean r of each layer of each network with its 95 % interval.

    Means are over units, then over participants; t intervals are over participants. A grey line per participant.
    """
    n_rows = -(-len(study.rois) // N_COLUMNS)
    figure, axes = subplots(n_rows, N_COLUMNS, (10, 2.4 * n_rows + 0.6), sharex=True, sharey=True)
    for ax, (i, roi) in zip(axes.flat, enumerate(study.rois), strict=False):
        _roi_panel(ax, study, i)
        ax.set_title(roi, fontsize=NORMAL, weight="bold")
    for ax in axes[:, 0]:
        ax.set_ylabel("mean r over units", fontsize=SMALL)
    for ax in axes[-1]:
        ax.set_xlabel("layer", fontsize=SMALL)
    style.legend_below(figure, axes[0, 0], ncols=2, frameon=True)
    note = ONE_PERSON if len(study.participants) == 1 else ""
    return style.label_data(figure, study.simulated, study.weights, note=note)


def _roi_panel(ax: Axes, study: DecodingStudy, roi: int) -> None:
    for i, network in enumerate(study.networks):
        layers = study.layers(network)
        each = np.array([study.scores(layer)[:, roi] for layer in layers])  # (n_layers, n_participants)
        found = [t_interval(scores) for scores in each]
        x = np.arange(1, len(layers) + 1) + (i - 0.5) * 0.15
        ax.plot(x, each, color=COLOURS[i], lw=0.4, alpha=0.5)
        style.errorbar(ax, x, found, i, label=f"{network} ({layers[0]} to {layers[-1]})", lw=1.2, elinewidth=1)
    ax.axhline(0, color="0.6", lw=0.6)
    ax.set_xticks(range(1, len(layers) + 1))
    ax.tick_params(labelsize=SMALL)


def permutation_grid(study: DecodingStudy, level: float = 0.01) -> Figure:
    """Areas (rows) by layers (columns), a filled square where the permutation p-value is below `level`."""
    layers = [layer for network in study.networks for layer in study.layers(network)]
    p = np.array([[study.p(layer, roi) for layer in layers] for roi in study.rois])
    figure, axes = subplots(1, 1, (7.5, 3.2))
    rows, columns = np.nonzero(p < level)
    axes[0, 0].plot(columns, rows, "s", color=COLOURS[0], ms=7)
    style.label_layers(axes[0, 0], layers, ha="right")
    axes[0, 0].set_yticks(range(len(study.rois)), study.rois, fontsize=SMALL)
    axes[0, 0].set(xlim=(-0.6, len(layers) - 0.4), ylim=(len(study.rois) - 0.4, -0.6))
    return style.label_data(figure, study.simulated, study.weights)


def unit_table(study: DecodingStudy) -> Table:
    """How many units of each layer were decoded, and how many were left out since they do not vary."""
    first = {result.layer: result for result in study.results[0]}
    rows = [(plain(layer), len(found.unit_score), found.n_constant) for layer, found in first.items()]
    return Table(("layer", "units", "left out: unit or prediction constant over the test images"), rows)
