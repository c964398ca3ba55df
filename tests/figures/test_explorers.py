"""The HTML of the figures that answer a pointer: what a script will draw, and what stands there without one."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from lib.analysis.decoding import PUBLISHED
from lib.analysis.encoding import encode, out_of_fold_products
from lib.analysis.encoding_study import EncodingStudy, encoding_study
from lib.analysis.loading import load_participant
from lib.claims.specifications import Specification, every_choice
from lib.core.scores import Interval
from lib.core.tables import Table
from lib.data import Participant
from lib.figures.explorers import explorer, voxel_explorer
from lib.figures.methods import stacking_explorer
from lib.figures.specifications import choice_explorer
from lib.networks import extract, load_network
from lib.solvers.stacking import kkt_residual, simplex_weights

NETWORK = "taskonomy-edge2d"


@pytest.fixture(scope="module")
def participant() -> Participant:
    return load_participant(world="noise", n_images=60, voxels_per_roi=6)


@pytest.fixture(scope="module")
def study(participant: Participant) -> EncodingStudy:
    return encoding_study(participant, [NETWORK], "untrained", n_best=4)


def payload(html: str) -> dict:
    """The numbers that the script draws."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def test_voxels_are_those_of_the_figure_with_their_numbers(study: EncodingStudy) -> None:
    found = payload(voxel_explorer(study).data)["networks"][NETWORK]
    result, best = study.encoding[NETWORK], study.best(NETWORK, "V1", "test")
    shown = found["rois"]["V1"]
    assert tuple(found["layers"]) == result.layers
    np.testing.assert_allclose(shown["score"], result.score[:, best].T, atol=6e-4)
    np.testing.assert_allclose(shown["weights"], result.weights[:, best].T, atol=6e-4)
    np.testing.assert_allclose(shown["stack"], result.stacked_score[best], atol=6e-4)
    np.testing.assert_allclose(np.square(shown["ceiling"]), study.participant.noise_ceiling[best], atol=2e-3)


def test_every_roi_stands_in_the_table(study: EncodingStudy) -> None:
    html = voxel_explorer(study).data
    assert html.count(f"<tr><td>{NETWORK}</td>") == len(payload(html)["networks"][NETWORK]["rois"]) == 10


def test_simulated_and_measured_are_told_apart(study: EncodingStudy) -> None:
    person = study.participant
    measured = replace(study, participant=replace(person, source=replace(person.source, simulated=False)))
    assert "SIMULATED" in voxel_explorer(study).data
    assert "SIMULATED" not in voxel_explorer(measured).data


def test_an_unknown_noise_ceiling_is_no_number(study: EncodingStudy) -> None:
    unknown = replace(study.participant, noise_ceiling=np.full(study.participant.n_voxels, np.nan))
    with pytest.warns(RuntimeWarning, match="empty slice"):
        html = voxel_explorer(replace(study, participant=unknown)).data
    assert payload(html)["networks"][NETWORK]["rois"]["V1"]["ceiling"] == [None] * 4


def test_stacking_shows_what_the_stack_was_decided_by(participant: Participant) -> None:
    network = load_network(NETWORK, "untrained")
    shown = payload(stacking_explorer(participant, [network], n_shown=2).data)["networks"][NETWORK]
    weights = encode(participant, network).weights.T
    for voxel in (one for voxels in shown["rois"].values() for one in voxels):
        assert np.abs(weights - voxel["w"]).max(1).min() < 1e-3
        assert kkt_residual(np.array([voxel["P"]]), np.array([voxel["w"]])) < 2e-3


def test_products_decide_the_weights_of_the_encoding(participant: Participant) -> None:
    network = load_network(NETWORK, "untrained")
    features = extract(network, participant.images(participant.train))
    P = out_of_fold_products(features, participant.train.responses)
    np.testing.assert_allclose(simplex_weights(P), encode(participant, network).weights.T, atol=1e-3)


def test_products_refuse_voxels_that_cannot_be_fitted() -> None:
    responses = np.random.default_rng(0).standard_normal((20, 3))
    responses[:, 1] = 1
    with pytest.raises(ValueError, match="1 of 3 voxels are constant"):
        out_of_fold_products({"layer": responses.copy()[:, :1]}, responses)


def test_every_choice_is_there_once_and_one_is_the_published() -> None:
    found = {
        world: [
            Specification(one, Interval(lead + i / 100, lead - 0.1, lead + 0.9), {"Y1": i % 2 == 0, "Y2": False})
            for i, one in enumerate(every_choice())
        ]
        for world, lead in {"reversed": -0.2, "noise": 0.0}.items()
    }
    html = choice_explorer(found, simulated=True).data
    data = payload(html)
    first = data["worlds"]["reversed"]
    assert len({tuple(one["choices"]) for one in first}) == len(first) == 32
    assert [one["choices"] for one in first if one["published"]] == [
        [PUBLISHED.hidden, PUBLISHED.output, PUBLISHED.regression]
    ]
    assert [one["holds"] for one in first[:2]] == [["Y1"], []]
    assert (first[3]["ahead"], first[3]["low"], first[3]["high"]) == (-0.17, -0.3, 0.7)
    assert all(one["choices"][i] in options for one in first for i, options in enumerate(data["fields"].values()))
    assert html.count("<tr>") == 33


def test_text_cannot_leave_the_script() -> None:
    html = explorer("voxels", {"name": "</script><b>"}, Table((), ()), "a < b", "").data
    assert html.count("</script>") == 1
    assert payload(html) == {"name": "</script><b>"}
    assert "a &lt; b" in html
