"""Miniatures: what the repository holds does what its card says, and can be trained again."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from lib.networks import ZOO, load_network
from lib.networks.checkpoints import load_state
from lib.networks.zoo import MINIATURES, miniature
from lib.simulation import cards, training
from lib.simulation.scenes import Scenes, render_many
from lib.simulation.tasks import CLASSES, EDGE_TASKS, chance_level, score, target
from lib.simulation.training import HELD_OUT_WORLD, RECIPES, TRAINING_WORLD, Recipe, TaskNetwork

TRAINED = sorted(RECIPES)
TASKS = {name: (*CLASSES, *EDGE_TASKS) if name == "multitask" else (ZOO[name].task,) for name in TRAINED}
KINDS = ["alexnet-object", "resnet50-place", "taskonomy-edge3d", "multitask"]


@pytest.fixture(scope="module")
def held_out() -> Scenes:
    return render_many(HELD_OUT_WORLD, range(400))


@pytest.fixture(scope="module")
def training_scenes() -> Scenes:
    return render_many(TRAINING_WORLD, range(192))


@pytest.mark.parametrize("name", TRAINED)
def test_a_miniature_is_as_good_as_its_card_says(name: str, held_out: Scenes) -> None:
    found = {task: score(a, held_out, task) for task, a in TaskNetwork.trained(name).answer(held_out).items()}
    own = [s for s in cards.scores(cards.read_card(name)) if s.measure != "probe"]
    assert [s.task for s in own] == list(TASKS[name])
    for s in own:
        tolerance = 0.04 if s.task in CLASSES else 0.02  # two standard errors of 400 images
        assert found[s.task] == pytest.approx(s.value, abs=tolerance)
        assert found[s.task] > (3 * s.chance if s.task in CLASSES else max(0.5, s.chance + 0.1))


@pytest.mark.parametrize("name", TRAINED)
def test_a_card_is_of_this_recipe_and_this_network(name: str) -> None:
    card = cards.read_card(name)
    assert card["recipe"] == asdict(RECIPES[name]) and len(card["loss"]) == RECIPES[name].epochs
    assert (card["network"], card["task"]) == (name, ZOO[name].task)
    assert card["parameters"] == sum(p.numel() for p in miniature(name, 0).parameters())
    probed = [s.task for s in cards.scores(card) if s.measure == "probe"]
    assert probed == [task for task in CLASSES if task not in TASKS[name]]


@pytest.mark.slow("fits a probe to a thousand scenes")
def test_a_probe_reads_what_its_card_says(held_out: Scenes) -> None:
    name = "resnet50-object"
    training_scenes = render_many(TRAINING_WORLD, range(cards.N_PROBE))
    found = cards.probe(load_network(name), training_scenes, held_out)
    probed = [one for one in cards.scores(cards.read_card(name)) if one.measure == "probe"]
    assert [(one.task, one.chance) for one in found] == [(one.task, one.chance) for one in probed] == [("place", 1 / 6)]
    assert found[0].value == pytest.approx(probed[0].value, abs=0.05)


def test_checkpoints_are_small() -> None:
    whole = [cards.read_card(name)["megabytes"] for name in TRAINED]
    assert max(whole) <= 4 and sum(whole) <= 20
    files = {path.name.removesuffix(".safetensors") for path in MINIATURES.glob("*.safetensors")}
    assert files == {*TRAINED, *(f"{name}-decoder" for name in TRAINED if ZOO[name].decoder)}


def test_an_untrained_network_is_at_chance(held_out: Scenes) -> None:
    answers = TaskNetwork.untrained("alexnet-object", 0).answer(held_out)
    assert score(answers["object"], held_out, "object") < 2 / 8


@pytest.mark.slow("trains networks")
@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_trains_the_same_weights_and_another_does_not(name, training_scenes, monkeypatch) -> None:
    weights = []
    for seed in (0, 0, 1):
        monkeypatch.setitem(RECIPES, name, Recipe(epochs=1, n_images=len(training_scenes), seed=seed))
        trained = training.train_miniature(name, training_scenes)
        assert np.isfinite(trained.losses).all()
        weights.append(torch.cat([p.detach().flatten() for p in trained.network.parameters()]))
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    before = torch.cat([p.flatten() for p in TaskNetwork.untrained(name, 0).parameters()])
    assert not torch.equal(weights[0], before)


@pytest.mark.slow("trains networks")
@pytest.mark.parametrize("name", ["alexnet-object", "taskonomy-edge2d"])
def test_what_training_writes_loads(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(RECIPES, name, Recipe(epochs=1, n_images=192, n_held_out=32))
    card = training.make_miniature(name, tmp_path)
    assert card == json.loads((tmp_path / f"{name}.json").read_text())
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert files == [f"{name}-decoder.safetensors", f"{name}.safetensors"][-1 - bool(ZOO[name].decoder) :]
    assert all((tmp_path / file).stat().st_mode & 0o777 == 0o644 for file in files)
    load_state(miniature(name, seed=3), tmp_path / f"{name}.safetensors")
    assert not list(tmp_path.glob(".*"))


def test_a_mirrored_scene_is_mirrored_whole(training_scenes: Scenes) -> None:
    seen = training.mirrored_batch(training_scenes, np.array([5, 7, 3]), np.array([True, False, True]))
    for field in ("image", "depth"):
        true, found = getattr(training_scenes, field), getattr(seen, field)
        assert np.array_equal(found[1], true[7])
        assert np.array_equal(found[0], true[5][:, ::-1]) and np.array_equal(found[2], true[3][:, ::-1])
    assert np.array_equal(seen.object_label, training_scenes.object_label[[5, 7, 3]])
    assert np.array_equal(seen.scene_label, training_scenes.scene_label[[5, 7, 3]])


def test_scores_and_chance(training_scenes: Scenes) -> None:
    for task in EDGE_TASKS:
        right = target(training_scenes, task)
        assert score(2 * right + 1, training_scenes, task) == pytest.approx(1)
        assert score(-right, training_scenes, task) == pytest.approx(-1)
        assert 0 < chance_level(task, training_scenes, training_scenes) < 0.9
    votes = torch.eye(8)[torch.from_numpy(training_scenes.object_label)]
    assert score(votes, training_scenes, "object") == 1 and score(votes.roll(1, 1), training_scenes, "object") == 0
    assert (
        chance_level("object", training_scenes, training_scenes),
        chance_level("place", training_scenes, training_scenes),
    ) == (1 / 8, 1 / 6)


def test_an_image_without_edges_is_left_out_of_the_mean(training_scenes: Scenes) -> None:
    flat = replace(
        training_scenes, depth=np.concatenate([np.ones((100, 64, 64), np.float32), training_scenes.depth[100:]])
    )
    assert score(target(training_scenes, "edge3d"), flat, "edge3d") == pytest.approx(1)


def test_the_loss_is_cross_entropy_and_the_share_left_unexplained(training_scenes: Scenes) -> None:
    right = {task: target(training_scenes, task) for task in EDGE_TASKS}
    assert float(training.loss(right, training_scenes)) == 0
    means = {task: edges.mean().expand_as(edges) for task, edges in right.items()}
    assert float(training.loss(means, training_scenes)) == pytest.approx(2, rel=1e-3)
    undecided = {"object": torch.zeros(len(training_scenes), 8)}
    assert float(training.loss(undecided, training_scenes)) == pytest.approx(np.log(8))
    assert float(training.loss(means | undecided, training_scenes)) == pytest.approx(2 + np.log(8), rel=1e-3)


def test_an_unknown_miniature_is_refused_with_the_choices(tmp_path) -> None:
    with pytest.raises(ValueError, match="Unknown network 'alexnet'; choose one of alexnet-object"):
        training.make_miniature("alexnet", tmp_path)
    assert not list(tmp_path.iterdir())
