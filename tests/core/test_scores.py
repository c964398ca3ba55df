"""Scores against scikit-learn and scipy, and the noise ceiling against a simulation in which the truth is known."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from lib.core.scores import bootstrap_mean, correlation, noise_ceiling, r2, signed_root


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


def test_signed_root_keeps_the_sign():
    np.testing.assert_allclose(signed_root(np.array([0.25, -0.25, 0.0])), [0.5, -0.5, 0.0])


@pytest.mark.parametrize("ncsnr, n_repeats", [(0.5, 1), (0.5, 3), (1.2, 3)])
def test_no_model_beats_the_noise_ceiling_and_the_truth_reaches_it(ncsnr, n_repeats):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(40_000, 1))
    responses = signal + rng.normal(size=(n_repeats, 40_000, 1)).mean(0) / ncsnr
    ceiling = noise_ceiling(np.array([ncsnr]), n_repeats)
    np.testing.assert_allclose(correlation(responses, signal) ** 2, ceiling, atol=0.015)


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_mean(rng.normal(1, 1, 40), n_bootstrap=400, seed=i) for i in range(300)]
    covered = np.mean([i.low <= 1 <= i.high for i in intervals])
    assert 0.88 <= covered <= 0.98


def test_an_interval_needs_two_numbers():
    with pytest.raises(ValueError, match="at least 2 numbers, found 1"):
        bootstrap_mean(np.array([1.0, np.nan]))
