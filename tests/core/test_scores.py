"""Scores against scikit-learn and scipy, and the noise ceiling against a simulation in which the truth is known."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from lib.core.scores import (
    bootstrap_mean,
    clustered_error,
    correlation,
    group_starts,
    noise_ceiling,
    pseudo_values,
    r2,
    r2_without,
    share_of_ceiling,
    signed_root,
    t_interval,
)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    y = rng.normal(3, 2, (50, 4))
    return y, y * [1, 0.5, 0, -1] + rng.normal(size=(50, 4))


def test_r2_and_correlation_equal_their_definitions_elsewhere(pair):
    y, y_pred = pair
    np.testing.assert_allclose(r2(y, y_pred), r2_score(y, y_pred, multioutput="raw_values"))
    np.testing.assert_allclose(correlation(y, y_pred), [pearsonr(a, b)[0] for a, b in zip(y.T, y_pred.T, strict=True)])


def test_several_layers_at_once(pair):
    y, y_pred = pair
    both = np.stack([y_pred, y_pred + 1])
    np.testing.assert_allclose(r2(y, both), [r2(y, y_pred), r2(y, y_pred + 1)])


def test_constant_voxels_have_no_score(pair):
    y, y_pred = pair
    y[:, 2] = 1
    assert np.isnan(r2(y, y_pred)[2]) and np.isnan(correlation(y, y_pred)[2])


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e-20, 1.0, 1e20, 1e150])
def test_unit_of_the_responses_does_not_matter(pair, size):
    y, y_pred = pair
    np.testing.assert_allclose(r2(size * y, size * y_pred), r2(y, y_pred), rtol=1e-12)
    np.testing.assert_allclose(correlation(size * y, y_pred), correlation(y, y_pred), rtol=1e-12)
    np.testing.assert_allclose(correlation(y, size * y_pred), correlation(y, y_pred), rtol=1e-12)


@pytest.mark.parametrize("size", [1e-30, 1e-22, 1e19, 1e30])
def test_single_precision_is_scored_in_double(size):
    rng = np.random.default_rng(0)
    y, y_pred = (size * rng.normal(size=(60, 3))).astype(np.float32), (size * rng.normal(size=(60, 3)) * 5).astype("f4")
    expected = r2(y.astype(float) / size, y_pred.astype(float) / size)
    assert (expected < -15).all()
    np.testing.assert_allclose(r2(y, y_pred), expected, rtol=1e-6)
    expected = correlation(y.astype(float) / size, y_pred.astype(float) / size)
    np.testing.assert_allclose(correlation(y, y_pred), expected, rtol=1e-5)


@pytest.mark.parametrize("value", [0.1, 1e-30, 1e30, 1 / 3])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_constant_is_one_whatever_rounding_leaves_of_its_variance(value, kind):
    y, noise = np.full((1000, 1), value, kind), np.random.default_rng(0).normal(size=(1000, 1))
    assert np.isnan(r2(y, noise)[0]) and np.isnan(correlation(y, noise)[0]) and np.isnan(correlation(noise, y)[0])


def test_integers_do_not_overflow():
    y = np.array([[100], [-100], [50], [-50]], np.int8)
    np.testing.assert_allclose(r2(y, -y), r2(y.astype(float), -y.astype(float)))
    np.testing.assert_allclose(correlation(y, y), [1])


def test_signed_root_keeps_the_sign():
    np.testing.assert_allclose(signed_root(np.array([0.25, -0.25, 0.0])), [0.5, -0.5, 0.0])


@pytest.mark.parametrize("ncsnr, n_repeats", [(0.5, 1), (0.5, 3), (1.2, 3)])
def test_no_model_beats_the_noise_ceiling_and_the_truth_reaches_it(ncsnr, n_repeats):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(40_000, 1))
    responses = signal + rng.normal(size=(n_repeats, 40_000, 1)).mean(0) / ncsnr
    ceiling = noise_ceiling(np.array([ncsnr]), n_repeats)
    np.testing.assert_allclose(correlation(responses, signal) ** 2, ceiling, atol=0.015)


@pytest.mark.parametrize("ncsnr, n_repeats", [(0.4, 2), (1.0, 3)])
def test_a_model_that_knows_a_share_of_the_signal_reaches_its_root_of_the_ceiling(ncsnr, n_repeats):
    """Closed form: of a signal of variance 1, one of two independent parts explains s, so R is sqrt(s ceiling)."""
    rng, share = np.random.default_rng(1), np.array([1.0, 0.5, 0.2])
    known, rest = rng.normal(size=(2, 60_000, 3))
    signal = np.sqrt(share) * known + np.sqrt(1 - share) * rest
    responses = signal + rng.normal(size=(n_repeats, 60_000, 3)).mean(0) / ncsnr
    R = signed_root(r2(responses, np.sqrt(share) * known))
    found = share_of_ceiling(R, np.full(3, noise_ceiling(np.array(ncsnr), n_repeats)))
    np.testing.assert_allclose(found, np.sqrt(share), atol=0.02)
    assert np.isnan(share_of_ceiling(np.array([0.3, 0.3]), np.array([0.0, np.nan]))).all()


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_mean(rng.normal(1, 1, 40), n_bootstrap=400, seed=i) for i in range(300)]
    covered = np.mean([i.low <= 1 <= i.high for i in intervals])
    assert 0.88 <= covered <= 0.98


def test_an_interval_needs_two_numbers():
    with pytest.raises(ValueError, match="at least 2 numbers, found 1"):
        bootstrap_mean(np.array([1.0, np.nan]))


def test_scores_without_a_group_are_those_of_the_other_images(pair):
    y, y_pred = pair
    starts = group_starts(50, 4)
    assert starts.tolist() == [0, 13, 26, 38]
    for i, group in enumerate(np.split(np.arange(50), starts[1:])):
        others = np.setdiff1d(np.arange(50), group)
        np.testing.assert_allclose(r2_without(y, y_pred, starts)[i], r2(y[others], y_pred[others]))


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_scores_without_a_group_are_computed_in_double_precision(dtype):
    y, starts = np.full((40, 1), 0.1 if dtype == np.float32 else 300, dtype), group_starts(40)
    y[:2, 0] = 5, -3  # nothing else varies
    y_pred = y + dtype(1)
    expected = r2_without(y.astype(np.float64), y_pred.astype(np.float64), starts)
    np.testing.assert_allclose(r2_without(y, y_pred, starts), expected, rtol=1e-6)
    assert np.isnan(expected[0])


def test_pseudo_values_of_a_mean_are_the_groups_means():
    values = np.random.default_rng(0).normal(size=(12, 3))
    without = np.stack([np.delete(values, range(3 * i, 3 * i + 3), 0).mean(0) for i in range(4)])
    np.testing.assert_allclose(pseudo_values(values.mean(0), without), values.reshape(4, 3, 3).mean(1))


@pytest.mark.parametrize("images, blocks, alone", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)])
def test_error_of_a_mean_over_shared_images_and_blocks_of_voxels(images, blocks, alone):
    rng, block = np.random.default_rng(0), np.repeat(np.arange(16), 5)
    means, errors = [], []
    for _ in range(400):
        own = (
            images * rng.normal(size=(20, 1)) + blocks * rng.normal(size=16)[block] + alone * rng.normal(size=(20, 80))
        )
        means.append(own.mean())
        errors.append(clustered_error(own, block)[0])
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.12)


def test_five_people_need_a_t_interval():
    rng = np.random.default_rng(0)
    people = rng.normal(size=(2000, 5))
    covered = {
        interval: np.mean([(one := interval(own)).low < 0 < one.high for own in people[: 2000 if n else 200]])
        for n, interval in enumerate((bootstrap_mean, t_interval))
    }
    assert covered[bootstrap_mean] < 0.9 < 0.935 < covered[t_interval] < 0.965


def test_a_group_without_which_nothing_varies_says_what_all_images_say():
    y, starts = np.full((40, 1), -0.1 / 3), group_starts(40)  # as events that occur in few test images leave it
    y[:2, 0] = 5, -3.7
    y_pred = y + 0.1 * np.random.default_rng(0).normal(size=y.shape)
    without = r2_without(y, y_pred, starts)
    assert np.isnan(without[0, 0]) and np.isfinite(without[1:]).all()
    np.testing.assert_allclose(pseudo_values(r2(y, y_pred), without)[0], r2(y, y_pred))
