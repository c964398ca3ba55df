"""Paper Y's figure, what its choices do to it, and the figure it planned."""

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.decoding import PUBLISHED, Choices
from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.directions import Directions
from lib.analysis.rsa import NoiseCeiling
from lib.analysis.training_curves import Snapshot, along_training, turning
from lib.claims.specifications import HIDDEN, OUTPUT, Specification
from lib.core.scores import bootstrap_mean
from lib.data.god import PER_CATEGORY
from lib.data.participant import Participant
from lib.figures.papers import COLOURS, MARKERS, NORMAL, SMALL, errorbar, stamp, subplots, table

N_COLUMNS = 5


def pictures_shown(participant: Participant, n_categories: int = 2) -> Figure | Markdown:
    """Some categories seen in training, a row each, and some test pictures; words, if the pictures are not there."""
    train, test = (np.unique(part.stimulus_ids) for part in (participant.train, participant.test))
    category = train // PER_CATEGORY
    rows = {
        f"training,\ncategory {i + 1}": train[category == one]
        for i, one in enumerate(np.unique(category)[:n_categories])
    }
    rows["test"] = test
    n_columns = min(map(len, rows.values()))
    size = (0.9 * n_columns + 1, 0.95 * len(rows))
    figure, axes = subplots(len(rows), n_columns, size, dpi=80)  # near a scene's own pixels
    try:
        for row, (name, ids) in zip(axes, rows.items(), strict=True):
            row[0].set_ylabel(name, fontsize=SMALL, rotation=0, ha="right", va="center")
            for ax, image_id in zip(row, ids, strict=False):
                ax.imshow(participant.stimuli[int(image_id)])
                ax.set(xticks=[], yticks=[])
    except FileNotFoundError as error:
        return Markdown(f"The pictures cannot be shown: {error}")
    return figure


def decoding_figure(study: DecodingStudy) -> Figure:
    """The layout of paper Y's figure: a panel per ROI, mean r of each layer of each network with its 95 % interval.

    Means are over units, then over participants; the intervals resample participants. A grey line per participant.
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
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=SMALL)
    return stamp(figure, study.simulated)


def _roi_panel(ax: Axes, study: DecodingStudy, roi: int) -> None:
    for i, network in enumerate(study.networks):
        layers = study.layers(network)
        each = np.array([study.scores(layer)[:, roi] for layer in layers])  # (n_layers, n_participants)
        found = [bootstrap_mean(scores) for scores in each]
        x = np.arange(1, len(layers) + 1) + (i - 0.5) * 0.15
        ax.plot(x, each, color=COLOURS[i], lw=0.4, alpha=0.5)
        errorbar(ax, x, found, i, label=f"{network} ({layers[0]} to {layers[-1]})", lw=1.2, elinewidth=1)
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
    axes[0, 0].set_xticks(range(len(layers)), layers, rotation=60, ha="right", fontsize=SMALL)
    axes[0, 0].set_yticks(range(len(study.rois)), study.rois, fontsize=SMALL)
    axes[0, 0].set(xlim=(-0.6, len(layers) - 0.4), ylim=(len(study.rois) - 0.4, -0.6))
    return stamp(figure, study.simulated)


def unit_table(study: DecodingStudy) -> Markdown:
    """How many units of each layer were decoded, and how many were left out since they do not vary."""
    first = {result.layer: result for result in study.results[0]}
    rows = [(layer, str(len(found.unit_score)), str(found.n_constant)) for layer, found in first.items()]
    return table(("layer", "units", "left out: unit or prediction constant over the test images"), rows)


def specification_figure(found: Mapping[str, Sequence[Specification]], simulated: bool) -> Figure:
    """A specification curve per world: how far AlexNet is ahead under each set of choices, and which set that is.

    Parameters
    ----------
    found : mapping of world to specifications, the same ones in every world
    simulated : bool
        Whether the participants are.
    """
    rows = {"hidden": HIDDEN, "output": OUTPUT, "regression": list(dict.fromkeys(_field(found, "regression")))}
    heights = [2.2, *(0.22 * len(values) + 0.15 for values in rows.values())]
    size = (10, sum(heights) + 1)
    figure, axes = subplots(len(heights), len(found), size, sharex="col", sharey="row", height_ratios=heights)
    for column, (world, specifications) in zip(axes.T, found.items(), strict=True):
        ordered = sorted(specifications, key=lambda one: one.ahead.estimate)
        _curve(column[0], ordered)
        column[0].set_title(world, fontsize=NORMAL, weight="bold")
        for ax, (name, values) in zip(column[1:], rows.items(), strict=True):
            _choices_made(ax, [getattr(one.choices, name) for one in ordered], values)
    for ax, label in zip(axes[:, 0], ("AlexNet ahead by (mean r)", *rows), strict=True):
        ax.set_ylabel(label, fontsize=SMALL)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=SMALL)
    return stamp(figure, simulated)


def _field(found: Mapping[str, Sequence[Specification]], name: str) -> list[str]:
    return [getattr(one.choices, name) for specifications in found.values() for one in specifications]


def _curve(ax: Axes, ordered: Sequence[Specification]) -> None:
    groups = {"Y1 holds": [], "Y1 does not hold": []}
    for x, one in enumerate(ordered):
        groups["Y1 holds" if one.holds["Y1"] else "Y1 does not hold"].append((x, one.ahead))
    for i, (label, members) in enumerate(groups.items()):
        ax.errorbar([], [], color=COLOURS[i], marker=MARKERS[i], ms=4, lw=0, label=label)
        if members:
            x, ahead = zip(*members, strict=True)
            errorbar(ax, np.array(x), ahead, i, lw=0, elinewidth=1)
    published = next(x for x, one in enumerate(ordered) if one.choices == PUBLISHED)
    ax.axvline(published, color="0.6", lw=1, ls=":", label="as published")
    ax.axhline(0, color="0.6", lw=0.6)
    ax.tick_params(labelsize=SMALL)


def _choices_made(ax: Axes, made: Sequence[str], values: Sequence[str]) -> None:
    ax.plot(range(len(made)), [values.index(value) for value in made], "|", color="black", ms=6)
    ax.set_yticks(range(len(values)), values, fontsize=SMALL)
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.set_xticks([])


def directions_figure(found: Mapping[str, Directions], simulated: bool) -> Figure:
    """Decoding beside encoding: how far AlexNet is ahead in each world, with 95 % intervals over participants."""
    figure, axes = subplots(1, 2, (8, 2.6), sharey=True)
    for ax, (direction, what) in zip(axes.flat, {"decoding": "units", "encoding": "voxels"}.items(), strict=True):
        for y, one in enumerate(found.values()):
            ahead = one.ahead(direction)
            error = [[ahead.estimate - ahead.low], [ahead.high - ahead.estimate]]
            ax.errorbar(ahead.estimate, y, xerr=error, fmt="o", color=COLOURS[0], capsize=3)
        ax.axvline(0, color="0.6", lw=0.8)
        ax.set_title(direction, fontsize=NORMAL, weight="bold")
        ax.set_xlabel(f"AlexNet ahead by (mean r over {what})", fontsize=SMALL)
        ax.set_yticks(range(len(found)), list(found), fontsize=SMALL)
    axes[0, 0].set_ylim(len(found) - 0.5, -0.5)
    return stamp(figure, simulated)


def choices_table(found: Mapping[str, Sequence[Specification]], choices: Mapping[str, Choices]) -> Markdown:
    """Which claims hold in each world (columns) under some named choices (rows).

    Parameters
    ----------
    found : mapping of world to specifications, these choices among them
    choices : mapping of name to Choices
    """
    by_choice = {world: {one.choices: one for one in specifications} for world, specifications in found.items()}
    rows = [[name, *(_holding(by_choice[world][one]) for world in found)] for name, one in choices.items()]
    return table(["choices", *found], rows)


def _holding(one: Specification) -> str:
    """The claims that hold, and AlexNet's lead."""
    held = " ".join(claim for claim, holds in one.holds.items() if holds)
    return f"{held or 'none'} ({one.ahead.estimate:+.3f})"


def sparse_table(found: Mapping[str, Sequence[Specification]]) -> Markdown:
    """AlexNet's lead by regression and reading (rows) in some worlds (columns)."""
    first = next(iter(found.values()))
    names = [f"{one.choices.regression}, hidden layers {one.choices.hidden}" for one in first]
    rows = [[name, *(str(found[world][i].ahead) for world in found)] for i, name in enumerate(names)]
    return table(["regression and reading", *found], rows)


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
        if measure in ceilings:
            ax.axhspan(ceilings[measure].lower_r, ceilings[measure].upper_r, color="0.85", label="noise ceiling")
        for i, shape in enumerate(shapes):
            mine = [k for k, one in enumerate(snapshots) if one.shape == shape]
            found = [bootstrap_mean(values[k]) for k in mine]
            accuracy = np.array([snapshots[k].accuracy for k in mine])
            errorbar(ax, accuracy, found, i, label=str(shape), lw=1.2, elinewidth=1)
        ax.set_title(measure, fontsize=NORMAL)
        ax.set_xlabel("accuracy on held-out scenes", fontsize=SMALL)
        ax.tick_params(labelsize=SMALL)
    axes[0, 0].set_ylabel("likeness to the brain", fontsize=SMALL)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=SMALL)
    return stamp(figure, simulated)


def turning_table(snapshots: Sequence[Snapshot], likeness: Mapping[str, np.ndarray]) -> Markdown:
    """Rank correlation of likeness and accuracy in the worse and the better half of the networks, per measure."""
    accuracy = np.array([one.accuracy for one in snapshots])
    rows = [[name, *(f"{r:+.2f}" for r in turning(accuracy, values.mean(1)))] for name, values in likeness.items()]
    return table(["measure", "r, worse half", "r, better half"], rows)


def training_table(snapshots: Sequence[Snapshot], likeness: Mapping[str, np.ndarray]) -> Markdown:
    """Rank correlation of likeness and accuracy along each network's own training (columns), per measure."""
    found = {name: along_training(snapshots, values.mean(1)) for name, values in likeness.items()}
    shapes = dict.fromkeys(one.shape for one in snapshots)
    return table(
        ["measure", *map(str, shapes)], [[name, *(f"{own[s]:+.1f}" for s in shapes)] for name, own in found.items()]
    )


def before_and_after(snapshots: Sequence[Snapshot], likeness: Mapping[str, np.ndarray]) -> Markdown:
    """Mean likeness of all networks at the first and the last epoch that was kept, per measure."""
    epoch = np.array([one.epoch for one in snapshots])
    ends = [epoch == epoch.min(), epoch == epoch.max()]
    rows = [[name, *(f"{values[there].mean():.3f}" for there in ends)] for name, values in likeness.items()]
    return table(["measure", *(f"epoch {epoch[there][0]}" for there in ends)], rows)
