"""Tables of verdicts on claims, and of the scores behind them beside what any model could reach."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lib.analysis.encoding_study import MIN_CEILING, EncodingStudy
from lib.claims import CLAIMS, Verdict
from lib.core.scores import share_of_ceiling
from lib.core.tables import Table, plain
from lib.figures.judging import effect_sizes


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Claims in the paper's words and what became of each on one participant or group; no column without words."""
    header = (
        *("claim", "the paper says", "verdict", "effect [95 % interval]", "of the ceiling", "smallest effect"),
        "in the part that decides",
    )
    rows = [
        (
            *(v.claim, f"“{CLAIMS[v.claim].quote}”", f"**{v.outcome}**", v.effect or ""),
            *(_percent(v.of_ceiling), effect_sizes(CLAIMS[v.claim].smallest.values()), plain(v.where)),
        )
        for v in verdicts
    ]
    filled = [i for i in range(len(header)) if any(row[i] for row in rows)]
    return Table([header[i] for i in filled], [tuple(row[i] for i in filled) for row in rows])


def verdict_comparison(found: Mapping[str, Sequence[Verdict]]) -> Table:
    """What becomes of each claim (rows) in each participant (columns), with the effect in the part that decides."""
    rows = [
        [f"**{verdicts[0].claim}**", CLAIMS[verdicts[0].claim].title, *map(_outcome, verdicts)]
        for verdicts in zip(*found.values(), strict=True)
    ]
    return Table(["claim", "", *map(plain, found)], rows)


def _outcome(verdict: Verdict) -> str:
    share = "" if verdict.of_ceiling is None else f"; {ceiling_words(verdict.of_ceiling)}"
    return f"**{verdict.outcome}** ({verdict.effect or 'no estimate'}{share}; {plain(verdict.where)})"


def ceiling_words(share: float) -> str:
    """A difference of R as a share of the largest R that any model could reach, in words."""
    return f"{_percent(share)} of the ceiling"


def _percent(share: float | None) -> str:
    return "" if share is None or np.isnan(share) else f"{100 * share:.1f} %"


def reliability_table(study: EncodingStudy) -> Table:
    """Mean R of each network's stack over the voxels that decide claims, raw and as a share of the noise ceiling.

    Beside them stands how many voxels of each ROI are reliable, how many of these are used, and the lowest noise
    ceiling among them.
    """
    header = ("ROI", f"voxels with a ceiling of at least {_percent(MIN_CEILING)}", "of these used", "lowest ceiling")
    networks = [f"{plain(name)}: R (of the ceiling)" for name in study.encoding]
    return Table([*header, *networks], [_reliability(study, roi) for roi in study.rois()])


def _reliability(study: EncodingStudy, roi: str) -> tuple[object, ...]:
    every = replace(study, n_best=study.participant.n_voxels).common(list(study.encoding), roi)
    voxels = every[: study.n_best]  # the best come first
    if not len(voxels):
        return plain(roi), 0, 0, None, *("" for _ in study.encoding)
    ceiling = study.participant.noise_ceiling[voxels]
    scores = [result.stacked_score[voxels] for result in study.encoding.values()]
    shares = [_percent(share_of_ceiling(score, ceiling).mean()) or "unknown" for score in scores]
    cells = [f"{score.mean():.3f} ({share})" for score, share in zip(scores, shares, strict=True)]
    return plain(roi), len(every), len(voxels), _percent(ceiling.min()) or "unknown", *cells
