"""What a claim is, what becomes of it, and the contrast most claims come down to."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lib.core.scores import Interval

NO_INTERVAL = "one participant: no interval"
OUTCOMES = HOLDS, FAILS, UNTESTED = "holds", "does not hold", "cannot be tested here"


class AnyStudy(Protocol):
    """Results that claims can be decided on.

    Attributes
    ----------
    kind : str
        What was done: "encoding" or "decoding".
    networks : collection of str
        Networks that were analysed.
    """

    @property
    def kind(self) -> str: ...

    @property
    def networks(self) -> Collection[str]: ...


@dataclass(frozen=True)
class Verdict:
    """What a claim's test came to.

    Attributes
    ----------
    claim : str
    outcome : "holds", "does not hold" or "cannot be tested here"
    effect : Interval or None
        Of the weakest contrast.
    where : str
        Which one that is (an ROI, a pair of networks); or why there was nothing to test.
    """

    claim: str
    outcome: str
    effect: Interval | None
    where: str


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper with the rule that decides it.

    Attributes
    ----------
    id, title : str
        Its name in the ledger, and what it says in a few words.
    paper, quote, place : str
        Which sentence, word for word, and where it stands; the paper by its key in the bibliography.
    statistic, rule : str
        What is computed, and when the claim holds.
    networks : tuple of str
        Networks it speaks about.
    contrasts : callable
        Maps a study to {ROI or comparison: Interval}; the claim holds when every interval lies above zero. It cannot
        be tested where an interval has no bounds.
    notebook : str
        The page that decides it, with its figure.
    kind : str
        Kind of study it is decided on.
    """

    id: str
    title: str
    paper: str
    quote: str
    place: str
    statistic: str
    rule: str
    networks: tuple[str, ...]
    contrasts: Callable[[Any], Mapping[str, Interval]]
    notebook: str
    kind: str = "encoding"

    def evaluate(self, study: AnyStudy) -> Verdict:
        """Decide the claim on one study."""
        if self.kind != study.kind:
            return Verdict(self.id, UNTESTED, None, f"needs {self.kind}")
        absent = [network for network in self.networks if network not in study.networks]
        if absent:
            return Verdict(self.id, UNTESTED, None, f"needs {', '.join(absent)}")
        contrasts = self.contrasts(study)
        if not contrasts:
            return Verdict(self.id, UNTESTED, None, "the participant has none of its ROIs")
        if any(np.isnan(interval.low) for interval in contrasts.values()):
            return Verdict(self.id, UNTESTED, None, NO_INTERVAL)
        where = min(contrasts, key=lambda name: contrasts[name].low)
        holds = contrasts[where].low > 0
        return Verdict(self.id, HOLDS if holds else FAILS, contrasts[where], where)


def resampled_means(values: np.ndarray, *, n_bootstrap: int = 2000, seed: int = 0) -> np.ndarray:
    """Means over voxels, and over as many voxels drawn with replacement, `n_bootstrap` times (Efron 1979).

    Parameters
    ----------
    values : array of shape (n_layers, n_voxels)

    Returns
    -------
    array of shape (1 + n_bootstrap, n_layers)
        The means themselves first. Arrays of as many voxels are resampled alike, so their differences are paired.
    """
    n_voxels = values.shape[1]
    draws = np.random.default_rng(seed).multinomial(n_voxels, np.full(n_voxels, 1 / n_voxels), n_bootstrap)
    return np.vstack([np.ones(n_voxels), draws]) @ values.T / n_voxels


def interval_of(statistic: np.ndarray) -> Interval:
    """95 % percentile interval of a statistic computed from `resampled_means`, array of shape (1 + n_bootstrap,)."""
    return Interval(*map(float, (statistic[0], *np.quantile(statistic[1:], [0.025, 0.975]))))


def margin(values: np.ndarray, wanted: Iterable[int]) -> Interval:
    """How far the best of the wanted layers stands above the best of the others, on average over voxels.

    Parameters
    ----------
    values : array of shape (n_layers, n_voxels)
        Scores or weights.
    wanted : indices of layers

    Returns
    -------
    Interval
        Above zero: one of the wanted layers is preferred.
    """
    wanted = np.isin(np.arange(len(values)), list(wanted))
    means = resampled_means(values)
    return interval_of(means[:, wanted].max(1) - means[:, ~wanted].max(1))


def weaker(*intervals: Interval) -> Interval:
    """The one whose lower end is lowest: a claim is as strong as its weakest part."""
    return min(intervals, key=lambda interval: interval.low)
