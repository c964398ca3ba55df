"""Figures of the pages on methods draw the arrays they are given."""

from dataclasses import replace

import numpy as np
import pytest
from made import FEW, MEASURED, N_BEST, SIMULATED, legend, lines, make_study, payload
from matplotlib.figure import Figure

from lib.analysis.encoding import encode, out_of_fold_products
from lib.analysis.encoding_study import EncodingStudy, best_layer_score
from lib.analysis.loading import load_participant
from lib.core.scores import correlation, noise_ceiling, r2
from lib.data import Participant
from lib.figures import style
from lib.figures.methods import (
    ceiling_check,
    errors_on_simplex,
    penalty_curves,
    rare_units,
    repeated_responses,
    score_against_scale,
    selection_effect,
    shrinkage_curves,
    stack_against_best,
    stacking_explorer,
    weights_against_overlap,
)
from lib.networks import extract, load_network
from lib.solvers.stacking import kkt_residual, simplex_weights

RNG = np.random.default_rng(0)


def labels(figure: Figure) -> list[tuple[str, str, str]]:
    return [(ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes]


def test_repeats_are_ordered_by_the_signal_that_scales_with_ncsnr() -> None:
    repeats, signal, ncsnr = RNG.normal(size=(50, 3, 4)), RNG.normal(size=(50, 4)), np.array([0.1, 0.5, 1.0, 2.0])
    figure = repeated_responses(repeats, signal, ncsnr, [1, 3], simulated=True)
    for ax, voxel in zip(figure.axes, (1, 3), strict=True):
        order = np.argsort(signal[:40, voxel])
        *single, mean, known = lines(ax, 40)
        np.testing.assert_array_equal(np.transpose(single), repeats[order, :, voxel])
        np.testing.assert_allclose(mean, repeats[order, :, voxel].mean(1))
        np.testing.assert_allclose(known, signal[order, voxel] * ncsnr[voxel] / np.sqrt(1 + ncsnr[voxel] ** 2))
        assert ax.get_title() == f"ncsnr = {ncsnr[voxel]:.2f}"
    assert "mean of the repeats" in legend(figure)


def test_ceilings_are_checked_against_what_was_planted_and_the_formula() -> None:
    ncsnr, reached = np.linspace(0.1, 1, 5), {1: RNG.uniform(size=5), 3: RNG.uniform(size=5)}
    figure = ceiling_check(ncsnr, ncsnr + 0.1, reached, simulated=True)
    estimated, same = lines(figure.axes[0], 5)
    np.testing.assert_allclose((estimated, same), (ncsnr + 0.1, ncsnr))
    found = lines(figure.axes[1], 5)
    np.testing.assert_allclose(found, [reached[1], noise_ceiling(ncsnr, 1), reached[3], noise_ceiling(ncsnr, 3)])
    assert legend(figure.axes[1]) == ["1 averaged", "3 averaged"]
    assert [x for _, x, _ in labels(figure)] == ["planted ncsnr"] * 2


def test_scores_of_a_stretched_prediction() -> None:
    y, scales = RNG.normal(size=(30, 1)), np.array([-1, 0.5, 1, 2])
    prediction = y + 0.3 * RNG.normal(size=(30, 1))
    figure = score_against_scale(y, prediction, scales, simulated=True)
    explained = np.array([r2(y, scale * prediction)[0] for scale in scales])
    shown = dict(zip(legend(figure.axes[0]), lines(figure.axes[0], 4), strict=True))
    np.testing.assert_allclose(shown["R²"], explained)
    np.testing.assert_allclose(shown["R"], np.sign(explained) * np.sqrt(np.abs(explained)))
    np.testing.assert_allclose(shown["r"], [correlation(y, scale * prediction)[0] for scale in scales])


def test_selection_effect_holds_both_choices_against_all_voxels(study: EncodingStudy) -> None:
    score = study.encoding["alexnet-place"].stacked_score
    (ax,) = selection_effect(study, "alexnet-place").axes
    found = dict(zip(legend(ax.figure), lines(ax, len(FEW)), strict=True))
    for label, way in (("by test score, as published", "test"), ("by out-of-fold score", "out-of-fold")):
        means = [score[study.best("alexnet-place", roi, way)].mean() for roi in FEW]
        np.testing.assert_allclose(found[f"best {N_BEST} {label}"], means)
    np.testing.assert_allclose(found["all voxels"], [score[study.participant.roi(roi)].mean() for roi in FEW])
    measured = make_study(source=MEASURED, weights="published", n_best=200)
    assert "SIMULATED" in ax.figure.get_suptitle() and selection_effect(measured, "alexnet-place").get_suptitle() == ""
    assert "TOY" in selection_effect(replace(measured, n_best=20), "alexnet-place").get_suptitle()


def test_shrinkage_keeps_the_leading_directions() -> None:
    e, Z = np.sort(RNG.uniform(1, 9, 6)), RNG.normal(size=(6, 2))  # smallest first, as a decomposition has them
    figure = shrinkage_curves(e, Z, [0.1, 10], simulated=True)
    first, second = figure.axes
    np.testing.assert_allclose(lines(first, 6), [(e / (e + alpha))[::-1] for alpha in (0.1, 10)])
    held = np.cumsum(Z[::-1] ** 2, axis=0) / (Z**2).sum(0)
    np.testing.assert_allclose(lines(second, 6), held.T)
    assert legend(figure) == ["alpha = 0.1", "alpha = 10", "clear voxel", "noisy voxel"]


def test_penalty_curves_mark_their_minima() -> None:
    alphas = np.array([0.1, 1.0, 10.0, 100.0])
    curves = {"GCV": RNG.uniform(0.2, 2, (4, 2)), "error": RNG.uniform(0.2, 2, (4, 2))}
    figure = penalty_curves(alphas, curves, ["noisy", "clear"], simulated=True)
    for voxel, ax in enumerate(figure.axes):
        relative = [values[:, voxel] / values[-1, voxel] for values in curves.values()]
        np.testing.assert_allclose(lines(ax, 4), relative)
        marks = [line.get_xydata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
        np.testing.assert_allclose(marks, [(alphas[one.argmin()], one.min()) for one in relative])
        assert ax.get_xscale() == "log"
    assert [title for title, *_ in labels(figure)] == ["noisy", "clear"] and legend(figure) == list(curves)


def test_rare_units_are_points_of_each_way_of_scaling() -> None:
    share, largest = RNG.uniform(0.1, 1, 9), {"one": RNG.uniform(1, 2, 9), "other": RNG.uniform(1, 2, 9)}
    axes = rare_units(share, largest, simulated=True).axes
    for ax, (name, values) in zip(axes, largest.items(), strict=True):
        (line,) = ax.lines
        np.testing.assert_allclose(line.get_xydata(), np.transpose([share, values]))
        assert ax.get_title() == name


def test_the_simplex_is_darkest_where_the_error_is_smallest() -> None:
    P = np.stack([np.diag([1.0, 2, 4]), np.diag([4.0, 4, 1])])
    weights = np.array([[1.0, 0, 0], [0, 0.5, 0.5]])
    figure = errors_on_simplex(P, weights, ["A", "B", "C"], ["one", "two"], simulated=True)
    corners = np.array([[0, 0], [1, 0], [0.5, 0.866]])
    for ax, w, p in zip(figure.axes, weights, P, strict=True):
        (star,) = [line.get_xydata()[0] for line in ax.lines]
        np.testing.assert_allclose(star, w @ corners)
        names = {text.get_text(): text.get_position() for text in ax.texts}
        for name, corner in zip("ABC", corners, strict=True):
            assert np.linalg.norm(np.subtract(names[name], corner)) < 0.1
        (filled,) = ax.collections
        lowest = filled.get_paths()[0].vertices.mean(0)  # of the band of smallest errors
        found = np.linalg.solve(np.vstack([corners.T, np.ones(3)]), [*lowest, 1])
        optimum = 1 / np.diag(p) / (1 / np.diag(p)).sum()
        assert np.abs(found - optimum).max() < 0.1
        assert filled.get_cmap().name == "cividis"
    assert [title for title, *_ in labels(figure)] == ["one", "two"]


def test_weights_and_scores_by_overlap() -> None:
    weights, alone = RNG.uniform(size=(2, 4, 3))  # (n_overlaps, n_layers)
    figure = weights_against_overlap([0, 0.3, 0.6, 1], weights, alone, ["A", "B", "C"], simulated=True)
    for ax, values in zip(figure.axes, (weights, alone), strict=True):
        np.testing.assert_allclose(lines(ax, 4), values.T)
        assert ax.lines[0].get_xdata()[1] == 0.3
    assert [title for title, *_ in labels(figure)] == ["stacking weight", "R² of the layer alone"]
    assert legend(figure.axes[0]) == ["A", "B", "C"]


def test_the_stack_is_held_against_the_layer_chosen_out_of_fold(study: EncodingStudy) -> None:
    result = study.encoding["alexnet-object"]
    first, second = stack_against_best(result, simulated=True).axes
    np.testing.assert_allclose(
        first.lines[0].get_xydata(), np.transpose([result.cv_score.max(0), result.stacked_cv_score])
    )
    chosen = result.score[result.cv_score.argmax(0), range(len(result.stacked_score))]
    np.testing.assert_allclose(second.lines[0].get_xydata(), np.transpose([chosen, result.stacked_score]))
    np.testing.assert_allclose(chosen, best_layer_score(result))
    assert (first.get_title(), first.get_xlabel()) == ("out of fold", "R of the best layer")


CALLS = {
    "repeated_responses": (np.ones((40, 2, 1)), np.ones((40, 1)), np.ones(1), [0]),
    "ceiling_check": (np.ones(2), np.ones(2), {1: np.ones(2)}),
    "score_against_scale": (RNG.normal(size=(9, 1)), RNG.normal(size=(9, 1)), np.ones(2)),
    "shrinkage_curves": (np.ones(3), np.ones((3, 2)), [1]),
    "penalty_curves": (np.ones(2), {"a": np.ones((2, 1))}, ["v"]),
    "rare_units": (np.ones(2), {"a": np.ones(2)}),
    "errors_on_simplex": (np.diag([1.0, 2, 3])[None], np.full((1, 3), 1 / 3), "ABC", ["v"]),
    "weights_against_overlap": ([0, 1], np.ones((2, 1)), np.ones((2, 1)), ["A"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_figure_of_arrays_is_told_whether_they_were_simulated(name: str) -> None:
    draw = globals()[name]
    assert draw(*CALLS[name], simulated=True).get_suptitle() == style.data_warning(True)
    assert draw(*CALLS[name], simulated=False).get_suptitle() == ""


# The explorer of stacks


@pytest.fixture(scope="module")
def participant() -> Participant:
    return load_participant(world="as-published", n_images=90, voxels_per_roi=6)


def test_the_explorer_shows_what_the_stack_was_decided_by(participant: Participant) -> None:
    networks = [load_network("taskonomy-edge2d"), load_network("alexnet-object")]
    html = stacking_explorer(participant, networks, n_shown=2)
    found = payload(html)["networks"]
    assert list(found) == ["taskonomy-edge2d", "alexnet-object"]
    for network in networks:
        features = extract(network, participant.images(participant.train))
        P = out_of_fold_products(features, participant.train.responses)
        weights = simplex_weights(P)
        error = np.einsum("vi,vij,vj->v", weights, P, weights)
        assert found[network.name]["layers"] == list(features)
        for roi, shown in found[network.name]["rois"].items():
            voxels = np.flatnonzero(participant.roi(roi))
            best = voxels[np.argsort(error[voxels])][:2]
            np.testing.assert_allclose([one["w"] for one in shown], weights[best], atol=6e-4)
            np.testing.assert_allclose([one["P"] for one in shown], P[best], atol=6e-5)
            assert (
                kkt_residual(np.array([one["P"] for one in shown]), np.array([one["w"] for one in shown])).max() < 3e-3
            )
            if network is networks[0]:
                cells = "".join(f"<td>{value:.3f}</td>" for value in (*weights[best[0]], error[best[0]]))
                assert f"<tr><td>{roi}</td>{cells}</tr>" in html.data
    assert "Weights and error of taskonomy-edge2d&#x27;s stack" in html.data and "SIMULATED" in html.data
    assert (
        "SIMULATED"
        not in stacking_explorer(replace(participant, source=replace(SIMULATED, simulated=False)), networks[:1]).data
    )


def test_products_decide_the_weights_of_the_encoding(participant: Participant) -> None:
    network = load_network("taskonomy-edge2d")
    features = extract(network, participant.images(participant.train))
    P = out_of_fold_products(features, participant.train.responses)
    errors = [np.einsum("vi,vij,vj->v", w, P, w) for w in (simplex_weights(P), encode(participant, network).weights.T)]
    np.testing.assert_allclose(*errors, rtol=1e-4)


def test_products_refuse_voxels_that_cannot_be_fitted() -> None:
    responses = np.random.default_rng(0).standard_normal((20, 3))
    responses[:, 1] = 1
    with pytest.raises(ValueError, match="1 of 3 voxels are constant"):
        out_of_fold_products({"layer": responses.copy()[:, :1]}, responses)
