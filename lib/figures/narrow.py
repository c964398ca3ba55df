"""A figure once more for a narrow screen: the same panels with the same letters, below each other."""

import itertools
import math
import pickle
import textwrap
from typing import cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.text import Text

NARROW_WIDTH = 3.9  # inches: on a phone, letters of 8 points are then about ten pixels high
_PER_INCH = 13  # letters of a title
_PER_LINE, _PER_NAMES = 0.18, 0.3  # inches of a line of words, and of names that were turned
_TURNED = 60  # degrees
_LINE = 1.2  # height of a line of words, in that of its letters
_FEW_WORDS = 4  # in a panel: more are those of a table's cells


def narrowed(figure: Figure) -> Figure | None:
    """A copy of a figure that is `NARROW_WIDTH` wide; None if the figure is no wider, or cannot be rearranged.

    A row of panels becomes several; panels keep their height and nearly their width. What only the first panel of a row
    or column said for all, each panel says for itself. Panels full of words are not rearranged.
    """
    wordy = any(len(ax.texts) > _FEW_WORDS for ax in figure.axes)
    if figure.get_figwidth() <= NARROW_WIDTH or wordy or not _panels(figure):
        return None
    copy = cast("Figure", pickle.loads(pickle.dumps(figure)))
    panels = _panels(copy)
    n_rows, n_columns = (1 + max(place) for place in zip(*panels, strict=True))
    per_line = min(n_columns, max(1, round(NARROW_WIDTH * n_columns / copy.get_figwidth())))
    n_lines = -(-n_columns // per_line)
    ratios = copy.axes[0].get_subplotspec().get_gridspec().get_height_ratios() * (n_lines == 1)  # type: ignore[union-attr]
    grid = GridSpec(n_rows * n_lines, per_line, figure=copy, height_ratios=ratios or None)
    for (row, column), ax in panels.items():
        ax.set_subplotspec(grid[row * n_lines + column // per_line, column % per_line])
        if n_lines > 1 and (ax.axison or ax.has_data()):  # not for a place that no panel fills
            _speak_for_itself(ax, panels[row, 0], panels[0, column], panels.get((n_rows - 1, column), ax))
    turned = [_fit(ax, NARROW_WIDTH / per_line) for ax in panels.values()]
    share = NARROW_WIDTH / copy.get_figwidth() if n_lines == 1 and all(ax.images for ax in panels.values()) else n_lines
    height = copy.get_figheight() * share + _PER_NAMES * n_rows * any(turned)
    if n_lines > 1 and all(ax.images and not (ax.axison and ax.get_xticks().size) for ax in panels.values()):
        height = n_rows * n_lines * max(_picture_height(ax, NARROW_WIDTH / per_line) for ax in panels.values())
    copy.set_size_inches(NARROW_WIDTH, height)
    copy.set_layout_engine("constrained", h_pad=0.08)
    for text in copy.texts:
        text.set_text(_wrapped(text, NARROW_WIDTH))
    _fit_legends(copy)
    copy.draw_without_rendering()  # only now the panels have their places
    for ax in panels.values():
        _set_upright(ax)
    return copy


def _panels(figure: Figure) -> dict[tuple[int, int], Axes]:
    """Panels by row and column; empty if they do not fill one grid, a cell each."""
    drawn = [(ax, ax.get_subplotspec()) for ax in figure.axes if not hasattr(ax, "_colorbar")]
    if any(spec is None or spec.num1 != spec.num2 for _, spec in drawn):
        return {}
    grids = {id(spec.get_gridspec()) for _, spec in drawn if spec}
    return {(spec.rowspan.start, spec.colspan.start): ax for ax, spec in drawn if spec} if len(grids) == 1 else {}


def _speak_for_itself(ax: Axes, first: Axes, top: Axes, bottom: Axes) -> None:
    """Show what the first panel of the row, and the top and bottom ones of the column, say for a panel as well."""
    spec = ax.get_subplotspec()
    if spec is not None and spec.is_first_col():
        sizes = [label.get_fontsize() for label in first.get_yticklabels()]  # none where a picture has no ticks
        ax.tick_params(axis="y", labelleft=True, **({"labelsize": sizes[0]} if sizes else {}))
        _say(ax.yaxis.label, first.yaxis.label)
    ax.tick_params(labelbottom=True)
    if bottom.get_xticks().size:  # words below a picture are its own, those below an axis are all panels'
        _say(ax.xaxis.label, bottom.xaxis.label)
    _say(ax.title, top.title)


def _say(words: Text, others: Text) -> None:
    """Where a panel says nothing, let it say what another one says for it, alike in all but place."""
    if not words.get_text():
        look = ("text", "fontsize", "color", "rotation", "ha", "va")
        words.set(**{name: getattr(others, f"get_{name}")() for name in look})


def _picture_height(ax: Axes, width: float) -> float:
    """Inches that a picture without axes needs, with its title and the words below it."""
    n_high, n_wide = ax.images[0].get_size()
    n_lines = sum(len(words.split("\n")) for words in (ax.get_title(), ax.get_xlabel()) if words)
    return 0.9 * width * n_high / n_wide + _PER_LINE * n_lines


def _fit(ax: Axes, width: float) -> bool:
    """Wrap a panel's title; turn the names along its axis if they do not fit side by side, and say whether."""
    ax.title.set_text(_wrapped(ax.title, width))
    names = "   ".join(label.get_text() for label in ax.get_xticklabels())
    if any(letter.isalpha() for letter in names) and len(names) > 0.8 * _PER_INCH * width:
        before = ax.get_xticklabels()[0].get_rotation()
        ax.tick_params(axis="x", rotation=max(_TURNED, ax.xaxis.get_tick_params().get("rotation", 0)))
        return before == 0
    return False


def _set_upright(ax: Axes) -> None:
    """Turn names that would still run into each other upright."""
    labels = ax.get_xticklabels()
    if len(labels) > 1 and labels[0].get_rotation() == _TURNED:
        places = ax.transData.transform([(x, 0) for x in ax.get_xticks()])[:, 0]
        apart = min(abs(b - a) for a, b in itertools.pairwise(places)) / ax.figure.dpi
        if apart * math.sin(math.radians(_TURNED)) < _LINE * float(labels[0].get_fontsize()) / 72:
            ax.tick_params(axis="x", rotation=90)


def _wrapped(text: Text, width: float) -> str:
    return "\n".join(textwrap.fill(line, int(_PER_INCH * width)) for line in text.get_text().split("\n"))


def _fit_legends(figure: Figure) -> None:
    """Put legends of the whole figure into as many columns as fit."""
    drawn = {label: one for ax in figure.axes for one, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    for old in list(figure.legends):
        labels = [text.get_text() for text in old.get_texts()]
        handles = [drawn.get(label) or Line2D([], []) for label in labels]
        old.remove()
        longest = max(map(len, labels)) + 6  # with the sample of the line
        n_columns = max(1, int(1.2 * _PER_INCH * NARROW_WIDTH / longest))
        figure.legend(
            handles, labels, loc="outside lower center", fontsize=old.get_texts()[0].get_fontsize(),
            ncols=n_columns, frameon=old.get_frame_on(),
        )  # fmt: skip
        more_lines = -(-len(labels) // n_columns) - -(-len(labels) // old._ncols)  # type: ignore[attr-defined]
        figure.set_figheight(figure.get_figheight() + _PER_LINE * max(0, more_lines))
