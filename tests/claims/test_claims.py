"""The rules of the claims, tested where the truth is known: planted results, and whole simulated participants."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from lib.analysis.encoding import EncodingResult
from lib.analysis.encoding_study import MIN_VOXELS, EncodingStudy, best_voxels, cortex_blocks
from lib.claims import CLAIMS, CONTRADICTED, HOLDS, UNDECIDED, UNTESTED, evaluate, evaluate_group
from lib.claims.claim import Contrast, contrast
from lib.claims.wang2021 import ALEXNETS, EDGE_NETWORKS, RESNETS, best_of, depth, preferences, stack_gain, task_shift
from lib.core.scores import group_starts, pseudo_values, r2, r2_without, signed_root, squared_pseudo_values
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
        ("W4", {("resnet50-object", "V4"): "Conv-5"}),
        ("W4", {("resnet50-place", "PPA"): "Conv-2"}),
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
    assert found.outcome == CONTRADICTED
    assert found.where.startswith(f"{roi if len(peaks) == 1 else 'V'}")
    assert outcomes(study(peaks), ["W7", "W8"]) == {"W7": HOLDS, "W8": HOLDS}, network


def test_edge_networks_as_good_as_one_other_break_the_claim_that_they_are_worse():
    assert outcomes(study(levels={"taskonomy-edge3d": 0.5}), ["W7"]) == {"W7": CONTRADICTED}
    assert outcomes(study(levels={"resnet50-place": 0.3}), ["W7"]) == {"W7": CONTRADICTED}


def test_a_stack_no_better_than_its_best_layer_breaks_the_claim_that_it_is():
    s = study()
    r = s.encoding["resnet50-place"]
    same = replace(r, stacked_score=r.score.max(0))
    assert outcomes(replace(s, encoding={**s.encoding, "resnet50-place": same}), ["W8"]) == {"W8": CONTRADICTED}


def test_profiles_without_prediction_mean_nothing():
    s = study()
    silent = {name: replace(r, stacked_score=r.stacked_score - 2) for name, r in s.encoding.items()}
    assert outcomes(replace(s, encoding=silent)) == dict.fromkeys(WANG, UNTESTED)


@pytest.mark.parametrize("layer", range(4))
def test_the_same_profile_in_every_area_is_no_claim_about_layers(layer):
    flat = {(network, roi): list(ZOO[network].layers)[layer] for network in TRUE for roi in ROIS}
    found = outcomes(study(flat))
    assert {found[claim] for claim in ("W1", "W2", "W3", "W4", "W5", "W6")} == {CONTRADICTED}


def test_a_missing_area_decides_nothing_and_missing_networks_leave_a_claim_open():
    s = study()
    rois = {roi: mask for roi, mask in s.participant.rois.items() if roi != "aTLfaces"}
    found = evaluate(replace(s, participant=replace(s.participant, rois=rois)))
    without = {v.claim: (v.outcome, v.where.split(",")[0]) for v in found}
    assert {claim for claim, (outcome, _) in without.items() if outcome == HOLDS} == {"W2", "W7", "W8"}
    assert {without[claim] for claim in ("W1", "W3", "W4", "W5", "W6")} == {(UNDECIDED, "aTLfaces")}
    alexnets = outcomes(study(only=ALEXNETS))
    assert {claim for claim, outcome in alexnets.items() if outcome != UNTESTED} == {"W1", "W2"}
    assert set(outcomes(replace(s, participant=replace(s.participant, rois={}))).values()) == {UNTESTED}


def test_a_small_area_decides_nothing_but_does_not_hide_a_contradiction():
    s = study()
    few = s.participant.rois["V4"] & (s.participant.rois["V4"].cumsum() < MIN_VOXELS)
    small = replace(s.participant, rois={**s.participant.rois, "V4": few})
    assert outcomes(replace(s, participant=small), ["W2"]) == {"W2": UNDECIDED}
    wrong = study(everywhere("alexnet-place", "Conv-3", EARLY))
    assert outcomes(replace(wrong, participant=small), ["W2"]) == {"W2": CONTRADICTED}


def test_voxels_that_no_model_could_explain_decide_nothing():
    s = study()
    noise = replace(s.participant, noise_ceiling=np.zeros(s.participant.n_voxels))
    assert set(outcomes(replace(s, participant=noise)).values()) == {UNTESTED}
    unknown = replace(s.participant, noise_ceiling=np.full(s.participant.n_voxels, np.nan))
    assert outcomes(replace(s, participant=unknown)) == dict.fromkeys(WANG, HOLDS)


@pytest.mark.parametrize("n_best", [15, 50, 200, 600])
def test_a_second_network_that_is_the_first_one_has_no_task_effect(n_best, monkeypatch):
    monkeypatch.setitem(globals(), "N", 600)
    s = replace(study(), n_best=n_best)
    twin = replace(s, encoding={**s.encoding, RESNETS[1]: s.encoding[RESNETS[0]]})
    assert outcomes(twin, ["W3"]) == {"W3": HOLDS}
    neither = replace(s, encoding={**twin.encoding, ALEXNETS[1]: s.encoding[ALEXNETS[0]]})
    assert outcomes(neither, ["W3"]) == {"W3": CONTRADICTED}


def test_both_networks_are_compared_on_the_same_reliable_voxels():
    s = study()
    swapped = replace(s, encoding=dict(reversed(s.encoding.items())), n_best=12)
    voxels = swapped.common(RESNETS, "V1")
    np.testing.assert_array_equal(voxels, replace(s, n_best=12).common(RESNETS[::-1], "V1"))
    mean = np.mean([s.encoding[name].stacked_cv_score for name in RESNETS], axis=0)
    assert len(voxels) == 12 and mean[voxels].min() >= np.delete(mean[:N], voxels).max()
    ceiling = np.where(np.isin(np.arange(s.participant.n_voxels), voxels[:5]), 0.05, 0.5)
    unreliable = replace(swapped, participant=replace(s.participant, noise_ceiling=ceiling))
    assert not set(voxels[:5]) & set(unreliable.common(RESNETS, "V1"))


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


def judged(estimate, error, *, same=False, n_parts=1, smallest=0.1):
    return Contrast(np.atleast_2d(estimate), np.atleast_2d(error), 1000, "score", same).outcome(smallest, n_parts)


@pytest.mark.parametrize(
    "estimate, error, outcome",
    [
        (0.2, 0.05, HOLDS),
        (0.2, 0.15, UNDECIDED),  # the interval reaches below zero
        (0.08, 0.03, UNDECIDED),  # above zero, but the difference may be too small to matter
        (0.05, 0.01, CONTRADICTED),  # above zero and too small to matter
        (-0.2, 0.05, CONTRADICTED),
        (-0.1, 0.2, UNDECIDED),
        ([[0.3, 0.05]], [[0.01, 0.01]], CONTRADICTED),  # one of the others is as large
        ([[0.3, -0.3], [0.3, 0.3]], [[0.01] * 2] * 2, HOLDS),  # one of two that may be the largest is
        ([[0.3, -0.3], [-0.3, 0.3]], [[0.01] * 2] * 2, CONTRADICTED),  # each is exceeded by another
    ],
)
def test_a_difference_is_judged_by_where_its_interval_lies(estimate, error, outcome):
    assert judged(estimate, error) == outcome


@pytest.mark.parametrize(
    "estimate, error, outcome",
    [
        (0.0, 0.0, HOLDS),
        (0.05, 0.02, HOLDS),
        (-0.05, 0.04, UNDECIDED),
        (-0.3, 0.05, CONTRADICTED),
        (0.3, 0.05, CONTRADICTED),
    ],
)
def test_sameness_is_shown_and_not_assumed(estimate, error, outcome):
    assert judged(estimate, error, same=True) == outcome


def test_one_of_many_parts_contradicts_only_at_a_stricter_level():
    assert [judged(0.0, 0.045, n_parts=n) for n in (1, 20)] == [CONTRADICTED, UNDECIDED]
    assert [judged(0.2, 0.045, same=True, n_parts=n) for n in (1, 20)] == [CONTRADICTED, UNDECIDED]


def test_contrast_by_hand():
    found = contrast(np.array([[[[0.1, 0.2, 0.3]]]]), np.arange(3), "score")
    assert found.estimate[0, 0] == pytest.approx(0.2) and found.df == 2
    assert found.error[0, 0] == pytest.approx(0.1 / np.sqrt(3))


def test_an_effect_in_r_is_also_a_share_of_the_ceiling():
    """By hand: the mean over voxels of the deciding difference over the root of the voxel's ceiling."""
    values = np.array([[[[0.1, 0.3]], [[0.4, 0.4]]]])  # one layer minus two others, one image, two voxels
    found = contrast(values, np.arange(2), "score", ceiling=np.array([0.25, 0.36]))
    assert found.interval().estimate == pytest.approx(0.2) and found.of_ceiling == pytest.approx((0.2 + 0.5) / 2)
    assert contrast(values, np.arange(2), "score").of_ceiling is None
    assert contrast(values, np.arange(2), "score", ceiling=np.array([0.25, np.nan])).of_ceiling is None


def test_verdicts_give_shares_of_the_ceiling_where_r_is_compared():
    s = study()
    quarter = replace(s, participant=replace(s.participant, noise_ceiling=np.full(s.participant.n_voxels, 0.25)))
    found = {v.claim: v for v in evaluate(quarter)}
    for name, times in {"W1": 2, "W4": 2, "W6": 2, "W7": 2, "W8": 4}.items():
        every = [found[name], *found[name].parts.values()]
        assert all(one.of_ceiling == pytest.approx(times * one.effect.estimate) for one in every), name
    assert {found[name].of_ceiling for name in ("W2", "W3", "W5")} == {None}
    (group,) = evaluate_group([quarter] * 3, ["W1"])
    assert group.of_ceiling == pytest.approx(2 * group.effect.estimate)
    unknown = replace(s.participant, noise_ceiling=np.full(s.participant.n_voxels, np.nan))
    assert evaluate(replace(s, participant=unknown), ["W1"])[0].of_ceiling is None


def test_the_stacks_gain_is_one_of_variance_explained():
    s = study()
    r = s.encoding["alexnet-object"]
    best = np.take_along_axis(r.score, r.cv_score.argmax(0)[None], 0)[0]
    expected = (r.stacked_score**2 - best**2).mean()
    assert stack_gain(s, "alexnet-object", ["alexnet-object"]).estimate.item() == pytest.approx(expected)
    rng, signal = np.random.default_rng(0), np.linspace(-1, 1, 40)[:, None]
    y, y_pred = signal + rng.normal(0, [0.5, 5], (40, 2)), np.repeat(signal, 2, 1)
    without = r2_without(y, y_pred, group_starts(40))
    R, of_R = signed_root(r2(y, y_pred)), pseudo_values(signed_root(r2(y, y_pred)), signed_root(without))
    np.testing.assert_allclose(squared_pseudo_values(R, of_R), pseudo_values(r2(y, y_pred), without))
    np.testing.assert_allclose(squared_pseudo_values(R, -R[None]), -R[None] * np.abs(R))  # nothing is left out


def test_weights_and_gains_are_judged_by_larger_blocks_than_scores():
    """Neighbours across an edge are alike: of 8 blocks fewer are beside another than of 16."""
    s = study()
    by_score = preferences(s, ALEXNETS[:1], {"V1": ["Conv-3"]}, "score")
    by_weight = preferences(s, ALEXNETS[:1], {"V1": ["Conv-3"]}, "weights")
    assert [one.df for found in (by_score, by_weight) for one in found.values()] == [15, 7]
    assert task_shift(s, ALEXNETS, "V1").df == stack_gain(s, "alexnet-object").df == 7


def test_blocks_hold_neighbours_of_nearly_equal_number():
    positions = np.random.default_rng(0).uniform(size=(203, 3))
    blocks = cortex_blocks(positions)
    assert set(np.bincount(blocks)) <= {12, 13} and blocks.max() == 15
    within = np.mean([positions[blocks == block].std(0).mean() for block in range(16)])
    assert within < 0.6 * positions.std(0).mean()


def test_an_area_is_cut_into_as_many_blocks_where_others_overlap_it_or_hold_it():
    alone = study()
    rois, voxels = alone.participant.rois, np.flatnonzero(alone.participant.rois["FFA"])
    ppa = rois["PPA"] | (np.arange(N * len(ROIS)) == voxels[0])
    person = replace(alone.participant, rois={**rois, "PPA": ppa, "everything": np.ones_like(ppa)})
    other = replace(alone, participant=person)
    for n_blocks in (16, 8):
        assert alone.blocks(voxels, n_blocks).max() == n_blocks - 1
        np.testing.assert_array_equal(other.blocks(voxels, n_blocks), alone.blocks(voxels, n_blocks))
    both = np.flatnonzero(rois["OPA"] | rois["RSC"])
    np.testing.assert_array_equal(other.blocks(both), alone.blocks(both))


def test_depth_and_its_shift_by_hand():
    layers = ("a", "b", "c")
    score, weights = np.array([[0.1, 0.3], [0.2, 0.2], [0.0, 0.1]]), np.array([[0.5, 0.0], [0.5, 0.0], [0.0, 1.0]])
    r = EncodingResult(layers, score, score, score[0], score[0], score, score[0], weights, score)
    assert depth(r, np.arange(2), "score").tolist() == [[1, 0]]
    assert depth(r, np.arange(2), "weights").tolist() == [[0.5, 2]]
    shift = task_shift(study(), ALEXNETS, "V1")
    assert shift.interval().low > 0.5 and shift.same


def test_best_of_as_many_layers_is_the_mean_over_all_choices():
    rng = np.random.default_rng(0)
    score, cv = rng.normal(size=(2, 5, 4))
    r = EncodingResult(tuple("abcde"), score, cv, score[0], score[0], score, score[0], score, score)
    chosen = [list(c) for c in combinations(range(5), 3)]
    expected = np.mean([np.take_along_axis(score[c], cv[c].argmax(0)[None], 0)[0] for c in chosen], axis=0)
    np.testing.assert_allclose(best_of(r, np.arange(4), 3)[0], expected)


def test_a_claim_about_people_needs_more_than_one_who_shows_it():
    true, wrong = study(), study(everywhere("alexnet-place", "Conv-3", EARLY))
    for people, outcome, holds in (
        ([true] * 4, HOLDS, 4),
        ([true] * 3 + [wrong] * 2, UNDECIDED, 3),
        ([wrong] * 4, CONTRADICTED, 0),
    ):
        (found,) = evaluate_group(people, ["W2"])
        assert found.outcome == outcome and found.where.endswith(f"; holds in {holds} of {len(people)} people")
    effects = [one.parts["V1, alexnet-place"].effect.estimate for one in (evaluate(true, ["W2"])[0], found)]
    assert effects[0] > 0.3 > -0.3 > effects[1]
    missing = replace(true.participant, rois={roi: m for roi, m in true.participant.rois.items() if roi != "V4"})
    (found,) = evaluate_group([true, true, replace(true, participant=missing)], ["W2"])
    assert (found.outcome, found.where) == (HOLDS, f"{found.where.split(';')[0]}; holds in 2 of 3 people")
    (found,) = evaluate_group([replace(true, participant=missing)] * 3, ["W2"])
    assert (found.outcome, found.where.split(", ")[0]) == (UNDECIDED, "V4")
    assert found.where.endswith("decided in nobody; holds in 0 of 3 people")


def test_a_person_with_neither_area_nor_network_leaves_a_group_without_a_verdict():
    (found,) = evaluate_group([study(only=ALEXNETS)] * 2, ["W3"])
    assert found.outcome == UNTESTED and "holds in 0 of 2 people" in found.where
