"""Figures and tables of dissimilarities hold what was computed."""

import numpy as np
from made import bars, legend, lines, ticks
from scipy.stats import rankdata

from lib.analysis import rsa
from lib.analysis.rsa import RSAResult
from lib.data.images92 import Images92
from lib.figures.rsa import (
    best_layer_table,
    ceiling_table,
    contact_sheet,
    layers_against_areas,
    mean_rdms,
    participants_against_areas,
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
        assert np.isnan(np.diagonal(shown)).all() and ax.get_title() == f"{roi}, mean of 3 people"
    ax = figure.axes[0]
    assert ticks(ax) == ticks(ax, "y") == ["a face", "fruit", "tool"]
    assert ax.get_xticks().tolist() == [1, 4.5, 9]
    assert sorted({line.get_xdata()[0] for line in ax.lines if line.get_xdata()[0] == line.get_xdata()[1]}) == [
        2.5,
        6.5,
    ]


def test_layers_are_held_against_each_area_with_its_ceiling(rsa_results: dict[str, dict[str, RSAResult]]) -> None:
    figure = layers_against_areas(rsa_results, simulated=True)
    for row, family in zip(np.reshape(figure.axes, (2, 2)), (("first", "second"), ("pixels",)), strict=True):
        for ax, roi in zip(row, ("EVC", "IT"), strict=True):
            found, first = bars(ax), rsa_results[family[0]][roi]
            assert list(found) == list(family) and ax.get_title() == roi and ticks(ax) == list(first.layers)
            for label, (points, low, high) in found.items():
                result = rsa_results[label][roi]
                np.testing.assert_allclose(points[:, 1], result.r.mean(1))
                np.testing.assert_allclose((low, high), (result.low, result.high))
            band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
            np.testing.assert_allclose((band.y0, band.y1), (first.ceiling.lower_r, first.ceiling.upper_r))
    assert legend(figure) == ["noise ceiling, lower to upper", "first", "second", "pixels"]
    assert "SIMULATED" in figure.get_suptitle() and layers_against_areas(rsa_results, False).get_suptitle() == ""


def test_each_participant_has_a_line_and_a_best_layer(rsa_results: dict[str, dict[str, RSAResult]]) -> None:
    figure = participants_against_areas(rsa_results["second"], "net", simulated=True)
    for ax, (roi, result) in zip(figure.axes, rsa_results["second"].items(), strict=True):
        *people, mean = lines(ax, 3)
        np.testing.assert_allclose(np.transpose(people), result.r)
        np.testing.assert_allclose(mean, result.r.mean(1))
        (best,) = [line for line in ax.lines if line.get_label() == "best layer"]
        np.testing.assert_allclose(best.get_xydata(), np.transpose([result.r.argmax(0), result.r.max(0)]))
        assert ax.get_title() == f"net: {roi}" and ticks(ax) == list(result.layers)
    assert "SIMULATED" in figure.get_suptitle()
    assert participants_against_areas(rsa_results["second"], "net", False).get_suptitle() == ""


def test_tables_say_what_was_computed() -> None:
    rng = np.random.default_rng(7)
    shared = rng.normal(size=(12, 20))
    rdms = np.stack([rsa.rdm(shared + rng.normal(size=shared.shape)) for _ in range(5)])
    layers = {"far": rsa.rdm(rng.normal(size=(12, 9))), "near": rsa.rdm(shared)}
    results = rsa.compare_areas(layers, {"EVC": rdms}, n_bootstrap=50)
    (row,) = best_layer_table({"net": results}).rows
    found, near = results["EVC"], 1
    assert row[:3] == ("net", "EVC", "near")
    assert row[3] == f"{found.r[near].mean():.2f} [{found.low[near]:.2f}, {found.high[near]:.2f}]"
    ceiling = rsa.rdm_noise_ceiling(rdms)
    missing = f"{ceiling.lower_r - found.r[near].mean():.2f}"
    assert row[4] == f"{missing} [{found.gap_low[near]:.2f}, {found.gap_high[near]:.2f}]"
    assert ceiling_table({"EVC": rdms}).rows == [("EVC", f"{ceiling.upper_r2:.4f}", ceiling.upper_r, ceiling.lower_r)]
