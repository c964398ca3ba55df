"""Ridge regression for many voxels at once: one eigendecomposition per feature space, then matrix products.

With centred features X (n, p), the ridge prediction depends on X only through the Gram matrix X X' = U diag(e) U': any
features with the same Gram matrix give the same answer. Write Z = U'y. For every penalty a at once,

    fitted values      U diag(e / (e + a)) Z
    residuals          U diag(a / (e + a)) Z + (the part of y outside the span of U)

so a voxel's error under each of 16 penalties costs 16 n multiplications, and its out-of-fold predictions follow from
the residuals without any refit. The p x v matrix of coefficients is never formed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

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
        Principal axes of the features, where they are fewer than the images (solver "primal").
    n_constant : int
        Features that do not vary over the training images, and so cannot predict.
    """

    features: np.ndarray
    mean: np.ndarray
    scale: float
    U: torch.Tensor
    e: torch.Tensor
    V: torch.Tensor | None
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


def decompose(features: np.ndarray) -> Design:
    """Centre, scale and decompose a feature space.

    Parameters
    ----------
    features : array of shape (n_images, n_features)
        Numpy array or memory map; blocks of columns are read one at a time, sums are kept in float64.

    Raises
    ------
    ValueError
        Fewer than two images, or no feature that varies.
    """
    n, p = features.shape
    if n < 2:
        raise ValueError(f"Ridge regression needs at least 2 images, found {n}.")
    mean = np.mean(features, axis=0, dtype=np.float64)
    variance = np.var(features, axis=0, dtype=np.float64)
    constant = variance <= 1e-14 * np.maximum(mean**2, 1e-300)
    scale = float(np.sqrt(variance[~constant].mean())) if not constant.all() else 0.0
    if scale == 0:
        raise ValueError(f"None of the {p} features varies over the {n} images: they can predict nothing.")
    U, e, V = (_primal if p < n else _dual)(features, mean, scale)
    return Design(features, mean, scale, U, e, V, int(constant.sum()))


def _blocks(features: np.ndarray, mean: np.ndarray, scale: float, n_images: int) -> Iterator[torch.Tensor]:
    """Centred, scaled columns as float64 tensors, as many at a time as BLOCK_BYTES holds for `n_images`."""
    width = max(1, BLOCK_BYTES // (8 * n_images))
    for start in range(0, features.shape[1], width):
        columns = slice(start, start + width)
        yield torch.from_numpy((features[:, columns] - mean[columns]) / scale)


def _eigh(gram: torch.Tensor, n_max: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvectors and eigenvalues that are not rounding errors: at most `n_max`, the largest.

    Centring leaves the Gram matrix a null direction, the constant. Kept, it would look like a direction that the
    features predict at no cost, and generalised cross-validation would collapse to the smallest penalty.
    """
    e, vectors = torch.linalg.eigh(gram)
    keep = e > 1e-10 * e[-1]
    keep[: max(0, len(e) - n_max)] = False
    return vectors[:, keep], e[keep]


def _dual(features: np.ndarray, mean: np.ndarray, scale: float) -> tuple[torch.Tensor, torch.Tensor, None]:
    gram = torch.zeros(len(features), len(features), dtype=torch.float64)
    for block in _blocks(features, mean, scale, len(features)):
        gram += block @ block.T
    return *_eigh(gram, len(features) - 1), None


def _primal(features: np.ndarray, mean: np.ndarray, scale: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    X = torch.cat(list(_blocks(features, mean, scale, len(features))), 1)
    V, e = _eigh(X.T @ X, len(features) - 1)
    return X @ V / e.sqrt(), e, V


@dataclass(frozen=True)
class Ridge:
    """Ridge regression of many voxels on one feature space, one penalty per voxel.

    Attributes
    ----------
    design : Design
    mean : tensor of shape (n_voxels,)
        Of the training responses; the intercept of centred features.
    Z : tensor of shape (rank, n_voxels)
        U' (y - mean).
    outside : tensor of shape (n_images, n_voxels) or None
        The part of y - mean that the features do not span; None if they span everything.
    alphas : tensor of shape (n_voxels,)
    """

    design: Design
    mean: torch.Tensor
    Z: torch.Tensor
    outside: torch.Tensor | None
    alphas: torch.Tensor

    def out_of_fold(self, folds: Sequence[slice]) -> torch.Tensor:
        """Residuals of each fold's images under the model fitted to the other folds, with the same penalty.

        The exact leave-block-out identity r_F = (I - H_FF)^-1 (y - H y)_F, H the hat matrix with intercept: nothing is
        fitted again, and nothing is approximated.

        Returns
        -------
        tensor of shape (n_images, n_voxels)
        """
        d, out = self.design, torch.empty(self.design.n_images, self.Z.shape[1], dtype=self.Z.dtype)
        for alpha in self.alphas.unique():
            voxels = self.alphas == alpha
            keep = alpha / (d.e + alpha)
            residual = d.U @ (keep[:, None] * self.Z[:, voxels])
            if self.outside is not None:
                residual += self.outside[:, voxels]
            out[:, voxels] = torch.cat([torch.linalg.solve(_leverage(d, keep, F), residual[F]) for F in folds])
        return out

    def predict(self, coordinates: torch.Tensor) -> torch.Tensor:
        """Predicted responses to other images, tensor of shape (n_images, n_voxels).

        Parameters
        ----------
        coordinates : tensor of shape (n_images, rank)
            `project(design, features)` of those images.
        """
        e = self.design.e[:, None]
        return coordinates @ (e.sqrt() / (e + self.alphas) * self.Z) + self.mean


def _leverage(design: Design, keep: torch.Tensor, fold: slice) -> torch.Tensor:
    """I - H_FF of one fold, (n_fold, n_fold), written without subtracting nearly equal numbers when U spans all."""
    U = design.U[fold]
    spanned = (U * keep) @ U.T
    if not design.n_outside:
        return spanned
    return spanned + torch.eye(len(U), dtype=U.dtype) - U @ U.T - 1 / design.n_images


def project(design: Design, features: np.ndarray) -> torch.Tensor:
    """Other images' coordinates along the principal axes of the training features, tensor of shape (n_images, rank)."""
    if design.V is not None:
        return torch.cat(list(_blocks(features, design.mean, design.scale, len(features))), 1) @ design.V
    both = [_blocks(images, design.mean, design.scale, len(design.features)) for images in (features, design.features)]
    cross = sum(other @ train.T for other, train in zip(*both, strict=True))
    return cross @ (design.U / design.e.sqrt())


def gcv(design: Design, Z: torch.Tensor, outside: torch.Tensor | None, alphas: np.ndarray) -> torch.Tensor:
    """Generalised cross-validation (Golub, Heath & Wahba 1979) of every penalty for every voxel.

    Returns
    -------
    tensor of shape (n_alphas, n_voxels)
        Mean squared residual over the squared share of residual degrees of freedom, n - 1 - trace(H).
    """
    keep = torch.as_tensor(alphas)[:, None] / (design.e + torch.as_tensor(alphas)[:, None])
    squares = keep**2 @ Z**2
    if outside is not None:
        squares += (outside**2).sum(0)
    freedom = keep.sum(1) + design.n_outside
    return squares / freedom[:, None] ** 2


def fit_ridge(design: Design, y: np.ndarray, alphas: np.ndarray = ALPHAS) -> Ridge:
    """Fit every voxel, each with the penalty that generalised cross-validation prefers.

    Parameters
    ----------
    design : Design
        Of the training images.
    y : array of shape (n_images, n_voxels)
    alphas : array of shape (n_alphas,), > 0
        In units of the scaled features' eigenvalues, whose sum is n_images x n_features.
    """
    y = torch.as_tensor(y, dtype=design.U.dtype)
    mean = y.mean(0)
    Z = design.U.T @ (y - mean)
    outside = y - mean - design.U @ Z if design.n_outside else None
    best = gcv(design, Z, outside, alphas).argmin(0)
    return Ridge(design, mean, Z, outside, torch.as_tensor(alphas)[best])
