"""Stacking weights: optimal by certificate, never worse than cvxopt's, defined where the problem is degenerate."""

import numpy as np
import pytest
import torch
from cvxopt import matrix, solvers
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.solvers.stacking import error_products, kkt_residual, simplex_weights


def products(n_layers, n_voxels, n_images=50, seed=0, common=0.7):
    rng = np.random.default_rng(seed)
    errors = common * rng.normal(size=(n_voxels, 1, n_images))
    errors = errors + rng.normal(size=(n_voxels, n_layers, n_images)) * rng.uniform(0.2, 1, (n_voxels, n_layers, 1))
    return errors @ errors.transpose(0, 2, 1) / n_images


def objective(P, w):
    return np.einsum("vi,vij,vj->v", w, P, w)


def cvxopt_weights(P):
    n = P.shape[1]
    constraints = matrix(-np.eye(n)), matrix(np.zeros(n)), matrix(np.ones((1, n))), matrix(np.ones(1))
    options = {"show_progress": False}
    return np.array(
        [np.ravel(solvers.qp(matrix(p), matrix(np.zeros(n)), *constraints, options=options)["x"]) for p in P]
    )


@pytest.mark.parametrize("n_layers", [1, 2, 3, 7, 20, 64])
def test_never_worse_than_cvxopt_and_certified(n_layers):
    P = products(n_layers, 60)
    w = simplex_weights(P)
    assert w.shape == (60, n_layers)
    assert (w >= 0).all()
    np.testing.assert_allclose(w.sum(1), 1, atol=1e-12)
    assert kkt_residual(P, w).max() < 1e-8
    theirs = cvxopt_weights(P)
    assert (objective(P, w) <= objective(P, theirs) * (1 + 1e-9)).all()
    np.testing.assert_allclose(w, theirs, atol=5e-3)


def test_the_certificate_can_fail():
    P = products(4, 5)
    assert kkt_residual(P, np.eye(4)[np.zeros(5, int)]).max() > 1e-3


def test_two_layers_by_hand():
    """Minimise a w^2 + b (1 - w)^2 + 2 c w (1 - w): w = (b - c) / (a + b - 2 c), cut off at 0 and 1."""
    P = np.array([[[2.0, 0.5], [0.5, 1.0]], [[3.0, 2.0], [2.0, 1.5]]])
    np.testing.assert_allclose(simplex_weights(P), [[0.25, 0.75], [0.0, 1.0]], atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_identical_layers_share_equally(value):
    np.testing.assert_allclose(simplex_weights(np.full((2, 4, 4), value)), 0.25, atol=1e-6)


def test_a_duplicated_layer_shares_weight_without_changing_the_prediction():
    P = products(3, 40)
    twice = P[:, [0, 1, 2, 2]][:, :, [0, 1, 2, 2]]
    w, w_twice = simplex_weights(P), simplex_weights(twice)
    np.testing.assert_allclose(w_twice[:, 2:].sum(1), w[:, 2], atol=1e-5)
    np.testing.assert_allclose(w_twice[:, 2], w_twice[:, 3], atol=1e-5)


@pytest.mark.parametrize("n_images", [1, 2, 4])
def test_more_layers_than_images(n_images):
    """Collinear errors: many optima, and one of them is found."""
    P = products(12, 200, n_images)
    assert kkt_residual(P, simplex_weights(P)).max() < 1e-8


def test_perfect_layer_gets_all():
    P = products(3, 1)
    P[:, 1] = P[:, :, 1] = 0
    np.testing.assert_allclose(simplex_weights(P), [[0, 1, 0]], atol=1e-6)


@pytest.mark.parametrize("terrible", [1e2, 1e6, 1e12, 1e40, 1e250])
def test_a_terrible_layer_does_not_hide_the_others(terrible):
    """Layers that err independently get weights in inverse proportion to their mean square errors."""
    P = np.diag([0.5, 0.6, terrible, 3 * terrible])[None]
    expected = 1 / P[0].diagonal()
    np.testing.assert_allclose(simplex_weights(P)[0], expected / expected.sum(), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
def test_size_of_the_errors_does_not_matter(size):
    P = products(5, 30)
    np.testing.assert_allclose(simplex_weights(size * P), simplex_weights(P), atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(n_layers=st.integers(1, 12), n_images=st.integers(1, 30), seed=st.integers(0, 10_000))
def test_order_and_scale_do_not_matter(n_layers, n_images, seed):
    P = products(n_layers, 5, n_images + n_layers, seed)
    layers = np.random.default_rng(seed).permutation(n_layers)
    w = simplex_weights(P)
    np.testing.assert_allclose(simplex_weights(P[:, layers][:, :, layers]), w[:, layers], atol=1e-6)
    np.testing.assert_allclose(simplex_weights(1e-9 * P), w, atol=1e-6)
    assert (objective(P, w) <= P.diagonal(axis1=1, axis2=2).min(1) * (1 + 1e-9)).all()


def test_products_of_float32_errors_are_positive_semidefinite():
    """Nearly equal layers: summed in float32 their P would have negative eigenvalues."""
    errors = torch.randn(500, 20, generator=torch.Generator().manual_seed(0))
    layers = [errors + 1e-5 * k for k in range(4)]
    P = error_products(layers)
    assert np.linalg.eigvalsh(P).min() > -1e-12
    np.testing.assert_allclose(P[:, 0, 1], (layers[0].double() * layers[1].double()).mean(0))
    assert kkt_residual(P, simplex_weights(P)).max() < 1e-8


@pytest.mark.parametrize(
    "P, sentence",
    [
        (np.ones((3, 2)), "must have shape"),
        (np.ones((3, 2, 3)), "must have shape"),
        (np.ones((3, 0, 0)), "at least one layer"),
        (np.full((1, 2, 2), np.nan), "NaN"),
        (-np.ones((1, 2, 2)), "negative mean squares"),
    ],
)
def test_bad_input_is_refused(P, sentence):
    with pytest.raises(ValueError, match=sentence):
        simplex_weights(P)
