"""Stacking (Wolpert 1992, Breiman 1996): the convex combination of feature spaces that predicts each voxel best.

For one voxel with out-of-fold errors d_k (n,) of K feature spaces and P_ij = mean(d_i d_j), the weights minimise w'Pw
over w >= 0, sum(w) = 1. Up to its sum, w is the x >= 0 with Px >= 1 where every layer either has no weight or meets the
bound: a linear complementarity problem. Block principal pivoting (Judice & Pires 1994) solves it exactly in a few
rounds, each one small linear system per voxel, for all voxels at once.
"""

from collections.abc import Sequence

import numpy as np
import torch

RIDGE = 1e-10  # of each layer's own error: makes the solution unique, so that identical layers share a weight equally
TOLERANCE = 1e-9
PATIENCE = 3  # rounds without progress before a voxel changes one layer at a time, which cannot cycle
CHUNK_BYTES = 16 * 2**20  # of errors in float64, a few times the processor's cache
MAX_ROUNDS = 50  # per layer; six rounds in all are usual, and rounding must not make this endless


def error_products(errors: Sequence[torch.Tensor]) -> np.ndarray:
    """Compute P of every voxel.

    Multiplied and summed in float64: float32 products would leave matrices that are not positive semi-definite.

    Parameters
    ----------
    errors : sequence of tensor of shape (n_images, n_voxels)
        One per layer.

    Returns
    -------
    float64 array of shape (n_voxels, n_layers, n_layers)
    """
    n_images, n_voxels = errors[0].shape
    P = np.empty((n_voxels, len(errors), len(errors)))
    step = max(1, CHUNK_BYTES // (8 * n_images * len(errors)))
    for start in range(0, n_voxels, step):
        chunk = torch.stack([e[:, start : start + step].T.cpu() for e in errors], 1).double()
        P[start : start + step] = chunk @ chunk.mT / n_images  # (voxels, layers, layers)
    return P


def simplex_weights(P: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Minimise w'Pw over w >= 0, sum(w) = 1, for every voxel.

    Parameters
    ----------
    P : array of shape (n_voxels, n_layers, n_layers)
        Symmetric positive semi-definite.
    start : array of shape (n_voxels, n_layers), optional
        Weights of a similar problem: the fewer layers differ in use, the faster; the solution is the same.

    Returns
    -------
    array of shape (n_voxels, n_layers)
        Layers with identical errors share their weight equally.

    Raises
    ------
    ValueError
        Wrong shape, NaN, or a negative mean square.

    Examples
    --------
    Two layers that err independently, one with twice the mean square of the other:

    >>> simplex_weights(np.array([[[2.0, 0.0], [0.0, 1.0]]])).round(3)
    array([[0.333, 0.667]])
    """
    products = torch.as_tensor(np.asarray(P, np.float64))
    if products.ndim != 3 or products.shape[1] != products.shape[2] or products.shape[1] == 0:
        shape = tuple(products.shape)
        raise ValueError(f"P must have shape (n_voxels, n_layers, n_layers) with at least one layer, found {shape}.")
    squares = products.diagonal(dim1=1, dim2=2)
    if not products.isfinite().all() or (squares < 0).any():
        raise ValueError("P holds NaN, infinite values or negative mean squares; drop those voxels first.")
    # In units of the best layer, so that a layer that errs a million times more cannot hide the others.
    least = squares.where(squares > 0, torch.inf).amin(1).nan_to_num(posinf=1.0).maximum(1e-300 * squares.amax(1))
    ridge = RIDGE * torch.maximum(squares, least[:, None])
    used = torch.ones(products.shape[:2], dtype=torch.bool) if start is None else torch.as_tensor(start > 0)
    x = _complementary((products + torch.diag_embed(ridge)) / least[:, None, None], used.clone())
    return np.asarray((x / x.sum(1, keepdim=True)).numpy())


def kkt_residual(P: np.ndarray, w: np.ndarray) -> np.ndarray:
    """How far from optimal: largest violation of (Pw)_k >= w'Pw, relative to the mean of P's diagonal.

    At the optimum no layer's error has a smaller product with the combined error than the combined error with itself.

    Parameters
    ----------
    P : array of shape (n_voxels, n_layers, n_layers)
    w : array of shape (n_voxels, n_layers)

    Returns
    -------
    array of shape (n_voxels,)
        0 or more.
    """
    gradient = np.einsum("vij,vj->vi", P, w)
    value = np.einsum("vi,vi->v", gradient, w)
    scale = np.trace(P, axis1=1, axis2=2) / P.shape[1]
    return np.asarray(np.maximum(0, value - gradient.min(1)) / np.where(scale > 0, scale, 1))


def _complementary(P: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
    """The x >= 0 with Px >= 1 and x'(Px - 1) = 0 of every voxel, tensor of shape (n_voxels, n_layers).

    Each round solves for the layers in use and swaps those on the wrong side: negative weight, or bound not met.
    """
    x = torch.zeros_like(P[..., 0])
    todo, fewest = torch.arange(len(P)), torch.full((len(P),), P.shape[1] + 1)
    stalled = torch.zeros(len(P), dtype=torch.int)
    for _ in range(MAX_ROUNDS * P.shape[1]):
        x[todo] = _solve(P[todo], used[todo])
        wrong = _wrong_side(P[todo], x[todo], used[todo])
        todo, wrong = todo[wrong.any(1)], wrong[wrong.any(1)]
        if not len(todo):
            break
        count = wrong.sum(1)
        stalled[todo] = torch.where(count < fewest[todo], 0, stalled[todo] + 1)
        fewest[todo] = torch.minimum(count, fewest[todo])
        slow = stalled[todo] > PATIENCE
        wrong[slow] = _last_only(wrong[slow])
        used[todo] ^= wrong
    return x.clamp_min(0)


def _solve(P: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
    """Px = 1 among the layers in use, zero elsewhere: layers not in use get a row of the identity."""
    u = used.to(P.dtype)
    among_used = P * u[:, :, None] * u[:, None, :] + torch.diag_embed(1 - u)
    return torch.cholesky_solve(u[..., None], torch.linalg.cholesky_ex(among_used)[0])[..., 0]


def _wrong_side(P: torch.Tensor, x: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
    """Layers in use with negative weight, and layers not in use whose bound is not met."""
    bound = (P @ x[..., None])[..., 0] - 1
    return torch.where(used, x < -TOLERANCE * x.amax(1, keepdim=True), bound < -TOLERANCE)


def _last_only(wrong: torch.Tensor) -> torch.Tensor:
    """Of each row's marked layers the last (Murty 1974): with a positive definite P this rule ends."""
    last = wrong.shape[1] - 1 - wrong.flip(1).int().argmax(1)
    return torch.nn.functional.one_hot(last, wrong.shape[1]).bool()
