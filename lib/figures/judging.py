"""Pictures of how claims are judged: parts and their smallest effects, coverage of intervals, outcomes of studies."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.claims import CLAIMS, OUTCOMES, UNTESTED, Claim, Verdict
from lib.claims.claim import POWER, SmallestEffect
from lib.claims.counted import CountedStudy
from lib.core.scores import Interval
from lib.core.tables import Table, plain
from lib.figures import style
from lib.figures.style import COLOURS, MARKERS, NORMAL, SMALL, subplots

OUTCOME_MARKS = dict(zip((*OUTCOMES, UNTESTED), "✓✗?–", strict=True))
OUTCOME_COLOURS = dict(zip((*OUTCOMES, UNTESTED), ("#9ecae1", "#fdbe85", "#fff7bc", "#e6e6e6"), strict=True))


def verdict_parts(verdicts: Mapping[str, Verdict]) -> Figure:
    """The parts of a claim in several participants, a panel each: effects with intervals against the smallest effect.

    The stripe around zero holds effects that do not matter; a panel's colour is its outcome.
    """
    names = list(dict.fromkeys(name for verdict in verdicts.values() for name in verdict.parts))
    size = (2.9 * len(verdicts) + 1, 0.22 * len(names) + 1.4)
    figure, axes = subplots(1, len(verdicts), size, sharey=True, sharex=True)
    for ax, (title, verdict) in zip(axes.flat, verdicts.items(), strict=True):
        claim = CLAIMS[verdict.claim]
        smallest, *_ = claim.smallest.values()
        ax.axvspan(-smallest.value, smallest.value, color="0.85", lw=0)
        ax.axvline(0, color="0.4", lw=0.8)
        for name, part in verdict.parts.items():
            _interval(ax, part.effect, names.index(name), 0)
        ax.set_yticks(range(len(names)), names, fontsize=SMALL)
        ax.set_facecolor(OUTCOME_COLOURS[verdict.outcome] + "66")
        style.label_axes(ax, f"{title}:\n{verdict.outcome}", f"effect, {smallest.unit.removeprefix('of the ')}")
    axes.flat[0].invert_yaxis()  # of all panels: they share it
    return figure


def _interval(ax: Axes, one: Interval, y: float, i: int) -> None:
    ax.plot([one.low, one.high], [y, y], color=COLOURS[i], lw=1.5)
    ax.plot(one.estimate, y, MARKERS[i], color=COLOURS[i], ms=4)


def calibration_figure(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """How often 95 % intervals covered the truth, and how often a rule held where nothing was.

    Parameters
    ----------
    found : mapping
        What `python -m benchmarks.verdicts calibration` recorded: "coverage" and "nulls".
    """
    figure, axes = subplots(1, 2, (10, 3.4))
    left, right = axes.flat
    left.axvspan(92, 97, color="0.85", lw=0)
    left.axvline(95, color="0.4", lw=0.8)
    _shares(left, found["coverage"], "interval", "covered")
    style.label_axes(left, "Intervals", "% that cover the truth")
    right.axvline(5, color="0.4", lw=0.8)
    _shares(right, found["nulls"], "null", "holds")
    style.label_axes(right, "Where nothing is there", "% that hold")
    right.set_xlim(-0.5, 8)
    style.legend_below(figure, left, ncols=4)
    return figure


def _shares(ax: Axes, rows: Sequence[Mapping[str, Any]], name: str, share: str) -> None:
    """A row per name, a symbol per number of voxels."""
    names = list(dict.fromkeys(row[name] for row in rows))
    for i, n_best in enumerate(dict.fromkeys(row["n_best"] for row in rows)):
        some = [row for row in rows if row["n_best"] == n_best]
        y = [names.index(row[name]) + 0.15 * (i - 1) for row in some]
        label = f"{n_best} {'people' if some[0][name].startswith('people') else 'voxels'}"
        ax.plot([100 * row[share] for row in some], y, MARKERS[i], color=COLOURS[i], ms=5, label=label)
    ax.set_yticks(np.arange(len(names)), names, fontsize=NORMAL)
    ax.invert_yaxis()


def outcome_bars(found: Mapping[str, Sequence[Verdict]], label: str = "") -> Figure:
    """What became of a claim over several studies: a bar for each group of them, a colour for each outcome.

    Parameters
    ----------
    found : mapping of group to verdicts
    label : str
        What the groups are.
    """
    figure, axes = subplots(1, 1, (7, 0.4 * len(found) + 1.2))
    ax, start = axes[0, 0], np.zeros(len(found))
    for outcome, colour in OUTCOME_COLOURS.items():
        share = np.array([np.mean([one.outcome == outcome for one in verdicts]) for verdicts in found.values()])
        ax.barh(list(found), 100 * share, left=100 * start, color=colour, edgecolor="0.4", lw=0.5, label=outcome)
        start += share
    ax.invert_yaxis()
    style.label_axes(ax, "", "% of the studies", label)
    style.legend_below(figure, ax, ncols=4)
    return figure


def rate_table(studies: Iterable[CountedStudy]) -> Table:
    """What became of claims over simulated studies: in how many of them a claim came out how, by `OUTCOME_MARKS`."""
    studies = list(studies)
    claims = [name for name in CLAIMS if any(name in one.outcomes for one in studies)]
    groups: dict[tuple[str, str, int], list[CountedStudy]] = {}
    for one in studies:
        groups.setdefault((one.world, one.analysis, one.n_images), []).append(one)
    rows = [
        (plain(world), plain(analysis), n_images, len(some), *(_counts(some, name) for name in claims))
        for (world, analysis, n_images), some in groups.items()
    ]
    return Table(("world", "analysis", "images", "seeds", *claims), rows)


def _counts(studies: Iterable[CountedStudy], claim: str) -> str:
    """How many studies came out how: "✓ 2 ? 1"."""
    counts = Counter(one.outcomes[claim] for one in studies if claim in one.outcomes)
    return " ".join(f"{mark} {counts[outcome]}" for outcome, mark in OUTCOME_MARKS.items() if counts[outcome])


def power_curves(claims: Iterable[Claim], chosen: Mapping[str, int]) -> Figure:
    """How often each claim holds where it was planted, by the number of images: a panel per claim.

    Parameters
    ----------
    claims : iterable of Claim
        Those whose power was not counted are left out.
    chosen : mapping of claim to int
        The number of images that the pages use: a dotted line.
    """
    counted = [claim for claim in claims if claim.power.outcomes]
    n_rows = -(-len(counted) // 4)
    figure, axes = subplots(n_rows, 4, (9, 2.1 * n_rows + 0.5), sharey=True)
    for ax, claim in zip(axes.flat, counted, strict=False):
        sizes = sorted(claim.power.outcomes)
        ax.axhline(100 * POWER, color="0.7", lw=0.8)
        ax.axvline(chosen[claim.id], color="0.3", lw=1.2, ls=":")
        for i, outcome in enumerate(OUTCOMES[:2]):
            at = [100 * claim.power.share(n, outcome) for n in sizes]
            ax.semilogx(sizes, at, MARKERS[i], ls="-", color=COLOURS[i], ms=4, lw=1.5, label=outcome, zorder=3 - i)
        apart = [n for n in sizes if n == sizes[-1] or 2 * n <= sizes[-1]]  # the names of others would touch
        ax.set_xticks(sizes, [f"{n:,}" if n in apart else "" for n in sizes])
        ax.minorticks_off()
        style.label_axes(ax, claim.id, "images", "% of the studies" if ax in axes[:, 0] else "")
    for ax in axes.flat[len(counted) :]:
        ax.set_axis_off()
    style.legend_below(figure, axes[0, 0], ncols=2)
    return style.label_data(figure, simulated=True)


def power_table(claims: Iterable[Claim]) -> Table:
    """What each claim says, its smallest effect, how often it holds where it was planted, and the images it needs."""
    needed = f"images from which it holds in {100 * POWER:.0f} % of studies"
    header = ("claim", "what it says", "smallest effect", "holds where it was planted in", needed)
    rows = [
        (f"**{one.id}**", one.title, effect_sizes(one.smallest.values()), str(one.power), _images_needed(one))
        for one in claims
    ]
    return Table(header, rows)


def effect_sizes(effects: Iterable[SmallestEffect]) -> str:
    """Smallest effects that matter, with their units."""
    return ", ".join(f"{one.value:g} {one.unit}" for one in effects)


def _images_needed(claim: Claim) -> str:
    sizes, needed = sorted(claim.power.outcomes), claim.power.images_needed()
    if not sizes:
        return "not counted"
    return f"{'at most ' * (needed == sizes[0])}{needed:,}" if needed else f"more than {sizes[-1]:,}"
