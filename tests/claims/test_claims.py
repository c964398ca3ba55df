"""The rules of the claims, tested where the truth is known: planted results, and whole simulated participants."""

from dataclasses import replace

import numpy as np
import pytest

from lib.analysis.encoding import EncodingResult
from lib.analysis.encoding_study import EncodingStudy, best_voxels
from lib.claims import CLAIMS, FAILS, HOLDS, UNTESTED, evaluate, margin
from lib.claims.claim import interval_of, resampled_means
from lib.claims.wang2021 import ALEXNETS, EDGE_NETWORKS, weight_shift
from lib.data import Brain, Source
from lib.data.areas import EARLY, ROIS
from lib.networks import ZOO

WANG = [name for name, claim in CLAIMS.items() if claim.paper == "wang2021"]
N = 30  # voxels per ROI

# The layer that each network should prefer if all that paper W says is true: in early areas, in higher ones.
TRUE = {
    "alexnet-object": ("Conv-3", "FC-7"),
    "alexnet-place": ("Conv-4", "FC-7"),
    "resnet50-object": ("Conv-2", "Conv-5"),
    "resnet50-place": ("Conv-2", "Conv-5"),
    "taskonomy-edge2d": ("Conv-3", "Conv-3"),
    "taskonomy-edge3d": ("Conv-3", "Conv-3"),
}


def person(rois=ROIS):
    masks = {roi: np.repeat([roi == other for other in rois], N) for roi in rois}
    return Brain("p", masks, np.ones(N * len(rois)), Source("s", "d", "o", "l", True))


def result(network, peaks, level, rng):
    """Scores and weights that fall off from each ROI's peak, with some noise; the stack a little above the best."""
    layers = tuple(ZOO[network].layers)
    peak = [layers.index(peaks[roi]) for roi in ROIS]
    distance = np.abs(np.arange(len(layers))[:, None] - peak)  # (n_layers, n_rois)
    score = np.repeat(level - 0.05 * distance, N, 1) + rng.normal(0, 0.02, (len(layers), N * len(ROIS)))
    weights = np.repeat(0.05 + 0.6 * (distance == 0), N, 1) + rng.uniform(0, 0.02, score.shape)
    stacked = score.max(0) + 0.02
    return EncodingResult(layers, score, score, stacked, stacked, score, stacked, weights / weights.sum(0), score)


def study(peaks=None, levels=None, only=tuple(TRUE)):
    """A study in which everything is true, but for the peaks {(network, ROI): layer} and levels {network: R} given."""
    rng, encoding = np.random.default_rng(0), {}
    for network in only:
        early, late = TRUE[network]
        wanted = {roi: early if roi in EARLY else late for roi in ROIS}
        if network in EDGE_NETWORKS:
            wanted["V1"] = "Conv-2"
        wanted |= {roi: layer for (name, roi), layer in (peaks or {}).items() if name == network}
        level = 0.3 if network in EDGE_NETWORKS else 0.5
        encoding[network] = result(network, wanted, (levels or {}).get(network, level), rng)
    return EncodingStudy(person(), encoding)


def outcomes(s, claims=WANG):
    return {v.claim: v.outcome for v in evaluate(s, claims)}


def everywhere(network, layer, rois=ROIS):
    return {(network, roi): layer for roi in rois}


def test_every_claim_holds_where_everything_is_true():
    assert outcomes(study()) == dict.fromkeys(WANG, HOLDS)


@pytest.mark.parametrize(
    "claim, peaks",
    [
        ("W1", {("alexnet-object", "V2"): "Conv-4"}),
        ("W1", {("alexnet-object", "RSC"): "FC-6"}),
        ("W2", everywhere("alexnet-place", "Conv-3", EARLY)),
        ("W2", everywhere("alexnet-object", "Conv-4", EARLY)),
        ("W3", {("resnet50-place", "OFA"): "Conv-4"}),
        ("W3", {("resnet50-place", "V3"): "Conv-3"}),
        ("W3", everywhere("alexnet-place", "Conv-3", EARLY)),
        ("W4", {("resnet50-object", "V4"): "Conv-4"}),
        ("W4", {("resnet50-place", "PPA"): "Conv-3"}),
        ("W5", {("resnet50-object", "FFA"): "Avgpool"}),
        ("W5", {("alexnet-object", "FFA"): "FC-6"}),
        ("W6", {("taskonomy-edge2d", "PPA"): "Conv-5"}),
        ("W6", {("taskonomy-edge3d", "V2"): "Conv-2"}),
        ("W6", {("taskonomy-edge3d", "V1"): "Conv-3"}),
    ],
)
def test_one_wrong_layer_breaks_the_claim_that_names_it(claim, peaks):
    found = evaluate(study(peaks), [claim])[0]
    network, roi = next(iter(peaks))
    assert found.outcome == FAILS
    assert found.where.startswith(f"{roi if len(peaks) == 1 else 'V'}")
    assert outcomes(study(peaks), ["W7", "W8"]) == {"W7": HOLDS, "W8": HOLDS}, network


def test_edge_networks_as_good_as_one_other_break_the_claim_that_they_are_worse():
    assert outcomes(study(levels={"taskonomy-edge3d": 0.5}), ["W7"]) == {"W7": FAILS}
    assert outcomes(study(levels={"resnet50-place": 0.3}), ["W7"]) == {"W7": FAILS}


def test_a_stack_no_better_than_its_best_layer_breaks_the_claim_that_it_is():
    s = study()
    r = s.encoding["resnet50-place"]
    same = replace(r, stacked_score=r.score.max(0))
    assert outcomes(replace(s, encoding={**s.encoding, "resnet50-place": same}), ["W8"]) == {"W8": FAILS}


def test_profiles_without_prediction_mean_nothing():
    s = study()
    silent = {name: replace(r, stacked_score=r.stacked_score - 2) for name, r in s.encoding.items()}
    assert outcomes(replace(s, encoding=silent)) == dict.fromkeys(WANG, FAILS)


@pytest.mark.parametrize("layer", range(4))
def test_the_same_profile_in_every_area_is_no_claim_about_layers(layer):
    flat = {(network, roi): list(ZOO[network].layers)[layer] for network in TRUE for roi in ROIS}
    found = outcomes(study(flat))
    assert {found[claim] for claim in ("W1", "W2", "W3", "W4", "W5", "W6")} == {FAILS}


def test_missing_areas_are_skipped_and_missing_networks_leave_a_claim_open():
    s = study()
    rois = {roi: mask for roi, mask in s.participant.rois.items() if roi != "aTLfaces"}
    assert outcomes(replace(s, participant=replace(s.participant, rois=rois))) == dict.fromkeys(WANG, HOLDS)
    alexnets = outcomes(study(only=ALEXNETS))
    assert {claim for claim, outcome in alexnets.items() if outcome != UNTESTED} == {"W1", "W2"}
    assert set(outcomes(replace(s, participant=replace(s.participant, rois={}))).values()) == {UNTESTED}


def test_an_area_whose_voxels_were_all_dropped_is_skipped():
    s = study()
    v4 = s.participant.rois["V4"]
    nan = {n: replace(r, stacked_score=np.where(v4, np.nan, r.stacked_score)) for n, r in s.encoding.items()}
    assert "V4" not in replace(s, encoding=nan).rois(ROIS)


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


def test_resampled_differences_are_paired():
    a = np.random.default_rng(0).normal(size=(3, 50))
    difference = interval_of((resampled_means(a + 1) - resampled_means(a))[:, 0])
    assert (difference.estimate, difference.low, difference.high) == pytest.approx((1, 1, 1))


def test_resampled_means_have_the_standard_error_of_a_mean():
    a = np.random.default_rng(0).normal(size=(1, 200))
    assert resampled_means(a).std() == pytest.approx(a.std() / np.sqrt(200), rel=0.1)


def test_shift_by_hand():
    assert weight_shift(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.0, 0.5])) == pytest.approx(0.5)
    assert weight_shift(np.eye(2)[:1], np.eye(2)[1:]) == pytest.approx(1)
