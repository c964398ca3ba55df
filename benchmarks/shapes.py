"""One layer on shapes drawn at random: ours beside himalaya given precomputed kernels.

himalaya gets what it can use best: the kernel of all images is computed once, and every fold reads its own part of it.
Shapes and spectra come from a seed, so that nobody chose where the comparison is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV

from benchmarks.harness import in_turns, machine, record, table
from benchmarks.ridge import FOLDS, Answer, Data, ours, simulate, work
from lib.analysis.encoding import contiguous_folds
from lib.solvers.ridge import ALPHAS

SEED, N_SHAPES, N_TEST = 2024, 12, 300
RANGES = {"images": (1000, 3000), "features": (2000, 20_000), "voxels": (2000, 20_000)}
N_SIGNAL = 300  # directions of image space that voxels read out


@dataclass(frozen=True)
class LayerShape:
    """Sizes of one layer and its voxels, the spectrum of its features ("decaying" or "flat"), and the data's seed."""

    images: int
    features: int
    voxels: int
    spectrum: str
    seed: int

    def data(self) -> Data:
        """Features and responses of this shape."""
        sizes = (self.images, self.features, self.voxels)
        if self.spectrum == "decaying":
            return simulate(*sizes, self.seed, N_TEST, N_SIGNAL)
        return _flat(*sizes, self.seed)


def draw_shapes(n_shapes: int = N_SHAPES, seed: int = SEED, smaller: int = 1) -> Iterator[LayerShape]:
    """Shapes of log-uniform sizes within `RANGES`, divided by `smaller`; spectra take turns."""
    rng = np.random.default_rng(seed)
    for i in range(n_shapes):
        sizes = [round(np.exp(rng.uniform(*np.log(ends))) / smaller) for ends in RANGES.values()]
        yield LayerShape(*sizes, ("decaying", "flat")[i % 2], seed + i)


def _flat(n: int, p: int, v: int, seed: int) -> Data:
    """Features that are independent and of one variance; voxels read the first ones out, under noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n + N_TEST, p), np.float32)
    y = X[:, :N_SIGNAL] @ rng.standard_normal((min(N_SIGNAL, p), v), np.float32)
    y = y / y.std(0) + 2 * rng.standard_normal(y.shape, np.float32)
    X, y = X - X[:n].mean(0), (y - y[:n].mean(0)) / y[:n].std(0)
    return Data(X[:n], y[:n], X[n:], y[n:])


def given_kernels(data: Data) -> Answer:
    """himalaya's `KernelRidgeCV` inside each fold and for the refit, on parts of kernels that are computed once."""
    set_backend("torch")
    X, y, X_test = map(torch.from_numpy, (data.X, data.y, data.X_test))
    K, K_test = X @ X.T, X_test @ X.T
    predicted, everything = np.empty_like(data.y), np.arange(len(y))
    for fold in contiguous_folds(len(y), FOLDS):
        others = np.delete(everything, fold)
        fitted = _model().fit(K[others][:, others], y[others])
        predicted[fold] = np.asarray(fitted.predict(K[fold][:, others]))
    refit = _model().fit(K, y)
    return Answer(predicted, np.asarray(refit.predict(K_test)), np.asarray(refit.best_alphas_))


def _model() -> KernelRidgeCV:
    return KernelRidgeCV(ALPHAS.astype("f"), kernel="precomputed", fit_intercept=True, cv=FOLDS, warn=False)


JOBS = {"ours": ours, "ours, K-fold": partial(ours, k_fold=True), "himalaya": given_kernels}


def compare(shape: LayerShape, n_runs: int = 1) -> dict[str, object]:
    """All jobs in turns on one shape: seconds, ratios, and ours beside the arithmetic limit."""
    data = shape.data()
    found = in_turns({name: partial(job, data) for name, job in JOBS.items()}, n_runs)
    seconds = {name: min(one.seconds for one in runs) for name, runs in found.items()}
    alphas = {name: runs[-1].answer.alphas for name, runs in found.items()}
    limit = machine().limit(work(data, len(np.unique(alphas["ours"]))))
    return {
        **asdict(shape),
        **{f"{name} (s)": value for name, value in seconds.items()},
        "ours is faster by": seconds["himalaya"] / seconds["ours"],
        "K-fold is faster by": seconds["himalaya"] / seconds["ours, K-fold"],
        "times the limit": seconds["ours"] / limit,
        "penalties as himalaya": float(np.isclose(alphas["himalaya"], alphas["ours, K-fold"], rtol=1e-3).mean()),
    }


def summary(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Smallest, median and largest of what was compared, over shapes."""
    names = ("ours is faster by", "K-fold is faster by", "times the limit")
    values = {name: [float(str(row[name])) for row in rows] for name in names}
    return [
        {"over shapes": n, "least": min(v), "median": float(np.median(v)), "most": max(v)} for n, v in values.items()
    ]


def main(quick: bool = False) -> None:
    """Print a row per shape and their distribution, and record both."""
    machine()
    compare(LayerShape(200, 400, 300, "flat", 0))  # the first calls pay for starting threads
    rows = []
    for shape in draw_shapes(2 if quick else N_SHAPES, smaller=10 if quick else 1):
        rows.append(compare(shape))
        print(table(rows[-1:]), flush=True)
    print(table(summary(rows)))
    record("shapes", {"seed": SEED, "shapes": rows, "summary": summary(rows)})


if __name__ == "__main__":
    main()
