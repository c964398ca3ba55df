"""The ledger of claims: what each says, how it is decided, and what became of it in every world and data set."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from itertools import product
from pathlib import Path
from textwrap import fill

import numpy as np
from IPython.display import HTML, Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from lib.claims import CLAIMS, UNTESTED, Claim, Power, Verdict
from lib.claims.claim import SmallestEffect
from lib.claims.evidence import Evidence
from lib.claims.measured import ASKED_HERE, MEASURED_EFFECTS, SENTENCES
from lib.claims.rates import Ledger, Rate, read_verdict
from lib.core.downloads import cached
from lib.core.tables import Table
from lib.figures import style
from lib.figures.benchmarks import RESULTS, benchmark
from lib.figures.judging import OUTCOME_COLOURS, OUTCOME_MARKS, effect_sizes
from lib.figures.narrow import NARROW_WIDTH
from lib.figures.verdicts import ceiling_words

_CSS = Path(__file__).with_suffix(".css")
_COLUMN_WIDTH = 30  # characters
_PHOTOGRAPHS, _STAND_IN = "92 photographs", "92 images"  # measured, and in place of them


def claim_cards(claims: Iterable[Claim]) -> Markdown:
    """Each claim's words, statistic, rule, smallest effect and power, as definitions."""
    cards = [
        f"**{c.id}** {{cite:p}}`{c.paper}`, {c.place}\n: “{c.quote}”\n: *Statistic*: {c.statistic}.\n"
        f": *Holds* if {c.rule}.\n: {_smallest(c)}\n: *Power*: where it was planted it holds in {c.power}."
        for c in claims
    ]
    return Markdown("\n\n".join(cards))


def _smallest(claim: Claim) -> str:
    """The smallest effects that matter to a claim, in a sentence each."""
    return " ".join(f"*Smallest effect*: {one.value:g} {one.unit}, since {one.why}." for one in claim.smallest.values())


def evidence_table(found: Iterable[Evidence]) -> Table:
    """What others measured beside the claims it bears on, with its source, in the order of `evidence_figure`."""
    rows = [(chr(97 + i), ", ".join(e.claims), e.what, f"{{cite:t}}`{e.source}`") for i, e in enumerate(found)]
    return Table(("panel", "bears on", "others measured", "source"), rows)


def ledger_figure(ledger: Ledger) -> Figure:
    """The ledger at a glance: claims (rows) by worlds and data sets (columns), in the colour and mark of the verdict.

    A cell of several verdicts has a stripe for each outcome, as wide as its share.
    """
    figure = _glance(ledger, 7.6, {name: fill(f"{name}  {CLAIMS[name].title}", 52) for name in _claims_of(ledger)})
    figure.narrow = _glance(ledger, NARROW_WIDTH, {name: name for name in _claims_of(ledger)})
    return figure


def _glance(ledger: Ledger, width: float, claims: Mapping[str, str]) -> style.NumberedFigure:
    """The picture with what stands at each claim's row."""
    columns = ledger.columns
    names = [fill(name, _COLUMN_WIDTH) for name in columns]  # upright: many columns, and sweeps have long names
    longest = max(len(line) for name in names for line in name.splitlines())
    figure, axes = style.subplots(1, 1, (width, 0.32 * len(claims) + 1 + 0.06 * longest))
    ax = axes[0, 0]
    for (y, name), (x, verdicts) in product(enumerate(claims), enumerate(columns.values())):
        _verdict_box(ax, x, y, verdicts.get(name, ()))
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(claims) - 0.5, -0.5))
    ax.set_yticks(range(len(claims)), list(claims.values()), fontsize=style.SMALL)
    ax.set_xticks(range(len(columns)), names, fontsize=style.SMALL, rotation=90)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    told = [Patch(color=colour, label=f"{OUTCOME_MARKS[one]} {one}") for one, colour in OUTCOME_COLOURS.items()]
    figure.legend(
        handles=told, loc="outside lower center", ncols=int(width // 1.8), fontsize=style.SMALL, frameon=False
    )
    words = "SIMULATED: nobody was scanned" if not ledger.measured else "simulated, and measured: see the columns"
    figure.suptitle(words, color=style.COLOURS[1], fontsize=style.NORMAL, weight="bold")
    return figure


def _verdict_box(ax: Axes, x: int, y: int, verdicts: Sequence[Verdict]) -> None:
    """One cell of the picture: stripes from left to right, and the mark of the widest."""
    counts = _counts(verdicts)
    left = x - 0.47
    for outcome, n in counts.items():
        width = 0.94 * n / sum(counts.values())
        ax.add_patch(Rectangle((left, y - 0.45), width, 0.9, color=OUTCOME_COLOURS[outcome], lw=0))
        left += width
    ax.text(x, y, OUTCOME_MARKS[max(counts, key=lambda one: counts[one])], ha="center", va="center", fontsize=9)


def _claims_of(ledger: Ledger) -> list[str]:
    return [name for name in CLAIMS if any(name in verdicts for verdicts in ledger.columns.values())]


def _counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many verdicts came out how; of none, that the claim cannot be asked."""
    counts = {outcome: sum(one.outcome == outcome for one in verdicts) for outcome in OUTCOME_MARKS}
    return {outcome: n for outcome, n in counts.items() if n} or {UNTESTED: 1}


def evidence_figure(found: Sequence[Evidence]) -> Figure:
    """Published numbers as dots, a panel for each source and the claims it bears on."""
    n_rows = -(-len(found) // 2)
    figure, axes = style.subplots(n_rows, 2, (7.6, 2.3 * n_rows))
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < len(found))
    for i, (ax, one) in enumerate(zip(axes.flat, found, strict=False)):
        for k, (measure, numbers) in enumerate(zip(one.measures, zip(*one.values.values(), strict=True), strict=True)):
            ax.plot(numbers, range(len(numbers)), style.MARKERS[k], color=style.COLOURS[k], ms=4, label=measure)
        ax.set_yticks(range(len(one.values)), list(one.values))
        ax.set_xlim(0, 1.08 * max(map(max, one.values.values())))
        for_legend = 0.1 * len(one.measures) * (len(one.measures) > 1)  # of the panel's height
        ax.set_ylim(len(one.values) - 0.5, -0.5 - len(one.values) * for_legend / (1 - for_legend))
        style.label_axes(ax, f"{chr(97 + i)}: bears on {', '.join(one.claims)}", one.unit)
        if len(one.measures) > 1:
            style.small_legend(ax, fontsize=7, loc="upper left")
    return figure


def photograph_verdicts(results: Path = RESULTS) -> dict[str, Verdict] | None:
    """What became of this book's own sentences about the 92 photographs; None where these are not on this machine.

    The page about them decides them anew; here they are read from the file of results, as `make verdicts` wrote it.
    Without the data, that page shows a stand-in, and nothing is said about people.
    """
    if not (cached("images92") and cached("kay2017")):
        return None
    rows = benchmark("photographs", results)["rows"]
    return {name: read_verdict(row["verdict"]) for name, row in rows.items()}


def ledger_table(ledger: Ledger, photographs: Mapping[str, Verdict] | None = None) -> HTML:
    """Claims (rows) by worlds and data sets (columns), each verdict leading to the page that shows its figure.

    Below stand this book's own sentences about the 92 photographs. The page is marked measured if anything here is.

    Parameters
    ----------
    ledger : Ledger
    photographs : mapping of name to Verdict, optional
        As `photograph_verdicts` gives them.
    """
    own = _PHOTOGRAPHS if photographs else _STAND_IN
    simulated, measured = ([*part] + [own] * here for part, here in _sides(ledger, bool(photographs)))
    above = [("SIMULATED: nobody was scanned", len(simulated)), ("MEASURED", len(measured))]
    groups = "".join(f'<th scope="colgroup" colspan="{n}">{words}</th>' for words, n in above if n)
    columns = [*simulated, *measured]
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    rows = [f'<tr><td class="corner"></td>{groups}</tr>', f'<tr><th scope="col">claim</th>{heads}</tr>']
    for name in _claims_of(ledger):
        cells = {column: _ledger_cell(name, verdicts.get(name, ())) for column, verdicts in ledger.columns.items()}
        cells[own] = _sentence_of(name, photographs)
        rows.append(_ledger_row(name, CLAIMS[name].title, [cells[column] for column in columns], _card(CLAIMS[name])))
    tables = f'<table class="ledger">{"".join(rows)}</table>{_own_sentences(photographs)}'
    about = {"simulated": False} if measured else {}
    return HTML(f"<style>\n{_CSS.read_text()}</style>{tables}", metadata=about)


def _own_sentences(photographs: Mapping[str, Verdict] | None) -> str:
    """A table of this book's own sentences about the 92 photographs, and what became of each."""
    told = "MEASURED" if photographs else "not decided: a simulated stand-in takes the place of the data"
    rows = []
    for name, one in SENTENCES.items():
        found = photographs[name] if photographs else None
        cell = _own_cell(found) if found else "<td>simulated stand-in</td>"
        rows.append(_ledger_row(name, one.words, [cell], _own_card(found)))
    return f'<table class="ledger"><caption>Our own sentences, 92 photographs. {told}</caption>{"".join(rows)}</table>'


def _sides(ledger: Ledger, measured: bool) -> list[tuple[Iterable[str], bool]]:
    """Columns of the simulated and of the measured side, and whether the photographs stand there."""
    return [(ledger.simulated, not measured), (ledger.measured, measured)]


def _ledger_row(name: str, words: str, cells: Iterable[str], card: str = "") -> str:
    return f'<tr><th scope="row"><b>{name}</b> {escape(words)}{card}</th>{"".join(cells)}</tr>'


def _card(claim: Claim) -> str:
    """Smallest effect, power and statistic of a claim, to unfold."""
    small = f"{_small_print(claim.smallest.values(), claim.power)}<br>{escape(claim.statistic)}"
    return f"<details><summary>size, power, statistic</summary>{small}</details>"


def _own_card(verdict: Verdict | None) -> str:
    """The smallest effect of a sentence about the photographs, whose power nobody has counted."""
    measures = dict.fromkeys(part.measure for part in verdict.parts.values()) if verdict else {}
    return f"<br>{_small_print([MEASURED_EFFECTS[measure] for measure in measures], Power())}"


def _small_print(effects: Collection[SmallestEffect], power: Power) -> str:
    size = f"Smallest effect: {effect_sizes(effects)}. " if effects else ""
    return f"<small>{size}Power: {power}.</small>"


def _sentence_of(claim: str, photographs: Mapping[str, Verdict] | None) -> str:
    """Where the 92 photographs ask a part of a paper's claim, in the colour of what became of that part."""
    sentence = ASKED_HERE.get(claim, ("", ""))[0]
    verdict = photographs[sentence] if photographs and sentence else None
    if not sentence:
        return f"<td>{_marked(UNTESTED, UNTESTED)}</td>"
    part = f'<a href="images92.html">a part: {sentence}</a>'
    return f'<td style="background: {OUTCOME_COLOURS[verdict.outcome]}">{part}</td>' if verdict else f"<td>{part}</td>"


def _own_cell(verdict: Verdict) -> str:
    """The verdict on one of this book's own sentences, with the interval of the network that decides."""
    interval = f"<br>{_small_numbers(str(verdict.effect))}" if verdict.effect else ""
    text = f'<a href="images92.html">{OUTCOME_MARKS[verdict.outcome]} {verdict.outcome}{interval}</a>'
    return f'<td style="background: {OUTCOME_COLOURS[verdict.outcome]}">{text}</td>'


def _ledger_cell(claim: str, verdicts: Sequence[Verdict]) -> str:
    """One verdict in a mark, words and colour; of several, how many came out how, as shares of the cell's colour."""
    found, effect = _counts(verdicts), Rate.of(verdicts).effect
    shares = [one.of_ceiling for one in verdicts if one.of_ceiling is not None]
    words = [_marked(one, f"{n}" if len(verdicts) > 1 else one) for one, n in found.items()]
    numbers = [f"{effect:+.3f}"] if effect is not None else []
    numbers += [ceiling_words(float(np.mean(shares)))] if shares else []
    group = [one.where.split("; ")[1] for one in verdicts if len(verdicts) == 1 and "; " in one.where]
    small = (*map(_small_numbers, numbers), *(f"<small>{escape(line)}</small>" for line in group))
    lines = [" &nbsp; ".join(words), *small]
    text = f'<a href="{CLAIMS[claim].notebook}.html">{"<br>".join(lines)}</a>' if verdicts else lines[0]
    return f'<td style="background: {_stripes(found)}">{text}</td>'


def _small_numbers(text: str) -> str:
    """Numbers in small print, with minus signs, and an interval in one line."""
    return f"<small>{escape(text).replace('-', '−').replace(', ', ',&nbsp;')}</small>"


def _marked(outcome: str, words: str) -> str:
    """A mark, and words that a phone has no room for; who cannot see the mark hears them."""
    return f'{OUTCOME_MARKS[outcome]} <span class="words">{words}</span>'


def _stripes(counts: Mapping[str, int]) -> str:
    """A gradient with hard edges: a stripe per outcome, as wide as its share."""
    stops, start = [], 0.0
    for outcome, n in counts.items():
        end = start + 100 * n / sum(counts.values())
        stops.append(f"{OUTCOME_COLOURS[outcome]} {start:.0f}% {end:.0f}%")
        start = end
    return f"linear-gradient(90deg, {', '.join(stops)})"
