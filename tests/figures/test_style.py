"""What all figures share, and the one place that says whose data a figure shows."""

from collections.abc import Sequence

import numpy as np
import pytest
from docutils.core import publish_doctree
from docutils.nodes import Admonition, Node, raw
from made import MEASURED, bars, legend, make_study
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb, to_rgba_array
from myst_parser.parsers.docutils_ import Parser

from lib.core.scores import Interval
from lib.data import Source
from lib.figures import style
from lib.figures.encoding import data_of, encoding_figure, label_studies
from lib.figures.numbers import figure_csv

NASTY = [
    "<script>alert(1)</script>", "```", "a\n```\n\n<b>", "`code`", "{eval-rst}", "```{eval-rst}\n.. raw:: html\n",
    "# x", "- x", ":class: tip", "$x$", "{cite:p}`wang2021`", "<!-- x", "*x*", "[x](y)", "% x", "+++", "---",
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((True,), "SIMULATED DATA: nobody was scanned"),
        ((True, "miniature", 15), "SIMULATED DATA: nobody was scanned"),
        ((False,), ""),
        ((False, "published"), ""),
        ((False, "untrained", 200), ""),
        ((False, "miniature"), "TOY ANALYSIS: miniature networks"),
        ((False, "published", 199), "TOY ANALYSIS: 199 best voxels per ROI"),
        ((False, "miniature", 15), "TOY ANALYSIS: miniature networks, 15 best voxels per ROI"),
    ],
)
def test_data_that_are_no_full_analysis_of_a_brain_are_called_so(arguments: tuple, words: str) -> None:
    assert style.data_warning(*arguments) == words
    figure = style.label_data(style.subplots(1, 1, (3, 2))[0], *arguments)
    assert figure.get_suptitle() == words
    noted = style.label_data(style.subplots(1, 1, (3, 2))[0], *arguments, note="one participant")
    assert noted.get_suptitle() == "; ".join(filter(None, (words, "one participant")))


def test_the_warning_is_in_the_pictures_own_colour() -> None:
    figure = style.label_data(style.subplots(1, 1, (3, 2))[0], simulated=True)
    assert figure._suptitle.get_color() == style.COLOURS[1]


def test_of_several_studies_the_gravest_is_told() -> None:
    simulated, measured = make_study(), make_study(source=MEASURED)
    assert data_of(measured, simulated)[0] and not data_of(measured)[0]
    many, trained = make_study(source=MEASURED, n_best=300), make_study(source=MEASURED, weights="published")
    assert data_of(many, trained) == data_of(trained, many) == (False, "miniature", trained.n_best)
    assert data_of(trained)[1] == "published"
    labelled = label_studies(style.subplots(1, 1, (3, 2))[0], many, trained)
    assert labelled.get_suptitle() == style.data_warning(*data_of(many, trained))


@pytest.mark.parametrize("text", NASTY)
def test_a_notice_shows_text_from_a_file_letter_by_letter(text: str) -> None:
    for simulated in (True, False):
        shown = style.notice(Source("set", text, text, text, simulated)).data
        page = publish_doctree(shown, parser=Parser(), settings_overrides={"myst_enable_extensions": ["dollarmath"]})
        (box,) = page.children
        assert isinstance(box, Admonition) and not list(page.findall(raw))
        title, about, points = box.children
        one_line = " ".join(text.split())
        assert words(title) == ("Simulated data" if simulated else "Measured data")
        assert words(about) == f"{one_line}."
        assert [words(point) for point in points] == [f"Origin: {one_line}.", f"Licence: {one_line}."]
        assert box["classes"] == (["warning"] if simulated else ["note"])


def words(node: Node) -> str:
    return " ".join(node.astext().split())


def test_error_bars_reach_from_low_to_high() -> None:
    _, axes = style.subplots(1, 1, (3, 2))
    found = [Interval(0.5, 0.1, 0.6), Interval(0.2, 0.15, 0.9), Interval(0.3, 0.4, 0.5)]  # the last lies above itself
    style.errorbar(axes[0, 0], np.array([1.0, 2.0, 4.0]), found, 1, label="drawn")
    (points, low, high), drawn = bars(axes[0, 0])["drawn"], axes[0, 0].containers[0]
    np.testing.assert_allclose(points, [(1, 0.5), (2, 0.2), (4, 0.3)])
    np.testing.assert_allclose(low, [0.1, 0.15, 0.3])
    np.testing.assert_allclose(high, [0.6, 0.9, 0.5])
    assert (drawn.lines[0].get_color(), drawn.lines[0].get_marker()) == (style.COLOURS[1], style.MARKERS[1])


def test_an_estimate_without_an_interval_is_a_point() -> None:
    _, axes = style.subplots(1, 1, (3, 2))
    style.errorbar(axes[0, 0], np.arange(1), [Interval(0.5, np.nan, np.nan)], 0, label="one")
    points, low, _ = bars(axes[0, 0])["one"]
    assert points.tolist() == [[0, 0.5]] and np.isnan(low).all()


def test_a_figure_is_shown_once_and_always_has_a_grid_of_axes() -> None:
    figure, axes = style.subplots(2, 3, (3, 2), dpi=70)
    assert axes.shape == (2, 3) and figure.dpi == 70 and figure.number not in plt.get_fignums()
    assert figure.get_facecolor() == (1, 1, 1, 1) and figure.get_size_inches().tolist() == [3, 2]


def test_labels_and_legends() -> None:
    figure, axes = style.subplots(1, 2, (3, 2))
    for ax, names in zip(axes.flat, (("a", "b"), ("b", "c")), strict=True):
        for name in names:
            ax.plot([0, 1], label=name)
    style.label_axes(axes[0, 0], "title", "across", "up")
    style.label_layers(axes[0, 0], ["Conv-1", "FC-7"], 30)
    style.small_legend(axes[0, 0])
    style.legend_below(figure, *axes.flat, ncols=2)
    ax = axes[0, 0]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("title", "across", "up")
    assert [(text.get_text(), text.get_rotation()) for text in ax.get_xticklabels()] == [("Conv-1", 30), ("FC-7", 30)]
    assert legend(ax) == ["a", "b"] and legend(figure) == ["a", "b", "c"]
    assert not ax.spines["top"].get_visible() and ax.spines["left"].get_visible()


def test_a_figure_gets_another_look_and_keeps_its_numbers() -> None:
    figure = encoding_figure(make_study())
    numbers, others = figure_csv(figure), {line.get_color() for line in figure.axes[-1].lines}
    restyled = style.restyled(figure, title="Mine", size=(4, 3), colours={style.COLOURS[0]: "navy"})
    assert restyled is figure and figure_csv(figure) == numbers
    assert figure.get_suptitle() == "SIMULATED DATA: nobody was scanned\nMine"
    assert figure.get_size_inches().tolist() == [4, 3]
    first = figure.axes[0]
    assert to_hex(first.title.get_color()) == to_hex(first.lines[0].get_color()) == to_hex("navy")
    mean = next(line for line in first.lines if line.get_label() == "mean")
    assert to_hex(mean.get_color()) == "#000000" and {one.get_color() for one in figure.axes[-1].lines} == others


def test_bars_and_points_change_their_colour_and_stay_as_transparent() -> None:
    figure, axes = style.subplots(1, 1, (3, 2))
    bars_, points = (
        axes[0, 0].bar([0], [1], color="red"),
        axes[0, 0].scatter([0, 1], [0, 1], c=["red", "blue"], alpha=0.5),
    )
    style.restyled(figure, colours={"red": "green"})
    assert to_hex(bars_[0].get_facecolor()) == to_hex("green")
    np.testing.assert_allclose(points.get_facecolor(), to_rgba_array(["green", "blue"], 0.5))


@pytest.mark.parametrize("colours", [{"bleu": "red"}, {"red": "bleu"}])
def test_what_is_no_colour_is_refused(colours: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="bleu"):
        style.restyled(style.subplots(1, 1, (3, 2))[0], colours=colours)


@pytest.mark.parametrize("colours", ["Greys", "Blues"])
def test_letters_on_every_shade_can_be_read(colours: str) -> None:
    def luminance(colour: Sequence[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for ground in plt.get_cmap(colours)(np.linspace(0, 1, 50)):
        light, dark = sorted([luminance(ground), luminance(to_rgb(style.ink_on(ground)))], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_montage_puts_images_in_rows() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), np.uint8)
    sheet = style.montage(images, 2)
    assert sheet.shape == (6, 6, 3)
    np.testing.assert_array_equal(sheet[::2, ::3, 0], [[0, 1], [2, 3], [4, 255]])


def test_dollar_signs_in_names_are_letters() -> None:
    figure, axes = style.subplots(1, 1, (2, 2))
    style.label_axes(axes[0, 0], r"a $\nonsense$ area")
    figure.canvas.draw()


def test_powers_of_ten_are_text_without_tex() -> None:
    figure, axes = style.subplots(1, 1, (3, 3))
    axes[0, 0].loglog([1e-6, 1e6], [1e-3, 1e3])
    style.label_powers(axes[0, 0].xaxis, axes[0, 0].yaxis)
    figure.canvas.draw()
    labels = [label.get_text() for axis in (axes[0, 0].xaxis, axes[0, 0].yaxis) for label in axis.get_ticklabels()]
    assert {"10⁻⁶", "10⁶", "10⁻³", "1000", "1"} <= set(labels) and not any("$" in label for label in labels)
