"""Figures of sweeps."""

import numpy as np

from lib.core.scores import t_interval
from lib.figures.sweeps import profiles


def test_profiles_show_each_participant_and_their_mean() -> None:
    values = {"R": np.random.default_rng(0).normal(size=(2, 3, 4))}  # ROIs, layers, participants
    figure = profiles(values, ["V1", "FFA"], ["a", "b", "c"], "AlexNet")
    for ax, of_roi, roi in zip(figure.axes, values["R"], ["V1", "FFA"], strict=True):
        drawn = np.array([line.get_ydata() for line in ax.lines[1:]])  # the first is zero
        np.testing.assert_allclose(drawn[:4], of_roi.T)
        np.testing.assert_allclose(drawn[4], of_roi.mean(1))
        assert ax.get_title() == roi
        band = ax.collections[0].get_paths()[0].vertices[:, 1]
        intervals = [t_interval(at_layer) for at_layer in of_roi]
        low, high = min(i.low for i in intervals), max(i.high for i in intervals)
        np.testing.assert_allclose([band.min(), band.max()], [low, high])


def test_one_participant_has_no_interval() -> None:
    figure = profiles({"R": np.ones((1, 3, 1))}, ["V1"], ["a", "b", "c"], "AlexNet")
    assert not figure.axes[0].collections
