"""A figure for a narrow screen: the same curves in the same letters, panels below each other, each of them labelled."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lib.figures import style
from lib.figures.narrow import NARROW_WIDTH, narrowed


def drawn(n_rows: int, n_columns: int, width: float) -> Figure:
    figure, axes = style.subplots(n_rows, n_columns, (width, 2.0 * n_rows), sharex="col", sharey="row")
    for i, ax in enumerate(axes.flat):
        ax.plot([0, 1, 2], [i, 2 * i, i], label="a curve")
        ax.set_xticks(range(3), ["first layer", "second layer", "third layer"])
    for i, ax in enumerate(axes[:, 0]):
        ax.set_ylabel(f"row {i}")
        ax.set_yticks([0, 10], ["few", "many"], fontsize=7)
    for i, ax in enumerate(axes[0]):
        ax.set_title(f"column {i}")
    style.legend_below(figure, axes[0, 0], ncols=4)
    return style.label_data(figure, simulated=True, note="and a note that is too long for one line of a phone")


@pytest.mark.parametrize(("n_columns", "width", "per_line"), [(2, 8, 1), (3, 7.2, 2), (10, 10, 4)])
def test_panels_stand_below_each_other_with_their_own_labels(n_columns: int, width: float, per_line: int) -> None:
    wide = drawn(2, n_columns, width)
    narrow = narrowed(wide)
    assert narrow is not None and narrow.get_figwidth() == NARROW_WIDTH and wide.get_figwidth() == width
    narrow.canvas.draw()
    for i, (one, other) in enumerate(zip(wide.axes, narrow.axes, strict=True)):
        place = other.get_subplotspec()
        np.testing.assert_array_equal(one.lines[0].get_xydata(), other.lines[0].get_xydata())
        assert place.colspan.start == (i % n_columns) % per_line
        assert other.get_title() == f"column {i % n_columns}"
        assert other.get_xticklabels()[0].get_text() == "first layer"
        assert other.get_ylabel() == (f"row {i // n_columns}" if place.is_first_col() else "")
        assert not place.is_first_col() or other.get_yticklabels()[0].get_fontsize() == 7


def test_a_place_that_no_panel_fills_stays_empty() -> None:
    figure, axes = style.subplots(2, 4, (9, 4))
    for ax in axes.flat[:7]:
        ax.plot([0, 1], [0, 1])
        ax.set_title("title")
        ax.set_xlabel("own words", fontsize=6)
    axes[1, 3].set_axis_off()
    narrow = narrowed(figure)
    assert narrow is not None and [ax.get_title() for ax in narrow.axes] == [*["title"] * 7, ""]
    assert {ax.xaxis.label.get_fontsize() for ax in narrow.axes[:7]} == {6}, "not that of the empty place below"


def test_pictures_without_ticks_stand_below_each_other() -> None:
    figure, axes = style.subplots(1, 6, (9, 2))
    for ax in axes.flat:
        ax.imshow(np.zeros((4, 4)))
        ax.set(xticks=[], yticks=[])
    narrow = narrowed(figure)
    assert narrow is not None
    narrow.canvas.draw()
    assert {ax.get_subplotspec().get_gridspec().ncols for ax in narrow.axes} == {3} and not narrow.axes[
        3
    ].get_yticks().size


def test_words_below_and_beside_pictures_stay_those_of_each_row() -> None:
    figure, axes = style.subplots(2, 4, (8, 8))
    for ax in axes.flat:
        ax.imshow(np.zeros((4, 4)))
        ax.set(xticks=[], yticks=[])
    for ax in axes[1]:
        ax.set_xlabel("r = 0.5")
    for ax in axes[:, 0]:
        ax.set_ylabel("level", rotation=0, ha="right")
    narrow = narrowed(figure)
    assert narrow is not None
    rows = [[ax for ax in narrow.axes if ax.get_subplotspec().rowspan.start == row] for row in range(4)]
    assert [{ax.get_xlabel() for ax in row} for row in rows] == [{""}, {""}, {"r = 0.5"}, {"r = 0.5"}]
    assert {(row[0].yaxis.label.get_rotation(), row[0].yaxis.label.get_ha()) for row in rows} == {(0, "right")}
    narrow.draw_without_rendering()
    heights = sum(row[0].get_window_extent().height for row in rows) / narrow.dpi
    assert 0.8 * narrow.get_figheight() < heights < narrow.get_figheight(), "pictures without empty space between rows"


@pytest.mark.parametrize("n_names", [4, 5, 6, 7, 8])
def test_names_that_were_turned_do_not_run_into_each_other(n_names: int) -> None:
    wide, axes = style.subplots(2, 4, (10, 5), sharex=True, sharey=True)
    for ax in axes.flat:
        picture = ax.imshow(np.zeros((10, n_names)), aspect="auto")
        ax.set_xticks(range(n_names), [f"Conv-{i}" for i in range(n_names)], fontsize=7)
        ax.set_yticks(range(10), ["aTLfaces"] * 10)
    wide.colorbar(picture, ax=axes, label="share of the ROI's best voxels")
    style.label_data(wide, simulated=True)
    narrow = narrowed(wide)
    assert narrow is not None
    narrow.draw_without_rendering()
    labels = narrow.axes[7].get_xticklabels()
    apart = np.diff([label.get_window_extent().x0 for label in labels])[0] / narrow.dpi
    turned = np.radians(labels[0].get_rotation())
    assert turned > 0 and apart * np.sin(turned) > labels[0].get_fontsize() / 72


def test_a_legend_of_more_lines_does_not_press_the_panels() -> None:
    wide = drawn(1, 1, 8)
    for label in "abc":
        wide.axes[0].plot([0], label=f"a rather long name of curve {label}")
    wide.legends[0].remove()
    style.legend_below(wide, wide.axes[0], ncols=4)
    narrow = narrowed(wide)
    assert narrow is not None and narrow.get_figheight() > wide.get_figheight() + 0.5


def test_words_that_are_too_long_are_wrapped() -> None:
    narrow = narrowed(drawn(1, 1, 8))
    assert narrow is not None and "\n" in narrow.get_suptitle()
    inside = narrow.legends[0].get_window_extent()
    assert inside.width < NARROW_WIDTH * narrow.dpi


def test_small_figures_and_cells_with_words_stay_as_they_are() -> None:
    assert narrowed(drawn(1, 1, NARROW_WIDTH)) is None
    figure, axes = style.subplots(1, 1, (8, 3))
    for place in np.ndindex(3, 2):
        axes[0, 0].text(*place, "a word")
    assert narrowed(figure) is None
