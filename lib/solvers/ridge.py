"""Ridge regression for many voxels at once: one eigendecomposition per feature space, then matrix products.

With centred features X (n, p), the ridge prediction depends on X only through the Gram matrix X X' = U diag(e) U': any
features with the same Gram matrix give the same answer. Write Z = U'y. For every penalty a,

    fitted values      U diag(e / (e + a)) Z
    residuals          y minus those; where U spans all images but the constant, U diag(a / (e + a)) Z

so the errors of 16 penalties cost 16 n multiplications a voxel, and out-of-fold predictions follow from the residuals
without any refit. The p x v matrix of coefficients is formed only on request.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.linalg import eigh

from lib.core.device import positive_inverse, product
from lib.core.scale import constant_columns, power_of_two
from lib.core.validation import matrix, penalties

ALPHAS = 10.0 ** np.arange(-6, 10)
BLOCK_BYTES = 256 * 2**20
SINGLE_FROM = 1000  # images; with fewer, double precision takes no time worth saving
MARGIN = 2  # times the rounding error of single precision: what eigenvalue plus penalty must exceed


@dataclass(frozen=True)
class Design:
    """A feature space of the training images, decomposed.

    Attributes
    ----------
    features : array of shape (n_images, n_features)
        As given; a memory-mapped file is read in blocks of columns.
    mean : array of shape (n_features,)
    scale : float
        Root mean variance of the features. Dividing a whole layer by one number keeps rarely active units small;
        scaling each unit to unit variance would make a few test images enormous.
    U : tensor of shape (n_images, rank)
        Orthonormal, and orthogonal to the constant.
    e : tensor of shape (rank,)
        Eigenvalues of the centred, scaled Gram matrix, all > 0.
    V : tensor of shape (n_features, rank) or None
        Principal axes of the features, where these are fewer than the images (solver "primal").
    precision : str
        "single" or "double": how the Gram matrix was computed and decomposed.
    n_constant : int
        Features that do not vary over the training images, and so cannot predict.
    """

    features: np.ndarray
    mean: np.ndarray
    scale: float
    U: torch.Tensor
    e: torch.Tensor
    V: torch.Tensor | None
    precision: str
    n_constant: int

    @property
    def solver(self) -> str:
        """Which Gram matrix was decomposed: "primal" (features x features) or "dual" (images x images)."""
        return "dual" if self.V is None else "primal"

    @property
    def n_images(self) -> int:
        """Training images."""
        return len(self.U)

    @property
    def n_outside(self) -> int:
        """Dimensions, besides the constant, that the features do not span (n - 1 - rank)."""
        return self.n_images - 1 - len(self.e)


def decompose(features: np.ndarray, *, alphas: np.ndarray | None = None, device: str = "cpu") -> Design:
    """Centre, scale and decompose a feature space.

    The Gram matrix is computed and decomposed in double precision. Single precision takes half the time. It is used if
    the penalties to come are given, and it is as good for all of them whatever the responses: for float32 features of
    at least SINGLE_FROM images, not fewer features than images, and no rounding error that matters
    (`needs_float64`). All that is kept has the features' type in both cases.

    Parameters
    ----------
    features : array of shape (n_images, n_features)
        Numpy array or memory map, read in blocks.
    alphas : array of shape (n_alphas,), optional
        The penalties that `fit_ridge` will choose from.
    device : str
        Of PyTorch, for the products: "cpu", "cuda", or "mps" (Apple's, which has float32 only).

    Raises
    ------
    ValueError
        Fewer than two images, NaN, or no feature that varies.

    Examples
    --------
    >>> design = decompose(np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]))
    >>> design.solver, design.precision, design.n_constant, tuple(design.U.shape)
    ('primal', 'double', 1, (4, 1))
    """
    features = matrix("features", features, min_rows=2, finite=False)
    n, p = features.shape
    mean, extremes = _mean_and_extremes(features)
    n_constant = int(constant_columns(extremes).sum())
    if n_constant == p:
        raise ValueError(f"none of the {p} features varies over the {n} images: they can predict nothing.")
    dtype = torch.float32 if features.dtype == np.float32 or device == "mps" else torch.float64
    unit = float(power_of_two(extremes - mean).max())
    gram, scale = None, unit
    if alphas is not None and dtype == torch.float32 and p >= n >= SINGLE_FROM:
        gram, scale = _scaled_gram(features, mean, unit, p - n_constant, dtype, device)
        gram = None if needs_float64(gram, penalties(alphas).min()) else gram
    if gram is None:
        gram, scale = _scaled_gram(features, mean, unit, p - n_constant, torch.float64, device)
    precision = "double" if gram.dtype == torch.float64 else "single"
    e, axes = _eigh(gram, n - 1, device)
    U, V = axes, None
    if p < n:
        rows = _blocks(features, mean, scale, axes.dtype, by_rows=True)
        U, V = torch.cat([block.to(axes.device) @ axes for block in rows]) / e.sqrt(), axes.to(dtype).to(device)
    return Design(features, mean, scale, U.to(dtype).to(device), e.to(dtype).to(device), V, precision, n_constant)


def decompose_gram(gram: torch.Tensor) -> Design:
    """Decompose the Gram matrix of features that need not be known, such as a weighted sum of Gram matrices.

    The design has no features, and so neither axes nor coefficients. The constant is made the largest direction, and
    left out: small eigenvalues cannot mix with it.

    Parameters
    ----------
    gram : tensor of shape (n_images, n_images)
        Of type float32 or float64, as what is kept; it is centred and decomposed in double precision.
    """
    centred = gram.cpu().to(torch.float64, copy=True)
    centred -= centred.mean(0)
    centred -= centred.mean(1, keepdim=True)
    e, U = _eigh(centred + 2 * centred.trace() / len(gram), len(gram), gram.device.type)
    none = np.empty((len(gram), 0), np.float32)
    return Design(none, none[0], 1.0, U[:, :-1].to(gram), e[:-1].to(gram), None, "double", 0)


def needs_float64(gram: torch.Tensor, alpha: float) -> bool:
    """Tell whether a Gram matrix in single precision is too coarse for a penalty, for some responses.

    Rounding moves eigenvalues by some eps times the largest; sqrt(n) eps is never exceeded in practice. A direction
    counts by its eigenvalue plus the penalty, so this sum must stay well above the error in all directions but the
    constant, which centring has removed. That is one Cholesky factorisation, a fortieth of a decomposition's time.

    Parameters
    ----------
    gram : tensor of shape (n_images, n_images)
        Centred and scaled, float32.
    alpha : float
        The smallest penalty to come.
    """
    n, size = len(gram), float(torch.linalg.norm(gram))  # at least the largest eigenvalue, and rarely twice as much
    least = MARGIN * _rounding(gram.dtype, n) * size - alpha
    if least <= 0:
        return False
    shifted = gram + size / n
    shifted.diagonal().sub_(least)
    return bool(torch.linalg.cholesky_ex(shifted)[1] > 0)


def _rounding(dtype: torch.dtype, n: int) -> float:
    """Error of the eigenvalues of a Gram matrix of n images or features, over the largest of them."""
    return float(torch.finfo(dtype).eps * n**0.5)


def _mean_and_extremes(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and smallest and largest value, of every feature; a file is read once."""
    step = max(1, BLOCK_BYTES // (8 * features.shape[1]))
    total, extremes = np.zeros(features.shape[1]), features[:1].repeat(2, 0)
    for start in range(0, len(features), step):
        rows = features[start : start + step]
        total += rows.sum(0, dtype=np.float64)
        extremes = np.stack([np.minimum(extremes[0], rows.min(0)), np.maximum(extremes[1], rows.max(0))])
    _check_finite("features", total, features)
    return total / len(features), extremes


def _check_finite(name: str, found: np.ndarray, given: np.ndarray) -> None:
    """Refuse input of which a result is not finite."""
    if not np.isfinite(found).all():
        matrix(name, given)  # tells where NaN or infinity is
        raise ValueError(f"{name}: the numbers are too large to be added up; divide all of them by a constant.")


def _scaled_gram(
    features: np.ndarray, mean: np.ndarray, unit: float, n_varying: int, dtype: torch.dtype, device: str
) -> tuple[torch.Tensor, float]:
    """Gram matrix (of features if these are fewer than images) of the centred, scaled features, and their scale."""
    by_rows = features.shape[1] < len(features)
    gram = np.zeros((min(features.shape),) * 2)
    for block in _blocks(features, mean, unit, dtype, by_rows=by_rows):
        gram += _times_itself(block.T if by_rows else block, device).numpy()
    variance = float(np.trace(gram)) / (len(features) * n_varying)
    gram /= variance
    return torch.from_numpy(gram).to(dtype), unit * variance**0.5


def _blocks(
    features: np.ndarray,
    mean: np.ndarray,
    scale: float,
    dtype: torch.dtype,
    *,
    by_rows: bool = False,
    n_images: int = 0,
) -> Iterator[torch.Tensor]:
    """Centred, scaled features in blocks of at most BLOCK_BYTES: all images by some columns, or some images by all."""
    length = features.shape[1] if by_rows else max(n_images, len(features))
    step = max(1, BLOCK_BYTES // (8 * length))
    for start in range(0, features.shape[0 if by_rows else 1], step):
        part = slice(start, start + step)
        given, centre = (features[part], mean) if by_rows else (features[:, part], mean[part])
        block = np.empty(given.shape, np.float64 if dtype == torch.float64 else np.float32)
        for row, out in zip(np.asarray(given), block, strict=True):  # float64, as long as it is in the cache
            np.divide(row - centre, scale, out=out, casting="same_kind")
        yield torch.from_numpy(block)


def _times_itself(block: torch.Tensor, device: str) -> torch.Tensor:
    """x x', tensor of shape (n, n) on the processor; Apple's device has no float64."""
    block = block.to("cpu" if device == "mps" and block.dtype == torch.float64 else device)
    return product(block, block.T).cpu()


def _eigh(gram: torch.Tensor, n_max: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest eigenvalues, at most `n_max` and none that is a rounding error, and their eigenvectors.

    Centring leaves the Gram matrix of images a null direction, the constant. Kept, it would look like a direction that
    the features predict at no cost, and generalised cross-validation would collapse to the smallest penalty.
    """
    if device == "cuda":
        e, vectors = torch.linalg.eigh(gram.cuda())
    else:  # PyTorch has none for Apple's device, and on a processor takes twice as long as SciPy for 4000 images
        found = eigh(gram.numpy().T, driver="evd", overwrite_a=True, check_finite=False)
        e, vectors = map(torch.from_numpy, found)
    keep = e > _rounding(gram.dtype, len(e)) * e[-1]
    keep[: max(0, len(e) - n_max)] = False
    return e[keep], vectors[:, keep].contiguous()


def project(design: Design, features: np.ndarray) -> torch.Tensor:
    """Other images' coordinates along the principal axes of the training features.

    Parameters
    ----------
    design : Design
    features : array of shape (n_other, n_features)

    Returns
    -------
    tensor of shape (n_other, rank)

    Raises
    ------
    ValueError
        Another number of features, or NaN.
    """
    features = matrix("features", features, n_columns=design.features.shape[1], finite=False)
    dtype, device = design.U.dtype, design.U.device
    if design.V is not None:
        rows = _blocks(features, design.mean, design.scale, dtype, by_rows=True)
        coordinates = torch.cat([block.to(device) @ design.V for block in rows])
    else:
        coordinates = product(_cross(design, features).to(dtype).to(device), design.U) / design.e.sqrt()
    _check_finite("features", coordinates.cpu().numpy(), features)
    return coordinates


def _cross(design: Design, features: np.ndarray) -> torch.Tensor:
    """Products of other images' features with the training images', float64 tensor of shape (n_other, n_images)."""
    dtype, device = design.U.dtype, design.U.device
    cross = torch.zeros(len(features), design.n_images, dtype=torch.float64)
    both = (features, design.features)
    longest = max(map(len, both))  # both are cut at the same columns
    columns = (_blocks(f, design.mean, design.scale, dtype, n_images=longest) for f in both)
    for other, train in zip(*columns, strict=True):
        cross += product(other.to(device), train.to(device).T).cpu()
    return cross


@dataclass(frozen=True)
class Ridge:
    """Ridge regression of many voxels on one feature space, one penalty per voxel.

    Attributes
    ----------
    design : Design
    y : tensor of shape (n_images, n_voxels)
        Training responses minus their mean.
    mean : tensor of shape (n_voxels,)
        Of the training responses: the intercept, since the features are centred.
    Z : tensor of shape (rank, n_voxels)
        U' y.
    alphas : tensor of shape (n_voxels,)
    """

    design: Design
    y: torch.Tensor
    mean: torch.Tensor
    Z: torch.Tensor
    alphas: torch.Tensor

    def residuals(self) -> torch.Tensor:
        """Training responses minus fitted values, tensor of shape (n_images, n_voxels)."""
        e = self.design.e[:, None]
        if self.design.n_outside:
            return self.y - product(self.design.U, e / (e + self.alphas) * self.Z)
        return product(self.design.U, self.alphas / (e + self.alphas) * self.Z)

    def out_of_fold(self, folds: Sequence[slice]) -> torch.Tensor:
        """Residuals of each fold's images under the model fitted to the other folds, with the same penalty.

        The exact leave-block-out identity r_F = (I - H_FF)^-1 (y - H y)_F, H the hat matrix with intercept: nothing is
        fitted again, and nothing is approximated.

        Returns
        -------
        tensor of shape (n_images, n_voxels)
        """
        return out_of_fold_errors([self], folds)[0]

    def predict(self, coordinates: torch.Tensor) -> torch.Tensor:
        """Predicted responses to other images, tensor of shape (n_other, n_voxels).

        Parameters
        ----------
        coordinates : tensor of shape (n_other, rank)
            `project(design, features)` of those images.
        """
        e = self.design.e[:, None]
        return product(coordinates, e.sqrt() / (e + self.alphas) * self.Z) + self.mean

    def coefficients(self) -> torch.Tensor:
        """Weights of the raw features, tensor of shape (n_features, n_voxels); for AlexNet's Conv-1 that is large."""
        d, e = self.design, self.design.e[:, None]
        along = 1 / (e + self.alphas) * self.Z
        if d.V is not None:
            return d.V @ (e.sqrt() * along) / d.scale
        along = d.U @ along
        columns = _blocks(d.features, d.mean, d.scale, d.U.dtype)
        return torch.cat([block.to(along.device).T @ along for block in columns]) / d.scale


FoldErrors = Callable[[Ridge, slice, torch.Tensor], torch.Tensor]


def out_of_fold_errors(ridges: Sequence[Ridge], folds: Sequence[slice]) -> list[torch.Tensor]:
    """`Ridge.out_of_fold` of several groups of voxels on one design: each matrix I - H_FF is inverted once for all.

    Voxels are sorted by their penalty, so that those of one penalty lie side by side and nothing is copied.

    Parameters
    ----------
    ridges : sequence of Ridge
        With the same design. The errors of a group do not depend on the other groups.
    folds : sequence of slices

    Returns
    -------
    list of tensors of shape (n_images, n_voxels)
    """
    orders = [torch.argsort(ridge.alphas, stable=True) for ridge in ridges]
    ridges = [_sorted(ridge, order) for ridge, order in zip(ridges, orders, strict=True)]
    residuals = [ridge.residuals() for ridge in ridges]
    for alpha in sorted(set(torch.cat([ridge.alphas for ridge in ridges]).tolist())):
        runs = [_run(ridge.alphas, alpha) for ridge in ridges]
        for fold in folds:
            errors = _fold_errors(ridges[0].design, alpha, fold)
            for ridge, left, voxels in zip(ridges, residuals, runs, strict=True):
                if voxels.start < voxels.stop:
                    left[fold, voxels] = errors(ridge, voxels, left[fold, voxels])
    return [left[:, torch.argsort(order)] for left, order in zip(residuals, orders, strict=True)]


def _run(alphas: torch.Tensor, alpha: float) -> slice:
    """Where a penalty stands in ascending penalties."""
    ascending = alphas.contiguous()
    start, stop = (int(torch.searchsorted(ascending, alpha, right=right)) for right in (False, True))
    return slice(start, stop)


def _sorted(ridge: Ridge, order: torch.Tensor) -> Ridge:
    """The same regression, its voxels in another order."""
    if (order[1:] > order[:-1]).all():
        return ridge
    y, Z = ridge.y[:, order], ridge.Z[:, order]
    return replace(ridge, y=y, Z=Z, mean=ridge.mean[order], alphas=ridge.alphas[order])


def _fold_errors(design: Design, alpha: float, fold: slice) -> FoldErrors:
    """A function from a regression, some of its voxels and the fold's residuals to the fold's out-of-fold errors.

    Where the features span the fold's images, but not all, I - H_FF is a difference of which rounding leaves nothing if
    the penalty is small. Then the other images are fitted again, in double precision.
    """
    leverage = _leverage(design, alpha, fold)
    if design.n_outside and _nearly_singular(leverage):
        return _fitted_again(design, alpha, fold)
    inverse = positive_inverse(leverage)
    return lambda ridge, voxels, residuals: product(inverse, residuals)


def _nearly_singular(matrix: torch.Tensor) -> bool:
    factor, failed = torch.linalg.cholesky_ex(matrix.cpu())
    return bool(failed > 0) or float(factor.diagonal().min()) ** 4 < torch.finfo(matrix.dtype).eps


def _fitted_again(design: Design, alpha: float, fold: slice) -> FoldErrors:
    T, e = design.U.cpu().double(), design.e.cpu().double()
    T = T * e.sqrt()
    others = torch.ones(len(T), dtype=torch.bool)
    others[fold] = False
    mean = T[others].mean(0)
    A = T[others] - mean
    weights = torch.linalg.solve(A.T @ A + alpha * torch.eye(len(e), dtype=T.dtype), A.T)

    def errors(ridge: Ridge, voxels: slice, residuals: torch.Tensor) -> torch.Tensor:
        """The fold's errors under a fit to the other images."""
        Y = ridge.y[:, voxels].cpu().double()
        left = Y - Y[others].mean(0)
        found: torch.Tensor = (left[fold] - (T[fold] - mean) @ (weights @ left[others])).to(residuals)
        return found

    return errors


def _leverage(design: Design, alpha: float, fold: slice) -> torch.Tensor:
    """I - H_FF of one fold, (n_fold, n_fold), written without subtracting nearly equal numbers when U spans all."""
    U, shrunk, device = design.U[fold], alpha / (design.e + alpha), design.U.device
    if not design.n_outside:
        return _times_itself(U * shrunk.sqrt(), device.type).to(device)
    fitted = _times_itself(U * (1 - shrunk).sqrt(), device.type).to(device)
    return torch.eye(len(U), dtype=U.dtype, device=device) - fitted - 1 / design.n_images


def gcv(ridge: Ridge, alphas: torch.Tensor) -> torch.Tensor:
    """Generalised cross-validation (Golub, Heath & Wahba 1979) of every penalty for every voxel.

    Parameters
    ----------
    ridge : Ridge
    alphas : tensor of shape (n_alphas,)

    Returns
    -------
    tensor of shape (n_alphas, n_voxels)
        Squared residuals over the squared residual degrees of freedom, n - 1 - trace(H).
    """
    d, squares = ridge.design, ridge.Z**2
    shrunk = alphas[:, None] / (d.e + alphas[:, None])
    freedom = shrunk.sum(1, keepdim=True) + d.n_outside
    cost = (shrunk / freedom) ** 2 @ squares
    if d.n_outside:
        cost += (ridge.y.square().sum(0) - squares.sum(0)).clamp_min(0) / freedom**2
    return cost


def k_fold(ridges: Sequence[Ridge], alphas: torch.Tensor, folds: Sequence[slice]) -> list[torch.Tensor]:
    """Mean over folds of the mean squared out-of-fold residual, of every penalty for every voxel.

    Parameters
    ----------
    ridges : sequence of Ridge
        Groups of voxels on one design, as for `out_of_fold_errors`.
    alphas : tensor of shape (n_alphas,)
    folds : sequence of slices

    Returns
    -------
    list of tensors of shape (n_alphas, n_voxels)
    """
    costs = []
    for alpha in alphas:
        errors = out_of_fold_errors([replace(ridge, alphas=alpha.expand(len(ridge.alphas))) for ridge in ridges], folds)
        costs.append([torch.stack([e[fold].square().mean(0) for fold in folds]).mean(0) for e in errors])
    return [torch.stack(of_one) for of_one in zip(*costs, strict=True)]


def _squarable(ridge: Ridge) -> Ridge:
    """The same regression, in units in which squared responses stay within the range of numbers."""
    largest = torch.maximum(ridge.y.amax(0), -ridge.y.amin(0)).clamp_min(torch.finfo(ridge.y.dtype).tiny)
    if 1e-9 < largest.min() and largest.max() < 1e9:
        return ridge
    return replace(ridge, y=ridge.y / largest, Z=ridge.Z / largest)


def fit_ridge(
    design: Design, y: np.ndarray | torch.Tensor, alphas: np.ndarray = ALPHAS, *, folds: Sequence[slice] | None = None
) -> Ridge:
    """Fit every voxel, each with the penalty that predicts it best.

    Parameters
    ----------
    design : Design
        Of the training images.
    y : array of shape (n_images, n_voxels)
    alphas : array of shape (n_alphas,)
        Between 1e-20 and 1e20, in units of the scaled features' eigenvalues, whose sum is n_images x n_features.
    folds : sequence of slices, optional
        Choose penalties by cross-validation over these folds. By default by generalised cross-validation, which needs
        no products with U.

    Raises
    ------
    ValueError
        Another number of images, NaN, a penalty that is none.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> design = decompose(X)
    >>> ridge = fit_ridge(design, 3 * X + 1, [1e-6])
    >>> ridge.coefficients().numpy().round(3), ridge.predict(project(design, [[10.0]])).numpy().round(3)
    (array([[3.]]), array([[31.]]))
    """
    return fit_groups(design, [y], alphas, folds=folds)[0]


def fit_groups(
    design: Design,
    groups: Sequence[np.ndarray | torch.Tensor],
    alphas: np.ndarray = ALPHAS,
    *,
    folds: Sequence[slice] | None = None,
) -> list[Ridge]:
    """`fit_ridge` of several groups of voxels, which share what depends on the design alone.

    Parameters
    ----------
    design : Design
    groups : sequence of arrays of shape (n_images, n_voxels)
        The fit of a group does not depend on the other groups, to the last bit.
    alphas : array of shape (n_alphas,)
    folds : sequence of slices, optional
        Both as for `fit_ridge`.
    """
    grid = torch.as_tensor(penalties(alphas), dtype=design.U.dtype, device=design.U.device)
    ridges = [_projected(design, y, grid[:1]) for y in groups]
    scaled = [_squarable(ridge) for ridge in ridges]
    costs = k_fold(scaled, grid, folds) if folds else [gcv(ridge, grid) for ridge in scaled]
    best = [cost.nan_to_num(torch.inf, torch.inf).argmin(0) for cost in costs]
    return [replace(ridge, alphas=grid[own]) for ridge, own in zip(ridges, best, strict=True)]


def _projected(design: Design, y: np.ndarray | torch.Tensor, alpha: torch.Tensor) -> Ridge:
    """Centre responses in double precision and project them; every voxel gets the same penalty."""
    U, y = design.U, matrix("responses", y, n_rows=design.n_images, finite=False)
    mean = y.mean(0, dtype=np.float64)
    _check_finite("responses", mean, y)
    number = np.float32 if U.dtype == torch.float32 else np.float64
    centred = torch.from_numpy(np.subtract(y, mean, out=np.empty(y.shape, number), casting="same_kind")).to(U.device)
    means = torch.as_tensor(mean, dtype=U.dtype, device=U.device)
    return Ridge(design, centred, means, product(U.T, centred), alpha.expand(y.shape[1]))
