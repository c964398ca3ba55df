"""Data and networks of the chapter on measured brains."""

import numpy as np
import pytest

from lib.analysis import images92
from lib.analysis.images92 import available_networks, layer_rdms, load_photograph_data


def test_each_network_is_followed_by_its_untrained_twin() -> None:
    networks = available_networks(["lite0-object", "alexnet-place"])
    assert list(networks) == [
        "lite0-object, published", "lite0-object, untrained-full",
        "alexnet-place, miniature", "alexnet-place, untrained",
    ]  # fmt: skip


def test_layers_give_dissimilarities_and_centring_takes_out_what_all_images_share() -> None:
    rng = np.random.default_rng(0)
    features = {"layer": rng.normal(size=(6, 50))}
    shared = {"layer": features["layer"] + 10 * rng.normal(size=50)}
    one, other = (layer_rdms(layers, centred=True)["layer"] for layers in (features, shared))
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert layer_rdms(shared)["layer"].max() < 0.1 < layer_rdms(features)["layer"].max()


def test_without_both_downloads_both_measurements_are_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images92, "cached", lambda name: ["there"] if name == "images92" else None)
    data = load_photograph_data()
    assert data.simulated and data.areas.source.simulated
    face = data.images.face
    assert data.areas.betas["FFA"][face].mean() > data.areas.betas["FFA"][~face].mean() + 0.3
    assert abs(data.areas.betas["VWFA"][face].mean() - data.areas.betas["VWFA"][~face].mean()) < 0.1
    assert 0.9 < data.areas.ceiling("FFA") < 1 and data.areas.ceiling("VWFA") < 0.6
