"""Encoding: parity with the authors' package, no leak between folds, and sentences for input that cannot be meant."""

import warnings
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stacking_fmri.stacking import stacking_fmri

from lib.analysis import encoding
from lib.analysis.encoding import (
    DEVICE_TOLERANCE,
    GROUP,
    EncodingResult,
    contiguous_folds,
    fit_encoding,
    voxels_at_once,
)
from lib.core.device import DEVICES
from lib.core.memory import release_pages
from lib.core.scores import signed_root
from lib.solvers import reference, ridge


def data(n=100, n_test=40, sizes=(10, 30, 150), n_voxels=12, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    features = {f"layer{k}": rng.normal(size=(n + n_test, p)) for k, p in enumerate(sizes)}
    signal = sum(X @ rng.normal(size=(X.shape[1], n_voxels)) / np.sqrt(X.shape[1]) for X in features.values())
    responses = 3 * signal + 3 * noise * rng.normal(size=signal.shape) + 5
    train, test = ({k: X[part] for k, X in features.items()} for part in (slice(n), slice(n, None)))
    return train, responses[:n], test, responses[n:]


@pytest.mark.parametrize("seed", range(3))
def test_reference_protocol_equals_the_authors_package(seed):
    train, y, test, y_test = data(seed=seed)
    ours = fit_encoding(train, y, test, y_test, protocol="reference")
    r2, stacked_r2, _, cv_r2, stacked_cv_r2, weights = stacking_fmri(
        y, y_test, list(train.values()), list(test.values())
    )
    np.testing.assert_allclose(ours.score, signed_root(r2), atol=1e-6)
    np.testing.assert_allclose(ours.cv_score, signed_root(cv_r2), atol=1e-6)
    np.testing.assert_allclose(ours.weights.T, weights, atol=5e-3)
    np.testing.assert_allclose(ours.stacked_score * np.abs(ours.stacked_score), stacked_r2, atol=1e-3)
    np.testing.assert_allclose(ours.stacked_cv_score * np.abs(ours.stacked_cv_score), stacked_cv_r2, atol=1e-3)


@pytest.mark.parametrize("protocol", ["fast", "reference"])
def test_noise_is_not_predicted(protocol):
    """Leak a fold's images into its training, and out-of-fold scores of pure noise rise far above zero."""
    rng = np.random.default_rng(0)
    train, test = ({"wide": rng.normal(size=(n, 300))} for n in (150, 60))
    result = fit_encoding(train, rng.normal(size=(150, 80)), test, rng.normal(size=(60, 80)), protocol=protocol)
    assert np.mean(result.cv_score > 0.1) < 0.1
    assert np.median(result.stacked_score) < 0.1


@pytest.mark.slow("fits the reference protocol to several participants")
@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_fast_predicts_at_least_as_well_as_the_reference(noise):
    r2 = {}
    for protocol in ("fast", "reference-forward"):
        results = [
            fit_encoding(*data(300, 200, (40, 80, 400), noise=noise, seed=s), protocol=protocol) for s in range(3)
        ]
        scores = np.stack([np.vstack([r.score, r.stacked_score]) for r in results])
        r2[protocol] = np.mean(scores * np.abs(scores), axis=(0, 2))
    assert (r2["fast"] > r2["reference-forward"] - 0.005).all()  # each layer
    assert r2["fast"][-1] > r2["reference-forward"][-1] - 0.002  # their stack
    assert r2["fast"][-1] > 0.01


def test_few_images_and_many_features_get_their_penalties_from_folds():
    train, y, test, y_test = data(100, 40, (30, 300))
    alphas = {p: fit_encoding(train, y, test, y_test, protocol=p).alphas for p in ("fast", "gcv", "k-fold")}
    np.testing.assert_array_equal(alphas["fast"][0], alphas["gcv"][0])
    np.testing.assert_array_equal(alphas["fast"][1], alphas["k-fold"][1])
    assert (alphas["gcv"] != alphas["k-fold"]).any(axis=1).all()


def test_test_responses_standardised_by_themselves_are_all_that_reference_adds():
    train, y, test, y_test = data()
    published, forward = (fit_encoding(train, y, test, y_test, protocol=p) for p in ("reference", "reference-forward"))
    np.testing.assert_allclose(forward.weights, published.weights)
    np.testing.assert_allclose(forward.correlation, published.correlation)
    assert (forward.score <= published.score + 1e-9).mean() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_the_driving_layer_is_found(seed):
    rng = np.random.default_rng(seed)
    train, y, test, y_test = data(300, 100, (40, 40, 40), seed=seed)
    driver = rng.integers(3)
    readout = rng.normal(size=(40, 12))
    y, y_test = (
        part[f"layer{driver}"] @ readout + 4 * rng.normal(size=(n, 12)) for part, n in ((train, 300), (test, 100))
    )
    result = fit_encoding(train, y, test, y_test)
    assert (result.score.argmax(0) == driver).all()
    assert (result.weights.argmax(0) == driver).all()
    assert result.weights[driver].mean() > 0.8


def test_the_stack_is_scored_on_held_out_images_and_bounded_by_them():
    train, y, test, y_test = data(300, 100)
    result = fit_encoding(train, y, test, y_test)
    assert (np.abs(result.correlation) <= 1).all()
    assert (result.stacked_cv_score >= result.cv_score.max(0) - 1e-6).all()
    assert np.mean(result.stacked_score - result.score.max(0)) > -0.02
    np.testing.assert_allclose(result.weights.sum(0), 1)


def test_scores_do_not_depend_on_units_or_voxel_blocks():
    train, y, test, y_test = data()
    whole = fit_encoding(train, y, test, y_test)
    other = fit_encoding(train, 300 * y - 7, test, 300 * y_test - 7, memory_bytes=1)
    np.testing.assert_allclose(other.score, whole.score, atol=1e-8)
    np.testing.assert_allclose(other.weights, whole.weights, atol=1e-6)


def bits(result: EncodingResult) -> dict[str, object]:
    found = {field.name: getattr(result, field.name) for field in fields(result)}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in found.items()}


ALSO_SLOW = pytest.param(
    "reference-forward", marks=pytest.mark.slow("as reference, but for the scale of its test responses")
)


REFERENCE = pytest.param("reference", marks=pytest.mark.slow("three fits, each voxel's penalties chosen in turn"))


@pytest.mark.parametrize("protocol", ["fast", "gcv", "k-fold", REFERENCE, ALSO_SLOW])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow("one seed more"))])
def test_every_memory_budget_gives_the_same_bits(seed, dtype, protocol, monkeypatch):
    """With a layer given twice, where the last bit of an error decides which of the two gets the weight."""
    monkeypatch.setattr(encoding, "GROUP", 8)
    rng = np.random.default_rng(seed)
    n, n_voxels = rng.integers(40, 90), rng.integers(17, 60)
    noise = np.geomspace(1e-4, 10, n_voxels)  # from penalties near the rounding error to the largest
    train, y, test, y_test = data(n, 30, (10, 30, 150), n_voxels, noise, seed)
    train, test = ({k: X.astype(dtype) for k, X in layers.items()} for layers in (train, test))
    train["again"], test["again"] = train["layer2"].copy(), test["layer2"].copy()
    arrays = train, y.astype(dtype), test, y_test.astype(dtype)
    whole = fit_encoding(*arrays, protocol=protocol)
    for memory_bytes in (1, 200_000):
        assert bits(fit_encoding(*arrays, protocol=protocol, memory_bytes=memory_bytes)) == bits(whole)
    np.testing.assert_allclose(whole.weights[3], whole.weights[2], atol=1e-4)


def test_memory_decides_how_many_groups_of_voxels_there_are_at_once():
    assert voxels_at_once(3, 100, 1) == GROUP
    assert voxels_at_once(3, 100, 10**9) // GROUP == 10**9 // (GROUP * 8 * 3 * 100)


@pytest.mark.parametrize("size, precision", [(1, "single"), (600, "double")])
def test_the_features_decide_the_precision_and_the_result_says_it(size, precision, monkeypatch):
    """One large feature leaves the others less than the rounding error of single precision."""
    monkeypatch.setattr(ridge, "SINGLE_FROM", 100)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(140, 250))
    y = X[:, 1:] @ rng.normal(size=(249, 7))
    X[:, 0] *= size

    def fit(X: np.ndarray, protocol: str = "fast") -> EncodingResult:
        return fit_encoding({"layer": X[:100]}, y[:100], {"layer": X[100:]}, y[100:], protocol=protocol)

    found, exact, narrow, reference = fit(X.astype("f4")), fit(X), fit(X[:, :9].astype("f4")), fit(X, "reference")
    assert (found.solvers, found.precisions) == (("dual",), (precision,))
    assert (exact.solvers, exact.precisions) == (("dual",), ("double",))
    assert (narrow.solvers, narrow.precisions) == (("primal",), ("double",))
    assert (reference.solvers, reference.precisions) == (("reference",), ("double",))
    np.testing.assert_allclose(found.correlation, exact.correlation, atol=5e-3)


def test_files_are_read_in_parts_and_give_the_same_answer(tmp_path):
    arrays = data()
    expected = fit_encoding(*arrays)
    mapped = []
    for k, part in enumerate(arrays):
        layers = part if isinstance(part, dict) else {"y": part}
        for name, values in layers.items():
            np.save(tmp_path / f"{k}{name}.npy", values)
        found = {name: np.load(tmp_path / f"{k}{name}.npy", mmap_mode="r") for name in layers}
        mapped.append(found if isinstance(part, dict) else found["y"])
    np.testing.assert_array_equal(fit_encoding(*mapped, memory_bytes=1).alphas, expected.alphas)
    np.testing.assert_allclose(fit_encoding(*mapped).stacked_score, expected.stacked_score)


def test_changes_to_a_copy_on_write_file_survive(tmp_path):
    """Pages of such a file hold what nobody else has: they must not be given back."""
    np.save(tmp_path / "X.npy", np.zeros(100_000))
    X = np.load(tmp_path / "X.npy", mmap_mode="c")
    X[:] = 1
    release_pages(X[10:])
    assert (X == 1).all()


def test_voxels_that_cannot_be_fitted_are_dropped_counted_and_said():
    train, y, test, y_test = data()
    y[:, 3], y[5, 4], y_test[:, 7] = 2.0, np.nan, 0.0
    with pytest.warns(UserWarning, match="3 of 12 voxels dropped"):
        result = fit_encoding(train, y, test, y_test)
    assert np.isnan(result.score).any(0).nonzero()[0].tolist() == [3, 4, 7]
    assert np.isnan(result.weights[:, 3]).all()
    assert result.notes == ("3 of 12 voxels dropped: constant, or not finite in some image.",)


def test_usable_data_are_fitted_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_encoding(*data()).notes == ()


@pytest.mark.parametrize("smallest, dtype", [(5e-4, np.float32), (1e-5, np.float64)])
def test_signal_in_small_components_is_not_lost_to_rounding(smallest, dtype):
    """Directions with a millionth of the variance: float32 features get a double-precision Gram matrix when needed."""
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.normal(size=(260, 60)))[0]
    X = (U * np.geomspace(1, smallest, 60)) @ np.linalg.qr(rng.normal(size=(400, 60)))[0].T
    y = U[:, 40:] @ rng.normal(size=(20, 9)) + 1e-3 * rng.normal(size=(260, 9))
    X = X.astype(dtype)
    result = fit_encoding({"layer": X[:200]}, y[:200], {"layer": X[200:]}, y[200:])
    assert (result.score > 0.8).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), protocol=st.sampled_from(["fast", "gcv", "k-fold"]))
def test_order_of_layers_and_voxels_does_not_matter(seed, protocol):
    train, y, test, y_test = data(60, 20, (5, 30, 100), seed=seed)
    rng = np.random.default_rng(seed)
    layers, voxels = list(rng.permutation(list(train))), rng.permutation(y.shape[1])
    straight = fit_encoding(train, y, test, y_test, protocol=protocol)
    mixed = fit_encoding(
        {k: train[k] for k in layers}, y[:, voxels], {k: test[k] for k in layers}, y_test[:, voxels], protocol=protocol
    )
    order = [straight.layer(k) for k in layers]
    np.testing.assert_allclose(mixed.weights, straight.weights[order][:, voxels], atol=1e-6)
    np.testing.assert_allclose(mixed.stacked_score, straight.stacked_score[voxels], atol=1e-6)


def test_one_layer_gets_all_the_weight():
    train, y, test, y_test = data(sizes=(30,))
    result = fit_encoding(train, y, test, y_test)
    assert (result.weights == 1).all()
    np.testing.assert_allclose(result.stacked_score, result.score[0])


def test_a_layer_given_twice_shares_its_weight_and_changes_no_prediction():
    train, y, test, y_test = data()
    once = fit_encoding(train, y, test, y_test)
    train["again"], test["again"] = train["layer1"], test["layer1"]
    twice = fit_encoding(train, y, test, y_test)
    np.testing.assert_allclose(twice.weights[3], twice.weights[1], atol=1e-6)
    np.testing.assert_allclose(twice.weights[1] + twice.weights[3], once.weights[1], atol=1e-6)
    np.testing.assert_allclose(twice.stacked_score, once.stacked_score, atol=1e-6)


@pytest.mark.parametrize("device", [name for name, is_there in DEVICES.items() if is_there()])
def test_every_device_of_this_machine_gives_the_same_answer(device):
    train, y, test, y_test = data()
    single = [{k: X.astype(np.float32) for k, X in layers.items()} for layers in (train, test)]
    expected = fit_encoding(train, y, test, y_test)
    found = fit_encoding(single[0], y, single[1], y_test, device=device)
    np.testing.assert_allclose(found.stacked_score, expected.stacked_score, atol=DEVICE_TOLERANCE)


def single_only(monkeypatch):
    """Let the processor stand for Apple's device, which knows no float64: what goes there in float64 is refused."""
    monkeypatch.setattr(ridge, "SINGLE_FROM", 10)
    monkeypatch.setitem(DEVICES, "mps", lambda: True)
    move, went = torch.Tensor.to, []

    def to(tensor, *where, **options):
        if "mps" not in where:
            return move(tensor, *where, **options)
        if tensor.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        went.append(tensor.dtype)
        return tensor

    monkeypatch.setattr(torch.Tensor, "to", to)
    return went


@pytest.mark.parametrize("protocol", ["gcv", "k-fold"])
def test_an_accelerator_that_knows_only_float32_agrees_with_the_processor(protocol, monkeypatch):
    """Within the tolerance that `fit_encoding` states."""
    train, y, test, y_test = data(n=300, n_test=100, sizes=(10, 280, 600))
    expected = fit_encoding(train, y, test, y_test, protocol=protocol)
    went = single_only(monkeypatch)
    found = fit_encoding(train, y, test, y_test, protocol=protocol, device="mps")
    assert set(went) == {torch.float32} and expected.precisions == ("double",) * 3
    for name in ("score", "cv_score", "stacked_score", "correlation"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=DEVICE_TOLERANCE)
    assert not np.array_equal(found.score, expected.score)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setitem(DEVICES, "cuda", lambda: False)
    with pytest.raises(ValueError, match="no device 'cuda'; it has"):
        fit_encoding(*data(), device="cuda")


BAD = {
    "lengths": (lambda d: (d[0], d[1][:-1], d[2], d[3]), "training features of layer0: expected 99 rows, found 100"),
    "test lengths": (lambda d: (d[0], d[1], d[2], d[3][:-1]), "test features of layer0: expected 39 rows, found 40"),
    "layers": (
        lambda d: (d[0], d[1], {"other": d[2]["layer0"]}, d[3]),
        "expected the same layers, at least one, found",
    ),
    "no layers": (lambda d: ({}, d[1], {}, d[3]), r"expected the same layers, at least one, found \[\] and \[\]"),
    "voxels": (
        lambda d: (d[0], d[1], d[2], d[3][:, :-1]),
        "test responses: expected 12 columns, found 11",
    ),
    "widths": (
        lambda d: (d[0], d[1], d[2] | {"layer1": d[2]["layer0"]}, d[3]),
        "test features of layer1: expected 30 columns, found 10",
    ),
    "NaN": (
        lambda d: (d[0] | {"layer1": d[0]["layer1"] * np.nan}, *d[1:]),
        "training features of layer1: expected finite numbers, found nan in row 0, column 0",
    ),
    "constant": (lambda d: (d[0] | {"layer2": 0 * d[0]["layer2"]}, *d[1:]), "layer2: none of the 150 features varies"),
    "nothing varies": (lambda d: (d[0], 0 * d[1], *d[2:]), "None of the 12 voxels is finite and varies"),
    "one test image": (
        lambda d: (*d[:2], {k: X[:1] for k, X in d[2].items()}, d[3][:1]),
        "test responses: expected at least 2 rows",
    ),
    "no layer names": (
        lambda d: (d[0]["layer0"], *d[1:]),
        "training features: expected arrays by layer, such as .*, found ndarray",
    ),
    "one-dimensional": (lambda d: (d[0], d[1][:, 0], *d[2:]), "give one column as values"),
}


@pytest.mark.parametrize("protocol", ["fast", "reference"])
@pytest.mark.parametrize("change, sentence", BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_a_sentence(change, sentence, protocol):
    with pytest.raises(ValueError, match=sentence):
        fit_encoding(*change(data()), protocol=protocol)


@pytest.mark.parametrize(("n", "n_folds"), [(5, 5), (7, 5), (12, 5), (12, 12), (30, 30)])
def test_the_reference_protocol_needs_images_in_every_fold(n, n_folds):
    train, y, test, y_test = data(n)
    with pytest.raises(
        ValueError, match="Layer layer0: the reference protocol needs 2 images in every fold and 10 in the"
    ):
        fit_encoding(train, y, test, y_test, protocol="reference", n_folds=n_folds)


@pytest.mark.parametrize("n", [3, 4, 5, 7])
def test_few_images_are_fitted(n):
    """Three images and two folds are the fewest that ridge regression can be fitted to and held against."""
    train, y, test, y_test = data(n, 20, (2, 30))
    result = fit_encoding(train, y, test, y_test, n_folds=2)
    assert np.isfinite(result.score).all() and np.isfinite(result.stacked_cv_score).all()


@pytest.mark.parametrize("alphas", [[], [0.0], [-1.0, 1.0], [np.nan], [np.inf]])
@pytest.mark.parametrize("protocol", ["fast", "reference"])
def test_penalties_that_are_none_are_refused(alphas, protocol):
    with pytest.raises(ValueError, match="alphas: expected one or more penalties between"):
        fit_encoding(*data(), alphas=alphas, protocol=protocol)


def test_lists_and_tensors_are_taken():
    train, y, test, y_test = data()
    expected = fit_encoding(train, y, test, y_test)
    lists = ({k: X.tolist() for k, X in layers.items()} for layers in (train, test))
    tensors = ({k: torch.as_tensor(X) for k, X in layers.items()} for layers in (train, test))
    for X, X_test in (lists, tensors):
        assert bits(fit_encoding(X, y.tolist(), X_test, torch.as_tensor(y_test))) == bits(expected)


@pytest.mark.parametrize("mean", [1e4, 1e8])
@pytest.mark.parametrize("protocol", ["fast", "reference"])
def test_a_large_mean_costs_no_digits(mean, protocol):
    train, y, test, y_test = data()
    low = fit_encoding(train, y, test, y_test, protocol=protocol)
    high = fit_encoding(train, y + mean, test, y_test + mean, protocol=protocol)
    np.testing.assert_allclose(high.stacked_correlation, low.stacked_correlation, atol=1e-5)


def test_voxels_that_vary_by_rounding_only_are_dropped():
    train, y, test, y_test = data()
    y[:, 2] = 0.1 + np.finfo(float).eps * (np.arange(100) % 2) / 8
    with pytest.warns(UserWarning, match="1 of 12 voxels dropped"):
        assert np.isnan(fit_encoding(train, y, test, y_test).score[:, 2]).all()


@pytest.mark.parametrize("protocol", ["fast", "reference"])
@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_the_unit_of_responses_does_not_matter(size, protocol):
    X, y, X_test, y_test = data(30, 10, (4,), 3)
    found = fit_encoding(X, size * y, X_test, size * y_test, protocol=protocol)
    np.testing.assert_allclose(found.score, fit_encoding(X, y, X_test, y_test, protocol=protocol).score, rtol=1e-9)


@pytest.mark.parametrize("n_folds", [0, 1, 101])
def test_folds_that_cannot_be_cut_are_refused(n_folds):
    with pytest.raises(ValueError, match="n_folds must be between 2 and the 100"):
        fit_encoding(*data(), n_folds=n_folds)


def test_unknown_protocol_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="choose one of fast, gcv, k-fold, reference, reference-forward"):
        fit_encoding(*data(), protocol="fats")


def test_folds_cover_every_image_once():
    folds = contiguous_folds(103, 5)
    assert np.concatenate([np.arange(103)[fold] for fold in folds]).tolist() == list(range(103))


def test_constant_columns_become_zero_when_z_scored():
    z = reference.zscore(np.c_[np.ones(5), np.arange(5)])
    assert (z[:, 0] == 0).all() and np.isclose(z[:, 1].std(), 1)


@pytest.mark.parametrize("seed", range(5))
def test_layers_that_err_in_a_single_group_of_images_have_weights_without_it(seed):
    rng = np.random.default_rng(seed)
    y, X_test = np.zeros((40, 8)), rng.normal(size=(10, 2))
    y[0] = rng.normal(size=8)
    y[1] = -y[0]
    X = np.column_stack([y[:, 0], np.roll(y[:, 1], 2)])
    layers, test_layers = ({"a": both, "b": both[:, ::-1], "c": both[:, :1]} for both in (X, X_test))
    found = fit_encoding(layers, y, test_layers, rng.normal(size=(10, 8)))
    assert np.abs(found.weights_by_images).max() < 40


def test_images_say_what_scores_and_weights_would_be_without_them():
    train, y, test, y_test = data(n=100, n_test=60)
    whole = fit_encoding(train, y, test, y_test)
    assert whole.score_by_images.shape == (4, 20, 12) and whole.weights_by_images.shape == (3, 20, 12)
    others = slice(3, 60)  # without the first of 20 groups of test images
    fewer = fit_encoding(train, y, {k: X[others] for k, X in test.items()}, y_test[others])
    without = np.vstack([fewer.score, fewer.stacked_score])
    expected = 20 * np.vstack([whole.score, whole.stacked_score]) - 19 * without
    np.testing.assert_allclose(whole.score_by_images[:, 0], expected, atol=2e-4)
    np.testing.assert_allclose(whole.weights_by_images.sum(0), 1, atol=1e-5)
    assert np.abs(whole.weights_by_images.mean(1) - whole.weights).max() < 0.2
    few = fit_encoding(train, y, {k: X[:3] for k, X in test.items()}, y_test[:3])
    np.testing.assert_allclose(few.score_by_images[:-1, 0], few.score, rtol=1e-6)
