"""Figures and tables of selection, of the task's effect and of shared variance hold the numbers of their studies."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from made import FEW, MEASURED, N_BEST, bars, legend, make_study, ticks
from matplotlib.axes import Axes

from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.selection import CHOICES, SHARES, Retest
from lib.analysis.variance import Partition
from lib.claims.claim import Contrast
from lib.claims.wang2021 import ALEXNETS, RESNETS, shift_excess
from lib.core.scores import bootstrap_mean
from lib.figures.follow_ups import (
    partition_figure,
    preferred_layer_table,
    selection_curves,
    selection_profiles,
    selection_table,
    shared_variance_table,
    task_summary,
)

NETWORK = "alexnet-place"
CHOSEN = {"by test score, as published": "stacked_score", "by test score, on fresh images": "stacked_score",
          "out of fold": "stacked_cv_score"}  # fmt: skip


def ranked(study: Retest, choice: str, roi: str) -> tuple[np.ndarray, EncodingStudy]:
    """All voxels of an area, best first, and the study whose scores are shown."""
    score = getattr(study.test.encoding[NETWORK], CHOSEN[choice])
    voxels = np.flatnonzero(study.test.participant.roi(roi))
    return voxels[np.argsort(-score[voxels])], study.fresh if choice.endswith("fresh images") else study.test


def by_label(ax: Axes) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_ydata() for line in ax.lines if not line.get_label().startswith("_")}


def test_selection_curves_are_means_of_the_best_and_their_range(retests: dict[str, Retest]) -> None:
    figure = selection_curves(retests, NETWORK)
    for ax, (title, study) in zip(figure.axes, retests.items(), strict=True):
        found = by_label(ax)
        assert ax.get_title() == title and list(found) == list(CHOICES)
        for band, (choice, shown) in zip(ax.collections, found.items(), strict=True):
            curves = []
            for roi in FEW:
                voxels, scored = ranked(study, choice, roi)
                R = scored.encoding[NETWORK].stacked_score[voxels]
                curves.append([R[: int(np.ceil(share * len(R)))].mean() for share in SHARES])
            np.testing.assert_allclose(shown, np.mean(curves, axis=0))
            edge = band.get_paths()[0].vertices[1 : len(SHARES) + 1]
            low, high = np.min(curves, axis=0), np.max(curves, axis=0)
            assert np.allclose(edge[:, 1], low) or np.allclose(edge[:, 1], high)
            np.testing.assert_allclose(edge[:, 0], 100 * SHARES)
            np.testing.assert_allclose(band.get_paths()[0].get_extents().get_points()[:, 1], (low.min(), high.max()))
    assert legend(figure) == list(CHOICES) and "SIMULATED" in figure.get_suptitle()


def test_selection_profiles_are_means_of_each_layer(retests: dict[str, Retest]) -> None:
    figure = selection_profiles(retests, NETWORK, ["V3", "OFA"])
    for row, (title, study) in zip(np.reshape(figure.axes, (2, 2)), retests.items(), strict=True):
        for ax, roi in zip(row, ("V3", "OFA"), strict=True):
            for choice, shown in by_label(ax).items():
                voxels, scored = ranked(study, choice, roi)
                np.testing.assert_allclose(shown, scored.encoding[NETWORK].score[:, voxels[:N_BEST]].mean(1))
            assert ax.get_title() == f"{title}: {roi}"
    assert ticks(ax) == list(study.test.encoding[NETWORK].layers) and legend(figure) == list(CHOICES)


def test_selection_table_subtracts_what_fresh_images_leave(retests: dict[str, Retest]) -> None:
    table = selection_table(retests, NETWORK)
    assert list(table.header) == ["", "areas", *CHOICES, "luck (first minus last)"]
    groups = {"Early visual": ("V1", "V3"), "Place": ("PPA",), "Face": ("FFA", "OFA")}
    rows = iter(table.rows)
    for title, study in retests.items():
        for group, rois in groups.items():
            means = []
            for choice in CHOICES:
                found = [ranked(study, choice, roi) for roi in rois]
                means.append(np.mean([s.encoding[NETWORK].stacked_score[v[:N_BEST]].mean() for v, s in found]))
            name, areas, *numbers = next(rows)
            assert (name, areas) == (title, group)
            np.testing.assert_allclose(numbers, [*means, means[0] - means[-1]])


def test_selection_says_what_its_data_are(retests: dict[str, Retest]) -> None:
    measured = Retest(*[make_study(source=MEASURED, weights="published", n_best=200)] * 2)
    for draw in (selection_curves, lambda studies, network: selection_profiles(studies, network, ["V1"])):
        assert draw({"a": measured}, NETWORK).get_suptitle() == ""
        toy = replace(measured, test=replace(measured.test, weights="miniature"))
        assert draw({"a": measured, "b": toy}, NETWORK).get_suptitle() == "TOY ANALYSIS: miniature networks"


def preferred(study: EncodingStudy, network: str, roi: str, what: str) -> str:
    result = study.encoding[network]
    return result.layers[getattr(result, what)[:, study.best(network, roi)].mean(1).argmax()]


def test_preferred_layers_move_from_objects_to_places(everyone: EncodingStudy) -> None:
    table = preferred_layer_table(everyone)
    assert table.header == ["ROI", "AlexNet, R", "AlexNet, weight", "ResNet50, R", "ResNet50, weight"]
    moved = 0
    for roi, *cells in table.rows:
        columns = [(pair, what) for pair in (ALEXNETS, RESNETS) for what in ("score", "weights")]
        for cell, (pair, what) in zip(cells, columns, strict=True):
            objects, places = (preferred(everyone, name, roi, what) for name in pair)
            assert cell == (objects if objects == places else f"**{objects} → {places}**")
            moved += objects != places
    assert [row[0] for row in table.rows] == list(FEW) and 0 < moved < 20


def test_summary_counts_the_areas_and_compares_the_shifts(
    everyone: EncodingStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.claims.wang2021.MIN_VOXELS", 2)
    text = task_summary({"a_b": everyone}).data
    assert text.startswith(r"* *a\_b*: in AlexNet")
    for label, pair in (("AlexNet", ALEXNETS), ("ResNet50", RESNETS)):
        counts = [
            sum(preferred(everyone, pair[0], roi, what) != preferred(everyone, pair[1], roi, what) for roi in FEW)
            for what in ("score", "weights")
        ]
        words = (
            f"in {label} the task moves the layer of highest R in {counts[0]} and that of largest weight in {counts[1]}"
        )
        assert f"{words} of 5 areas" in text
    known = [one.interval() for one in map(partial(shift_excess, everyone), FEW) if isinstance(one, Contrast)]
    there = f"(interval above zero) in {sum(one.low > 0 for one in known)} of {len(known)} areas."
    words = "AlexNet's weights surely move to later layers by more than ResNet50's move in either direction"
    assert text.endswith(f"{words} {there}")


def test_partitions_are_bars_and_intervals_over_voxels(partitions: dict[str, dict[str, Partition]]) -> None:
    figure = partition_figure(partitions, simulated=True)
    parts = {"beyond the layers before it": "new", "beyond the layers behind it": "last",
             "beyond the other networks": "beyond"}  # fmt: skip
    for row, (brain, panels) in zip(np.reshape(figure.axes, (2, 2)), partitions.items(), strict=True):
        assert row[0].get_ylabel() == f"{brain}\nR²"
        for ax, (name, one) in zip(row, panels.items(), strict=True):
            np.testing.assert_allclose([bar.get_height() for bar in ax.patches], one.alone.mean(1))
            found = bars(ax)
            assert ax.get_title() == name and set(found) == set(parts)
            for label, (points, low, high) in found.items():
                means = [bootstrap_mean(values) for values in getattr(one, parts[label])]
                np.testing.assert_allclose(points[:, 1], [mean.estimate for mean in means])
                np.testing.assert_allclose((low, high), np.transpose([(mean.low, mean.high) for mean in means]))
                assert points[:, 0].round().tolist() == [0, 1, 2]
    assert set(legend(figure)) == {"alone", *parts} and ticks(ax) == ["Conv-1", "Conv-2", "Conv-3"]


def test_partitions_say_what_their_data_are(partitions: dict[str, dict[str, Partition]]) -> None:
    assert "SIMULATED" in partition_figure(partitions, True, "miniature").get_suptitle()
    assert partition_figure(partitions, False, "miniature").get_suptitle() == "TOY ANALYSIS: miniature networks"
    assert partition_figure(partitions, False, "published").get_suptitle() == ""


def test_shared_variance_is_what_is_not_beyond_the_others(partitions: dict[str, dict[str, Partition]]) -> None:
    rows = iter(shared_variance_table(partitions).rows)
    for brain, panels in partitions.items():
        for name, one in panels.items():
            best = np.argmax(one.alone.mean(1))
            alone, beyond = one.alone[best].mean(), one.beyond[best].mean()
            row = next(rows)
            assert list(row[:3]) == [brain, name, one.layers[best]]
            np.testing.assert_allclose(row[3:5], [alone, beyond])
            explains = bootstrap_mean(one.alone[best]).low > 0
            assert row[5] == (f"{100 * (alone - beyond) / alone:.0f}" if explains else "")
