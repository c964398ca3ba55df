"""The papers' own analyses by one word: a named set of choices, and a table of what a run did.

"as-published" is what the text of a paper says, and the plainest reading where it is silent. "as-coded" is what its
authors' released code does. "careful" is what this book recommends. The page on choices lists all three side by side.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lib.analysis.decoding import MATCHED, PUBLISHED, Choices
from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.encoding import encode
from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.loading import LoadOptions
from lib.core import choose
from lib.core.downloads import DATASETS, cached
from lib.core.tables import Table
from lib.data import Participant
from lib.data.areas import ROIS
from lib.networks import Network, load_network
from lib.networks.extraction import MAX_FEATURES, PIXELS

ANALYSES = ("as-published", "as-coded", "careful")
N_PUBLISHED = 200  # voxels of an ROI in paper W's figures
HVC_PARTS = ("V4", "LOC", "FFA", "PPA")  # of the text of paper Y; GOD's file has a mask of its own


# Encoding (paper W)


@dataclass(frozen=True)
class EncodingChoices:
    """What an encoding analysis chooses; by default as this book recommends.

    Attributes
    ----------
    analysis : str
        One of `ANALYSES`.
    dataset : str
        As for `lib.analysis.loading.load_participant`.
    weights : str
        As for `lib.networks.load_network`.
    n_best : int
        Voxels per ROI that are shown.
    zscore : "session", "run" or "none"
        Within what voxels are standardised before repeats are averaged.
    split : str
        Which images test.
    own_size : bool
        Whether pictures enter networks in their own size, or in that of the networks' training.
    preprocessing : str
        How pixels are scaled, as for `lib.networks.extract`.
    protocol : str
        As for `lib.analysis.encoding.fit_encoding`.
    """

    analysis: str
    dataset: str
    weights: str
    n_best: int
    zscore: str = "session"
    split: str = "random"
    own_size: bool = False
    preprocessing: str = "as-trained"
    protocol: str = "fast"

    @property
    def reading(self) -> LoadOptions:
        """Options for `load_participant`; a simulation in memory standardises within sessions."""
        return {"zscore": self.zscore, "split": self.split} if self.dataset in ("nsd", "laion") else {}

    def network(self, name: str, participant: Participant) -> Network:
        """A network that takes the participant's pictures as chosen."""
        network = load_network(name, self.weights)
        if not self.own_size:
            return network
        return replace(network, input_size=participant.images(participant.train)[0].shape[0])


_ENCODING: Mapping[str, dict[str, Any]] = {
    "as-published": {"zscore": "none"},  # the text names no standardisation
    "as-coded": {"zscore": "run", "own_size": True, "preprocessing": "as-published", "protocol": "reference"},
    "careful": {},
}


def encoding_choices(
    analysis: str,
    dataset: str = "simulated",
    weights: str | None = None,
    n_best: int | None = None,
    networks: Iterable[str] = (),
    split: str = "random",
) -> EncodingChoices:
    """Look up the choices of an analysis, and check at once that the weights are there.

    Parameters
    ----------
    analysis : "as-published", "as-coded" or "careful"
    dataset : str
        As for `lib.analysis.loading.load_participant`.
    weights : str, optional
        By default "published", and "miniature" for a simulation.
    n_best : int, optional
        By default 200, as in paper W's figures.
    networks : iterable of str
        Names in `lib.networks.ZOO` that will be shown the pictures.
    split : str
        Of measured images, as for `lib.data.nsd.load_nsd` and `lib.data.laion.load_laion`.

    Raises
    ------
    ValueError
        No such analysis, or another split of simulated images.
    FileNotFoundError
        Published weights that are not in the cache; says which command fetches them.

    Examples
    --------
    >>> encoding_choices("as-coded").protocol
    'reference'
    """
    options = _ENCODING[choose("analysis", analysis, ANALYSES)]
    simulated = dataset == "simulated"
    if simulated and split != "random":
        raise ValueError(f"split: simulated images in memory are split at random, found {split!r}; name a dataset.")
    chosen = checked_weights(networks, weights, simulated)
    return EncodingChoices(analysis, dataset, chosen, n_best or N_PUBLISHED, split=split, **options)


def checked_weights(networks: Iterable[str], weights: str | None, simulated: bool) -> str:
    """The weights asked for, or the default; published ones must be in the cache.

    Parameters
    ----------
    networks : iterable of str
    weights : str or None
    simulated : bool
        Whether the default is "miniature" instead of "published".
    """
    chosen = weights or ("miniature" if simulated else "published")
    missing = [name for name in networks if name in DATASETS and cached(name) is None]
    if chosen == "published" and missing:
        names, way_out = ", ".join(missing), f"python -m lib fetch {' '.join(missing)}"
        raise FileNotFoundError(f"The published weights of {names} are not in the cache; run: {way_out}")
    return chosen


@dataclass(frozen=True)
class EncodingRun:
    """An encoding analysis, and what it was done with.

    Attributes
    ----------
    choices : EncodingChoices
    participant : Participant
    networks : mapping of name to Network
        As they were shown the pictures.
    preprocessing : str
        With which they were shown.
    study : EncodingStudy
    """

    choices: EncodingChoices
    participant: Participant
    networks: Mapping[str, Network]
    preprocessing: str
    study: EncodingStudy

    def table(self) -> Table:
        """What was done, choice by choice: read from participant, networks and results, not from the choices."""
        person = self.participant
        rows = [("participant", f"{person.name}: {person.source.description}"), *_data_rows(person)]
        rows += [(what, _told(texts)) for what, texts in (*self._network_rows(), *self._result_rows())]
        rows.append(("voxels shown per area", self._shown()))
        rows.append(("areas without voxels", ", ".join(roi for roi in ROIS if roi not in person.rois) or "none"))
        return Table(("choice", f"in this run ({self.choices.analysis})"), rows, literal=True)

    def _network_rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """What was done with each network."""
        picture = "{} x {}".format(*self.participant.images(self.participant.train)[0].shape[:2])
        networks = self.networks.items()
        yield "weights", {name: network.weights for name, network in networks}
        yield "size of pictures", {name: f"{picture}, shown as {n.input_size} x {n.input_size}" for name, n in networks}
        scales = {name: PIXELS[network.pixels[self.preprocessing]] for name, network in networks}
        scaled = {name: f"0 to 1, minus {mean}, divided by {sd}" for name, (mean, sd) in scales.items()}
        yield "scale of pixels", scaled
        yield "layers", {name: ", ".join(map(network.tap, network.layers)) for name, network in networks}
        yield "features of a layer", dict.fromkeys(self.networks, f"at most {MAX_FEATURES:,}, by average pooling")

    def _result_rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """What was done to fit each network's layers."""
        results = self.study.encoding.items()
        yield "regression", {name: ", ".join(dict.fromkeys(result.solvers)) for name, result in results}
        yield "penalties chosen", {name: _range(result.alphas, "{:.0e}") for name, result in results}
        yield "stacking weights", {name: f"sum to {_range(r.weights.sum(0), '{:.3g}')}" for name, r in results}
        yield "voxels left out", {name: "; ".join(result.notes) or "none" for name, result in results}

    def _shown(self) -> str:
        """How many of the best voxels there are, by test score; areas that have fewer."""
        name = next(iter(self.study.encoding))
        counts = {roi: len(self.study.best(name, roi, "test")) for roi in self.study.rois()}
        fewer = ", ".join(f"{roi} {n}" for roi, n in counts.items() if n < self.study.n_best)
        return f"the best {self.study.n_best} by test score" + (f"; all there are in {fewer}" if fewer else "")


def analyse(participant: Participant, networks: Iterable[str], choices: EncodingChoices) -> EncodingRun:
    """Encode a participant by several networks, as chosen.

    Parameters
    ----------
    participant : Participant
        Loaded with `choices.reading`.
    networks : iterable of str
        Names in `lib.networks.ZOO`.
    choices : EncodingChoices
    """
    shown = {name: choices.network(name, participant) for name in networks}
    encoding = {
        name: encode(participant, network, preprocessing=choices.preprocessing, protocol=choices.protocol)
        for name, network in shown.items()
    }
    study = EncodingStudy(participant, encoding, choices.n_best, choices.weights)
    return EncodingRun(choices, participant, shown, choices.preprocessing, study)


def _data_rows(person: Participant) -> Iterator[tuple[str, str]]:
    """What every analysis did with the responses."""
    repeats = np.r_[person.train.n_repeats, person.test.n_repeats]
    yield "images", f"{len(person.train)} for training, {len(person.test)} for testing"
    yield "trials averaged per image", _range(repeats, "{:.0f}")
    yield "areas", ", ".join(f"{roi} {int(mask.sum())}" for roi, mask in person.rois.items())
    yield "noise ceiling, median", f"{np.nanmedian(person.noise_ceiling):.2f}"


def _told(by_network: Mapping[str, str]) -> str:
    """What all networks have alike once, else one after the other."""
    if len(set(by_network.values())) == 1:
        return next(iter(by_network.values()))
    return "; ".join(f"{name}: {text}" for name, text in by_network.items())


def _range(values: np.ndarray, form: str) -> str:
    """Smallest and largest number, or the only one."""
    ends = dict.fromkeys(form.format(end) for end in (np.nanmin(values), np.nanmax(values)))
    return " to ".join(ends)


# Decoding (paper Y)


@dataclass(frozen=True)
class DecodingPreset:
    """What a decoding analysis chooses.

    Attributes
    ----------
    analysis : str
        One of `ANALYSES`.
    weights : str
        As for `lib.networks.load_network`.
    choices : Choices
    union : bool
        Whether HVC is the union of V4, LOC, FFA and PPA, as the text says, or the mask of its own that GOD has.
    """

    analysis: str
    weights: str
    choices: Choices
    union: bool = False

    def with_areas(self, participants: Sequence[Participant]) -> list[Participant]:
        """The participants with HVC as chosen, and VC accordingly."""
        return [_joined(person) for person in participants] if self.union else list(participants)


_DECODING: Mapping[str, dict[str, Any]] = {
    "as-published": {"choices": PUBLISHED, "union": True},
    "as-coded": {"choices": PUBLISHED},
    "careful": {"choices": MATCHED},
}


def decoding_preset(
    analysis: str | None = None,
    dataset: str = "simulated",
    weights: str | None = None,
    networks: Iterable[str] = (),
    **changes: Any,
) -> DecodingPreset:
    """Look up the choices of an analysis, and check at once that the weights are there.

    Parameters
    ----------
    analysis : "as-published", "as-coded" or "careful", optional
        By default "careful", and "as-coded" for a simulation.
    dataset : "simulated" or "god"
    weights : str, optional
        By default "published", and "miniature" for a simulation.
    networks : iterable of str
        Names in `lib.networks.ZOO` that will be shown the pictures.
    **changes
        Fields of `lib.analysis.decoding.Choices` that differ from the analysis; None leaves one as it is.

    Examples
    --------
    >>> decoding_preset("careful", n_voxels=None).choices.regression
    'ridge'
    """
    simulated = dataset == "simulated"
    name = choose("analysis", analysis or ("as-coded" if simulated else "careful"), ANALYSES)
    options, given = dict(_DECODING[name]), {field: value for field, value in changes.items() if value is not None}
    options["choices"] = replace(options["choices"], **given)
    return DecodingPreset(name, checked_weights(networks, weights, simulated), **options)


def _joined(person: Participant) -> Participant:
    hvc = np.any([person.roi(roi) for roi in HVC_PARTS], axis=0)
    return replace(person, rois={**person.rois, "HVC": hvc, "VC": hvc | person.roi("LVC")})


def decoding_table(preset: DecodingPreset, study: DecodingStudy) -> Table:
    """What a decoding analysis did, choice by choice: read from participants and results.

    Parameters
    ----------
    preset : DecodingPreset
    study : DecodingStudy
    """
    return Table(("choice", f"in this run ({preset.analysis})"), list(_decoding_rows(study)), literal=True)


def _decoding_rows(study: DecodingStudy) -> Iterator[tuple[str, str]]:
    person, results = study.participants[0], study.results[0]
    made = results[0].choices
    yield "participants", ", ".join(one.name for one in study.participants)
    yield from _data_rows(person)
    union = np.array_equal(person.roi("HVC"), np.any([person.roi(roi) for roi in HVC_PARTS], axis=0))
    yield "HVC", f"{', '.join(HVC_PARTS)} together" if union else "a mask of its own"
    yield "weights", study.weights
    for network in study.networks:
        yield f"units of {network}", ", ".join(made.taps(network).values())
    counts = np.array([len(result.unit_score) for result in results])
    yield "units of a layer", _range(counts, "{:.0f}")
    constant = np.array([np.isnan(result.unit_score).sum() for result in results])
    yield "units left out, which do not vary", _range(constant, "{:.0f}")
    kept = {roi: min(made.kept(roi), int(mask.sum())) for roi, mask in person.rois.items()}
    yield "voxels kept per unit", ", ".join(f"{roi} {n}" for roi, n in kept.items())
    penalty = f", penalty {made.alpha:g}" if made.regression == "ridge" else ""
    yield "regression", {"ols": "least squares", "slr": "sparse", "ridge": "ridge"}[made.regression] + penalty
    yield "score", "Pearson r over the test images, mean over units"
