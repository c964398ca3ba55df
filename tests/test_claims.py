"""The rules of the claims, tested where the truth is known: planted results, and whole simulated participants."""

import numpy as np
import pytest

from lib.claims import CLAIMS, FAILS, HOLDS, UNTESTED, Study, best_voxels, evaluate, margin
from lib.encoding import EncodingResult, encode
from lib.networks import load_network
from lib.networks.zoo import ALEXNET_LAYERS
from lib.participants import Participant, Responses, Source
from lib.participants.simulated import simulate
from lib.participants.worlds import ROIS

LAYERS = tuple(ALEXNET_LAYERS)
EARLY_PROFILE = [0.3, 0.5, 0.5, 0.4, 0.2, 0.2, 0.2]
LATE_PROFILE = [0.1, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5]


def person(rois=ROIS, n=30):
    masks = {roi: np.repeat([roi == other for other in rois], n) for roi in rois}
    nothing = Responses(np.arange(2), np.zeros((2, n * len(rois))), np.ones(2))
    return Participant("p", nothing, nothing, masks, np.ones(n * len(rois)), None, Source("s", "d", "o", "l", True))


def result(profiles, peak, predicted=0.5, noise=0.02, n=30):
    rng = np.random.default_rng(0)
    score = np.concatenate([np.tile(np.array(p)[:, None], n) for p in profiles], 1)
    score = score + noise * rng.normal(size=score.shape)
    weights = 0.05 + 0.65 * (np.arange(7)[:, None] == peak) + 0.01 * rng.random(score.shape)
    stacked = predicted + noise * rng.normal(size=score.shape[1])
    return EncodingResult(LAYERS, score, score, stacked, stacked, score, stacked, weights / weights.sum(0), score)


def study(profiles=None, peaks=(2, 3), predicted=0.5, rois=ROIS):
    profiles = profiles or [EARLY_PROFILE if roi.startswith("V") else LATE_PROFILE for roi in rois]
    networks = ("alexnet-object", "alexnet-place")
    return Study(person(rois), {n: result(profiles, peak, predicted) for n, peak in zip(networks, peaks, strict=True)})


def outcomes(s):
    return {v.claim: v.outcome for v in evaluate(s)}


def test_claims_hold_where_they_are_true():
    assert outcomes(study()) == {"W1": HOLDS, "W2": HOLDS}


def test_same_profile_everywhere_is_no_claim():
    for profile in (EARLY_PROFILE, LATE_PROFILE, [0.5] * 7):
        assert outcomes(study([profile] * len(ROIS)))["W1"] == FAILS


@pytest.mark.parametrize("peaks", [(2, 2), (3, 3), (3, 2), (0, 3)])
def test_the_peak_must_move_from_conv3_to_conv4(peaks):
    assert outcomes(study(peaks=peaks))["W2"] == FAILS


def test_a_profile_without_prediction_means_nothing():
    assert outcomes(study(predicted=-0.05)) == {"W1": FAILS, "W2": FAILS}


def test_one_roi_can_break_a_claim_and_is_named():
    profiles = [EARLY_PROFILE if roi.startswith("V") or roi == "RSC" else LATE_PROFILE for roi in ROIS]
    verdict = evaluate(study(profiles), ["W1"])[0]
    assert verdict.outcome == FAILS and verdict.where == "RSC"


def test_a_missing_roi_is_skipped_and_missing_networks_leave_a_claim_open():
    rois = tuple(roi for roi in ROIS if roi != "aTLfaces")
    assert outcomes(study(rois=rois))["W1"] == HOLDS
    only_place = Study(person(), {"alexnet-place": study().encoding["alexnet-place"]})
    assert {v.outcome for v in evaluate(only_place)} == {UNTESTED}


def test_unknown_claim_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="choose one of W1, W2"):
        evaluate(study(), ["W99"])


def test_best_voxels_leave_out_what_has_no_score():
    score, roi = np.array([0.1, np.nan, 0.9, 0.5]), np.array([True, True, True, False])
    assert best_voxels(score, roi, 5).tolist() == [2, 0]


def test_margin_by_hand_and_its_interval():
    values = np.array([[0.2, 0.4], [0.1, 0.1], [0.5, 0.5]])
    found = margin(values, [2])
    assert found.estimate == pytest.approx(0.2)
    assert 0.1 - 1e-9 <= found.low <= found.high <= 0.3 + 1e-9


@pytest.mark.parametrize("world, expected", [("as-published", HOLDS), ("flat", FAILS), ("noise", FAILS)])
@pytest.mark.parametrize("seed", range(2))
def test_simulated_worlds_get_the_verdicts_they_were_made_for(world, expected, seed):
    participant = simulate(world=world, seed=seed, n_images=1000, voxels_per_roi=100)
    networks = [load_network(name) for name in ("alexnet-object", "alexnet-place")]
    found = outcomes(Study(participant, {network.name: encode(participant, network) for network in networks}))
    assert found == {"W1": expected, "W2": expected}


def test_every_claim_quotes_its_paper_and_says_how_it_is_decided():
    for claim in CLAIMS.values():
        assert claim.quote and claim.place and claim.statistic and claim.rule and claim.networks
