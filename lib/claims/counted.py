"""Simulated studies on which claims were decided, as `python -m benchmarks.verdicts` has recorded them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.claims.claim import HOLDS, Power, Verdict

COUNTED = Path(__file__).with_suffix(".json")
PLANTED, USUAL = "as-published", "as-published"  # the world in which all claims are true, and the analysis


@dataclass(frozen=True)
class CountedStudy:
    """What became of claims in one simulated study, as it is recorded.

    Attributes
    ----------
    world, analysis : str
    n_images, seed : int
    outcomes : mapping of claim to outcome
    effects : mapping of claim to float or None
        In the part that decides.
    """

    world: str
    analysis: str
    n_images: int
    seed: int
    outcomes: Mapping[str, str]
    effects: Mapping[str, float | None]

    @classmethod
    def of(
        cls, verdicts: Mapping[str, Sequence[Verdict]], world: str, analysis: str, n_images: int, seed: int
    ) -> "CountedStudy":
        """Keep of the verdicts of one study, a list of one for each claim, what rates are counted from.

        Parameters
        ----------
        verdicts : mapping of claim to sequence of one Verdict
        world, analysis, n_images, seed
            Of the study.
        """
        outcomes = {name: one.outcome for name, (one,) in verdicts.items()}
        effects = {name: one.effect.estimate if one.effect else None for name, (one,) in verdicts.items()}
        return cls(world, analysis, n_images, seed, outcomes, effects)


def share(studies: Iterable[CountedStudy], claim: str, outcome: str = HOLDS) -> float:
    """Share of the studies about a claim in which this became of it; NaN if there are none.

    Parameters
    ----------
    studies : iterable of CountedStudy
    claim, outcome : str
    """
    found = [one.outcomes[claim] == outcome for one in studies if claim in one.outcomes]
    return float(np.mean(found)) if found else np.nan


def recorded_studies(path: Path = COUNTED) -> list[CountedStudy]:
    """All studies in a file of them, none if there is no file."""
    return [CountedStudy(**one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def planted_power(studies: Iterable[CountedStudy], claim: str) -> Power:
    """What became of a claim in the studies of the world in which it was planted, by the usual analysis.

    Parameters
    ----------
    studies : iterable of CountedStudy
        Others are left out.
    claim : str
    """
    outcomes: dict[int, list[str]] = {}
    for one in studies:
        if (one.world, one.analysis) == (PLANTED, USUAL) and claim in one.outcomes:
            outcomes.setdefault(one.n_images, []).append(one.outcomes[claim])
    return Power(outcomes)
