"""Encoding where images are few: nested cross-validation, so that "the best layer" is not chosen on what is scored.

The images are cut into outer folds, several times in random orders. Each fold is predicted by models that were fitted
to the other images only: a ridge regression per layer, the layer that predicts these other images best out of fold, and
the stack whose weights were learned on them. So all three scores can be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lib.analysis.encoding import contiguous_folds
from lib.core import progress
from lib.core.scale import constant_columns, power_of_two
from lib.core.scores import Interval, correlation
from lib.core.validation import matrix
from lib.solvers.ridge import ALPHAS, Design, Ridge, decompose, fit_ridge, project
from lib.solvers.stacking import error_products, simplex_weights

Fold = tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # order, images, predictions, weights, best layer


@dataclass(frozen=True)
class Coordinates:
    """A layer's features in as many columns as there are images.

    Ridge regression depends on the centred features X only through X X' (the kernel of dual ridge regression, Saunders
    et al. 1998), so any columns with the same products predict the same.

    Attributes
    ----------
    values : float64 array of shape (n_images, n_images)
    n_features : int
        Of the layer: penalties are in units of the mean variance of its features.
    """

    values: np.ndarray
    n_features: int

    @classmethod
    def of(cls, features: np.ndarray) -> "Coordinates":
        """Coordinates of features, which may be forgotten then.

        Parameters
        ----------
        features : array of shape (n_images, n_features)
        """
        unit = power_of_two(features).max()
        scaled = features / unit
        centred = np.where(constant_columns(features), 0, scaled - scaled.mean(0))
        U, s, _ = np.linalg.svd(centred @ centred.T, hermitian=True)
        return cls(U * np.sqrt(s) * unit, features.shape[1])

    @property
    def alphas(self) -> np.ndarray:
        """Penalties for the features in units of these columns' mean variance, array of shape (n_alphas,)."""
        return ALPHAS * len(self.values) / self.n_features


@dataclass(frozen=True)
class NestedResult:
    """Held-out predictions of every image, once for each random order of the images.

    Attributes
    ----------
    layers : tuple of str
    responses : array of shape (n_images, n_targets)
    predictions : array of shape (n_orders, n_layers, n_images, n_targets)
        Of each layer.
    best, stack : arrays of shape (n_orders, n_images, n_targets)
        Of the layer that was best inside each outer fold's training images, and of the stack.
    weights : array of shape (n_layers, n_targets)
        Stacking weights, mean over folds and orders.
    chosen : array of shape (n_layers, n_targets)
        Share of folds and orders in which the layer was the best one.
    n_draws : int
        Networks that the result is a mean of (see `mean_of_draws`); the orders of each follow those of the one before.
    """

    layers: tuple[str, ...]
    responses: np.ndarray
    predictions: np.ndarray
    best: np.ndarray
    stack: np.ndarray
    weights: np.ndarray
    chosen: np.ndarray
    n_draws: int = 1

    def r(self, predictions: np.ndarray, images: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Pearson r of predictions with the responses over some images, mean over orders and draws.

        Parameters
        ----------
        predictions : array of shape (..., n_images, n_targets)
            One of this result's; its first dimension is the order.
        images : array of shape (n_shown,) or (n_samples, n_shown), boolean of shape (n_images,), or slice
            By default all; of several samples of the images, a row each.

        Returns
        -------
        array of shape (..., n_targets)
            Without the dimensions of orders and images; with one of samples before the targets, if there are any.
        """
        return np.asarray(self.r_of_draws(predictions, images).mean(0))

    def r_of_draws(self, predictions: np.ndarray, images: np.ndarray | slice = slice(None)) -> np.ndarray:
        """As `r`, of each draw by itself: array of shape (n_draws, ..., n_targets)."""
        shown = predictions[..., images, :]
        r = correlation(np.broadcast_to(self.responses[images], shown.shape), shown)
        return np.asarray(r.reshape(self.n_draws, -1, *r.shape[1:]).mean(1))

    def interval(
        self,
        predictions: np.ndarray,
        images: np.ndarray | slice = slice(None),
        *,
        n_bootstrap: int = 1000,
        seed: int = 0,
    ) -> list[Interval]:
        """r of each target with its 95 % percentile bootstrap interval over images.

        Images are drawn with replacement after the predictions were made, so the interval does not hold the spread
        that other training images would bring.

        Parameters
        ----------
        predictions : array of shape (n_orders, n_images, n_targets)
        images : array of shape (n_shown,), boolean of shape (n_images,), or slice
        n_bootstrap, seed : int
        """
        pool = np.arange(len(self.responses))[images]
        draws = np.random.default_rng(seed).choice(pool, (n_bootstrap, len(pool)))
        resampled = self.r(predictions, draws)
        low, high = np.nanquantile(resampled, (0.025, 0.975), axis=0)
        return [Interval(*map(float, one)) for one in zip(self.r(predictions, images), low, high, strict=True)]


def mean_of_draws(results: Sequence[NestedResult]) -> NestedResult:
    """One result of networks that differ in the draw of their random weights; its scores are means over the networks.

    The networks have the same layers, and were scored on the same responses in as many orders.
    """
    first, n_draws = results[0], len(results)
    predictions, best, stack = (
        np.concatenate([getattr(one, name) for one in results]) for name in ("predictions", "best", "stack")
    )
    weights, chosen = (np.mean([getattr(one, name) for one in results], axis=0) for name in ("weights", "chosen"))
    return NestedResult(first.layers, first.responses, predictions, best, stack, weights, chosen, n_draws)


def encode_nested(
    features: Mapping[str, np.ndarray | Coordinates],
    responses: np.ndarray,
    *,
    n_folds: int = 8,
    n_orders: int = 3,
    seed: int = 0,
) -> NestedResult:
    """Predict each image's responses from the other images, by each layer, by the best layer, by the stack.

    Parameters
    ----------
    features : mapping of layer to array of shape (n_images, n_features), or to its Coordinates
    responses : array of shape (n_images, n_targets)
    n_folds : int
        Outer folds; inner folds hold about as many images.
    n_orders : int
        Random orders of the images; results are averaged over them.
    seed : int
        Of the orders.

    Raises
    ------
    ValueError
        Features and responses of different images, fewer than two images a fold, no layers or no orders.
    """
    if not features or n_orders < 1:
        raise ValueError(f"Needed: at least one layer and n_orders of at least 1, not {len(features)} and {n_orders}.")
    responses = matrix("responses", responses, min_rows=2 * n_folds, dtype=np.float64)
    n_images = len(responses)
    spaces = {name: _coordinates(name, layer, n_images) for name, layer in features.items()}
    rng, folds = np.random.default_rng(seed), []
    for k in progress(range(n_orders), "nested cross-validation"):
        order = rng.permutation(n_images)
        folds += [
            (k, *_predict_fold(spaces, responses, order, held_out)) for held_out in np.array_split(order, n_folds)
        ]
    return _gathered(tuple(spaces), responses, folds, n_orders)


def _coordinates(name: str, layer: np.ndarray | Coordinates, n_images: int) -> Coordinates:
    if isinstance(layer, Coordinates):
        matrix(name, layer.values, n_rows=n_images)
        return layer
    return Coordinates.of(matrix(name, layer, n_rows=n_images))


def _predict_fold(
    spaces: Mapping[str, Coordinates], responses: np.ndarray, order: np.ndarray, held_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Predict the held-out images by models of the others: images, predictions of each layer, weights, best layer."""
    train = order[~np.isin(order, held_out)]
    inner = contiguous_folds(len(train), len(order) // len(held_out))
    errors, predictions = [], []
    for layer in spaces.values():
        design = decompose(layer.values[train])
        ridge, out_of_fold = _fit(design, responses[train], layer.alphas, inner)
        errors.append(out_of_fold)
        predictions.append(ridge.predict(project(design, layer.values[held_out])))
    P = error_products(errors)
    return held_out, torch.stack(predictions).numpy(), simplex_weights(P).T, np.einsum("vkk->vk", P).argmin(1)


def _fit(design: Design, y: np.ndarray, alphas: np.ndarray, folds: Sequence[slice]) -> tuple[Ridge, torch.Tensor]:
    """`fit_ridge` by cross-validation, and its out-of-fold errors of shape (n_images, n_targets).

    Where the features span the images, all penalties are tried at once: one by one, as voxels by the thousand want it,
    most of the time would be the calls of so small products. The formulas are those of `Ridge.out_of_fold`.
    """
    if design.n_outside:
        ridge = fit_ridge(design, y, alphas, folds=folds)
        return ridge, ridge.out_of_fold(folds)
    ridge, grid = fit_ridge(design, y, alphas[:1]), torch.from_numpy(alphas)
    shrunk = grid[:, None] / (design.e + grid[:, None])  # (n_alphas, rank)
    residuals = design.U @ (shrunk[..., None] * ridge.Z)  # (n_alphas, n_images, n_targets)
    for fold in folds:
        hidden = (design.U[fold] * shrunk[:, None]) @ design.U[fold].T  # I - H_FF of every penalty
        residuals[:, fold] = torch.linalg.solve(hidden, residuals[:, fold])
    cost = torch.stack([residuals[:, fold].square().mean(1) for fold in folds]).mean(0)
    best, targets = cost.argmin(0), torch.arange(y.shape[1])
    return replace(ridge, alphas=grid[best]), residuals[best, :, targets].T


def _gathered(layers: tuple[str, ...], responses: np.ndarray, folds: list[Fold], n_orders: int) -> NestedResult:
    (n_images, n_targets), targets = responses.shape, np.arange(responses.shape[1])
    predictions = np.empty((n_orders, len(layers), n_images, n_targets))
    best, stack = np.empty((2, n_orders, n_images, n_targets))
    for k, images, predicted, weights, chosen in folds:
        predictions[k][:, images] = predicted
        best[k, images] = predicted[chosen, :, targets].T
        stack[k, images] = np.einsum("lt,lit->it", weights, predicted)
    weights = np.mean([fold[3] for fold in folds], axis=0)
    shares = np.mean([np.arange(len(layers))[:, None] == fold[4] for fold in folds], axis=0)
    return NestedResult(layers, responses, predictions, best, stack, weights, shares)
