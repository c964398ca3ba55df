"""Tables of verdicts, the ledger, cards and evidence say what was decided and what was published."""

import re
from dataclasses import replace
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made import make_study
from matplotlib.colors import to_hex

from lib.claims import CLAIMS, CONTRADICTED, HOLDS, UNDECIDED, UNTESTED, Verdict, evaluate
from lib.claims.claim import ClaimPart
from lib.claims.counted import CountedStudy, planted_power
from lib.claims.evidence import EVIDENCE, Evidence
from lib.claims.measured import SENTENCES
from lib.claims.rates import Ledger, read_verdict
from lib.core.scores import Interval
from lib.figures.benchmarks import benchmark
from lib.figures.judging import (
    OUTCOME_COLOURS,
    calibration_figure,
    effect_sizes,
    outcome_bars,
    power_curves,
    power_table,
    rate_table,
    verdict_parts,
)
from lib.figures.ledger import (
    claim_cards,
    evidence_figure,
    evidence_table,
    ledger_figure,
    ledger_table,
    photograph_verdicts,
)
from lib.figures.verdicts import ceiling_words, reliability_table, verdict_comparison, verdict_table
from lib.simulation.worlds import WORLDS


def verdict(claim: str, outcome: str, effect: float = 0.0, where: str = "V1") -> Verdict:
    return Verdict(claim, outcome, None if outcome == UNTESTED else Interval(effect, effect - 1, effect + 1), where)


def test_verdicts_stand_beside_the_papers_words() -> None:
    shares = replace(verdict("W1", HOLDS, 0.25, "V_1, <b>"), of_ceiling=0.0421)
    found = [shares, verdict("W5", UNTESTED, where="needs x")]
    table = verdict_table(found)
    assert table.rows == [
        ("W1", f"“{CLAIMS['W1'].quote}”", "**holds**", found[0].effect, "4.2 %", "0.01 R", r"V\_1, &lt;b&gt;"),
        ("W5", f"“{CLAIMS['W5'].quote}”", f"**{UNTESTED}**", "", "", "0.05 of the stacking weight", "needs x"),
    ]
    assert "of the ceiling" in table.header and "of the ceiling" not in verdict_table([verdict("W1", HOLDS)]).header


def test_participants_are_compared_claim_by_claim() -> None:
    found = {
        "a|b": [replace(verdict("W1", HOLDS, 0.5), of_ceiling=0.7), verdict("W2", CONTRADICTED)],
        "c": [verdict("W1", UNTESTED), verdict("W2", HOLDS)],
    }
    table = verdict_comparison(found)
    assert list(table.header) == ["claim", "", "a&#124;b", "c"]
    assert table.rows == [
        ["**W1**", CLAIMS["W1"].title, "**holds** (+0.500 [-0.500, +1.500]; 70.0 % of the ceiling; V1)",
         f"**{UNTESTED}** (no estimate; V1)"],
        ["**W2**", CLAIMS["W2"].title, f"**{CONTRADICTED}** (+0.000 [-1.000, +1.000]; V1)",
         "**holds** (+0.000 [-1.000, +1.000]; V1)"],
    ]  # fmt: skip
    decided = evaluate(make_study(), ["W1", "W2"])
    assert [row[2].split("**")[1] for row in verdict_comparison({"x": decided}).rows] == [v.outcome for v in decided]


def test_scores_stand_beside_their_share_of_the_ceiling_with_the_voxels_that_count() -> None:
    study = make_study(n_best=3)
    ceiling = study.participant.noise_ceiling.copy()
    v1, v3 = (np.flatnonzero(study.participant.roi(roi)) for roi in ("V1", "V3"))
    ceiling[v1], ceiling[v1[:2]], ceiling[v3] = 0.25, 0.09, 0.0
    found = reliability_table(replace(study, participant=replace(study.participant, noise_ceiling=ceiling)))
    voxels = study.common(list(study.encoding), "V1")
    few, none = found.rows[:2]
    assert few[:2] == ("V1", 5) and few[2] == 3 and few[3] == "25.0 %" and none[:3] == ("V3", 0, 0)
    together = np.mean([one.stacked_cv_score for one in study.encoding.values()], axis=0)
    voxels = sorted(v1[2:], key=lambda voxel: -together[voxel])[:3]
    R = study.encoding["alexnet-object"].stacked_score[voxels].mean()
    assert few[4] == f"{R:.3f} ({100 * R / 0.5:.1f} %)"
    unknown = replace(study.participant, noise_ceiling=np.full(study.participant.n_voxels, np.nan))
    assert reliability_table(replace(study, participant=unknown)).rows[0][1:4] == (7, 3, "unknown")


def test_the_ledger_says_what_share_of_the_ceiling_an_effect_is() -> None:
    found = [replace(verdict("W1", HOLDS, 0.1), of_ceiling=share) for share in (0.1, 0.3, None)]
    words = ceiling_words(0.2)
    assert words == "20.0 % of the ceiling" and words in ledger_table(Ledger({"flat": {"W1": found}}, {})).data


def test_the_ledgers_rows_say_statistic_smallest_effect_and_power() -> None:
    html = ledger_table(Ledger({"flat": {"W1": [verdict("W1", HOLDS)]}}, {})).data
    w1, *_, m6 = re.findall(r'<th scope="row">(.*?)</th>', html)
    assert effect_sizes(CLAIMS["W1"].smallest.values()) == "0.01 R"
    assert f"Smallest effect: 0.01 R. Power: {CLAIMS['W1'].power}." in w1 and escape(CLAIMS["W1"].statistic) in w1
    assert CLAIMS["W1"].power.outcomes and m6.endswith("Power: not counted.</small>")


def test_the_ledger_marks_each_claim_in_each_column() -> None:
    mixed = [verdict("W1", HOLDS, 0.1), verdict("W1", CONTRADICTED, -0.2), verdict("W1", HOLDS, 0.1)]
    simulated = {"flat<": {"W1": mixed, "Y1": [verdict("Y1", HOLDS)]}}
    measured = {
        "nsd": {"W1": [verdict("W1", UNDECIDED, -0.25)], "Y1": [verdict("Y1", UNTESTED)]},
        "god": {"Y1": [verdict("Y1", HOLDS, 0.5), verdict("Y1", HOLDS, 0.3)]},
        "people": {"Y1": [verdict("Y1", HOLDS, 0.5, "V1; holds in 4 of 5 people")]},
    }
    html = ledger_table(Ledger(simulated, measured)).data
    assert html.index("SIMULATED") < html.index("MEASURED") and 'colspan="3">MEASURED' in html
    assert re.findall(r'<th scope="col">(.*?)</th>', html) == ["claim", "flat&lt;", "92 images", "nsd", "god", "people"]
    rows = [re.findall(r'<td style="(.*?)">(.*?)</td>', row) for row in re.findall(r"<tr>(.*?)</tr>", html)[2:4]]
    words = [[re.sub(r"<.*?>", " ", cell).replace("&nbsp;", "").split() for _, cell in row] for row in rows]
    assert words == [
        [["✓", "2", "✗", "1", "+0.000"], ["?", UNDECIDED, "−0.250"], *2 * [["–", *UNTESTED.split()]]],
        [
            ["✓", HOLDS, "+0.000"],
            ["–", *UNTESTED.split()],
            ["✓", "2", "+0.400"],
            ["✓", HOLDS, "+0.500", *"holds in 4 of 5 people".split()],
        ],
    ]
    assert "0% 67%" in rows[0][0][0] and "67% 100%" in rows[0][0][0]
    assert len({style for row in rows for style, _ in row}) == 4
    assert 'href="fig1_alexnet.html"' in html and "<b>Y1</b> ResNet-50&#x27;s units" in html


def test_the_picture_of_the_ledger_has_a_mark_and_stripes_in_each_cell() -> None:
    mixed = [verdict("W1", HOLDS), verdict("W1", CONTRADICTED), verdict("W1", HOLDS)]
    ledger = Ledger({"flat": {"W1": mixed}}, {"nsd": {"W1": [verdict("W1", UNDECIDED)], "Y1": []}})
    figure = ledger_figure(ledger)
    (ax,) = figure.axes
    assert [(text.get_position(), text.get_text()) for text in ax.texts] == [
        ((0, 0), "✓"), ((1, 0), "?"), ((0, 1), "–"), ((1, 1), "–")
    ]  # fmt: skip
    stripes = [(to_hex(one.get_facecolor()), round(one.get_width(), 3)) for one in ax.patches[:2]]
    assert stripes == [(OUTCOME_COLOURS[HOLDS], 0.627), (OUTCOME_COLOURS[CONTRADICTED], 0.313)]
    assert [label.get_text()[:2] for label in ax.get_yticklabels()] == ["W1", "Y1"]
    assert "measured" in figure.get_suptitle()
    assert "nobody" in ledger_figure(Ledger(ledger.simulated, {})).get_suptitle()


def test_names_of_columns_do_not_lie_on_each_other() -> None:
    """As many worlds as there are, and a sweep over people with its group."""
    sweep = "sweep: world as-published, 3 participants"
    names = (*WORLDS, sweep, f"{sweep}: people in general")
    figure = ledger_figure(Ledger({name: {"W1": [verdict("W1", HOLDS)]} for name in names}, {}))
    for drawn in (figure, figure.narrow):
        drawn.canvas.draw()
        labels = [label.get_window_extent() for label in drawn.axes[0].get_xticklabels()]
        assert len(labels) == len(names)
        assert all(left.x1 < right.x0 for left, right in pairwise(labels))


def test_a_ledger_with_measured_columns_says_so_of_its_page() -> None:
    simulated, own = {"flat": {"W1": [verdict("W1", HOLDS)]}}, {name: verdict(name, HOLDS) for name in SENTENCES}
    assert ledger_table(Ledger(simulated, {})).metadata == {}
    for shown in (ledger_table(Ledger(simulated, simulated)), ledger_table(Ledger(simulated, {}), own)):
        assert shown.metadata == {"simulated": False}


def test_a_ledger_of_simulations_has_no_measured_columns() -> None:
    html = ledger_table(Ledger({"flat": {"W1": [verdict("W1", HOLDS)]}}, {})).data
    assert "SIMULATED" in html and "MEASURED" not in html


def test_sentences_about_photographs_have_a_measured_column_where_the_data_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, found = (
        Ledger({"flat": {"W7": [verdict("W7", HOLDS)]}}, {}),
        {name: verdict(name, HOLDS) for name in SENTENCES},
    )
    found["M5"] = verdict("M5", UNDECIDED, 0.1)
    rows = {
        kind: dict(re.findall(r"<tr><th scope=\"row\"><b>(..)</b>.*?</th>.*?(<td[^>]*>(?:(?!<td).)*</td>)</tr>", html))
        for kind, html in ((True, ledger_table(ledger, found).data), (False, ledger_table(ledger).data))
    }
    assert list(rows[True]) == list(rows[False]) == ["W7", *SENTENCES]
    part = '<a href="images92.html">a part: M5</a></td>'
    assert rows[False]["W7"] == f"<td>{part}"
    assert rows[True]["W7"] == f'<td style="background: {OUTCOME_COLOURS[UNDECIDED]}">{part}'
    assert (
        UNDECIDED in rows[True]["M5"] and "+0.100 [" in rows[True]["M5"] and 'href="images92.html"' in rows[True]["M5"]
    )
    assert rows[False]["M5"] == "<td>simulated stand-in</td>"
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    assert photograph_verdicts() is None


def test_what_is_recorded_of_the_photographs_are_these_sentences() -> None:
    rows = benchmark("photographs")["rows"]
    assert {name: row["words"] for name, row in rows.items()} == {name: one.words for name, one in SENTENCES.items()}
    assert all(read_verdict(row["verdict"]).claim == name for name, row in rows.items())


def test_cards_and_evidence() -> None:
    card = claim_cards([CLAIMS["Y1"]]).data
    y1 = CLAIMS["Y1"]
    assert card == (
        f"**Y1** {{cite:p}}`yu2018`, {y1.place}\n: “{y1.quote}”\n: *Statistic*: {y1.statistic}.\n"
        f": *Holds* if {y1.rule}.\n: *Smallest effect*: 0.02 r, since {y1.smallest['decoding'].why}."
        f"\n: *Power*: where it was planted it holds in {y1.power}."
    )
    assert claim_cards(CLAIMS.values()).data.count("\n: *Holds* if ") == len(CLAIMS)
    one = Evidence(["W1", "W4"], "what", ["r", "R"], "a unit", {"x": [0.1, 0.2], "y": [0.3, 0.4]}, "nonaka2021")
    assert evidence_table([one]).rows == [("a", "W1, W4", "what", "{cite:t}`nonaka2021`")]
    ax = evidence_figure([one]).axes[0]
    assert [list(line.get_xdata()) for line in ax.lines] == [[0.1, 0.3], [0.2, 0.4]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y"]
    assert (ax.get_title(), ax.get_xlabel()) == ("a: bears on W1, W4", "a unit")
    assert all(set(map(len, one.values.values())) == {len(one.measures)} for one in EVIDENCE)
    assert all(set(one.claims) <= set(CLAIMS) for one in EVIDENCE) and len(EVIDENCE) == len(
        evidence_table(EVIDENCE).rows
    )


def test_parts_are_drawn_against_the_smallest_effect() -> None:
    parts = {name: ClaimPart(Interval(x, x - 0.1, x + 0.2), "weights") for name, x in (("V1", 0.3), ("V2", -0.2))}
    figure = verdict_parts({"somebody": Verdict("W2", CONTRADICTED, None, "V2", parts), "other": verdict("W2", HOLDS)})
    first, second = figure.axes
    spans = [list(line.get_xdata()) for line in first.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(spans[1:], [(0.2, 0.5), (-0.3, 0.0)])
    assert [one.get_text() for one in first.get_yticklabels()] == ["V1", "V2"] and first.yaxis_inverted()
    assert "contradicted" in first.get_title() and "holds" in second.get_title()
    assert to_hex(first.get_facecolor()) == OUTCOME_COLOURS[CONTRADICTED]


def test_calibration_is_drawn_in_percent_by_kind_and_number() -> None:
    found = (("a", 15, 0.9), ("b", 15, 0.95), ("a", 50, 1))
    rows = [{"interval": name, "n_best": n, "covered": x} for name, n, x in found]
    nulls = [{"null": "W1", "n_best": 15, "holds": 0.02}]
    left, right = calibration_figure({"coverage": rows, "nulls": nulls}).axes
    shown = {line.get_label(): line.get_xydata().round(2).tolist() for line in left.lines[1:]}
    assert shown == {"15 voxels": [[90, -0.15], [95, 0.85]], "50 voxels": [[100, 0]]}
    assert right.lines[1].get_xdata().tolist() == [2]


def test_bars_show_the_shares_of_the_outcomes() -> None:
    found = {"100": [verdict("W1", HOLDS), verdict("W1", UNDECIDED)], "200": [verdict("W1", HOLDS)] * 2}
    ax = outcome_bars(found, "images").axes[0]
    widths = {bar.get_label(): [patch.get_width() for patch in bar] for bar in ax.containers}
    assert widths == {HOLDS: [50, 100], CONTRADICTED: [0, 0], UNDECIDED: [50, 0], UNTESTED: [0, 0]}


def counted() -> list[CountedStudy]:
    """W1 holds in one of two studies of 500 images, in both of 2000; W3 is contradicted in all."""
    outcomes = [(500, HOLDS, 300), (500, UNDECIDED, 301), (2000, HOLDS, 300), (2000, HOLDS, 301)]
    return [
        CountedStudy("flat", "as-published", n, seed, {"W1": found, "W3": CONTRADICTED}, {"W1": 0.1, "W3": None})
        for n, found, seed in outcomes
    ]


def test_of_each_claim_it_is_told_how_many_studies_came_out_how() -> None:
    table = rate_table(counted())
    assert list(table.header) == ["world", "analysis", "images", "seeds", "W1", "W3"]
    assert [row[2:] for row in table.rows] == [(500, 2, "✓ 1 ? 1", "✗ 2"), (2000, 2, "✓ 2", "✗ 2")]
    assert rate_table([replace(counted()[0], outcomes={"W1": UNTESTED})]).rows[0][-1] == "– 1"


def test_power_is_drawn_and_told_by_number_of_images() -> None:
    planted = [replace(one, world="as-published") for one in counted()]
    w1, w3, y1 = (replace(CLAIMS[name], power=planted_power(planted, name)) for name in ("W1", "W3", "Y1"))
    figure = power_curves([w1, y1, w3], {"W1": 1000, "Y1": 1000, "W3": 1000})
    first, second = figure.axes[:2]
    assert (first.get_title(), second.get_title()) == ("W1", "W3")
    holds, contradicted = first.lines[2:]
    np.testing.assert_array_equal(holds.get_xydata(), [[500, 50], [2000, 100]])
    np.testing.assert_array_equal(contradicted.get_ydata(), [0, 0])
    assert first.lines[1].get_xdata()[0] == 1000
    assert power_table([w1, w3, y1]).rows == [
        ("**W1**", w1.title, "0.01 R", "1 of 2 with 500 images, 2 of 2 with 2,000", "2,000"),
        ("**W3**", w3.title, "0.5 layers", "0 of 2 with 500 images, 0 of 2 with 2,000", "more than 2,000"),
        ("**Y1**", y1.title, "0.02 r", "not counted", "not counted"),
    ]
    ((*_, needed),) = power_table([replace(w1, power=planted_power(planted[2:], "W1"))]).rows
    assert needed == "at most 2,000"
