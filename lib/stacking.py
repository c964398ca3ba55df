"""Stacking (Wolpert 1992, Breiman 1996): the convex combination of feature spaces that predicts each voxel best.

For one voxel with out-of-fold errors e_k (n,) of K feature spaces and P_ij = mean(e_i e_j), the weights minimise w'Pw
over w >= 0, sum(w) = 1. Geometrically: the point of the convex hull of the errors that is nearest to the origin.
Wolfe's algorithm (1976) finds it exactly in finitely many steps; here it runs for all voxels at once.
"""

import numpy as np
import torch

TOLERANCE = 1e-12


def error_products(errors: torch.Tensor) -> torch.Tensor:
    """P of every voxel.

    Parameters
    ----------
    errors : tensor of shape (n_layers, n_images, n_voxels)

    Returns
    -------
    float64 tensor of shape (n_voxels, n_layers, n_layers)
    """
    errors = errors.double()
    return torch.einsum("inv,jnv->vij", errors, errors) / errors.shape[1]


def simplex_weights(P: np.ndarray) -> np.ndarray:
    """Minimise w'Pw over w >= 0, sum(w) = 1, for every voxel.

    Parameters
    ----------
    P : array of shape (n_voxels, n_layers, n_layers)
        Symmetric positive semi-definite.

    Returns
    -------
    array of shape (n_voxels, n_layers)
        Layers with identical errors share their weight equally.

    Raises
    ------
    ValueError
        Wrong shape, or NaN.
    """
    P = torch.as_tensor(P, dtype=torch.float64)
    if P.ndim != 3 or P.shape[1] != P.shape[2] or P.shape[1] == 0:
        raise ValueError(
            f"P must have shape (n_voxels, n_layers, n_layers) with at least one layer, found {tuple(P.shape)}."
        )
    if not P.isfinite().all():
        raise ValueError("P holds NaN or infinite values; drop those voxels first.")
    scale = P.diagonal(dim1=1, dim2=2).mean(1).clamp_min(torch.finfo(P.dtype).tiny)
    return _share(P, _wolfe(P / scale[:, None, None])).numpy()


def kkt_residual(P: np.ndarray, w: np.ndarray) -> np.ndarray:
    """How far from optimal: largest violation of (Pw)_k >= w'Pw, relative to the mean of P's diagonal.

    At the optimum no layer's error has a smaller product with the combined error than the combined error with itself.

    Returns
    -------
    array of shape (n_voxels,), >= 0
    """
    gradient = np.einsum("vij,vj->vi", P, w)
    value = np.einsum("vi,vi->v", gradient, w)
    scale = np.trace(P, axis1=1, axis2=2) / P.shape[1]
    return np.maximum(0, value - gradient.min(1)) / np.where(scale > 0, scale, 1)


def _wolfe(P: torch.Tensor) -> torch.Tensor:
    """Nearest points of all voxels; each round, those not yet optimal add a layer and re-solve."""
    n_voxels, n_layers, _ = P.shape
    first = P.diagonal(dim1=1, dim2=2).argmin(1)
    w = torch.nn.functional.one_hot(first, n_layers).double()
    support = w.bool()
    todo = torch.arange(n_voxels)
    for _ in range(20 * n_layers):  # each round lowers w'Pw; a handful is enough in practice
        gradient = (P[todo] @ w[todo, :, None])[..., 0]
        slack = gradient - (gradient * w[todo]).sum(1, keepdim=True)
        slack[support[todo]] = torch.inf
        best, layer = slack.min(1)
        improvable = best < -TOLERANCE
        todo, layer = todo[improvable], layer[improvable]
        if not len(todo):
            break
        support[todo, layer] = True
        w[todo], support[todo] = _step(P[todo], w[todo], support[todo])
    return w


def _step(P: torch.Tensor, w: torch.Tensor, support: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Move to the nearest point of the supports' affine hulls, dropping layers whose weight would turn negative."""
    todo = torch.arange(len(P))
    while len(todo):
        target = _affine_minimum(P[todo], support[todo])
        shrinks = support[todo] & (target < TOLERANCE)
        ratio = torch.where(shrinks, w[todo] / (w[todo] - target).clamp_min(TOLERANCE), torch.inf)
        step = ratio.amin(1).clamp(0, 1)
        w[todo] += step[:, None] * (target - w[todo])
        leaves = shrinks & (ratio <= step[:, None])
        support[todo] = support[todo] & ~leaves
        w[todo] = torch.where(support[todo], w[todo], 0.0)
        todo = todo[leaves.any(1)]
    return w / w.sum(1, keepdim=True), support


def _affine_minimum(P: torch.Tensor, support: torch.Tensor) -> torch.Tensor:
    """Minimise w'Pw subject to sum(w) = 1 and w = 0 outside the support: tensor of shape (n_voxels, n_layers).

    One bordered system per voxel; layers outside the support get a row of the identity.
    """
    n_voxels, n_layers, _ = P.shape
    s = support.double()
    system = torch.zeros(n_voxels, n_layers + 1, n_layers + 1, dtype=P.dtype)
    system[:, :-1, :-1] = P * s[:, :, None] * s[:, None, :] + torch.diag_embed(1 - s)
    system[:, -1, :-1] = system[:, :-1, -1] = s
    right = torch.zeros(n_voxels, n_layers + 1, dtype=P.dtype)
    right[:, -1] = 1
    return torch.linalg.solve(system, right)[:, :-1]


def _share(P: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Give layers with identical errors equal weights: the prediction is the same, whatever their order."""
    diagonal = P.diagonal(dim1=1, dim2=2)
    distance = diagonal[:, :, None] + diagonal[:, None, :] - 2 * P
    same = (distance <= TOLERANCE * diagonal.mean(1)[:, None, None]).double()
    return (same @ w[..., None])[..., 0] / same.sum(2)
