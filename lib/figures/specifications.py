"""Paper Y's comparison under every set of choices, and in both directions."""

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.decoding import PUBLISHED, Choices
from lib.analysis.directions import Directions
from lib.claims.specifications import HIDDEN_READINGS, OUTPUT_READINGS, Specification
from lib.core.tables import Table
from lib.figures import style
from lib.figures.explorers import explorer, rounded
from lib.figures.narrow import NARROW_WIDTH
from lib.figures.style import COLOURS, NORMAL, SMALL, subplots

LEAD_DIGITS = 4  # of AlexNet's lead
WORDS = {
    "convolution": "before ReLU",
    "normalised": "after normalisation",
    "rectified": "after ReLU",
    "ols": "least squares",
    "slr": "sparse",
}  # for the values of a choice; others speak for themselves


def specification_figure(found: Mapping[str, Sequence[Specification]], simulated: bool) -> Figure:
    """A specification curve per world: how far AlexNet is ahead under each set of choices, and which set that is.

    Parameters
    ----------
    found : mapping of world to specifications, the same ones in every world
    simulated : bool
        Whether the participants are.
    """
    figure = _curves(found, simulated, len(found), 10)
    figure.narrow = _curves(found, simulated, 1, NARROW_WIDTH)
    return figure


def _curves(
    found: Mapping[str, Sequence[Specification]], simulated: bool, across: int, width: float
) -> style.NumberedFigure:
    """Worlds side by side, `across` of them, then the others below: a curve each, and the choices that were made."""
    rows = _options(next(iter(found.values())))
    heights = [2.2, *(0.22 * len(values) + 0.15 for values in rows.values())]
    deep, n = -(-len(found) // across), len(heights)
    size = (width, deep * (sum(heights) + 0.6) + 0.4)
    figure, axes = subplots(n * deep, across, size, sharex="col", height_ratios=heights * deep)
    for k, (world, specifications) in enumerate(found.items()):
        curve, *below = axes[n * (k // across) : n * (k // across + 1), k % across]
        curve.sharey(axes[0, 0])
        ordered = sorted(specifications, key=lambda one: one.ahead.estimate)
        _curve(curve, ordered)
        curve.set_title(world, fontsize=NORMAL, weight="bold")
        for ax, (name, values) in zip(below, rows.items(), strict=True):
            _choices_made(ax, [getattr(one.choices, name) for one in ordered], values)
        for ax, label in zip((curve, *below), ("AlexNet ahead by (mean r)", *rows), strict=True):
            ax.set_ylabel(label if k % across == 0 else "", fontsize=SMALL)
            ax.tick_params(labelleft=k % across == 0)
    style.legend_below(figure, axes[0, 0], ncols=3 if across > 1 else 1, frameon=True)
    style.label_data(figure, simulated)
    return figure


def _options(specifications: Sequence[Specification]) -> dict[str, list[str]]:
    """The values of each choice, by the name of its field."""
    regressions = dict.fromkeys(one.choices.regression for one in specifications)
    return {"hidden": list(HIDDEN_READINGS), "output": list(OUTPUT_READINGS), "regression": list(regressions)}


def _curve(ax: Axes, ordered: Sequence[Specification]) -> None:
    for label, holds, face in (("Y1 holds", True, COLOURS[0]), ("Y1 does not hold", False, "white")):
        members = [x for x, one in enumerate(ordered) if one.holds["Y1"] == holds]
        ax.errorbar([], [], color=COLOURS[0], marker="o", mfc=face, ms=4, lw=0, label=label)
        if members:
            found = [ordered[x].ahead for x in members]
            style.errorbar(ax, np.array(members), found, 0, lw=0, elinewidth=1, mfc=face)
    published = next(x for x, one in enumerate(ordered) if one.choices == PUBLISHED)
    ax.axvline(published, color="0.3", lw=1.2, ls=":", label="as published")
    ax.axhline(0, color="0.6", lw=0.6)
    ax.tick_params(labelsize=SMALL)


def _choices_made(ax: Axes, made: Sequence[str], values: Sequence[str]) -> None:
    ax.plot(range(len(made)), [values.index(value) for value in made], "|", color="black", ms=6)
    ax.set_yticks(range(len(values)), map(_in_words, values), fontsize=SMALL)
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
    return style.label_data(figure, simulated)


def choices_table(found: Mapping[str, Sequence[Specification]], choices: Mapping[str, Choices]) -> Table:
    """Which claims hold in each world (columns) under some named choices (rows).

    Parameters
    ----------
    found : mapping of world to specifications, these choices among them
    choices : mapping of name to Choices
    """
    by_choice = {world: {one.choices: one for one in specifications} for world, specifications in found.items()}
    rows = [[name, *(_outcome(by_choice[world][one]) for world in found)] for name, one in choices.items()]
    return Table(["choices", *found], rows)


def _held(one: Specification) -> list[str]:
    return [claim for claim, holds in one.holds.items() if holds]


def _outcome(one: Specification) -> str:
    """The claims that hold, and AlexNet's lead."""
    return f"{' '.join(_held(one)) or 'none'} ({one.ahead.estimate:+.3f})"


def sparse_table(found: Mapping[str, Sequence[Specification]]) -> Table:
    """AlexNet's lead by regression and reading (rows) in some worlds (columns)."""
    rows = [
        [
            f"{_in_words(one.choices.regression)}, hidden layers {_in_words(one.choices.hidden)}",
            *(worlds[i].ahead for worlds in found.values()),
        ]
        for i, one in enumerate(next(iter(found.values())))
    ]
    return Table(["regression and reading", *found], rows)


def choice_explorer(found: Mapping[str, Sequence[Specification]], simulated: bool) -> HTML:
    """AlexNet's lead and the claims that hold under each set of choices, and where it lies among all of them.

    Parameters
    ----------
    found : mapping of world to specifications, the same ones in every world
    simulated : bool
        Whether the participants are.
    """
    first = next(iter(found.values()))
    names = ("Hidden layers", "Output", "Regression")
    fields = {name: [*map(_in_words, values)] for name, values in zip(names, _options(first).values(), strict=True)}
    rows = [
        (*_chosen(one), *(f"{s[i].ahead} {' '.join(_held(s[i]))}".rstrip() for s in found.values()))
        for i, one in enumerate(first)
    ]
    table = Table((*map(str.lower, fields), *found), rows, "AlexNet's lead, and the claims that hold")
    caption = (
        "AlexNet's mean r minus ResNet-50's under each set of choices, with 95 % t intervals over "
        "participants. Choose by menu or slider, or point at a curve. Filled: claim Y1 holds."
    )
    worlds = {world: [_specification(one) for one in specifications] for world, specifications in found.items()}
    data = {"fields": fields, "claims": list(first[0].holds), "worlds": worlds}
    return explorer("choices", data, table, caption, style.data_warning(simulated))


def _chosen(one: Specification) -> tuple[str, ...]:
    return tuple(map(_in_words, (one.choices.hidden, one.choices.output, one.choices.regression)))


def _in_words(value: str) -> str:
    return WORDS.get(value, value)


def _specification(one: Specification) -> dict[str, object]:
    ahead = {"ahead": one.ahead.estimate, "low": one.ahead.low, "high": one.ahead.high}
    numbers = {name: rounded(value, LEAD_DIGITS) for name, value in ahead.items()}
    return {"choices": _chosen(one), "holds": _held(one), "published": one.choices == PUBLISHED, **numbers}
