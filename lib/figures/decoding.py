"""Paper Y's figure: how well each layer is decoded from each area."""

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from lib.analysis.decoding_study import DecodingStudy
from lib.claims.yu2018 import ONE_PERSON
from lib.core.scores import t_interval
from lib.core.tables import Table, plain
from lib.data.god import PER_CATEGORY
from lib.data.participant import Participant
from lib.figures import style
from lib.figures.narrow import NARROW_WIDTH
from lib.figures.style import COLOURS, NORMAL, SMALL, NumberedFigure, subplots

WHOLE = "VC"  # the area of all voxels, shown with its participants; of other data the last area


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
    """Mean r of every layer of each network: in the whole visual cortex with 95 % intervals, then in every ROI.

    Means are over units, then over participants; t intervals are over participants, and a thin line is one of them. In
    the maps of all ROIs, numbers in bold have intervals above zero. Paper Y draws a panel per ROI.
    """
    n = 1 + len(study.networks)
    figure = _overview(study, *subplots(1, n, (9.6, 4.2)))
    figure.narrow = _overview(study, *subplots(n, 1, (NARROW_WIDTH, 3.6 * n)))
    return figure


def _overview(study: DecodingStudy, figure: NumberedFigure, axes: np.ndarray) -> NumberedFigure:
    whole, *maps = axes.flat
    roi = study.rois.index(WHOLE) if WHOLE in study.rois else len(study.rois) - 1
    _roi_panel(whole, study, roi)
    style.label_axes(whole, f"{study.rois[roi]}, 95 % intervals", "layer", "mean r over units")
    style.legend_below(figure, whole, ncols=1 if len(axes) > 1 else 3)
    highest = max(study.scores(name, one).mean(0).max() for name in study.networks for one in study.layers(name))
    for ax, (i, network) in zip(maps, enumerate(study.networks), strict=True):
        picture = _map(ax, study, network, highest)
        ax.set_title(network, fontsize=NORMAL, color=COLOURS[i], weight="bold")
    figure.colorbar(picture, ax=maps, label="mean r over units and participants", shrink=0.8)
    note = ONE_PERSON if len(study.participants) == 1 else ""
    style.label_data(figure, study.simulated, study.weights, note=note)
    return figure


def _map(ax: Axes, study: DecodingStudy, network: str, highest: float) -> AxesImage:
    """Mean r of every ROI (rows) and layer (columns) of one network, written into its cell."""
    layers = study.layers(network)
    found = [[t_interval(roi) for roi in study.scores(network, layer).T] for layer in layers]  # (n_layers, n_rois)
    means = np.array([[one.estimate for one in row] for row in found]).T
    picture = ax.imshow(means, cmap="Greys", vmin=0, vmax=highest, aspect="auto")
    for (roi, layer), mean in np.ndenumerate(means):
        sure = "bold" if found[layer][roi].low > 0 else "normal"
        colour = style.ink_on(picture.to_rgba(mean))
        text = f"{mean:.2f}".replace("0.", ".").replace("-.00", ".00").replace("-", "−")
        ax.text(layer, roi, text, ha="center", va="center", fontsize=SMALL, weight=sure, color=colour)
    style.label_layers(ax, layers)
    ax.set_yticks(range(len(study.rois)), study.rois, fontsize=SMALL)
    return picture


def _roi_panel(ax: Axes, study: DecodingStudy, roi: int) -> None:
    for i, network in enumerate(study.networks):
        layers = study.layers(network)
        each = np.array([study.scores(network, layer)[:, roi] for layer in layers])  # (n_layers, n_participants)
        found = [t_interval(scores) for scores in each]
        x = np.arange(1, len(layers) + 1) + (i - 0.5) * 0.15
        ax.plot(x, each, color=COLOURS[i], lw=0.4, alpha=0.5)
        style.errorbar(ax, x, found, i, label=f"{network} ({layers[0]} to {layers[-1]})", lw=1.2, elinewidth=1)
    ax.axhline(0, color="0.6", lw=0.6, label="chance")
    ax.set_xticks(range(1, len(layers) + 1))


def permutation_grid(study: DecodingStudy, level: float = 0.01) -> Figure:
    """Areas (rows) by layers (columns) of each network, a square where the permutation p-value is below `level`."""
    figure, axes = subplots(1, len(study.networks), (7.5, 3.2), sharey=True)
    for i, (ax, network) in enumerate(zip(axes.flat, study.networks, strict=True)):
        layers = study.layers(network)
        p = np.array([[study.p(network, layer, roi) for layer in layers] for roi in study.rois])
        rows, columns = np.nonzero(p < level)
        ax.plot(columns, rows, "s", color=COLOURS[i], ms=7)
        ax.set_title(network, fontsize=NORMAL, color=COLOURS[i], weight="bold")
        style.label_layers(ax, layers, ha="right")
        ax.set_yticks(range(len(study.rois)), study.rois, fontsize=SMALL)
        ax.set(xlim=(-0.6, len(layers) - 0.4), ylim=(len(study.rois) - 0.4, -0.6))
    return style.label_data(figure, study.simulated, study.weights)


def unit_table(study: DecodingStudy) -> Table:
    """How many units of each layer were decoded, and how many were left out since they do not vary."""
    first = {(result.network, result.layer): result for result in study.results[0]}
    rows = []
    for network in study.networks:
        mine = [first[network, layer] for layer in study.layers(network)]
        rows.append([plain(network), "units", *(str(len(one.unit_score)) for one in mine)])
        rows.append(["", "left out", *(str(one.n_constant) for one in mine)])
    depth = max(map(len, rows)) - 2
    filled = [row + [""] * (depth + 2 - len(row)) for row in rows]
    return Table(("network", "layer", *map(str, range(1, depth + 1))), filled)
