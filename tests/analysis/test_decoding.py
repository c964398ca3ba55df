"""Decoding: each step by hand, least squares and ridge against scikit-learn, many subsets against one at a time."""

import importlib.util
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from lib.analysis.decoding import (
    MATCHED,
    Choices,
    agreement_matrix,
    decode,
    decode_participant,
    permutation_p,
    permutation_scores,
    scale_units,
    score_by_image,
    select,
    standardise,
)
from lib.core.scores import correlation
from lib.data import Responses
from lib.data.features import ImageFeatures
from lib.networks import load_network
from lib.networks.layers import OUTPUTS, STAGES, decoding_taps
from lib.simulation.god_like import simulate_god


def problem(n: int, p: int, units: int = 6, seed: int = 0, n_test: int = 9) -> tuple[np.ndarray, ...]:
    """Training voxels, training units and test voxels that share four dimensions."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n + n_test, 4))
    X = 3 + 2 * (latent @ rng.normal(size=(4, p)) + rng.normal(size=(n + n_test, p)))
    Y = 5 * (latent[:n] @ rng.normal(size=(4, units)) + rng.normal(size=(n, units))) - 1
    return X[:n], Y, X[n:]


def oracle(X: np.ndarray, Y: np.ndarray, X_test: np.ndarray, n_voxels: int, alpha: float) -> np.ndarray:
    """The six steps' first five, unit by unit, in words of NumPy and scikit-learn."""
    mean, std = X.mean(0), X.std(0, ddof=1)
    Z, Z_test = (X - mean) / std, (X_test - mean) / std
    columns = []
    for y in Y.T:
        y_mean, y_std = y.mean(), y.std(ddof=1)
        r = [abs(np.corrcoef(z, y)[0, 1]) for z in Z.T]
        best = np.argsort(r)[::-1][:n_voxels]
        model = Ridge(alpha) if alpha else LinearRegression()
        fit = model.fit(Z[:, best], (y - y_mean) / y_std)
        columns.append(fit.predict(Z_test[:, best]) * y_std + y_mean)
    return np.column_stack(columns)


# The six steps by hand


def test_step_1_standardises_both_parts_by_training_trials() -> None:
    voxels = standardise(np.array([[0.0, 1], [2, 1], [4, 7]]), np.array([[6.0, 3]]))
    np.testing.assert_allclose(voxels.train[:, 0], [-1, 0, 1])  # mean 2, standard deviation 2 with n - 1
    np.testing.assert_allclose(voxels.test, [[2, 0]])


def test_step_1_drops_what_cannot_be_standardised() -> None:
    train = np.array([[0.0, 1, np.nan, 5], [2, 1, 0, 6], [4, 1, 1, 9]])
    with pytest.warns(UserWarning, match="2 of 4 voxels dropped"):
        assert standardise(train, np.zeros((1, 4))).train.shape == (3, 2)
    with pytest.raises(ValueError, match="None of the 1 voxels is finite"):
        standardise(np.ones((3, 1)), np.ones((1, 1)))


def test_step_2_leaves_a_constant_unit_at_zero() -> None:
    units = scale_units(np.array([[1.0, 3], [1, 5], [1, 7]]))
    np.testing.assert_allclose(units.scaled, [[0, -1], [0, 0], [0, 1]])
    np.testing.assert_allclose([units.mean, units.std], [[1, 5], [1, 2]])


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_steps_1_and_2_know_no_unit(size: float) -> None:
    X, Y, X_test = problem(20, 4)[:3]
    found, expected = standardise(size * X, size * X_test), standardise(X, X_test)
    np.testing.assert_allclose(found.train, expected.train, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.test, expected.test, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scale_units(size * Y).scaled, scale_units(Y).scaled, rtol=1e-9, atol=1e-12)


def test_step_3_keeps_the_largest_correlations_of_either_sign() -> None:
    kept = select(np.array([[0.1, -0.9, 0.3, 0.2], [0.4, 0.0, -0.1, 0.5]]), 2)
    np.testing.assert_array_equal(kept, [[1, 2], [0, 3]])
    np.testing.assert_array_equal(select(np.array([[0.1, 0.2]]), 500), [[0, 1]])


def test_steps_4_and_5_by_hand() -> None:
    # y = 10 + 3 x exactly; the second voxel is nearly noise, and left out
    x = np.array([0.0, 1, 2, 3])
    voxels = np.column_stack([x, [1, -1, -1, 1]])
    predicted = decode(voxels, 10 + 3 * x[:, None], np.array([[4.0, 9], [6, -9]]), "ols", 1)
    np.testing.assert_allclose(predicted, [[22], [28]])


def test_step_4_ridge_by_hand() -> None:
    # standardised: X'X = 3, X'y = 3, so the weight is 3 / (3 + 3) and the line half as steep
    x = np.array([0.0, 1, 2, 3])
    predicted = decode(x[:, None], 10 + 3 * x[:, None], np.array([[1.5], [3.5]]), "ridge", 1, alpha=3.0)
    np.testing.assert_allclose(predicted, [[14.5], [17.5]])


def test_step_5_averaging_trials_before_or_after_is_the_same() -> None:
    X, Y, X_test = problem(60, 30, n_test=35 * 4)
    trials = decode(X, Y, X_test, "ols", 12).reshape(35, 4, -1).mean(0)
    averaged = decode(X, Y, X_test.reshape(35, 4, -1).mean(0), "ols", 12)
    np.testing.assert_allclose(trials, averaged, atol=1e-10)


def test_step_6_scores_units_and_leaves_out_constant_ones() -> None:
    predictions = np.array([[1.0, 1, 3], [2, 2, 1], [3, 3, 2]])
    units = np.array([[2.0, 5, 1], [4, 5, 2], [6, 5, 3]])
    matched = agreement_matrix(predictions, units)
    scores = correlation(units, predictions)
    np.testing.assert_allclose(scores, [1, np.nan, -0.5])
    np.testing.assert_allclose(np.trace(matched), np.nanmean(scores))


# Regressions


@pytest.mark.parametrize("alpha", [0.0, 20.0])
@pytest.mark.parametrize(
    ("n", "p", "n_voxels"),
    [(60, 40, 10), (60, 40, 30), (60, 40, 39), (60, 40, 40), (60, 40, 500), (60, 200, 30), (60, 2, 1), (60, 1, 1)],
)
def test_equals_scikit_learn_unit_by_unit(n: int, p: int, n_voxels: int, alpha: float) -> None:
    X, Y, X_test = problem(n, p)
    regression = "ridge" if alpha else "ols"
    found = decode(X, Y, X_test, regression, n_voxels, alpha=alpha)
    np.testing.assert_allclose(found, oracle(X, Y, X_test, n_voxels, alpha), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("copy", "alpha"), [(1e-1, 20.0), (1e-2, 1.0), (1e-4, 1e-3), (1e-6, 1e-5), (0.0, 1e-4)])
def test_ridge_of_voxels_that_nearly_agree_equals_scikit_learn(copy: float, alpha: float) -> None:
    X, Y, X_test = problem(60, 200)
    X[:, 100:] = X[:, :100] + copy * X[:, 100:]  # single precision is a good start for the first alone
    found = decode(X, Y, X_test, "ridge", 30, alpha=alpha)
    np.testing.assert_allclose(found, oracle(X, Y, X_test, 30, alpha), rtol=1e-6, atol=1e-6)


@given(st.integers(20, 50), st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_ridge_equals_scikit_learn_in_any_shape(n: int, p: int, n_voxels: int, seed: int) -> None:
    X, Y, X_test = problem(n, p, units=3, seed=seed)
    found = decode(X, Y, X_test, "ridge", n_voxels, alpha=5.0)
    np.testing.assert_allclose(found, oracle(X, Y, X_test, n_voxels, 5.0), rtol=1e-7, atol=1e-7)


def test_single_precision_is_worked_on_in_double() -> None:
    X, Y, X_test = problem(80, 50)
    double = decode(X, Y, X_test, "ols", 40)
    single = decode(*(part.astype(np.float32) for part in (X, Y, X_test)), "ols", 40)
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("n", "p", "n_voxels"), [(20, 30, 25), (20, 30, 30), (20, 20, 20)])
def test_more_parameters_than_trials_are_told_and_the_smallest_solution_taken(n: int, p: int, n_voxels: int) -> None:
    X, Y, X_test = problem(n, p)
    with pytest.warns(UserWarning, match=f"{n_voxels + 1} parameters for {n} trials"):
        found = decode(X, Y, X_test, "ols", n_voxels)
    voxels, units = standardise(X, X_test), scale_units(Y)
    for unit, kept in enumerate(select(units.scaled.T @ voxels.train, n_voxels)):
        weights = np.linalg.pinv(voxels.train[:, kept]) @ units.scaled[:, unit]
        expected = voxels.test[:, kept] @ weights * units.std[unit] + units.mean[unit]
        np.testing.assert_allclose(found[:, unit], expected, atol=1e-8)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize(("n", "p", "n_voxels"), [(40, 41, 41), (40, 40, 40), (40, 39, 39), (40, 80, 40), (30, 80, 75)])
def test_least_squares_of_raw_voxels_far_from_zero(n: int, p: int, n_voxels: int, offset: float) -> None:
    """Centring leaves a rounding error that is larger the larger the mean; it must not count as a direction."""
    X, Y, X_test = (np.round(part, 3) for part in problem(n, p))
    X, X_test = np.round(X * 2**20) / 2**20, np.round(X_test * 2**20) / 2**20  # exact under the smaller offsets
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = decode(X + offset, Y, X_test + offset, "ols", n_voxels)
        voxels, units = standardise(X, X_test), scale_units(Y)
    for unit, kept in enumerate(select(units.scaled.T @ voxels.train, n_voxels)):
        Z = voxels.train[:, kept]
        weights = np.linalg.pinv(Z, rcond=max(Z.shape) * np.finfo(float).eps) @ units.scaled[:, unit]
        expected = voxels.test[:, kept] @ weights * units.std[unit] + units.mean[unit]
        tolerance = 1e-8 if offset < 1e9 else 1e-3
        np.testing.assert_allclose(found[:, unit] / Y.std(), expected / Y.std(), atol=tolerance)


@pytest.mark.parametrize("n_voxels", [6, 20, 24])
def test_a_voxel_twice_does_not_break_least_squares(n_voxels: int) -> None:
    X, Y, X_test = problem(60, 12)
    twice = (np.repeat(X, 2, axis=1), Y, np.repeat(X_test, 2, axis=1))
    found = decode(*twice, "ols", n_voxels)
    if n_voxels == 24:
        np.testing.assert_allclose(found, decode(X, Y, X_test, "ols", 12), atol=1e-6)
    assert np.isfinite(found).all() and np.abs(found - Y.mean()).max() < 20 * Y.std()


def test_equals_fastl2lir() -> None:
    if importlib.util.find_spec("fastl2lir") is None or np.lib.NumpyVersion(np.__version__) >= "2.4.0":
        pytest.skip("FastL2LiR needs NumPy < 2.4: `python -m benchmarks decoding` compares in its own environment")
    from fastl2lir import FastL2LiR

    X, Y, X_test = problem(300, 700)
    voxels, units = standardise(X, X_test), scale_units(Y)
    model = FastL2LiR()
    model.fit(voxels.train, units.scaled, 100.0, 500)
    expected = model.predict(voxels.test) * units.std + units.mean
    np.testing.assert_allclose(decode(X, Y, X_test, "ridge", 500), expected, atol=1e-6)


X, Y, X_TEST = problem(20, 5)
BAD = {
    "regression": ((X, Y, X_TEST, "rigde"), "Did you mean 'ridge'"),
    "lengths": ((X, Y[:-1], X_TEST), "Units: expected one row for each of the 20 training trials, found 19 rows"),
    "voxels": ((X, Y, X_TEST[:, 1:]), "test voxels: expected 5 columns, found 4"),
    "NaN units": ((X, np.where(Y == Y[3, 2], np.nan, Y), X_TEST), "units: expected finite numbers, found nan in row 3"),
    "no voxels kept": ((X, Y, X_TEST, "ols", 0), "n_voxels must be at least 1, found 0"),
    "one trial": ((X[:1], Y[:1], X_TEST), "training voxels: expected at least 3 rows"),
    "one-dimensional": ((X, Y[:, 0], X_TEST), "units: expected two dimensions"),
    "constant voxels": ((np.full((20, 5), 0.1), Y, X_TEST), "None of the 5 voxels is finite and varies"),
    "text": ((X, [["a"]] * 20, X_TEST), "units: expected numbers"),
}


@pytest.mark.parametrize(("arguments", "sentence"), BAD.values(), ids=BAD)
def test_input_that_cannot_be_used_is_refused(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        decode(*arguments)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan, np.inf])
def test_penalties_that_are_none_are_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha: expected one or more penalties"):
        decode(X, Y, X_TEST, "ridge", alpha=alpha)


def test_lists_are_taken() -> None:
    np.testing.assert_array_equal(decode(X.tolist(), Y.tolist(), X_TEST.tolist()), decode(X, Y, X_TEST))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-6, 0.1, 1e5])
def test_what_varies_by_rounding_only_is_constant(dtype: type, size: float) -> None:
    """The mean of three equal numbers is not always that number."""
    rounded = (size * (1 + np.finfo(dtype).eps * (np.arange(20) % 2))).astype(dtype)
    voxels, units = X.astype(dtype), Y.astype(dtype)
    voxels[:, 3] = units[:, 2] = rounded
    with pytest.warns(UserWarning, match="1 of 5 voxels dropped"):
        assert standardise(voxels, X_TEST).train.shape == (20, 4)
    assert not scale_units(units).scaled[:, 2].any()
    matched = agreement_matrix(units, Y)
    np.testing.assert_allclose(np.trace(matched), np.delete(correlation(units, Y), 2).mean())


# Scores over images


def test_permutation_p_is_small_for_signal_and_uniform_for_noise() -> None:
    rng = np.random.default_rng(0)
    units = rng.normal(size=(30, 40))
    good = [agreement_matrix(units + 2 * rng.normal(size=units.shape), units) for _ in range(3)]
    assert permutation_p(good, n_permutations=500) < 0.01
    noise = [
        permutation_p([agreement_matrix(rng.normal(size=units.shape), units)], n_permutations=200) for _ in range(60)
    ]
    assert 0.3 < np.mean(noise) < 0.7 and np.mean(np.array(noise) < 0.1) < 0.25


def test_permutation_p_written_out() -> None:
    rng = np.random.default_rng(3)
    agreements = [rng.normal(size=(5, 5)) + 0.4 * np.eye(5) for _ in range(3)]
    together = sum(agreements) / 3
    orders = [np.random.default_rng(8).permuted(np.tile(np.arange(5), (300, 1)), axis=1)][0]
    expected = [sum(together[order[image], image] for image in range(5)) for order in orders]
    np.testing.assert_allclose(permutation_scores(agreements, n_permutations=300, seed=8), expected)
    as_high = sum(score >= np.trace(together) - 1e-9 for score in expected)
    assert permutation_p(agreements, n_permutations=300, seed=8) == (1 + as_high) / 301


@pytest.mark.parametrize("n_test", [2, 3])
def test_the_right_order_drawn_again_counts_as_high(n_test: int) -> None:
    """Of few images many random orders are the right one, whatever the rounding of their sums."""
    for seed in range(30):
        agreements = [np.random.default_rng(seed).normal(size=(n_test, n_test)) for _ in range(3)]
        assert permutation_p(agreements, n_permutations=2000) > 0.8 / [1, 1, 2, 6][n_test]


@pytest.mark.parametrize(
    ("agreements", "sentence"),
    [
        ([np.eye(4), np.full((4, 4), np.nan)], "agreement: expected finite numbers, found nan"),
        ([np.eye(4), np.eye(5)], "agreement: expected 4 rows, found 5"),
        ([np.ones((4, 3))], "agreement: expected 4 columns, found 3"),
        ([], "agreements: expected at least one matrix, found none"),
    ],
)
def test_agreements_that_are_none_are_refused(agreements: list[np.ndarray], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        permutation_p(agreements)


def test_units_that_cannot_be_scored_agree_with_nothing() -> None:
    assert not agreement_matrix(np.ones((4, 3)), np.random.default_rng(0).normal(size=(4, 3))).any()


# Where units are read


@pytest.mark.slow("runs networks of full size")
@pytest.mark.parametrize("network", ["alexnet-object", "resnet50-object"])
def test_every_reading_exists_in_the_network_and_keeps_its_eight_layers(network: str) -> None:
    net = load_network(network, "untrained")
    for hidden in ("as-published", *STAGES):
        for output in ("as-published", *OUTPUTS):
            taps = decoding_taps(network, hidden, output)
            assert list(taps) == list(net.decoding_layers)
            assert all(net.tap(tap) == tap for tap in taps.values())
    assert decoding_taps(network) == dict(net.decoding_layers)


def test_unknown_readings_are_refused() -> None:
    with pytest.raises(ValueError, match="Unknown network of paper Y 'taskonomy'"):
        decoding_taps("taskonomy-edge2d")
    with pytest.raises(ValueError, match="Did you mean 'logits'"):
        decoding_taps("resnet50-object", output="logit")


def test_matched_choices_read_both_networks_before_any_nonlinearity() -> None:
    taps = MATCHED.taps("resnet50-object")
    assert taps == Choices().taps("resnet50-object") | {"resnet8": "fc"}
    assert MATCHED.taps("alexnet-object")["cnn3"] == "features.6"


# A participant


def test_participant_is_decoded_layer_by_layer_and_area_by_area() -> None:
    participant = simulate_god(world="noise", n_images=48, voxels_per_roi=6)
    ids = np.union1d(participant.train.stimulus_ids, participant.test.stimulus_ids)
    rng = np.random.default_rng(0)
    answers = rng.normal(size=(len(ids), 5))
    units = {"alexnet-object": ImageFeatures(ids, {"cnn1": answers, "cnn2": np.ones((len(ids), 3))})}
    found = decode_participant(participant, units, Choices(n_voxels=4), rois=["V1", "LVC"])
    assert [(r.roi, r.layer) for r in found] == [("V1", "cnn1"), ("V1", "cnn2"), ("LVC", "cnn1"), ("LVC", "cnn2")]
    assert [r.n_constant for r in found] == [0, 3, 0, 3] and np.isnan(found[1].mean)
    own = units["alexnet-object"]
    masks = (
        participant.train.responses[:, participant.roi("LVC")],
        participant.test.responses[:, participant.roi("LVC")],
    )
    alone = decode(masks[0], own.of("cnn1", participant.train.stimulus_ids), masks[1], "ols", 8)
    np.testing.assert_allclose(found[2].unit_score, correlation(own.of("cnn1", participant.test.stimulus_ids), alone))
    np.testing.assert_allclose(found[2].mean, np.trace(found[2].agreement))


def test_one_test_image_is_refused() -> None:
    participant = simulate_god(world="noise", n_images=48, voxels_per_roi=6)
    ids = participant.test.stimulus_ids[:1]
    one = Responses(ids, participant.test.responses[:1], participant.test.n_repeats[:1])
    units = {"alexnet-object": ImageFeatures(ids, {"cnn1": np.ones((1, 3))})}
    with pytest.raises(ValueError, match="participant 1: scores over images need at least 2 test images, found 1"):
        decode_participant(replace(participant, test=one), units)


def test_nothing_warns_on_ordinary_data() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode(*problem(40, 10), "slr", 5)
        decode(*problem(40, 10), "ols", 5)


def test_images_say_by_how_much_a_mean_correlation_would_differ_without_them():
    rng = np.random.default_rng(0)
    units = rng.normal(size=(200, 6))
    predictions = units * [0.2, 0.5, 1, 1, 2, 0] + rng.normal(size=(200, 6))
    found = score_by_image(predictions, units)
    assert found.mean() == pytest.approx(correlation(units, predictions).mean())
    without = [correlation(*(np.delete(v, i, 0) for v in (units, predictions))).mean() for i in range(200)]
    np.testing.assert_allclose(found - found.mean(), -199 * (np.array(without) - np.mean(without)), atol=0.05)
    assert np.isnan(score_by_image(np.ones((4, 2)), units[:4, :2])).all()
