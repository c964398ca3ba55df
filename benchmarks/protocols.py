"""The whole analysis of five small layers: the default protocol against paper W's package, stacking-fmri."""

from functools import partial

import numpy as np
from stacking_fmri.stacking import stacking_fmri

from benchmarks.harness import in_turns, middle, record, table
from lib.analysis.encoding import EncodingResult, fit_encoding
from lib.core.scores import signed_root

N, N_TEST, P, V, LAYERS = 600, 200, 400, 300, 5


def simulate(seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Layers that share a part, voxels that read out one of them each; arguments of `fit_encoding`."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(N + N_TEST, P))
    layers = {f"layer{k}": shared + rng.normal(size=shared.shape) for k in range(LAYERS)}
    signal = np.stack([X @ rng.normal(size=(P, V)) for X in layers.values()])[rng.integers(LAYERS, size=V), :, range(V)]
    y = signal.T / signal.std() + rng.normal(size=(N + N_TEST, V))
    train, test = ({name: X[part] for name, X in layers.items()} for part in (slice(N), slice(N, None)))
    return train, y[:N], test, y[N:]


def package(train: dict[str, np.ndarray], y: np.ndarray, test: dict[str, np.ndarray], y_test: np.ndarray) -> tuple:
    """The authors' own function."""
    return stacking_fmri(y, y_test, list(train.values()), list(test.values()))


def main(quick: bool = False) -> None:
    """Print the table and record it."""
    data = simulate()
    jobs = {
        "ours": partial(fit_encoding, *data),
        "ours, reference protocol": partial(fit_encoding, *data, protocol="reference"),
        "stacking-fmri": partial(package, *data),
    }
    jobs["ours"]()  # the first call pays for starting threads
    runs = in_turns(jobs, 1 if quick else 3)
    ours = middle(runs["ours"])
    results = {name: found[0].answer for name, found in runs.items()}
    published = signed_root(results["stacking-fmri"][0])
    rows = [
        {
            "job": name,
            "seconds": middle(found),
            "ours is faster by": middle(found) / ours,
            "mean stacked R2": _stacked(results[name]),
            "R2 of a layer differs by at most": _difference(results[name], published),
        }
        for name, found in runs.items()
    ]
    print(f"{LAYERS} layers, {N} images, {P} features each, {V} voxels")
    print(table(rows))
    record("protocols", rows)


def _stacked(result: EncodingResult | tuple) -> float:
    if isinstance(result, tuple):
        return float(np.mean(result[1]))
    return float(np.mean(result.stacked_score * np.abs(result.stacked_score)))


def _difference(result: EncodingResult | tuple, published: np.ndarray) -> float:
    score = published if isinstance(result, tuple) else result.score
    return float(np.abs(score * np.abs(score) - published * np.abs(published)).max())


if __name__ == "__main__":
    main()
