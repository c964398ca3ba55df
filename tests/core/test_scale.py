"""Decisions about zero that know the size."""

import numpy as np
import pytest

from lib.core.scale import constant_columns, power_of_two


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 5e-324, 1e300, -7.7, 0.0, 1e20])
@pytest.mark.parametrize("n", [2, 7, 1000])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_is_constant_is_constant_in_any_unit(value: float, n: int, kind: type) -> None:
    with np.errstate(over="ignore"):
        column = np.full((n, 1), value, kind)
    assert constant_columns(column).tolist() == [True]


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_what_varies_varies_in_any_unit(size: float) -> None:
    rng = np.random.default_rng(0)
    assert not constant_columns(size * rng.normal(size=(9, 4))).any()
    assert not constant_columns(size * (1e6 + rng.normal(size=(9, 4)))).any()


def test_rounding_depends_on_the_type() -> None:
    column = 1 + np.array([[0.0], [3e-7]])
    assert not constant_columns(column)[0] and constant_columns(column.astype(np.float32))[0]
    assert not constant_columns(np.array([[1], [2]], np.int16))[0] and constant_columns(np.ones((3, 1), bool))[0]


def test_numbers_that_are_not_finite_do_not_vary() -> None:
    assert constant_columns(np.array([[np.nan, np.inf, -np.inf, np.inf], [1, 1, 1, -np.inf]])).all()


def test_other_axes() -> None:
    values = np.stack([np.ones((3, 2)), np.arange(6.0).reshape(3, 2)])
    assert constant_columns(values).tolist() == [[True, True], [False, False]]
    assert constant_columns(values[1], axis=-1).tolist() == [False, False, False]


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-20, 1.0, 1e20, 1.7e308])
def test_unit_is_a_power_of_two_below_the_largest_magnitude(size: float) -> None:
    values = size * np.array([[0.1], [-1.0], [0.3]])
    unit = power_of_two(values)
    assert unit.shape == (1, 1) and np.frexp(unit)[0] == 0.5
    assert 1 <= np.abs(values / unit).max() < 2
    np.testing.assert_array_equal(values / unit * unit, values)
    assert np.isfinite(power_of_two(np.zeros((3, 1)))).all() and (power_of_two(np.zeros((3, 1))) > 0).all()
