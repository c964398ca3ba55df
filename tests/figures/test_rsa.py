"""Figures and tables of dissimilarities hold what was computed."""

import numpy as np
from made import ticks
from scipy.stats import rankdata

from lib.analysis.rsa import rdm, rdm_noise_ceiling
from lib.data.images92 import Images92
from lib.figures.rsa import (
    ceiling_table,
    contact_sheet,
    mean_rdms,
)


def test_all_images_are_on_the_sheet_of_their_category(images92: Images92) -> None:
    figure = contact_sheet(images92, n_columns=3)
    assert [ax.get_ylabel() for ax in figure.axes] == ["a\nface", "fruit", "tool"]
    for ax, category in zip(figure.axes, ("a face", "fruit", "tool"), strict=True):
        own = images92.images[images92.category == category]
        sheet = ax.images[0].get_array()
        assert sheet.shape == (4 * -(-len(own) // 3), 12, 3)
        np.testing.assert_array_equal(sheet[:4, 4:8], own[1])
        np.testing.assert_array_equal(sheet[-4:, :4], own[len(own) - (len(own) % 3 or 3)])
    assert "SIMULATED" in figure.get_suptitle()


def test_mean_rdms_are_percentiles_of_the_areas_pairs(images92: Images92) -> None:
    figure = mean_rdms(images92)
    pairs = np.triu_indices(12, 1)
    for ax, (roi, rdms) in zip(figure.axes, images92.rdms.items(), strict=False):
        shown = np.asarray(ax.images[0].get_array().filled(np.nan))
        ranks = rankdata(rdms.mean(0)[pairs])
        np.testing.assert_allclose(shown[pairs], 100 * (ranks - 1) / 65)
        np.testing.assert_allclose(shown, shown.T)
        assert np.isnan(np.diagonal(shown)).all() and ax.get_title() == f"{roi}, mean of 3 invented people"
    ax = figure.axes[0]
    assert ticks(ax) == ticks(ax, "y") == ["a face", "fruit", "tool"]
    assert ax.get_xticks().tolist() == [1, 4.5, 9]
    assert sorted({line.get_xdata()[0] for line in ax.lines if line.get_xdata()[0] == line.get_xdata()[1]}) == [
        2.5,
        6.5,
    ]


def test_table_says_what_the_ceilings_are() -> None:
    rng = np.random.default_rng(7)
    shared = rng.normal(size=(12, 20))
    rdms = np.stack([rdm(shared + rng.normal(size=shared.shape)) for _ in range(5)])
    found = rdm_noise_ceiling(rdms)
    assert ceiling_table({"EVC": rdms}).rows == [("EVC", f"{found.upper_r2:.4f}", found.upper_r, found.lower_r)]
