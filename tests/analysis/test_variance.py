"""Variance partitioning where the parts are known: three truths, correlated, equal and idle spaces."""

import numpy as np
import pytest

from lib.analysis.variance import (
    FeatureSpaces,
    JointModels,
    Targets,
    decompose_spaces,
    joint_models,
    partition,
    standardised_responses,
    usable_voxels,
)
from lib.core.scores import r2
from lib.data import Participant, Responses, Source

N_TRAIN, N_TEST, P, V = 500, 400, 8, 12
N = N_TRAIN + N_TEST
A, B, C = ("net", "a"), ("net", "b"), ("other", "c")


def spaces(features, n_train=N_TRAIN):
    return decompose_spaces(
        *({n: X[rows] for n, X in features.items()} for rows in (slice(n_train), slice(n_train, None)))
    )


def targets(y, n_train=N_TRAIN):
    y = (y - y[:n_train].mean(0)) / y[:n_train].std(0)
    return Targets(y[:n_train], y[n_train:])


def fitted(features, y, *models, n_train=N_TRAIN, **options) -> JointModels:
    return joint_models(spaces(features, n_train), targets(y, n_train), models, **options)


def readout(rng, X, share=1.0):
    y = X @ rng.normal(size=(X.shape[1], V))
    return np.sqrt(share) * y / y.std(0)


def least_squares(features, y):
    """R2 of one regression on all features: right where images are many and features few."""
    X = np.hstack([*features, np.ones((N, 1))])
    return r2(y[N_TRAIN:], X[N_TRAIN:] @ np.linalg.lstsq(X[:N_TRAIN], y[:N_TRAIN])[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_truth_1_what_others_know_together_is_not_unique(dtype):
    """Neither A nor B predicts all of s = A - B; C = s adds nothing to both, though the most to each."""
    s, c = np.random.default_rng(0).normal(size=(2, N, P)).astype(dtype)
    models = fitted({A: s + c, B: c, C: s}, readout(np.random.default_rng(1), s), [A], [A, C], [A, B], [A, B, C])
    assert abs(models.unique(C, [A, B]).mean()) < 0.01
    assert models.unique(C, [A]).mean() > 0.4
    assert models.r2([A, B, C]).mean() > 0.99


def test_truth_2_independent_spaces_are_unique_for_their_shares():
    n, rng = 1000, np.random.default_rng(2)
    a, b = rng.normal(size=(2, 9 * n, 4))
    models = fitted({A: a, B: b}, readout(rng, a) + readout(rng, b), [A], [B], [A, B], n_train=n)
    assert models.unique(A, [B]).mean() == pytest.approx(0.5, abs=0.01)
    assert models.unique(B, [A]).mean() == pytest.approx(0.5, abs=0.01)


def test_truth_3_the_same_space_twice_is_unique_for_nothing():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, P))
    models = fitted({A: X, B: X[:, rng.permutation(P)]}, readout(rng, X) + rng.normal(size=(N, V)), [A], [B], [A, B])
    assert max(abs(models.unique(A, [B]).mean()), abs(models.unique(B, [A]).mean())) < 0.001
    assert models.r2([A]).mean() > 0.4


def test_correlated_space_that_drives_nothing_explains_but_adds_nothing():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(N, P))
    y = readout(rng, X) + rng.normal(size=(N, V))
    models = fitted({A: X, B: X + rng.normal(size=X.shape)}, y, [A], [B], [A, B])
    assert models.r2([B]).mean() > 0.2
    assert abs(models.unique(B, [A]).mean()) < 0.005
    assert models.unique(A, [B]).mean() > 0.2


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_planted_beside_a_correlated_space_is_found_in_full(share):
    rng = np.random.default_rng(3)
    X, own = rng.normal(size=(2, N, P))
    mixed = (X + own) / np.sqrt(2)
    y = readout(rng, X, 1 - share) + readout(rng, mixed, share) + rng.normal(size=(N, V))
    truth = least_squares([X, mixed], y) - least_squares([X], y)
    models = fitted({A: X, B: mixed}, y, [A], [A, B])
    assert truth.mean() > 0.015
    assert models.unique(B, [A]).mean() == pytest.approx(truth.mean(), abs=0.01)
    np.testing.assert_allclose(models.r2([A]), least_squares([X], y), atol=0.02)


@pytest.mark.slow("fits many joint models")
def test_wide_spaces_that_do_not_matter_cost_little():
    """One penalty for all features would lose most of what A explains."""
    rng = np.random.default_rng(5)
    X, idle = rng.normal(size=(N, P)), {("idle", str(k)): rng.normal(size=(N, 300)) for k in range(3)}
    y = readout(rng, X) + rng.normal(size=(N, V))
    models = fitted({**idle, A: X}, y, [A], list(idle), [*idle, A])
    together = fitted({A: np.hstack([X, *idle.values()])}, y, [A])
    assert together.r2([A]).mean() < 0.5 * models.r2([A]).mean()
    assert models.r2([*idle, A]).mean() == pytest.approx(models.r2([A]).mean(), abs=0.01)
    assert models.unique(A, list(idle)).mean() == pytest.approx(models.r2([A]).mean(), abs=0.03)


def test_a_wide_space_that_drives_nothing_costs_next_to_nothing():
    """With few images, generalised cross-validation would choose penalties that are too small."""
    rng = np.random.default_rng(10)
    X, Z, y = rng.normal(size=(80, 300)), rng.normal(size=(80, 20)), rng.normal(size=(80, 60))
    models = fitted({A: Z @ rng.normal(size=(20, 300)) + X, B: Z}, y, [B], [A, B], n_train=40)
    assert models.unique(A, [B]).mean() > -0.06


def test_partition_asks_each_layer_beyond_those_before_behind_and_elsewhere():
    rng = np.random.default_rng(6)
    early, late, other = rng.normal(size=(3, N, P))
    features = {A: early, B: np.hstack([early, late]), C: late + other}
    y = readout(rng, early) + readout(rng, late) + rng.normal(size=(N, V))
    whole = targets(y)
    groups = {"few": slice(0, 4), "rest": slice(4, V)}
    given = {k: Targets(whole.train[:, c], whole.test[:, c]) for k, c in groups.items()}
    parts = partition(spaces(features), given, ["net"], ["other"])
    assert parts["few", "net"].layers == ("a", "b")
    truth = {k: least_squares([features[n] for n in k], y) for k in [(A,), (B,), (C,), (A, B), (A, C), (B, C)]}
    expected = {
        "alone": [truth[A,], truth[B,]],
        "new": [truth[A,], truth[A, B] - truth[A,]],
        "last": [truth[A, B] - truth[B,], truth[B,]],
        "beyond": [truth[A, C] - truth[C,], truth[B, C] - truth[C,]],
    }
    for part, right in expected.items():
        for group, columns in groups.items():
            values = getattr(parts[group, "net"], part)
            np.testing.assert_allclose(values.mean(1), np.array(right)[:, columns].mean(1), atol=0.02, err_msg=part)


def test_voxels_that_cannot_be_fitted_are_left_out():
    y = np.random.default_rng(8).normal(size=(30, 5))
    y[3, 0], y[:, 1] = np.nan, 2.0
    seen = Responses(np.arange(30), y, np.ones(30))
    rois = {"V1": np.array([True, True, True, False, False]), "FFA": np.array([False] * 4 + [True])}
    person = Participant("p", rois, np.ones(5), Source("s", "d", "o", "l", True), seen, seen, None)
    assert usable_voxels(person, ["V1", "FFA"]).tolist() == [2, 4]
    standardised = standardised_responses(person, usable_voxels(person, ["V1", "FFA"])).train
    np.testing.assert_allclose(standardised, ((y - y.mean(0)) / y.std(0).clip(1e-9))[:, [2, 4]], atol=1e-5)


def test_unknown_network_is_refused_with_the_choices():
    one = FeatureSpaces((A, C), None)
    assert one.of("other", "net") == [C, A]
    with pytest.raises(ValueError, match="Unknown network 'nets'; choose one of net, other"):
        one.of("nets")
