"""Paper W's figures: layers and stacking weights by area, and what the simulation planted beside what was found."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from lib.analysis.encoding_study import EncodingStudy
from lib.claims.claim import Contrast
from lib.claims.wang2021 import ALEXNETS, RESNETS, task_shift
from lib.core.scores import Interval, bootstrap_mean, signed_root
from lib.data.areas import EARLY, FACE, PLACE, ROIS
from lib.figures import style
from lib.figures.style import COLOURS, MARKERS, NORMAL, SMALL, NumberedFigure, subplots
from lib.simulation.worlds import WORLDS, World

ROI_GROUPS = {"Early visual": EARLY, "Place": PLACE, "Face": FACE}
_NARROW_NAMES = 6  # that have room below a panel on a narrow screen
_CEILING: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": "--"}
ARCHITECTURES = {"AlexNet": ALEXNETS, "ResNet50": RESNETS}


def label_studies(figure: Figure, *studies: EncodingStudy) -> Figure:
    """Write the warning about the data of some studies above the panels of a figure, and return the figure."""
    return style.label_data(figure, *data_of(*studies))


def data_of(*studies: EncodingStudy) -> tuple[bool, str, int]:
    """Arguments for `lib.figures.style.data_warning`: of several studies, those that deserve it most."""
    weights = min((study.weights for study in studies), key=lambda name: name != "miniature")
    n_best = min(study.n_best for study in studies)
    return any(study.participant.source.simulated for study in studies), weights, n_best


def encoding_figure(study: EncodingStudy, selection: str = "test") -> Figure:
    """The layout of paper W's figures: R of each network's layers, then the stacking weights, one column per ROI.

    A line is a voxel: the `study.n_best` best of the ROI by stacked score on the test images, as published, or by
    out-of-fold score (`selection="out-of-fold"`). The dark line is their mean, the dashed one that of their noise
    ceilings. On a narrow screen, ROIs are rows.
    """
    figure = _areas_by_measure(study, selection, areas_across=True)
    figure.narrow = _areas_by_measure(study, selection, areas_across=False)
    return figure


def _areas_by_measure(study: EncodingStudy, selection: str, areas_across: bool) -> NumberedFigure:
    """A panel for each ROI and measure, ROIs side by side, or one below the other for a narrow screen."""
    rois = study.rois()
    kinds = [(name, what) for what in ("score", "weights") for name in study.encoding]
    shape = (len(kinds), len(rois)) if areas_across else (len(rois), len(kinds))
    size = (10, 1.5 * len(kinds) + 0.5) if areas_across else (3.7, 0.85 * len(rois) + 1)
    figure, axes = subplots(*shape, size, sharex="col", sharey="row" if areas_across else True)
    grid = axes if areas_across else axes.T  # (n_kinds, n_rois)
    for (name, what), row in zip(kinds, grid, strict=True):
        result, label = study.encoding[name], f"{name}\n{'R' if what == 'score' else 'weight'}"
        n = len(result.layers)
        step = 1 if areas_across or n <= _NARROW_NAMES else 2  # for more names there is no room
        names = [layer if (n - 1 - i) % step == 0 else "" for i, layer in enumerate(result.layers)]
        for ax, roi in zip(row, rois, strict=True):
            best = study.best(name, roi, selection)
            _voxel_lines(ax, getattr(result, what)[:, best], _roi_colour(roi))
            ax.set_xticks(range(n), names, rotation=90, fontsize=SMALL if areas_across else SMALL - 1)
            if what == "score":
                ax.axhline(0, color="0.6", linewidth=0.6)
                ceiling = signed_root(study.participant.noise_ceiling[best])
                ax.axhline(ceiling[np.isfinite(ceiling)].mean() if np.isfinite(ceiling).any() else np.nan, **_CEILING)
        if areas_across:
            row[0].set_ylabel(label, fontsize=NORMAL)
        else:
            row[0].set_title(label.replace("-", "-\n"), fontsize=SMALL)
    for ax, roi in zip(grid[0], rois, strict=True):
        write = ax.set_title if areas_across else ax.set_ylabel
        write(roi, fontsize=NORMAL + 1, color=_roi_colour(roi), weight="bold")
    label_studies(figure, study)
    return figure


def _voxel_lines(ax: Axes, values: np.ndarray, colour: str) -> None:
    """Thin lines (n_layers, n_voxels), and their mean."""
    ax.plot(values, color=colour, alpha=np.clip(16 / values.shape[1], 0.08, 0.4), linewidth=0.6)
    ax.plot(values.mean(1), color="black", linewidth=1.6, label="mean")
    ax.tick_params(axis="y", labelsize=SMALL)


def _roi_colour(roi: str) -> str:
    return next((c for c, rois in zip(COLOURS, ROI_GROUPS.values(), strict=False) if roi in rois), "0.3")


def _groups(study: EncodingStudy) -> dict[str, list[str]]:
    """The participant's ROIs in groups, those of other names in a group of their own; no group is empty."""
    known = {name: study.rois(rois) for name, rois in ROI_GROUPS.items()}
    others = [roi for roi in study.rois() if roi not in ROIS]
    return {name: rois for name, rois in {**known, "Other": others}.items() if rois}


def preferred_layers(study: EncodingStudy, selection: str = "out-of-fold") -> Figure:
    """Which layer predicts each voxel best: the share of an ROI's voxels per layer, their median and middle half."""
    rois = study.rois()
    figure, axes = subplots(1, len(study.encoding), (8.5, 0.32 * len(rois) + 1.4), sharey=True)
    for ax, (name, result) in zip(axes.flat, study.encoding.items(), strict=True):
        best = [result.score[:, study.best(name, roi, selection)].argmax(0) for roi in rois]
        shares = np.array([np.bincount(b, minlength=len(result.layers)) / max(1, len(b)) for b in best])
        picture = ax.imshow(shares, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        low, middle, high = np.array([np.quantile(b, (0.25, 0.5, 0.75)) for b in best]).T
        error = (middle - low, high - middle)
        bars = ax.errorbar(middle, range(len(rois)), xerr=error, fmt="o", color="white", markersize=4, capsize=2)
        for part in bars.get_children():
            part.set_path_effects([withStroke(linewidth=3.5, foreground="black")])  # seen on white and on black
        ax.set_title(name, fontsize=NORMAL)
        style.label_layers(ax, result.layers)
    axes.flat[0].set_yticks(range(len(rois)), rois, fontsize=SMALL)
    figure.colorbar(picture, ax=axes, label="share of the ROI's best voxels")
    return label_studies(figure, study)


def preferred_layer_maps(study: EncodingStudy) -> Figure:
    """The layer that predicts each voxel best on test images, where the voxel lies: a row per network, a panel per ROI.

    A panel looks along the axis in which the ROI is narrowest: a simulated ROI is a sheet. Voxels whose stack predicts
    nothing, R <= 0, are left out.

    Raises
    ------
    ValueError
        Nobody knows where the voxels lie.
    """
    rois, positions = study.rois(), study.participant.coordinates
    if positions is None:
        raise ValueError(f"{study.participant.name}: nobody knows where its voxels lie, so there is no map of them.")
    figure, axes = subplots(len(study.encoding), len(rois), (10, 1.1 * len(study.encoding) + 0.3))
    for row, (name, result) in zip(axes, study.encoding.items(), strict=True):
        n = len(result.layers)
        for ax, roi in zip(row, rois, strict=True):
            inside = study.participant.roi(roi)
            widest = np.sort(np.argsort(-np.ptp(positions[inside], axis=0), kind="stable")[:2])
            shown = inside & (result.stacked_score > 0)
            best = result.score[:, shown].argmax(0)
            dots = ax.scatter(
                *positions[shown][:, widest].T, c=best, s=4000 / inside.sum(), marker="s", linewidths=0,
                cmap="viridis", norm=BoundaryNorm(np.arange(n + 1) - 0.5, 256),
            )  # fmt: skip
            ax.set(aspect="equal", xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=SMALL)
        bar = figure.colorbar(dots, ax=row, ticks=range(n))
        bar.ax.set_yticklabels(result.layers, fontsize=SMALL)
    for ax, roi in zip(axes[0], rois, strict=True):
        ax.set_title(roi, fontsize=NORMAL, color=_roi_colour(roi))
    return label_studies(figure, study)


def planted_and_recovered(study: EncodingStudy) -> Figure:
    """Which layers were planted to predict best (bars) beside the stacking weights found (dots), per group of ROIs.

    Bars are shares of the profiles that name a layer; where none names the network, or nobody knows, there is no bar.
    """
    world = WORLDS.get(study.participant.source.world or "")
    groups = _groups(study)
    figure, axes = subplots(len(study.encoding), len(groups), (9, 2 * len(study.encoding)), sharey=True, sharex="row")
    for row, (name, result) in zip(axes, study.encoding.items(), strict=True):
        for ax, (group, rois) in zip(row, groups.items(), strict=True):
            planted = np.mean([_planted_shares(world, roi, name, result.layers) for roi in rois], axis=0)
            ax.bar(range(len(result.layers)), planted, color="0.8", label="planted to predict best")
            for roi in rois:
                found = result.weights[:, study.best(name, roi, "out-of-fold")].mean(1)
                ax.plot(found, "o", color=_roi_colour(roi), markersize=3.5, label=f"_{roi}")  # not in the legend
            ax.plot([], "o", color="0.3", markersize=3.5, label="stacking weight, one dot per ROI")
            style.label_layers(ax, result.layers)
            ax.set_title(f"{group}: {', '.join(rois)}", fontsize=SMALL, color=_roi_colour(rois[0]))
        row[0].set_ylabel(f"{name}\nshare, weight", fontsize=SMALL)
    style.legend_below(figure, axes[0, 0], ncols=2, frameon=True)
    return label_studies(figure, study)


def _planted_shares(world: World | None, roi: str, network: str, layers: Sequence[str]) -> np.ndarray:
    planted = world.planted(roi, network) if world else {}
    shares = np.array([planted.get(layer, 0.0) for layer in layers])
    return shares / max(shares.sum(), 1e-12)


def network_scores(study: EncodingStudy) -> Figure:
    """Mean R of every network's stack over all voxels of an ROI, with its 95 % interval."""
    rois = study.rois()
    figure, axes = subplots(1, 1, (8, 3.2))
    ax, shifts = axes[0, 0], np.linspace(-0.3, 0.3, len(study.encoding))
    for i, (shift, (name, result)) in enumerate(zip(shifts, study.encoding.items(), strict=True)):
        found = [bootstrap_mean(result.stacked_score[study.participant.roi(roi)]) for roi in rois]
        style.errorbar(ax, np.arange(len(rois)) + shift, found, i, label=name, ls="none", ms=4.5, lw=1.2)
    ax.axhline(0, color="0.6", lw=0.6)
    ax.set_xticks(range(len(rois)), rois, fontsize=SMALL)
    style.label_axes(ax, "", "", "mean R of the stack")
    style.legend_below(figure, ax, ncols=min(6, len(study.encoding)))
    return label_studies(figure, study)


def stack_against_ceiling(study: EncodingStudy) -> Figure:
    """Variance the stack explains in each voxel against the largest that any model could explain.

    Grey counts voxels, on a logarithmic scale; a line is the median of a group's voxels in ten steps of the ceiling.
    """
    figure, axes = subplots(1, len(study.encoding), (8, 3.6), sharex=True, sharey=True)
    ceiling = study.participant.noise_ceiling
    for ax, (name, result) in zip(axes.flat, study.encoding.items(), strict=True):
        explained = np.sign(result.stacked_score) * result.stacked_score**2
        ax.hexbin(ceiling, explained, extent=(0, 1, -0.2, 1), gridsize=40, bins="log", mincnt=1, cmap="Greys", lw=0)
        for i, (group, rois) in enumerate(_groups(study).items()):
            voxels = np.any([study.participant.roi(roi) for roi in rois], axis=0)
            x, y = _medians(ceiling[voxels], explained[voxels])
            ax.plot(x, y, color=_roi_colour(rois[0]), marker=MARKERS[i], ms=4, label=group)
        ax.plot([0, 1], [0, 1], **_CEILING, label="noise ceiling")
        ax.set(xlim=(0, 1), ylim=(-0.2, 1), xlabel="noise ceiling (variance)")
        ax.set_title(name, fontsize=NORMAL)
    axes.flat[0].set_ylabel("variance explained by the stack, R²")
    style.small_legend(axes.flat[0])
    return label_studies(figure, study)


def _medians(x: np.ndarray, y: np.ndarray, n_steps: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Medians of x and y in groups of equal size along x, arrays of shape (n_groups,)."""
    groups = [group for group in np.array_split(np.argsort(x), n_steps) if len(group)]
    return np.array([np.median(x[group]) for group in groups]), np.array([np.median(y[group]) for group in groups])


def task_shifts(studies: Mapping[str, EncodingStudy]) -> Figure:
    """Layers by which the stacking weights' centre moves with the task, per ROI: a panel per participant.

    A colour per architecture; its two networks are compared on the same voxels. Areas that decide nothing are left out.
    """
    figure, axes = subplots(len(studies), 1, (8, 2.6 * len(studies) + 0.4), sharex=True, sharey=True)
    for ax, (title, study) in zip(axes.flat, studies.items(), strict=True):
        rois = study.rois(ROIS)
        for i, (label, pair) in enumerate(ARCHITECTURES.items()):
            shifts = [task_shift(study, pair, roi) for roi in rois]
            found = [one.interval() if isinstance(one, Contrast) else Interval(*[np.nan] * 3) for one in shifts]
            style.errorbar(ax, np.arange(len(rois)) + 0.2 * i - 0.1, found, i, label=label, ls="none", ms=4.5)
        ax.axhline(0, color="0.6", lw=0.6)
        ax.set_xticks(range(len(rois)), rois, fontsize=SMALL)
        ax.set_ylabel("shift of the weights' centre, layers", fontsize=SMALL)
        ax.set_title(title, fontsize=NORMAL)
    style.small_legend(axes[0, 0])
    return label_studies(figure, *studies.values())
