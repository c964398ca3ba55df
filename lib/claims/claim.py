"""What a claim is, how a contrast is judged, and what becomes of a claim."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from lib.core.scores import Interval, clustered_error, share_of_ceiling, t_quantile

HOLDS, CONTRADICTED, UNDECIDED, UNTESTED = "holds", "contradicted", "undecided", "cannot be asked here"
OUTCOMES = (HOLDS, CONTRADICTED, UNDECIDED)
CONFIDENCE = 0.95
POWER = 0.8  # share of studies in which a claim that is true shall be found


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
class Contrast:
    """How much larger some means are than others.

    Attributes
    ----------
    estimate, error : arrays of shape (n_larger, n_smaller)
        Differences between each mean that should be large and each that should be small, and their standard errors.
        The claim is that one of the former exceeds all of the latter.
    df : int
        Degrees of freedom of the errors.
    measure : str
        Whose smallest effect decides: a key of `lib.claims.SMALLEST_EFFECTS`.
    same : bool
        The claim is that all differences are smaller than that.
    shares : array of shape (n_larger, n_smaller) or None
        The differences as shares of the noise ceiling, for differences of R or R2; NaN where the ceiling is unknown.
    """

    estimate: np.ndarray
    error: np.ndarray
    df: int
    measure: str
    same: bool = False
    shares: np.ndarray | None = None

    @property
    def decisive(self) -> tuple[int, int]:
        """Place of the difference whose estimate `interval` gives."""
        if self.same:
            row, column = divmod(int(np.abs(self.estimate).argmax()), self.estimate.shape[1])
            return row, column
        larger = int(self.estimate.min(1).argmax())
        return larger, int(self.estimate[larger].argmin())

    @property
    def of_ceiling(self) -> float | None:
        """The estimate that `interval` gives, as a share of the noise ceiling; None where that is unknown."""
        share = np.nan if self.shares is None else float(self.shares[self.decisive])
        return None if np.isnan(share) else share

    def interval(self, n_parts: int = 1) -> Interval:
        """The largest of the `larger` means minus the largest other one; of a sameness, the largest difference.

        The lower end is above zero with an error of 2.5 % only where every difference is. The upper end allows for the
        number of differences, any of which could be the one that is below (Bonferroni), and for `n_parts` parts of a
        claim.
        """
        n_larger, n_smaller = self.estimate.shape
        if self.same:
            half = self._half(n_larger * n_smaller * n_parts)[self.decisive]
            estimate = self.estimate[self.decisive]
            return Interval(float(estimate), float(estimate - half), float(estimate + half))
        low, high = self.estimate - self._half(n_larger), self.estimate + self._half(n_smaller * n_parts)
        return Interval(*(float(values.min(1).max()) for values in (self.estimate, low, high)))

    def _half(self, n_comparisons: int) -> np.ndarray:
        """Half-widths of the intervals, array of shape (n_larger, n_smaller)."""
        return t_quantile(self.df, 1 - (1 - CONFIDENCE) / n_comparisons) * self.error

    def outcome(self, smallest: float, n_parts: int = 1) -> str:
        """The contrast's place against the smallest effect that matters.

        A difference holds if its interval lies above zero and its estimate reaches the smallest effect; it is
        contradicted if the interval lies below the smallest effect. A sameness holds if the interval lies within the
        smallest effect of zero on both sides (two one-sided tests, Lakens 2017), and is contradicted if it lies beyond.

        Parameters
        ----------
        smallest : float
            The smallest effect that matters, above zero.
        n_parts : int
            Parts of the claim: any of them can contradict it, so each must do so at a level of 2.5 % / n_parts.
        """
        alone, together = self.interval(), self.interval(n_parts)
        if self.same:
            within = max(-alone.low, alone.high) < smallest
            beyond = together.low > smallest or together.high < -smallest
            return HOLDS if within else CONTRADICTED if beyond else UNDECIDED
        if alone.low > 0 and alone.estimate >= smallest:
            return HOLDS
        return CONTRADICTED if together.high < smallest else UNDECIDED


def contrast(
    values: np.ndarray, blocks: np.ndarray, measure: str, same: bool = False, *, ceiling: np.ndarray | None = None
) -> Contrast:
    """Mean differences over images and voxels (or people) with their standard errors.

    Parameters
    ----------
    values : array of shape (n_larger, n_smaller, n_images, n_voxels)
        See `lib.core.scores.clustered_error`.
    blocks : int array of shape (n_voxels,)
        Block of cortex of each voxel.
    measure, same
        As in `Contrast`.
    ceiling : array of shape (n_voxels,), optional
        Noise ceilings of the voxels, if values are differences of R, or of R2 (the measure "variance").
    """
    error, df = clustered_error(values, blocks)
    mean = values.mean(-2)
    shares = None if ceiling is None else share_of_ceiling(mean, ceiling, measure == "variance").mean(-1)
    return Contrast(mean.mean(-1), error, df, measure, same, shares)


Contrasts = Mapping[str, Contrast | str]  # by ROI or comparison; a string says why that part cannot be decided


@dataclass(frozen=True)
class SmallestEffect:
    """The smallest effect that matters, stated before any data are looked at.

    Attributes
    ----------
    value : float
    unit, why : str
    """

    value: float
    unit: str
    why: str


@dataclass(frozen=True)
class Power:
    """What became of a claim in simulated brains in which it was planted.

    Attributes
    ----------
    outcomes : mapping of number of images to outcomes
        One per study; empty if none was counted.

    Examples
    --------
    >>> power = Power({500: ("undecided", "holds"), 1000: ("holds", "holds")})
    >>> print(power, power.images_needed())
    1 of 2 with 500 images, 2 of 2 with 1,000 1000
    >>> print(Power())
    not counted
    """

    outcomes: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def share(self, n_images: int, outcome: str = HOLDS) -> float:
        """Share of the studies with so many images in which this became of the claim."""
        return float(np.mean([one == outcome for one in self.outcomes[n_images]]))

    def images_needed(self, power: float = POWER) -> int | None:
        """Fewest images from which on the claim holds in this share of the studies; None if the most are too few."""
        needed = None
        for n in sorted(self.outcomes, reverse=True):
            if self.share(n) < power:
                break
            needed = n
        return needed

    def __str__(self) -> str:
        counts = [(n, list(found)) for n, found in sorted(self.outcomes.items())]
        words = [f"{found.count(HOLDS)} of {len(found)} with {n:,}" for n, found in counts]
        return ", ".join([f"{words[0]} images", *words[1:]]) if words else "not counted"


@dataclass(frozen=True)
class ClaimPart:
    """What one part of a claim came to.

    Attributes
    ----------
    effect : Interval
    measure, same, of_ceiling
        As of its `Contrast`.
    """

    effect: Interval
    measure: str
    same: bool = False
    of_ceiling: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of testing a claim.

    Attributes
    ----------
    claim : str
    outcome : "holds", "contradicted", "undecided" or "cannot be asked here"
    effect : Interval or None
        Of the part that decides: the weakest one.
    where : str
        The name of that part (an ROI, a pair of networks); or why there was nothing to test.
    parts : mapping of str to ClaimPart
        Every part that has an interval.
    of_ceiling : float or None
        The effect as a share of the noise ceiling, if it is a difference of R or R2 and the ceiling is known.
    missing : sequence of str
        Parts that cannot be decided.
    """

    claim: str
    outcome: str
    effect: Interval | None
    where: str
    parts: Mapping[str, ClaimPart] = field(default_factory=dict)
    of_ceiling: float | None = None
    missing: Sequence[str] = ()


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
        Maps a study to its parts, {ROI or comparison: Contrast, or why it cannot be decided}.
    smallest : mapping of measure to SmallestEffect
        Of the measures that its contrasts use.
    notebook : str
        The page that decides it, with its figure.
    kind : str
        Kind of study it is decided on.
    power : Power
        As counted over recorded simulated studies, see `lib.claims.counted`.
    """

    id: str
    title: str
    paper: str
    quote: str
    place: str
    statistic: str
    rule: str
    networks: list[str]
    contrasts: Callable[[Any], Contrasts]
    smallest: Mapping[str, SmallestEffect]
    notebook: str
    kind: str = "encoding"
    power: Power = Power()

    def evaluate(self, study: AnyStudy) -> Verdict:
        """Decide the claim on one study."""
        if self.kind != study.kind:
            return Verdict(self.id, UNTESTED, None, f"needs {self.kind}")
        absent = [network for network in self.networks if network not in study.networks]
        if absent:
            return Verdict(self.id, UNTESTED, None, f"needs {', '.join(absent)}")
        return judge(self.id, self.contrasts(study), self.smallest)


def judge(claim: str, contrasts: Contrasts, smallest: Mapping[str, SmallestEffect]) -> Verdict:
    """Decide a claim on its parts.

    It holds if all parts hold. It is contradicted if one part is, at a level that allows for the number of parts.
    Otherwise it is undecided, and where no part can be decided it cannot be asked.

    Parameters
    ----------
    claim : str
        Its name.
    contrasts : mapping of part to Contrast, or to why it cannot be decided
    smallest : mapping of measure to SmallestEffect
    """
    known = {name: one for name, one in contrasts.items() if isinstance(one, Contrast)}
    reasons = {name: f"{name}: {why}" for name, why in contrasts.items() if isinstance(why, str)}
    reason, missing = next(iter(reasons.values()), "no network of this kind was analysed"), tuple(reasons)
    if not known:
        return Verdict(claim, UNTESTED, None, reason, missing=missing)
    least = {name: smallest[one.measure].value for name, one in known.items()}
    outcomes = {name: one.outcome(least[name], len(known)) for name, one in known.items()}
    outcome = _together([*outcomes.values(), *(UNDECIDED for _ in reasons)])
    parts = {name: ClaimPart(one.interval(), one.measure, one.same, one.of_ceiling) for name, one in known.items()}
    if reasons and outcome == UNDECIDED:
        return Verdict(claim, outcome, None, reason, parts, missing=missing)
    where = min((name for name in known if outcomes[name] == outcome), key=lambda name: _room(known[name], least[name]))
    n_parts = len(known) if outcome == CONTRADICTED else 1
    return Verdict(claim, outcome, known[where].interval(n_parts), where, parts, known[where].of_ceiling, missing)


def _room(one: Contrast, smallest: float) -> float:
    """How far the interval is from failing, in smallest effects."""
    interval = one.interval()
    return (1 - max(-interval.low, interval.high) / smallest) if one.same else interval.low / smallest


def _together(outcomes: Collection[str]) -> str:
    if CONTRADICTED in outcomes:
        return CONTRADICTED
    return HOLDS if set(outcomes) == {HOLDS} else UNDECIDED


def judge_group(claim: str, verdicts: Sequence[Verdict], smallest: Mapping[str, SmallestEffect]) -> Verdict:
    """Decide a claim about people in general: each part's effect is a mean over people, who are drawn at random.

    A person who lacks an area is left out of that part, and an area that all lack decides nothing, as in one person.
    `where` also says in how many people the claim holds.

    Parameters
    ----------
    claim : str
        Its name.
    verdicts : sequence of Verdict
        One per person.
    smallest : mapping of measure to SmallestEffect
    """
    names = dict.fromkeys(name for one in verdicts for name in (*one.parts, *one.missing))
    found = judge(claim, {name: _over_people(name, verdicts) for name in names}, smallest) if names else verdicts[0]
    people = f"holds in {sum(one.outcome == HOLDS for one in verdicts)} of {len(verdicts)} people"
    return replace(found, where=f"{found.where}; {people}")


def _over_people(name: str, verdicts: Sequence[Verdict]) -> Contrast | str:
    """The mean effect in one part."""
    parts = [one.parts[name] for one in verdicts if name in one.parts]
    if len(parts) < 2:
        return "decided in one person only" if parts else "decided in nobody"
    effects = np.array([one.effect.estimate for one in parts])
    shares = np.array([[one.of_ceiling for one in parts]], float).mean(1, keepdims=True)
    found = contrast(effects[None, None, None], np.arange(len(parts)), parts[0].measure, parts[0].same)
    return replace(found, shares=shares)
