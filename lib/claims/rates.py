"""The verdicts on all claims, world by world and seed by seed: the ledger, and `python -m lib claims`."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.claims import CLAIMS, OUTCOMES, Verdict, evaluate
from lib.claims.claim import ClaimPart, judge_group
from lib.claims.counted import COUNTED, CountedStudy, recorded_studies
from lib.claims.studies import EVERY_WORLD, STUDY_KINDS
from lib.core import choose, progress
from lib.core.scores import Interval

Verdicts = Mapping[str, Sequence[Verdict]]  # claim -> one verdict per seed

# Worlds were chosen on `PLANTING_SEEDS`; on others power is looked at and rates are counted, the latter once.
POWER_SEEDS = range(300, 400)
JUDGING_SEEDS = tuple(seed + start for seed in range(20) for start in (0, 200))
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


def counted_studies(kind: str, seeds: Collection[int], path: Path = COUNTED) -> list[CountedStudy]:
    """Recorded studies of some seeds.

    Parameters
    ----------
    kind : "encoding" or "decoding"
        What their claims are about.
    seeds : collection of int
    path : path
        As for `lib.claims.counted.recorded_studies`.
    """
    found = [one for one in recorded_studies(path) if one.seed in seeds]
    return [one for one in found if any(CLAIMS[name].kind == kind for name in one.outcomes)]


def simulated_verdicts(
    claims: Sequence[str],
    worlds: Sequence[str],
    seeds: Iterable[int],
    weights: str = "miniature",
    analysis: str = "as-published",
    sizes: str = "claims",
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
    sizes : "claims" or "page"
        Which of `lib.simulation.sizes.LayoutSizes` is the default.
    **size
        `n_images`, `voxels_per_roi`; the default of the kind of study where None.

    Returns
    -------
    dict of world to {claim: list of one Verdict per seed}
    """
    found: dict[str, Verdicts] = {choose("world", world, EVERY_WORLD): {} for world in worlds}
    seeds = list(seeds)
    for name, kind in STUDY_KINDS.items():
        wanted = [claim for claim in claims if CLAIMS[choose("claim", claim, CLAIMS)].kind == name]
        there = [world for world in found if world in kind.worlds]
        if wanted and there and analysis in kind.analyses:
            options = {"weights": weights, "analysis": analysis, **vars(getattr(kind.sizes, sizes).given(**size))}
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
        several = {claim: own for claim, own in found.items() if len(own) > 1}  # a decoding study has all people in it
        if several:
            groups = {claim: [judge_group(claim, own, CLAIMS[claim].smallest)] for claim, own in several.items()}
            parts[column["simulated"]][f"{name}: people in general"] = groups
    return Ledger(parts[True], parts[False])


def read_verdict(plain: Mapping[str, Any]) -> Verdict:
    """A verdict from what `dataclasses.asdict` made of it."""
    effect = Interval(**plain["effect"]) if plain["effect"] else None
    parts = {name: ClaimPart(**{**one, "effect": Interval(**one["effect"])}) for name, one in plain["parts"].items()}
    return Verdict(**{**plain, "effect": effect, "parts": parts, "missing": tuple(plain.get("missing", ()))})


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
    simulated = simulated_verdicts(list(CLAIMS), worlds, seeds, weights, sizes="page", **size)
    swept = sweep_ledger(sweep) if sweep else Ledger({}, {})
    measured: dict[str, Verdicts] = {}
    if dataset != "simulated":
        whose = "all participants" if dataset == "god" else f"participant {subject}"
        measured[f"{dataset}, {whose}, {weights} networks"] = _measured_verdicts(dataset, subject, data_root, weights)
    return Ledger({**simulated, **swept.simulated}, {**swept.measured, **measured})


def networks_of(claims: Iterable[str]) -> list[str]:
    """Networks that at least one of the claims is about."""
    return list(dict.fromkeys(network for name in claims for network in CLAIMS[name].networks))
