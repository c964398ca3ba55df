"""Claims of paper Y on made-up scores: each holds where it was put in, and fails where it was not."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from lib.analysis.decoding import PUBLISHED, DecodingResult
from lib.analysis.decoding_study import DecodingStudy
from lib.claims import CLAIMS, CONTRADICTED, HOLDS, UNTESTED, evaluate
from lib.claims.studies import DECODING_CHOICES, STUDY_KINDS
from lib.claims.yu2018 import ONE_PERSON

ALEXNET = dict(zip((f"cnn{i}" for i in range(1, 9)), (0.1, 0.2, 0.3, 0.3, 0.3, 0.4, 0.4, 0.5), strict=True))
RESNET50 = dict(zip((f"resnet{i}" for i in range(1, 9)), (0.2, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1), strict=True))


def study(alexnet: Mapping[str, float], resnet50: Mapping[str, float], spread: float = 0.01) -> DecodingStudy:
    """Five participants and two areas, whose mean scores scatter around those given."""
    rng = np.random.default_rng(0)
    networks = {"alexnet-object": alexnet, "resnet50-object": resnet50}
    layers = [(network, *one) for network, means in networks.items() for one in means.items()]

    def result(network: str, layer: str, roi: str, mean: float) -> DecodingResult:
        units = np.append(mean + spread * rng.normal() + np.linspace(-0.1, 0.1, 5), np.nan)
        return DecodingResult(network, layer, roi, PUBLISHED, units, np.zeros((2, 2)))

    people = [[result(net, layer, roi, mean) for roi in ("V1", "VC") for net, layer, mean in layers] for _ in range(5)]
    return DecodingStudy([None] * 5, people)


def outcomes(alexnet: Mapping[str, float], resnet50: Mapping[str, float], **options: float) -> dict[str, str]:
    return {verdict.claim: verdict.outcome for verdict in evaluate(study(alexnet, resnet50, **options))}


def test_a_study_knows_its_layers_areas_and_means() -> None:
    found = study(ALEXNET, RESNET50, spread=0)
    assert found.layers("alexnet-object") == list(ALEXNET) and found.rois == ["V1", "VC"]
    assert list(found.networks) == ["alexnet-object", "resnet50-object"]
    np.testing.assert_allclose(found.scores("alexnet-object", "cnn8"), np.full((5, 2), 0.5))
    np.testing.assert_allclose(found.overall("resnet50-object", "resnet2"), np.full(5, 0.1))
    np.testing.assert_allclose(found.by_roi(), np.full((5, 2), np.mean([*ALEXNET.values(), *RESNET50.values()])))
    output = "alexnet-object", "cnn8", "VC"
    assert len(found.agreements(*output)) == 5 and found.p(*output) == 1


def test_a_network_whose_layers_have_the_same_names_changes_nothing() -> None:
    two = study(ALEXNET, RESNET50)
    beside = [
        [*own, *(replace(r, network="alexnet-place", unit_score=-r.unit_score) for r in own)] for own in two.results
    ]
    three = replace(two, results=beside)
    assert three.layers("alexnet-place")[:8] == two.layers("alexnet-object")
    np.testing.assert_array_equal(three.overall("alexnet-place", "cnn8"), -two.overall("alexnet-object", "cnn8"))
    assert evaluate(three) == evaluate(two)


def test_all_claims_hold_where_all_were_put_in() -> None:
    assert outcomes(ALEXNET, RESNET50) == dict.fromkeys(("Y1", "Y2", "Y3"), HOLDS)


def test_one_participant_leaves_every_claim_open() -> None:
    five = study(ALEXNET, RESNET50)
    alone = DecodingStudy(five.participants[:1], five.results[:1])
    assert {(one.outcome, one.where.split(": ", 1)[1]) for one in evaluate(alone)} == {(UNTESTED, ONE_PERSON)}


@pytest.mark.parametrize(
    ("claim", "alexnet", "resnet50"),
    [
        ("Y1", {}, {f"resnet{i}": 0.6 for i in range(2, 9)}),  # ResNet-50 ahead everywhere
        ("Y1", {}, {"resnet3": 0.35}),  # and in one pair of seven
        ("Y1", {"cnn8": 0.9}, {f"resnet{i}": ALEXNET[f"cnn{i}"] + 0.02 for i in range(2, 8)}),  # in all pairs but one
        ("Y2", {"cnn7": 0.52}, {}),
        ("Y3", {}, {"resnet8": 0.3}),
    ],
)
def test_each_fails_alone(claim: str, alexnet: dict[str, float], resnet50: dict[str, float]) -> None:
    found = outcomes(ALEXNET | alexnet, RESNET50 | resnet50)
    assert found[claim] == CONTRADICTED
    assert HOLDS in found.values() or claim == "Y1"


def test_an_output_that_is_not_decoded_contradicts_its_claims_where_other_layers_are_decoded() -> None:
    found = outcomes(ALEXNET | {"cnn8": 0.0}, RESNET50)
    assert found["Y2"] == found["Y3"] == CONTRADICTED


def test_the_first_layers_are_excepted() -> None:
    assert outcomes(ALEXNET | {"cnn1": -0.5}, RESNET50 | {"resnet1": 0.9})["Y1"] == HOLDS


def test_nothing_holds_where_nothing_is_decoded() -> None:
    below = [dict.fromkeys(layers, -0.01) for layers in (ALEXNET, RESNET50)]
    assert set(outcomes(*below, spread=0.05).values()) == {UNTESTED}


def test_without_resnet_only_the_claim_about_alexnet_can_be_tested() -> None:
    found = outcomes(ALEXNET, {})
    assert found == {"Y1": UNTESTED, "Y2": HOLDS, "Y3": UNTESTED}


def test_claims_of_paper_y_are_in_the_ledger() -> None:
    assert {"Y1", "Y2", "Y3"} <= set(CLAIMS)
    assert {CLAIMS[name].kind for name in ("Y1", "Y2", "Y3")} == {"decoding"}


@pytest.mark.slow("simulates several worlds")
@pytest.mark.parametrize("analysis", DECODING_CHOICES)
def test_simulated_studies_of_several_worlds_share_units_and_differ_in_voxels(analysis: str) -> None:
    size = {"n_images": 48, "voxels_per_roi": 5}
    worlds = ["noise", "resnet-brain"]
    networks = ("alexnet-object", "resnet50-object")
    found = STUDY_KINDS["decoding"].simulate(
        worlds=worlds, seed=0, networks=networks, weights="untrained", analysis=analysis, **size
    )
    assert list(found) == worlds and all(one.choices == DECODING_CHOICES[analysis] for one in found.values())
    assert len(found["noise"].participants) == 5
    assert not np.allclose(*(one.scores("alexnet-object", "cnn8") for one in found.values()))


def test_intervals_allow_for_other_images() -> None:
    five, rng = study(ALEXNET, RESNET50, spread=0.001), np.random.default_rng(0)
    noise = {layer: rng.normal(0, 0.5, 50) for layer in (*ALEXNET, *RESNET50)}  # the same for all people
    results = [
        [replace(r, by_image=r.mean + noise[r.layer] - noise[r.layer].mean()) for r in own] for own in five.results
    ]
    alike, shared = (evaluate(one, ["Y3"])[0].effect for one in (five, replace(five, results=results)))
    assert shared.estimate == pytest.approx(alike.estimate) and shared.high - shared.low > 10 * (alike.high - alike.low)
