"""What encoding and decoding cost, and how well the protocols predict: figures and tables of the page on speed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lib.analysis.encoding import EncodingResult
from lib.core.scores import bootstrap_mean
from lib.core.tables import Table
from lib.data import Participant
from lib.figures import style
from lib.figures.style import COLOURS, MARKERS, SMALL, subplots

N_GROUPS = 4

RESULTS = Path(__file__).with_suffix(".json")  # what `python -m benchmarks` writes
RATIOS = {
    "ours is faster by": "himalaya, ours by generalised CV",
    "K-fold is faster by": "himalaya, ours by the folds",
    "times the limit": "arithmetic limit",
}
SPECTRA = {"decaying": -0.07, "flat": 0.07}  # of a layer's features, and where its dots lie


def benchmark(name: str, results: Path = RESULTS) -> dict[str, Any]:
    """The last run of a benchmark, from the file of results: its rows, the date, and the machine.

    Raises
    ------
    FileNotFoundError
        It was never run here; `make bench` does.
    """
    found = json.loads(results.read_text()) if results.exists() else {}
    if name not in found:
        raise FileNotFoundError(
            f"{results} holds no benchmark {name!r}: run make bench, make rehearsal or make verdicts."
        )
    return found[name]


def machine_note(run: Mapping[str, Any]) -> Markdown:
    """One sentence: where and when a benchmark was measured, and what the machine can do."""
    m = run["machine"]
    return Markdown(
        f"Measured on {run['date']} on {m['threads']} cores of an {m['processor']} that multiply matrices at "
        f"{m['flops32'] / 1e9:.0f} (float32) and {m['flops64'] / 1e9:.0f} (float64) billion operations a second and "
        f"copy {m['bandwidth'] / 1e9:.0f} GB a second."
    )


def benchmark_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    """Some columns of a benchmark's rows, under headings of their own.

    Parameters
    ----------
    rows : sequence of mappings
    columns : mapping of key in the rows to heading
    """
    return Table(list(columns.values()), [[_number(row.get(key)) for key in columns] for row in rows])


def shape_ratios(shapes: Sequence[Mapping[str, Any]]) -> Figure:
    """Time of himalaya and of the arithmetic limit over ours, a dot per shape and a ring around the worst one.

    Parameters
    ----------
    shapes : sequence of mappings
        Each shape's spectrum and ratios, as `python -m benchmarks shapes` records them.
    """
    figure, axes = subplots(1, 1, (7.2, 3.2))
    ax = axes[0, 0]
    spectra = np.array([shape["spectrum"] for shape in shapes])
    for row, (key, name) in enumerate(RATIOS.items()):
        ratio = np.array([shape[key] for shape in shapes])
        limit = key == "times the limit"  # is faster than we are
        times, heights = 1 / ratio if limit else ratio, np.array([row + SPECTRA[one] for one in spectra])
        for colour, marker, spectrum in zip(COLOURS, MARKERS, SPECTRA, strict=False):
            look = {"color": colour, "marker": marker, "ms": 5, "alpha": 0.7, "mec": "none", "ls": ""}
            own = spectra == spectrum
            ax.plot(times[own], heights[own], label=f"{spectrum} spectrum", **look)
        worst, share = times.argmin(), "1/" * limit
        ax.plot(times[worst], heights[worst], "o", color="0", ms=10, mfc="none", label="worst shape")
        words = f"{name}: median {share}{np.median(ratio):.2g}, worst {share}{ratio[worst]:.2g}"
        box = {"fc": "white", "ec": "none", "pad": 1}
        ax.text(0.01, row - 0.3, words, fontsize=SMALL, bbox=box, transform=ax.get_yaxis_transform())
    ax.axvline(1, color="0.4", lw=1)
    ax.set(xscale="log", yticks=[], ylim=(len(RATIOS) - 0.6, -0.7))
    style.label_axes(ax, "", "time, as a multiple of this book's")
    ticks = {1 / 3: "1/3", 1: "1\n(this book)", 3: "3", 10: "10", 30: "30"}
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.minorticks_off()
    style.legend_below(figure, ax, ncols=3)
    return figure


def _number(value: object) -> str:
    if isinstance(value, float) and abs(value) < 1000:
        return f"{value:.3g}"
    return "" if value is None else f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def growth_curves(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Seconds of one layer against its number of images, features and voxels, and the arithmetic limit."""
    swept = list(dict.fromkeys(row["grows"] for row in rows))
    figure, axes = subplots(1, len(swept), (7.2, 3.2), sharey=True)
    lines = {"seconds": "whole job", "products over features": "products over features", "the rest": "the rest"}
    for ax, name in zip(axes.flat, swept, strict=True):
        some = [row for row in rows if row["grows"] == name]
        size = [row[name] for row in some]
        for (key, label), colour, marker in zip(lines.items(), COLOURS, MARKERS, strict=False):
            ax.loglog(size, [row[key] for row in some], marker=marker, color=colour, ms=4, lw=1.5, label=label)
        ax.loglog(size, [row["limit"] for row in some], color="0.4", ls="--", lw=1, label="arithmetic limit")
        ax.set_xlabel(f"number of {name}", fontsize=SMALL)
        ax.set_xticks(size, [f"{n:,}" for n in size], fontsize=SMALL - 1, rotation=30)
        ax.minorticks_off()
        style.label_powers(ax.yaxis)
        ax.tick_params(axis="y", labelsize=SMALL)
    axes[0, 0].set_ylabel("seconds", fontsize=SMALL)
    style.legend_below(figure, axes[0, 0], ncols=4)
    return figure


def r2_gain(fast: EncodingResult, reference: EncodingResult) -> np.ndarray:
    """R2 on held-out images of one analysis minus that of another, array of shape (n_layers + 1, n_voxels).

    The last row is the stack's.
    """
    signed = [np.vstack([result.score, result.stacked_score]) for result in (fast, reference)]
    first, second = (R * np.abs(R) for R in signed)
    return first - second


def gain_by_ceiling(studies: Mapping[str, tuple[Participant, EncodingResult, EncodingResult]]) -> Figure:
    """Mean gain per layer by the voxels' noise ceiling, 95 % intervals over voxels; a panel per study.

    Parameters
    ----------
    studies : mapping of title to (participant, result of the fast protocol, result of the reference protocol)
    """
    figure, axes = subplots(1, len(studies), (7.2, 3.4), sharey=True)
    for ax, (title, (participant, fast, reference)) in zip(axes.flat, studies.items(), strict=True):
        gain = r2_gain(fast, reference)
        groups = np.array_split(np.argsort(participant.noise_ceiling), N_GROUPS)
        centres = np.array([participant.noise_ceiling[group].mean() for group in groups])
        for k, name in enumerate([*fast.layers, "stack"]):
            found = [bootstrap_mean(gain[k, group]) for group in groups]
            whole = {"color": "0.45", "marker": "X", "ls": "--"} if name == "stack" else {}
            usual = {"label": name, "ms": 3, "lw": 1, "capsize": 0}
            style.errorbar(ax, centres + 0.004 * (k - 3), found, k, **usual | whole)
        ax.axhline(0, color="0.4", lw=0.8)
        ax.set_yscale("symlog", linthresh=0.1)  # z-scored layers can fail by whole units of R2
        ax.yaxis.set_major_locator(FixedLocator([-0.1, 0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_title(title, fontsize=SMALL)
        ax.set_xlabel("noise ceiling (R²)", fontsize=SMALL)
        ax.tick_params(labelsize=SMALL)
    axes[0, 0].set_ylabel("R², fast minus reference", fontsize=SMALL)
    style.small_legend(axes[0, -1], fontsize=SMALL - 1, ncols=2)
    return style.label_data(figure, any(participant.source.simulated for participant, _, _ in studies.values()))
