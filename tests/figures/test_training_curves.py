"""Likeness to the brain against accuracy, as drawn and as written."""

import numpy as np
import pytest
from made import bars, legend
from scipy.stats import spearmanr

from lib.analysis.rsa import NoiseCeiling
from lib.analysis.training_curves import Snapshot
from lib.core.scores import bootstrap_mean
from lib.figures.training_curves import (
    first_and_last_epoch_table,
    half_correlations_table,
    performance_figure,
    training_correlations_table,
)


@pytest.fixture
def likeness() -> dict[str, np.ndarray]:
    """Two measures of six networks in four participants."""
    return dict(
        zip(("similarity, V1", "encoding, HVC"), np.random.default_rng(0).uniform(0, 1, (2, 6, 4)), strict=True)
    )


def test_each_network_is_a_line_over_its_epochs(snapshots: list[Snapshot], likeness: dict[str, np.ndarray]) -> None:
    ceiling = NoiseCeiling(0.9, 0.8, 0.7)
    figure = performance_figure(snapshots, likeness, {"similarity, V1": ceiling}, simulated=True)
    for ax, (measure, values) in zip(figure.axes, likeness.items(), strict=True):
        found = bars(ax)
        assert ax.get_title().split("\n")[0] == measure
        assert list(found) == ["3 layers of 4 channels", "5 layers of 12 channels"]
        for (points, low, high), own in zip(found.values(), (slice(0, 3), slice(3, 6)), strict=True):
            means = [bootstrap_mean(one) for one in values[own]]
            np.testing.assert_allclose(points[:, 0], [one.accuracy for one in snapshots[own]])
            np.testing.assert_allclose(points[:, 1], [one.estimate for one in means])
            np.testing.assert_allclose((low, high), np.transpose([(one.low, one.high) for one in means]))
    band = figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
    np.testing.assert_allclose((band.y0, band.y1), (0.7, 0.9))
    assert figure.axes[0].get_title().endswith("\nnoise ceiling 0.70 to 0.90") and "ceiling" not in ax.get_title()
    assert not figure.axes[1].patches and sorted(legend(figure)) == sorted(["chance", "noise ceiling", *found])
    assert "SIMULATED" in figure.get_suptitle()
    assert performance_figure(snapshots, likeness, {}, simulated=False).get_suptitle() == ""


def test_a_ceiling_far_above_the_lines_does_not_press_them_together(snapshots: list[Snapshot]) -> None:
    low = {"similarity, V1": np.random.default_rng(0).uniform(0, 0.1, (6, 4))}
    far = performance_figure(snapshots, low, {"similarity, V1": NoiseCeiling(0.9, 0.8, 0.7)}, simulated=True)
    none = performance_figure(snapshots, low, {}, simulated=True)
    assert far.axes[0].get_ylim() == none.axes[0].get_ylim() and far.axes[0].get_ylim()[1] < 0.2
    assert "noise ceiling" not in legend(far), "no word for what lies outside"


def test_tables_correlate_the_mean_likeness(snapshots: list[Snapshot], likeness: dict[str, np.ndarray]) -> None:
    accuracy = np.array([one.accuracy for one in snapshots])
    order = np.argsort(accuracy)
    halves, along, ends = (
        table(snapshots, likeness)
        for table in (half_correlations_table, training_correlations_table, first_and_last_epoch_table)
    )
    assert list(along.header) == ["measure", "3 layers of 4 channels", "5 layers of 12 channels"]
    assert list(ends.header) == ["measure", "epoch 0", "epoch 8"]
    for i, (name, values) in enumerate(likeness.items()):
        mean = values.mean(1)
        parts = [spearmanr(accuracy[half], mean[half]).statistic for half in (order[:3], order[3:])]
        assert halves.rows[i] == [name, *(f"{r:+.2f}" for r in parts)]
        own = [spearmanr(accuracy[k : k + 3], mean[k : k + 3]).statistic for k in (0, 3)]
        assert along.rows[i] == [name, *(f"{r:+.1f}" for r in own)]
        assert ends.rows[i] == [name, *(f"{values[[k, k + 3]].mean():.3f}" for k in (0, 2))]
