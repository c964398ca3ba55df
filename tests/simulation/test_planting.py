"""Planting: chosen layers of several networks lead on the same responses; worlds make voxels as brains have them."""

import numpy as np
import pytest

from lib.analysis.encoding_study import encoding_study
from lib.data.areas import ROIS
from lib.networks.zoo import PAPER_W, ZOO
from lib.simulation import planting
from lib.simulation.nsd_like import draw_shares, draw_trials, simulate, smooth_shares
from lib.simulation.planting import EVERY, LESS, answers_of, planted_components, predictor, variation
from lib.simulation.worlds import GOD_WORLDS, WORLDS

RNG = np.random.default_rng(0)
N_IMAGES = 200


def chain(common: np.ndarray, seed: int, n_layers: int = 4, n_units: int = 30) -> list[np.ndarray]:
    """Layers that each add noise to the one before; all begin with what networks have in common."""
    rng = np.random.default_rng(seed)
    layers = [np.hstack([common, rng.normal(size=(N_IMAGES, n_units))])]
    for _ in range(n_layers - 1):
        mixed = layers[-1] @ rng.normal(size=(layers[-1].shape[1],) * 2) / np.sqrt(layers[-1].shape[1])
        layers.append(np.maximum(mixed, 0) + 0.3 * rng.normal(size=mixed.shape))
    return layers


@pytest.fixture(scope="module")
def predictors() -> dict[tuple[str, str], np.ndarray]:
    common = RNG.normal(size=(N_IMAGES, 30))
    chains = {name: chain(common, seed) for seed, name in enumerate(("first-object", "second-object"))}
    return {(name, f"{i}"): predictor(layer) for name, layers in chains.items() for i, layer in enumerate(layers)}


def explained(predictors: dict[tuple[str, str], np.ndarray], directions: np.ndarray, network: str) -> np.ndarray:
    """Share of the directions' variance in the span of each layer of a network."""
    layers = [root for (name, _), root in predictors.items() if name == network]
    return np.array([((root.T @ directions) ** 2).sum() for root in layers]) / (directions**2).sum()


def test_predictor_shrinks_the_leading_components_as_one_ridge_penalty_does():
    X = RNG.normal(size=(60, 300)) * np.arange(1, 301)
    variance, axes = np.linalg.eigh((X - X.mean(0)) @ (X - X.mean(0)).T)
    root = predictor(X)
    hat = axes[:, -12:].T @ root @ root.T @ axes[:, -12:]
    shrunk = np.diag(hat)
    np.testing.assert_allclose(hat, np.diag(shrunk), atol=1e-9)
    np.testing.assert_allclose(variance[-12:] * (1 - shrunk) / shrunk, (variance[-12:] * (1 - shrunk) / shrunk)[0])
    assert root.shape[1] == 12 and shrunk.sum() == pytest.approx(6)  # a fifth and a tenth of the images


@pytest.mark.parametrize(("one", "other"), [("1", "2"), ("2", "1"), ("3", "1")])
def test_each_network_predicts_the_same_directions_best_from_its_own_layer(predictors, one, other):
    directions = planted_components({"first-object": one, "second-object": other}, answers_of(predictors))
    assert (directions**2).mean(0).sum() == pytest.approx(1, abs=0.01)
    for network, chosen in (("first-object", one), ("second-object", other)):
        assert explained(predictors, directions, network).argmax() == int(chosen)


def test_a_network_behind_predicts_less_than_the_other_and_still_best_from_its_own_layer(predictors):
    profile = {"first-object": "1", "second-object": "2"}
    gaps = []
    for behind in ((), ("first-object",), ("second-object",)):
        directions = planted_components(profile, answers_of(predictors), behind)
        found = [explained(predictors, directions, name) for name in profile]
        assert [one.argmax() for one in found] == [1, 2]
        gaps.append(found[0].max() - found[1].max())
    assert gaps[1] < min(gaps[0], 0) and gaps[2] > max(gaps[0], 0)


def test_no_layer_leads_where_none_shall(predictors):
    directions = planted_components({"first-object": EVERY, "second-object": EVERY}, answers_of(predictors))
    spread = [np.ptp(explained(predictors, directions, name)) for name in ("first-object", "second-object")]
    peaked = planted_components({"first-object": "0", "second-object": "3"}, answers_of(predictors))
    assert max(spread) < 0.5 * min(np.ptp(explained(predictors, peaked, n)) for n in ("first-object", "second-object"))


def test_variation_is_the_covariance_of_units_that_vary():
    X = np.hstack([RNG.normal(size=(60, 5)) * np.arange(1, 6), np.full((60, 2), 0.1)])  # whose mean rounds
    root = variation(X)
    units = (X[:, :5] - X[:, :5].mean(0)) / X[:, :5].std(0)
    np.testing.assert_allclose(root @ root.T, 0.1 * units @ units.T / 5)
    assert np.trace(root @ root.T) == pytest.approx(6)  # a tenth of the images, as of a predictor


def test_a_network_is_decoded_less_pair_by_pair_and_the_chosen_layer_most(monkeypatch):
    monkeypatch.setattr(planting, "N_DECODED", 10)  # of the few dimensions of so few images
    common = np.random.default_rng(1).normal(size=(N_IMAGES, 30))
    layers = {name: chain(common, seed) for seed, name in enumerate(("ahead", "behind"))}
    roots = {(name, f"{i}"): variation(x) for name, chained in layers.items() for i, x in enumerate(chained)}
    for profile in ({"ahead": "3", "behind": LESS}, {"behind": LESS, "ahead": "3"}):
        directions = planted_components(profile, answers_of(roots, decoded=True))
        ahead, behind = (explained(roots, directions, name) for name in ("ahead", "behind"))
        assert (ahead[1:] > 1.1 * behind[1:]).all() and ahead.argmax() == 3 and ahead[3] > 2 * behind[3]


@pytest.mark.parametrize("world", [*WORLDS.values(), *GOD_WORLDS.values()])
def test_shares_add_up_and_profiles_name_layers_that_exist(world):
    for shares in world.areas.values():
        assert sum(shares.values()) == pytest.approx(1 if shares else 0)
        assert set(shares) <= set(world.profiles)
    for profile in world.profiles.values():
        assert all(
            layer in {*ZOO[name].layers, *ZOO[name].decoding_layers, EVERY, LESS} for name, layer in profile.items()
        )


def test_layers_that_a_world_plants_in_an_area():
    assert WORLDS["as-published"].planted("V1", "taskonomy-edge2d") == {"Conv-2": 0.95, "Conv-3": 0.05}
    assert WORLDS["as-published"].planted("V1", "alexnet-object") == {"Conv-3": 1}
    assert WORLDS["as-published"].planted("V1", "multitask") == {} == WORLDS["noise"].planted("V1", "alexnet-object")
    assert WORLDS["flat"].planted("V1", "taskonomy-edge2d") == dict.fromkeys(ZOO["taskonomy-edge2d"].layers, 0.25)


def test_voxels_mix_profiles_as_their_area_does_and_neighbours_alike():
    shares = smooth_shares(np.random.default_rng(0), [0.2, 0.8], 60 * 60)
    np.testing.assert_allclose(shares.sum(0), 1)
    assert shares.mean(1) == pytest.approx([0.2, 0.8], abs=0.02) and shares[0].std() == pytest.approx(0.15, abs=0.02)
    rows = shares[0].reshape(60, 60)
    assert np.corrcoef(rows[:, 1:].ravel(), rows[:, :-1].ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(rows[:, 15:].ravel(), rows[:, :-15].ravel())[0, 1]) < 0.15


def test_areas_that_answer_to_nothing_have_no_shares():
    assert draw_shares(np.random.default_rng(0), WORLDS["noise"], 4) == {roi: {} for roi in ROIS}


@pytest.mark.slow("simulates and encodes a participant with two networks")
def test_one_voxel_peaks_in_two_networks_with_broad_weights():
    """V2's best voxels, the same for both AlexNets: R of the order of the papers', each network's own layer first."""
    participant = simulate(seed=101, n_images=1000, voxels_per_roi=100)
    study = encoding_study(participant, PAPER_W[:2], n_best=33)
    voxels = study.common(PAPER_W[:2], "V2")
    for network, layer in zip(PAPER_W, ("Conv-3", "Conv-4"), strict=False):
        result = study.encoding[network]
        weights = result.weights[:, voxels]
        score = result.cv_score[:, voxels].mean(1)
        assert score[result.layer(layer)] > score.max() - 0.02 and score.argmin() > result.layer(layer)
        assert result.layers[weights.mean(1).argmax()] == layer
        assert 0.3 < np.median(result.stacked_score[voxels]) < 0.65
        n_effective = np.exp(-(weights * np.log(np.maximum(weights, 1e-12))).sum(0))
        assert np.median(n_effective) > 2


def test_trials_know_what_every_voxel_mixes():
    trials = draw_trials(subject=1, world="noise", seed=0, n_images=20, voxels_per_roi=4)
    assert list(trials.shares) == list(trials.rois) and len(trials.positions) == 40


def test_planted_depth_is_the_mean_position_of_the_layers_named():
    shares = {"first": np.array([1, 0.5]), "late": np.array([0, 0.5])}
    np.testing.assert_allclose(WORLDS["as-published"].depth(shares, "resnet50-object"), [1, 2.5])
    assert np.isnan(WORLDS["as-published"].depth(shares, "multitask")) and np.isnan(
        WORLDS["noise"].depth({}, "multitask")
    )
    np.testing.assert_allclose(WORLDS["flat"].depth({"any": np.ones(2)}, "alexnet-object"), 3)
