"""Single trials: standardised within runs whatever they are measured in, and refused where a run is none."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from lib.data import Responses
from lib.data.trials import average_repeats, ceiling_of, ncsnr_of_repeats, random_split, standardise_runs

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n_images", [2, 3, 19, 20, 21, 907, 10_000])
def test_images_are_split_as_scikit_learn_splits_them(n_images: int) -> None:
    images = np.sort(RNG.choice(73_000, n_images, replace=False))
    for found, expected in zip(
        random_split(images), train_test_split(images, test_size=0.15, random_state=42), strict=True
    ):
        np.testing.assert_array_equal(found, np.sort(expected))


def test_one_image_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="at least 2 images, found 1"):
        random_split(np.arange(1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1e4, 1e6])
def test_means_are_taken_in_double_precision(dtype: type, offset: float) -> None:
    """Raw responses of a scanner lie far from zero; what is standardised are the numbers as they were given."""
    betas = (offset + RNG.normal(size=(3000, 4)) * 30).astype(dtype)
    run = np.repeat([3, 1, 2], 1000)
    exact = betas.astype(np.longdouble)
    for label in (1, 2, 3):
        part = exact[run == label]
        exact[run == label] = (part - part.mean(0)) / part.std(0)
    found = standardise_runs(betas, run)
    assert found is betas and found.dtype == dtype
    np.testing.assert_allclose(found, exact.astype(float), atol=1e-6 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e6 / 7, -1e-9, 1e30])
def test_a_voxel_that_does_not_vary_is_nan_whatever_its_value(constant: float) -> None:
    """The mean of equal numbers is rounded, so their standard deviation need not be zero."""
    betas = RNG.normal(size=(77, 3))
    betas[:, 1] = constant
    found = standardise_runs(betas, [0] * 77)
    assert np.isnan(found).all(0).tolist() == [False, True, False]


def test_infinite_and_missing_responses_spoil_their_voxel_only_without_a_warning() -> None:
    betas = RNG.normal(size=(20, 3))
    betas[3, 0], betas[5, 1] = np.inf, np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = standardise_runs(betas, [0] * 10 + [1] * 10)
    assert np.isnan(found[:10, :2]).all() and np.isfinite(found[10:]).all() and np.isfinite(found[:, 2]).all()


@pytest.mark.parametrize("label", [np.nan, None, "", "nan", "n/a"])
@pytest.mark.parametrize("first", [0, 5])
def test_a_trial_without_a_run_is_refused(label: object, first: int) -> None:
    run: list[object] = ["a"] * 6 if isinstance(label, str) else [1] * 6
    run[first] = label
    sentence = rf"run: expected a label for each trial, found none for 1, the first is trial {first} from 0"
    with pytest.raises(ValueError, match=sentence):
        standardise_runs(np.ones((6, 2)), run)
    with pytest.raises(ValueError, match=sentence):
        standardise_runs(np.ones((6, 2)), np.array(run, object))


def test_missing_runs_in_an_array_of_floats_are_counted() -> None:
    run = np.array([1, np.nan, 2, np.nan, 2, 1])
    before = np.arange(12.0).reshape(6, 2)
    betas = before.copy()
    with pytest.raises(ValueError, match="found none for 2, the first is trial 1 from 0"):
        standardise_runs(betas, run)
    np.testing.assert_array_equal(betas, before)


@pytest.mark.parametrize("run", [[1, 1, 1, 7], ["a", "a", "a", "run-7"], np.array([0.5, 0.5, 0.5, 7])])
def test_a_run_of_one_trial_is_refused_by_name(run: object) -> None:
    label, betas = list(run)[-1], np.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match=rf"at least 2 trials to standardise, found 1 in run '?{label}'?: leave that"):
        standardise_runs(betas, run)
    np.testing.assert_array_equal(betas, np.arange(8.0).reshape(4, 2))


@pytest.mark.parametrize("run", [[1] * 3, np.ones((2, 3)), []])
def test_runs_of_another_number_of_trials_are_refused(run: object) -> None:
    with pytest.raises(ValueError, match=f"run: expected one for each of the 4 trials in betas, found {np.size(run)}"):
        standardise_runs(np.ones((4, 2)), run)


@pytest.mark.parametrize(
    ("betas", "found"),
    [
        (np.ones((4, 2), np.int16), r"int16 of shape \(4, 2\)"),
        (np.ones(4), r"float64 of shape \(4,\)"),
        ([[1.0, 2.0]] * 4, "list"),
        (np.ma.ones((4, 2), complex), r"complex128 of shape \(4, 2\)"),
    ],
)
def test_what_cannot_be_standardised_in_place_is_refused(betas: object, found: str) -> None:
    with pytest.raises(
        ValueError, match=rf"betas: expected floating-point numbers .*, found {found}: convert them first"
    ):
        standardise_runs(betas, [1] * 4)


def test_ceiling_averages_the_noise_of_unequal_repeats() -> None:
    """The noise variance of a mean of n trials is 1 / n; over images the mean of these counts."""
    found = ceiling_of(np.array([0.5, np.nan], np.float32), np.array([1, 3]))
    assert found[0] == pytest.approx(0.25 / (0.25 + 2 / 3)) and np.isnan(found[1])


def test_average_keeps_the_order_wanted() -> None:
    responses = average_repeats(np.arange(8.0).reshape(4, 2), np.array([5, 9, 5, 7]), [9, 5])
    np.testing.assert_array_equal(responses.responses, [[2, 3], [2, 3]])
    assert responses.n_repeats.tolist() == [1, 2] and responses.stimulus_ids.tolist() == [9, 5]


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e-20, 1e20, 1e170, 1e300])
def test_the_unit_of_responses_changes_neither_standardised_trials_nor_their_signal_to_noise(size: float) -> None:
    betas, image = RNG.normal(size=(30, 4)), np.repeat(np.arange(6), 5)
    np.testing.assert_allclose(standardise_runs(size * betas, [0] * 30), standardise_runs(betas.copy(), [0] * 30))
    found, expected = (ncsnr_of_repeats(Responses(image, y, np.ones(30, int))) for y in (size * betas, betas))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("n_repeats", [2, 3, 5, 7])
def test_repeats_that_are_all_the_same_have_no_noise(n_repeats: int) -> None:
    """The mean of equal numbers is rounded: what is left of their noise is no noise."""
    image, betas = np.repeat(np.arange(6), n_repeats), np.repeat(RNG.normal(size=(6, 50)), n_repeats, axis=0)
    assert np.isnan(ncsnr_of_repeats(Responses(image, betas, np.ones(len(image), int)))).all()


def test_images_of_another_number_of_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="one for each of the 4 trials in betas, found 3"):
        average_repeats(RNG.normal(size=(4, 2)), np.array([1, 1, 2]), [1])


def test_a_masked_run_is_a_missing_one() -> None:
    with pytest.raises(ValueError, match="found none for 1, the first is trial 3"):
        standardise_runs(RNG.normal(size=(4, 2)), np.ma.array([1, 1, 2, 2], mask=[0, 0, 0, 1]))
