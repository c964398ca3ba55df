"""The pictures around the figures: methods, miniature world, simulated participant."""

from collections.abc import Mapping, Sequence
from itertools import groupby, product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.analysis.encoding import EncodingResult
from lib.analysis.encoding_study import EncodingStudy, best_layer_score
from lib.core.scores import correlation, noise_ceiling, r2, signed_root
from lib.data.areas import ROIS
from lib.figures.papers import COLOURS, MARKERS, NORMAL, SMALL, montage, stamp, subplots, table
from lib.networks import ZOO, Network
from lib.simulation.cards import Score, read_card, scores
from lib.simulation.scenes import OBJECTS, SCENES, Scenes, edges_2d, edges_3d
from lib.simulation.tasks import CLASSES, EDGES, target
from lib.simulation.worlds import Drive, World

SCENE_DPI = 90  # draws a scene of 64 pixels a little larger than it is; a page of them at 150 weighed 3 MB


def _plain(ax: Axes, title: str, x: str = "", y: str = "") -> None:
    """Small labels, and no frame where there is no axis."""
    ax.set_title(title, fontsize=NORMAL)
    ax.set_xlabel(x, fontsize=SMALL)
    ax.set_ylabel(y, fontsize=SMALL)
    ax.tick_params(labelsize=SMALL)
    ax.spines[["top", "right"]].set_visible(False)


# Noise ceilings.


def repeated_responses(repeats: np.ndarray, signal: np.ndarray, ncsnr: np.ndarray, voxels: Sequence[int]) -> Figure:
    """Every repeat of the first 40 images, ordered by the known signal; one panel per voxel.

    Parameters
    ----------
    repeats : array of shape (n_images, n_repeats, n_voxels)
    signal : array of shape (n_images, n_voxels)
    ncsnr : array of shape (n_voxels,)
    """
    figure, axes = subplots(1, len(voxels), (7.2, 2.8), sharey=True)
    for ax, voxel in zip(axes.flat, voxels, strict=True):
        order = np.argsort(signal[:40, voxel])
        ax.plot(repeats[order, :, voxel], ".", color="0.6", ms=4)
        ax.plot(repeats[order, :, voxel].mean(1), color=COLOURS[0], lw=1.2, label="mean of the repeats")
        strength = ncsnr[voxel] / np.hypot(1, ncsnr[voxel])
        ax.plot(strength * signal[order, voxel], color="black", lw=1.6, label="known signal")
        _plain(ax, f"ncsnr = {ncsnr[voxel]:.2f}", "image, in order of the signal")
    axes[0, 0].set_ylabel("response, standardised", fontsize=SMALL)
    axes[0, 0].legend(fontsize=SMALL, frameon=False)
    return stamp(figure, True)


def ceiling_check(ncsnr: np.ndarray, estimated: np.ndarray, reached: Mapping[int, np.ndarray]) -> Figure:
    """Estimated against planted ncsnr, and the true model's R2 against the formula of the noise ceiling.

    Parameters
    ----------
    ncsnr, estimated : arrays of shape (n_voxels,)
    reached : mapping of the number of repeats averaged to R2, array of shape (n_voxels,)
    """
    figure, axes = subplots(1, 2, (7.2, 3))
    axes[0, 0].plot(ncsnr, estimated, ".", color="0.5", ms=3)
    axes[0, 0].plot(ncsnr, ncsnr, color="black", lw=1)
    _plain(axes[0, 0], "ncsnr from repeats alone", "planted ncsnr", "estimated ncsnr")
    for colour, (n_repeats, r2_of_truth) in zip(COLOURS, reached.items(), strict=False):
        axes[0, 1].plot(ncsnr, r2_of_truth, ".", color=colour, ms=2, alpha=0.5)
        axes[0, 1].plot(ncsnr, noise_ceiling(ncsnr, n_repeats), color=colour, lw=1.6, label=f"{n_repeats} averaged")
    _plain(axes[0, 1], "the true model", "planted ncsnr", "R2 of the true model")
    axes[0, 1].legend(title="repeats", title_fontsize=SMALL, fontsize=SMALL, frameon=False)
    return stamp(figure, True)


def score_against_scale(y: np.ndarray, prediction: np.ndarray, scales: np.ndarray) -> Figure:
    """R2, signed R and r of one voxel's prediction times each scale.

    Parameters
    ----------
    y, prediction : arrays of shape (n_images, 1)
    scales : array of shape (n_scales,)
    """
    scaled = scales[:, None, None] * prediction  # (n_scales, n_images, 1)
    explained = r2(y, scaled)[:, 0]
    figure, axes = subplots(1, 1, (6, 3))
    curves = {"R2": explained, "R": signed_root(explained), "r": correlation(y, scaled)[:, 0]}
    for colour, style, (name, values) in zip(COLOURS, ("-", "--", "-."), curves.items(), strict=False):
        axes[0, 0].plot(scales, values, style, color=colour, label=name, lw=1.8)
    axes[0, 0].axhline(0, color="0.6", lw=0.6)
    _plain(axes[0, 0], "one prediction, stretched", "true prediction times", "score")
    axes[0, 0].legend(fontsize=SMALL, frameon=False)
    return stamp(figure, True)


def selection_effect(study: EncodingStudy, network: str) -> Figure:
    """Mean test score of the voxels chosen by that very score, and of those chosen out of fold, per ROI."""
    score, rois = study.encoding[network].stacked_score, study.rois(ROIS)
    figure, axes = subplots(1, 1, (7.2, 2.8))
    ways = {"test": "by test score, as published", "out-of-fold": "by out-of-fold score"}
    for colour, marker, (selection, label) in zip(COLOURS, MARKERS, ways.items(), strict=False):
        means = [score[study.best(network, roi, selection)].mean() for roi in rois]
        axes[0, 0].plot(rois, means, marker, color=colour, label=f"best {study.n_best} {label}")
    everybody = [np.nanmean(score[study.participant.roi(roi)]) for roi in rois]
    axes[0, 0].plot(rois, everybody, "_", color="black", label="all voxels")
    axes[0, 0].axhline(0, color="0.6", lw=0.6)
    _plain(axes[0, 0], study.participant.source.description, "", "mean R on test images")
    axes[0, 0].legend(fontsize=SMALL, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, -0.42))
    return stamp(figure, study.participant.source.simulated)


# Ridge regression.


def shrinkage(e: np.ndarray, Z: np.ndarray, alphas: Sequence[float]) -> Figure:
    """Share of each principal direction that survives each penalty, and where a clear and a noisy voxel have theirs.

    Parameters
    ----------
    e : array of shape (rank,)
    Z : array of shape (rank, 2)
        Two voxels' coordinates U'y, labelled clear and noisy.
    """
    e, Z = e[::-1], Z[::-1]
    direction = np.arange(1, len(e) + 1)
    figure, axes = subplots(1, 2, (7.2, 2.9))
    for colour, alpha in zip(COLOURS, alphas, strict=False):
        axes[0, 0].plot(direction, e / (e + alpha), color=colour, label=f"alpha = {alpha:g}")
    _plain(axes[0, 0], "what ridge keeps", "principal direction", "e / (e + alpha)")
    for colour, label, z in zip(COLOURS[3:], ("clear voxel", "noisy voxel"), Z.T, strict=False):
        axes[0, 1].plot(direction, np.cumsum(z**2) / np.sum(z**2), color=colour, label=label)
    _plain(axes[0, 1], "what the voxels hold", "principal direction", "share of variance up to here")
    for ax in axes.flat:
        ax.legend(fontsize=SMALL, frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, -0.5))
    return stamp(figure, True)


def penalty_curves(alphas: np.ndarray, curves: Mapping[str, np.ndarray], titles: Sequence[str]) -> Figure:
    """Criteria over penalties, each relative to its value at the largest one, minima marked; a panel per voxel.

    Parameters
    ----------
    alphas : array of shape (n_alphas,), ascending
    curves : mapping of label to array of shape (n_alphas, n_voxels)
    titles : n_voxels strings
    """
    figure, axes = subplots(1, len(titles), (7.2, 2.9), sharey=True)
    for colour, marker, (label, values) in zip(COLOURS, MARKERS, curves.items(), strict=False):
        values = values / values[-1]
        for ax, curve in zip(axes.flat, values.T, strict=True):
            ax.semilogx(alphas, curve, color=colour, label=label)
            ax.plot(alphas[curve.argmin()], curve.min(), marker, color=colour, ms=8, fillstyle="none", mew=1.6)
    for ax, title in zip(axes.flat, titles, strict=True):
        _plain(ax, title, "penalty alpha")
        ax.axhline(1, color="0.6", lw=0.6)
        ax.set_ylim(0, 2)
    axes[0, 0].set_ylabel("relative to the largest penalty", fontsize=SMALL)
    axes[0, 0].legend(fontsize=SMALL, frameon=False, loc="lower right")
    return stamp(figure, True)


def rare_units(share_active: np.ndarray, largest: Mapping[str, np.ndarray]) -> Figure:
    """Largest test activation of each unit against how often it is active in training, per way of scaling.

    Parameters
    ----------
    share_active : array of shape (n_features,)
    largest : mapping of label to array of shape (n_features,)
    """
    figure, axes = subplots(1, 1, (6, 3))
    for colour, marker, (label, values) in zip(COLOURS, MARKERS, largest.items(), strict=False):
        axes[0, 0].plot(share_active, values, marker, color=colour, ms=3, alpha=0.6, label=label)
    axes[0, 0].loglog()
    _plain(axes[0, 0], "", "share of training images that drive the unit", "largest value on test images")
    axes[0, 0].legend(fontsize=SMALL, frameon=False, markerscale=2)
    return stamp(figure, True)


# Stacking.

CORNERS = np.array([[0, 0], [1, 0], [0.5, 0.866]])


def simplex(P: np.ndarray, weights: np.ndarray, layers: Sequence[str], titles: Sequence[str]) -> Figure:
    """The error w'Pw over all convex combinations of three layers, darkest where smallest; a panel per voxel.

    Parameters
    ----------
    P : array of shape (n_voxels, 3, 3)
    weights : array of shape (n_voxels, 3)
        Marked by a star.
    layers, titles : three and n_voxels strings
    """
    grid = np.array([(a, b, 100 - a - b) for a in range(101) for b in range(101 - a)]) / 100
    figure, axes = subplots(1, len(P), (7.2, 2.9))
    for ax, p, w, title in zip(axes.flat, P, weights, titles, strict=True):
        error = np.einsum("gi,ij,gj->g", grid, p, grid)
        ax.tricontourf(*(grid @ CORNERS).T, error, 12, cmap="cividis")
        ax.plot(*(w @ CORNERS), "*", color=COLOURS[1], ms=13, mec="white", clip_on=False)
        for corner, layer in zip(1.12 * (CORNERS - CORNERS.mean(0)) + CORNERS.mean(0), layers, strict=True):
            ax.text(*corner, layer, fontsize=NORMAL, ha="center", va="center")
        ax.set_title(title, fontsize=NORMAL, pad=14)
        ax.set(xlim=(-0.12, 1.12), ylim=(-0.1, 1.02), aspect="equal")
        ax.axis("off")
    return stamp(figure, True)


def weights_against_overlap(
    overlaps: Sequence[float], weights: np.ndarray, alone: np.ndarray, layers: Sequence[str]
) -> Figure:
    """Mean stacking weight, and mean R2 of each layer alone, as one layer takes in more and more of the others.

    Parameters
    ----------
    overlaps : n_overlaps numbers
    weights, alone : arrays of shape (n_overlaps, n_layers)
    """
    figure, axes = subplots(1, 2, (7.2, 3), sharex=True)
    for ax, values, title in zip(
        axes.flat, (weights, alone), ("stacking weight", "R2 of the layer alone"), strict=True
    ):
        for colour, marker, layer, curve in zip(COLOURS, MARKERS, layers, values.T, strict=False):
            ax.plot(overlaps, curve, marker=marker, color=colour, ms=4, label=layer)
        _plain(ax, title, "share of C that is made of A and B")
    axes[0, 0].legend(fontsize=SMALL, frameon=False)
    return stamp(figure, True)


def stack_against_best(result: EncodingResult) -> Figure:
    """R of the stack against R of the best single layer, out of fold and on test images; a point is a voxel."""
    pairs = {
        "out of fold": (result.cv_score.max(0), result.stacked_cv_score),
        "test images, layer chosen out of fold": (best_layer_score(result), result.stacked_score),
    }
    figure, axes = subplots(1, 2, (7.2, 3.4), sharex=True, sharey=True)
    for ax, (title, (single, stack)) in zip(axes.flat, pairs.items(), strict=True):
        ax.plot(single, stack, ".", color=COLOURS[0], ms=4)
        ax.axline((stack.min(), stack.min()), slope=1, color="black", lw=0.8)
        _plain(ax, title, "R of the best layer", "R of the stack")
    return stamp(figure, True)


# The simulated participant.


def planted(world: World) -> Figure:
    """Which layers of which networks drive each area in one world, see `planted_worlds`."""
    return planted_worlds({"": world})


def planted_worlds(worlds: Mapping[str, World]) -> Figure:
    """Which layers drive each area, a panel per world: the darker, the later in its network.

    Areas with the same shares stand in one row. The number is the share of the voxels' signal that the network drives.
    """
    rows = {name: _rows_of(world) for name, world in worlds.items()}
    heights = [len(r) + 1.2 for r in rows.values()]
    figure, axes = subplots(len(worlds), 1, (7.2, 0.42 * sum(heights) + 0.5), height_ratios=heights)
    for ax, (name, world) in zip(axes.flat, worlds.items(), strict=True):
        networks = world.networks() or ("no network",)
        for (row, shares), (column, network) in product(enumerate(rows[name].values()), enumerate(networks)):
            _planted_cell(ax, row, column, network, {tap[1]: s for tap, s in shares.items() if tap[0] == network})
        ax.set(xlim=(-0.5, len(networks) - 0.5), ylim=(len(rows[name]) - 0.5, -0.5))
        ax.set_xticks(range(len(networks)), networks, fontsize=7)
        ax.set_yticks(range(len(rows[name])), rows[name], fontsize=SMALL)
        ax.set_title(f"{name}: {world.description}".removeprefix(": "), fontsize=NORMAL, loc="left")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return stamp(figure, True)


def _rows_of(world: World) -> dict[str, Drive]:
    """Drives by the areas, one after the other, that share them: "V2 to V4"."""
    runs = [(shares, list(rois)) for shares, rois in groupby(world.drive, lambda roi: dict(world.drive[roi]))]
    return {rois[0] if len(rois) == 1 else f"{rois[0]} to {rois[-1]}": shares for shares, rois in runs}


def _planted_cell(ax: Axes, row: int, column: int, network: str, shares: Mapping[str, float]) -> None:
    """One network's layers in one row of areas: how deep they lie as a shade, their names and their share as words."""
    total = sum(shares.values())
    if not total:
        ax.text(column, row, "nothing", ha="center", va="center", fontsize=7, color="0.4")
        return
    layers = list(ZOO[network].layers)
    depth = sum(share * layers.index(layer) for layer, share in shares.items()) / total / (len(layers) - 1)
    ax.add_patch(Rectangle((column - 0.48, row - 0.45), 0.96, 0.9, color=plt.get_cmap("Blues")(0.1 + 0.8 * depth)))
    names = " + ".join(shares) if len(shares) < 3 else "all layers" if len(shares) == len(layers) else "several"
    colour = "white" if depth > 0.55 else "black"
    ax.text(column, row, f"{names}\n{100 * total:.0f} %", ha="center", va="center", fontsize=7, color=colour)


def sessions(raw: np.ndarray, standardised: np.ndarray, session: np.ndarray) -> Figure:
    """One voxel's trials in the order they were measured, before and after standardising within sessions.

    Parameters
    ----------
    raw, standardised, session : arrays of shape (n_trials,)
    """
    figure, axes = subplots(2, 1, (7.2, 3.8), sharex=True)
    names = ("percent signal change", "standardised")
    for ax, values, name in zip(axes.flat, (raw, standardised), names, strict=True):
        for label in np.unique(session):
            trials = np.flatnonzero(session == label)
            middle, spread = values[trials].mean(), values[trials].std()
            ax.plot(trials, values[trials], ".", ms=2, color="0.75", zorder=0)
            ax.fill_between(trials, middle - spread, middle + spread, color=COLOURS[label % 2], alpha=0.35, lw=0)
            ax.hlines(middle, *trials[[0, -1]], color="black", lw=2)
        ax.set_ylim(-2, 2.5)
        _plain(ax, "", "", name)
    axes[1, 0].set_xlabel("trial; colours alternate between sessions", fontsize=SMALL)
    return stamp(figure, True)


def ncsnr_histograms(estimated: Mapping[str, np.ndarray], quartiles: Mapping[str, Sequence[float]]) -> Figure:
    """Distribution of ncsnr per group of ROIs, with the quartiles measured on NSD as lines.

    Parameters
    ----------
    estimated : mapping of group to array of shape (n_voxels,)
    quartiles : mapping of group to its three quartiles
    """
    figure, axes = subplots(1, len(estimated), (7.2, 2.8), sharex=True, sharey=True)
    for ax, (group, values) in zip(axes.flat, estimated.items(), strict=True):
        ax.hist(values, np.linspace(0, 1.5, 31), color="0.75")
        for value, style in zip(quartiles[group], (":", "-", ":"), strict=True):
            ax.axvline(value, color=COLOURS[1], linestyle=style, label="NSD median" if style == "-" else None)
        for value in np.nanquantile(values, (0.25, 0.5, 0.75)):
            ax.plot(value, 0, "^", color=COLOURS[0], ms=7, clip_on=False, zorder=3)
        ax.plot([], "^", color=COLOURS[0], label="quartiles of the simulation")
        _plain(ax, group, "ncsnr, estimated from repeats", "voxels")
    axes[0, 0].legend(fontsize=SMALL, frameon=False)
    return stamp(figure, True)


# The miniature world.


def labelled_scenes(scenes: Scenes) -> Figure:
    """The first picture of every pair of object and scene, objects in columns."""
    figure, axes = subplots(len(SCENES), len(OBJECTS), (7.2, 5.6), dpi=SCENE_DPI)
    for (row, column), ax in np.ndenumerate(axes):
        ax.imshow(scenes.image[np.argmax((scenes.scene_label == row) & (scenes.object_label == column))])
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax, name in zip(axes[0], OBJECTS, strict=True):
        ax.set_title(name, fontsize=NORMAL)
    for ax, name in zip(axes[:, 0], SCENES, strict=True):
        ax.set_ylabel(name, fontsize=NORMAL)
    return figure


def four_views(scenes: Scenes, n_shown: int = 6) -> Figure:
    """Picture, distance, texture edges and occlusion edges of the first scenes, a column each."""
    views = {
        "picture": scenes.image,
        "distance (log)": np.log(scenes.depth),
        "2D edges": edges_2d(scenes.image),
        "3D edges": edges_3d(scenes.depth),
    }
    figure, axes = subplots(len(views), n_shown, (7.2, 4.9), dpi=SCENE_DPI)
    for row, (name, pictures) in zip(axes, views.items(), strict=True):
        row[0].set_ylabel(name, fontsize=NORMAL)
        for ax, picture in zip(row, pictures, strict=False):
            ax.imshow(picture, cmap="cividis")
            ax.set(xticks=[], yticks=[])
    return figure


def edges_beside_targets(scenes: Scenes, drawn: Mapping[str, np.ndarray], n_shown: int = 6) -> Figure:
    """What edge networks draw, under the true edges and the picture; a column per scene, with its correlation.

    Parameters
    ----------
    drawn : mapping of "edge2d" or "edge3d" to array of shape (n_images, 64, 64)
    """
    figure, axes = subplots(1 + 2 * len(drawn), n_shown, (7.2, 1.25 * (1 + 2 * len(drawn))), dpi=SCENE_DPI)
    _row_of_maps(axes[0], "picture", scenes.image)
    for i, (task, maps) in enumerate(drawn.items()):
        true, kind = target(scenes, task).numpy()[:n_shown], f"{task[-2:].upper()} edges"
        r = correlation(true.reshape(n_shown, -1).T, maps[:n_shown].reshape(n_shown, -1).T)
        _row_of_maps(axes[1 + 2 * i], f"{kind},\ntrue", true)
        _row_of_maps(axes[2 + 2 * i], f"{kind},\ndrawn", maps)
        for ax, value in zip(axes[2 + 2 * i], r, strict=True):
            ax.set_xlabel(f"r = {value:.2f}", fontsize=SMALL)
    return figure


def _row_of_maps(row: Sequence[Axes], name: str, maps: Sequence[np.ndarray]) -> None:
    """Pictures or maps without axes; the brightest spot of each map is white."""
    row[0].set_ylabel(name, fontsize=NORMAL)
    for ax, picture in zip(row, maps, strict=False):
        ax.imshow(picture, cmap="cividis", vmin=0)
        ax.set(xticks=[], yticks=[])


def model_cards(networks: Sequence[str]) -> Markdown:
    """How the miniatures were made, a row each."""
    header = ["network", "parameters", "MB", "scenes", "epochs", "peak learning rate", "seconds"]
    return table(header, [_made(read_card(name)) for name in networks])


def _made(card: Mapping[str, Any]) -> tuple[object, ...]:
    recipe, megabytes = card["recipe"], f"{card['megabytes']:.2f}"
    how = (recipe["n_images"], recipe["epochs"], f"{recipe['learning_rate']:g}", card["seconds"])
    return (card["network"], f"{card['parameters']:,}", megabytes, *how)


def card_scores(networks: Sequence[str]) -> Markdown:
    """Every score on the cards, a row per network and a column per task, and chance; a probe's in italics."""
    found = {name: scores(read_card(name)) for name in networks}
    chance = {s.task: s.chance for own in found.values() for s in own}
    rows = [(name, *_score_cells(own)) for name, own in found.items()]
    rows.append(("chance", *(chance.get(task, "") for task in (*CLASSES, *EDGES))))
    return table(["network", *map(_label, (*CLASSES, *EDGES))], rows)


def _label(task: str) -> str:
    return f"{task}, correct" if task in CLASSES else f"{task[-2:].upper()} edges, r"


def _score_cells(found: Sequence[Score]) -> list[str]:
    cells = {s.task: f"*{s.value:.3f}*" if s.measure == "probe" else f"**{s.value:.3f}**" for s in found}
    return [cells.get(task, "") for task in (*CLASSES, *EDGES)]


def own_and_other(networks: Sequence[str]) -> Figure:
    """Accuracy of each network on object and place labels: its own task, or a linear probe; chance as a line."""
    figure, axes = subplots(1, len(CLASSES), (7.2, 0.32 * len(networks) + 1.3), sharey=True)
    ways = {"accuracy": ("o", "trained on it"), "probe": ("D", "linear probe, never trained on it")}
    found = [(row, s) for row, name in enumerate(networks) for s in scores(read_card(name))]
    for ax, task in zip(axes.flat, CLASSES, strict=True):
        for colour, (measure, (marker, label)) in zip(COLOURS, ways.items(), strict=False):
            points = [(s.value, row) for row, s in found if (s.task, s.measure) == (task, measure)]
            ax.plot(*np.array(points).T, marker, color=colour, label=label)
        ax.axvline(1 / len(CLASSES[task]), color="black", lw=0.8, ls="--", label="chance")
        ax.set(xlim=(0, 1.03), yticks=range(len(networks)))
        _plain(ax, f"names the {task}", "share of held-out scenes")
    axes[0, 0].set_yticks(range(len(networks)), networks)
    axes[0, 0].invert_yaxis()
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, fontsize=SMALL, frameon=False, ncols=3, loc="outside lower center")
    return figure


def loss_curves(panels: Mapping[str, Sequence[str]]) -> Figure:
    """Mean training loss of every epoch.

    Parameters
    ----------
    panels : mapping of what the loss is to the networks that have it
    """
    figure, axes = subplots(1, len(panels), (7.2, 2.8))
    for ax, (kind, networks) in zip(axes.flat, panels.items(), strict=True):
        for colour, marker, name in zip(COLOURS, MARKERS, networks, strict=False):
            loss = read_card(name)["loss"]
            ax.plot(range(1, len(loss) + 1), loss, marker=marker, color=colour, ms=4, label=name)
        ax.set_ylim(0)
        _plain(ax, "", "epoch", kind)
        ax.legend(fontsize=SMALL, frameon=False)
    return figure


def confusions(tables: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]]) -> Figure:
    """What each network answers (columns) to pictures of each class (rows), as shares of the row.

    Parameters
    ----------
    tables : mapping of network to array of counts of shape (n_classes, n_classes)
    names : mapping of network to its classes
    """
    n_rows = -(-len(tables) // 2)
    figure, axes = subplots(n_rows, 2, (7.2, 3.6 * n_rows))
    for ax, (network, counts) in zip(axes.flat, tables.items(), strict=False):
        shares = counts / counts.sum(1, keepdims=True)
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > 0.5 else "black"
                ax.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
        ax.set_xticks(range(len(counts)), names[network], rotation=90)
        ax.set_yticks(range(len(counts)), names[network])
        _plain(ax, network, "answer", "is")
    return figure


def first_filters(networks: Sequence[Network]) -> Figure:
    """Filters of the first convolution in colour, each stretched to its own range; a panel per network."""
    figure, axes = subplots(1, len(networks), (7.2, 2.9))
    for ax, network in zip(axes.flat, networks, strict=True):
        weight = next(network.module.parameters()).permute(0, 2, 3, 1).numpy()  # (n_filters, height, width, 3)
        low, high = weight.min((1, 2, 3), keepdims=True), weight.max((1, 2, 3), keepdims=True)
        framed = np.pad(
            (255 * (weight - low) / (high - low)).astype(np.uint8),
            [(0, 0), (1, 1), (1, 1), (0, 0)],
            constant_values=255,
        )
        ax.imshow(montage(framed, 6))
        ax.set_title(f"{network.name} ({network.weights})", fontsize=NORMAL)
        ax.axis("off")
    return figure
