"""From layers to voxels: ridge regression per layer, stacked over layers, scored on held-out images (paper W)."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from lib.core import choose, progress
from lib.core.device import find_device
from lib.core.memory import keeping_memory, release_pages
from lib.core.scores import correlation, r2, signed_root
from lib.data import Participant
from lib.networks import Network, extract
from lib.solvers import reference
from lib.solvers.ridge import ALPHAS, decompose, fit_ridge, project
from lib.solvers.stacking import error_products, simplex_weights

MEMORY_BYTES = 2 * 2**30  # for the predictions and errors of a block of voxels
ROWS_BYTES = 64 * 2**20  # of responses that are read from a file before they are let go: systems map whole rows
FEW_IMAGES = 600  # fewer training images than this, in a wide layer: no penalties by generalised cross-validation

Features = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class EncodingResult:
    """How well each layer, and their stack, predicts each voxel.

    R is sign(R2) sqrt(|R2|). Voxels that could not be fitted hold NaN in every score and weight.

    Attributes
    ----------
    layers : tuple of str
    score, cv_score : arrays of shape (n_layers, n_voxels)
        R on the test images; R of the out-of-fold predictions of the training images.
    stacked_score, stacked_cv_score : arrays of shape (n_voxels,)
        The same for the stack of all layers.
    correlation : array of shape (n_layers, n_voxels)
        Pearson r on the test images, the score named in paper W's Methods.
    stacked_correlation : array of shape (n_voxels,)
    weights : array of shape (n_layers, n_voxels)
        Stacking weights, >= 0, summing to 1 over layers.
    alphas : array of shape (n_layers, n_voxels)
        Ridge penalties.
    notes : tuple of str
        What was dropped, and why.
    """

    layers: tuple[str, ...]
    score: np.ndarray
    cv_score: np.ndarray
    stacked_score: np.ndarray
    stacked_cv_score: np.ndarray
    correlation: np.ndarray
    stacked_correlation: np.ndarray
    weights: np.ndarray
    alphas: np.ndarray
    notes: tuple[str, ...] = ()

    def layer(self, name: str) -> int:
        """Position of a layer; an unknown one is refused with the names there are."""
        return self.layers.index(choose("layer", name, self.layers))


def fit_encoding(
    features: Features,
    responses: np.ndarray,
    test_features: Features,
    test_responses: np.ndarray,
    *,
    protocol: str = "fast",
    alphas: np.ndarray = ALPHAS,
    n_folds: int = 5,
    device: str = "cpu",
    memory_bytes: int = MEMORY_BYTES,
) -> EncodingResult:
    """Predict every voxel from every layer, and from the stack of layers.

    Parameters
    ----------
    features : mapping of layer to array of shape (n_images, n_features)
    responses : array of shape (n_images, n_voxels)
        Raw; they are standardised here.
    test_features : mapping of layer to array of shape (n_test, n_features)
    test_responses : array of shape (n_test, n_voxels)
    protocol : str
        "gcv" is `lib.solvers.ridge` with penalties by generalised cross-validation, "k-fold" the same with penalties by
        cross-validation over the folds. "fast" is "k-fold" for layers of more features than images where there are
        fewer than FEW_IMAGES images, and "gcv" otherwise. "reference" is what paper W's package does
        (`lib.solvers.reference`), which standardises the test responses by themselves; "reference-forward" standardises
        them as the training responses, as all others do: what is predicted then could have been said beforehand.
    alphas : array of shape (n_alphas,)
        Ridge penalties to choose from, per voxel and layer.
    n_folds : int
        Contiguous folds of the out-of-fold predictions that the stacking weights are learned from.
    device : "cpu", "cuda", "mps" or "auto"
        Where matrix products run; the reference protocol knows only the processor.
    memory_bytes : int
        For the predictions and errors of a block of voxels, besides the features' decompositions, which need
        4 n_images (n_images + n_test) bytes a layer.

    Raises
    ------
    ValueError
        Lengths or layers that do not match, NaN features, a layer that never varies, fewer than two folds.
    """
    method = PROTOCOLS[choose("protocol", protocol, PROTOCOLS)]
    _check(features, responses, test_features, test_responses, n_folds)
    usable = varies(responses) & varies(test_responses)
    if not usable.any():
        raise ValueError(f"none of the {len(usable)} voxels is finite and varies over the images.")
    settings = Settings(contiguous_folds(len(responses), n_folds), np.asarray(alphas, float), find_device(device))
    blocks = _blocks(usable, voxels_at_once(len(features), len(responses) + len(test_responses), memory_bytes))
    fitters = [
        _prepare(method, name, features[name], test_features[name], settings)
        for name in progress(features, "decomposing layers")
    ]
    with keeping_memory():
        scores = [
            _fit_voxels(fitters, *method.standardise(_read(responses, block), _read(test_responses, block)))
            for block in progress(blocks, "fitting voxels")
        ]
    return EncodingResult(tuple(features), **_scatter(scores, usable), notes=_notes(usable))


def out_of_fold_products(features: Features, responses: np.ndarray, n_folds: int = 5) -> np.ndarray:
    """P of every voxel, as `fit_encoding` stacks by default: what `lib.solvers.stacking` decides by, to be looked at.

    Responses are standardised, so that 1 - P_kk is R2 of layer k out of fold.

    Parameters
    ----------
    features : mapping of layer to array of shape (n_images, n_features)
    responses : array of shape (n_images, n_voxels)

    Returns
    -------
    array of shape (n_voxels, n_layers, n_layers)

    Raises
    ------
    ValueError
        As `fit_encoding`, and for voxels that are constant or hold NaN.
    """
    _check(features, responses, features, responses, n_folds)
    if not varies(responses).all():
        n_unfit = (~varies(responses)).sum()
        raise ValueError(f"{n_unfit} of {responses.shape[1]} voxels are constant or hold NaN; leave them out first.")
    settings = Settings(contiguous_folds(len(responses), n_folds), ALPHAS, "cpu")
    y = by_training(responses, responses)[0]
    fitters = (_prepare(PROTOCOLS["fast"], name, X, X[:1], settings) for name, X in features.items())
    return error_products([fit(y).errors for fit in fitters])


def contiguous_folds(n_images: int, n_folds: int) -> list[slice]:
    """Equal runs of images, the last with the remainder, as paper W's package cuts them."""
    size = n_images // n_folds
    return [slice(i * size, (i + 1) * size if i < n_folds - 1 else n_images) for i in range(n_folds)]


def varies(responses: np.ndarray) -> np.ndarray:
    """Voxels that can be fitted, boolean array of shape (n_voxels,): finite everywhere, and not constant."""
    extremes = [(rows.min(0), rows.max(0)) for rows in _rows(responses)]
    low, high = np.min([low for low, _ in extremes], 0), np.max([high for _, high in extremes], 0)
    return np.isfinite(low) & np.isfinite(high) & (high > low)  # NaN and infinity are extremes too


def _rows(responses: np.ndarray) -> Iterator[np.ndarray]:
    """The responses to some images at a time; of a file, what was read is let go."""
    row = max(1, responses.itemsize * responses.shape[1])  # of no voxels, the caller tells
    at_once = max(1, ROWS_BYTES // row)
    for start in range(0, len(responses), at_once):
        yield responses[start : start + at_once]
        release_pages(responses)


def voxels_at_once(n_layers: int, n_images: int, memory_bytes: int) -> int:
    """As many voxels as `memory_bytes` hold in single precision, twice over."""
    return max(1, memory_bytes // (2 * 4 * n_layers * n_images))


def _blocks(usable: np.ndarray, at_once: int) -> list[np.ndarray]:
    """Indices of the usable voxels, at most `at_once` at a time."""
    voxels = np.flatnonzero(usable)
    return np.array_split(voxels, -(-len(voxels) // at_once))


def _check(
    features: Features, responses: np.ndarray, test_features: Features, test_responses: np.ndarray, n_folds: int
) -> None:
    """Refuse what cannot be meant, before anything is computed."""
    if not features or set(features) != set(test_features):
        raise ValueError(
            f"Training layers {list(features)} and test layers {list(test_features)} must be the same, and some."
        )
    if responses.shape[1] != test_responses.shape[1]:
        raise ValueError(f"{responses.shape[1]} training voxels but {test_responses.shape[1]} test voxels.")
    if not 2 <= n_folds <= len(responses):
        raise ValueError(f"n_folds must be between 2 and the {len(responses)} training images, found {n_folds}.")
    for part, layers, y in (("training", features, responses), ("test", test_features, test_responses)):
        for name, X in layers.items():
            _check_layer(name, part, np.asarray(X), len(y))
            if X.shape[1] != features[name].shape[1]:
                raise ValueError(
                    f"Layer {name}: {features[name].shape[1]} training features but {X.shape[1]} test features."
                )


def _check_layer(name: str, part: str, X: np.ndarray, n_images: int) -> None:
    if X.ndim != 2 or len(X) != n_images:
        raise ValueError(f"Layer {name}: {part} features of shape {X.shape} do not fit {n_images} {part} responses.")
    if not np.isfinite(X.sum(dtype=np.float64)):
        raise ValueError(f"Layer {name}: the {part} features hold NaN or infinite values.")
    release_pages(X)


def _notes(usable: np.ndarray) -> tuple[str, ...]:
    if usable.all():
        return ()
    note = f"{(~usable).sum()} of {len(usable)} voxels dropped: constant, or NaN in some image."
    warnings.warn(note, stacklevel=3)
    return (note,)


@dataclass(frozen=True)
class LayerFit:
    """One layer's answer for a block of voxels, in units of standardised responses.

    Attributes
    ----------
    errors : tensor of shape (n_images, n_voxels)
        Out of fold.
    predictions : tensor of shape (n_test, n_voxels)
    alphas : tensor of shape (n_voxels,)
    """

    errors: torch.Tensor
    predictions: torch.Tensor
    alphas: torch.Tensor


Fitter = Callable[[np.ndarray], LayerFit]


@dataclass(frozen=True)
class Settings:
    """What the layers of one analysis share."""

    folds: Sequence[slice]
    alphas: np.ndarray
    device: str


@dataclass(frozen=True)
class Protocol:
    """How responses are standardised, and how a layer becomes a function from responses to a fit."""

    standardise: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    prepare: Callable[[np.ndarray, np.ndarray, Settings], Fitter]


def _prepare(method: Protocol, name: str, X: np.ndarray, X_test: np.ndarray, settings: Settings) -> Fitter:
    try:
        with keeping_memory():
            return method.prepare(np.asarray(X), np.asarray(X_test), settings)
    except ValueError as error:
        raise ValueError(f"Layer {name}: {error}") from error
    finally:
        release_pages(X)
        release_pages(X_test)


def _read(responses: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """A block of voxels, array of shape (n_images, n_voxels in the block)."""
    return np.concatenate([rows[:, voxels] for rows in _rows(responses)])


def by_training(y: np.ndarray, y_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responses (n_images, n_voxels) standardised by the mean and deviation of the training images."""
    mean, std = y.mean(0, dtype=np.float64), y.std(0, dtype=np.float64)
    return (y - mean) / std, (y_test - mean) / std


def _each_by_itself(y: np.ndarray, y_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return reference.zscore(y), reference.zscore(y_test)


def _prepare_fast(X: np.ndarray, X_test: np.ndarray, settings: Settings) -> Fitter:
    """Residual degrees of freedom are what generalised cross-validation divides by: few images leave none."""
    n, p = X.shape
    return _prepare_ridge(X, X_test, settings, k_fold=n < FEW_IMAGES and p >= n)


def _prepare_ridge(X: np.ndarray, X_test: np.ndarray, settings: Settings, *, k_fold: bool) -> Fitter:
    design = decompose(X, alphas=settings.alphas, device=settings.device)
    test = project(design, X_test)
    penalty_folds = settings.folds if k_fold else None

    def fit(y: np.ndarray) -> LayerFit:
        ridge = fit_ridge(design, y, settings.alphas, folds=penalty_folds)
        return LayerFit(ridge.out_of_fold(settings.folds), ridge.predict(test).cpu(), ridge.alphas.cpu())

    return fit


def _prepare_reference(X: np.ndarray, X_test: np.ndarray, settings: Settings) -> Fitter:
    X, X_test = reference.zscore(X), reference.zscore(X_test)
    if not X.any():
        raise ValueError(
            f"none of the {X.shape[1]} features varies over the {len(X)} images: they can predict nothing."
        )

    def fit(y: np.ndarray) -> LayerFit:
        chosen = reference.choose_alphas(X, y, settings.alphas)
        errors = y - reference.out_of_fold(X, y, settings.folds, settings.alphas)
        return LayerFit(*map(torch.as_tensor, (errors, reference.predict(X, y, X_test, chosen), chosen)))

    return fit


PROTOCOLS = {
    "fast": Protocol(by_training, _prepare_fast),
    "gcv": Protocol(by_training, partial(_prepare_ridge, k_fold=False)),
    "k-fold": Protocol(by_training, partial(_prepare_ridge, k_fold=True)),
    "reference": Protocol(_each_by_itself, _prepare_reference),
    "reference-forward": Protocol(by_training, _prepare_reference),
}


def _fit_voxels(fitters: Sequence[Fitter], y: np.ndarray, y_test: np.ndarray) -> dict[str, np.ndarray]:
    """Fit, stack and score a block of standardised voxels: the arrays of an `EncodingResult`."""
    fits = [fit(y) for fit in fitters]
    P = error_products([fit.errors for fit in fits])
    weights = simplex_weights(P)
    predictions = torch.stack([fit.predictions for fit in fits]).numpy()
    alphas = np.stack([fit.alphas.numpy() for fit in fits])
    return _scores(y_test, predictions, P, weights) | {"weights": weights.T, "alphas": alphas}


def _scores(y_test: np.ndarray, predictions: np.ndarray, P: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    stacked = np.einsum("vk,kiv->iv", weights, predictions)
    return {
        "score": signed_root(r2(y_test, predictions)),
        "cv_score": signed_root(1 - np.einsum("vkk->kv", P)),  # standardised responses have variance 1
        "stacked_score": signed_root(r2(y_test, stacked)),
        "stacked_cv_score": signed_root(1 - np.einsum("vi,vij,vj->v", weights, P, weights)),
        "correlation": correlation(y_test, predictions),
        "stacked_correlation": correlation(y_test, stacked),
    }


def _scatter(blocks: Sequence[Mapping[str, np.ndarray]], usable: np.ndarray) -> dict[str, np.ndarray]:
    """Put the blocks side by side, NaN where a voxel was dropped."""
    whole = {}
    for name in blocks[0]:
        values = np.concatenate([block[name] for block in blocks], -1)
        whole[name] = np.full((*values.shape[:-1], len(usable)), np.nan)
        whole[name][..., usable] = values
    return whole


def encode(
    participant: Participant,
    network: Network,
    *,
    preprocessing: str = "as-published",
    cache: str | os.PathLike[str] | None = None,
    **options: object,
) -> EncodingResult:
    """Predict a participant's voxels from a network's layers: show it the pictures, fit, stack, score.

    Parameters
    ----------
    participant : Participant
    network : Network
    preprocessing : str
    cache : path, optional
        As in `lib.networks.extract`.
    **options
        Of `fit_encoding`: `protocol`, `alphas`, `n_folds`, `device`, `memory_bytes`.
    """
    features, test_features = (
        extract(network, participant.images(part), preprocessing=preprocessing, cache=cache)
        for part in (participant.train, participant.test)
    )
    return fit_encoding(features, participant.train.responses, test_features, participant.test.responses, **options)
