"""Variance partitioning where the parts are known: independent, equal and correlated spaces, and a planted brain."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from lib.analysis.encoding import contiguous_folds
from lib.analysis.variance import (
    FeatureSpaces,
    Targets,
    added_in_order,
    added_singly,
    decompose_spaces,
    r2_left,
    stack_predictions,
    standardised_responses,
    usable_voxels,
)
from lib.core.scores import r2
from lib.data import Participant, Responses, Source
from lib.solvers.ridge import decompose, fit_ridge

N_TRAIN, N_TEST, P, V = 600, 400, 15, 12
N = N_TRAIN + N_TEST
A, B, C = ("net", "a"), ("net", "b"), ("other", "c")


def spaces(features):
    return decompose_spaces(
        *({n: X[rows] for n, X in features.items()} for rows in (slice(N_TRAIN), slice(N_TRAIN, None)))
    )


def targets(y):
    y = (y - y[:N_TRAIN].mean(0)) / y[:N_TRAIN].std(0)
    return Targets(*(torch.as_tensor(part, dtype=torch.float32) for part in (y[:N_TRAIN], y[N_TRAIN:])))


def readout(rng, X, share=1.0):
    y = X @ rng.normal(size=(X.shape[1], V))
    return np.sqrt(share) * y / y.std(0)


def least_squares(features, y):
    """R2 of one regression on all features: right where images are many and features few."""
    X = np.hstack([*features, np.ones((N, 1))])
    return r2(y[N_TRAIN:], X[N_TRAIN:] @ np.linalg.lstsq(X[:N_TRAIN], y[:N_TRAIN])[0])


@pytest.fixture(scope="module")
def toy():
    """Three independent spaces; half of the signal in A, half in B, none in C; signal and noise of equal variance."""
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(N, P)) for name in (A, B, C)}
    y = readout(rng, features[A], 0.5) + readout(rng, features[B], 0.5) + rng.normal(size=(N, V))
    return spaces(features), targets(y)


def test_independent_spaces_add_up_and_share_nothing(toy):
    alone = added_singly(*toy, [A, B, C])
    np.testing.assert_allclose(alone.given, 0, atol=0.03)  # the mean of the training images is not quite that of others
    np.testing.assert_allclose(alone.added.mean(1), [0.25, 0.25, 0], atol=0.04)
    for order in ((A, B, C), (C, B, A)):
        steps = dict(zip(order, added_in_order(*toy, order).added.mean(1), strict=True))
        assert steps == pytest.approx({A: 0.25, B: 0.25, C: 0}, abs=0.04)
    unique = added_singly(*toy, [B, C], [A])
    assert unique.given.mean() == pytest.approx(0.25, abs=0.04)
    np.testing.assert_allclose(unique.added.mean(1), [0.25, 0], atol=0.04)


def test_the_same_space_again_adds_nothing():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, P))
    y = targets(readout(rng, X) + rng.normal(size=(N, V)))
    found = added_in_order(spaces({A: X, B: X @ rng.normal(size=(P, P))}), y, [A, B])
    assert found.added[0].mean() > 0.4
    assert abs(found.added[1].mean()) < 0.005


def test_correlated_space_that_drives_nothing_explains_but_adds_nothing():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(N, P))
    both = spaces({A: X, B: X + rng.normal(size=X.shape)})
    y = targets(readout(rng, X) + rng.normal(size=(N, V)))
    assert added_singly(both, y, [B]).added.mean() > 0.2
    assert abs(added_singly(both, y, [B], [A]).added.mean()) < 0.005
    assert added_singly(both, y, [A], [B]).added.mean() > 0.2


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_planted_beside_a_correlated_space_is_found_in_full(share):
    rng = np.random.default_rng(3)
    X, own = rng.normal(size=(2, N, P))
    mixed = (X + own) / np.sqrt(2)
    y = readout(rng, X, 1 - share) + readout(rng, mixed, share) + rng.normal(size=(N, V))
    truth = least_squares([X, mixed], y) - least_squares([X], y)
    found = added_singly(spaces({A: X, B: mixed}), targets(y), [B], [A])
    assert truth.mean() > 0.015
    assert found.added.mean() == pytest.approx(truth.mean(), abs=0.012)
    np.testing.assert_allclose(found.given, least_squares([X], y), atol=0.02)


def test_steps_reach_what_one_regression_on_everything_reaches():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(N, P))
    features = {A: X, B: X + rng.normal(size=X.shape), C: X + 2 * rng.normal(size=X.shape)}
    y = sum(readout(rng, x) for x in features.values()) + rng.normal(size=(N, V))
    truth = least_squares(list(features.values()), y).mean()
    for order in ((A, B, C), (C, A, B)):
        assert added_in_order(spaces(features), targets(y), order).added.sum(0).mean() == pytest.approx(truth, abs=0.02)


def test_steps_need_no_common_penalty():
    """Four wide layers that do not matter: one ridge regression on all features would lose most of what A explains."""
    rng = np.random.default_rng(5)
    X, idle = rng.normal(size=(N, P)), {("idle", str(k)): rng.normal(size=(N, 300)) for k in range(4)}
    y = targets(readout(rng, X) + rng.normal(size=(N, V)))
    alone = added_singly(spaces({A: X}), y, [A]).added.mean()
    together = added_singly(spaces({A: np.hstack([X, *idle.values()])}), y, [A]).added.mean()
    assert together < 0.5 * alone
    assert added_in_order(spaces({**idle, A: X}), y, [*idle, A]).added.sum(0).mean() == pytest.approx(alone, abs=0.03)
    assert added_in_order(spaces({**idle, A: X}), y, [], [*idle, A]).given.mean() == pytest.approx(alone, abs=0.03)


def test_stack_is_nonnegative_least_squares():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(N, P))
    layers = spaces({A: X, B: X[:, ::-1] ** 2, C: X + rng.normal(size=X.shape)}).layers.values()
    y = targets(readout(rng, X) + readout(rng, X**2) + 2 * rng.normal(size=(N, V)))
    predictions = [layer.predict(y) for layer in layers]
    f, g = (torch.stack([getattr(one, part) for one in predictions]).numpy() for part in ("train", "test"))
    w = np.stack([nnls(f[:, :, v].T, y.train[:, v].numpy())[0] for v in range(V)])
    assert (w.sum(1) < 3).all() and (w.sum(1) > 1.3).all()  # within the solver's room, and beyond a convex stack's
    found = stack_predictions(list(layers), y)
    np.testing.assert_allclose(found.train, np.einsum("vk,kiv->iv", w, f), atol=1e-4)
    np.testing.assert_allclose(found.test, np.einsum("vk,kiv->iv", w, g), atol=1e-4)


@pytest.mark.parametrize("penalty_by_folds", [False, True])
def test_penalties_are_chosen_as_asked(penalty_by_folds):
    """Few images and a wide space that predicts nothing: the two criteria choose differently."""
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(60, 200)), rng.normal(size=(60, V))
    space = decompose_spaces({A: X[:40]}, {A: X[40:]}).layers[A]
    found = space.predict(
        Targets(*(torch.as_tensor(part) for part in (y[:40], y[40:]))), penalty_by_folds=penalty_by_folds
    )
    folds = contiguous_folds(40, 5)
    chosen = fit_ridge(decompose(X[:40]), y[:40], folds=folds if penalty_by_folds else None)
    other = fit_ridge(decompose(X[:40]), y[:40], folds=None if penalty_by_folds else folds)
    assert (chosen.alphas != other.alphas).any()
    np.testing.assert_allclose(found.train, y[:40] - chosen.out_of_fold(folds).numpy(), atol=1e-9)
    np.testing.assert_allclose(found.test, chosen.predict(space.test), atol=1e-9)


def test_what_is_left_of_a_wide_space_that_drives_nothing_costs_next_to_nothing():
    """Generalised cross-validation would fit noise: with few images it chooses penalties that are too small."""
    rng = np.random.default_rng(10)
    X, Z, y = rng.normal(size=(80, 300)), rng.normal(size=(80, 20)), rng.normal(size=(80, 60))
    wide = Z @ rng.normal(size=(20, 300)) + X
    parts = ({A: wide[rows], B: Z[rows]} for rows in (slice(40), slice(40, 80)))
    noise = Targets(*(torch.as_tensor(part, dtype=torch.float32) for part in (y[:40], y[40:])))
    spaces = decompose_spaces(*parts)
    for found in (added_singly(spaces, noise, [A], [B]), added_in_order(spaces, noise, [A], [B])):
        assert found.added.mean() > -0.06


def test_r2_is_that_of_the_scores(toy):
    rng = np.random.default_rng(7)
    y = toy[1]
    predicted = Targets(y.train, y.test + torch.as_tensor(rng.normal(size=y.test.shape), dtype=torch.float32))
    np.testing.assert_allclose(r2_left(y, y.minus(predicted)), r2(y.test.numpy(), predicted.test.numpy()), rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(V)))
def test_voxels_are_fitted_each_by_itself(toy, order):
    whole = added_in_order(*toy, [B, C], [A])
    moved = added_in_order(toy[0], Targets(toy[1].train[:, order], toy[1].test[:, order]), [B, C], [A])
    np.testing.assert_allclose(moved.added, whole.added[:, order], atol=1e-5)


def test_what_is_left_of_a_space_is_computed_once(toy):
    assert toy[0].residual(B, [A, C]) is toy[0].residual(B, [C, A])
    assert toy[0].residual(B, []) is toy[0].layers[B]


def test_voxels_that_cannot_be_fitted_are_left_out():
    y = np.random.default_rng(8).normal(size=(30, 5))
    y[3, 0], y[:, 1] = np.nan, 2.0
    seen = Responses(np.arange(30), y, np.ones(30))
    rois = {"V1": np.array([True, True, True, False, False]), "FFA": np.array([False] * 4 + [True])}
    person = Participant("p", rois, np.ones(5), Source("s", "d", "o", "l", True), seen, seen, None)
    assert usable_voxels(person, ["V1", "FFA"]).tolist() == [2, 4]
    standardised = standardised_responses(person, usable_voxels(person, ["V1", "FFA"])).train.numpy()
    np.testing.assert_allclose(standardised, ((y - y.mean(0)) / y.std(0).clip(1e-9))[:, [2, 4]], atol=1e-5)


def test_unknown_network_is_refused_with_the_choices():
    one = FeatureSpaces({A: None, C: None})
    assert one.of("other", "net") == [C, A]
    with pytest.raises(ValueError, match="Unknown network 'nets'; choose one of net, other"):
        one.of("nets")
