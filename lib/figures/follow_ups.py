"""Figures of the questions around the papers: what selection does, who explains what, what is found unplanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.selection import CHOICES, SHARES, Retest, mean_of_best, profile, stack_of_best
from lib.analysis.variance import Partition
from lib.claims import CLAIMS, Verdict
from lib.claims.claim import interval_of
from lib.claims.wang2021 import ALEXNETS, RESNETS, task_shift
from lib.core.scores import bootstrap_mean
from lib.data.areas import ROIS
from lib.figures.papers import COLOURS, NORMAL, ROI_GROUPS, SMALL, errorbar, stamp, subplots, table

ARCHITECTURES = {"AlexNet": ALEXNETS, "ResNet50": RESNETS}


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
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", fontsize=SMALL, frameon=False)
    return stamp(figure, any(study.test.participant.source.simulated for study in studies.values()))


def selection_profiles(studies: Mapping[str, Retest], network: str, rois: Sequence[str]) -> Figure:
    """Mean R of each layer over the best voxels: a row per participant, a column per ROI, a line per choice."""
    figure, axes = subplots(len(studies), len(rois), (8, 2.2 * len(studies) + 0.8), sharex=True, sharey="row")
    for row, (title, study) in zip(axes, studies.items(), strict=True):
        layers = study.test.encoding[network].layers
        for ax, roi in zip(row, rois, strict=True):
            for colour, (name, choice) in zip(COLOURS, CHOICES.items(), strict=False):
                ax.plot(profile(study, choice, network, roi), "o-", markersize=3, color=colour, label=name)
            ax.axhline(0, color="0.5", linewidth=0.8)
            ax.set_xticks(range(len(layers)), layers, rotation=60, fontsize=SMALL)
            ax.set_title(f"{title}: {roi}", fontsize=NORMAL)
        row[0].set_ylabel("mean R", fontsize=SMALL)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", fontsize=SMALL, frameon=False)
    return stamp(figure, any(study.test.participant.source.simulated for study in studies.values()))


def luck_table(studies: Mapping[str, Retest], network: str) -> Markdown:
    """Mean R of each ROI group's best `n_best` voxels under each choice, and how much of the published one is luck."""
    rows = []
    for title, study in studies.items():
        for group, rois in ROI_GROUPS.items():
            there = study.test.rois(rois)
            means = [np.mean([stack_of_best(study, c, network, roi) for roi in there]) for c in CHOICES.values()]
            rows.append([title, group, *means, means[0] - means[-1]])
    return table(["", "areas", *CHOICES, "luck (first minus last)"], rows)


def task_shifts(studies: Mapping[str, EncodingStudy]) -> Figure:
    """Share of the stacking weight that moves with the task, per ROI: a panel per participant, a colour per network."""
    figure, axes = subplots(len(studies), 1, (8, 2.6 * len(studies) + 0.4), sharex=True, sharey=True)
    for ax, (title, study) in zip(axes.flat, studies.items(), strict=True):
        rois = study.rois(ROIS)
        for i, (label, pair) in enumerate(ARCHITECTURES.items()):
            found = [interval_of(task_shift(study, pair, roi)) for roi in rois]
            errorbar(ax, np.arange(len(rois)) + 0.2 * i - 0.1, found, i, label=label, ls="none", ms=4.5)
        ax.set_xticks(range(len(rois)), rois, fontsize=SMALL)
        ax.set_ylabel("share that moves", fontsize=SMALL)
        ax.set_title(title, fontsize=NORMAL)
    axes[0, 0].legend(fontsize=SMALL, frameon=False)
    return stamp(figure, any(study.participant.source.simulated for study in studies.values()))


@dataclass(frozen=True)
class Move:
    """The preferred layer of two networks of one architecture, trained on objects and on places, in an ROI."""

    objects: str
    places: str

    def __str__(self) -> str:
        return self.objects if self.objects == self.places else f"**{self.objects} → {self.places}**"


def move(study: EncodingStudy, pair: Sequence[str], roi: str, what: str) -> Move:
    """Layers with the highest mean score or weight (`what`) over the best voxels of an ROI."""
    results = [study.encoding[name] for name in pair]
    means = [getattr(r, what)[:, study.best(name, roi)].mean(1) for name, r in zip(pair, results, strict=True)]
    return Move(*(r.layers[mean.argmax()] for r, mean in zip(results, means, strict=True)))


def moves_table(study: EncodingStudy) -> Markdown:
    """For each ROI and architecture, the preferred layer by R and by weight, and where the task moves it."""
    columns = list(product(ARCHITECTURES.items(), {"R": "score", "weight": "weights"}.items()))
    header = ["ROI", *(f"{label}, {name}" for (label, _), (name, _) in columns)]
    rows = [[roi, *(move(study, pair, roi, what) for (_, pair), (_, what) in columns)] for roi in study.rois(ROIS)]
    return table(header, rows)


def moves_in_words(studies: Mapping[str, EncodingStudy]) -> Markdown:
    """In how many ROIs the task moves the preferred layer, and how much more weight moves in AlexNet."""
    return Markdown("\n".join(f"* *{title}*: {_moves_in_words(study)}" for title, study in studies.items()))


def _moves_in_words(study: EncodingStudy) -> str:
    rois = study.rois(ROIS)
    counts = {
        (label, what): sum(m.objects != m.places for m in (move(study, pair, roi, what) for roi in rois))
        for (label, pair), what in product(ARCHITECTURES.items(), ("score", "weights"))
    }
    shifts = [np.mean([task_shift(study, pair, roi) for roi in rois], axis=0) for pair in ARCHITECTURES.values()]
    more, names = interval_of(shifts[0] - shifts[1]), list(ARCHITECTURES)
    moved = "; ".join(
        f"in {name} the task moves the layer of highest R in {counts[name, 'score']} and that of largest weight in "
        f"{counts[name, 'weights']} of {len(rois)} areas"
        for name in names
    )
    return f"{moved}. The share of the weight that moves is larger in {names[0]} by {more} (mean over areas)."


PARTS = {
    "new": "beyond the layers before it",
    "last": "beyond the layers behind it",
    "beyond": "beyond the other networks",
}


def partitions(found: Mapping[str, Mapping[str, Partition]], simulated: bool) -> Figure:
    """What each layer explains alone (bars) and beyond others (symbols with intervals over voxels).

    Parameters
    ----------
    found : mapping of row title to {column title: Partition}
    """
    n_columns = max(map(len, found.values()))
    figure, axes = subplots(len(found), n_columns, (8, 2.4 * len(found) + 0.6), sharey=True, sharex="col")
    for row, (title, panels) in zip(axes, found.items(), strict=True):
        for ax, (name, one) in zip(row, panels.items(), strict=True):
            _partition(ax, one)
            ax.set_title(name, fontsize=SMALL)
        row[0].set_ylabel(f"{title}\nR$^2$", fontsize=SMALL)
    labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(*labels, loc="outside lower center", ncols=4, fontsize=SMALL, frameon=False)
    return stamp(figure, simulated)


def _partition(ax: Axes, one: Partition) -> None:
    x = np.arange(len(one.layers))
    ax.bar(x, one.alone.mean(1), color="0.8", width=0.8, label="alone")
    for i, (part, words) in enumerate(PARTS.items()):
        found = [bootstrap_mean(values) for values in getattr(one, part)]
        errorbar(ax, x + 0.22 * (i - 1), found, i, label=words, ls="none", ms=4.5, lw=1)
    ax.axhline(0, color="0.5", lw=0.8)
    ax.set_xticks(x, one.layers, fontsize=SMALL, rotation=60)
    ax.tick_params(axis="y", labelsize=SMALL)


def shared_table(found: Mapping[str, Mapping[str, Partition]]) -> Markdown:
    """For the layer that explains most alone: how much, and which share of it the other networks explain as well."""
    rows = [
        [title, name, one.layers[k], one.alone[k].mean(), one.beyond[k].mean(), _shared(one, k)]
        for title, panels in found.items()
        for name, one in panels.items()
        for k in [int(one.alone.mean(1).argmax())]
    ]
    return table(["brain", "areas and network", "best layer", "alone, R²", "beyond the others, R²", "shared, %"], rows)


def _shared(one: Partition, layer: int) -> float:
    return 100 * (1 - one.beyond[layer].mean() / one.alone[layer].mean())


def verdict_table(found: Mapping[str, Sequence[Verdict]]) -> Markdown:
    """What becomes of each claim (rows) in each participant (columns), with the effect in the weakest contrast."""
    rows = [
        [f"**{verdicts[0].claim}**", CLAIMS[verdicts[0].claim].title, *map(_outcome, verdicts)]
        for verdicts in zip(*found.values(), strict=True)
    ]
    return table(["claim", "", *found], rows)


def _outcome(verdict: Verdict) -> str:
    return f"**{verdict.outcome}** ({verdict.effect or 'no effect'}; {verdict.where})"
