"""Each sentence the papers claim, as a test on results.

A claim about layers is a contrast, not a bare argmax: in any brain, even one where every layer drives every ROI
alike, some layer is the best. So a layer counts as preferred in an ROI when the mean over voxels of its score (or
weight) exceeds that of every other layer by a margin whose 95 % interval lies above zero; and a claim over several
ROIs is as strong as its weakest ROI.

The sentences stand in claims.toml, their tests in `wang2021` and `yu2018`.

The intervals resample voxels: they say what another set of voxels of the same brain would give. How often a rule is
wrong is measured over simulated participants, where the truth is known (`python -m lib claims`).
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from lib.claims import wang2021, yu2018
from lib.claims.claim import FAILS, HOLDS, UNTESTED, AnyStudy, Claim, Verdict, margin
from lib.core import choose

__all__ = ["CLAIMS", "FAILS", "HOLDS", "UNTESTED", "Claim", "Verdict", "evaluate", "margin"]

_ENTRIES = tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))["claims"]
_CONTRASTS = {**wang2021.ENCODING_CONTRASTS, **yu2018.DECODING_CONTRASTS}
CLAIMS = {entry["id"]: Claim(**entry, contrasts=_CONTRASTS[entry["id"]]) for entry in _ENTRIES}


def evaluate(study: AnyStudy, claims: Iterable[str] | None = None) -> list[Verdict]:
    """Decide several claims on one study, in the order given; all claims about such a study by default."""
    names = [name for name, claim in CLAIMS.items() if claim.kind == study.kind] if claims is None else claims
    return [CLAIMS[choose("claim", name, CLAIMS)].evaluate(study) for name in names]
