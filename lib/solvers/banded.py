"""Banded ridge: one regression on several feature spaces, with a penalty for each of them.

Feature spaces enter a joint ridge regression through one kernel, K = sum_k w_k K_k, with w_k >= 0 that sum to one; K_k
is the kernel X_k X_k' of one space, centred, with a mean eigenvalue of 1. The weights are searched at random (Dupré la
Tour et al. 2022): candidates are drawn, and each target keeps the one that predicts it best out of fold.

A candidate costs one eigendecomposition of K, about 5 n^3 operations for n images, and 2 n^2 a target for each penalty
a; all models that include its spaces can use it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from lib.core.device import product
from lib.core.progress import progress
from lib.core.scores import r2
from lib.solvers.ridge import Design, decompose, decompose_gram, fit_ridge, project

PENALTIES = 10.0 ** np.arange(-6, 5)
CONCENTRATIONS = (1.0, 0.1)  # of the Dirichlet distributions, in turn: mixtures of many spaces, and of few
N_DRAWS = 3


@dataclass(frozen=True)
class Kernels:
    """Linear kernels of several feature spaces, centred, with a mean eigenvalue of 1.

    Attributes
    ----------
    train : tensor of shape (n_spaces, n_images, n_images)
    test : tensor of shape (n_spaces, n_test, n_images)
    """

    train: torch.Tensor
    test: torch.Tensor


def linear_kernels(features: Sequence[np.ndarray], test_features: Sequence[np.ndarray]) -> Kernels:
    """Compute the kernel of every feature space.

    Parameters
    ----------
    features : sequence of arrays of shape (n_images, n_features)
    test_features : sequence of arrays of shape (n_test, n_features)

    Raises
    ------
    ValueError
        As `lib.solvers.ridge.decompose` and `project`.
    """
    pairs = progress(list(zip(features, test_features, strict=True)), "computing kernels")
    train, test = zip(*(_kernel(X, X_test) for X, X_test in pairs), strict=True)
    return Kernels(torch.stack(train), torch.stack(test))


def _kernel(X: np.ndarray, X_test: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    design = decompose(X)
    root = design.U * design.e.sqrt()
    unit = design.e.sum() / design.n_images
    return product(root, root.T) / unit, product(project(design, X_test), root.T) / unit


def combine(kernels: Kernels, weights: np.ndarray) -> tuple[Design, torch.Tensor]:
    """Decompose the weighted sum of kernels.

    Parameters
    ----------
    kernels : Kernels
    weights : array of shape (n_spaces,)

    Returns
    -------
    Design
    tensor of shape (n_test, rank)
        The test images along its principal axes, as `lib.solvers.ridge.project` gives them.
    """
    used = np.flatnonzero(weights)
    w = torch.as_tensor(weights[used], dtype=kernels.train.dtype)
    design = decompose_gram(torch.tensordot(w, kernels.train[used], 1))
    return design, product(torch.tensordot(w, kernels.test[used], 1), design.U) / design.e.sqrt()


@dataclass(frozen=True)
class Search:
    """Candidates of a random search, and how well each predicts each target.

    Attributes
    ----------
    models : tuple of frozensets of int
        The sets of spaces for which candidates were drawn.
    weights : array of shape (n_candidates, n_spaces)
        Of the kernels; rows sum to 1.
    error : array of shape (n_candidates, n_targets)
        Mean squared error out of fold, with the best penalty for the target.
    r2 : array of shape (n_candidates, n_targets)
        R2 on the test images, with the same penalty.
    """

    models: tuple[frozenset[int], ...]
    weights: np.ndarray
    error: np.ndarray
    r2: np.ndarray

    def best(self, model: frozenset[int]) -> np.ndarray:
        """For each target the candidate with the least error among those that use no other spaces.

        Models are nested: a larger one may choose what a smaller one chose.

        Returns
        -------
        int array of shape (n_targets,)
        """
        if model not in self.models:
            raise ValueError(f"no candidates were drawn for the spaces {sorted(model)}; name them in `models`.")
        others = sorted(set(range(self.weights.shape[1])) - model)
        allowed = np.flatnonzero((self.weights[:, others] == 0).all(1))
        return np.asarray(allowed[self.error[allowed].argmin(0)])

    def joint(self, model: frozenset[int]) -> np.ndarray:
        """R2 of the joint regression on some spaces, array of shape (n_targets,); 0 for no space."""
        n_targets = self.r2.shape[1]
        return self.r2[self.best(model), np.arange(n_targets)] if model else np.zeros(n_targets)


@dataclass
class _Draws:
    """A random search under way."""

    kernels: Kernels
    y: np.ndarray
    y_test: np.ndarray
    folds: Sequence[slice]
    alphas: np.ndarray
    gcv: bool
    rng: np.random.Generator
    models: list[frozenset[int]] = field(default_factory=list)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)

    def found(self) -> Search:
        return Search(tuple(self.models), *(np.stack(part) for part in zip(*self.rows, strict=True)))

    def explore(self, model: frozenset[int], n_draws: int) -> None:
        """Draw candidates for a model, from the best ones of the largest smaller model if there is one."""
        smaller = max((m for m in self.models if m < model), key=len, default=frozenset())
        winners = self._winners(smaller) if smaller else np.empty((0, len(self.kernels.train)))
        new = sorted(model - smaller)
        for i in range(n_draws * len(new) if len(model) > 1 else 1):
            weights = self._draw(new, winners[i % len(winners)] if smaller else None, i)
            self.rows.append((weights, *self._evaluate(weights)))
        self.models.append(model)

    def _evaluate(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Error out of fold and R2 on the test images of one candidate, arrays of shape (n_targets,)."""
        design, test = combine(self.kernels, weights)
        ridge = fit_ridge(design, self.y, self.alphas, folds=None if self.gcv else self.folds)
        errors = ridge.out_of_fold(self.folds)
        error = torch.stack([errors[fold].square().mean(0) for fold in self.folds]).mean(0)
        return error.numpy(), r2(self.y_test, ridge.predict(test).numpy())

    def _winners(self, model: frozenset[int]) -> np.ndarray:
        """Weights of the candidates that most targets chose, the most frequent first, (n_winners, n_spaces)."""
        found = self.found()
        chosen, counts = np.unique(found.best(model), return_counts=True)
        return np.asarray(found.weights[chosen[np.argsort(-counts, kind="stable")]])

    def _draw(self, new: list[int], winner: np.ndarray | None, i: int) -> np.ndarray:
        """Weights for the new spaces, and for a winner's spaces in the proportions they have there."""
        n_parts = len(new) + (winner is not None)
        shares = self.rng.dirichlet([CONCENTRATIONS[i % len(CONCENTRATIONS)]] * n_parts)
        weights: np.ndarray = np.zeros(len(self.kernels.train)) if winner is None else shares[-1] * winner
        weights[new] = shares[: len(new)]
        return weights


def random_search(
    kernels: Kernels,
    y: np.ndarray,
    y_test: np.ndarray,
    models: Sequence[Sequence[int]],
    folds: Sequence[slice],
    *,
    n_draws: int = N_DRAWS,
    alphas: np.ndarray = PENALTIES,
    gcv: bool = False,
    seed: int = 0,
) -> Search:
    """Search the weights of feature spaces for several joint models at once.

    Small models come first. The draws for a larger model start from what served most targets in the largest of the
    smaller ones that it contains, so that a space is added to models that are good without it.

    Parameters
    ----------
    kernels : Kernels
    y : array of shape (n_images, n_targets)
    y_test : array of shape (n_test, n_targets)
    models : sequence of sequences of int
        Which spaces take part in each.
    folds : sequence of slices
        Of the training images; candidates are compared by cross-validation over them.
    n_draws : int
        Candidates per space that a model adds to the smaller one.
    alphas : array of shape (n_alphas,)
        Penalties, in units of the kernels' mean eigenvalue.
    gcv : bool
        Whether the penalty of each candidate is chosen by generalised cross-validation, which takes a third of the
        time, rather than over the folds; with few images it chooses penalties that are too small.
    seed : int

    Raises
    ------
    ValueError
        No models, a space that is not there, or no draws.
    """
    n_spaces = len(kernels.train)
    if n_draws < 1 or not any(map(len, models)) or not {space for m in models for space in m} <= set(range(n_spaces)):
        expected = f"models of the spaces 0 to {n_spaces - 1}, one at least, and n_draws of at least 1"
        raise ValueError(f"Needed: {expected}, not {[list(m) for m in models]} and {n_draws}.")
    draws = _Draws(kernels, y, y_test, folds, alphas, gcv, np.random.default_rng(seed))
    for model in progress(sorted({frozenset(m) for m in models if len(m)}, key=_by_size), "searching penalties"):
        draws.explore(model, n_draws)
    return draws.found()


def _by_size(model: frozenset[int]) -> tuple[int, list[int]]:
    return len(model), sorted(model)
