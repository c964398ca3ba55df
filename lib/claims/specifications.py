"""Paper Y's comparison under every combination of choices: which choice alone can turn its verdict?

Paper Y compared two networks that were also read differently and decoded with many parameters. Here every reading of
every layer is decoded once, and each combination of choices is then put together from these parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from lib.analysis.decoding import MATCHED, PUBLISHED, Choices, decode_participant, units_of
from lib.analysis.decoding_study import DecodingStudy, study_units
from lib.analysis.usable import varies
from lib.claims import HOLDS, evaluate
from lib.claims.yu2018 import pair_differences
from lib.core.scores import Interval, t_interval
from lib.data import Participant
from lib.data.features import ImageFeatures
from lib.networks import load_network
from lib.networks.layers import AS_PUBLISHED, OUTPUTS, STAGES
from lib.networks.zoo import PAPER_Y

HIDDEN_READINGS = (AS_PUBLISHED, *STAGES)
OUTPUT_READINGS = (AS_PUBLISHED, *OUTPUTS)
QUICK_REGRESSIONS = ("ols", "ridge")  # for every reading; sparse regression takes too long for that

_Units = Mapping[str, ImageFeatures]  # by network


@dataclass(frozen=True)
class Specification:
    """The comparison of the two networks under one set of choices.

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


def every_choice(regressions: Iterable[str] = QUICK_REGRESSIONS) -> list[Choices]:
    """All combinations of readings and regressions, the published one first."""
    return [
        replace(PUBLISHED, hidden=h, output=o, regression=r)
        for r, h, o in product(regressions, HIDDEN_READINGS, OUTPUT_READINGS)
    ]


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


def every_unit(participant: Participant, weights: str, choices: Iterable[Choices], n_units: int) -> _Units:
    """Units of both networks wherever at least one set of choices reads them; layers are named by that place.

    Parameters
    ----------
    participant : Participant
        One of several who all saw the same pictures.
    weights : str
        As for `lib.networks.load_network`.
    choices : iterable of Choices
    n_units : int
        Drawn from each layer.
    """
    choices = list(choices)
    places = {name: {tap: tap for one in choices for tap in one.taps(name).values()} for name in PAPER_Y}
    return {name: units_of(load_network(name, weights), participant, places[name], n_units) for name in PAPER_Y}


def read_units(units: _Units, choices: Choices) -> _Units:
    """Units as these choices read them, out of `every_unit`: layers have their own names again."""
    return {
        name: replace(found, layers={layer: found.layers[tap] for layer, tap in choices.taps(name).items()})
        for name, found in units.items()
    }


def read_as(study: DecodingStudy, choices: Choices) -> DecodingStudy:
    """Results as these choices read the layers, out of a study of `every_unit`."""
    layers = [(name, layer, tap) for name in PAPER_Y for layer, tap in choices.taps(name).items()]
    by_place = [{(one.network, one.layer, one.roi): one for one in results} for results in study.results]
    results = [
        [
            replace(found[name, tap, roi], layer=layer, choices=choices)
            for name, layer, tap in layers
            for roi in study.rois
        ]
        for found in by_place
    ]
    return replace(study, results=results, choices=choices)


def specify(study: DecodingStudy) -> Specification:
    """The comparison and the claims under a study's choices."""
    holds = {verdict.claim: verdict.outcome == HOLDS for verdict in evaluate(study)}
    return Specification(study.choices, t_interval(pair_differences(study).mean(1)), holds)


def every_study(
    participants: Sequence[Participant], units: _Units, regressions: Iterable[str] = QUICK_REGRESSIONS
) -> dict[str, DecodingStudy]:
    """Decode all units by each regression.

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


def sparse_specifications(
    participants: Sequence[Participant], units: _Units, roi: str, n_units: int
) -> list[Specification]:
    """Published and matched readings decoded by least squares, ridge and sparse regression.

    Parameters
    ----------
    participants : sequence of Participant
    units : mapping of network to ImageFeatures
        As `every_unit` gives them.
    roi : str
    n_units : int
        Of each layer; few, since sparse regression is slow.
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
        usable = np.all([varies(units.of(name, ids)) for ids in shown], axis=0)
        layers[name] = values[:, usable][:, :n_units]
    return replace(units, layers=layers)


@dataclass(frozen=True)
class Character:
    """Properties of a layer's units that do not depend on any brain.

    Attributes
    ----------
    dimensions : float
        Participation ratio of the units' covariance over images: how many dimensions they fill.
    tail : float
        Median kurtosis of a unit over images: 3 for a normal one, larger for one that is rarely active.
    """

    dimensions: float
    tail: float


def character(units: np.ndarray) -> Character:
    """Character of the units that vary.

    Parameters
    ----------
    units : array of shape (n_images, n_units)
    """
    z = units[:, varies(units)].astype(np.float64)
    z = (z - z.mean(0)) / z.std(0)
    e = np.linalg.eigvalsh(z @ z.T if z.shape[1] > len(z) else z.T @ z)
    return Character(float(e.sum() ** 2 / (e**2).sum()), float(np.median((z**4).mean(0))))


def explained_by_character(study: DecodingStudy, units: _Units) -> float:
    """Share of the variance between layers, in mean r over participants and areas, that dimensions and tail predict."""
    shown = study.participants[0].train.stimulus_ids
    layers = [(name, layer) for name in PAPER_Y for layer in study.layers(name)]
    characters = [character(units[name].of(layer, shown)) for name, layer in layers]
    X = np.array([[1, np.log(c.dimensions), np.log(c.tail)] for c in characters])
    y = np.array([study.overall(*layer).mean() for layer in layers])
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(1 - rest.var() / y.var())
