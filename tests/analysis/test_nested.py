"""Nested cross-validation: what is planted is found, what is chosen is not scored, noise stays noise."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from lib.analysis.nested import Coordinates, encode_nested, mean_of_draws


def data(seed: int = 0, n: int = 64, noise: float = 0.5) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Three layers, the second of which drives the first target; the second target is noise."""
    rng = np.random.default_rng(seed)
    layers = {name: rng.normal(size=(n, 200)) @ rng.normal(size=(200, 30)) for name in ("one", "two", "three")}
    target = layers["two"] @ rng.normal(size=30)
    return layers, np.column_stack([target / target.std() + noise * rng.normal(size=n), rng.normal(size=n)])


@pytest.mark.parametrize("seed", range(3))
def test_the_planted_layer_is_chosen_and_predicts_and_noise_is_not_predicted(seed: int) -> None:
    layers, responses = data(seed)
    found = encode_nested(layers, responses, n_folds=4, n_orders=2)
    r = found.r(found.predictions)
    assert r[:, 0].argmax() == 1 and r[1, 0] > 0.6
    assert found.chosen[1, 0] > 0.9 and found.weights[1, 0] > 0.6
    assert found.r(found.best)[0] > 0.6 and abs(found.r(found.best)[1]) < 0.45
    np.testing.assert_allclose(found.weights.sum(0), 1)
    np.testing.assert_allclose(found.chosen.sum(0), 1)


@pytest.mark.slow("seventy-two nested fits")
def test_choosing_on_what_is_scored_would_look_better_than_it_is() -> None:
    """Of 30 layers of noise the largest score is positive; the nested score of "the best" is not."""
    honest, circular = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        layers = {str(k): rng.normal(size=(48, 40)) for k in range(12)}
        found = encode_nested(layers, rng.normal(size=(48, 1)), n_folds=6, n_orders=1, seed=seed)
        circular.append(found.r(found.predictions).max())
        honest.append(found.r(found.best)[0])
    assert np.mean(circular) > 0.1
    assert np.mean(honest) < 0.1


def test_a_held_out_image_has_no_part_in_its_prediction() -> None:
    layers, responses = data()
    changed = responses.copy()
    changed[5] += 100
    one, other = (encode_nested(layers, y, n_folds=4, n_orders=1) for y in (responses, changed))
    np.testing.assert_allclose(one.predictions[0, :, 5], other.predictions[0, :, 5], rtol=1e-6)
    assert not np.allclose(one.predictions[0, :, 6], other.predictions[0, :, 6])


def test_coordinates_stand_for_the_features_they_come_from() -> None:
    """One outer fold by scikit-learn's ridge on the features themselves, at the penalty of the smallest error."""
    layers, responses = data(noise=0.1)
    found = encode_nested({"two": layers["two"]}, responses[:, :1], n_folds=2, n_orders=1, seed=3)
    order = np.random.default_rng(3).permutation(len(responses))
    held_out, train = np.array_split(order, 2)
    X, y = layers["two"][train], responses[train, 0]
    scale = np.sqrt(X.var(0).mean())
    predictions = [
        Ridge(alpha=a).fit(X / scale, y).predict(layers["two"][held_out] / scale) for a in 10.0 ** np.arange(-6, 10)
    ]
    distance = np.abs(np.array(predictions) - found.predictions[0, 0, held_out, 0]).max(1)
    assert distance.min() < 1e-6


def test_features_may_be_forgotten_once_their_coordinates_are_known() -> None:
    layers, responses = data()
    kept = {name: Coordinates.of(features) for name, features in layers.items()}
    one, other = (encode_nested(spaces, responses, n_folds=4, n_orders=1) for spaces in (layers, kept))
    np.testing.assert_array_equal(one.predictions, other.predictions)
    np.testing.assert_allclose(
        kept["two"].values @ kept["two"].values.T, (X := layers["two"] - layers["two"].mean(0)) @ X.T
    )


def test_scores_of_several_draws_are_means_of_each_ones() -> None:
    draws = [encode_nested({"a": data(seed)[0]["two"]}, data()[1], n_orders=2) for seed in (0, 1)]
    both = mean_of_draws(draws)
    alone = [one.r(one.best) for one in draws]
    np.testing.assert_allclose(both.r_of_draws(both.best), alone)
    np.testing.assert_allclose(both.r(both.best), np.mean(alone, axis=0))
    assert (
        abs(alone[0][0] - alone[1][0]) > 0.3 and both.interval(both.best, n_bootstrap=20)[0].low < both.r(both.best)[0]
    )


def test_an_interval_over_images_holds_its_estimate() -> None:
    layers, responses = data()
    found = encode_nested(layers, responses, n_orders=1)
    half = np.arange(len(responses)) < 40
    for images in (slice(None), half):
        one = found.interval(found.best, images, n_bootstrap=200)[0]
        assert one.low < one.estimate < one.high
        assert one.estimate == pytest.approx(found.r(found.best, images)[0])


@pytest.mark.parametrize(
    ("layers", "responses", "words"),
    [
        ({"a": np.ones((9, 2))}, np.ones((10, 1)), "a: expected 10 rows, found 9"),
        ({"a": np.ones((10, 2))}, np.ones((10, 1)), "responses: expected at least 16 rows"),
        ({"a": np.ones((20, 2))}, np.full((20, 1), np.nan), "responses: expected finite numbers"),
    ],
)
def test_data_that_do_not_fit_are_refused(layers: dict[str, np.ndarray], responses: np.ndarray, words: str) -> None:
    n_folds = 8 if len(responses) != 10 or "at least" in words else 2
    with pytest.raises(ValueError, match=words):
        encode_nested(layers, responses, n_folds=n_folds)


@pytest.mark.parametrize("size", [1e-170, 1e170])
def test_coordinates_know_no_unit(size: float) -> None:
    X = np.random.default_rng(0).normal(size=(9, 4))
    found, expected = Coordinates.of(size * X).values, Coordinates.of(X).values
    np.testing.assert_allclose(found / size @ (found / size).T, expected @ expected.T, atol=1e-12)


def test_a_layer_that_varies_by_rounding_only_predicts_nothing() -> None:
    responses = np.random.default_rng(0).normal(size=(20, 1))
    with pytest.raises(ValueError, match=r"none of the .* features varies"):
        encode_nested({"constant": np.full((20, 3), 0.1)}, responses, n_folds=4)


@pytest.mark.parametrize(("layers", "n_orders"), [({}, 1), ({"a": np.eye(20)}, 0)])
def test_nothing_to_fit_is_refused(layers: dict[str, np.ndarray], n_orders: int) -> None:
    with pytest.raises(ValueError, match="at least one layer and n_orders of at least 1, not"):
        encode_nested(layers, np.zeros((20, 1)), n_orders=n_orders)
