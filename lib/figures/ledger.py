"""The ledger of claims: what each says, how it is decided, and what became of it in every world and data set."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from IPython.display import HTML, Markdown

from lib.claims import CLAIMS, FAILS, HOLDS, UNTESTED, Claim, Verdict
from lib.claims.evidence import Evidence
from lib.claims.rates import Ledger, Rate
from lib.core.tables import Table

_CSS = Path(__file__).with_suffix(".css")
_MARKS = {"always": "✓", "never": "✗", "sometimes": "✓✗", "untested": "–"}


def claim_cards(claims: Iterable[Claim]) -> Markdown:
    """Each claim's words, statistic and rule, as definitions."""
    cards = [
        f"**{c.id}** {{cite:p}}`{c.paper}`, {c.place}\n: “{c.quote}”\n: *Statistic*: {c.statistic}.\n"
        f": *Holds* if {c.rule}."
        for c in claims
    ]
    return Markdown("\n\n".join(cards))


def evidence_table(found: Iterable[Evidence]) -> Table:
    """What others measured beside the claims it bears on, with its source."""
    rows = [(", ".join(e.claims), f"{e.what}: {e.numbers}", f"{{cite:t}}`{e.source}`") for e in found]
    return Table(("bears on", "others measured", "source"), rows)


def ledger_table(ledger: Ledger) -> HTML:
    """Claims (rows) by worlds and data sets (columns), each verdict leading to the page that shows its figure."""
    found = ledger.columns
    claims = [name for name in CLAIMS if any(name in verdicts for verdicts in found.values())]
    above = [("SIMULATED: nobody was scanned", len(ledger.simulated)), ("MEASURED", len(ledger.measured))]
    groups = "".join(f'<th scope="colgroup" colspan="{n}">{words}</th>' for words, n in above if n)
    columns = "".join(f'<th scope="col">{escape(column)}</th>' for column in found)
    rows = [f'<tr><td class="corner"></td>{groups}</tr>', f'<tr><th scope="col">claim</th>{columns}</tr>']
    for name in claims:
        cells = "".join(_ledger_cell(name, verdicts.get(name, ())) for verdicts in found.values())
        rows.append(f'<tr><th scope="row"><b>{name}</b> {escape(CLAIMS[name].title)}</th>{cells}</tr>')
    return HTML(f'<style>\n{_CSS.read_text()}</style><table class="ledger">{"".join(rows)}</table>')


def _ledger_cell(claim: str, verdicts: Sequence[Verdict]) -> str:
    """One verdict in a mark, words and colour, or how often the claim held, and the mean effect."""
    found = Rate.of(verdicts)
    if found.holds is None:
        return f'<td class="untested">{_MARKS["untested"]}<br>{UNTESTED}</td>'
    kind = "always" if found.holds == 1 else "sometimes" if found.holds else "never"
    words = f"{round(found.holds * found.n)} of {found.n}" if found.n > 1 else HOLDS if found.holds else FAILS
    link = f'<a href="{CLAIMS[claim].notebook}.html">{_MARKS[kind]} {words}<br><small>{found.effect:+.3f}</small></a>'
    return f'<td class="{kind}">{link}</td>'
