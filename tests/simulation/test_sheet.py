"""Sheets of cortex: positions on a grid, and fields whose neighbours correlate as they are said to."""

import numpy as np
import pytest

from lib.simulation.nsd_like import simulate
from lib.simulation.sheet import NEIGHBOURS, SHARED, positions, sheet_noise, smooth_fields


def test_voxels_of_an_roi_lie_on_a_grid_and_other_rois_are_far():
    where = positions(3, 30).reshape(3, 30, 3)
    steps = np.abs(where[:, 1:] - where[:, :-1]).sum(-1)
    assert set(steps.ravel()) == {1, 6}  # to the next column, or back to the first of the next row
    apart = np.linalg.norm(where[0][:, None] - where[1], axis=-1)
    assert apart.min() == 5 and len(np.unique(where.reshape(-1, 3), axis=0)) == 90


@pytest.mark.parametrize("width", [0.6, 3.0])
def test_correlation_falls_with_distance_as_said(width):
    fields = smooth_fields(np.random.default_rng(0), 4000, 47, width)
    assert fields.std(0) == pytest.approx(1, abs=0.05)
    distance = np.linalg.norm(positions(1, 47)[:, None] - positions(1, 47), axis=-1)
    np.testing.assert_allclose(np.corrcoef(fields.T), np.exp(-(distance**2) / (2 * width**2)), atol=0.08)


def test_neighbours_share_noise_and_all_voxels_a_little():
    noise = sheet_noise(np.random.default_rng(0), 4000, 2, 49).reshape(4000, 2, 7, 7)
    assert noise.std() == pytest.approx(1, abs=0.01)
    adjacent = np.mean(noise[..., 1:] * noise[..., :-1]), np.mean(noise[:, :, 1:] * noise[:, :, :-1])
    assert adjacent == pytest.approx([SHARED + (1 - SHARED) * NEIGHBOURS] * 2, abs=0.02)
    assert np.mean(noise[:, 0] * noise[:, 1]) == pytest.approx(SHARED, abs=0.01)


def test_participants_have_positions_and_noise_that_neighbours_share():
    silent = simulate(n_images=250, voxels_per_roi=49, world="noise")
    np.testing.assert_array_equal(silent.coordinates, 1.8 * positions(10, 49))
    trials = silent.train.responses.reshape(-1, 10, 7, 7)
    assert np.mean(trials[..., 1:] * trials[..., :-1]) / trials.var() == pytest.approx(0.24, abs=0.03)
