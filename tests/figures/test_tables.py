"""Every table of the book, on results with nasty names, has as many cells in each row as in its header."""

import typing
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from made import make_decoding, make_partition, make_specifications, make_study
from markdown_it import MarkdownIt

from lib import figures
from lib.analysis.images92 import PhotographData
from lib.analysis.nested import NestedResult
from lib.analysis.rdm_stacking import StackedGeometry
from lib.analysis.rsa import rdm
from lib.analysis.selection import Retest
from lib.analysis.training_curves import Shape, Snapshot
from lib.claims import CLAIMS, HOLDS, Verdict, evaluate
from lib.claims.claim import ClaimPart
from lib.claims.counted import CountedStudy
from lib.claims.evidence import EVIDENCE
from lib.claims.measured import SENTENCES
from lib.claims.specifications import one_at_a_time
from lib.core.scores import Interval
from lib.core.tables import Table
from lib.figures import (
    benchmarks,
    decoding,
    follow_ups,
    judging,
    ledger,
    photographs,
    plant,
    rsa,
    simulation,
    specifications,
    training_curves,
    verdicts,
)
from lib.networks.zoo import PAPER_W
from lib.simulation.images92_like import simulate_images92, simulate_kay2017

NASTY = "a | b\n<script>alert(1)</script> `x` *y*"
MODULES = [import_module(f"lib.figures.{path.stem}") for path in Path(figures.__path__[0]).glob("[!_]*.py")]


def training(table: Callable[..., Table]) -> Table:
    snapshots = [
        Snapshot(Shape(3, width), epoch, width / 9 + epoch / 20, None) for width in (2, 4) for epoch in (0, 1, 2)
    ]
    return table(snapshots, {NASTY: np.random.default_rng(0).uniform(size=(6, 3))})


def units() -> Table:
    study = make_decoding()
    renamed = [[replace(one, layer=f"{one.layer} {NASTY}") for one in results] for results in study.results]
    return decoding.unit_table(replace(study, results=renamed))


def comparison() -> Table:
    study = make_study()
    unlike = [replace(one, where=NASTY) for one in evaluate(study)]
    return verdicts.verdict_comparison({NASTY: unlike, "b": evaluate(study)})


def photograph_data() -> PhotographData:
    images = simulate_images92()
    return PhotographData(images, simulate_kay2017(images))


def nested() -> NestedResult:
    rng = np.random.default_rng(0)
    predictions, weights = rng.normal(size=(2, 2, 92, 2)), rng.uniform(size=(2, 2))
    layers, responses = (NASTY, "b"), rng.normal(size=(92, 2))
    return NestedResult(layers, responses, predictions, predictions[:, 0], predictions[:, 1], weights, weights)


def verdict() -> Verdict:
    return Verdict("M1", HOLDS, None, NASTY, {NASTY: ClaimPart(Interval(0.3, 0.2, 0.4), "r")})


def still() -> Table:
    rng, start = np.random.default_rng(0), plant.Planting([1, 1, 0], images=40)
    layers = {name: rng.normal(size=(plant.N_STORED, 3)) for name in (NASTY, "b")}
    return plant._table(plant.analyse_area(layers, start), start, NASTY)


STUDIES = [CountedStudy(NASTY, NASTY, n, 0, {"W1": HOLDS}, {"W1": 0.1}) for n in (100, 200)]


def geometry() -> StackedGeometry:
    return StackedGeometry((NASTY, "b"), np.array([0.4, 0.6]), np.array([0.1, 0.2]), np.array([0.2, 0.1]))


CURVES = {NASTY: make_specifications(0), "b": make_specifications(1)}
TABLES: dict[str, Callable[[], Table]] = {
    "benchmark_table": lambda: benchmarks.benchmark_table([{"a": NASTY, "b": 1.0}], {"a": "A|B", "b": "b"}),
    "unit_table": units,
    "selection_table": lambda: follow_ups.selection_table({NASTY: Retest(make_study(), make_study())}, PAPER_W[0]),
    "preferred_layer_table": lambda: follow_ups.preferred_layer_table(make_study(PAPER_W)),
    "shared_variance_table": lambda: follow_ups.shared_variance_table(
        {NASTY: {f"face areas\n{NASTY}": make_partition(0)}}
    ),
    "nested_table": lambda: photographs.nested_table(photograph_data(), {NASTY: nested()}),
    "geometry_table": lambda: photographs.geometry_table({NASTY: {NASTY: geometry()}}),
    "trained_against_untrained": lambda: photographs.trained_against_untrained(
        {NASTY: {NASTY: np.eye(3)}, "b": {NASTY: np.eye(3)}}
    ),
    "_by_category": lambda: photographs._by_category(photograph_data(), {NASTY: nested()}),
    "sentence_table": lambda: photographs.sentence_table({"M1": verdict()}),
    "asked_table": lambda: photographs.asked_table(dict.fromkeys(SENTENCES, verdict())),
    "rate_table": lambda: judging.rate_table(STUDIES),
    "power_table": lambda: judging.power_table(CLAIMS.values()),
    "_table": still,
    "evidence_table": lambda: ledger.evidence_table(EVIDENCE),
    "ceiling_table": lambda: rsa.ceiling_table(
        {NASTY: np.stack([rdm(np.random.default_rng(i).normal(size=(9, 5))) for i in range(3)])}
    ),
    "model_card_table": lambda: simulation.model_card_table(["alexnet-object", "multitask"]),
    "card_score_table": lambda: simulation.card_score_table(["alexnet-object", "multitask"]),
    "choices_table": lambda: specifications.choices_table(CURVES, one_at_a_time()),
    "sparse_table": lambda: specifications.sparse_table(CURVES),
    "half_correlations_table": lambda: training(training_curves.half_correlations_table),
    "training_correlations_table": lambda: training(training_curves.training_correlations_table),
    "first_and_last_epoch_table": lambda: training(training_curves.first_and_last_epoch_table),
    "verdict_table": lambda: verdicts.verdict_table([Verdict("W1", "holds", None, NASTY)]),
    "verdict_comparison": comparison,
    "reliability_table": lambda: verdicts.reliability_table(make_study(rois=("V1", NASTY))),
}


def test_no_table_is_forgotten() -> None:
    functions = [value for module in MODULES for value in vars(module).values() if hasattr(value, "__annotations__")]
    found = {f.__name__ for f in functions if callable(f) and typing.get_type_hints(f).get("return") is Table}
    assert found == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_cell_for_each_column(name: str) -> None:
    table = TABLES[name]()
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(table._repr_markdown_())
    n_columns, (head, *rows) = len(table.header), html.split("<tr>")[1:]
    assert head.count("<th>") == n_columns and len(rows) == len(table.rows) > 0
    assert [row.count("<td") for row in rows] == [n_columns] * len(rows)
    assert html.startswith("<table>") and html.strip().endswith("</table>") and "<script>" not in html
