"""Studies to decide claims on: simulated in each world, or measured."""

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lib.analysis.decoding import MATCHED, PUBLISHED
from lib.analysis.decoding_study import decoding_study, study_units, units_to_decode
from lib.analysis.encoding_study import MIN_CEILING, encoding_studies, encoding_study
from lib.analysis.loading import load_everybody, load_participant
from lib.claims.claim import AnyStudy
from lib.core import choose
from lib.data import Participant
from lib.simulation.god_like import simulate_god_worlds
from lib.simulation.nsd_like import simulate_worlds
from lib.simulation.sizes import GOD, NSD, LayoutSizes
from lib.simulation.worlds import GOD_WORLDS, WORLDS

BEST = 1 / 3  # of a simulated ROI's voxels decide: of 600, the 200 that paper W shows
N_UNITS = 200  # per layer, where many studies are simulated
DECODING_CHOICES = {"as-published": PUBLISHED, "matched": MATCHED}


@dataclass(frozen=True)
class Kind:
    """Where studies come from that claims of one kind are decided on.

    Attributes
    ----------
    worlds : collection of str
        Worlds that simulated participants of this kind can live in.
    simulate : callable
        Maps keywords `worlds`, `seed`, `networks` (those that the claims are about), `weights`, `analysis`, `n_images`
        and `voxels_per_roi` to {world: study}.
    sizes : LayoutSizes
        Of the simulated participants.
    dataset : str
        The measured data that such claims are decided on.
    measure : callable
        Maps keywords `subject`, `data_root`, `networks` and `weights` to a study of them.
    analyses : collection of str
        Ways to analyse such participants.
    """

    worlds: Collection[str]
    simulate: Callable[..., Mapping[str, AnyStudy]]
    sizes: LayoutSizes
    dataset: str
    measure: Callable[..., AnyStudy]
    analyses: Collection[str] = ("as-published",)


def _simulate_encoding(
    worlds: Iterable[str], seed: int, networks: Iterable[str], weights: str, analysis: str, **size: Any
) -> Mapping[str, AnyStudy]:
    """Simulate a participant of NSD in each world, and encode it; there is one analysis."""
    whole = simulate_worlds(worlds, seed=seed, **size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*voxels dropped")
        fitted = {world: _reliable(participant) for world, participant in whole.items()}
        return encoding_studies(fitted, networks, weights, n_best_of(size["voxels_per_roi"]))


def _reliable(participant: Participant) -> Participant:
    """Without responses that no claim looks at, if these are most, so that they are not fitted; one voxel must stay.

    Where they are few, the fits are those of the figures, and shared with them (`lib.core.kept`).
    """
    unreliable = participant.noise_ceiling < MIN_CEILING
    if unreliable.mean() < 0.5:
        return participant
    hidden = np.where(unreliable, np.float32(np.nan), np.float32(0))
    hidden[0] = 0
    train, test = (replace(one, responses=one.responses + hidden) for one in (participant.train, participant.test))
    return replace(participant, train=train, test=test)


def n_best_of(voxels_per_roi: float) -> int:
    """How many voxels of a simulated ROI of this size decide."""
    return max(2, round(BEST * voxels_per_roi))


def _measure_encoding(subject: int, data_root: str | None, networks: Iterable[str], weights: str) -> AnyStudy:
    """Read a participant of NSD and encode it."""
    return encoding_study(load_participant("nsd", subject, data_root), networks, weights)


def _simulate_decoding(
    worlds: Iterable[str], seed: int, networks: Iterable[str], weights: str, analysis: str, **size: Any
) -> Mapping[str, AnyStudy]:
    """Simulate the five participants of GOD in each world, and decode the networks' units from them."""
    groups = simulate_god_worlds(worlds, seed=seed, **size)
    choices = DECODING_CHOICES[choose("analysis", analysis, DECODING_CHOICES)]
    first = next(iter(groups.values()))[0]  # all saw the same pictures
    units = units_to_decode(first, networks, weights, choices, n_units=N_UNITS)
    return {world: study_units(participants, units, choices, weights) for world, participants in groups.items()}


def _measure_decoding(subject: int, data_root: str | None, networks: Iterable[str], weights: str) -> AnyStudy:
    """Read all participants of GOD, whatever the `subject`, and decode."""
    return decoding_study(load_everybody("god", data_root), networks, weights, data_root=data_root)


STUDY_KINDS: dict[str, Kind] = {
    "encoding": Kind(WORLDS, _simulate_encoding, NSD, "nsd", _measure_encoding),
    "decoding": Kind(GOD_WORLDS, _simulate_decoding, GOD, "god", _measure_decoding, DECODING_CHOICES),
}
EVERY_WORLD = list(dict.fromkeys(world for kind in STUDY_KINDS.values() for world in kind.worlds))
