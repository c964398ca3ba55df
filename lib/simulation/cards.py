"""Model cards: how well each miniature does, by how much that is better than chance, and what a probe reads from it.

A card is a json file beside the checkpoint, written when the network was trained.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.networks.extraction import extract
from lib.networks.network import Network
from lib.networks.zoo import MINIATURES, ZOO
from lib.simulation.scenes import Scenes
from lib.simulation.tasks import CLASSES, target

N_PROBE = 4_000  # scenes from which a linear probe learns

# What stands before the output, where a probe reads; for an edge network it is the code.
PENULTIMATE = {"alexnet": "classifier.5", "resnet50": "avgpool", "taskonomy": "relu1"}


@dataclass(frozen=True)
class Score:
    """One number of a card.

    Attributes
    ----------
    task : "object", "place", "edge2d" or "edge3d"
    measure : "accuracy", "correlation" or, for labels that the network was not trained on, "probe"
    value, chance : float
        On held-out scenes, 1 at best.
    """

    task: str
    measure: str
    value: float
    chance: float


def read_card(network: str, folder: Path = MINIATURES) -> dict[str, Any]:
    """The card of a miniature, with the size of its checkpoint (and its decoder's) in megabytes."""
    n_bytes = sum(path.stat().st_size for path in folder.glob(f"{network}*.safetensors"))
    return json.loads((folder / f"{network}.json").read_text()) | {"megabytes": n_bytes / 1e6}


def scores(card: Mapping[str, Any]) -> list[Score]:
    """All scores on a card: of the network's own tasks, then of the linear probes."""
    return [Score(**one) for one in card["scores"]]


def probe(network: Network, training: Scenes, held_out: Scenes) -> list[Score]:
    """Scores of linear classifiers that read, from a network, the labels that it was not trained on.

    Ridge regression onto classes, units of `PENULTIMATE` standardised, the penalty by leave-one-out (scikit-learn's
    RidgeClassifierCV).

    Parameters
    ----------
    network : Network
    training, held_out : Scenes
        The probe learns from the first `N_PROBE` of the first, and is tested on the second.
    """
    from sklearn.linear_model import RidgeClassifierCV  # only those who train networks pay for the import
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    layer = PENULTIMATE[network.name.partition("-")[0]]
    train, test = (extract(network, images, [layer])[layer] for images in (training.image[:N_PROBE], held_out.image))
    found = []
    for task in [task for task in CLASSES if task != ZOO[network.name].task]:
        reader = make_pipeline(StandardScaler(), RidgeClassifierCV(10.0 ** np.arange(-1, 6)))
        reader.fit(train, target(training, task)[:N_PROBE])
        value = float(reader.score(test, target(held_out, task)))
        found.append(Score(task, "probe", value, 1 / len(CLASSES[task])))
    return found
