"""Ridge regression against scikit-learn in every shape regime, and the identities that make it fast."""

from itertools import pairwise

import numpy as np
import pytest
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.model_selection import KFold

from lib.analysis.encoding import contiguous_folds
from lib.solvers.ridge import ALPHAS, decompose, fit_ridge, gcv, k_fold, project

SHAPES = [(60, 20), (60, 200), (60, 60), (61, 60), (60, 61), (30, 1), (2, 5)]  # (n_images, n_features)


def problem(n, p, n_voxels=3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = rng.normal(2, 1, (n + 10, p)) * rng.uniform(0.1, 3, p)
    Y = X @ rng.normal(size=(p, n_voxels)) / np.sqrt(p) + rng.normal(size=(n + 10, n_voxels)) + 1
    return X[:n].astype(dtype), Y[:n].astype(dtype), X[n:].astype(dtype)


def sklearn_fit(X, Y, alpha, scale):
    return SklearnRidge(alpha=alpha * scale**2, solver="svd").fit(X, Y)


@pytest.mark.parametrize("alpha", [1e-2, 1.0, 1e2, 1e6])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_sklearn_at_a_fixed_penalty(shape, alpha):
    X, Y, X_test = problem(*shape)
    design = decompose(X)
    ridge = fit_ridge(design, Y, np.array([alpha]))
    oracle = sklearn_fit(X, Y, alpha, design.scale)
    np.testing.assert_allclose(ridge.predict(project(design, X_test)), oracle.predict(X_test), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(Y - ridge.residuals().numpy() - 0, oracle.predict(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_coefficients_are_those_of_sklearn(shape):
    X, Y, _ = problem(*shape)
    design = decompose(X)
    oracle = sklearn_fit(X, Y, 3.0, design.scale)
    np.testing.assert_allclose(fit_ridge(design, Y, np.array([3.0])).coefficients(), oracle.coef_.T, atol=1e-8)


@pytest.mark.parametrize("alpha", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("n_folds", [2, 5, 7])
@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_leaving_a_block_out_equals_fitting_again(shape, n_folds, alpha):
    X, Y, _ = problem(*shape)
    design = decompose(X)
    folds = contiguous_folds(len(X), n_folds)
    errors = fit_ridge(design, Y, np.array([alpha])).out_of_fold(folds).numpy()
    for fold in folds:
        others = np.delete(np.arange(len(X)), fold)
        again = sklearn_fit(X[others], Y[others], alpha, design.scale)
        np.testing.assert_allclose(errors[fold], Y[fold] - again.predict(X[fold]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_generalised_cross_validation_is_its_definition(shape):
    X, Y, _ = problem(*shape)
    design = decompose(X)
    alphas = np.array([0.1, 10.0, 1e4])
    ridge = fit_ridge(design, Y, alphas)
    found = gcv(ridge, ridge.alphas.new_tensor(alphas)).numpy()
    centred = (X - X.mean(0)) / design.scale
    for alpha, row in zip(alphas, found, strict=True):
        hat = centred @ np.linalg.solve(centred.T @ centred + alpha * np.eye(X.shape[1]), centred.T) + 1 / len(X)
        residual = Y - hat @ Y
        expected = (residual**2).sum(0) / (len(X) - np.trace(hat)) ** 2
        np.testing.assert_allclose(row, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(60, 20), (60, 200), (61, 60)])
def test_k_fold_penalties_are_those_of_himalaya(shape):
    """himalaya centres features and responses by each fold's training images; so does the leave-block-out identity."""
    set_backend("numpy")
    X, Y, _ = problem(*shape, n_voxels=40)
    design = decompose(X)
    alphas = np.geomspace(1e-3, 1e5, 33)
    ours = fit_ridge(design, Y, alphas, folds=[slice(*ends) for ends in pairwise(np.r_[0, fold_ends(len(X))])])
    scaled = (X - X.mean(0)) / design.scale
    theirs = KernelRidgeCV(alphas, cv=5, fit_intercept=True, warn=False).fit(scaled, Y)
    np.testing.assert_allclose(ours.alphas, theirs.best_alphas_)
    assert len(np.unique(ours.alphas)) > 2


def fold_ends(n):
    """Where scikit-learn's KFold(5) cuts."""
    return [test[-1] + 1 for _, test in KFold(5).split(np.empty(n))]


@pytest.mark.parametrize("shape", SHAPES[:-2])
def test_k_fold_is_its_definition(shape):
    X, Y, _ = problem(*shape)
    design = decompose(X)
    alphas, folds = np.array([0.1, 10.0, 1e4]), contiguous_folds(len(X), 4)
    ridge = fit_ridge(design, Y, alphas)
    found = k_fold([ridge], ridge.alphas.new_tensor(alphas), folds)[0].numpy()
    for alpha, row in zip(alphas, found, strict=True):
        cost = []
        for fold in folds:
            others = np.delete(np.arange(len(X)), fold)
            again = sklearn_fit(X[others], Y[others], alpha, design.scale)
            cost.append(((Y[fold] - again.predict(X[fold])) ** 2).mean(0))
        np.testing.assert_allclose(row, np.mean(cost, 0), rtol=1e-5)


def test_wide_features_do_not_collapse_to_the_smallest_penalty():
    """With p > n and pure noise, the null direction of centring must not look like a perfect fit."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 1000)), rng.normal(size=(200, 50))
    alphas = fit_ridge(decompose(X), Y).alphas.numpy()
    assert np.mean(alphas <= 1e-3) < 0.1
    assert np.median(alphas) > 1e3


def test_only_the_gram_matrix_matters():
    X, Y, _ = problem(40, 80)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(80, 80)))[0]
    first, second = (fit_ridge(decompose(Z), Y).out_of_fold([slice(0, 9)]) for Z in (X, X @ rotation))
    np.testing.assert_allclose(first, second, atol=1e-8)


@pytest.mark.parametrize("shape", [(60, 20), (60, 200)])
def test_solver_is_chosen_and_recorded(shape):
    X, _, _ = problem(*shape)
    assert decompose(X).solver == ("primal" if shape[1] < shape[0] else "dual")


@pytest.mark.parametrize("alphas", [None, [30.0]])
@pytest.mark.parametrize("shape", [(120, 40), (120, 400)])
def test_float32_and_float64_agree(shape, alphas):
    X, Y, X_test = problem(*shape)
    coarse = decompose(X.astype(np.float32), alphas=alphas)
    fine = decompose(X)
    found, expected = (fit_ridge(d, Y, np.array([30.0])).predict(project(d, X_test)).double() for d in (coarse, fine))
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_blocks_of_columns_change_nothing(monkeypatch, tmp_path):
    X, Y, X_test = problem(50, 300)
    np.save(tmp_path / "X.npy", X)
    whole = fit_ridge(design := decompose(X), Y).predict(project(design, X_test))
    monkeypatch.setattr("lib.solvers.ridge.BLOCK_BYTES", 8 * 50 * 7)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    blocked = fit_ridge(design := decompose(mapped), Y).predict(project(design, X_test))
    np.testing.assert_allclose(blocked, whole, atol=1e-9)


def test_constant_features_are_counted_and_change_nothing_else():
    X, Y, _ = problem(40, 12)
    padded = np.c_[X, np.full((40, 3), 7.0)]
    assert decompose(padded).n_constant == 3
    folds = contiguous_folds(40, 4)
    with_, without = (fit_ridge(decompose(Z), Y, np.array([5.0])).out_of_fold(folds) for Z in (padded, X))
    np.testing.assert_allclose(with_, without, atol=1e-9)


@pytest.mark.parametrize(
    "X, sentence",
    [
        (np.ones((10, 4)), "none of the 4 features varies over the 10 images"),
        (np.ones((1, 4)), "at least 2 rows"),
    ],
)
def test_features_that_cannot_predict_are_refused(X, sentence):
    with pytest.raises(ValueError, match=sentence):
        decompose(X)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(8, 40), p=st.integers(1, 60), seed=st.integers(0, 1000))
def test_order_of_images_features_and_voxels_does_not_matter(n, p, seed):
    X, Y, X_test = problem(n, p, 4, seed)
    rng = np.random.default_rng(seed)
    images, features, voxels = rng.permutation(n), rng.permutation(p), rng.permutation(4)
    straight = fit_ridge(design := decompose(X), Y, ALPHAS[6:]).predict(project(design, X_test)).numpy()
    mixed = fit_ridge(design := decompose(X[images][:, features]), Y[images][:, voxels], ALPHAS[6:])
    np.testing.assert_allclose(
        mixed.predict(project(design, X_test[:, features])).numpy(), straight[:, voxels], rtol=1e-5, atol=1e-6
    )
