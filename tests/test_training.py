"""Miniatures: what the repository holds does what its card says, and can be trained again."""

import json

import pytest
from safetensors.torch import load_file

from lib.networks import load_network, training
from lib.networks.checkpoints import load_state
from lib.networks.zoo import MINIATURES, miniature
from lib.scenes import render_many

TRAINED = sorted(training.RECIPES)


@pytest.mark.parametrize("name", TRAINED)
def test_a_miniature_is_as_good_as_its_card_says(name):
    card = json.loads((MINIATURES / f"{name}.json").read_text())
    held_out = render_many(training.HELD_OUT_WORLD, range(400))
    found = training.accuracy(load_network(name).module, held_out, card["task"])
    assert found > 3 * card["chance"]
    assert found == pytest.approx(card["held_out_accuracy"], abs=0.04)  # two standard errors of 400 images


def test_checkpoints_are_small():
    sizes = [path.stat().st_size for path in MINIATURES.glob("*.safetensors")]
    assert len(sizes) == len(TRAINED)
    assert max(sizes) <= 4e6 and sum(sizes) <= 20e6


def test_an_untrained_network_is_at_chance():
    held_out = render_many(training.HELD_OUT_WORLD, range(400))
    found = training.accuracy(load_network("alexnet-object", "untrained").module, held_out, "object")
    assert found < 2 / 8


def test_training_writes_a_checkpoint_that_loads_and_repeats(tmp_path, monkeypatch):
    tiny = training.Recipe(epochs=1, n_images=64, n_held_out=32)
    monkeypatch.setitem(training.RECIPES, "alexnet-object", tiny)
    cards = [training.make("alexnet-object", tmp_path / str(i)) for i in range(2)]
    assert cards[0]["loss"] == cards[1]["loss"]
    assert not list(tmp_path.glob("*/.*"))
    first, second = (load_file(tmp_path / str(i) / "alexnet-object.safetensors") for i in range(2))
    assert all((first[key] == second[key]).all() for key in first)
    load_state(miniature("alexnet-object", seed=3), tmp_path / "0" / "alexnet-object.safetensors")


def test_an_unknown_miniature_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="Unknown network 'alexnet'; choose one of alexnet-object"):
        training.train("alexnet")
