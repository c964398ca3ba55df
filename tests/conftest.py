"""One thread: the problems of the tests are small, and many threads beside another process take ten times as long."""

import gc
import os

from house.shapes import watch

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

watch("lib.solvers", "lib.analysis")  # the shapes in their docstrings, at each call


def pytest_collection_finish() -> None:
    """What is imported by now stays: to look through it for garbage took a tenth of the tests' time."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
