"""LAPACK without the lock: the same factors as NumPy's, in place, and side by side."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from lib.core.lapack import cholesky, cholesky_solve, in_threads, invert_triangle, shares


def positive(n: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n + 3, n))
    return X.T @ X


@pytest.mark.parametrize("n", [1, 2, 7, 130])
def test_factor_solve_and_invert(n: int) -> None:
    S, b = positive(n), np.arange(1.0, n + 1)
    R = np.triu(S)
    assert cholesky(R)
    np.testing.assert_allclose(R, np.linalg.cholesky(S).T, atol=1e-9)
    np.testing.assert_allclose(cholesky_solve(R, b.copy()), np.linalg.solve(S, b), rtol=1e-5)
    invert_triangle(R)
    np.testing.assert_allclose(R @ R.T, np.linalg.inv(S), rtol=1e-4, atol=1e-8)


def test_other_types_are_refused_since_their_bytes_would_be_read_wrongly() -> None:
    with pytest.raises(TypeError, match="called for float64, found an array of float32"):
        cholesky(positive(4).astype(np.float32))


def test_below_the_diagonal_nothing_is_read_or_written() -> None:
    S = np.triu(positive(6)) + np.tril(np.full((6, 6), 99.0), -1)
    assert cholesky(S)
    assert (S[np.tril_indices(6, -1)] == 99).all()


def test_what_has_no_factor_is_told() -> None:
    assert not cholesky(-np.eye(3))


@pytest.fixture
def two_threads() -> Iterator[None]:
    """PyTorch's setting, which the threads follow, on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_threads_work_side_by_side_and_keep_the_order() -> None:
    both = threading.Barrier(2, timeout=20)

    def work(i: int) -> int:
        both.wait()
        return 10 * i

    assert in_threads(work, [1, 2, 3, 4]) == [10, 20, 30, 40]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("n", "at_most", "n_shares"), [(1000, 33, 32), (1000, 1, 1000), (7, 2, 4), (3, 40, 2)])
def test_every_thread_gets_as_many_shares(n: int, at_most: int, n_shares: int) -> None:
    parts = shares(n, at_most)
    assert len(parts) == n_shares and max(map(len, parts)) <= at_most
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(n))
