"""A figure's CSV holds what was drawn, under the names at its axes."""

import csv
import io

import numpy as np
import pytest
from made import FEW, make_study
from matplotlib.figure import Figure

from lib.core.scores import bootstrap_mean
from lib.figures import style
from lib.figures.encoding import encoding_figure, network_scores, preferred_layers
from lib.figures.numbers import CSV_COLUMNS, figure_csv

FOUR = 1e-3  # relative: four digits are kept


def rows(figure: Figure, **wanted: str) -> list[dict[str, str]]:
    """The rows of a figure's CSV that have these values."""
    found = csv.DictReader(io.StringIO(figure_csv(figure)))
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def column(some: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in some])


def test_many_lines_are_told_by_their_quartiles_and_their_mean_is_named() -> None:
    study = make_study()
    few = rows(encoding_figure(study), panel="V1 | alexnet-object R", series="mean")
    best = study.best("alexnet-object", "V1", "test")
    result = study.encoding["alexnet-object"]
    assert [row["x"] for row in few] == list(result.layers)
    np.testing.assert_allclose(column(few, "y"), result.score[:, best].mean(1), rtol=FOUR)
    _, axes = style.subplots(1, 1, (3, 2))
    values = np.random.default_rng(0).normal(size=(5, 200))
    axes[0, 0].plot(values)
    found = rows(axes[0, 0].figure, series="median and quartiles of 200 lines")
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=1)
    for name, expected in (("low", low), ("y", middle), ("high", high)):
        np.testing.assert_allclose(column(found, name), expected, rtol=FOUR)
    assert len(found) == len(rows(axes[0, 0].figure)) == 5


def test_intervals_and_names_of_areas() -> None:
    study = make_study()
    found = rows(network_scores(study), series="alexnet-place")
    stack = study.encoding["alexnet-place"].stacked_score
    means = [bootstrap_mean(stack[study.participant.roi(roi)]) for roi in FEW]
    assert [row["x"] for row in found] == list(FEW)
    for name, field in (("y", "estimate"), ("low", "low"), ("high", "high")):
        np.testing.assert_allclose(column(found, name), [getattr(one, field) for one in means], rtol=FOUR)
    assert {row["panel"] for row in found} == {"mean R of the stack"}


def test_ends_of_intervals_are_numbers_also_sideways_and_beside_a_missing_point() -> None:
    figure, axes = style.subplots(1, 2, (6, 2))
    axes[0, 0].errorbar([1, np.nan, 3], ["a", "b", "c"], xerr=[0.5, np.nan, 0.25], fmt="o", label="sideways")
    axes[0, 1].errorbar(["a", "b", "c"], [1, np.nan, 3], yerr=[0.5, np.nan, 0.25], fmt="o", label="upright")
    for series, name, number in (("sideways", "y", "x"), ("upright", "x", "y")):
        found = rows(figure, series=series)
        assert [row[name] for row in found] == ["a", "b", "c"]
        told = [(row[number], row["low"], row["high"]) for row in found]
        assert told == [("1", "0.5", "1.5"), ("nan", "", ""), ("3", "2.75", "3.25")]


def test_a_named_tick_of_a_logarithmic_axis_names_no_other_place() -> None:
    figure, axes = style.subplots(1, 1, (3, 2))
    axes[0, 0].plot([17, 33], [2, 3])
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xticks([1, 10, 100], ["1 (us)", "10", "100"])
    assert column(rows(figure), "x").tolist() == [17, 33]


def test_an_underscore_keeps_a_name_out_of_the_legend_and_not_out_of_the_numbers() -> None:
    figure, axes = style.subplots(1, 1, (3, 2))
    for label in ("_V1", "V2", None):
        axes[0, 0].plot([0, 1], [2, 3], label=label)
    assert [row["series"] for row in rows(figure)] == ["V1", "V1", "V2", "V2", "", ""]


def test_cells_stand_under_their_row_and_column() -> None:
    study = make_study()
    figure = preferred_layers(study)
    shares = figure.axes[1].images[0].get_array()
    layers = study.encoding["alexnet-place"].layers
    for i, roi in enumerate(FEW):
        found = [row for row in rows(figure, panel="alexnet-place", y=roi) if row["value"]]
        assert [row["x"] for row in found] == list(layers)
        np.testing.assert_allclose(column(found, "value"), shares[i], rtol=FOUR, atol=1e-9)


def test_bands_bars_and_points() -> None:
    figure, axes = style.subplots(1, 4, (8, 2))
    axes[0, 0].fill_between([1, 2, 4], [0, 0.1, 0.2], [1, 1.1, 1.2], label="range")
    axes[0, 1].bar([0, 1], [3, 4], label="upright")
    axes[0, 2].barh(["a", "b"], [5, 6], label="lying")
    axes[0, 3].scatter([7, 8], [9, 10], c=[0.5, 0.25], label="shaded")
    for ax in axes.flat:
        ax.axhline(0)  # no data
    told = {name: [tuple(row[c] for c in CSV_COLUMNS[2:]) for row in rows(figure, series=name)] for name in
            ("range", "upright", "lying", "shaded")}  # fmt: skip
    assert told["range"] == [("1", "", "0", "1", ""), ("2", "", "0.1", "1.1", ""), ("4", "", "0.2", "1.2", "")]
    assert told["upright"] == [("0", "3", "", "", ""), ("1", "4", "", "", "")]
    assert told["lying"] == [("5", "a", "", "", ""), ("6", "b", "", "", "")]
    assert told["shaded"] == [("7", "9", "", "", "0.5"), ("8", "10", "", "", "0.25")]
    assert sum(map(len, told.values())) == len(rows(figure))


def test_photographs_have_no_numbers() -> None:
    figure, axes = style.subplots(1, 1, (3, 2))
    axes[0, 0].imshow(np.zeros((8, 8, 3), np.uint8))
    assert figure_csv(figure) == ""
    assert figure._repr_mimebundle_() == {}


def test_a_notebook_keeps_the_numbers_beside_the_picture() -> None:
    figure = preferred_layers(make_study())
    assert figure._repr_mimebundle_()["text/csv"] == figure_csv(figure)


@pytest.mark.parametrize("n", [24, 25])
def test_few_lines_are_told_one_by_one(n: int) -> None:
    figure, axes = style.subplots(1, 1, (3, 2))
    axes[0, 0].plot(np.ones((2, n)))
    assert len(rows(figure)) == (2 * n if n == 24 else 2)
