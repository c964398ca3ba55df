"""Least squares unit by unit: the pseudo-inverse with a cut-off that knows the size, whichever way is taken."""

import numpy as np
import pytest
import scipy.linalg

from lib.solvers import least_squares
from lib.solvers.least_squares import hat_matrix, smallest_solution, subset_weights, upper_gram

EPS = np.finfo(float).eps


def problem(n: int, p: int, seed: int, units: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Standardised voxels and centred units: rounding leaves every column a mean of some 1e-17, and not zero."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(3, 1, (n, p)), rng.normal(size=(n, units))
    return standardised(X), Y - Y.mean(0)


def standardised(X: np.ndarray) -> np.ndarray:
    X = X - X.mean(0)
    X -= X.mean(0)  # once more: rounding of the first mean is large beside a small deviation
    return X / X.std(0, ddof=1)


def kept_voxels(p: int, n_kept: int, units: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sort(np.stack([rng.permutation(p)[:n_kept] for _ in range(units)]), axis=1)


def by_pinv(X: np.ndarray, Y: np.ndarray, kept: np.ndarray, alpha: float = 0.0) -> np.ndarray:
    weights = np.zeros((Y.shape[1], X.shape[1]))
    for unit, voxels in enumerate(kept):
        Z, y = X[:, voxels], Y[:, unit]
        if alpha:
            Z, y = np.vstack([Z, alpha**0.5 * np.eye(len(voxels))]), np.append(y, np.zeros(len(voxels)))
        weights[unit, voxels] = np.linalg.pinv(Z, rcond=max(Z.shape) * EPS) @ y
    return weights


def compare(X: np.ndarray, Y: np.ndarray, n_kept: int, alpha: float = 0.0, atol: float = 1e-8) -> None:
    """Predictions for the training trials and for new ones, in standard deviations of the right ones."""
    kept = kept_voxels(X.shape[1], n_kept, Y.shape[1])
    expected = by_pinv(X, Y, kept, alpha)
    found = subset_weights(X, upper_gram(X), Y, Y.T @ X, kept, alpha)
    others = np.random.default_rng(1).normal(size=(20, X.shape[1]))
    right = others @ expected.T
    np.testing.assert_allclose(others @ found.T / right.std(), right / right.std(), atol=atol)
    if n_kept == X.shape[1]:
        predicted = hat_matrix(X, others, upper_gram(X), alpha) @ Y
        np.testing.assert_allclose(predicted / right.std(), right / right.std(), atol=atol)
    assert ((found != 0) <= (kept[:, :, None] == np.arange(X.shape[1])).any(1)).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("n", "p", "n_kept"),
    [
        (80, 80, 80), (80, 160, 160), (200, 500, 500), (40, 41, 41), (12, 60, 60), (2, 3, 3),
        (80, 160, 80), (80, 160, 79), (80, 160, 78), (80, 79, 79), (80, 80, 79), (80, 100, 70), (80, 40, 20),
        (80, 40, 30), (80, 40, 5), (50, 300, 90), (9, 1, 1),
    ],
)  # fmt: skip
def test_equals_the_pseudo_inverse(n: int, p: int, n_kept: int, seed: int) -> None:
    compare(*problem(n, p, seed), n_kept)


@pytest.mark.parametrize("n_kept", [60, 50, 30, 10])
def test_repeated_trials(n_kept: int) -> None:
    X, Y = problem(40, 60, 0)
    X = standardised(np.vstack([X[:20], X[:20]]))
    compare(X, Y, n_kept)
    compare(X, np.vstack([Y[:20], Y[:20]]), n_kept)


@pytest.mark.parametrize("n_kept", [40, 35, 20])
@pytest.mark.parametrize("copy", [0.0, 1e-3, 1e-5])
def test_repeated_voxels(n_kept: int, copy: float) -> None:
    X, Y = problem(100, 40, 0)
    X = standardised(np.hstack([X[:, :30], X[:, :10] + copy * X[:, 30:]]))
    # the true condition is 1/copy: the oracle itself is known no better
    compare(X, Y, n_kept, atol=1e-8 if copy != 1e-5 else 1e-6)


@pytest.mark.parametrize("alpha", [1e-10, 1e-8, 1e-6, 1e-3, 1.0, 100.0])
@pytest.mark.parametrize(("n", "p", "n_kept"), [(60, 20, 20), (60, 20, 7), (60, 90, 30), (30, 90, 60), (30, 40, 40)])
def test_ridge_of_voxels_given_twice_is_never_least_squares(n: int, p: int, n_kept: int, alpha: float) -> None:
    X, Y = problem(n, p, 0)
    twice = X.copy()
    twice[:, p // 2 : 2 * (p // 2)] = X[:, : p // 2] + 1e-4 * X[:, p // 2 : 2 * (p // 2)]
    compare(standardised(twice), Y, n_kept, alpha, atol=1e-6)


@pytest.mark.parametrize("size", [1e-150, 1e-30, 1e30, 1e150])
def test_units_of_voxels_do_not_decide_the_rank(size: float) -> None:
    X, Y = problem(30, 40, 0)
    np.testing.assert_allclose(size * smallest_solution(size * X, Y), smallest_solution(X, Y), rtol=1e-9)


def test_second_driver_is_tried_where_the_first_does_not_converge(monkeypatch) -> None:
    lstsq, drivers = scipy.linalg.lstsq, []

    def stubborn(*arguments, lapack_driver, **options):
        drivers.append(lapack_driver)
        if lapack_driver == "gelsd":
            raise np.linalg.LinAlgError("SVD did not converge in Linear Least Squares")
        return lstsq(*arguments, lapack_driver=lapack_driver, **options)

    X, Y = problem(20, 30, 0)
    expected = smallest_solution(X, Y)
    monkeypatch.setattr(least_squares.scipy.linalg, "lstsq", stubborn)
    np.testing.assert_allclose(smallest_solution(X, Y), expected, atol=1e-10)
    assert drivers == ["gelsd", "gelss"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", [0, 1])
def test_numbers_that_are_not_finite_are_refused_at_once(part: int, value: float) -> None:
    X, Y = problem(20, 6, 0)
    (X, Y)[part][3, 1] = value
    with pytest.raises(ValueError, match=f"expected finite numbers, found {value} in row 3, column 1"):
        smallest_solution(X, Y)
