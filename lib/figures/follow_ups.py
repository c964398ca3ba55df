"""Figures of the questions around the papers: what selection does, what the task moves, which layer explains what."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.selection import CHOICES, SHARES, Retest, mean_of_best, profile, stack_of_best
from lib.analysis.variance import Partition
from lib.claims.claim import Contrast
from lib.claims.wang2021 import shift_excess
from lib.core.scores import bootstrap_mean
from lib.core.tables import Table, plain
from lib.data.areas import ROIS
from lib.figures import style
from lib.figures.encoding import ARCHITECTURES, ROI_GROUPS, label_studies
from lib.figures.style import COLOURS, NORMAL, SMALL, subplots


def selection_curves(studies: Mapping[str, Retest], network: str) -> Figure:
    """Mean R of the best voxels by how many are called best: a panel per participant, a line per choice.

    Lines are means over ROIs, bands reach from the lowest ROI to the highest.
    """
    figure, axes = subplots(1, len(studies), (8, 3.8), sharey=True)
    for ax, (title, study) in zip(axes.flat, studies.items(), strict=True):
        rois = study.test.rois(ROIS)
        for colour, (name, choice) in zip(COLOURS, CHOICES.items(), strict=False):
            curves = np.array([mean_of_best(study, choice, network, roi) for roi in rois])
            ax.fill_between(100 * SHARES, curves.min(0), curves.max(0), color=colour, alpha=0.15, linewidth=0)
            ax.plot(100 * SHARES, curves.mean(0), color=colour, label=name)
        ax.axhline(0, color="0.5", linewidth=0.8)
        ax.set_title(title, fontsize=NORMAL)
        ax.set_xlabel("best voxels, % of the ROI", fontsize=SMALL)
    axes.flat[0].set_ylabel("mean R of the stack", fontsize=SMALL)
    style.legend_below(figure, axes.flat[0])
    return label_studies(figure, *(study.test for study in studies.values()))


def selection_profiles(studies: Mapping[str, Retest], network: str, rois: Sequence[str]) -> Figure:
    """Mean R of each layer over the best voxels: a row per participant, a column per ROI, a line per choice.

    Parameters
    ----------
    studies : mapping of participant to Retest
    network : str
    rois : names
    """
    figure, axes = subplots(len(studies), len(rois), (8, 2.2 * len(studies) + 0.8), sharex=True, sharey="row")
    for row, (title, study) in zip(axes, studies.items(), strict=True):
        for ax, roi in zip(row, rois, strict=True):
            for colour, (name, choice) in zip(COLOURS, CHOICES.items(), strict=False):
                ax.plot(profile(study, choice, network, roi), "o-", markersize=3, color=colour, label=name)
            ax.axhline(0, color="0.5", linewidth=0.8)
            style.label_layers(ax, study.test.encoding[network].layers)
            ax.set_title(f"{title}: {roi}", fontsize=NORMAL)
        row[0].set_ylabel("mean R", fontsize=SMALL)
    style.legend_below(figure, axes[0, 0])
    return label_studies(figure, *(study.test for study in studies.values()))


def selection_table(studies: Mapping[str, Retest], network: str) -> Table:
    """Mean R of each ROI group's best `n_best` voxels under each choice, and how much of the published one is luck."""
    rows = []
    for title, study in studies.items():
        for group, rois in ROI_GROUPS.items():
            there = study.test.rois(rois)
            means = [np.mean([stack_of_best(study, c, network, roi) for roi in there]) for c in CHOICES.values()]
            rows.append([plain(title), group, *means, means[0] - means[-1]])
    return Table(["", "areas", *CHOICES, "luck (first minus last)"], rows)


def _preferred(study: EncodingStudy, pair: Sequence[str], roi: str, what: str) -> list[str]:
    """Each network's layer with the highest mean score or weight (`what`) over its best voxels of an ROI."""
    results = [study.encoding[name] for name in pair]
    means = [getattr(r, what)[:, study.best(name, roi)].mean(1) for name, r in zip(pair, results, strict=True)]
    return [r.layers[mean.argmax()] for r, mean in zip(results, means, strict=True)]


_MEASURES = {"R": "score", "weight": "weights"}


def preferred_layer_table(study: EncodingStudy) -> Table:
    """For each ROI and architecture, the preferred layer by R and by weight, and where the task moves it."""
    columns = list(product(ARCHITECTURES.items(), _MEASURES.items()))
    header = ["ROI", *(f"{label}, {name}" for (label, _), (name, _) in columns)]
    rows = [
        [roi, *(_arrow(*_preferred(study, pair, roi, what)) for (_, pair), (_, what) in columns)]
        for roi in study.rois(ROIS)
    ]
    return Table(header, rows)


def _arrow(objects: str, places: str) -> str:
    return objects if objects == places else f"**{objects} → {places}**"


def task_summary(studies: Mapping[str, EncodingStudy]) -> Markdown:
    """In how many ROIs the task moves the preferred layer, and in how many AlexNet's weights further to late layers."""
    return Markdown("\n".join(f"* *{plain(title)}*: {_task_summary(study)}" for title, study in studies.items()))


def _task_summary(study: EncodingStudy) -> str:
    rois = study.rois(ROIS)
    counts = {
        (label, what): sum(len(set(_preferred(study, pair, roi, what))) > 1 for roi in rois)
        for (label, pair), what in product(ARCHITECTURES.items(), _MEASURES.values())
    }
    moved = "; ".join(
        f"in {name} the task moves the layer of highest R in {counts[name, 'score']} and that of largest weight in "
        f"{counts[name, 'weights']} of {len(rois)} areas"
        for name in ARCHITECTURES
    )
    excess = [shift_excess(study, roi) for roi in rois]
    known = [one.interval() for one in excess if isinstance(one, Contrast)]
    further, (first, other) = sum(one.low > 0 for one in known), ARCHITECTURES
    return (
        f"{moved}. {first}'s weights surely move to later layers by more than {other}'s move in either direction "
        f"(interval above zero) in {further} of {len(known)} areas."
    )


PARTS = {
    "new": "beyond the layers before it",
    "last": "beyond the layers behind it",
    "beyond": "beyond the other networks",
}


def partition_figure(found: Mapping[str, Mapping[str, Partition]], simulated: bool, weights: str = "") -> Figure:
    """What each layer explains alone (bars) and beyond others (symbols with intervals over voxels).

    Parameters
    ----------
    found : mapping of row title to {column title: Partition}
    simulated : bool
        Whether the participants are.
    weights : str
        Of the networks, as for `lib.networks.load_network`.
    """
    n_columns = max(map(len, found.values()))
    figure, axes = subplots(len(found), n_columns, (8, 2.4 * len(found) + 0.6), sharey=True, sharex="col")
    for row, (title, panels) in zip(axes, found.items(), strict=True):
        for ax, (name, one) in zip(row, panels.items(), strict=True):
            _partition(ax, one)
            ax.set_title(name, fontsize=SMALL)
        row[0].set_ylabel(f"{title}\nR²", fontsize=SMALL)
    style.legend_below(figure, axes.flat[0], ncols=4)
    return style.label_data(figure, simulated, weights)


def _partition(ax: Axes, one: Partition) -> None:
    x = np.arange(len(one.layers))
    ax.bar(x, one.alone.mean(1), color="0.8", width=0.8, label="alone")
    for i, (part, words) in enumerate(PARTS.items()):
        found = [bootstrap_mean(values) for values in getattr(one, part)]
        style.errorbar(ax, x + 0.22 * (i - 1), found, i, label=words, ls="none", ms=4.5, lw=1)
    ax.axhline(0, color="0.5", lw=0.8)
    style.label_layers(ax, one.layers)
    ax.tick_params(axis="y", labelsize=SMALL)


def shared_variance_table(found: Mapping[str, Mapping[str, Partition]]) -> Table:
    """For the layer that explains most alone: how much, and which share of it the other networks explain as well.

    No share where the layer explains nothing: the 95 % interval over voxels reaches zero.
    """
    rows = []
    for title, panels in found.items():
        for name, one in panels.items():
            best = one.alone.mean(1).argmax()
            alone, beyond = one.alone[best].mean(), one.beyond[best].mean()
            shared = f"{100 * (1 - beyond / alone):.0f}" if bootstrap_mean(one.alone[best]).low > 0 else ""
            rows.append([plain(title), name, one.layers[best], alone, beyond, shared])
    return Table(["brain", "areas and network", "best layer", "alone, R²", "beyond the others, R²", "shared, %"], rows)
