"""Sentences about the 92 photographs: they hold where they were planted, and not where the opposite was."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.verdicts import photograph_study
from lib.analysis.images92 import PhotographStudy
from lib.analysis.nested import NestedResult
from lib.claims import CLAIMS, CONTRADICTED, HOLDS, UNTESTED
from lib.claims.measured import ASKED_HERE, SENTENCES, decide_sentences
from lib.core.downloads import cached
from lib.figures.benchmarks import benchmark

N_LAYERS = 6
FACE = np.arange(92) < 24


def result(noise: np.ndarray, seed: int = 0) -> NestedResult:
    """Predictions of six layers of two areas, each with its own noise; the last is the best."""
    rng = np.random.default_rng(seed)
    responses = rng.normal(size=(92, 2)) + 3.0 * FACE[:, None]
    predictions = responses + noise[:, None, None] * rng.normal(size=(2, N_LAYERS, 92, 2))
    shares = np.full((N_LAYERS, 2), 1 / N_LAYERS)
    return NestedResult(tuple("abcdef"), responses, predictions, predictions[:, -1], predictions[:, -1], shares, shares)


def study(trained: np.ndarray, twin: np.ndarray, evc: int, it: int) -> PhotographStudy:
    rng = np.random.default_rng(1)
    like = {
        area: 0.3 * np.eye(N_LAYERS)[:, [peak]] + rng.normal(0, 0.02, (N_LAYERS, 15))
        for area, peak in (("EVC", evc), ("IT", it))
    }
    labels = ("lite0-object, published", "lite0-object, untrained-full")
    found = dict(zip(labels, (result(trained), result(twin)), strict=True))
    return PhotographStudy(FACE, found, dict.fromkeys(labels, like))


WORSE = np.linspace(9, 0.3, N_LAYERS)  # noise of the layers: less and less
LOUD = np.full(N_LAYERS, 30.0)


def test_what_is_planted_holds() -> None:
    found = decide_sentences(study(WORSE, LOUD, 1, 4))
    outcomes = {name: one.outcome for name, one in found.items()}
    assert outcomes.pop("M5") == UNTESTED and outcomes.pop("M6") != HOLDS
    assert outcomes == dict.fromkeys(("M1", "M2", "M3", "M4"), HOLDS)
    assert all(list(one.parts) == ["lite0-object"] for name, one in found.items() if name != "M5")
    assert found["M4"].parts["lite0-object"].effect.estimate == pytest.approx(3 / 5)


def test_the_opposite_is_contradicted() -> None:
    found = decide_sentences(study(np.r_[0.1, LOUD[1:]], np.r_[LOUD[1:], 0.3], 4, 1))
    assert {name: one.outcome for name, one in found.items() if name in ("M1", "M2", "M4")} == {
        "M1": CONTRADICTED, "M2": CONTRADICTED, "M4": CONTRADICTED,
    }  # fmt: skip
    assert found["M3"].outcome != HOLDS


def test_faces_alone_predict_nothing_within_images_without_one() -> None:
    """A model that knows only which images show a face predicts well over all of them, not within the others."""
    one = study(WORSE, LOUD, 1, 4)
    label = np.broadcast_to(FACE[:, None] + np.random.default_rng(2).normal(0, 0.01, (92, 1)), (2, 92, 2))
    trained = one.found["lite0-object, published"]
    blind = replace(trained, best=label, stack=label)
    found = decide_sentences(PhotographStudy(FACE, {**one.found, "lite0-object, published": blind}, one.alike))
    assert blind.r(blind.best)[0] > 0.7 and found["M1"].outcome == HOLDS and found["M3"].outcome != HOLDS


@pytest.mark.parametrize(("edges", "outcome"), [(LOUD, HOLDS), (WORSE, CONTRADICTED)])
def test_objects_are_compared_with_edges_where_an_edge_network_is(edges: np.ndarray, outcome: str) -> None:
    """No better means contradicted: the opposite network is the better one by far."""
    trained = WORSE if outcome == HOLDS else LOUD
    one = study(trained, LOUD, 1, 4)
    found = {"hed-edges, published": result(edges, 3), "hed-edges, untrained-full": result(LOUD, 4)}
    alike = dict.fromkeys(found, one.alike["lite0-object, published"])
    verdicts = decide_sentences(PhotographStudy(FACE, {**one.found, **found}, {**one.alike, **alike}))
    assert verdicts["M5"].outcome == outcome and list(verdicts["M5"].parts) == ["lite0-object, hed-edges"]
    assert list(verdicts["M1"].parts) == ["lite0-object"], "the edge network is no network trained on objects"


@pytest.mark.parametrize(("noise", "outcome"), [(0.3, HOLDS), (12.0, CONTRADICTED)])
def test_a_stack_is_compared_with_the_best_layer(noise: float, outcome: str) -> None:
    one, rng = study(WORSE + 2, LOUD, 1, 4), np.random.default_rng(5)
    trained = one.found["lite0-object, published"]
    stack = trained.responses + noise * rng.normal(size=trained.stack.shape)
    found = {**one.found, "lite0-object, published": replace(trained, stack=stack)}
    assert decide_sentences(PhotographStudy(FACE, found, one.alike))["M6"].outcome == outcome


def test_every_claim_of_paper_w_is_asked_or_says_why_not() -> None:
    assert list(ASKED_HERE) == [name for name in CLAIMS if name.startswith("W")]
    assert {sentence for sentence, _ in ASKED_HERE.values()} - {""} <= set(SENTENCES)


@pytest.mark.slow("shows 92 photographs to eight networks of full size")
def test_what_is_recorded_of_the_measured_brains_is_what_is_found() -> None:
    if not all(map(cached, ("images92", "kay2017", "squeezenet-object"))):
        pytest.skip("needs python -m lib fetch images92 kay2017 squeezenet-object")
    one = photograph_study(("lite0-object", "squeezenet-object"))
    recorded = benchmark("photographs")["rows"]
    for name, verdict in decide_sentences(one).items():
        for part, found in verdict.parts.items():
            assert found.effect.estimate == pytest.approx(
                recorded[name]["verdict"]["parts"][part]["effect"]["estimate"], abs=0.01
            )
    for network in one.networks:
        trained, twins = one.found[one.trained(network)], one.found[one.twins(network)]
        assert trained.r(trained.best)[0] > 0.85 and trained.r(trained.best, ~one.face)[0] > 0.25
        assert twins.r(twins.best)[0] < 0.7
        for area in ("EVC", "IT"):
            better = one.alike[one.trained(network)][area].max(0) > one.alike[one.twins(network)][area].max(0)
            assert better.sum() >= 13
