"""One layer, whole job: ours, himalaya and scikit-learn in turns.

The job is what stacking needs of a feature space: one of 16 penalties for every voxel, predictions of each of five
folds by a model fitted to the other four, a refit on all training images, predictions of the test images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from sklearn.linear_model import RidgeCV

from benchmarks.harness import Run, Work, in_turns, machine, middle, record, run, table
from lib.analysis.encoding import contiguous_folds
from lib.core.memory import keeping_memory
from lib.core.scores import r2
from lib.solvers.ridge import ALPHAS, decompose, fit_ridge, project

FOLDS = 5


@dataclass(frozen=True)
class Data:
    """Features and responses of the training and test images, arrays of shape (n_images, ...), float32."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class Answer:
    """Out-of-fold predictions (n_images, n_voxels), test predictions (n_test, n_voxels), penalties (n_voxels,)."""

    out_of_fold: np.ndarray
    predictions: np.ndarray
    alphas: np.ndarray


def simulate(n: int, p: int, v: int, seed: int = 0, n_test: int = 500, n_latent: int = 300) -> Data:
    """Features of falling variance, voxels that read them out under noise; scaled as `lib.solvers.ridge` scales."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n + n_test, n_latent), np.float32) / np.sqrt(np.arange(1, n_latent + 1, dtype="f"))
    X = latent @ rng.standard_normal((n_latent, p), np.float32) + rng.standard_normal((n + n_test, p), np.float32)
    y = latent @ rng.standard_normal((n_latent, v), np.float32)
    y = y / y.std(0) + 2 * rng.standard_normal(y.shape, np.float32)
    X, y = X - X[:n].mean(0), (y - y[:n].mean(0)) / y[:n].std(0)
    X /= np.sqrt(X[:n].var(0).mean())
    return Data(X[:n], y[:n], X[n:], y[n:])


def ours(data: Data, *, k_fold: bool = False) -> Answer:
    """`lib.solvers.ridge` as `lib.analysis.encoding` calls it."""
    folds = contiguous_folds(len(data.y), FOLDS)
    with keeping_memory():
        design = decompose(data.X, alphas=ALPHAS)
        test = project(design, data.X_test)
    with keeping_memory():
        ridge = fit_ridge(design, data.y, folds=folds if k_fold else None)
        errors, predictions = ridge.out_of_fold(folds).numpy(), ridge.predict(test).numpy()
    return Answer(data.y - errors, predictions, ridge.alphas.numpy())


def himalaya(data: Data, backend: str) -> Answer:
    """`KernelRidgeCV` inside each fold, and once more for the refit."""
    set_backend(backend)
    convert = torch.from_numpy if backend == "torch" else np.asarray
    return _nested(data, lambda: KernelRidgeCV(ALPHAS.astype("f"), fit_intercept=True, cv=FOLDS, warn=False), convert)


def sklearn(data: Data) -> Answer:
    """`RidgeCV` (leave-one-out, one penalty per voxel) inside each fold, and once more for the refit."""
    return _nested(data, lambda: RidgeCV(ALPHAS, alpha_per_target=True), np.asarray)


def _nested(data: Data, model: Callable, convert: Callable) -> Answer:
    X, y, X_test = map(convert, (data.X, data.y, data.X_test))
    predicted, everything = np.empty_like(data.y), np.arange(len(data.y))
    for fold in contiguous_folds(len(data.y), FOLDS):
        others = np.delete(everything, fold)
        predicted[fold] = np.asarray(model().fit(X[others], y[others]).predict(X[fold]))
    refit = model().fit(X, y)
    alphas = refit.best_alphas_ if hasattr(refit, "best_alphas_") else refit.alpha_
    return Answer(predicted, np.asarray(refit.predict(X_test)), np.asarray(alphas))


PEERS = {
    "himalaya, torch": partial(himalaya, backend="torch"),
    "himalaya, numpy": partial(himalaya, backend="numpy"),
    "scikit-learn RidgeCV": sklearn,
}
OURS = {"ours": ours, "ours, K-fold penalties": partial(ours, k_fold=True)}


def work(data: Data, n_alphas: int) -> Work:
    """What `ours` computes with `n_alphas` penalties in use, and the least it moves."""
    (n, p), m, v = data.X.shape, len(data.X_test), data.y.shape[1]
    block = n // FOLDS
    products = (
        n**2 * p + 14 / 3 * n**3  # Gram matrix, half of it by symmetry; eigenvectors
        + 2 * m * n * p + 2 * m * n**2 + 2 * m * n * v  # test images: coordinates, predictions
        + 4 * n**2 * v + 2 * block * n * v  # U'y, residuals, out-of-fold errors
        + FOLDS * n_alphas * (block**2 * n + block**3 / 3)  # leverage of each fold, and its factors
    )  # fmt: skip
    return Work(products, bytes=4 * (2 * (n + m) * p + 4 * n * v))


def compare(sizes: tuple[int, int, int], seeds: Sequence[int]) -> list[dict[str, object]]:
    """Ours and himalaya on torch with every seed; the slower peers with the first."""
    runs: dict[str, list[Run]] = {}
    scores: dict[str, list[float]] = {}
    for seed in seeds:
        data = simulate(*sizes, seed)
        names = [*OURS, *(PEERS if seed == seeds[0] else list(PEERS)[:1])]
        for name, found in in_turns({name: partial((OURS | PEERS)[name], data) for name in names}, 1).items():
            runs.setdefault(name, []).extend(found)
            scores.setdefault(name, []).append(float(r2(data.y_test, found[0].answer.predictions).mean()))
    limit = machine().limit(work(data, len(np.unique(runs["ours"][-1].answer.alphas))))
    return [_row(name, runs, scores, limit if name == "ours" else None) for name in runs]


def _row(name: str, runs: dict[str, list[Run]], scores: dict[str, list[float]], limit: float | None) -> dict:
    n = len(runs[name])
    same = [a.answer.alphas for a in runs["himalaya, torch"][:n]]
    peaks = [found.peak_bytes for found in runs[name] if found.peak_bytes is not None]
    return {
        "job": name,
        "runs": n,
        "seconds": middle(runs[name]),
        "ours is faster by": middle(runs[name]) / middle(runs["ours"]),
        "limit (s)": limit,
        "mean R2": float(np.mean(scores[name])),
        "R2 of ours minus this": float(np.mean(np.subtract(scores["ours"][:n], scores[name]))),
        "penalties as himalaya": float(
            np.mean([np.isclose(a, b.answer.alphas, rtol=1e-3).mean() for a, b in zip(same, runs[name], strict=True)])
        ),
        "peak GB": max(peaks) / 1e9 if peaks else None,
    }


def main(quick: bool = False) -> None:
    """Print the table and record it."""
    machine()
    run(partial(ours, simulate(200, 400, 300)))  # the first call pays for starting threads
    sizes = (500, 2000, 1500) if quick else (2000, 8000, 6000)
    rows = compare(sizes, range(2 if quick else 5))
    print("One layer, {} images, {} features, {} voxels".format(*sizes))
    print(table(rows))
    record("ridge", {"sizes": dict(zip(("images", "features", "voxels"), sizes, strict=True)), "jobs": rows})


if __name__ == "__main__":
    main()
