"""Paper Y's figures hold the numbers of their study."""

from dataclasses import replace

import numpy as np
import pytest
from made import MEASURED, bars, legend, lines, make_decoding, ticks

from lib.analysis.decoding_study import DecodingStudy
from lib.claims.yu2018 import ONE_PERSON
from lib.core.scores import t_interval
from lib.figures.decoding import decoding_figure, permutation_grid, unit_table

NETWORKS = {"alexnet-object": ["cnn1", "cnn8"], "resnet50-object": ["resnet1", "resnet8"]}


def test_the_first_panel_shows_each_layers_mean_over_participants(decoding: DecodingStudy) -> None:
    figure = decoding_figure(decoding)
    ax, roi = figure.axes[0], len(decoding.rois) - 1  # there is no VC
    found = bars(ax)
    assert ax.get_title() == f"{decoding.rois[-1]}, 95 % intervals"
    assert list(found) == ["alexnet-object (cnn1 to cnn8)", "resnet50-object (resnet1 to resnet8)"]
    people = [line for line in ax.lines if line.get_linewidth() == 0.4]
    for k, (network, layers) in enumerate(NETWORKS.items()):
        scores = np.array([decoding.scores(network, layer)[:, roi] for layer in layers])  # (n_layers, n_participants)
        means = [t_interval(one) for one in scores]
        points, low, high = found[list(found)[k]]
        np.testing.assert_allclose(points[:, 1], [one.estimate for one in means])
        np.testing.assert_allclose((low, high), np.transpose([(one.low, one.high) for one in means]))
        assert points[:, 0].round().tolist() == [1, 2]
        np.testing.assert_allclose([line.get_ydata() for line in people[3 * k : 3 * k + 3]], scores.T)
    assert sorted(legend(figure)) == sorted(["chance", *found]) and ax.get_ylabel() == "mean r over units"


def test_a_map_holds_every_area_and_layer_of_a_network(decoding: DecodingStudy) -> None:
    figure = decoding_figure(decoding)
    for one in (figure, figure.narrow):
        for ax, (network, layers) in zip(one.axes[1:3], NETWORKS.items(), strict=True):
            means = np.array([decoding.scores(network, layer).mean(0) for layer in layers]).T
            np.testing.assert_allclose(ax.images[0].get_array(), means)
            assert (ax.get_title(), ticks(ax), ticks(ax, "y")) == (network, layers, decoding.rois)
            for text in ax.texts:
                layer, roi = map(int, text.get_position())
                assert float(text.get_text()) == pytest.approx(means[roi, layer], abs=0.0051)
                above = t_interval(decoding.scores(network, layers[layer])[:, roi]).low > 0
                assert text.get_weight() == ("bold" if above else "normal")
            assert len(ax.texts) == means.size
    assert len({text.get_weight() for ax in figure.axes for text in ax.texts}) == 2, "the check can fail"


def test_an_area_of_all_voxels_comes_first(decoding: DecodingStudy) -> None:
    renamed = [[replace(r, roi="VC" if r.roi == "V2" else r.roi) for r in of_one] for of_one in decoding.results]
    whole = replace(decoding, results=renamed)
    points, _, _ = bars(decoding_figure(whole).axes[0])["alexnet-object (cnn1 to cnn8)"]
    np.testing.assert_allclose(
        points[:, 1], [whole.scores("alexnet-object", layer)[:, 1].mean() for layer in ("cnn1", "cnn8")]
    )


def test_one_participant_is_drawn_without_intervals(decoding: DecodingStudy) -> None:
    alone = replace(decoding, participants=decoding.participants[:1], results=decoding.results[:1])
    figure = decoding_figure(alone)
    points, low, high = bars(figure.axes[0])["alexnet-object (cnn1 to cnn8)"]
    scores = [alone.scores("alexnet-object", layer)[0, -1] for layer in NETWORKS["alexnet-object"]]
    np.testing.assert_allclose(points[:, 1], scores)
    assert np.isnan([low, high]).all() and figure.get_suptitle().endswith(f"; {ONE_PERSON}")


def test_squares_stand_where_a_layer_is_decoded_better_than_by_chance(decoding: DecodingStudy) -> None:
    figure = permutation_grid(decoding, 0.05)
    for ax, (network, layers) in zip(figure.axes, NETWORKS.items(), strict=True):
        rois = list(enumerate(decoding.rois))
        below = {(k, i) for k, one in enumerate(layers) for i, roi in rois if decoding.p(network, one, roi) < 0.05}
        assert set(map(tuple, ax.lines[0].get_xydata().astype(int).tolist())) == below
        assert ax.get_title() == network and ticks(ax) == layers and ticks(figure.axes[0], "y") == decoding.rois
        assert ax.get_ylim() == (6.6, -0.6)  # the first area on top
        assert network == "resnet50-object" or {(1, i) for i in range(7)} <= below
    assert len(lines(permutation_grid(decoding, 0.0).axes[0], 0)) == 1


def test_table_of_units_counts_those_left_out(decoding: DecodingStudy) -> None:
    table = unit_table(decoding)
    assert list(table.header) == ["network", "layer", "1", "2"]
    assert table.rows == [
        ["alexnet-object", "units", "6", "6"], ["", "left out", "1", "1"],
        ["resnet50-object", "units", "9", "9"], ["", "left out", "1", "1"],
    ]  # fmt: skip


def test_pictures_say_what_their_data_are(decoding: DecodingStudy) -> None:
    for draw in (decoding_figure, permutation_grid):
        assert draw(decoding).get_suptitle() == "SIMULATED DATA: nobody was scanned"
        assert draw(make_decoding(MEASURED)).get_suptitle() == "TOY ANALYSIS: miniature networks"
        assert draw(make_decoding(MEASURED, "published")).get_suptitle() == ""
