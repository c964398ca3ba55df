"""Paper W's figures hold the numbers of their study: each line, square and bar is read back from what was drawn."""

from dataclasses import replace

import numpy as np
import pytest
from made import FEW, MEASURED, N_BEST, N_VOXELS, SIMULATED, bars, legend, lines, make_study, ticks
from matplotlib.colors import to_hex

from lib.analysis.encoding_study import EncodingStudy
from lib.claims.claim import Contrast
from lib.claims.wang2021 import ALEXNETS, RESNETS, task_shift
from lib.core.scores import Interval, bootstrap_mean
from lib.figures.encoding import (
    encoding_figure,
    network_scores,
    planted_and_recovered,
    preferred_layer_maps,
    preferred_layers,
    stack_against_ceiling,
    task_shifts,
)
from lib.figures.style import COLOURS, NARROW
from lib.networks.zoo import PAPER_W
from lib.simulation.worlds import WORLDS

GROUPS = {"Early visual": ["V1", "V3"], "Place": ["PPA"], "Face": ["FFA", "OFA"]}


@pytest.mark.parametrize("selection", ["test", "out-of-fold"])
def test_the_papers_figure_shows_scores_then_weights_of_the_best_voxels(study: EncodingStudy, selection: str) -> None:
    axes = np.reshape(encoding_figure(study, selection).axes, (4, len(FEW)))
    rows = [(name, what) for what in ("score", "weights") for name in study.encoding]
    for row, (name, what) in zip(axes, rows, strict=True):
        result = study.encoding[name]
        assert row[0].get_ylabel() == f"{name}\n{'R' if what == 'score' else 'weight'}"
        for ax, roi in zip(row, FEW, strict=True):
            values = getattr(result, what)[:, study.best(name, roi, selection)]
            *voxels, mean = lines(ax, len(result.layers))
            np.testing.assert_array_equal(np.transpose(voxels), values)
            np.testing.assert_allclose(mean, values.mean(1))
            assert ticks(axes[-1, 0]) == list(result.layers)
            assert (lines(ax, 2) != []) == (what == "score")  # the line at zero
    assert [ax.get_title() for ax in axes[0]] == list(FEW)


def test_on_a_narrow_screen_the_areas_are_rows(study: EncodingStudy) -> None:
    figure = encoding_figure(study)
    wide, narrow = np.reshape(figure.axes, (4, len(FEW))), np.reshape(figure.narrow.axes, (len(FEW), 4))
    for there, here in zip(wide.flat, narrow.T.flat, strict=True):
        for one, other in zip(there.lines, here.lines, strict=True):
            np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
    assert [ax.get_ylabel() for ax in narrow[:, 0]] == list(FEW)
    assert [ax.get_title().replace("-\n", "-") for ax in narrow[0]] == [ax.get_ylabel() for ax in wide[:, 0]]
    layers = list(study.encoding["alexnet-object"].layers)
    assert ticks(narrow[-1, 0]) == [layers[0], "", layers[2], "", layers[4], "", layers[6]]
    assert figure.narrow.get_figwidth() < 4 and figure.narrow.get_suptitle() == figure.get_suptitle()
    assert figure._repr_mimebundle_()[NARROW]


def test_published_selection_is_the_default(study: EncodingStudy) -> None:
    (default, published, other) = (
        encoding_figure(study, *chosen).axes[0].lines[0].get_ydata() for chosen in ((), ("test",), ("out-of-fold",))
    )
    assert default.tolist() == published.tolist() != other.tolist()


def test_areas_have_the_colour_of_their_group() -> None:
    axes = encoding_figure(make_study(rois=(*FEW, "elsewhere"))).axes
    found = {ax.get_title(): {to_hex(line.get_color()) for line in ax.lines[:N_BEST]} for ax in axes if ax.get_title()}
    colours = [COLOURS[0], COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[2], "#4c4c4c"]
    assert found == {roi: {colour.lower()} for roi, colour in zip((*FEW, "elsewhere"), colours, strict=True)}


def test_preferred_layers_are_those_of_the_highest_score(study: EncodingStudy) -> None:
    figure = preferred_layers(study)
    for ax, (name, result) in zip(figure.axes, study.encoding.items(), strict=False):
        best = [result.score[:, study.best(name, roi)].argmax(0) for roi in FEW]
        shares = [[np.mean(one == layer) for layer in range(len(result.layers))] for one in best]
        np.testing.assert_allclose(ax.images[0].get_array(), shares)
        (points, low, high), *_ = bars(ax, along=0).values()
        np.testing.assert_allclose(points, [(np.median(one), row) for row, one in enumerate(best)])
        np.testing.assert_allclose(low, [np.quantile(one, 0.25) for one in best])
        np.testing.assert_allclose(high, [np.quantile(one, 0.75) for one in best])
        assert (ax.get_title(), ticks(ax)) == (name, list(result.layers))
    assert ticks(figure.axes[0], "y") == list(FEW)


def test_preferred_layers_of_voxels_chosen_by_test_score(study: EncodingStudy) -> None:
    ax = preferred_layers(study, "test").axes[0]
    best = study.encoding[PAPER_W[0]].score[:, study.best(PAPER_W[0], "V1", "test")].argmax(0)
    np.testing.assert_allclose(
        ax.images[0].get_array()[0] * N_BEST, np.bincount(best, minlength=ax.images[0].get_array().shape[1])
    )


def test_preferred_layers_lie_where_their_voxels_do(study: EncodingStudy) -> None:
    """Each area is a sheet of two rows, apart from the others along the first axis."""
    area, voxel = np.divmod(np.arange(study.participant.n_voxels), N_VOXELS)
    positions = np.column_stack([9 * area, voxel % 2, voxel // 2]).astype(float)
    with pytest.raises(ValueError, match="somebody: nobody knows where its voxels lie"):
        preferred_layer_maps(study)
    figure = preferred_layer_maps(replace(study, participant=replace(study.participant, coordinates=positions)))
    panels = np.reshape(figure.axes[: 2 * len(FEW)], (2, len(FEW)))
    for row, (name, result) in zip(panels, study.encoding.items(), strict=True):
        assert row[0].get_ylabel() == name
        for ax, roi in zip(row, FEW, strict=True):
            shown = study.participant.roi(roi) & (result.stacked_score > 0)
            np.testing.assert_array_equal(ax.collections[0].get_offsets(), positions[shown, 1:])
            np.testing.assert_array_equal(ax.collections[0].get_array(), result.score[:, shown].argmax(0))
    assert [ax.get_title() for ax in panels[0]] == list(FEW)
    assert ticks(figure.axes[-1], "y") == list(study.encoding[PAPER_W[1]].layers)
    assert figure.get_suptitle() == "SIMULATED DATA: nobody was scanned"


@pytest.mark.parametrize("world", ["as-published", "reversed", "noise", "unplanted", None])
def test_planted_bars_are_the_worlds_and_dots_the_weights_found(world: str | None) -> None:
    study = make_study(PAPER_W[2:5], replace(SIMULATED, world=world))
    axes = np.reshape(planted_and_recovered(study).axes, (3, 3))
    for row, (name, result) in zip(axes, study.encoding.items(), strict=True):
        for ax, (group, rois) in zip(row, GROUPS.items(), strict=True):
            shares = np.zeros(len(result.layers))
            for roi in rois:
                planted = WORLDS[world].planted(roi, name) if world else {}
                own = np.array([planted.get(layer, 0) for layer in result.layers])
                shares += own / (own.sum() or 1) / len(rois)
            np.testing.assert_allclose([bar.get_height() for bar in ax.patches], shares)
            means = [result.weights[:, study.best(name, roi)].mean(1) for roi in rois]
            np.testing.assert_allclose(lines(ax, len(result.layers)), means)
            assert ax.get_title() == f"{group}: {', '.join(rois)}" and ticks(ax) == list(result.layers)
        assert row[0].get_ylabel() == f"{name}\nshare, weight"


def test_network_scores_are_means_over_all_voxels_of_an_area(everyone: EncodingStudy) -> None:
    (ax,) = network_scores(everyone).axes
    found = bars(ax)
    assert list(found) == list(PAPER_W) and ticks(ax) == list(FEW)
    for name, (points, low, high) in found.items():
        stack = everyone.encoding[name].stacked_score
        means = [bootstrap_mean(stack[everyone.participant.roi(roi)]) for roi in FEW]
        np.testing.assert_allclose(points[:, 1], [one.estimate for one in means])
        np.testing.assert_allclose((low, high), np.transpose([(one.low, one.high) for one in means]))
        assert np.abs(points[:, 0] - np.arange(len(FEW))).max() < 0.31


def test_the_stack_is_held_against_the_ceiling_as_shares_of_variance(study: EncodingStudy) -> None:
    figure, ceiling = stack_against_ceiling(study), study.participant.noise_ceiling
    for ax, (name, result) in zip(figure.axes, study.encoding.items(), strict=True):
        explained = np.sign(result.stacked_score) * result.stacked_score**2
        for line, rois in zip(ax.lines, GROUPS.values(), strict=False):
            voxels = np.flatnonzero(np.any([study.participant.roi(roi) for roi in rois], axis=0))
            steps = [step for step in np.array_split(voxels[np.argsort(ceiling[voxels])], 10) if len(step)]
            expected = [(np.median(ceiling[step]), np.median(explained[step])) for step in steps]
            np.testing.assert_allclose(line.get_xydata(), expected)
        assert ax.get_title() == name and ax.lines[-1].get_xydata().tolist() == [[0, 0], [1, 1]]
        assert ax.collections[0].get_array().sum() == len(ceiling), "every voxel is counted"
    assert legend(figure.axes[0]) == [*GROUPS, "noise ceiling"]


def test_task_shifts_are_those_of_each_architecture(everyone: EncodingStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.claims.wang2021.MIN_VOXELS", 2)
    predicted = {name: replace(r, stacked_score=r.stacked_score + 2) for name, r in everyone.encoding.items()}
    studies = {"one": replace(everyone, encoding=predicted), "two": make_study(PAPER_W, seed=3)}
    for ax, (title, study) in zip(task_shifts(studies).axes, studies.items(), strict=True):
        assert ax.get_title() == title
        for (label, (points, low, high)), pair in zip(bars(ax).items(), (ALEXNETS, RESNETS), strict=True):
            assert label == {ALEXNETS: "AlexNet", RESNETS: "ResNet50"}[pair]
            shifts = [task_shift(study, pair, roi) for roi in FEW]
            known = {x: one.interval() for x, one in enumerate(shifts) if isinstance(one, Contrast)}
            assert len(known) == len(FEW) or title == "two"
            for x in range(len(FEW)):
                expected = known.get(x, Interval(*[np.nan] * 3))
                found = points[x, 1], low[x], high[x]
                np.testing.assert_allclose(found, (expected.estimate, expected.low, expected.high))
    assert ticks(ax) == list(FEW)


@pytest.mark.parametrize(
    "draw", [encoding_figure, preferred_layers, planted_and_recovered, network_scores, stack_against_ceiling]
)
def test_every_picture_of_a_study_says_what_its_data_are(draw: object) -> None:
    measured = make_study(source=MEASURED)
    assert draw(make_study()).get_suptitle() == "SIMULATED DATA: nobody was scanned"
    assert draw(measured).get_suptitle() == "TOY ANALYSIS: miniature networks, 4 best voxels per ROI"
    assert draw(replace(measured, weights="published", n_best=200)).get_suptitle() == ""


def test_task_shifts_say_what_their_data_are(everyone: EncodingStudy) -> None:
    measured = make_study(PAPER_W, MEASURED, n_best=200)
    assert task_shifts({"a": measured}).get_suptitle() == "TOY ANALYSIS: miniature networks"
    assert "SIMULATED" in task_shifts({"a": measured, "b": everyone}).get_suptitle()
