"""The whole analysis of five layers on a graphics card in single precision, beside the processor and himalaya.

Without a card nothing is recorded, and that is said.
"""

from functools import partial

import numpy as np
import torch

from benchmarks.harness import in_turns, middle, record, table
from lib.analysis.encoding import DEVICE_TOLERANCE, fit_encoding
from lib.solvers.ridge import ALPHAS

N, N_TEST, P, V, LAYERS = 6000, 1000, 20_000, 5000, 5
QUICK = 600, 100, 1000, 200, 2


def simulate(n: int, n_test: int, p: int, v: int, layers: int) -> tuple:
    """Random layers that share a part, and voxels that read out the last; arguments of `fit_encoding`, float32."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n + n_test, p), np.float32)
    X = {f"layer{k}": shared + rng.standard_normal(shared.shape, np.float32) for k in range(layers)}
    signal = X[f"layer{layers - 1}"] @ rng.standard_normal((p, v), np.float32) / np.float32(np.sqrt(p))
    y = signal + rng.standard_normal(signal.shape, np.float32)
    train, test = ({name: one[part] for name, one in X.items()} for part in (slice(n), slice(n, None)))
    return train, y[:n], test, y[n:]


def himalaya(train: dict[str, np.ndarray], y: np.ndarray, *_: object) -> None:
    """Every layer's penalties by himalaya on the card, five folds."""
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import KernelRidgeCV

    set_backend("torch_cuda")
    for X in train.values():
        KernelRidgeCV(alphas=ALPHAS, cv=5).fit(X, y)


def main(quick: bool = False) -> None:
    """Print the table and record it; without a card, say so."""
    if not torch.cuda.is_available():
        print("not measured: this machine has no CUDA device")
        return
    data = simulate(*(QUICK if quick else (N, N_TEST, P, V, LAYERS)))
    jobs = {device: partial(fit_encoding, *data, device=device) for device in ("cpu", "cuda")}
    runs = in_turns(jobs | {"himalaya, torch_cuda, penalties only": partial(himalaya, *data)}, 1 if quick else 3)
    cpu, cuda = (runs[device][0].answer for device in ("cpu", "cuda"))
    apart = float(np.abs(cpu.score - cuda.score).max())
    if apart > DEVICE_TOLERANCE:
        raise AssertionError(f"R on the card and on the processor differ by {apart:.1e}, more than {DEVICE_TOLERANCE}.")
    card = torch.cuda.get_device_name()
    rows = [{"job": name, "card": card, "seconds": middle(found), "R differs": apart} for name, found in runs.items()]
    print(table(rows))
    record("gpu", rows)


if __name__ == "__main__":
    main()
