"""Figures of real networks on the 92 images: what is drawn is what was found."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from made import SIMULATED, payload
from PIL import Image

from lib.analysis.images92 import PhotographData
from lib.analysis.nested import NestedResult
from lib.analysis.rdm_stacking import StackedGeometry
from lib.analysis.rsa import NoiseCeiling
from lib.claims import HOLDS, UNTESTED, Verdict
from lib.claims.claim import ClaimPart
from lib.core.scores import Interval
from lib.data.images92 import Images92
from lib.data.kay2017 import Kay2017
from lib.figures import photographs
from lib.figures.explorers import picture_sheet
from lib.simulation.images92_like import simulate_images92

LABELS = ("net, published", "net, untrained-full")


@pytest.fixture
def data(images92: Images92) -> PhotographData:
    rng = np.random.default_rng(0)
    betas = {area: rng.normal(size=12) for area in ("FFA", "VWFA")}
    errors = {area: np.full(12, 0.1) for area in betas}
    boots = {area: rng.normal(size=(5, 12)) for area in betas}
    return PhotographData(images92, Kay2017(images92.images, betas, errors, boots, SIMULATED))


@pytest.fixture
def found(data: PhotographData) -> dict[str, NestedResult]:
    rng = np.random.default_rng(1)
    responses = np.column_stack(list(data.areas.betas.values()))
    results = {}
    for label, noise in zip(LABELS, (0.2, 2.0), strict=True):
        predictions = responses + noise * rng.normal(size=(2, 3, 12, 2))
        weights = np.array([[0.1, 0.2], [0.3, 0.2], [0.6, 0.6]])
        results[label] = NestedResult(
            ("a", "b", "c"), responses, predictions, predictions[:, 2], predictions[:, 1], weights, weights
        )
    return results


def test_best_layers_over_all_images_and_without_faces(data: PhotographData, found: dict[str, NestedResult]) -> None:
    figure = photographs.best_layers(data, found)
    for ax, images in zip(figure.axes, (np.full(12, True), ~data.images.face), strict=True):
        points = [container[0].get_xdata()[0] for container in ax.containers]
        np.testing.assert_allclose(points, [result.r(result.best, images)[0] for result in found.values()])
        assert ax.lines[0].get_xdata()[0] == data.areas.ceiling("FFA", images)
    assert "SIMULATED" in figure.get_suptitle()


def test_measured_data_carry_no_warning(data: PhotographData, found: dict[str, NestedResult]) -> None:
    source = replace(SIMULATED, simulated=False)
    measured = PhotographData(replace(data.images, source=source), replace(data.areas, source=source))
    assert photographs.best_layers(measured, found).get_suptitle() == ""


def test_profiles_show_scores_above_and_weights_below(data: PhotographData, found: dict[str, NestedResult]) -> None:
    axes = np.reshape(photographs.layer_profiles(data, found).axes, (2, 2))
    for column in range(2):
        for line, result in zip(axes[0, column].lines, found.values(), strict=False):
            np.testing.assert_allclose(line.get_ydata(), result.r(result.predictions)[:, column])
            np.testing.assert_allclose(line.get_xdata(), (0, 0.5, 1))
        for line, result in zip(axes[1, column].lines, found.values(), strict=True):
            np.testing.assert_allclose(line.get_ydata(), result.weights[:, column])
    assert [line.get_linestyle() for line in axes[1, 0].lines] == ["-", ":"]


def test_raw_and_centred_rows_hold_their_own_numbers(data: PhotographData) -> None:
    rng = np.random.default_rng(2)
    found = {
        way: {label: {a: rng.normal(size=(3, 4)) for a in ("EVC", "IT")} for label in LABELS} for way in ("raw", "c")
    }
    ceilings = {area: NoiseCeiling(0.5, 0.25, 0.3) for area in ("EVC", "IT")}
    axes = np.reshape(photographs.raw_and_centred(data, found, ceilings).axes, (2, 2))
    for row, way in zip(axes, found, strict=True):
        for ax, area in zip(row, ceilings, strict=True):
            for line, label in zip(ax.lines, LABELS, strict=True):
                np.testing.assert_allclose(line.get_ydata(), found[way][label][area].mean(1))
            assert ax.get_title() == f"{area}, {way}"


def test_tables_say_what_was_found(data: PhotographData, found: dict[str, NestedResult]) -> None:
    rows = photographs.nested_table(data, found).rows
    assert [row[0] for row in rows] == list(LABELS) and {row[2] for row in rows} == {"c"}
    first = found[LABELS[0]]
    assert rows[0][1].startswith(f"{first.r(first.best)[0]:.2f}") and rows[0][3].startswith(
        f"{first.r(first.stack)[0]:.2f}"
    )
    assert rows[0][5].startswith(f"{first.r(first.best)[1]:.2f} [")
    geometry = StackedGeometry(("a", "b"), np.array([0.3, 0.7]), np.array([0.5, 0.6, 0.1]), np.array([0.4, 0.7, 0.0]))
    (row,) = photographs.geometry_table({"net": {"IT": geometry}}).rows
    assert row == ("net", "IT", pytest.approx(0.4), pytest.approx(1.1 / 3), "2 of 3", "b 0.70, a 0.30")


def test_the_best_layer_of_a_person_is_chosen_on_the_others() -> None:
    """Each person's own best layer would win in both; chosen on the others, the twin loses."""
    trained, twin = np.array([[0.3, 0.3, 0.3], [0.0, 0.0, 0.0]]), np.array([[0.9, 0.0, 0.0], [0.1, 0.2, 0.2]])
    (row,) = photographs.trained_against_untrained({"net": {"IT": trained}, "twin": {"IT": twin}}).rows
    assert row[2] == pytest.approx(0.3) and row[3] == pytest.approx((0.1 + 0.0 + 0.0) / 3) and row[4] == "3 of 3"


def test_accuracy_shows_networks_that_are_there(data: PhotographData, found: dict[str, NestedResult]) -> None:
    figure = photographs.accuracy_figure(data, found, {"net": 60.0, "absent": 70.0})
    (container,) = figure.axes[0].containers
    assert container[0].get_xdata()[0] == 60
    assert container[0].get_ydata()[0] == pytest.approx(found[LABELS[0]].r(found[LABELS[0]].best)[0])


def test_the_explorer_holds_every_photograph_with_its_own_numbers(
    data: PhotographData, found: dict[str, NestedResult]
) -> None:
    html = photographs.photograph_explorer(data, found)
    shown = payload(html)
    for i, area in enumerate(("FFA", "VWFA")):
        np.testing.assert_allclose(shown["areas"][area], data.areas.betas[area], atol=6e-4)
        for label, result in found.items():
            np.testing.assert_allclose(shown["predicted"][label][area], result.best[:, :, i].mean(0), atol=6e-4)
    assert shown["categories"] == list(data.images.category) and shown["filled"] == list(data.images.face)
    cell = f"<td>a face</td><td>3</td><td>{data.areas.betas['FFA'][:3].mean():.3f}</td>"
    assert cell in html.data and shown["response"] == "invented response" and "measured" not in html.data


def test_the_explorers_sheet_has_the_photographs_in_their_order(data: PhotographData) -> None:
    levels = np.arange(12, dtype=np.uint8) * 20
    images = np.broadcast_to(levels[:, None, None, None], (12, 50, 40, 3))
    plain = replace(data, images=replace(data.images, images=images))
    html = photographs.photograph_explorer(plain, {})
    shown = payload(html)
    sheet = Image.open(io.BytesIO(base64.b64decode(shown["sheet"].partition(",")[2]))).convert("L")
    side = sheet.width // shown["columns"]
    middles = [sheet.getpixel((side * (i % 10) + side // 2, side * (i // 10) + side // 2)) for i in range(12)]
    np.testing.assert_allclose(middles, levels, atol=8)


def test_the_explorer_of_92_photographs_is_light() -> None:
    assert len(picture_sheet(simulate_images92().images)) < 120_000


def test_what_is_left_of_paper_ws_claims_is_shown_with_its_sentences_outcome() -> None:
    verdicts = {name: Verdict(name, f"outcome of {name}", None, "") for name in ("M2", "M4", "M5", "M6")}
    rows = {row[0]: row for row in photographs.asked_table(verdicts).rows}
    assert rows["W7"][2:4] == ("M5", "**outcome of M5**") and rows["W8"][3] == "**outcome of M6**"
    assert rows["W2"][2:4] == ("-", f"**{UNTESTED}**") and "place area" in rows["W4"][4]


def test_an_architecture_has_a_colour_and_its_untrained_twin_an_empty_mark(
    data: PhotographData, found: dict[str, NestedResult]
) -> None:
    three = {**found, "hed-edges, published": found[LABELS[0]]}
    points = [one[0] for one in photographs.best_layers(data, three).axes[0].containers]
    trained, twin, edges = (point.get_color() for point in points)
    assert trained == twin != edges
    assert [point.get_markerfacecolor() == "white" for point in points] == [False, True, False]


def test_sentences_are_shown_with_every_network_and_the_smallest_effect() -> None:
    parts = {name: ClaimPart(Interval(0.3, 0.2, 0.4), "r") for name in ("one", "two")}
    (row,) = photographs.sentence_table({"M1": Verdict("M1", HOLDS, None, "one", parts)}).rows
    assert row[0] == "M1" and row[2] == f"**{HOLDS}**" and row[4] == "0.05 r"
    assert row[3].count("+0.300 [+0.200, +0.400]") == 2 and "two" in row[3]
