"""What a claim is, what becomes of it, and the contrast most claims come down to."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from lib.core.scores import Interval

HOLDS, FAILS, UNTESTED = "holds", "does not hold", "cannot be tested here"
NO_INTERVAL = "one participant: no interval"


class AnyStudy(Protocol):
    """Results that claims can be decided on.

    Attributes
    ----------
    kind : str
        What was done: "encoding" or "decoding".
    """

    kind: ClassVar[str]

    @property
    def networks(self) -> Collection[str]:
        """Names of the networks that were analysed."""


@dataclass(frozen=True)
class Verdict:
    """The result of testing a claim.

    Attributes
    ----------
    claim : str
    outcome : "holds", "does not hold" or "cannot be tested here"
    effect : Interval or None
        Of the weakest contrast.
    where : str
        The name of that contrast (an ROI, a pair of networks); or why there was nothing to test.
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
        Its name in the ledger, and a short form of the sentence.
    paper, quote, place : str
        The paper's key in the bibliography, the sentence word for word, and where it stands.
    statistic, rule : str
        What is computed, and when the claim holds.
    networks : list of str
        Networks that the sentence is about.
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
    networks: list[str]
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
    n_bootstrap, seed : int

    Returns
    -------
    array of shape (1 + n_bootstrap, n_layers)
        The means themselves first. Arrays with the same number of voxels and the same seed are resampled alike, so
        their differences are paired.
    """
    n_voxels = values.shape[1]
    draws = np.random.default_rng(seed).multinomial(n_voxels, np.full(n_voxels, 1 / n_voxels), n_bootstrap)
    means: np.ndarray = np.vstack([np.ones(n_voxels), draws]) @ values.T / n_voxels
    return means


def interval_of(statistic: np.ndarray) -> Interval:
    """95 % percentile interval of a statistic computed from `resampled_means`, array of shape (1 + n_bootstrap,)."""
    return Interval(*map(float, (statistic[0], *np.quantile(statistic[1:], [0.025, 0.975]))))


def margin(values: np.ndarray, wanted: Iterable[int]) -> Interval:
    """Mean over voxels of the best wanted layer minus that of the best other layer.

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
    chosen = np.isin(np.arange(len(values)), list(wanted))
    means = resampled_means(values)
    return interval_of(means[:, chosen].max(1) - means[:, ~chosen].max(1))


def weaker(*intervals: Interval) -> Interval:
    """The interval whose lower end is lowest: a claim is as strong as its weakest part."""
    return min(intervals, key=lambda interval: interval.low)
