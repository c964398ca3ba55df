"""Each sentence the papers claim, as a test on results.

A claim about layers is a contrast, not a bare argmax: in any brain, even one where every layer drives every ROI
alike, some layer is the best. A claim has parts, such as ROIs. Each part is a difference of means with an interval,
judged against the smallest effect that matters, which is stated beforehand:

* it *holds* if the interval lies above zero and the difference reaches the smallest effect;
* it is *contradicted* if the interval lies below the smallest effect;
* it is *undecided* otherwise.

A claim of sameness holds if the interval lies within the smallest effect of zero on both sides (Lakens 2017). A claim
holds if all its parts do, and is contradicted if one is, at a level that allows for their number. An ROI that is
missing or has fewer than ten reliable voxels decides nothing.

The sentences and smallest effects stand in claims.toml, the contrasts in `wang2021` and `yu2018`, the judgement in
`claim`. How often a rule is wrong is measured over simulated participants, where the truth is known
(`python -m lib claims`); how often it finds a claim that is true stands in the claim, as its `power`.
"""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from lib.claims import wang2021, yu2018
from lib.claims.claim import (
    CONTRADICTED,
    HOLDS,
    OUTCOMES,
    UNDECIDED,
    UNTESTED,
    AnyStudy,
    Claim,
    Power,
    SmallestEffect,
    Verdict,
    judge,
    judge_group,
)
from lib.claims.counted import planted_power, recorded_studies
from lib.core import choose

__all__ = [
    "CLAIMS",
    "CONTRADICTED",
    "HOLDS",
    "OUTCOMES",
    "SMALLEST_EFFECTS",
    "UNDECIDED",
    "UNTESTED",
    "Claim",
    "Power",
    "Verdict",
    "evaluate",
    "evaluate_group",
    "judge",
]

_FILE = tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))
SMALLEST_EFFECTS = {measure: SmallestEffect(**entry) for measure, entry in _FILE["smallest"].items()}
_RECORDED = recorded_studies()
_CONTRASTS = {**wang2021.ENCODING_CONTRASTS, **yu2018.DECODING_CONTRASTS}
CLAIMS = {
    entry["id"]: Claim(
        **{name: value for name, value in entry.items() if name != "measures"},
        contrasts=_CONTRASTS[entry["id"]],
        smallest={measure: SMALLEST_EFFECTS[measure] for measure in entry["measures"]},
        power=planted_power(_RECORDED, entry["id"]),
    )
    for entry in _FILE["claims"]
}


def evaluate(study: AnyStudy, claims: Iterable[str] | None = None) -> list[Verdict]:
    """Decide several claims on one study, in the order given; all claims about such a study by default."""
    names = [name for name, claim in CLAIMS.items() if claim.kind == study.kind] if claims is None else claims
    return [CLAIMS[choose("claim", name, CLAIMS)].evaluate(study) for name in names]


def evaluate_group(studies: Sequence[AnyStudy], claims: Iterable[str] | None = None) -> list[Verdict]:
    """Decide several claims on several people, a study each, as claims about people in general.

    Parameters
    ----------
    studies : sequence of EncodingStudy
        Decoding claims are about several people as they are.
    claims : names, optional
        All about such studies by default.
    """
    everybody = zip(*(evaluate(study, claims) for study in studies), strict=True)
    return [judge_group(own[0].claim, own, CLAIMS[own[0].claim].smallest) for own in everybody]
