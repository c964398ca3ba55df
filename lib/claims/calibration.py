"""How often the intervals behind the verdicts cover the truth, and how often a rule errs where its claim is false."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.known import KnownStudy, known_study
from lib.claims import HOLDS, SMALLEST_EFFECTS
from lib.claims.claim import Contrast, contrast
from lib.claims.wang2021 import ALEXNETS, RESNETS, equal_choice, preferences, shift_excess, stack_gain, task_shift
from lib.core import progress
from lib.core.scores import t_quantile

BEST_VOXELS = (15, 50, 200)
N_PEOPLE = 5
PEAKED = (0.3, 0.4, 0.5, 0.5, 0.4, 0.3, 0.2)  # share of the signal that each layer captures
EQUAL = (0.4,) * 7
FLAT, FEWER = "seven equal layers", "four equal layers"
QUALITIES = {
    **dict.fromkeys(ALEXNETS, PEAKED),
    **dict.fromkeys(RESNETS, PEAKED[:6]),
    FLAT: EQUAL,
    FEWER: EQUAL[:4],
}

Asked = Callable[[EncodingStudy], Contrast | str]


def _preferred(network: str, layers: tuple[str, ...], what: str) -> Asked:
    return lambda study: preferences(study, [network], {"V1": layers}, what)[f"V1, {network}"]


# Of the first three, the difference between Conv-3 and Conv-4, which are equally good.
INTERVALS: Mapping[str, Asked] = {
    "R: layer minus layer": _preferred(ALEXNETS[0], ("Conv-3",), "score"),
    "weight: layer minus layer": _preferred(ALEXNETS[0], ("Conv-3",), "weights"),
    "depth by weights: task minus task": lambda study: task_shift(study, ALEXNETS, "V1"),
    "depth by R: task minus task": lambda study: task_shift(study, ALEXNETS, "V1", "score"),
    "R: network minus network": lambda study: equal_choice(study, FLAT, FEWER, [FLAT, FEWER]),
    "R2: stack minus best layer": lambda study: stack_gain(study, ALEXNETS[0], ALEXNETS[:1]),
}
NULLS: Mapping[str, Asked] = {
    "W1, W6: all layers are equally good": _preferred(FLAT, ("Conv-2", "Conv-3"), "score"),
    "W2, W5: all layers weigh the same": _preferred(FLAT, ("Conv-3",), "weights"),
    "W3: the task moves nothing": lambda study: shift_excess(study, "V1"),
    "W7: networks are alike": lambda study: equal_choice(study, FLAT, FEWER, [FLAT, FEWER]),
}
OTHER = 2  # place of Conv-4 among the layers other than Conv-3


@dataclass(frozen=True)
class Coverage:
    """How often 95 % intervals of one kind held the truth.

    Attributes
    ----------
    interval : str
    n_best : int
        Voxels, or people.
    n : int
        Number of studies in which there was an interval.
    covered : float
        Share of the intervals.
    deviation, error : float
        Standard deviation of the estimates, and the root mean square of the standard errors.
    """

    interval: str
    n_best: int
    n: int
    covered: float
    deviation: float
    error: float


@dataclass(frozen=True)
class FalsePositives:
    """How often a contrast holds in one area although nothing is there.

    Attributes
    ----------
    null : str
    n_best, n : int
        Voxels; number of studies in which it could be decided.
    holds : float
    """

    null: str
    n_best: int
    n: int
    holds: float


def calibrate(n_studies: int, *, first_seed: int = 0, **size: Any) -> tuple[list[Coverage], list[FalsePositives]]:
    """Draw studies of which the truth is known, and count.

    Parameters
    ----------
    n_studies : int
    first_seed : int
    **size
        Of `lib.analysis.known.known_study`.
    """
    studies = [
        _contrasts(known_study(np.random.default_rng((first_seed + i, 20)), QUALITIES, **size))
        for i in progress(range(n_studies), "studies of known truth")
    ]
    people = [_people(np.random.default_rng((first_seed + i, 21))) for i in range(n_studies)]
    coverage = [_coverage(name, n, [one[name, n] for one in studies]) for name in INTERVALS for n in BEST_VOXELS]
    coverage.append(_coverage("people: t interval", N_PEOPLE, people))
    nulls = [_false(name, n, [one[name, n][0] for one in studies]) for name in NULLS for n in BEST_VOXELS]
    return coverage, nulls


_Pair = tuple[Contrast | str, Contrast | str]  # as drawn, and in truth


def _contrasts(known: KnownStudy) -> dict[tuple[str, int], _Pair]:
    """All intervals and nulls, by name and number of voxels."""

    def both(ask: Asked, n_best: int) -> _Pair:
        """What was drawn and the truth, on so many voxels."""
        drawn, true = (ask(replace(study, n_best=n_best)) for study in (known.drawn, known.true))
        return drawn, true

    return {(name, n): both(ask, n) for name, ask in {**INTERVALS, **NULLS}.items() for n in BEST_VOXELS}


def _people(rng: np.random.Generator) -> _Pair:
    """Effects of some people, skewed by 1; the true mean is 0."""
    effects = rng.gamma(4, size=N_PEOPLE) / 2 - 2
    drawn = contrast(effects[None, None, None], np.arange(N_PEOPLE), "decoding")
    return drawn, replace(drawn, estimate=np.zeros((1, 1)))


def _coverage(name: str, n_best: int, pairs: Iterable[_Pair]) -> Coverage:
    found = np.array(list(_known(pairs)))  # (n_studies, 4)
    estimate, error, df, true = found.T
    covered = np.abs(estimate - true.mean()) < error * [t_quantile(one) for one in df]
    return Coverage(
        name, n_best, len(found), float(covered.mean()), float(estimate.std()), float(np.sqrt((error**2).mean()))
    )


def _known(pairs: Iterable[_Pair]) -> Iterator[tuple[float, float, int, float]]:
    for drawn, true in pairs:
        if isinstance(drawn, Contrast) and isinstance(true, Contrast):
            at = (0, OTHER if drawn.estimate.size > 1 else 0)
            yield float(drawn.estimate[at]), float(drawn.error[at]), drawn.df, float(true.estimate[at])


def _false(name: str, n_best: int, found: Iterable[Contrast | str]) -> FalsePositives:
    known = [one for one in found if isinstance(one, Contrast)]
    holds = [one.outcome(SMALLEST_EFFECTS[one.measure].value) == HOLDS for one in known]
    return FalsePositives(name, n_best, len(known), float(np.mean(holds)))
