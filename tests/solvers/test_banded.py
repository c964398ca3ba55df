"""Banded ridge against himalaya's random search, and the search's own rules."""

import numpy as np
import pytest
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import MultipleKernelRidgeCV
from sklearn.model_selection import PredefinedSplit

from lib.core.scores import r2
from lib.solvers.banded import Kernels, combine, linear_kernels, random_search
from lib.solvers.ridge import decompose, project

N, N_TEST, V = 60, 40, 7
FOLDS = [slice(0, 20), slice(20, 40), slice(40, 60)]
WIDTHS = (10, 90, 4)


def made(seed: int = 0, widths: tuple[int, ...] = WIDTHS) -> tuple[Kernels, np.ndarray, np.ndarray]:
    """Kernels of random spaces, the first of which drives the targets, and these, training and test."""
    rng = np.random.default_rng(seed)
    features = [rng.normal(2, 1, (N + N_TEST, p)) for p in widths]
    y = features[0] @ rng.normal(size=(widths[0], V)) + features[-1][:, :1] + rng.normal(3, 2, (N + N_TEST, V))
    return linear_kernels([X[:N] for X in features], [X[N:] for X in features]), y[:N], y[N:]


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_himalaya_for_the_same_candidates(seed: int) -> None:
    set_backend("numpy")  # another test may have chosen PyTorch
    kernels, y, y_test = made(seed)
    alphas = 10.0 ** np.arange(-4, 5)
    models = [[0], [1], [2], [0, 1], [0, 1, 2]]
    search = random_search(kernels, y, y_test, models, FOLDS, n_draws=4, alphas=alphas)
    split = PredefinedSplit(np.repeat(range(3), 20))
    for model in ([0, 1], [0, 1, 2]):
        others = [k for k in range(3) if k not in model]
        candidates = search.weights[(search.weights[:, others] == 0).all(1)][:, model]
        options = {"n_iter": candidates, "alphas": alphas, "progress_bar": False}
        oracle = MultipleKernelRidgeCV("precomputed", cv=split, fit_intercept=True, solver_params=options)
        oracle.fit(kernels.train[model].numpy(), y)
        theirs = r2(y_test, oracle.predict(kernels.test[model].numpy()))
        np.testing.assert_allclose(search.joint(frozenset(model)), theirs, atol=1e-3)
        own = search.error[search.best(frozenset(model)), range(V)]
        np.testing.assert_allclose(own, -oracle.cv_scores_.max(0), rtol=1e-6)


def test_kernels_are_those_of_centred_features_with_mean_eigenvalue_one() -> None:
    X = np.random.default_rng(1).normal(5, 3, (N + N_TEST, 8))
    kernels = linear_kernels([X[:N]], [X[N:]])
    centred = X - X[:N].mean(0)
    gram = centred @ centred[:N].T
    unit = np.trace(gram[:N]) / N
    np.testing.assert_allclose(kernels.train[0], gram[:N] / unit, atol=1e-10)
    np.testing.assert_allclose(kernels.test[0], gram[N:] / unit, atol=1e-10)


def test_one_space_of_weight_one_is_its_ridge_design() -> None:
    kernels, *_ = made()
    X = np.random.default_rng(0).normal(2, 1, (N + N_TEST, WIDTHS[0]))
    design, test = combine(kernels, np.array([1.0, 0, 0]))
    plain = decompose(X[:N])
    np.testing.assert_allclose(design.e / design.e.sum(), plain.e / plain.e.sum(), rtol=1e-9)
    unit = (plain.e.sum() / N).sqrt()
    np.testing.assert_allclose(test.abs(), project(plain, X[N:]).abs() / unit, atol=1e-8)


def test_kernels_are_left_as_they_are() -> None:
    kernels, *_ = made()
    before = kernels.train.clone()
    combine(kernels, np.array([0.5, 0.5, 0]))
    assert torch.equal(kernels.train, before)


def test_a_larger_model_may_choose_what_a_smaller_one_chose() -> None:
    kernels, y, y_test = made()
    search = random_search(kernels, y, y_test, [[0], [0, 2], [0, 1, 2]], FOLDS, n_draws=2)
    errors = [search.error[search.best(model), range(V)] for model in sorted(search.models, key=len)]
    assert (np.diff(errors, axis=0) <= 0).all()
    np.testing.assert_allclose(search.weights.sum(1), 1)
    assert (search.joint(frozenset()) == 0).all()


def test_draws_keep_the_proportions_of_the_best_smaller_model() -> None:
    kernels, y, y_test = made()
    search = random_search(kernels, y, y_test, [[0, 2], [0, 1, 2]], FOLDS, n_draws=3)
    small = search.weights[search.weights[:, 1] == 0][:, [0, 2]]
    large = search.weights[search.weights[:, 1] > 0]
    winners = small[np.unique(search.best(frozenset({0, 2})))]
    kept = large[:, [0, 2]] / (1 - large[:, [1]])
    assert len(large) == 3 and all(np.isclose(row, winners).all(1).any() for row in kept)


def test_models_without_candidates_are_refused() -> None:
    kernels, y, y_test = made()
    with pytest.raises(ValueError, match=r"no candidates were drawn for the spaces \[0, 1\]; name them in `models`"):
        random_search(kernels, y, y_test, [[0], [1]], FOLDS).joint(frozenset({0, 1}))


def test_generalised_cross_validation_chooses_penalties_but_not_candidates() -> None:
    kernels, y, y_test = made(widths=(90, 90, 90))
    by_folds, by_gcv = (random_search(kernels, y, y_test, [[0, 1]], FOLDS, gcv=gcv) for gcv in (False, True))
    np.testing.assert_array_equal(by_folds.weights, by_gcv.weights)
    assert (by_folds.error <= by_gcv.error + 1e-9).all() and (by_folds.error < by_gcv.error - 1e-9).any()


@pytest.mark.parametrize(("models", "n_draws"), [([], 3), ([[]], 3), ([[0], [3]], 3), ([[-1]], 3), ([[0, 1]], 0)])
def test_searches_of_nothing_are_refused(models: list[list[int]], n_draws: int) -> None:
    kernels, y, y_test = made()
    with pytest.raises(ValueError, match="models of the spaces 0 to 2, one at least, and n_draws of at least 1, not"):
        random_search(kernels, y, y_test, models, FOLDS, n_draws=n_draws)
