"""Intervals cover what they should where the truth is known, and rules seldom hold where nothing is there."""

import numpy as np
import pytest

from lib.analysis.known import KnownSize, known_study
from lib.claims.calibration import EQUAL, FLAT, QUALITIES, calibrate
from lib.claims.claim import Contrast
from lib.claims.wang2021 import preferences


def test_the_truth_is_what_many_images_come_to() -> None:
    size = KnownSize(n_images=4000, n_test=8000, sheet=6)
    known = known_study(np.random.default_rng(0), {"a": (0.3, 0.6, 0.4)}, size=size)
    drawn, true = known.drawn.encoding["a"], known.true.encoding["a"]
    for one, other in ((drawn.score, true.score), (drawn.stacked_score, true.stacked_score)):
        np.testing.assert_allclose(one * np.abs(one), other * np.abs(other), atol=0.04)
    np.testing.assert_allclose(drawn.weights, true.weights, atol=0.12)
    assert true.score.mean(1).argmax() == 1


def test_neighbours_on_the_sheet_are_alike() -> None:
    known = known_study(np.random.default_rng(0), {"a": EQUAL[:2]}, size=KnownSize(sheet=30))
    score = known.true.encoding["a"].score[0].reshape(30, 30)
    beside, far = (np.corrcoef(score[:, :-n].ravel(), score[:, n:].ravel())[0, 1] for n in (1, 10))
    assert beside > 0.6 and abs(far) < 0.2


def test_a_layer_that_is_better_is_found() -> None:
    known = known_study(np.random.default_rng(0), {"a": (0.2, 0.7, 0.2)}, size=KnownSize(sheet=16))
    found = preferences(known.drawn, ["a"], {"V1": ["Conv-2"]}, "score")["V1, a"]
    assert isinstance(found, Contrast) and found.interval().low > 0


@pytest.mark.slow("draws eighty studies")
def test_intervals_cover_and_rules_hold_their_level() -> None:
    coverage, nulls = calibrate(80, first_seed=1000)
    assert set(QUALITIES) >= {FLAT} and len(coverage) == 19 and len(nulls) == 12
    assert min(one.covered for one in coverage) >= 0.84 and np.mean([one.covered for one in coverage]) >= 0.92
    assert max(one.holds for one in nulls) <= 0.1
