"""Tables of verdicts on claims."""

from collections.abc import Mapping, Sequence

from lib.claims import CLAIMS, Verdict
from lib.core.tables import Table, plain


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Claims in the paper's words and what became of each on one participant or group."""
    header = ("claim", "the paper says", "here it", "effect [95 % interval]", "in the part that decides")
    rows = [
        (v.claim, f"“{CLAIMS[v.claim].quote}”", f"**{v.outcome}**", v.effect or "", plain(v.where)) for v in verdicts
    ]
    return Table(header, rows)


def verdict_comparison(found: Mapping[str, Sequence[Verdict]]) -> Table:
    """What becomes of each claim (rows) in each participant (columns), with the effect in the part that decides."""
    rows = [
        [f"**{verdicts[0].claim}**", CLAIMS[verdicts[0].claim].title, *map(_outcome, verdicts)]
        for verdicts in zip(*found.values(), strict=True)
    ]
    return Table(["claim", "", *map(plain, found)], rows)


def _outcome(verdict: Verdict) -> str:
    return f"**{verdict.outcome}** ({verdict.effect or 'no effect'}; {plain(verdict.where)})"
