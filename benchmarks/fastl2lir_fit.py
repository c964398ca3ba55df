"""Run by benchmarks.decoding in an environment of its own, since FastL2LiR needs NumPy before 2.4.

    python fastl2lir_fit.py IN.npz OUT.npz

IN holds X, Y, X_test, alpha and n_voxels; OUT gets predictions (n_test, n_units) and seconds.
"""

import sys
import time

import numpy as np
from fastl2lir import FastL2LiR


def decode(X: np.ndarray, Y: np.ndarray, X_test: np.ndarray, alpha: float, n_voxels: int) -> np.ndarray:
    """Standardise, fit, predict, undo: what `lib.analysis.decoding.decode` does with regression="ridge"."""
    x_mean, x_std, y_mean, y_std = X.mean(0), X.std(0, ddof=1), Y.mean(0), Y.std(0, ddof=1)
    model = FastL2LiR()
    model.fit((X - x_mean) / x_std, (Y - y_mean) / y_std, alpha, n_voxels)
    return model.predict((X_test - x_mean) / x_std) * y_std + y_mean


if __name__ == "__main__":
    given = np.load(sys.argv[1])
    start = time.perf_counter()
    predictions = decode(given["X"], given["Y"], given["X_test"], float(given["alpha"]), int(given["n_voxels"]))
    np.savez(sys.argv[2], predictions=predictions, seconds=time.perf_counter() - start)
