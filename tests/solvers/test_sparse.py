"""Sparse linear regression: the iteration written out, its two forms, and the answers of KamitaniLab's slir."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from lib.analysis.decoding import decode
from lib.solvers.sparse import by_trials, by_voxels, sparse_weights


def problem(n: int = 80, p: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three of the voxels matter; the last column is the constant."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=(n, p)), np.ones(n)])
    y = X[:, :3] @ [2.0, -1, 0.5] + 0.5 * rng.normal(size=n)
    return X, (y - y.mean()) / y.std(ddof=1)


def written_out(X: np.ndarray, y: np.ndarray, n_iterations: int = 200) -> np.ndarray:
    """The method's equations with explicit inverses, nothing shared and nothing clever."""
    used, A = np.arange(X.shape[1]), 1 / np.mean(X**2, axis=0)
    for iteration in range(1, n_iterations + 1):
        Z = X[:, used]
        inverse = np.linalg.inv(Z.T @ Z + np.diag(1 / A))
        W, answer = inverse @ Z.T @ y, np.zeros(X.shape[1])
        answer[used] = W
        noise = (y @ y - W @ Z.T @ y) / len(y)
        before, A = A, np.sqrt(A * W**2 / noise / np.diag(Z.T @ Z @ inverse))
        if iteration > 100 and np.abs(A - before).max() < 1e-10:
            break
        keep = A / A.max() > 1e-10
        used, A = used[keep], A[keep]
    return answer


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_equations_written_out(seed: int) -> None:
    X, y = problem(seed=seed)
    np.testing.assert_allclose(sparse_weights(X, y), written_out(X, y), atol=1e-7)


def test_finds_the_voxels_that_matter_and_drops_most_others() -> None:
    X, y = problem(n=300)
    weights = sparse_weights(X, y)
    assert np.abs(weights[:3]).min() > 5 * np.abs(weights[3:]).max()
    assert (weights == 0).sum() >= 5


def test_a_known_gram_matrix_changes_nothing_and_is_left_alone() -> None:
    X, y = problem()
    gram = X.T @ X
    before = gram.copy()
    np.testing.assert_array_equal(sparse_weights(X, y, gram), sparse_weights(X, y))
    np.testing.assert_array_equal(gram, before)


def test_a_unit_that_no_voxel_knows_gets_weights_near_zero_and_no_warning() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3))
    y = rng.normal(size=4000)
    y -= X @ np.linalg.lstsq(X, y, rcond=None)[0] * 0.9  # less than noise would know
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = sparse_weights(X, y)
    assert np.isfinite(weights).all() and np.abs(weights).max() < 1e-9


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("p", [6, 20, 50])
@pytest.mark.parametrize("twice", [False, True])
def test_units_without_noise_are_reproduced_and_nothing_warns(p: int, twice: bool, size: float) -> None:
    """The noise variance is a difference that rounding can turn negative; voxels given twice leave no factor."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, p))
    X = np.hstack([X, X]) if twice else X
    y = size * X[:, :3] @ [2.0, -1, 0.5]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = sparse_weights(X, y)
    np.testing.assert_allclose(X @ weights / size, y / size, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
@pytest.mark.parametrize("p", [5, 50])
def test_numbers_of_any_type_are_taken(p: int, dtype: type[np.number]) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(0, 20, (30, p)).astype(dtype), rng.normal(0, 20, 30).astype(dtype)
    expected = sparse_weights(X.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(sparse_weights(X, y), expected, atol=1e-9)


def test_a_unit_that_is_zero_gets_no_weights() -> None:
    X, y = problem()
    assert not sparse_weights(X, 0 * y).any()


@pytest.mark.parametrize(("n", "p"), [(40, 25), (25, 40)])
def test_both_forms_of_the_posterior_agree(n: int, p: int) -> None:
    rng = np.random.default_rng(0)
    X, y, variance = rng.normal(size=(n, p)), rng.normal(size=n), 10.0 ** rng.uniform(-3, 1, p)
    a, b = by_voxels(np.triu(X.T @ X), y @ X, variance), by_trials(X, y, variance)
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-9)
    np.testing.assert_allclose(a.determined, b.determined, rtol=1e-6)


def test_more_voxels_than_trials_go_through_the_other_form() -> None:
    X, y = problem(n=30, p=60)
    np.testing.assert_allclose(sparse_weights(X, y, n_iterations=20), written_out(X, y, n_iterations=20), atol=1e-6)


def test_decode_by_slr_is_the_method_unit_by_unit() -> None:
    X, y = problem(n=70, p=15)
    train, test = X[:60, :-1], X[60:, :-1]
    units = np.column_stack([y[:60] * 3 + 1, np.full(60, 2.0)])
    found = decode(train, units, test, "slr", 6)
    mean, std = train.mean(0), train.std(0, ddof=1)
    Z, z = (train - mean) / std, (units[:, 0] - units[:, 0].mean()) / units[:, 0].std(ddof=1)
    kept = np.sort(np.argsort(-np.abs(z @ Z))[:6])
    weights = written_out(np.column_stack([Z[:, kept], np.ones(60)]), z)  # the published code's constant
    expected = ((test - mean) / std)[:, kept] @ weights[:-1] + weights[-1]
    np.testing.assert_allclose(found[:, 0], expected * units[:, 0].std(ddof=1) + units[:, 0].mean(), atol=1e-6)
    np.testing.assert_array_equal(found[:, 1], 2)


def parity() -> Path:
    """Answers of slir 0.5.1, beside the folder that COMPANION_DATA names, or in `shared` beside the repository."""
    shared = Path(__file__).parents[3] / "shared"
    return Path(os.environ.get("COMPANION_DATA", shared / "data")).parent / "parity" / "slir_parity.npz"


@pytest.mark.parametrize("shape", ["tall", "tall_weak", "wide"])
def test_predicts_as_slir_does(shape: str) -> None:
    if not parity().exists():
        pytest.skip("slir's answers (parity/slir_parity.npz) are not beside the folder that COMPANION_DATA names")
    stored = np.load(parity())
    X, Y, X_test, expected = (stored[f"{shape}_{part}"] for part in ("X", "Y", "X_test", "pred"))
    found = np.column_stack([X_test @ sparse_weights(X, y) for y in Y.T])
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(found.T, expected.T, strict=True)]
    # Where voxels outnumber trials the noise variance goes to zero, and rounding decides between near-equal solutions.
    assert min(r) > (0.95 if shape == "wide" else 0.999)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    X, y = np.random.default_rng(0).normal(size=(9, 3)), np.arange(9.0)
    with pytest.raises(ValueError, match="target: expected finite numbers"):
        sparse_weights(X, np.append(y[:-1], value))
    X[2, 1] = value
    with pytest.raises(ValueError, match="features: expected finite numbers"):
        sparse_weights(X, y)
