"""Stacking weights: ours for all voxels at once against one cvxopt quadratic program per voxel, in turns.

    make bench

Prints a row per number of layers: median seconds of each side, their ratio, and the two checks that make the ratio
mean something: how far ours is from optimal (KKT residual), and how much lower its objective lies than cvxopt's.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from cvxopt import matrix, solvers

from lib.stacking import kkt_residual, simplex_weights


def error_products(n_layers: int, n_voxels: int, n_images: int = 200) -> np.ndarray:
    """P of simulated out-of-fold errors that share half of their variance, as neighbouring layers' errors do."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n_voxels, 1, n_images))
    errors = shared + rng.normal(size=(n_voxels, n_layers, n_images)) * rng.uniform(0.2, 1.5, (n_voxels, n_layers, 1))
    return errors @ errors.transpose(0, 2, 1) / n_images


def cvxopt_weights(P: np.ndarray) -> np.ndarray:
    """One quadratic program per voxel, as paper W's package solves it."""
    n = P.shape[1]
    q, G, h = matrix(np.zeros(n)), matrix(-np.eye(n)), matrix(np.zeros(n))
    A, b = matrix(np.ones((1, n))), matrix(np.ones(1))
    options = {"show_progress": False}
    return np.array([np.ravel(solvers.qp(matrix(p), q, G, h, A, b, options=options)["x"]) for p in P])


def timed(solve: Callable[[np.ndarray], np.ndarray], P: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds on the wall, and the weights."""
    start = time.perf_counter()
    w = solve(P)
    return time.perf_counter() - start, w


def compare(n_layers: int, n_voxels: int, n_runs: int) -> str:
    """A row of the table; the peer solves a twentieth of the voxels, and its time is scaled up."""
    P = error_products(n_layers, n_voxels)
    few = P[: max(1, n_voxels // 20)]
    runs = [(timed(simplex_weights, P), timed(cvxopt_weights, few)) for _ in range(n_runs)]
    ours, theirs = median(r[0][0] for r in runs), median(r[1][0] for r in runs) * n_voxels / len(few)
    (_, w), (_, w_theirs) = runs[0]
    lower = _objective(few, w_theirs) - _objective(few, w[: len(few)])
    return (
        f"{n_layers:6d} {n_voxels:8d} {ours:9.3f} {theirs:9.2f} {theirs / ours:7.0f} x"
        f" {kkt_residual(P, w).max():12.1e} {lower.min():16.1e}"
    )


def _objective(P: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.einsum("vi,vij,vj->v", w, P, w)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of each side, in turns (default 3)")
    runs = parser.parse_args().runs
    simplex_weights(error_products(7, 100))  # the first call pays for starting threads
    print("layers   voxels  ours (s) cvxopt (s)   ratio  KKT residual  objective lower by (at least)")
    for n_layers, n_voxels in ((2, 20_000), (7, 20_000), (20, 5_000), (64, 1_000)):
        print(compare(n_layers, n_voxels, runs), flush=True)


if __name__ == "__main__":
    main()
