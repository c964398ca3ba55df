"""The page on speed shows what was recorded, and what one protocol predicts better than another."""

from dataclasses import replace

import numpy as np
import pytest
from made import MEASURED, bars, legend, lines, make_brain, make_result, ticks

from lib.core.scores import bootstrap_mean
from lib.figures.benchmarks import (
    benchmark,
    benchmark_table,
    gain_by_ceiling,
    growth_curves,
    machine_note,
    r2_gain,
    shape_ratios,
)

KEYS = {"seconds": 1, "products over features": 0.5, "the rest": 0.3, "limit": 0.1}
ROWS = [
    {"grows": name, name: n, **{key: n * share * (1 + i) for key, share in KEYS.items()}}
    for i, name in enumerate(("images", "features", "voxels"))
    for n in (10, 1000, 20_000)
]


def test_growth_is_drawn_for_each_size_that_was_varied() -> None:
    figure = growth_curves(ROWS)
    for i, (ax, name) in enumerate(zip(figure.axes, ("images", "features", "voxels"), strict=True)):
        assert ax.get_xlabel() == f"number of {name}" and ticks(ax) == ["10", "1,000", "20,000"]
        for line, share in zip(lines(ax, 3), KEYS.values(), strict=True):
            np.testing.assert_allclose(line, np.array([10, 1000, 20_000]) * share * (1 + i))
        assert ax.get_xscale() == ax.get_yscale() == "log"
        assert ax.get_yaxis().get_major_formatter()(0.1) == "0.1", "not a formula that nobody sets"
    assert legend(figure) == ["whole job", "products over features", "the rest", "arithmetic limit"]


def test_every_shape_is_a_dot_and_the_worst_one_is_ringed_and_named() -> None:
    ratios = {"ours is faster by": (20, 10, 40), "K-fold is faster by": (5, 8, 4), "times the limit": (2, 3, 2.5)}
    rows = [dict(zip(ratios, shape, strict=True)) for shape in zip(*ratios.values(), strict=True)]
    spectra = ("decaying", "flat", "decaying")
    (ax,) = shape_ratios([{**row, "spectrum": s} for row, s in zip(rows, spectra, strict=True)]).axes
    decaying, flat, worst = (
        [line.get_xdata().tolist() for line in ax.lines if line.get_label() == label]
        for label in ("decaying spectrum", "flat spectrum", "worst shape")
    )
    assert decaying == [[20, 40], [5, 4], [1 / 2, 1 / 2.5]] and flat == [[10], [8], [1 / 3]]
    assert worst == [[10], [4], [1 / 3]] and ax.get_xscale() == "log"
    words = [text.get_text().split(": ")[1] for text in ax.texts]
    assert words == ["median 20, worst 10", "median 5, worst 4", "median 1/2.5, worst 1/3"]


def test_numbers_are_as_long_as_they_need_to_be() -> None:
    rows = [{"job": "o|urs", "s": 1.23456, "n": 20_000, "large": 1234.5, "none": None, "tiny": 0.00012345}]
    table = benchmark_table(rows, {"job": "Job", "tiny": "t", "s": "s", "n": "voxels", "large": "l", "none": "limit"})
    assert table.header == ["Job", "t", "s", "voxels", "l", "limit"]
    assert table.rows == [["o|urs", "0.000123", "1.23", "20,000", "1,234", ""]]


def test_what_was_recorded_is_found_by_its_name() -> None:
    run = benchmark("growth")
    assert growth_curves(run["rows"]).axes and run["date"] in machine_note(run).data
    with pytest.raises(FileNotFoundError, match="holds no benchmark 'nothing'"):
        benchmark("nothing")


def test_the_note_names_the_machine() -> None:
    machine = {"threads": 2, "processor": "X", "flops32": 3e9, "flops64": 1e9, "bandwidth": 5e9}
    assert machine_note({"date": "today", "machine": machine}).data == (
        "Measured on today on 2 cores of an X that multiply matrices at 3 (float32) and 1 (float64) billion "
        "operations a second and copy 5 GB a second."
    )


def test_gain_is_a_difference_of_signed_squares() -> None:
    fast, reference = (replace(make_result("alexnet-object", 8, seed), score=R, stacked_score=R[0])
                       for seed, R in ((0, np.array([[0.5, -0.5]])), (1, np.array([[0.1, -0.1]]))))  # fmt: skip
    np.testing.assert_allclose(r2_gain(fast, reference), [[0.24, -0.24]] * 2)


def test_gains_are_grouped_by_the_voxels_ceiling() -> None:
    brain = make_brain()
    fast, reference = (make_result("alexnet-object", brain.n_voxels, seed) for seed in (0, 1))
    figure = gain_by_ceiling({"one": (brain, fast, reference), "two": (brain, reference, fast)})
    groups = np.array_split(np.argsort(brain.noise_ceiling), 4)
    for ax, title, sign in zip(figure.axes, ("one", "two"), (1, -1), strict=True):
        found, gain = bars(ax), sign * r2_gain(fast, reference)
        assert ax.get_title() == title and list(found) == [*fast.layers, "stack"]
        for (points, low, high), row in zip(found.values(), gain, strict=True):
            means = [bootstrap_mean(row[group]) for group in groups]
            np.testing.assert_allclose(points[:, 1], [mean.estimate for mean in means])
            np.testing.assert_allclose((low, high), np.transpose([(mean.low, mean.high) for mean in means]))
            np.testing.assert_allclose(points[:, 0], [brain.noise_ceiling[g].mean() for g in groups], atol=0.03)
        looks = [(drawn.lines[0].get_color(), drawn.lines[0].get_marker()) for drawn in ax.containers]
        assert len(set(looks)) == len(looks), "no two layers look alike, and the stack like none"
    assert "SIMULATED" in figure.get_suptitle()
    assert gain_by_ceiling({"one": (make_brain(MEASURED), fast, reference)}).get_suptitle() == ""
