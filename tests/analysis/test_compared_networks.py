"""Data and networks of the chapter on measured brains."""

import numpy as np
import pytest
import torch
from torch import nn

from lib.analysis import images92
from lib.analysis.images92 import available_networks, likeness, load_photograph_data, represent
from lib.analysis.rsa import compare, rdm
from lib.networks import extract, load_network, own_network


def test_each_network_is_followed_by_its_untrained_twins() -> None:
    networks = available_networks(["lite0-object", "alexnet-place"], n_twins=2)
    assert list(networks) == [
        "lite0-object, published", "lite0-object, untrained-full",
        "alexnet-place, miniature", "alexnet-place, untrained",
    ]  # fmt: skip
    assert [len(group) for group in networks.values()] == [1, 2, 1, 2]
    assert all(len({one.digest for one in group}) == len(group) for group in networks.values())


PICTURES = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)


def test_what_is_kept_of_a_layer_does_not_grow_with_its_features() -> None:
    network = load_network("alexnet-object")
    kept, features = represent(network, PICTURES), extract(network, PICTURES, preprocessing="as-trained")
    for layer, units in features.items():
        arrays = [kept.coordinates[layer].values, *(rdms[layer] for rdms in kept.rdms.values())]
        assert sum(array.nbytes for array in arrays) == 3 * 6 * 6 * 8 < units.nbytes
        np.testing.assert_allclose(kept.rdms["raw"][layer], rdm(units), atol=1e-9)
        np.testing.assert_allclose(kept.rdms["centred"][layer], rdm(units - units.mean(0)), atol=1e-9)


def test_centring_takes_out_what_all_images_share() -> None:
    """A bias that is the same for every image changes raw dissimilarities, and not the centred ones."""
    module = nn.Sequential(nn.Conv2d(3, 8, 3, stride=16))
    network = own_network("mine", module, {"layer": "0"})
    before = represent(network, PICTURES)
    with torch.no_grad():
        module[0].bias += 30 * torch.randn(8)
    after = represent(own_network("mine", module, {"layer": "0"}), PICTURES)
    np.testing.assert_allclose(before.rdms["centred"]["layer"], after.rdms["centred"]["layer"], atol=1e-4)
    assert after.rdms["raw"]["layer"].max() < 0.1 < before.rdms["raw"]["layer"].max()


def test_likeness_is_the_mean_over_draws() -> None:
    people = {"IT": np.stack([rdm(np.random.default_rng(k).normal(size=(6, 9))) for k in range(3)])}
    draws = [represent(load_network("alexnet-object", "untrained", seed), PICTURES) for seed in (0, 1)]
    for way in ("raw", "centred"):
        found = likeness(draws, people, way)["IT"]
        alone = [[compare(layer, people["IT"]) for layer in one.rdms[way].values()] for one in draws]
        np.testing.assert_allclose(found, np.mean(alone, axis=0))
        assert found.shape == (len(draws[0].rdms[way]), 3)


def test_without_both_downloads_both_measurements_are_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images92, "cached", lambda name: ["there"] if name == "images92" else None)
    data = load_photograph_data()
    assert data.simulated and data.areas.source.simulated
    face = data.images.face
    assert data.areas.betas["FFA"][face].mean() > data.areas.betas["FFA"][~face].mean() + 0.3
    assert abs(data.areas.betas["VWFA"][face].mean() - data.areas.betas["VWFA"][~face].mean()) < 0.1
    assert 0.9 < data.areas.ceiling("FFA") < 1 and data.areas.ceiling("VWFA") < 0.6
