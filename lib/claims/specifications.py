"""The same question under every choice: which of an analysis' choices alone can turn its verdict?

Paper Y compared two networks that were also read differently and decoded with many parameters. Here every reading of
every layer is decoded once, and each combination of choices is then put together from these parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from lib.analysis.decoding import MATCHED, PUBLISHED, Choices, decode_participant, units_of
from lib.analysis.decoding_study import DecodingStudy, study_units
from lib.claims import HOLDS, evaluate
from lib.claims.yu2018 import pair_differences
from lib.core.scores import Interval, bootstrap_mean
from lib.data import Participant
from lib.data.features import ImageFeatures
from lib.networks import load_network
from lib.networks.layers import AS_PUBLISHED, OUTPUTS, STAGES
from lib.networks.zoo import PAPER_Y

HIDDEN = (AS_PUBLISHED, *STAGES)
OUTPUT = (AS_PUBLISHED, *OUTPUTS)
REGRESSIONS = ("ols", "ridge")  # for every reading; sparse regression takes too long for that


@dataclass(frozen=True)
class Specification:
    """What the comparison comes to under one set of choices.

    Attributes
    ----------
    choices : Choices
    ahead : Interval
        AlexNet's mean r minus ResNet-50's, over the pairs of layers from the second on.
    holds : mapping of claim to bool
    """

    choices: Choices
    ahead: Interval
    holds: Mapping[str, bool]


def every_choice(regressions: Iterable[str] = REGRESSIONS) -> list[Choices]:
    """All combinations of readings and regressions, the published one first."""
    return [replace(PUBLISHED, hidden=h, output=o, regression=r) for r, h, o in product(regressions, HIDDEN, OUTPUT)]


def every_unit(
    participant: Participant, weights: str, choices: Iterable[Choices], n_units: int
) -> dict[str, ImageFeatures]:
    """Units of both networks, by network, wherever one of these choices reads them; layers are named by the place."""
    choices = list(choices)
    units = {}
    for name in PAPER_Y:
        taps = dict.fromkeys(tap for one in choices for tap in one.taps(name).values())
        units[name] = units_of(load_network(name, weights), participant, {tap: tap for tap in taps}, n_units)
    return units


def read_as(study: DecodingStudy, choices: Choices) -> DecodingStudy:
    """The layers as these choices read them, out of a study of `every_unit`."""
    taps = {name: choices.taps(name) for name in PAPER_Y}
    wanted = {(name, tap): (i, layer) for name in PAPER_Y for i, (layer, tap) in enumerate(taps[name].items())}
    results = []
    for of_one in study.results:
        found = [(wanted[r.network, r.layer], r) for r in of_one if (r.network, r.layer) in wanted]
        in_order = sorted(found, key=lambda one: one[0][0])
        results.append([replace(r, layer=layer, choices=choices) for (_, layer), r in in_order])
    return replace(study, results=results, choices=choices)


def read_units(units: Mapping[str, ImageFeatures], choices: Choices) -> dict[str, ImageFeatures]:
    """The units themselves as these choices read them, out of `every_unit`."""
    return {
        name: ImageFeatures(found.stimulus_ids, {layer: found.layers[tap] for layer, tap in choices.taps(name).items()})
        for name, found in units.items()
    }


def specify(study: DecodingStudy) -> Specification:
    """The comparison and the claims under a study's choices."""
    verdicts = evaluate(study)
    ahead = bootstrap_mean(pair_differences(study).mean(1))
    return Specification(study.choices, ahead, {v.claim: v.outcome == HOLDS for v in verdicts})


def every_study(
    participants: Sequence[Participant], units: Mapping[str, ImageFeatures], regressions: Iterable[str] = REGRESSIONS
) -> dict[str, DecodingStudy]:
    """All units decoded by each regression.

    Parameters
    ----------
    participants : sequence of Participant
    units : mapping of network to ImageFeatures
        As `every_unit` gives them.
    regressions : iterable of str
    """
    return {name: study_units(participants, units, replace(PUBLISHED, regression=name)) for name in regressions}


def specification_curve(studies: Mapping[str, DecodingStudy], choices: Iterable[Choices]) -> list[Specification]:
    """The comparison under every set of choices, out of `every_study`."""
    return [specify(read_as(studies[one.regression], one)) for one in choices]


# The arrow turned


# What a layer's units are like, whoever looks


@dataclass(frozen=True)
class Character:
    """Properties of a layer's units that no brain has a part in.

    Attributes
    ----------
    dimensions : float
        Participation ratio of the units' covariance over the training images: how many dimensions they fill.
    tail : float
        Median kurtosis of a unit over the test images: 3 for a normal one, larger for one that is rarely active.
    """

    dimensions: float
    tail: float


def character(units: np.ndarray) -> Character:
    """Of units that vary.

    Parameters
    ----------
    units : array of shape (n_images, n_units)
    """
    z = units[:, np.ptp(units, axis=0) > 0].astype(np.float64)
    z = (z - z.mean(0)) / z.std(0)
    e = np.linalg.eigvalsh(z @ z.T if z.shape[1] > len(z) else z.T @ z)
    return Character(float(e.sum() ** 2 / (e**2).sum()), float(np.median((z**4).mean(0))))


def explained_by_character(study: DecodingStudy, units: Mapping[str, ImageFeatures]) -> float:
    """Share of the variance between layers, in mean r over participants and areas, that dimensions and tail predict."""
    shown = study.participants[0]
    rows = [
        (character(units[name].of(layer, shown.train.stimulus_ids)), study.overall(layer).mean())
        for name in PAPER_Y
        for layer in study.layers(name)
    ]
    X = np.array([[1, np.log(c.dimensions), np.log(c.tail)] for c, _ in rows])
    y = np.array([score for _, score in rows])
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(1 - rest.var() / y.var())


def one_at_a_time() -> dict[str, Choices]:
    """The published choices, each one changed alone, and all together."""
    return {
        "as published": PUBLISHED,
        "hidden layers before ReLU": replace(PUBLISHED, hidden="convolution"),
        "hidden layers after normalisation": replace(PUBLISHED, hidden="normalised"),
        "hidden layers after ReLU": replace(PUBLISHED, hidden="rectified"),
        "logits": replace(PUBLISHED, output="logits"),
        "softmax": replace(PUBLISHED, output="softmax"),
        "log-softmax": replace(PUBLISHED, output="log-softmax"),
        "ridge": replace(PUBLISHED, regression="ridge"),
        "all alike: before ReLU, logits, ridge": MATCHED,
    }


def sparse(
    participants: Sequence[Participant], units: Mapping[str, ImageFeatures], roi: str, n_units: int
) -> list[Specification]:
    """Published and matched readings decoded by least squares, ridge and sparse regression.

    Parameters
    ----------
    participants : sequence of Participant
    units : mapping of network to ImageFeatures
        As `every_unit` gives them.
    roi : str
        One area, and `n_units` of each layer: sparse regression takes its time.
    """
    found = []
    for regression, reading in product(("ols", "ridge", "slr"), (PUBLISHED, MATCHED)):
        choices = replace(reading, regression=regression)
        few = {name: _some(one, participants[0], n_units) for name, one in read_units(units, choices).items()}
        results = [decode_participant(one, few, choices, [roi]) for one in participants]
        found.append(specify(DecodingStudy(participants, results, choices)))
    return found


def _some(units: ImageFeatures, participant: Participant, n_units: int) -> ImageFeatures:
    """The first units of each layer that vary over the training images and over the test images."""
    shown = (participant.train.stimulus_ids, participant.test.stimulus_ids)
    layers = {}
    for name, values in units.layers.items():
        varies = np.all([np.ptp(units.of(name, ids), axis=0) > 0 for ids in shown], axis=0)
        layers[name] = values[:, varies][:, :n_units]
    return ImageFeatures(units.stimulus_ids, layers)
