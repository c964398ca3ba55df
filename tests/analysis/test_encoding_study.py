"""Studies say whose weights their networks had, and share what was computed before."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.analysis import encoding
from lib.analysis.encoding import EncodingResult, encode
from lib.analysis.encoding_study import EncodingStudy, encoding_studies, encoding_study
from lib.core.kept import FOLDER
from lib.data import Participant
from lib.networks import load_network
from lib.simulation.nsd_like import simulate


@pytest.fixture(scope="module")
def person() -> Participant:
    return simulate(world="noise", n_images=40, voxels_per_roi=3)


@pytest.fixture(scope="module")
def encoded(person: Participant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results after one analysis."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(folder))
        encode(person, load_network("alexnet-object"))
    return folder


def test_a_study_says_whose_weights_the_networks_had(person: Participant) -> None:
    assert encoding_study(person, ["alexnet-object"]).weights == "miniature"
    assert encoding_study(person, ["alexnet-object"], "untrained").weights == "untrained"
    together = encoding_studies({"one": person, "other": person}, ["alexnet-object"], "untrained", 7)
    assert {(study.weights, study.n_best) for study in together.values()} == {("untrained", 7)}
    assert EncodingStudy(person, {}).weights == "miniature"


def test_results_are_kept_and_shared_and_are_those_of_a_fit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = simulate(world="noise", n_images=40, voxels_per_roi=30)
    people = {"one": one, "other": replace(one, train=replace(one.train, responses=one.train.responses[:, ::-1]))}
    alone = [encode(person, load_network("alexnet-object")) for person in people.values()]
    monkeypatch.setenv(FOLDER, str(tmp_path))
    together = encoding_studies(people, ["alexnet-object"])
    monkeypatch.setattr(encoding, "extract", None)  # nothing is computed again
    again = [encode(person, load_network("alexnet-object")) for person in people.values()]
    for one, study, third in zip(alone, together.values(), again, strict=True):
        for other in (study.encoding["alexnet-object"], third):
            assert_same(one, other)


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"n_folds": 4}},
        {"options": {"protocol": "k-fold"}},
        {"options": {"alphas": np.array([1.0, 10.0])}},
        {"options": {"preprocessing": "imagenet"}},
        {"weights": "untrained"},
        {"part": "train"},
        {"part": "test"},
    ],
    ids=str,
)
def test_another_analysis_is_not_taken_from_what_is_kept(
    person: Participant, encoded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    folder = shutil.copytree(encoded, tmp_path / "results")
    monkeypatch.setenv(FOLDER, str(folder))
    if "part" in change:
        part = getattr(person, change["part"])
        person = replace(person, **{change["part"]: replace(part, responses=part.responses[:, ::-1])})
    encode(person, load_network("alexnet-object", change.get("weights", "miniature")), **change.get("options", {}))
    assert (n_analyses(encoded), n_analyses(folder)) == (1, 2)


def n_analyses(folder: Path) -> int:
    """Kept results of analyses; activations are kept beside them."""
    return sum("0 score" in np.load(path).files for path in folder.glob("*.npz"))


def assert_same(one: EncodingResult, other: EncodingResult) -> None:
    """Two results are equal to the last bit."""
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(other, name))
        else:
            assert value == getattr(other, name)
