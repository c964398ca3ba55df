"""Curves, tables and explorers of specifications hold each set of choices with its own lead."""

import numpy as np
from made import bars, legend, make_specifications, payload, ticks

from lib.analysis.decoding import MATCHED, PUBLISHED
from lib.analysis.directions import Directions
from lib.claims.specifications import Specification, one_at_a_time
from lib.figures.specifications import (
    choice_explorer,
    choices_table,
    directions_figure,
    sparse_table,
    specification_figure,
)

FIELDS = ("hidden", "output", "regression")
WORDS = {"convolution": "before ReLU", "normalised": "after normalisation", "rectified": "after ReLU"}
WORDS |= {"ols": "least squares"}


def test_a_curve_is_ordered_by_the_lead_and_marked_by_the_claim(specifications: dict[str, list[Specification]]) -> None:
    figure = specification_figure(specifications, simulated=True)
    columns = np.reshape(figure.axes, (4, 2)).T
    for (curve, *choices), (world, found) in zip(columns, specifications.items(), strict=True):
        ordered = sorted(found, key=lambda one: one.ahead.estimate)
        shown = {x: (y, low, high, label) for label, drawn in bars(curve).items()
                 for (x, y), low, high in zip(*drawn, strict=True)}  # fmt: skip
        assert curve.get_title() == world and len(shown) == len(ordered) == 32
        faces = {line.get_markerfacecolor() for line in (c.lines[0] for c in curve.containers)}
        assert len(faces) == 2
        for x, one in enumerate(ordered):
            y, low, high, _ = shown[x]
            np.testing.assert_allclose((y, low, high), (one.ahead.estimate, one.ahead.low, one.ahead.high))
        holding = {
            c.lines[0].get_markerfacecolor(): set(c.lines[0].get_xdata())
            for c in curve.containers
            if len(c.lines[0].get_xdata())
        }
        assert set(map(frozenset, holding.values())) == {
            frozenset(x for x, one in enumerate(ordered) if one.holds["Y1"] == holds) for holds in (True, False)
        }
        empty = [c for c in curve.containers if not len(c.lines[0].get_xdata())]
        label = {c.lines[0].get_markerfacecolor(): c.get_label() for c in empty}
        for face, places in holding.items():
            assert (label[face] == "Y1 holds") == all(ordered[int(x)].holds["Y1"] for x in places)
        (published,) = [line.get_xdata()[0] for line in curve.lines if line.get_label() == "as published"]
        assert ordered[published].choices == PUBLISHED
        for ax, name in zip(choices, FIELDS, strict=True):
            values = ticks(ax if world == "reversed" else columns[0][1 + FIELDS.index(name)], "y")
            chosen = [getattr(one.choices, name) for one in ordered]
            assert [values[row] for row in ax.lines[0].get_ydata()] == [WORDS.get(one, one) for one in chosen]
    assert [ax.get_ylabel() for ax in columns[0]] == ["AlexNet ahead by (mean r)", *FIELDS]
    assert legend(figure) == ["as published", "Y1 holds", "Y1 does not hold"]
    assert "SIMULATED" in figure.get_suptitle() and specification_figure(specifications, False).get_suptitle() == ""


def test_directions_are_drawn_each_in_its_panel(directions: dict[str, Directions]) -> None:
    figure = directions_figure(directions, simulated=True)
    for ax, direction, what in zip(figure.axes, ("decoding", "encoding"), ("units", "voxels"), strict=True):
        assert ax.get_title() == direction and ax.get_xlabel() == f"AlexNet ahead by (mean r over {what})"
        for container, (y, one) in zip(ax.containers, enumerate(directions.values()), strict=True):
            scores = getattr(one, direction)
            ahead = one.ahead(direction)
            assert ahead.estimate == np.mean(scores["alexnet-object"] - scores["resnet50-object"])
            np.testing.assert_allclose(container.lines[0].get_xydata(), [(ahead.estimate, y)])
            np.testing.assert_allclose(container.lines[2][0].get_segments()[0], [(ahead.low, y), (ahead.high, y)])
    assert ticks(figure.axes[0], "y") == list(directions) and figure.axes[0].get_ylim() == (1.5, -0.5)
    assert "SIMULATED" in figure.get_suptitle() and directions_figure(directions, False).get_suptitle() == ""


def words(one: Specification) -> str:
    return " ".join(claim for claim, holds in one.holds.items() if holds)


def test_table_of_choices_has_a_world_in_each_column(specifications: dict[str, list[Specification]]) -> None:
    choices = one_at_a_time()
    table = choices_table(specifications, choices)
    assert list(table.header) == ["choices", *specifications] and len(table.rows) == len(choices)
    for (_, *cells), chosen in zip(table.rows, choices.values(), strict=True):
        for cell, found in zip(cells, specifications.values(), strict=True):
            (one,) = [one for one in found if one.choices == chosen]
            assert cell == f"{words(one) or 'none'} ({one.ahead.estimate:+.3f})"
    assert [row[0] for row in table.rows] == list(choices)
    assert {chosen for chosen in choices.values()} >= {PUBLISHED, MATCHED} and len(set(choices.values())) == len(
        choices
    )


def test_table_of_sparse_regression_shows_each_lead() -> None:
    found = {"one": make_specifications(1)[:3], "two": make_specifications(2)[:3]}
    table = sparse_table(found)
    assert list(table.header) == ["regression and reading", "one", "two"]
    for i, (name, one, two) in enumerate(table.rows):
        hidden = found["one"][i].choices.hidden
        assert name == f"least squares, hidden layers {WORDS.get(hidden, hidden)}"
        assert (one, two) == (found["one"][i].ahead, found["two"][i].ahead)


def test_the_explorer_holds_every_choice_once(specifications: dict[str, list[Specification]]) -> None:
    html = choice_explorer(specifications, simulated=True)
    data = payload(html)
    assert list(data["fields"]) == ["Hidden layers", "Output", "Regression"] and data["claims"] == ["Y1", "Y2"]
    assert html.data.count("<tr>") == 33
    for world, found in specifications.items():
        for shown, one in zip(data["worlds"][world], found, strict=True):
            chosen = [getattr(one.choices, name) for name in FIELDS]
            assert shown["choices"] == [WORDS.get(value, value) for value in chosen]
            assert " ".join(shown["holds"]) == words(one)
            assert shown["published"] == (one.choices == PUBLISHED)
            bounds = (one.ahead.estimate, one.ahead.low, one.ahead.high)
            assert (shown["ahead"], shown["low"], shown["high"]) == tuple(round(value, 4) for value in bounds)
            assert all(shown["choices"][i] in options for i, options in enumerate(data["fields"].values()))
            assert f"<td>{one.ahead} {words(one)}".rstrip() in html.data
    assert "SIMULATED" in html.data and "SIMULATED" not in choice_explorer(specifications, simulated=False).data
