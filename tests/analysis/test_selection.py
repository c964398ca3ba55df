"""Choosing by the score that is shown: its luck, where the truth is known."""

import numpy as np
import pytest

from lib.analysis.encoding import EncodingResult
from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.selection import (
    CHOICES,
    SHARES,
    Retest,
    circular,
    mean_of_best,
    profile,
    retest,
    set_aside,
    stack_of_best,
    thinned,
)
from lib.data import Participant, Responses, Source
from lib.simulation.nsd_like import simulate_worlds

PUBLISHED, HONEST, FRESH = CHOICES.values()
N = 400


def person(n_images=30):
    ids = np.arange(n_images)
    seen = Responses(ids, np.tile(ids[:, None], N).astype(float), np.ones(n_images))
    return Participant("p", {"V1": np.ones(N, bool)}, np.ones(N), Source("s", "d", "o", "l", True), seen, seen, None)


def result(deserved, rng):
    """Scores of what voxels deserve, plus luck of its own for each set of images."""
    test, cv = (deserved + 0.1 * rng.normal(size=N) for _ in range(2))
    return EncodingResult(("a",), test[None], cv[None], test, cv, test[None], test, np.ones((1, N)), np.ones((1, N)))


def toy(deserved):
    rng = np.random.default_rng(0)
    return Retest(*(EncodingStudy(person(), {"net": result(deserved, rng)}, 20) for _ in range(2)))


def test_without_signal_the_published_choice_shows_only_luck():
    study = toy(np.zeros(N))
    published, honest, fresh = (stack_of_best(study, choice, "net", "V1") for choice in CHOICES.values())
    assert published > 0.15  # the mean of the highest twentieth of a normal distribution is 2.06 of its deviations
    assert published == pytest.approx(0.206, abs=0.03)
    assert abs(honest) < 0.06 and abs(fresh) < 0.06


def test_with_signal_the_honest_choice_finds_good_voxels_without_their_luck():
    study = toy(np.linspace(0, 0.5, N))
    published, honest, fresh = (stack_of_best(study, choice, "net", "V1") for choice in CHOICES.values())
    assert published > honest > 0.4
    assert honest == pytest.approx(fresh, abs=0.05)


def test_all_voxels_are_no_choice():
    curves = {name: mean_of_best(toy(np.zeros(N)), choice, "net", "V1") for name, choice in CHOICES.items()}
    assert all(curve.shape == SHARES.shape for curve in curves.values())
    published, honest, fresh = (curve[-1] for curve in curves.values())
    assert published == pytest.approx(honest)
    assert fresh == pytest.approx(toy(np.zeros(N)).fresh.encoding["net"].stacked_score.mean())


def test_curve_agrees_with_the_mean_of_the_chosen():
    study = toy(np.linspace(0, 0.5, N))
    share = int(np.flatnonzero(np.ceil(SHARES * N) == 40)[0])
    forty = Retest(*(EncodingStudy(s.participant, s.encoding, 40) for s in (study.test, study.fresh)))
    for choice in CHOICES.values():
        expected = stack_of_best(forty, choice, "net", "V1")
        assert mean_of_best(study, choice, "net", "V1")[share] == pytest.approx(expected)
        assert profile(forty, choice, "net", "V1") == pytest.approx([expected])


def test_circular_study_chooses_by_test_score():
    study = toy(np.zeros(N)).test
    assert circular(study).best("net", "V1").tolist() == study.best("net", "V1", "test").tolist()
    assert study.best("net", "V1").tolist() != study.best("net", "V1", "test").tolist()


def test_images_set_aside_are_no_longer_trained_on():
    rest, fresh = set_aside(person(), 7)
    assert len(rest.train) == 23 and len(fresh) == 7
    assert sorted([*rest.train.stimulus_ids, *fresh.stimulus_ids]) == list(range(30))
    for part in (rest.train, fresh):
        np.testing.assert_array_equal(part.responses[:, 0], part.stimulus_ids)
        assert (np.diff(part.stimulus_ids) > 0).all()
    assert len(rest.test) == 30


@pytest.mark.parametrize("n_images", [0, -1, 29, 100])
def test_impossible_numbers_are_refused(n_images):
    with pytest.raises(ValueError, match="Between 1 and 28 of the 30 training images can be set aside"):
        set_aside(person(), n_images)


def test_thinned_keeps_the_training_images():
    thin = thinned(person(), 0.25)
    assert len(thin.test) == 8 and len(thin.train) == 30


@pytest.fixture(scope="module")
def studies():
    people = simulate_worlds(("as-published", "noise"), n_images=400, voxels_per_roi=60)
    return retest(people, ["alexnet-object"], n_fresh=80, n_best=10)


@pytest.mark.slow("simulates two participants of 600 voxels")
def test_simulated_luck_is_seen_in_both_worlds_and_is_all_there_is_in_noise(studies):
    for world, study in studies.items():
        means = {
            name: np.mean([stack_of_best(study, choice, "alexnet-object", roi) for roi in study.test.participant.rois])
            for name, choice in CHOICES.items()
        }
        published, honest, fresh = means.values()
        assert published > fresh + 0.03, world
        assert published > honest + 0.03, world
        if world == "noise":
            assert honest < 0.04 and fresh < 0.04  # below zero by the error of the mean, with 40 test images
        else:
            assert honest > 0.1 and fresh > 0.1


@pytest.mark.slow("simulates two participants of 600 voxels")
def test_fits_are_the_same_in_both(studies):
    one = studies["as-published"]
    for field in ("weights", "alphas", "cv_score", "stacked_cv_score"):
        test, fresh = (getattr(study.encoding["alexnet-object"], field) for study in (one.test, one.fresh))
        np.testing.assert_allclose(test, fresh, rtol=1e-5)
    assert not set(one.test.participant.test.stimulus_ids) & set(one.fresh.participant.test.stimulus_ids)
