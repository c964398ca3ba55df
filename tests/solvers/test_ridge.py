"""Ridge regression against scikit-learn in every shape regime, and the identities that make it fast."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.model_selection import KFold

from lib.analysis.encoding import contiguous_folds
from lib.solvers.ridge import ALPHAS, decompose, decompose_gram, fit_ridge, gcv, k_fold, needs_float64, project

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


def spectrum(n, p, ratio, seed=0):
    """Features whose eigenvalues fall evenly, on a logarithmic scale, to a share of the largest."""
    rng = np.random.default_rng(seed)
    U = rng.normal(size=(n, n - 1))
    U = np.linalg.qr(U - U.mean(0))[0]
    return (U * np.geomspace(1, ratio, n - 1) ** 0.5) @ np.linalg.qr(rng.normal(size=(p, n - 1)))[0].T


@pytest.mark.parametrize(
    ("ratio", "alphas", "precision"),
    [
        (1e-3, ALPHAS, "single"),
        (1e-6, ALPHAS, "double"),  # directions in the rounding of single precision count for small penalties
        (1e-6, [1e3, 1e4], "single"),  # and not for large ones
        (1e-3, None, "double"),  # nobody said which penalties are to come
    ],
)
def test_precision_is_decided_by_the_spectrum_and_the_smallest_penalty(ratio, alphas, precision):
    X = spectrum(1000, 1100, ratio)
    assert decompose(X.astype(np.float32), alphas=alphas).precision == precision
    assert decompose(X, alphas=alphas).precision == "double"  # float64 features are never rounded


@pytest.mark.parametrize("shape", [(999, 1100), (1200, 1100)])
def test_few_images_and_few_features_are_always_decomposed_in_double_precision(shape):
    X = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert decompose(X, alphas=ALPHAS).precision == "double"


@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e3])
def test_single_precision_is_used_only_where_it_is_as_good(alpha):
    """The responses lie in the smallest directions, where rounding hurts most."""
    X = spectrum(1000, 1100, 1e-4).astype(np.float32)
    y = np.linalg.svd(X.astype(float) - X.mean(0, dtype=float))[0][:, 900:998] @ np.random.default_rng(1).normal(
        size=98
    )
    folds, found = contiguous_folds(1000, 5), {}
    for alphas in (None, ALPHAS):
        design = decompose(X, alphas=alphas)
        found[design.precision] = fit_ridge(design, y[:, None], np.array([alpha])).out_of_fold(folds).numpy()
    assert np.abs(found["single"] - found["double"]).max() < 0.02 * found["double"].std()


@pytest.mark.parametrize("rounding", [1e-7, 1e-5, 1e-3])
def test_needs_float64_finds_the_smallest_eigenvalue_beside_the_constant(rounding):
    """Its answer turns where the smallest eigenvalue plus the penalty meets the rounding error."""
    X = spectrum(300, 400, 1e-3) * 10
    gram = torch.from_numpy(X @ X.T).float()
    limit = 2 * np.finfo(np.float32).eps * 300**0.5 * float(torch.linalg.norm(gram))
    shifted = gram - (0.1 - limit) * (torch.eye(300) - 1 / 300)  # the smallest eigenvalue is 100 / 1000
    assert needs_float64(shifted, 0.0) in (True, False)  # on the limit itself, rounding decides
    assert needs_float64(gram - (0.1 - limit / 2) * (torch.eye(300) - 1 / 300), 0.0)
    assert not needs_float64(gram - (0.1 - limit / 2) * (torch.eye(300) - 1 / 300), limit)
    assert not needs_float64(gram, 0.0)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e-22, 1e12, 1e20, 1e30, 1e300])
@pytest.mark.parametrize("shape", [(60, 20), (60, 200)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_size_of_the_features_does_not_matter(shape, size, dtype):
    if dtype == np.float32 and not 1e-30 <= size <= 1e30:
        pytest.skip("beyond the range of the type")
    X, Y, X_test = problem(*shape)
    design, other = decompose(X.astype(dtype)), decompose((size * X).astype(dtype))
    ridge, scaled = fit_ridge(design, Y), fit_ridge(other, Y)
    np.testing.assert_allclose(other.scale / size, design.scale, rtol=1e-6)
    np.testing.assert_array_equal(scaled.alphas, ridge.alphas)
    found = scaled.predict(project(other, (size * X_test).astype(dtype)))
    expected = ridge.predict(project(design, X_test.astype(dtype)))
    np.testing.assert_allclose(found, expected, atol=1e-4 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("size", [1e-37, 1e-30, 1e-12, 1e12, 1e30, 1e37])
@pytest.mark.parametrize("folds", [None, [slice(0, 30), slice(30, 60)]])
@pytest.mark.parametrize("shape", [(60, 20), (60, 200)])
def test_size_of_the_responses_does_not_matter(shape, folds, size):
    X, Y, _ = problem(*shape)
    design = decompose(X.astype(np.float32))
    Y -= Y.mean(0)
    alphas = ALPHAS[5:10]  # above, costs are so flat that rounding decides
    ridge, scaled = (fit_ridge(design, y, alphas, folds=folds) for y in (Y, size * Y))
    np.testing.assert_array_equal(scaled.alphas, ridge.alphas)
    np.testing.assert_allclose(scaled.residuals() / size, ridge.residuals(), atol=1e-4)


@pytest.mark.parametrize("offset", [1e4, 1e6])
@pytest.mark.parametrize("shape", [(60, 20), (60, 200)])
def test_single_precision_far_from_zero_is_centred_in_double(shape, offset):
    X, Y, X_test = problem(*shape)
    size = 10 / X.std(0).min()  # so that every feature varies by far more than the numbers' own steps, 1/16 at 1e6
    X, X_test, Y_far = ((part + offset).astype(np.float32) for part in (size * X, size * X_test, Y))
    design, fine = decompose(X), decompose(X.astype(float))
    assert design.n_constant == fine.n_constant == 0
    alphas = np.array([1.0])
    found = fit_ridge(design, Y, alphas).predict(project(design, X_test))
    expected = fit_ridge(fine, Y, alphas).predict(project(fine, X_test.astype(float)))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    found = fit_ridge(design, Y_far, alphas).residuals()
    np.testing.assert_allclose(found, fit_ridge(fine, Y_far.astype(float), alphas).residuals(), atol=2e-5)


@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 1.0, 100.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "p", "copies"), [(100, 90, 1), (100, 85, 1), (100, 99, 1), (100, 70, 1), (90, 200, 3), (80, 30, 2)]
)
def test_a_fold_that_holds_directions_of_its_own_is_left_out_exactly(n, p, copies, dtype, alpha):
    """Nearly as many features as images, or images shown several times: I - H_FF is nearly singular."""
    X, Y, _ = problem(n, p, dtype=dtype)
    X = np.repeat(X[: n // copies], copies, axis=0)
    design, folds = decompose(X), contiguous_folds(len(X), 5)
    errors = fit_ridge(design, Y, np.array([alpha])).out_of_fold(folds).numpy()
    for fold in folds:
        others = np.delete(np.arange(len(X)), fold)
        again = sklearn_fit(X[others].astype(float), Y[others].astype(float), alpha, design.scale)
        expected = Y[fold] - again.predict(X[fold].astype(float))
        np.testing.assert_allclose(
            errors[fold], expected, atol=(5e-3 if dtype == np.float32 else 1e-5) * expected.std()
        )


def test_responses_that_are_fitted_exactly_do_not_get_a_negative_cost():
    X, _, _ = problem(60, 20)
    Y = (X @ np.random.default_rng(1).normal(size=(20, 50))).astype(np.float32)
    ridge = fit_ridge(decompose(X.astype(np.float32)), Y)
    assert (gcv(ridge, ridge.alphas.new_tensor(ALPHAS)) >= 0).all()
    assert (ridge.alphas < 1).all()


@pytest.mark.parametrize("n_copies", [1, 10])  # fewer other images than training images, or more
def test_blocks_of_columns_change_nothing(n_copies, monkeypatch, tmp_path):
    X, Y, X_test = problem(50, 300)
    X_test = np.tile(X_test, (n_copies, 1))
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
        (np.full((10, 4), 0.1), "none of the 4 features varies"),
        (np.full((10, 4), 1 / 3, np.float32), "none of the 4 features varies"),
        (np.where(np.eye(10, 4), np.nan, 1.0), "features: expected finite numbers, found nan in row 0, column 0"),
        (np.where(np.eye(10, 4), np.inf, 1.0), "features: expected finite numbers, found inf in row 0, column 0"),
        (1.7e308 * np.linspace(0, 1, 10)[:, None], "features: the numbers are too large to be added up"),
        (np.ones(10), "features: expected two dimensions"),
        ([["a"], ["b"]], "features: expected numbers"),
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


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"y": np.ones((59, 3))}, "responses: expected 60 rows, found 59"),
        ({"y": np.ones(60)}, "responses: expected two dimensions"),
        ({"y": np.where(np.eye(60, 3), np.nan, 1.0)}, "responses: expected finite numbers, found nan in row 0"),
        ({"alphas": [0.0]}, "alphas: expected one or more penalties"),
        ({"alphas": [1.0, np.nan]}, "alphas: expected one or more penalties"),
        ({"alphas": []}, "alphas: expected one or more penalties"),
    ],
)
def test_responses_and_penalties_that_cannot_be_used_are_refused(change, sentence):
    X, Y, _ = problem(60, 20)
    with pytest.raises(ValueError, match=sentence):
        fit_ridge(decompose(X), **({"y": Y, "alphas": ALPHAS} | change))


@pytest.mark.parametrize("shape", [(60, 20), (60, 200)])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda X: X[:, 1:], "features: expected .* columns, found"),
        (lambda X: X[0], "features: expected two dimensions"),
        (
            lambda X: np.where(X == X[1, 2], np.nan, X),
            "features: expected finite numbers, found nan in row 1, column 2",
        ),
    ],
)
def test_other_images_that_cannot_be_projected_are_refused(shape, change, sentence):
    X, _, X_test = problem(*shape)
    with pytest.raises(ValueError, match=sentence):
        project(decompose(X), change(X_test))


@pytest.mark.parametrize("form", [np.ndarray.tolist, torch.tensor, np.asfortranarray, lambda X: X[::-1][::-1]])
def test_lists_and_tensors_are_taken(form):
    X, Y, X_test = problem(30, 8)
    expected = fit_ridge(design := decompose(X), Y).predict(project(design, X_test))
    found = fit_ridge(design := decompose(form(X)), form(Y)).predict(project(design, form(X_test)))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("width", [20, 90])
def test_a_gram_matrix_alone_gives_the_same_predictions_even_beside_tiny_directions(width):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(3, 1, (60, width)), rng.normal(size=(60, 3))
    tiny = 1e-6 * rng.normal(size=(60, 90))
    gram = torch.as_tensor(X @ X.T + tiny @ tiny.T)
    before, design, plain = gram.clone(), decompose_gram(gram), decompose(X)
    folds = [slice(0, 30), slice(30, 60)]
    found = fit_ridge(design, Y, [1.0]).out_of_fold(folds)
    expected = fit_ridge(plain, Y, [1.0 / plain.scale**2]).out_of_fold(folds)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert torch.equal(gram, before) and design.U.sum(0).abs().max() < 1e-9
