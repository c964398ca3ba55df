"""Decoding at the size of Generic Object Decoding: 1200 trials, 4000 voxels of which each of 1000 units keeps 500.

Ridge regression against FastL2LiR; sparse regression against a loop over units that takes, as the published code does,
a pseudo-inverse of the covariance in every iteration.

FastL2LiR lives in an environment of its own, made once below _build, or wherever FASTL2LIR_PYTHON says.
"""

import os
import subprocess
import venv
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness import Run, Work, in_turns, machine, middle, record, run, table
from lib.analysis.decoding import decode, select, standardise
from lib.solvers.sparse import N_ITERATIONS, PRUNE, STILL

SIZE = {"n": 1200, "p": 4000, "units": 1000, "kept": 500}
QUICK = {"n": 200, "p": 300, "units": 40, "kept": 60}
ALPHA = 100.0
N_TEST, N_PEER_UNITS = 50, 2  # the loop over units is timed on this many, and scaled up
SCRIPT = Path(__file__).with_name("fastl2lir_fit.py")
ENVIRONMENT = Path(__file__).parents[1] / "_build" / "fastl2lir"


def simulate(n: int, p: int, units: int) -> dict[str, np.ndarray]:
    """Voxels and units that share 30 dimensions, under noise: arrays X, Y and X_test."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(n + N_TEST, 30))
    X = latent @ rng.normal(size=(30, p)) * rng.uniform(0, 0.15, p) + rng.normal(size=(n + N_TEST, p))
    Y = latent[:n] @ rng.normal(size=(30, units)) + 5 * rng.normal(size=(n, units))
    return {"X": X[:n], "Y": Y, "X_test": X[n:]}


def peer_python() -> str:
    """The interpreter that has FastL2LiR; its environment is made if there is none yet."""
    named = os.environ.get("FASTL2LIR_PYTHON")
    if named:
        return named
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "numpy<2.4", "fastl2lir==0.11"], check=True)
    return str(python)


def fastl2lir(data: dict[str, np.ndarray], kept: int) -> dict[str, np.ndarray]:
    """Predictions and seconds, from the other environment."""
    with TemporaryDirectory() as folder:
        given, answer = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(given, **data, alpha=ALPHA, n_voxels=kept)
        subprocess.run([peer_python(), SCRIPT, given, answer], check=True, stderr=subprocess.DEVNULL)
        return dict(np.load(answer))


def work(n: int, p: int, units: int, kept: int) -> Work:
    """Operations of ridge regression in float64: X'X, half of it by symmetry, and a Cholesky factor per unit.

    Besides them there is Y'X, from which the voxels are chosen, and a first look at a tenth of it.
    """
    return Work(flops64=n * p**2 + units * kept**3 / 3 + 2 * n * p * units * (1 + 0.1))


def ridge_row(n: int, p: int, units: int, kept: int, n_runs: int) -> dict[str, object]:
    """A row of the table: both in turns, and how far the predictions are apart."""
    data = simulate(n, p, units)
    ours = partial(decode, data["X"], data["Y"], data["X_test"], "ridge", kept, alpha=ALPHA)
    runs = in_turns({"ours": ours, "peer": partial(fastl2lir, data, kept)}, n_runs)
    theirs = float(np.median([r.answer["seconds"] for r in runs["peer"]]))
    apart = np.abs(runs["ours"][0].answer - runs["peer"][0].answer["predictions"]).max() / data["Y"].std()
    limit = machine().limit(work(n, p, units, kept))
    return _row("ridge", "fastl2lir", units, middle(runs["ours"]), theirs, apart, limit)


def slr_by_pinv(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sparse regression of one unit with a pseudo-inverse per iteration, and voxels dropped as there."""
    used, variance, weights = np.arange(X.shape[1]), 1 / np.mean(X**2, 0), np.zeros(X.shape[1])
    for _ in range(N_ITERATIONS):
        gram, xy = X[:, used].T @ X[:, used], X[:, used].T @ y
        inverse = np.linalg.pinv(gram + np.diag(1 / variance))
        weights[:] = 0
        weights[used] = inverse @ xy
        noise = (y @ y - weights[used] @ xy) / len(y)
        before, variance = variance, np.sqrt(variance * weights[used] ** 2 / noise / np.diag(gram @ inverse))
        if np.abs(variance - before).max() < STILL:
            break
        keep = variance > PRUNE * variance.max()
        used, variance = used[keep], variance[keep]
    return weights


def peer_slr(data: dict[str, np.ndarray], kept: int, units: int) -> np.ndarray:
    """Steps 1 to 5 with `slr_by_pinv`, unit by unit, the constant a column of its own."""
    voxels, y_mean, y_std = standardise(data["X"], data["X_test"]), data["Y"].mean(0), data["Y"].std(0, ddof=1)
    predictions = np.empty((N_TEST, units))
    for unit in range(units):
        y = (data["Y"][:, unit] - y_mean[unit]) / y_std[unit]
        chosen = select((y @ voxels.train)[None], kept)[0]
        X, X_test = (np.c_[part[:, chosen], np.ones(len(part))] for part in (voxels.train, voxels.test))
        predictions[:, unit] = X_test @ slr_by_pinv(X, y) * y_std[unit] + y_mean[unit]
    return predictions


def slr_row(n: int, p: int, units: int, kept: int, n_ours: int) -> dict[str, object]:
    """A row of the table: some units of ours and fewer of the peer's, both scaled up to all."""
    data = simulate(n, p, units)
    ours = run(partial(decode, data["X"], data["Y"][:, :n_ours], data["X_test"], "slr", kept))
    theirs = run(partial(peer_slr, data, kept, N_PEER_UNITS))
    apart = np.abs(ours.answer[:, :N_PEER_UNITS] - theirs.answer).max() / data["Y"].std()
    return _row("slr", "pinv loop", units, _scaled(ours, units, n_ours), _scaled(theirs, units, N_PEER_UNITS), apart)


def _scaled(measured: Run, units: int, n_measured: int) -> float:
    return measured.seconds * units / n_measured


def _row(
    regression: str, peer: str, units: int, ours: float, theirs: float, apart: float, limit: float | None = None
) -> dict[str, object]:
    return {
        "regression": regression,
        "peer": peer,
        "units": units,
        "ours (s)": ours,
        "limit (s)": limit,
        "peer (s)": theirs,
        "ours is faster by": theirs / ours,
        "predictions apart by (SD of units)": float(apart),
    }


def main(quick: bool = False) -> None:
    """Print the table and record it."""
    size, n_runs, n_slr = (QUICK, 1, 4) if quick else (SIZE, 9, 16)
    decode(np.eye(9), np.eye(9), np.eye(9), n_voxels=2)  # the first call pays for starting threads
    rows = [ridge_row(**size, n_runs=n_runs), slr_row(**size, n_ours=n_slr)]
    print(table(rows))
    record("decoding", rows)


if __name__ == "__main__":
    main()
