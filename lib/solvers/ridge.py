"""Ridge regression for many voxels at once: one eigendecomposition per feature space, then matrix products.

With centred features X (n, p), the ridge prediction depends on X only through the Gram matrix X X' = U diag(e) U': any
features with the same Gram matrix give the same answer. Write Z = U'y. For every penalty a,

    fitted values      U diag(e / (e + a)) Z
    residuals          y minus those; where U spans all images but the constant, U diag(a / (e + a)) Z

so the errors of 16 penalties cost 16 n multiplications a voxel, and out-of-fold predictions follow from the residuals
without any refit. The p x v matrix of coefficients is formed only on request.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.linalg import eigh

from lib.core.device import product, solve_positive

ALPHAS = 10.0 ** np.arange(-6, 10)
BLOCK_BYTES = 256 * 2**20


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
    floor : float
        Smallest eigenvalue that is not mostly rounding error; penalties near it are not to be trusted.
    n_constant : int
        Features that do not vary over the training images, and so cannot predict.
    """

    features: np.ndarray
    mean: np.ndarray
    scale: float
    U: torch.Tensor
    e: torch.Tensor
    V: torch.Tensor | None
    floor: float
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


def decompose(features: np.ndarray, *, precise: bool = True, device: str = "cpu") -> Design:
    """Centre, scale and decompose a feature space.

    Parameters
    ----------
    features : array of shape (n_images, n_features)
        Numpy array or memory map, read in blocks.
    precise : bool
        Whether the Gram matrix of float32 features is multiplied and decomposed in float64 all the same. In float32
        that takes half as long, and is as good unless penalties come near `Design.floor`. All else follows the
        features' type; float64 features are never rounded.
    device : str
        Of PyTorch, for the products: "cpu", "cuda", or "mps" (Apple's, which has float32 only).

    Raises
    ------
    ValueError
        Fewer than two images, or no feature that varies.
    """
    n, p = features.shape
    if n < 2:
        raise ValueError(f"ridge regression needs at least 2 images, found {n}.")
    mean = np.mean(features, axis=0, dtype=np.float64)
    dtype, gram_dtype = _dtypes(features, precise, device)
    gram, variance = (_gram_of_features if p < n else _gram_of_images)(features, mean, gram_dtype, device)
    constant = variance <= 1e-12 * mean**2
    if constant.all():
        raise ValueError(f"none of the {p} features varies over the {n} images: they can predict nothing.")
    scale = float(np.sqrt(variance[~constant].mean()))
    gram /= scale**2
    gram = torch.from_numpy(gram).to(gram_dtype)  # the float64 sum is not needed any more
    e, axes, floor = _eigh(gram, n - 1, device)
    U, V = axes, None
    if p < n:
        rows = _blocks(features, mean, scale, gram_dtype, by_rows=True)
        U, V = torch.cat([block.to(axes.device) @ axes for block in rows]) / e.sqrt(), axes.to(dtype).to(device)
    return Design(features, mean, scale, U.to(dtype).to(device), e.to(dtype).to(device), V, floor, int(constant.sum()))


def _dtypes(features: np.ndarray, precise: bool, device: str) -> tuple[torch.dtype, torch.dtype]:
    """Of what is kept, and of the Gram matrix on its way to the eigenvectors."""
    single = features.dtype == np.float32 or device == "mps"
    dtype = torch.float32 if single else torch.float64
    return dtype, torch.float64 if precise or features.shape[1] < len(features) else dtype


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
    number = np.float64 if dtype == torch.float64 else np.float32
    mean = (mean / scale).astype(number)
    for start in range(0, features.shape[0 if by_rows else 1], step):
        part = slice(start, start + step)
        block = np.multiply(features[part] if by_rows else features[:, part], 1 / scale, dtype=number)
        block -= mean if by_rows else mean[part]
        yield torch.from_numpy(block)


def _times_itself(block: torch.Tensor, device: str) -> torch.Tensor:
    """x x', tensor of shape (n, n) on the processor; Apple's device has no float64."""
    block = block.to("cpu" if device == "mps" and block.dtype == torch.float64 else device)
    return product(block, block.T).cpu()


def _gram_of_images(
    features: np.ndarray, mean: np.ndarray, dtype: torch.dtype, device: str
) -> tuple[np.ndarray, np.ndarray]:
    gram, variance = np.zeros((len(features), len(features))), []
    for block in _blocks(features, mean, 1.0, dtype):
        gram += _times_itself(block, device).numpy()
        variance.append(torch.linalg.vecdot(block, block, dim=0) / len(block))
    return gram, torch.cat(variance).double().numpy()


def _gram_of_features(
    features: np.ndarray, mean: np.ndarray, dtype: torch.dtype, device: str
) -> tuple[np.ndarray, np.ndarray]:
    gram = sum(_times_itself(block.T, device) for block in _blocks(features, mean, 1.0, dtype, by_rows=True)).numpy()
    return gram, np.diag(gram) / len(features)


def _eigh(gram: torch.Tensor, n_max: int, device: str) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The largest eigenvalues, at most `n_max` and none that is a rounding error; their eigenvectors; the error's size.

    Centring leaves the Gram matrix of images a null direction, the constant. Kept, it would look like a direction that
    the features predict at no cost, and generalised cross-validation would collapse to the smallest penalty.
    """
    if device == "cuda":
        e, vectors = torch.linalg.eigh(gram.cuda())
    else:  # PyTorch has none for Apple's device, and on a processor takes twice as long as SciPy for 4000 images
        found = eigh(gram.numpy().T, driver="evd", overwrite_a=True, check_finite=False)
        e, vectors = map(torch.from_numpy, found)
    floor = torch.finfo(gram.dtype).eps * len(e) ** 0.5 * e[-1]
    keep = e > floor
    keep[: max(0, len(e) - n_max)] = False
    return e[keep], vectors[:, keep].contiguous(), float(floor)


def project(design: Design, features: np.ndarray) -> torch.Tensor:
    """Other images' coordinates along the principal axes of the training features, tensor of shape (n_images, rank)."""
    dtype, device = design.U.dtype, design.U.device
    if design.V is not None:
        rows = _blocks(features, design.mean, design.scale, dtype, by_rows=True)
        return torch.cat([block.to(device) @ design.V for block in rows])
    return product(_cross(design, features).to(dtype).to(device), design.U) / design.e.sqrt()


def _cross(design: Design, features: np.ndarray) -> torch.Tensor:
    """Products of other images' features with the training images', float64 tensor of shape (n_other, n_images)."""
    dtype, device = design.U.dtype, design.U.device
    cross = torch.zeros(len(features), design.n_images, dtype=torch.float64)
    both = (features, design.features)
    columns = (_blocks(f, design.mean, design.scale, dtype, n_images=design.n_images) for f in both)
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
        Training responses.
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
            return self.y - self.mean - product(self.design.U, e / (e + self.alphas) * self.Z)
        return product(self.design.U, self.alphas / (e + self.alphas) * self.Z)

    def out_of_fold(self, folds: Sequence[slice]) -> torch.Tensor:
        """Residuals of each fold's images under the model fitted to the other folds, with the same penalty.

        The exact leave-block-out identity r_F = (I - H_FF)^-1 (y - H y)_F, H the hat matrix with intercept: nothing is
        fitted again, and nothing is approximated.

        Returns
        -------
        tensor of shape (n_images, n_voxels)
        """
        residuals = self.residuals()
        for alpha in self.alphas.unique():
            voxels = torch.nonzero(self.alphas == alpha)[:, 0]
            for fold in folds:
                part = residuals[fold]
                part.index_copy_(1, voxels, solve_positive(_leverage(self.design, alpha, fold), part[:, voxels]))
        return residuals

    def predict(self, coordinates: torch.Tensor) -> torch.Tensor:
        """Predicted responses to other images, tensor of shape (n_images, n_voxels).

        Parameters
        ----------
        coordinates : tensor of shape (n_images, rank)
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


def _leverage(design: Design, alpha: torch.Tensor, fold: slice) -> torch.Tensor:
    """I - H_FF of one fold, (n_fold, n_fold), written without subtracting nearly equal numbers when U spans all."""
    U, shrunk, device = design.U[fold], alpha / (design.e + alpha), design.U.device
    if not design.n_outside:
        return _times_itself(U * shrunk.sqrt(), device.type).to(device)
    fitted = _times_itself(U * (1 - shrunk).sqrt(), device.type).to(device)
    return torch.eye(len(U), dtype=U.dtype, device=device) - fitted - 1 / design.n_images


def gcv(ridge: Ridge, alphas: torch.Tensor) -> torch.Tensor:
    """Generalised cross-validation (Golub, Heath & Wahba 1979) of every penalty for every voxel.

    Returns
    -------
    tensor of shape (n_alphas, n_voxels)
        Squared residuals over the squared residual degrees of freedom, n - 1 - trace(H).
    """
    d, squares = ridge.design, ridge.Z**2
    shrunk = alphas[:, None] / (d.e + alphas[:, None])
    cost = shrunk**2 @ squares
    if d.n_outside:
        cost += ridge.y.var(0, correction=0) * d.n_images - squares.sum(0)
    return cost / (shrunk.sum(1) + d.n_outside)[:, None] ** 2


def k_fold(ridge: Ridge, alphas: torch.Tensor, folds: Sequence[slice]) -> torch.Tensor:
    """Mean over folds of the mean squared out-of-fold residual, of every penalty for every voxel.

    Returns
    -------
    tensor of shape (n_alphas, n_voxels)
    """
    cost = torch.empty(len(alphas), len(ridge.alphas), dtype=alphas.dtype, device=alphas.device)
    for alpha, row in zip(alphas, cost, strict=True):
        errors = replace(ridge, alphas=alpha.expand(len(ridge.alphas))).out_of_fold(folds)
        row[:] = torch.stack([errors[fold].square().mean(0) for fold in folds]).mean(0)
    return cost


def fit_ridge(
    design: Design, y: np.ndarray, alphas: np.ndarray = ALPHAS, *, folds: Sequence[slice] | None = None
) -> Ridge:
    """Fit every voxel, each with the penalty that predicts it best.

    Parameters
    ----------
    design : Design
        Of the training images.
    y : array of shape (n_images, n_voxels)
    alphas : array of shape (n_alphas,), > 0
        In units of the scaled features' eigenvalues, whose sum is n_images x n_features.
    folds : sequence of slices, optional
        Choose penalties by cross-validation over these folds. By default by generalised cross-validation, which needs
        no products with U.
    """
    U = design.U
    y = torch.as_tensor(y, dtype=U.dtype, device=U.device)
    grid = torch.as_tensor(alphas, dtype=U.dtype, device=U.device)
    mean = y.mean(0)
    ridge = Ridge(design, y, mean, product(U.T, y - mean), grid[:1].expand(y.shape[1]))
    cost = k_fold(ridge, grid, folds) if folds else gcv(ridge, grid)
    return replace(ridge, alphas=grid[cost.argmin(0)])
