"""Stacking weights: ours for all voxels at once against one cvxopt quadratic program per voxel, in turns.

Two checks make the ratio mean something: how far ours is from optimal (KKT residual), and how much lower its objective
lies than cvxopt's.
"""

from functools import partial

import numpy as np
from cvxopt import matrix, solvers

from benchmarks.harness import in_turns, middle, record, table
from lib.solvers.stacking import kkt_residual, simplex_weights

SIZES = ((2, 20_000), (7, 20_000), (20, 5000), (64, 5000))  # layers, voxels


def error_products(n_layers: int, n_voxels: int, n_images: int = 200) -> np.ndarray:
    """P of simulated out-of-fold errors that share half of their variance, as neighbouring layers' errors do."""
    rng = np.random.default_rng(0)
    P = np.empty((n_voxels, n_layers, n_layers))
    for start in range(0, n_voxels, 1000):
        part = P[start : start + 1000]
        shared = rng.normal(size=(len(part), 1, n_images))
        errors = shared + rng.normal(size=(len(part), n_layers, n_images)) * rng.uniform(
            0.2, 1.5, (len(part), n_layers, 1)
        )
        part[:] = errors @ errors.transpose(0, 2, 1) / n_images
    return P


def cvxopt_weights(P: np.ndarray) -> np.ndarray:
    """One quadratic program per voxel, as paper W's package solves it."""
    n = P.shape[1]
    q, G, h = matrix(np.zeros(n)), matrix(-np.eye(n)), matrix(np.zeros(n))
    A, b = matrix(np.ones((1, n))), matrix(np.ones(1))
    options = {"show_progress": False}
    return np.array([np.ravel(solvers.qp(matrix(p), q, G, h, A, b, options=options)["x"]) for p in P])


def compare(n_layers: int, n_voxels: int, n_runs: int) -> dict[str, object]:
    """A row of the table; the peer solves a twentieth of the voxels, and its time is scaled up."""
    P = error_products(n_layers, n_voxels)
    few = P[: max(1, n_voxels // 20)]
    runs = in_turns({"ours": partial(simplex_weights, P), "cvxopt": partial(cvxopt_weights, few)}, n_runs)
    ours, theirs = middle(runs["ours"]), middle(runs["cvxopt"]) * n_voxels / len(few)
    w, w_theirs = (runs[name][0].answer for name in ("ours", "cvxopt"))
    lower = _objective(few, w_theirs) - _objective(few, w[: len(few)])
    return {
        "layers": n_layers,
        "voxels": n_voxels,
        "ours (s)": ours,
        "cvxopt (s)": theirs,
        "ours is faster by": theirs / ours,
        "KKT residual": float(kkt_residual(P, w).max()),
        "objective lower by at least": float(lower.min()),
    }


def _objective(P: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.einsum("vi,vij,vj->v", w, P, w)


def main(quick: bool = False) -> None:
    """Print the table and record it."""
    simplex_weights(error_products(7, 100))  # the first call pays for starting threads
    rows = [compare(layers, voxels // (20 if quick else 1), 1 if quick else 3) for layers, voxels in SIZES]
    print(table(rows))
    record("stacking", rows)


if __name__ == "__main__":
    main()
