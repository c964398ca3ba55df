"""The verdicts on all claims, world by world and seed by seed: the ledger, and `python -m lib claims`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.claims import CLAIMS, HOLDS, OUTCOMES, Verdict, evaluate
from lib.claims.claim import ClaimPart, judge_group
from lib.claims.studies import EVERY_WORLD, STUDY_KINDS
from lib.core import choose, progress
from lib.core.scores import Interval

Verdicts = Mapping[str, Sequence[Verdict]]  # claim -> one verdict per seed

# Worlds were chosen on `PLANTING_SEEDS`; on others power is looked at and rates are counted, the latter once.
POWER_SEEDS = range(300, 400)
JUDGING_SEEDS = tuple(seed + start for seed in range(20) for start in (0, 200))
POWER = 0.8  # share of studies in which a claim that is true shall be found
VERDICTS = "verdicts.json"  # what `python -m lib collect` writes into the folder of a sweep


@dataclass(frozen=True)
class Rate:
    """What became of a claim over several studies.

    Attributes
    ----------
    holds, contradicted, undecided : float
        Shares of the studies; in the rest it could not be asked.
    n : int
        Number of studies.
    n_best : int or None
        Voxels of an ROI that decided.
    effect : float or None
        In the part that decides, mean over the studies that have one.
    """

    holds: float
    contradicted: float
    undecided: float
    n: int
    n_best: int | None
    effect: float | None

    @classmethod
    def of(cls, verdicts: Iterable[Verdict], n_best: int | None = None) -> "Rate":
        """Count one claim's verdicts.

        Parameters
        ----------
        verdicts : iterable of Verdict
        n_best : int, optional
            Of the studies.
        """
        found = list(verdicts)
        holds, contradicted, undecided = (
            sum(one.outcome == outcome for one in found) / max(1, len(found)) for outcome in OUTCOMES
        )
        effects = [one.effect.estimate for one in found if one.effect]
        effect = float(np.mean(effects)) if effects else None
        return cls(holds, contradicted, undecided, len(found), n_best, effect)


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
    def of(cls, verdicts: Verdicts, world: str, analysis: str, n_images: int, seed: int) -> "CountedStudy":
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


def images_needed(studies: Iterable[CountedStudy], claim: str, power: float = POWER) -> int | None:
    """Fewest images from which on a claim holds in this share of the studies; None if the most are too few.

    Parameters
    ----------
    studies : iterable of CountedStudy
        Of a world in which the claim was planted.
    claim : str
    power : float
    """
    found = [one for one in studies if claim in one.outcomes]
    needed = None
    for n in sorted({one.n_images for one in found}, reverse=True):
        if share([one for one in found if one.n_images == n], claim) < power:
            break
        needed = n
    return needed


def simulated_verdicts(
    claims: Sequence[str],
    worlds: Sequence[str],
    seeds: Iterable[int],
    weights: str = "miniature",
    analysis: str = "as-published",
    **size: Any,
) -> dict[str, Verdicts]:
    """Decide claims on one simulated participant (or group of them) per world and seed.

    Parameters
    ----------
    claims, worlds : names
        A claim that is not about such participants is left out of a world.
    seeds : iterable of int
    weights : str
        Of the networks that are analysed.
    analysis : "as-published" or "matched"
        Claims that cannot be decided by an analysis are left out.
    **size
        `n_images`, `voxels_per_roi`; the kind's own default where None.

    Returns
    -------
    dict of world to {claim: list of one Verdict per seed}
    """
    found: dict[str, Verdicts] = {choose("world", world, EVERY_WORLD): {} for world in worlds}
    seeds, options = list(seeds), {"weights": weights, "analysis": analysis, **size}
    for name, kind in STUDY_KINDS.items():
        wanted = [claim for claim in claims if CLAIMS[choose("claim", claim, CLAIMS)].kind == name]
        there = [world for world in found if world in kind.worlds]
        if wanted and there and analysis in kind.analyses:
            for world, verdicts in _over_seeds(name, wanted, there, seeds, options).items():
                found[world] = {**found[world], **verdicts}
    return found


def _over_seeds(
    kind: str, claims: Sequence[str], worlds: Sequence[str], seeds: Iterable[int], options: Mapping[str, Any]
) -> dict[str, Verdicts]:
    networks, decided = networks_of(claims), []
    for seed in progress(seeds, f"seeds of {', '.join(worlds)}"):
        studies = STUDY_KINDS[kind].simulate(worlds=worlds, seed=seed, networks=networks, **options)
        decided.append({world: evaluate(study, claims) for world, study in studies.items()})
    return {world: {name: [one[world][i] for one in decided] for i, name in enumerate(claims)} for world in worlds}


def _measured_verdicts(dataset: str, subject: int, data_root: str | None, weights: str) -> Verdicts:
    """Decide the claims that a measured data set can decide."""
    kinds = {kind.dataset: name for name, kind in STUDY_KINDS.items()}
    kind = kinds[choose("measured data set", dataset, kinds)]
    claims = [name for name, claim in CLAIMS.items() if claim.kind == kind]
    measure, networks = STUDY_KINDS[kind].measure, networks_of(claims)
    study = measure(subject=subject, data_root=data_root, networks=networks, weights=weights)
    return {verdict.claim: [verdict] for verdict in evaluate(study, claims)}


@dataclass(frozen=True)
class Ledger:
    """Verdicts by column, a column being a world, a participant or a group.

    Attributes
    ----------
    simulated, measured : mapping of column to {claim: list of Verdict}
    """

    simulated: Mapping[str, Verdicts]
    measured: Mapping[str, Verdicts]

    @property
    def columns(self) -> dict[str, Verdicts]:
        """All columns, the simulated ones first."""
        return {**self.simulated, **self.measured}


def sweep_ledger(folder: str) -> Ledger:
    """Read the columns that `python -m lib collect` has written into the folder of a sweep.

    Several participants, each decided alone, get a second column: the same claims about people in general.

    Raises
    ------
    FileNotFoundError
        The sweep was not collected.
    """
    path = Path(folder).expanduser() / VERDICTS
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected what `python -m lib collect {folder}` writes, found no such file.")
    parts: dict[bool, dict[str, Verdicts]] = {True: {}, False: {}}
    for name, column in json.loads(path.read_text()).items():
        found = {claim: [read_verdict(one) for one in verdicts] for claim, verdicts in column["verdicts"].items()}
        parts[column["simulated"]][name] = found
        if any(len(verdicts) > 1 for verdicts in found.values()):
            groups = {claim: [judge_group(claim, own, CLAIMS[claim].smallest)] for claim, own in found.items()}
            parts[column["simulated"]][f"{name}: people in general"] = groups
    return Ledger(parts[True], parts[False])


def read_verdict(plain: Mapping[str, Any]) -> Verdict:
    """A verdict from what `dataclasses.asdict` made of it."""
    effect = Interval(**plain["effect"]) if plain["effect"] else None
    parts = {name: ClaimPart(**{**one, "effect": Interval(**one["effect"])}) for name, one in plain["parts"].items()}
    return Verdict(**{**plain, "effect": effect, "parts": parts})


def ledger(
    worlds: Sequence[str],
    seeds: Iterable[int],
    weights: str,
    *,
    dataset: str = "simulated",
    subject: int = 1,
    data_root: str | None = None,
    sweep: str | None = None,
    **size: Any,
) -> Ledger:
    """Decide all claims in all worlds, and on measured data if `dataset` names some.

    Parameters
    ----------
    worlds : names
    seeds : iterable of int
    weights : str
        Of the networks that are analysed.
    dataset : "simulated", "nsd" or "god"
    subject : int
        The participant of NSD; of GOD all are analysed together.
    data_root : path, optional
        Folder of the measured data.
    sweep : path, optional
        Folder of a collected sweep: its columns are added.
    **size
        `n_images`, `voxels_per_roi` of the simulated participants.
    """
    simulated = simulated_verdicts(list(CLAIMS), worlds, seeds, weights, **size)
    swept = sweep_ledger(sweep) if sweep else Ledger({}, {})
    measured: dict[str, Verdicts] = {}
    if dataset != "simulated":
        whose = "all participants" if dataset == "god" else f"participant {subject}"
        measured[f"{dataset}, {whose}, {weights} networks"] = _measured_verdicts(dataset, subject, data_root, weights)
    return Ledger({**simulated, **swept.simulated}, {**swept.measured, **measured})


def networks_of(claims: Iterable[str]) -> list[str]:
    """Networks that at least one of the claims is about."""
    return list(dict.fromkeys(network for name in claims for network in CLAIMS[name].networks))
