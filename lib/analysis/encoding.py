"""From layers to voxels: ridge regression per layer, stacked over layers, scored on held-out images (paper W)."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from typing import Any, TypedDict, Unpack

import numpy as np
import torch

from lib.analysis.usable import strips, varies
from lib.core import choose, progress
from lib.core.device import find_device
from lib.core.kept import kept
from lib.core.memory import keeping_memory, release_pages
from lib.core.scale import power_of_two
from lib.core.scores import correlation, group_starts, pseudo_values, r2, r2_without, signed_root
from lib.core.validation import matrix, penalties
from lib.data import Participant
from lib.data.features import ImageFeatures
from lib.networks import Network, extract
from lib.networks.extraction import PIXELS, name_of
from lib.solvers import reference
from lib.solvers.ridge import ALPHAS, decompose, fit_groups, out_of_fold_errors, project
from lib.solvers.stacking import error_products, simplex_weights

PROTOCOLS = ("fast", "gcv", "k-fold", "reference", "reference-forward")
DEVICE_TOLERANCE = 1e-3  # of R, between the processor and an accelerator
MEMORY_BYTES = 2 * 2**30  # for the predictions and errors of a block of voxels
GROUP = 256  # voxels multiplied together: fixed, since the last digits of a product depend on its width
SMALLEST_LEFT = 1e-12  # of a mean square, when that of a group of images is subtracted
FEW_IMAGES = 600  # fewer training images than this, in a wide layer: no penalties by generalised cross-validation

Features = Mapping[str, np.ndarray]
ScoredParts = Sequence[slice]  # of the test images: each is scored by itself


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
    solvers : tuple of str
        How each layer was decomposed: "primal" (features x features), "dual" (images x images), or "reference".
    precisions : tuple of str
        In which precision: "single" or "double".
    score_by_images : float32 array of shape (n_layers + 1, n_test_groups, n_voxels)
        What each group of test images says of `score`, and last of `stacked_score`: `pseudo_values`. None if unknown.
    weights_by_images : float32 array of shape (n_layers, n_groups, n_voxels)
        What each group of training images says of `weights`.
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
    solvers: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    score_by_images: np.ndarray | None = None
    weights_by_images: np.ndarray | None = None

    def layer(self, name: str) -> int:
        """Position of a layer; an unknown one is refused with the names there are."""
        return self.layers.index(choose("layer", name, self.layers))


class Protocol(TypedDict, total=False):
    """Options of `fit_encoding` that results depend on, as other functions pass them on."""

    protocol: str
    alphas: np.ndarray
    n_folds: int
    device: str


class FitOptions(Protocol, total=False):
    """All options of `fit_encoding`."""

    memory_bytes: int


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
        Where matrix products run; the reference protocol knows only the processor. Scores of devices differ by at most
        DEVICE_TOLERANCE.
    memory_bytes : int
        For the predictions and errors of a block of voxels, besides the features' decompositions, which need
        4 n_images (n_images + n_test) bytes a layer. A block has GROUP voxels at least. The results do not depend on
        it, to the last bit.

    Raises
    ------
    ValueError
        Lengths or layers that do not match, NaN features, a layer that never varies, fewer than two folds.
    """
    X, y = check_images("training", features, responses)
    X_test, y_test = check_images("test", test_features, test_responses)
    _check_match(X, X_test, y, y_test)
    settings = _settings(len(y), protocol=protocol, alphas=alphas, n_folds=n_folds, device=device)
    return _decompose_layers(X, X_test, settings).fit(y, y_test, memory_bytes)


def out_of_fold_products(features: Features, responses: np.ndarray, n_folds: int = 5) -> np.ndarray:
    """P of every voxel, as `fit_encoding` stacks by default: what `lib.solvers.stacking` decides by, to be looked at.

    Responses are standardised, so that 1 - P_kk is R2 of layer k out of fold.

    Parameters
    ----------
    features : mapping of layer to array of shape (n_images, n_features)
    responses : array of shape (n_images, n_voxels)
    n_folds : int

    Returns
    -------
    array of shape (n_voxels, n_layers, n_layers)

    Raises
    ------
    ValueError
        As `fit_encoding`, and for voxels that are constant or not finite.
    """
    layers, y = check_images("training", features, responses)
    usable = varies(y)
    if not usable.all():
        raise ValueError(f"{(~usable).sum()} of {len(usable)} voxels are constant or not finite; leave them out first.")
    settings = Settings("fast", contiguous_folds(len(y), n_folds), ALPHAS, "cpu")
    prepared = [_prepare(name, X, X[:1], settings) for name, X in layers.items()]
    groups = [by_training(group, group)[0] for group in _groups(y, np.arange(len(usable)))]
    return np.concatenate([error_products([f.errors for f in fits]) for fits in _fit_groups(prepared, groups)])


def stacked_predictions(features: Features, responses: np.ndarray, test_features: Features) -> np.ndarray:
    """What the stack of layers predicts of other images, fitted as `fit_encoding` fits by default.

    Parameters
    ----------
    features : mapping of layer to array of shape (n_images, n_features)
    responses : array of shape (n_images, n_voxels)
    test_features : mapping of layer to array of shape (n_test, n_features)

    Returns
    -------
    array of shape (n_test, n_voxels)
        In units of the standardised responses.
    """
    layers, y = check_images("training", features, responses)
    settings = Settings("fast", contiguous_folds(len(y), 5), ALPHAS, "cpu")
    prepared = [_prepare(name, X, test_features[name], settings) for name, X in layers.items()]
    groups = [by_training(group, group)[0] for group in _groups(y, np.arange(y.shape[1]))]
    return np.hstack([_stacked(fits) for fits in _fit_groups(prepared, groups)])


# Input


def check_images(part: str, features: Features, responses: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Take array-like features and responses as arrays that fit each other, or refuse them in one sentence.

    Parameters
    ----------
    part : str
        "training" or "test", for the message.
    features : mapping of layer to array of shape (n_images, n_features)
        Must be finite.
    responses : array of shape (n_images, n_voxels)

    Returns
    -------
    mapping of layer to array of shape (n_images, n_features)
    array of shape (n_images, n_voxels)
    """
    if not isinstance(features, Mapping):
        found = type(features).__name__
        raise ValueError(f"{part} features: expected arrays by layer, such as {{'layer': X}}, found {found}.")
    y = matrix(f"{part} responses", responses, min_rows=2, finite=False)
    return {name: matrix(f"{part} features of {name}", X, n_rows=len(y)) for name, X in features.items()}, y


def _check_match(X: Features, X_test: Features, y: np.ndarray, y_test: np.ndarray) -> None:
    """Refuse training and test images of different layers, features or voxels."""
    if not X or set(X) != set(X_test):
        found = f"{list(X)} and {list(X_test)}"
        raise ValueError(f"Training and test features: expected the same layers, at least one, found {found}.")
    pairs = {f"features of {name}": (X[name], X_test[name]) for name in X} | {"responses": (y, y_test)}
    for what, (train, test) in pairs.items():
        matrix(f"test {what}", test[:1], n_columns=train.shape[1], finite=False)


def contiguous_folds(n_images: int, n_folds: int) -> list[slice]:
    """Cut images into equal runs, the last with the remainder, as paper W's package does.

    Parameters
    ----------
    n_images, n_folds : int

    Raises
    ------
    ValueError
        Fewer than two folds, or more folds than images.

    Examples
    --------
    >>> contiguous_folds(7, 3)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
    """
    if not 2 <= n_folds <= n_images:
        raise ValueError(f"n_folds must be between 2 and the {n_images} training images, found {n_folds}.")
    size = n_images // n_folds
    return [slice(i * size, (i + 1) * size if i < n_folds - 1 else n_images) for i in range(n_folds)]


def voxels_at_once(n_layers: int, n_images: int, memory_bytes: int) -> int:
    """Voxels whose errors and predictions fit into memory in single precision, twice over: one GROUP or more.

    Parameters
    ----------
    n_layers, n_images, memory_bytes : int
    """
    return GROUP * max(1, memory_bytes // (GROUP * 2 * 4 * n_layers * n_images))


def _blocks(usable: np.ndarray, at_once: int) -> list[np.ndarray]:
    """Indices of the usable voxels, `at_once` at a time."""
    voxels = np.flatnonzero(usable)
    return [voxels[start : start + at_once] for start in range(0, len(voxels), at_once)]


def _groups(responses: np.ndarray, voxels: np.ndarray) -> list[np.ndarray]:
    """Responses to a block of voxels, GROUP by GROUP: C-contiguous arrays of shape (n_images, at most GROUP)."""
    block = np.concatenate([rows[:, voxels] for rows in strips(responses)])
    return [np.ascontiguousarray(block[:, start : start + GROUP]) for start in range(0, len(voxels), GROUP)]


def _notes(usable: np.ndarray) -> tuple[str, ...]:
    """What is dropped, as warned of; nothing left is refused."""
    if not usable.any():
        raise ValueError(f"None of the {len(usable)} voxels is finite and varies over training and over test images.")
    dropped = f"{(~usable).sum()} of {len(usable)} voxels dropped: constant, or not finite in some image."
    notes = () if usable.all() else (dropped,)
    for note in notes:
        warnings.warn(note, stacklevel=3)
    return notes


def by_training(y: np.ndarray, y_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardise responses by the mean and deviation of the training images.

    Parameters
    ----------
    y : array of shape (n_images, n_voxels)
    y_test : array of shape (n_test, n_voxels)

    Returns
    -------
    array of shape (n_images, n_voxels)
    array of shape (n_test, n_voxels)
    """
    unit = power_of_two(y)
    y, y_test = y / unit, y_test / unit
    mean, std = y.mean(0), y.std(0)
    return (y - mean) / std, (y_test - mean) / std


# One layer


@dataclass(frozen=True)
class LayerFit:
    """What one layer says of a group of voxels, in units of standardised responses.

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


@dataclass(frozen=True)
class PreparedLayer:
    """A layer, decomposed: all that does not depend on voxels is decided.

    Attributes
    ----------
    solver, precision : str
        As in `EncodingResult`.
    fit : callable
        Maps groups of responses, arrays of shape (n_images, n_voxels), to one LayerFit for each. A group's fit does not
        depend on the other groups.
    """

    solver: str
    precision: str
    fit: Callable[[Sequence[np.ndarray]], list[LayerFit]]


@dataclass(frozen=True)
class Settings:
    """What the layers of one analysis share; `protocol` as for `fit_encoding`."""

    protocol: str
    folds: Sequence[slice]
    alphas: np.ndarray
    device: str


def _settings(
    n_images: int, *, protocol: str = "fast", alphas: np.ndarray = ALPHAS, n_folds: int = 5, device: str = "cpu"
) -> Settings:
    """Check the options of `fit_encoding`, for this number of training images."""
    folds = contiguous_folds(n_images, n_folds)
    return Settings(choose("protocol", protocol, PROTOCOLS), folds, penalties(alphas), find_device(device))


def _prepare(name: str, X: np.ndarray, X_test: np.ndarray, settings: Settings) -> PreparedLayer:
    prepare = _prepare_reference if settings.protocol.startswith("reference") else _prepare_ridge
    try:
        with keeping_memory():
            return prepare(X, X_test, settings)
    except ValueError as error:
        raise ValueError(f"Layer {name}: {error}") from error
    finally:
        release_pages(X)
        release_pages(X_test)


def _prepare_ridge(X: np.ndarray, X_test: np.ndarray, settings: Settings) -> PreparedLayer:
    n, p = X.shape
    few = n < FEW_IMAGES and p >= n  # they leave no residual degrees of freedom, by which generalised CV divides
    k_fold = settings.protocol == "k-fold" or (settings.protocol == "fast" and few)
    design = decompose(X, alphas=settings.alphas, device=settings.device)
    test = project(design, X_test)

    def fit(groups: Sequence[np.ndarray]) -> list[LayerFit]:
        """Fit this layer to each group of voxels."""
        ridges = fit_groups(design, groups, settings.alphas, folds=settings.folds if k_fold else None)
        found = zip(ridges, out_of_fold_errors(ridges, settings.folds), strict=True)
        return [LayerFit(errors, ridge.predict(test).cpu(), ridge.alphas.cpu()) for ridge, errors in found]

    return PreparedLayer(design.solver, design.precision, fit)


def _prepare_reference(X: np.ndarray, X_test: np.ndarray, settings: Settings) -> PreparedLayer:
    sizes = [len(X[fold]) for fold in settings.folds]
    if min(sizes) < 2 or len(X) - max(sizes) < 2 * reference.INNER_FOLDS:
        found = f"{min(sizes)} and {len(X) - max(sizes)}"
        raise ValueError(f"the reference protocol needs 2 images in every fold and 10 in the others, found {found}.")
    X, X_test = reference.zscore(X), reference.zscore(X_test)
    if not X.any():
        raise ValueError(
            f"none of the {X.shape[1]} features varies over the {len(X)} images: they can predict nothing."
        )

    def fit(groups: Sequence[np.ndarray]) -> list[LayerFit]:
        """Fit this layer to each group of voxels, as paper W's package does."""
        alphas = reference.choose_alphas(X, groups, settings.alphas)
        held_out = reference.out_of_fold(X, groups, settings.folds, settings.alphas)
        errors = [y - predicted for y, predicted in zip(groups, held_out, strict=True)]
        found = zip(errors, reference.predict(X, groups, X_test, alphas), alphas, strict=True)
        return [LayerFit(*map(torch.from_numpy, one)) for one in found]

    return PreparedLayer("reference", "double", fit)


# All layers


@dataclass(frozen=True)
class DecomposedLayers:
    """Layers decomposed for some training and test images, to fit any responses to these images.

    Attributes
    ----------
    settings : Settings
    layers : mapping of name to PreparedLayer
    n_images, n_test : int
    """

    settings: Settings
    layers: Mapping[str, PreparedLayer]
    n_images: int
    n_test: int

    def fit(
        self, responses: np.ndarray, test_responses: np.ndarray, memory_bytes: int = MEMORY_BYTES
    ) -> EncodingResult:
        """Fit, stack and score, as `fit_encoding` does.

        Parameters
        ----------
        responses : array of shape (n_images, n_voxels)
        test_responses : array of shape (n_test, n_voxels)
        memory_bytes : int
        """
        return self.fit_parts(responses, test_responses, [slice(None)], memory_bytes)[0]

    def fit_parts(
        self, responses: np.ndarray, test_responses: np.ndarray, parts: ScoredParts, memory_bytes: int = MEMORY_BYTES
    ) -> list[EncodingResult]:
        """Fit and stack once, and score on each part of the test images.

        Parameters
        ----------
        responses : array of shape (n_images, n_voxels)
        test_responses : array of shape (n_test, n_voxels)
        parts : sequence of slices
            Of the test images.
        memory_bytes : int
        """
        y = matrix("training responses", responses, n_rows=self.n_images, finite=False)
        y_test = matrix("test responses", test_responses, n_rows=self.n_test, n_columns=y.shape[1], finite=False)
        layers, usable = list(self.layers.values()), varies(y) & varies(y_test)
        notes = _notes(usable)
        blocks = _blocks(usable, voxels_at_once(len(layers), len(y) + len(y_test), memory_bytes))
        protocol = self.settings.protocol
        with keeping_memory():
            fits = [
                _fit_block(layers, protocol, y, y_test, block, parts) for block in progress(blocks, "fitting voxels")
            ]
        solvers, precisions = (tuple(getattr(one, name) for one in layers) for name in ("solver", "precision"))
        found: list[dict[str, Any]] = [
            _scatter(groups, usable) for groups in zip(*(group for block in fits for group in block), strict=True)
        ]
        shared: dict[str, Any] = {"notes": notes, "solvers": solvers, "precisions": precisions}
        return [EncodingResult(tuple(self.layers), **of_part, **shared) for of_part in found]


def _decompose_layers(X: Features, X_test: Features, settings: Settings) -> DecomposedLayers:
    """Decompose features that fit each other."""
    layers = {name: _prepare(name, X[name], X_test[name], settings) for name in progress(X, "decomposing layers")}
    return DecomposedLayers(settings, layers, *(len(next(iter(part.values()))) for part in (X, X_test)))


def _fit_block(
    layers: Sequence[PreparedLayer],
    protocol: str,
    y: np.ndarray,
    y_test: np.ndarray,
    voxels: np.ndarray,
    parts: ScoredParts,
) -> list[list[dict[str, np.ndarray]]]:
    """Standardise, fit, stack and score a block of voxels: arrays of an `EncodingResult`, for each group and part."""
    raw = zip(_groups(y, voxels), _groups(y_test, voxels), strict=True)
    if protocol == "reference":
        standardised = [(reference.zscore(group), reference.zscore(test)) for group, test in raw]
    else:
        standardised = [by_training(group, test) for group, test in raw]
    groups, test_groups = zip(*standardised, strict=True)
    fitted = zip(_fit_groups(layers, groups), test_groups, strict=True)
    return [_stack_and_score(fits, test, parts) for fits, test in fitted]


def _fit_groups(layers: Sequence[PreparedLayer], groups: Sequence[np.ndarray]) -> Iterator[tuple[LayerFit, ...]]:
    """For each group the fits of all layers."""
    return zip(*(layer.fit(groups) for layer in layers), strict=True)


def _stacked(fits: Sequence[LayerFit]) -> np.ndarray:
    """What the stack predicts of a group of voxels, array of shape (n_test, n_voxels)."""
    weights = simplex_weights(error_products([fit.errors for fit in fits]))
    stacked: np.ndarray = np.einsum("vk,kiv->iv", weights, torch.stack([fit.predictions for fit in fits]).numpy())
    return stacked


def stack_layers(fits: Sequence[LayerFit], y_test: np.ndarray) -> dict[str, np.ndarray]:
    """Stack and score a group of voxels: the arrays of an `EncodingResult`, by name.

    Parameters
    ----------
    fits : sequence of LayerFit
    y_test : array of shape (n_test, n_voxels)
        Standardised as the fits' responses.

    Returns
    -------
    dict of name to array of shape (..., n_voxels)
    """
    return _stack_and_score(fits, y_test, [slice(None)])[0]


def _stack_and_score(fits: Sequence[LayerFit], y_test: np.ndarray, parts: ScoredParts) -> list[dict[str, np.ndarray]]:
    """`stack_layers`, scored on each part of the test images."""
    P = error_products([fit.errors for fit in fits])
    weights = simplex_weights(P)
    predictions = torch.stack([fit.predictions for fit in fits]).numpy()
    alphas = np.stack([fit.alphas.numpy() for fit in fits])
    by_images = {"weights_by_images": _weights_by_images([fit.errors for fit in fits], P, weights)}
    stack = {"weights": weights.T, "alphas": alphas} | by_images
    return [_scores(y_test[part], predictions[:, part], P, weights) | stack for part in parts]


def _weights_by_images(errors: Sequence[torch.Tensor], P: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pseudo-values of the stacking weights (n_layers, n_groups, n_voxels), which are learned without each group."""
    starts, n = group_starts(len(errors[0])), len(errors[0])
    without = []
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        own = error_products([one[start:end] for one in errors])
        share, layers = (end - start) / n, np.arange(len(errors))
        left = P - share * own  # rounding, where a layer errs in this group only
        left[:, layers, layers] = np.maximum(left[:, layers, layers], SMALLEST_LEFT * P[:, layers, layers])
        without.append(simplex_weights(left, weights) if share < 1 else weights)
    return pseudo_values(weights.T, np.stack([one.T for one in without], 1)).astype(np.float32)


def _scores(y_test: np.ndarray, predictions: np.ndarray, P: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    stacked = np.einsum("vk,kiv->iv", weights, predictions)
    score, stacked_score = signed_root(r2(y_test, predictions)), signed_root(r2(y_test, stacked))
    return {
        "score": score,
        "cv_score": signed_root(1 - np.einsum("vkk->kv", P)),  # standardised responses have variance 1
        "stacked_score": stacked_score,
        "score_by_images": _scores_by_images(
            y_test, np.concatenate([predictions, stacked[None]]), np.vstack([score, stacked_score])
        ),
        "stacked_cv_score": signed_root(1 - np.einsum("vi,vij,vj->v", weights, P, weights)),
        "correlation": correlation(y_test, predictions),
        "stacked_correlation": correlation(y_test, stacked),
    }


def _scores_by_images(y_test: np.ndarray, predictions: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Pseudo-values of R (n_layers + 1, n_groups, n_voxels), which is computed without each group of test images."""
    without = signed_root(r2_without(y_test, predictions, group_starts(len(y_test))))
    return np.asarray(pseudo_values(score, without).astype(np.float32))


def _scatter(groups: Sequence[Mapping[str, np.ndarray]], usable: np.ndarray) -> dict[str, np.ndarray]:
    """Put the groups side by side, NaN where a voxel was dropped."""
    whole = {}
    for name in groups[0]:
        values = np.concatenate([group[name] for group in groups], -1)
        whole[name] = np.full((*values.shape[:-1], len(usable)), np.nan)
        whole[name][..., usable] = values
    return whole


def encode(
    participant: Participant,
    network: Network,
    *,
    preprocessing: str = "as-published",
    cache: str | os.PathLike[str] | None = None,
    **options: Unpack[FitOptions],
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
    return encode_together([participant], network, preprocessing=preprocessing, cache=cache, **options)[0]


def encode_together(
    participants: Sequence[Participant],
    network: Network,
    *,
    preprocessing: str = "as-published",
    cache: str | os.PathLike[str] | None = None,
    memory_bytes: int = MEMORY_BYTES,
    **options: Unpack[Protocol],
) -> list[EncodingResult]:
    """`encode` of participants who saw the same images: every layer is decomposed once for all of them.

    Parameters
    ----------
    participants : sequence of Participant
    network, preprocessing, cache, memory_bytes, **options
        As for `encode`; no option changes with the participant.

    Raises
    ------
    ValueError
        The images differ.
    """
    whole = [slice(None)]
    found = encode_parts(
        participants, network, whole, preprocessing=preprocessing, cache=cache, memory_bytes=memory_bytes, **options
    )
    return [of_one for (of_one,) in found]


def encode_parts(
    participants: Sequence[Participant],
    network: Network,
    parts: ScoredParts,
    *,
    preprocessing: str = "as-published",
    cache: str | os.PathLike[str] | None = None,
    memory_bytes: int = MEMORY_BYTES,
    **options: Unpack[Protocol],
) -> list[list[EncodingResult]]:
    """`encode_together`, where the same fits are scored on several parts of the test images.

    Results are kept and shared where COMPANION_RESULTS says (`lib.core.kept`).

    Parameters
    ----------
    participants : sequence of Participant
    network : Network
    parts : sequence of slices
        Of each participant's test images.
    preprocessing, cache, memory_bytes, **options
        As for `encode`.

    Returns
    -------
    list of lists of EncodingResult
        For each participant one result for each part.

    Raises
    ------
    ValueError
        The images differ.
    """
    first = participants[0]
    shown = [first.images(part) for part in (first.train, first.test)]
    ids = [np.r_[one.train.stimulus_ids, one.test.stimulus_ids, len(one.train)] for one in participants]
    if any(not np.array_equal(own, ids[0]) for own in ids):
        raise ValueError("These participants did not see the same images, so they cannot be encoded together.")
    settings = _settings(len(first.train), **options)
    pixels = network.pixels[choose("preprocessing", preprocessing, network.pixels)]

    @lru_cache
    def decomposed() -> DecomposedLayers:
        """The layers, whose pictures are shown when the first participant needs them."""
        X, X_test = (extract(network, images, preprocessing=preprocessing, cache=cache) for images in shown)
        return _decompose_layers(X, X_test, settings)

    seen = [network.name, [*network.layers.items()], network.input_size, PIXELS[pixels], *map(name_of, shown)]
    fitted = [settings.protocol, [[f.start, f.stop] for f in settings.folds], settings.alphas, settings.device]
    scored = [[part.start, part.stop] for part in parts]
    digest = lru_cache(lambda: network.digest)

    def depends(one: Participant) -> list[object]:
        """All that the results of a participant depend on besides the code."""
        known = [*seen, digest(), find_device("auto"), *fitted, scored]
        return [*known, one.train.responses, one.test.responses]

    def fit(one: Participant) -> Mapping[str, np.ndarray]:
        """The results of a participant, computed now; names begin with the part's number."""
        found = decomposed().fit_parts(one.train.responses, one.test.responses, parts, memory_bytes)
        return {f"{i} {name}": array for i, own in enumerate(found) for name, array in arrays_of(own).items()}

    kept_arrays = [kept(__name__, partial(depends, one), partial(fit, one)) for one in participants]
    return [[_result_of_part(arrays, i) for i in range(len(parts))] for arrays in kept_arrays]


def _result_of_part(arrays: Mapping[str, np.ndarray], i: int) -> EncodingResult:
    own = f"{i} "
    return result_of({name.removeprefix(own): array for name, array in arrays.items() if name.startswith(own)})


def arrays_of(result: EncodingResult) -> dict[str, np.ndarray]:
    """A result as arrays by name, to be kept in a file.

    Returns
    -------
    dict of name to array of shape (...)
    """
    return {name: np.asarray(value) for name, value in vars(result).items()}


def result_of(arrays: Mapping[str, np.ndarray]) -> EncodingResult:
    """The result that `arrays_of` took apart; other arrays are ignored.

    Parameters
    ----------
    arrays : mapping of name to array of shape (...)
    """
    found: dict[str, Any] = {one.name: arrays[one.name] for one in fields(EncodingResult)}
    texts = [one.name for one in fields(EncodingResult) if one.type == tuple[str, ...]]
    return EncodingResult(**found | {name: tuple(map(str, found[name])) for name in texts})


def encode_features(participant: Participant, features: ImageFeatures, **options: Unpack[FitOptions]) -> EncodingResult:
    """Predict a participant's voxels from features that are at hand, such as public embeddings.

    Parameters
    ----------
    participant : Participant
    features : ImageFeatures
        Of all images that the participant saw; each of its layers is fitted, and all are stacked.
    **options
        Of `fit_encoding`.
    """
    train, test = (
        {layer: features.of(layer, part.stimulus_ids) for layer in features.layers}
        for part in (participant.train, participant.test)
    )
    return fit_encoding(train, participant.train.responses, test, participant.test.responses, **options)
