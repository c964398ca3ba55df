"""Networks to compare with the 92 images."""

import numpy as np

from lib.analysis.images92 import available_networks, layer_rdms


def test_networks_there_are() -> None:
    networks = available_networks(["alexnet-object", "alexnet-place"], "untrained")
    assert {"alexnet-object, untrained", "alexnet-place, untrained"} <= set(networks)
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    rdms = layer_rdms(networks["alexnet-object, untrained"], images)
    assert list(rdms) == list(networks["alexnet-object, untrained"].layers)
    assert all(rdm.shape == (5, 5) for rdm in rdms.values())
