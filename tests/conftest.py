"""One thread: the problems of the tests are small, and many threads beside another process take ten times as long."""

import os

from house.shapes import watch

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

watch("lib.solvers", "lib.analysis")  # the shapes in their docstrings, at each call
