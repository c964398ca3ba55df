"""Figures of planted worlds, trials, scenes and miniatures draw what is so."""

import numpy as np
import pytest
import torch
from made import legend, ticks
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from torch import nn

from lib.core.scores import correlation
from lib.data.areas import FACE, PLACE
from lib.figures.simulation import (
    card_score_table,
    confusion_matrices,
    drawn_edges,
    first_filters,
    four_views,
    labelled_scenes,
    loss_curves,
    model_card_table,
    ncsnr_histograms,
    planted_layers,
    planted_worlds,
    preference_maps,
    session_baselines,
    task_accuracies,
)
from lib.figures.style import COLOURS
from lib.networks import Network
from lib.simulation.cards import read_card
from lib.simulation.scenes import OBJECTS, SCENES, Scenes, render_many
from lib.simulation.tasks import edges_2d, edges_3d
from lib.simulation.worlds import WORLDS, World

RNG = np.random.default_rng(0)


def words(ax: object) -> dict[tuple[float, float], str]:
    return {text.get_position(): text.get_text() for text in ax.texts}


def test_planted_layers_stand_in_their_networks_column_and_their_areas_row() -> None:
    profiles = {
        "early": {"alexnet-object": "Conv-1"},
        "middle": {"alexnet-object": "Conv-4", "resnet50-object": "Avgpool"},
    }
    mixed = {"early": 0.3, "middle": 0.7}
    areas = {"V1": {"early": 1.0}, "V2": mixed, "V3": mixed, "V4": {}}
    figure = planted_layers(World("as told", profiles, areas))
    (ax,) = figure.axes
    assert ax.get_title(loc="left") == "as told" and "SIMULATED" in figure.get_suptitle()
    assert ticks(ax) == ["alexnet-object", "resnet50-object"] and ticks(ax, "y") == ["V1", "V2 to V3", "V4"]
    assert words(ax) == {
        (0, 0): "Conv-1", (1, 0): "nothing", (0, 1): "Conv-1 30 %\nConv-4 70 %", (1, 1): "Avgpool",
        (0, 2): "nothing", (1, 2): "nothing",
    }  # fmt: skip
    shade = {
        (p.get_x() + 0.48, p.get_y() + 0.45): sum(p.get_facecolor()[:3]) for p in ax.patches if isinstance(p, Rectangle)
    }
    assert shade.keys() == {(0, 0), (0, 1), (1, 1)}
    assert shade[0, 0] > shade[0, 1] > shade[1, 1]  # the later, the darker
    assert ax.get_ylim() == (2.5, -0.5)
    (narrow,) = figure.narrow.axes
    assert ticks(narrow, "y") == ticks(ax) and ticks(narrow) == ["V1", "V2 to\nV3", "V4"]
    assert words(narrow) == {(row, column): text for (column, row), text in words(ax).items()}


def test_every_world_has_a_panel() -> None:
    axes = planted_worlds(WORLDS).axes
    assert [ax.get_title(loc="left").replace("\n", " ") for ax in axes] == [
        f"{name}: {world.description}" for name, world in WORLDS.items()
    ]
    flat, noise = axes[list(WORLDS).index("flat")], axes[list(WORLDS).index("noise")]
    assert set(words(flat).values()) == {"all layers"} and set(words(noise).values()) == {"nothing"}
    published = axes[0]
    row = ticks(published, "y").index(f"{PLACE[0]} to {FACE[-1]}")
    assert words(published)[ticks(published).index("alexnet-place"), row] == "Conv-4 5 %\nFC-7 95 %"


def test_sessions_have_their_mean_and_spread_before_and_after() -> None:
    raw, standard, session = RNG.normal(1, 0.3, 9), RNG.normal(0, 1, 9), np.repeat([1, 2, 3], 3)
    figure = session_baselines(raw, standard, session, simulated=True)
    for ax, values, name in zip(figure.axes, (raw, standard), ("percent signal change", "standardised"), strict=True):
        np.testing.assert_allclose(
            np.concatenate([line.get_xydata() for line in ax.lines]), np.transpose([np.arange(9), values])
        )
        means = [segment[0, 1] for found in ax.collections[1::2] for segment in found.get_segments()]
        np.testing.assert_allclose(means, values.reshape(3, 3).mean(1))
        bands = [found.get_paths()[0].get_extents().get_points() for found in ax.collections[::2]]
        spread = values.reshape(3, 3).std(1)
        np.testing.assert_allclose([band[:, 1] for band in bands], np.transpose([means - spread, means + spread]))
        assert [found.get_facecolor()[0][:3].tolist() for found in ax.collections[::2]] == [
            list(to_rgba(COLOURS[k])[:3]) for k in (1, 0, 1)
        ]
        assert ax.get_ylabel() == name
    assert "SIMULATED" in figure.get_suptitle()
    assert session_baselines(raw, standard, session, simulated=False).get_suptitle() == ""


def test_ncsnr_has_the_quartiles_of_both_brains() -> None:
    groups = {"early": RNG.uniform(0, 1, 50), "late": RNG.uniform(0, 0.5, 40)}
    figure = ncsnr_histograms(groups, {"early": (0.2, 0.4, 0.6), "late": (0.1, 0.3, 0.5)}, simulated=True)
    for ax, (name, values), quartiles in zip(
        figure.axes, groups.items(), ((0.2, 0.4, 0.6), (0.1, 0.3, 0.5)), strict=True
    ):
        counts = [bar.get_height() for bar in ax.patches]
        assert counts == np.histogram(values, np.linspace(0, 1.5, 31))[0].tolist() and ax.get_title() == name
        vertical = [line for line in ax.lines if len(line.get_xdata()) == 2]
        assert [line.get_xdata()[0] for line in vertical] == list(quartiles)
        assert [line.get_linestyle() for line in vertical] == [":", "-", ":"]
        marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
        np.testing.assert_allclose(marks, np.quantile(values, (0.25, 0.5, 0.75)))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["NSD, quartiles", "NSD, median", "simulation, quartiles"]
    assert ncsnr_histograms(groups, {"early": (0, 0, 0), "late": (0, 0, 0)}, simulated=False).get_suptitle() == ""


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return render_many(1, range(300))


def shown(ax: object) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def test_scenes_stand_at_their_labels(scenes: Scenes) -> None:
    axes = np.reshape(labelled_scenes(scenes).axes, (len(SCENES), len(OBJECTS)))
    for (row, column), ax in np.ndenumerate(axes):
        own = np.flatnonzero((scenes.scene_label == row) & (scenes.object_label == column))
        np.testing.assert_array_equal(shown(ax), scenes.image[own[0]])
    assert [ax.get_title() for ax in axes[0]] == list(OBJECTS)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == list(SCENES)


def test_four_views_are_of_the_same_scenes(scenes: Scenes) -> None:
    axes = np.reshape(four_views(scenes, 3).axes, (4, 3))
    views = {"picture": scenes.image, "distance (log)": np.log(scenes.depth), "2D edges": edges_2d(scenes.image),
             "3D edges": edges_3d(scenes.depth)}  # fmt: skip
    for row, (name, pictures) in zip(axes, views.items(), strict=True):
        assert row[0].get_ylabel() == name
        for ax, picture in zip(row, pictures[:3], strict=True):
            np.testing.assert_allclose(shown(ax), picture)


def test_drawn_edges_stand_under_the_true_ones_with_their_correlation(scenes: Scenes) -> None:
    true = {"edge2d": edges_2d(scenes.image[:4]), "edge3d": edges_3d(scenes.depth[:4])}
    drawn = {task: maps + RNG.uniform(0, maps.max(), maps.shape) for task, maps in true.items()}
    some = Scenes(scenes.image[:4], scenes.depth[:4], scenes.object_label[:4], scenes.scene_label[:4])
    axes = np.reshape(drawn_edges(some, drawn, 4).axes, (5, 4))
    names = ["picture", "2D edges,\ntrue", "2D edges,\ndrawn", "3D edges,\ntrue", "3D edges,\ndrawn"]
    assert [row[0].get_ylabel() for row in axes] == names
    maps = [some.image, true["edge2d"], drawn["edge2d"], true["edge3d"], drawn["edge3d"]]
    for row, pictures in zip(axes, maps, strict=True):
        for ax, picture in zip(row, pictures, strict=True):
            np.testing.assert_allclose(shown(ax), picture)
    for row, task in ((2, "edge2d"), (4, "edge3d")):
        r = [correlation(a.reshape(-1, 1), b.reshape(-1, 1))[0] for a, b in zip(true[task], drawn[task], strict=True)]
        assert [ax.get_xlabel() for ax in axes[row]] == [f"r = {value:.2f}" for value in r]


NETWORKS = ["alexnet-object", "taskonomy-edge2d", "multitask"]


def test_cards_say_how_the_miniatures_were_made() -> None:
    rows = model_card_table(NETWORKS).rows
    for row, card in zip(rows, map(read_card, NETWORKS), strict=True):
        recipe = card["recipe"]
        size = (f"{card['parameters']:,}", f"{card['megabytes']:.2f}")
        rate = f"{recipe['learning_rate']:g}"
        assert row == (card["network"], *size, recipe["n_images"], recipe["epochs"], rate, card["seconds"])


def on_card(network: str) -> dict[str, float]:
    """Value of each task on a network's card."""
    return {one["task"]: one["value"] for one in read_card(network)["scores"]}


def test_scores_of_the_cards_are_bold_and_those_of_probes_in_italics() -> None:
    table = card_score_table(NETWORKS)
    assert list(table.header) == ["network", "object, correct", "place, correct", "2D edges, r", "3D edges, r"]
    alexnet, edges = on_card("alexnet-object"), on_card("taskonomy-edge2d")
    first, second, _, chance = table.rows
    assert first == ("alexnet-object", f"**{alexnet['object']:.3f}**", f"*{alexnet['place']:.3f}*", "", "")
    assert second[0] == "taskonomy-edge2d" and second[3] == f"**{edges['edge2d']:.3f}**" and second[4] == ""
    assert chance[:3] == ("chance", 1 / len(OBJECTS), 1 / len(SCENES))


def test_accuracies_stand_in_the_row_of_their_network() -> None:
    networks = ["alexnet-object", "alexnet-place"]
    figure = task_accuracies(networks)
    for ax, task, own in zip(figure.axes, ("object", "place"), networks, strict=True):
        other = next(name for name in networks if name != own)
        found = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
        assert found["trained on it"] == [[on_card(own)[task], networks.index(own)]]
        assert found["linear probe, never trained on it"] == [[on_card(other)[task], networks.index(other)]]
        assert found["chance"][0][0] == 1 / len(OBJECTS if task == "object" else SCENES)
        assert ax.get_title() == f"names the {task}"
    assert ticks(figure.axes[0], "y") == networks and figure.axes[0].yaxis_inverted()


def test_losses_are_those_on_the_cards() -> None:
    panels = {"cross-entropy": ["alexnet-object", "alexnet-place"], "unexplained": ["taskonomy-edge2d"]}
    for ax, (kind, networks) in zip(loss_curves(panels).axes, panels.items(), strict=True):
        assert ax.get_ylabel() == kind and legend(ax) == networks
        for line, name in zip(ax.lines, networks, strict=True):
            loss = read_card(name)["loss"]
            assert line.get_xydata().tolist() == [[epoch, one] for epoch, one in enumerate(loss, start=1)]


def test_confusions_are_shares_of_each_row() -> None:
    counts = {"a": np.array([[9, 1], [0, 4]]), "b": np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1000]])}
    axes = confusion_matrices(counts, {"a": ["x", "y"], "b": ["u", "v", "w"]}).axes
    for ax, (name, table) in zip(axes, counts.items(), strict=True):
        np.testing.assert_allclose(shown(ax), table / table.sum(1, keepdims=True))
        assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == (name, "answer", "is")
    assert words(axes[0]) == {(0, 0): "90", (1, 0): "10", (1, 1): "100"}
    assert ticks(axes[1]) == ticks(axes[1], "y") == ["u", "v", "w"]


def test_filters_are_stretched_to_their_own_range() -> None:
    module = nn.Sequential(nn.Conv2d(3, 7, 4))
    network = Network("made", "untrained", module.requires_grad_(False), {}, 64)
    (ax,) = first_filters([network]).axes
    weight = module[0].weight.permute(0, 2, 3, 1)
    sheet = shown(ax)
    assert sheet.shape == (12, 36, 3) and ax.get_title() == "made (untrained)"
    for k in range(7):
        row, column = divmod(k, 6)
        one = torch.from_numpy(sheet[6 * row + 1 : 6 * row + 5, 6 * column + 1 : 6 * column + 5].astype(np.float32))
        expected = 255 * (weight[k] - weight[k].min()) / (weight[k].max() - weight[k].min())
        assert (one - expected).abs().max() < 1.01
    assert (sheet[:, 0] == 255).all() and (sheet[0] == 255).all()


def test_preference_maps_put_each_voxel_where_it_lies() -> None:
    positions, planted = np.array([[0, 0], [0, 1], [1, 0]]), np.array([0.0, 1.5, 2.0])
    figure = preference_maps(
        positions, {"planted": planted, "none": np.full(3, np.nan)}, ["Conv-1", "Conv-2", "Conv-3"]
    )
    panel = figure.axes[0]
    assert panel.get_title() == "planted" and "SIMULATED" in figure.get_suptitle()
    np.testing.assert_array_equal(panel.images[0].get_array().filled(np.nan), [[0, 1.5], [2, np.nan]])
    figure.narrow.canvas.draw()
    above, below, scale, _ = (ax.get_window_extent() for ax in figure.narrow.axes)
    assert above.x1 < scale.x0 and below.y1 < above.y0, "each map beside its own scale"
