"""Choices put together from parts equal the analysis made with these choices; what units are like without a brain."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from lib.analysis.decoding import MATCHED, PUBLISHED
from lib.analysis.decoding_study import DecodingStudy, decoding_study, study_units
from lib.analysis.directions import both_directions, encode_units
from lib.claims import evaluate
from lib.claims.specifications import (
    character,
    every_choice,
    every_study,
    every_unit,
    explained_by_character,
    read_as,
    read_units,
    sparse_specifications,
    specification_curve,
    specify,
)
from lib.data import Participant, Responses
from lib.networks.zoo import PAPER_Y
from lib.simulation.god_like import simulate_god_worlds


@pytest.fixture(scope="module")
def participants() -> list[Participant]:
    worlds = simulate_god_worlds(["as-published"], subjects=(1, 2), n_images=64, voxels_per_roi=6)
    return worlds["as-published"]


def test_every_choice_is_there_once() -> None:
    choices = every_choice()
    assert choices[0] == PUBLISHED and MATCHED in choices and len(set(choices)) == len(choices) == 2 * 4 * 4


@pytest.mark.parametrize("choices", [PUBLISHED, MATCHED])
def test_put_together_from_parts_is_the_analysis_itself(participants: list[Participant], choices: object) -> None:
    units = every_unit(participants[0], "untrained", [PUBLISHED, MATCHED], 12)
    parts = read_as(study_units(participants, units, choices), choices)
    whole = decoding_study(participants, PAPER_Y, "untrained", choices, n_units=12)
    for network in PAPER_Y:
        assert parts.layers(network) == whole.layers(network)
        for layer in parts.layers(network):
            np.testing.assert_allclose(parts.scores(network, layer), whole.scores(network, layer), atol=1e-6)
    assert [v.outcome for v in evaluate(parts)] == [v.outcome for v in evaluate(whole)]
    own = read_units(units, choices)
    output = "alexnet-object", "cnn8"
    np.testing.assert_allclose(
        study_units(participants, own, choices).scores(*output), whole.scores(*output), atol=1e-6
    )


def test_curve_keeps_the_order_of_the_choices(participants: list[Participant]) -> None:
    choices = [MATCHED, PUBLISHED]
    units = every_unit(participants[0], "untrained", choices, 6)
    curve = specification_curve(every_study(participants, units), choices)
    assert [one.choices for one in curve] == choices and set(curve[0].holds) == {"Y1", "Y2", "Y3"}
    alone = specify(read_as(study_units(participants, units, PUBLISHED), PUBLISHED))
    assert curve[1].ahead == alone.ahead


def test_both_directions_score_every_participant(participants: list[Participant]) -> None:
    units = read_units(every_unit(participants[0], "untrained", [MATCHED], 6), MATCHED)
    found = both_directions(study_units(participants, units, MATCHED), units)
    assert {scores.shape for scores in (*found.decoding.values(), *found.encoding.values())} == {(2,)}
    assert np.isfinite([found.ahead("decoding").estimate, found.ahead("encoding").estimate]).all()


def test_people_encoded_together_may_have_seen_the_pictures_in_another_order(participants: list[Participant]) -> None:
    units = read_units(every_unit(participants[0], "untrained", [MATCHED], 6), MATCHED)["resnet50-object"]
    first, train = participants[0], participants[0].train
    order = np.random.default_rng(0).permutation(len(train))
    shuffled = Responses(train.stimulus_ids[order], train.responses[order], train.n_repeats[order])
    one, other = encode_units([first, replace(first, train=shuffled)], units, "V4")
    assert one == pytest.approx(other, abs=1e-6)
    assert encode_units([first, participants[1]], units, "V4")[1] != pytest.approx(one, abs=1e-3)


def test_people_who_saw_other_pictures_are_not_encoded_together(participants: list[Participant]) -> None:
    units = read_units(every_unit(participants[0], "untrained", [MATCHED], 6), MATCHED)["resnet50-object"]
    test = replace(participants[1].test, stimulus_ids=participants[1].test.stimulus_ids + 1)
    with pytest.raises(ValueError, match=r"responses of simulated participant 2: .* images are missing"):
        encode_units([participants[0], replace(participants[1], test=test)], units)


@pytest.mark.slow("fits sparse regressions")
def test_sparse_regression_stands_beside_the_others(participants: list[Participant]) -> None:
    units = every_unit(participants[0], "untrained", [PUBLISHED, MATCHED], 12)
    found = sparse_specifications(participants, units, "V4", 2)
    assert [one.choices.regression for one in found] == ["ols", "ols", "ridge", "ridge", "slr", "slr"]
    assert [one.choices.as_published for one in found] == [True, False] * 3
    assert len({one.ahead.estimate for one in found}) == 6


def test_character_of_units_whose_dimensions_and_tails_are_known() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(4000, 3))
    wide, narrow = character(rng.normal(size=(4000, 40))), character(latent @ rng.normal(size=(3, 40)))
    assert 38 < wide.dimensions <= 40 and 1 < narrow.dimensions < 3.2
    assert abs(wide.tail - 3) < 0.2 < 5 < character(rng.normal(size=(4000, 20)) ** 3).tail


def with_scores(study: DecodingStudy, scores: Mapping[tuple[str, str], float]) -> DecodingStudy:
    """The same study with these mean scores, by network and layer; participants and areas scatter around them."""
    results = [
        [replace(r, unit_score=np.array([scores[r.network, r.layer] + 0.1 * (-1) ** i])) for r in own]
        for i, own in enumerate(study.results)
    ]
    return replace(study, results=results)


def test_scores_made_of_character_alone_are_explained_by_it(participants: list[Participant]) -> None:
    units = read_units(every_unit(participants[0], "untrained", [PUBLISHED], 8), PUBLISHED)
    study = study_units(participants, units)
    shown = participants[0].train.stimulus_ids
    layers = {(name, layer): character(one.of(layer, shown)) for name, one in units.items() for layer in one.layers}
    X = np.log([(one.dimensions, one.tail) for one in layers.values()])
    made = dict(zip(layers, 0.3 + X @ [0.05, -0.02], strict=True))
    assert explained_by_character(with_scores(study, made), units) == pytest.approx(1)
    other = dict(zip(layers, np.random.default_rng(0).uniform(size=len(layers)), strict=True))
    expected = LinearRegression().fit(X, list(other.values())).score(X, list(other.values()))
    assert (
        explained_by_character(with_scores(study, other), units) == pytest.approx(expected) != pytest.approx(1, abs=0.3)
    )
