"""What becomes of the claims, world by world and seed by seed: the ledger, and `python -m lib claims`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.claims import CLAIMS, HOLDS, UNTESTED, Verdict, evaluate
from lib.claims.studies import EVERY_WORLD, KINDS, Kind
from lib.core import choose, progress
from lib.core.scores import Interval

Verdicts = dict[str, list[Verdict]]  # claim -> one verdict per seed

VERDICTS = "verdicts.json"  # what `python -m lib collect` writes into the folder of a sweep


@dataclass(frozen=True)
class Rate:
    """How often a claim held.

    Attributes
    ----------
    holds : float or None
        Share of the seeds on which it held, among those on which it could be tested.
    n : int
        How many those are.
    effect : float or None
        Of the weakest contrast, mean over those seeds.
    """

    holds: float | None
    n: int
    effect: float | None


def rate(found: Iterable[Verdict]) -> Rate:
    """Share of a claim's verdicts that say it holds, and their mean effect."""
    tested = [verdict for verdict in found if verdict.outcome != UNTESTED]
    if not tested:
        return Rate(None, 0, None)
    held = sum(verdict.outcome == HOLDS for verdict in tested)
    return Rate(held / len(tested), len(tested), float(np.mean([verdict.effect.estimate for verdict in tested])))


def simulated_verdicts(
    claims: Iterable[str],
    worlds: Sequence[str],
    seeds: Iterable[int],
    weights: str = "miniature",
    analysis: str = "as-published",
    **size: int | None,
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
    claims, seeds = list(claims), list(seeds)
    worlds = [choose("world", world, EVERY_WORLD) for world in worlds]
    found: dict[str, Verdicts] = {world: {} for world in worlds}
    for name, wanted in _by_kind(claims).items():
        kind = KINDS[name]
        if analysis not in kind.analyses:
            continue
        options = size | ({"analysis": analysis} if len(kind.analyses) > 1 else {})
        for world, verdicts in _over_seeds(kind, wanted, worlds, seeds, weights=weights, **options).items():
            found[world] |= verdicts
    return found


def _over_seeds(
    kind: Kind, claims: Sequence[str], worlds: Iterable[str], seeds: Iterable[int], **options: object
) -> dict[str, Verdicts]:
    there = [world for world in worlds if world in kind.worlds]
    if not there:
        return {}
    decided = []
    for seed in progress(seeds, f"seeds of {', '.join(there)}"):
        studies = kind.simulate(worlds=there, seed=seed, networks=networks_of(claims), **options)
        decided.append({world: evaluate(study, claims) for world, study in studies.items()})
    return {world: {name: [one[world][i] for one in decided] for i, name in enumerate(claims)} for world in there}


def measured_verdicts(
    claims: Iterable[str], dataset: str, subject: int, data_root: str | None, weights: str
) -> Verdicts:
    """Decide those claims that a measured data set can decide, on one of its participants, or on all of GOD."""
    kinds = {kind.dataset: name for name, kind in KINDS.items()}
    kind = kinds[choose("measured data set", dataset, kinds)]
    wanted = [name for name in claims if CLAIMS[name].kind == kind]
    networks = networks_of(wanted)
    study = KINDS[kind].measure(subject=subject, data_root=data_root, networks=networks, weights=weights)
    return {verdict.claim: [verdict] for verdict in evaluate(study, wanted)}


@dataclass(frozen=True)
class Swept:
    """Columns that a sweep gives to the ledger, by name: claims decided on simulated and on measured participants."""

    simulated: Mapping[str, Verdicts]
    measured: Mapping[str, Verdicts]


def swept(folder: str | None) -> Swept:
    """What `python -m lib collect` has found in the folder of a sweep; nothing if no folder is named.

    Raises
    ------
    FileNotFoundError
        The sweep was not collected.
    """
    if folder is None:
        return Swept({}, {})
    path = Path(folder).expanduser() / VERDICTS
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected what `python -m lib collect {folder}` writes, found no such file.")
    columns = json.loads(path.read_text())
    found = {
        name: {c: [_verdict(v) for v in vs] for c, vs in column["verdicts"].items()} for name, column in columns.items()
    }
    simulated = {name for name, column in columns.items() if column["simulated"]}
    return Swept(*({n: found[n] for n in found if (n in simulated) == kind} for kind in (True, False)))


def _verdict(plain: Mapping[str, Any]) -> Verdict:
    effect = plain["effect"]
    return Verdict(**{**plain, "effect": Interval(**effect) if effect else None})


def ledger(
    worlds: Sequence[str],
    seeds: Iterable[int],
    weights: str,
    *,
    dataset: str = "simulated",
    subject: int = 1,
    data_root: str | None = None,
    sweep: Swept | None = None,
    **size: int | None,
) -> dict[str, Verdicts]:
    """All claims in all worlds, and on one measured participant if `dataset` names a measured data set.

    Returns
    -------
    dict of column to {claim: list of verdicts}
        The worlds first, in the order given, then a sweep's simulated columns; then what was measured.
    """
    sweep = sweep or Swept({}, {})
    found = simulated_verdicts(CLAIMS, worlds, seeds, weights, **size) | sweep.simulated | sweep.measured
    if dataset != "simulated":
        who = "all participants" if dataset == "god" else f"participant {subject}"
        found[f"{dataset}, {who}"] = measured_verdicts(CLAIMS, dataset, subject, data_root, weights)
    return found


def networks_of(claims: Iterable[str]) -> list[str]:
    """Networks that at least one of the claims speaks about."""
    return list(dict.fromkeys(network for name in claims for network in CLAIMS[name].networks))


def _by_kind(claims: Sequence[str]) -> dict[str, list[str]]:
    kinds = dict.fromkeys(CLAIMS[choose("claim", name, CLAIMS)].kind for name in claims)
    return {kind: [name for name in claims if CLAIMS[name].kind == kind] for kind in kinds}
