"""Paper W's regression: columns without variation, the second driver, and numbers of any size."""

import numpy as np
import pytest
import scipy.linalg

from lib.solvers import reference
from lib.solvers.reference import choose_alphas, out_of_fold, predict, zscore

ALPHAS = 10.0 ** np.arange(-6, 10)
FOLDS = [slice(0, 10), slice(10, 20), slice(20, 30)]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 1e20, 5.0])
@pytest.mark.parametrize("n", [3, 34, 1001])
def test_constant_columns_become_zero(value: float, n: int) -> None:
    z = zscore(np.c_[np.full(n, value), np.arange(n)])
    assert (z[:, 0] == 0).all() and np.isclose(z[:, 1].std(), 1)


def test_columns_that_are_constant_within_a_fold_become_zero() -> None:
    """A one-hot feature, z-scored over all images, holds one number in the fold of the images that lack it."""
    one_hot = zscore(np.eye(34)[np.arange(340) % 34])
    for shown in (slice(0, 17), slice(5, 11), slice(30, 33)):
        z = zscore(one_hot[shown])
        varies = np.ptp(one_hot[shown], axis=0) > 0
        assert (z[:, ~varies] == 0).all() and np.allclose(z[:, varies].std(0), 1)


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_size_does_not_matter(size: float) -> None:
    x = np.random.default_rng(0).normal(3, 1, (20, 4))
    np.testing.assert_allclose(zscore(size * x), zscore(x), rtol=1e-9)


def test_single_precision_far_from_zero_is_centred_in_double() -> None:
    x = (1e4 + np.random.default_rng(0).normal(size=(500, 3))).astype(np.float32)
    z = zscore(x)
    assert z.dtype == np.float64 and np.abs(z.mean(0)).max() < 1e-12 and np.allclose(z.std(0), 1)


def problem(n: int = 30, p: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n + 9, p))
    Y = X @ rng.normal(size=(p, 4)) + rng.normal(size=(n + 9, 4))
    return zscore(X[:n]), zscore(Y[:n]), zscore(X[n:])


@pytest.mark.parametrize("alpha", [1e-18, 1e-6, 10.0])
@pytest.mark.parametrize("repeated", [False, True])
def test_directions_that_hold_rounding_only_carry_no_weight(alpha: float, repeated: bool) -> None:
    X, Y, X_test = problem()
    X = zscore(np.vstack([X[:15], X[:15]])) if repeated else X
    expected = X_test @ X.T @ np.linalg.pinv(X @ X.T + alpha * np.eye(30), rcond=1e-13) @ Y
    if alpha < 1e-8:
        expected = X_test @ np.linalg.pinv(X, rcond=1e-12) @ Y
    np.testing.assert_allclose(predict(X, [Y], X_test, [np.full(4, alpha)])[0], expected, atol=1e-5)


def test_second_driver_is_tried_where_the_first_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y, X_test = problem(p=10)
    expected, drivers = predict(X, [Y], X_test, [np.ones(4)])[0], []

    def stubborn(X: np.ndarray, full_matrices: bool, lapack_driver: str = "gesdd") -> tuple[np.ndarray, ...]:
        drivers.append(lapack_driver)
        if lapack_driver == "gesdd":
            raise np.linalg.LinAlgError("SVD did not converge")
        return scipy.linalg.svd(X, full_matrices=full_matrices, lapack_driver=lapack_driver)

    monkeypatch.setattr(reference, "svd", stubborn)
    np.testing.assert_allclose(predict(X, [Y], X_test, [np.ones(4)])[0], expected, atol=1e-10)
    assert drivers == ["gesdd", "gesvd"]


@pytest.mark.parametrize("repeated", [False, True])
def test_products_of_images_give_what_singular_vectors_give(repeated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many features, only X X' is decomposed; images shown twice leave directions of rounding."""
    X, Y, X_test = problem(p=400)
    X = zscore(np.vstack([X[:15], X[:15]])) if repeated else X
    alphas = choose_alphas(X, [Y], ALPHAS)
    found = [alphas[0], *predict(X, [Y], X_test, alphas), *out_of_fold(X, [Y], FOLDS, ALPHAS)]
    monkeypatch.setattr(reference, "_is_wide", lambda X: False)
    again = choose_alphas(X, [Y], ALPHAS)
    expected = [again[0], *predict(X, [Y], X_test, again), *out_of_fold(X, [Y], FOLDS, ALPHAS)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_voxel_constant_in_one_inner_fold_still_gets_its_penalty() -> None:
    X, Y, _ = problem()
    quiet = Y.copy()
    quiet[:6, 0] = 0.3
    chosen = choose_alphas(X, [quiet], ALPHAS)[0]
    assert chosen[0] > ALPHAS[0] and (chosen[1:] == choose_alphas(X, [Y], ALPHAS)[0][1:]).all()


def test_features_constant_within_a_training_part_do_not_spoil_predictions() -> None:
    X, Y, _ = problem()
    one = np.zeros((30, 1))
    one[3] = 1
    with_one = np.hstack([X, zscore(one)])
    found, expected = (out_of_fold(Z, [Y], FOLDS, ALPHAS)[0] for Z in (with_one, X))
    np.testing.assert_allclose(found[:10], expected[:10], atol=1e-8)  # no fold but the first has the image


@pytest.mark.parametrize("alphas", [[0.0], [-1.0], [], [np.nan]])
def test_penalties_that_are_none_are_refused(alphas: list[float]) -> None:
    X, Y, _ = problem()
    with pytest.raises(ValueError, match="alphas: expected one or more penalties"):
        choose_alphas(X, [Y], np.asarray(alphas))
