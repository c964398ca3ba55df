"""What callers pass in: taken in every form in which numbers come, refused in one sentence otherwise."""

import doctest

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from lib.core import validation
from lib.core.validation import matrix, penalties

NUMBERS = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS.tolist(),
        torch.tensor(NUMBERS),
        torch.tensor(NUMBERS).requires_grad_(),
        torch.tensor(NUMBERS).bfloat16(),
        pd.DataFrame(NUMBERS),
        NUMBERS.astype(np.int64),
        NUMBERS.astype(">f4"),
        NUMBERS.astype(np.float16),
        NUMBERS.astype(np.longdouble),
        NUMBERS[::-1][::-1],
        np.ma.array(NUMBERS),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_numbers_are_taken_in_every_form(values: object) -> None:
    found = matrix("X", values)
    np.testing.assert_array_equal(found, NUMBERS)
    assert found.dtype in (np.float32, np.float64) and found.dtype.isnative


@pytest.mark.parametrize(
    ("given", "kept"),
    [("f4", "f4"), ("f8", "f8"), ("i2", "f4"), ("u1", "f4"), ("?", "f4"), ("f2", "f4"), ("i4", "f8"), ("u8", "f8")],
)
def test_no_number_is_rounded_by_its_new_type(given: str, kept: str) -> None:
    assert matrix("X", np.ones((2, 2), given)).dtype == kept


def test_floats_are_not_copied_and_a_wanted_type_is_obeyed() -> None:
    assert np.shares_memory(matrix("X", NUMBERS), NUMBERS)
    assert matrix("X", NUMBERS, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (NUMBERS[:, 0], r"X: expected two dimensions \(rows, columns\), found shape \(3,\); give one column as values"),
        (NUMBERS[None], r"found shape \(1, 3, 2\)\.$"),
        (5.0, r"found shape \(\)"),
        (NUMBERS[:0], r"at least 1 rows and 1 column, found shape \(0, 2\)"),
        (NUMBERS[:, :0], r"found shape \(3, 0\)"),
        ([["a", "b"]], "expected numbers, found list of <U1"),
        ([[1, None]], "expected numbers, found list of object"),
        ([[1, 2], [3]], "rows of equal length"),
        (None, "expected numbers, found NoneType"),
        (np.ones((2, 2), complex), "found ndarray of complex128"),
        (scipy.sparse.eye(3), "expected numbers, found dia_matrix"),
        (torch.ones(2, 2).to_sparse(), "could not read them"),
        ([[1, 2], [np.nan, 4]], "found nan in row 1, column 0"),
        (np.array([[1, 2], [3, np.inf]], np.float32), "found inf in row 1, column 1"),
        ([[np.inf, -np.inf]], "found inf in row 0, column 0"),
        (np.ma.array(NUMBERS, mask=NUMBERS == 3), "found nan in row 1, column 1"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_in_one_sentence(values: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        matrix("X", values)
    assert str(told.value).startswith("X: ") and "\n" not in str(told.value)


def test_rows_are_counted() -> None:
    with pytest.raises(ValueError, match="X: expected 4 rows, found 3"):
        matrix("X", NUMBERS, n_rows=4)
    with pytest.raises(ValueError, match="at least 5 rows"):
        matrix("X", NUMBERS, min_rows=5)


def test_nan_may_be_allowed() -> None:
    assert np.isnan(matrix("X", NUMBERS * np.nan, finite=False)).all()


def test_large_numbers_whose_sum_overflows_are_finite() -> None:
    assert matrix("X", np.full((4, 4), 1e308)).max() == 1e308


def test_a_file_is_checked_strip_by_strip(tmp_path, monkeypatch) -> None:
    values = np.zeros((50, 3))
    values[41, 2] = np.nan
    np.save(tmp_path / "X.npy", values)
    monkeypatch.setattr(validation, "CHECK_BYTES", 8 * 3 * 7)
    with pytest.raises(ValueError, match="nan in row 41, column 2"):
        matrix("X", np.load(tmp_path / "X.npy", mmap_mode="r"))


@pytest.mark.parametrize("values", [10.0, [10], np.array([10]), torch.tensor([10.0]), (10,)])
def test_penalties_are_a_list_or_a_number(values: object) -> None:
    found = penalties(values)
    assert found.dtype == np.float64 and found.tolist() == [10]


@pytest.mark.parametrize("values", [0, [0.0], [-1], [1, np.nan], [np.inf], [], [[1.0]], ["a"], None, [1, 0, 10]])
def test_penalties_that_are_none_are_refused_in_one_sentence(values: object) -> None:
    with pytest.raises(ValueError, match=r"^alphas: expected [^\n]*found [^\n]*\.$"):
        penalties(values)


def test_examples_run() -> None:
    assert doctest.testmod(validation).failed == 0 and doctest.testmod(validation).attempted >= 3
