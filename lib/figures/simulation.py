"""Figures of the simulation: planted worlds, simulated trials, scenes, and the miniature networks trained on them."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby, product

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.core.scores import correlation
from lib.core.tables import Table
from lib.figures import style
from lib.figures.narrow import NARROW_WIDTH
from lib.figures.style import COLOURS, MARKERS, NORMAL, SMALL, NumberedFigure, subplots
from lib.networks import ZOO, Network
from lib.simulation.cards import read_card, scores
from lib.simulation.scenes import OBJECTS, SCENES, Scenes
from lib.simulation.tasks import CLASSES, EDGE_TASKS, edges_2d, edges_3d, target
from lib.simulation.worlds import World

SCENE_DPI = 84  # draws a scene of 64 pixels about as large as it is; a page of them at 150 weighed 3 MB


# The simulated participant.


def planted_layers(world: World) -> Figure:
    """Which layer of each network predicts each area best in one world, see `planted_worlds`."""
    return planted_worlds({"": world})


def planted_worlds(worlds: Mapping[str, World]) -> Figure:
    """Which layers were planted to predict each area best, a panel per world: the darker, the later in its network.

    Areas with the same shares stand in one row; on narrow screens in one column. Where an area mixes layers, their
    shares stand beside them.
    """
    figure = _planted(worlds, 7.2, turned=set())
    figure.narrow = _planted(
        worlds, NARROW_WIDTH, {name for name, world in worlds.items() if len(world.networks()) > 1}
    )
    return figure


def _planted(worlds: Mapping[str, World], width: float, turned: Collection[str]) -> NumberedFigure:
    """The panels of `planted_worlds`, one below the other; networks stand in rows where a panel is turned."""
    heights = [len(world.networks() if name in turned else _rows_of(world)) + 1.6 for name, world in worlds.items()]
    figure, axes = subplots(len(worlds), 1, (width, 0.42 * sum(heights) + 0.5), height_ratios=heights)
    for ax, (name, world) in zip(axes.flat, worlds.items(), strict=True):
        areas, networks = _rows_of(world), world.networks() or ("no network",)
        for (row, roi), (column, network) in product(enumerate(areas.values()), enumerate(networks)):
            place = (column, row) if name in turned else (row, column)
            _planted_cell(ax, *place, network, world.planted(roi, network))
        two_lines = [area.replace(" to ", " to\n") for area in areas]
        rows, columns = (networks, two_lines) if name in turned else (list(areas), networks)
        ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        ax.set_xticks(range(len(columns)), columns, fontsize=7)
        ax.set_yticks(range(len(rows)), rows, fontsize=SMALL)
        title = textwrap.fill(f"{name}: {world.description}".removeprefix(": "), int(12 * width))
        ax.set_title(title, fontsize=NORMAL, loc="left")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    style.label_data(figure, simulated=True)
    return figure


def _rows_of(world: World) -> dict[str, str]:
    """One of the areas, one after the other, that share a mixture, by the name of the row: "V2 to V3"."""
    runs = [list(rois) for _, rois in groupby(world.areas, lambda roi: dict(world.areas[roi]))]
    return {rois[0] if len(rois) == 1 else f"{rois[0]} to {rois[-1]}": rois[0] for rois in runs}


def _planted_cell(ax: Axes, row: int, column: int, network: str, shares: Mapping[str, float]) -> None:
    """One network's layers in one row of areas: how deep they lie as a shade, and their names."""
    if not shares:
        ax.text(column, row, "nothing", ha="center", va="center", fontsize=7, color="0.4")
        return
    layers = list(ZOO[network].layers)
    depth = sum(share * layers.index(layer) for layer, share in shares.items()) / (len(layers) - 1)
    ground = plt.get_cmap("Blues")(0.1 + 0.8 * depth)
    ax.add_patch(Rectangle((column - 0.48, row - 0.45), 0.96, 0.9, color=ground))
    words = [f"{layer} {100 * share:.0f} %" for layer, share in shares.items()] if len(shares) > 1 else list(shares)
    text = "all layers" if len(shares) == len(layers) else "\n".join(words)
    ax.text(column, row, text, ha="center", va="center", fontsize=7, color=style.ink_on(ground))


def preference_maps(positions: np.ndarray, maps: Mapping[str, np.ndarray], layers: Sequence[str]) -> Figure:
    """The sheet of one ROI, each voxel coloured by a position among a network's layers, a panel and a scale per map.

    Parameters
    ----------
    positions : int array of shape (n_voxels, 2)
        Row and column of each voxel.
    maps : mapping of title to array of shape (n_voxels,)
        Layers counted from 0; NaN where there is none.
    layers : sequence of str
    """
    figure = _sheets(*subplots(1, len(maps), (7.2, 2.6)), positions, maps, layers)
    figure.narrow = _sheets(*subplots(len(maps), 1, (NARROW_WIDTH, 2.6 * len(maps))), positions, maps, layers)
    return figure


def _sheets(
    figure: NumberedFigure,
    axes: np.ndarray,
    positions: np.ndarray,
    maps: Mapping[str, np.ndarray],
    layers: Sequence[str],
) -> NumberedFigure:
    """Draw the maps of `preference_maps` into the axes of a figure."""
    for ax, (title, values) in zip(axes.flat, maps.items(), strict=True):
        sheet = np.full(positions.max(0) + 1, np.nan)
        sheet[tuple(positions.T)] = values
        known = values[np.isfinite(values)] if np.isfinite(values).any() else [0, len(layers) - 1]
        low, high = np.floor(np.min(known)), np.ceil(np.max(known))  # so that the scale names both ends
        named = [i for i in range(len(layers)) if low <= i <= high]
        bar = figure.colorbar(ax.imshow(sheet, cmap="viridis", vmin=low, vmax=high), ax=ax, ticks=named)
        bar.ax.set_yticklabels([layers[i] for i in named], fontsize=SMALL)
        ax.set_title(title, fontsize=NORMAL)
        ax.set(xticks=[], yticks=[])
    style.label_data(figure, simulated=True)
    return figure


def session_baselines(raw: np.ndarray, standardised: np.ndarray, session: np.ndarray, simulated: bool) -> Figure:
    """One voxel's trials in the order they were measured, before and after standardising within sessions.

    Parameters
    ----------
    raw, standardised, session : arrays of shape (n_trials,)
    simulated : bool
        Whether the participant is.
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
        style.label_axes(ax, "", "", name)
    axes[1, 0].set_xlabel("trial; colours alternate between sessions", fontsize=SMALL)
    return style.label_data(figure, simulated)


def ncsnr_histograms(
    estimated: Mapping[str, np.ndarray], quartiles: Mapping[str, Sequence[float]], simulated: bool
) -> Figure:
    """Distribution of ncsnr per group of ROIs, with the quartiles measured on NSD as lines.

    Parameters
    ----------
    estimated : mapping of group to array of shape (n_voxels,)
    quartiles : mapping of group to its three quartiles
    simulated : bool
        Whether the participant is.
    """
    figure, axes = subplots(1, len(estimated), (7.2, 2.8), sharex=True, sharey=True)
    names = ("NSD, quartiles", "NSD, median", None)
    for ax, (group, values) in zip(axes.flat, estimated.items(), strict=True):
        ax.hist(values, np.linspace(0, 1.5, 31), color="0.75")
        for value, dashes, name in zip(quartiles[group], (":", "-", ":"), names, strict=True):
            ax.axvline(value, color=COLOURS[1], linestyle=dashes, label=name)
        for value in np.nanquantile(values, (0.25, 0.5, 0.75)):
            ax.plot(value, 0, "^", color=COLOURS[0], ms=7, clip_on=False, zorder=3)
        ax.plot([], "^", color=COLOURS[0], label="simulation, quartiles")
        style.label_axes(ax, group, "ncsnr, estimated from repeats", "voxels")
    style.legend_below(figure, axes[0, 0], ncols=3)
    return style.label_data(figure, simulated)


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
    maps = (scenes.image, np.log(scenes.depth), edges_2d(scenes.image), edges_3d(scenes.depth))
    figure, axes = subplots(len(maps), n_shown, (7.2, 4.9), dpi=SCENE_DPI)
    for row, name, pictures in zip(axes, ("picture", "distance (log)", "2D edges", "3D edges"), maps, strict=True):
        _row_of_maps(row, name, pictures)
    return figure


def drawn_edges(scenes: Scenes, drawn: Mapping[str, np.ndarray], n_shown: int = 6) -> Figure:
    """What edge networks draw, under the true edges and the picture; a column per scene, with its correlation.

    Parameters
    ----------
    scenes : Scenes
    drawn : mapping of "edge2d" or "edge3d" to array of shape (n_images, 64, 64)
    n_shown : int
    """
    figure, axes = subplots(1 + 2 * len(drawn), n_shown, (7.2, 1.25 * (1 + 2 * len(drawn))), dpi=SCENE_DPI)
    _row_of_maps(axes[0], "picture", scenes.image)
    for i, (task, maps) in enumerate(drawn.items()):
        true, kind = target(scenes, task).numpy()[:n_shown], f"{task[-2:].upper()} edges"
        r = correlation(true.reshape(n_shown, -1).T, maps[:n_shown].reshape(n_shown, -1).T)
        _row_of_maps(axes[1 + 2 * i], f"{kind},\ntrue", true, vmin=0)
        _row_of_maps(axes[2 + 2 * i], f"{kind},\ndrawn", maps, vmin=0)
        for ax, value in zip(axes[2 + 2 * i], r, strict=True):
            ax.set_xlabel(f"r = {value:.2f}", fontsize=SMALL)
    return figure


def _row_of_maps(row: Sequence[Axes], name: str, maps: np.ndarray, vmin: float | None = None) -> None:
    """Pictures or maps without axes; the largest value of each is brightest."""
    row[0].set_ylabel(name, fontsize=NORMAL)
    for ax, picture in zip(row, maps, strict=False):
        ax.imshow(picture, cmap="cividis", vmin=vmin)
        ax.set(xticks=[], yticks=[])


def model_card_table(networks: Sequence[str]) -> Table:
    """How the miniatures were made, a row each."""
    rows = []
    for card in map(read_card, networks):
        recipe, size = card["recipe"], (f"{card['parameters']:,}", f"{card['megabytes']:.2f}")
        how = (recipe["n_images"], recipe["epochs"], f"{recipe['learning_rate']:g}", card["seconds"])
        rows.append((card["network"], *size, *how))
    return Table(("network", "parameters", "MB", "scenes", "epochs", "peak learning rate", "seconds"), rows)


def card_score_table(networks: Sequence[str]) -> Table:
    """Every score on the cards, a row per network and a column per task, and chance; a probe's in italics."""
    tasks = {task: f"{task}, correct" for task in CLASSES} | {
        task: f"{task[-2:].upper()} edges, r" for task in EDGE_TASKS
    }
    cells: dict[tuple[str, str], object] = {}
    for name in networks:
        for score in scores(read_card(name)):
            mark = "*" if score.measure == "probe" else "**"
            cells[name, score.task] = f"{mark}{score.value:.3f}{mark}"
            cells["chance", score.task] = score.chance
    rows = [(name, *(cells.get((name, task), "") for task in tasks)) for name in (*networks, "chance")]
    return Table(("network", *tasks.values()), rows)


def task_accuracies(networks: Sequence[str]) -> Figure:
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
        style.label_axes(ax, f"names the {task}", "share of held-out scenes")
    axes[0, 0].set_yticks(range(len(networks)), networks)
    axes[0, 0].invert_yaxis()
    style.legend_below(figure, axes[0, 0], ncols=3)
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
        style.label_axes(ax, "", "epoch", kind)
        style.small_legend(ax)
    return figure


def confusion_matrices(tables: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]]) -> Figure:
    """What each network answers (columns) to pictures of each class (rows), as shares of the row.

    Parameters
    ----------
    tables : mapping of network to array of counts of shape (n_classes, n_classes)
    names : mapping of network to its classes
    """
    figure = _confusions(tables, names, 2, 7.2)
    figure.narrow = _confusions(tables, names, 1, NARROW_WIDTH)
    return figure


def _confusions(
    tables: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]], n_columns: int, width: float
) -> style.NumberedFigure:
    n_rows = -(-len(tables) // n_columns)
    figure, axes = subplots(n_rows, n_columns, (width, 3.6 * n_rows))
    for ax, (network, counts) in zip(axes.flat, tables.items(), strict=False):
        shares = counts / counts.sum(1, keepdims=True)
        picture = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = style.ink_on(picture.to_rgba(share))
                ax.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
        ax.set_xticks(range(len(counts)), names[network], rotation=90)
        ax.set_yticks(range(len(counts)), names[network])
        style.label_axes(ax, network, "answer", "is")
    return figure


def first_filters(networks: Sequence[Network]) -> Figure:
    """Filters of the first convolution in colour, each stretched to its own range; a panel per network."""
    figure, axes = subplots(1, len(networks), (7.2, 2.9))
    for ax, network in zip(axes.flat, networks, strict=True):
        weight = next(network.module.parameters()).permute(0, 2, 3, 1).numpy()  # (n_filters, height, width, 3)
        low, high = weight.min((1, 2, 3), keepdims=True), weight.max((1, 2, 3), keepdims=True)
        filters = (255 * (weight - low) / (high - low)).astype(np.uint8)
        ax.imshow(style.montage(np.pad(filters, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=255), 6))
        ax.set_title(f"{network.name} ({network.weights})", fontsize=NORMAL)
        ax.axis("off")
    return figure
