"""Stacked dissimilarities: planted mixtures come back, on images that no weight has seen."""

import numpy as np
import pytest

from lib.analysis.rdm_stacking import stack_geometry
from lib.analysis.rsa import rdm


def planted(shares: tuple[float, ...], noise: float, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Three layers, and five participants' RDMs that mix them."""
    rng = np.random.default_rng(seed)
    layers = {name: rdm(rng.normal(size=(40, 20))) for name in ("a", "b", "c")}
    mixed = sum(share * model / model[np.triu_indices(40, 1)].std() for share, model in zip(shares, layers.values()))  # noqa: B905
    spread = mixed[np.triu_indices(40, 1)].std()
    people = [mixed + noise * spread * np.triu(rng.normal(size=(40, 40)), 1) for _ in range(5)]
    return layers, np.array([np.triu(one, 1) + np.triu(one, 1).T for one in people])


def test_planted_shares_come_back_and_the_stack_beats_its_best_layer() -> None:
    layers, people = planted((0.5, 0.5, 0.0), noise=0.5)
    found = stack_geometry(layers, people, n_halves=5)
    np.testing.assert_allclose(found.weights, (0.5, 0.5, 0), atol=0.08)
    assert (found.stack > found.best + 0.1).all() and found.stack.shape == (5,)


def test_one_layer_alone_is_found_and_the_stack_gains_nothing() -> None:
    layers, people = planted((0, 0, 1), noise=1)
    found = stack_geometry(layers, people, n_halves=5)
    assert found.weights.argmax() == 2 and found.weights[2] > 0.85
    np.testing.assert_allclose(found.stack, found.best, atol=0.05)


def test_held_out_halves_see_through_noise() -> None:
    layers, _ = planted((1, 0, 0), noise=0)
    noise = np.array([rdm(np.random.default_rng(k).normal(size=(40, 9))) for k in range(5)])
    assert abs(stack_geometry(layers, noise, n_halves=10).stack.mean()) < 0.1


def test_a_layer_that_tells_nothing_apart_gets_no_weight() -> None:
    layers, people = planted((1, 0, 0), noise=0.5)
    found = stack_geometry(layers | {"constant": np.ones((40, 40)) - np.eye(40)}, people, n_halves=2)
    assert found.weights[3] == 0 and np.isfinite(found.stack).all()


def test_other_images_are_refused() -> None:
    layers, people = planted((1, 0, 0), noise=0.5)
    with pytest.raises(ValueError, match="a: expected 40 rows, found 39"):
        stack_geometry({"a": layers["a"][:39, :39]}, people)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda layers, people: ({}, people), "at least one layer and n_halves of at least 1, not 0 and 20"),
        (lambda layers, people: (layers, people[0]), "participants' RDMs: expected square matrices"),
        (lambda layers, people: ({"a": layers["a"][:, :39]}, people), "a: expected 40 columns, found 39"),
        (lambda layers, people: (layers, np.where(np.eye(40), 0, np.nan)[None]), "participants' RDMs: .* NaN"),
        (lambda layers, people: ({"a": 1 - np.eye(40)}, people), "No layer tells any two pairs of images apart"),
    ],
)
def test_what_cannot_be_stacked_is_refused(change, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        stack_geometry(*change(*planted((1, 0, 0), noise=0.5)))
