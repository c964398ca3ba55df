"""One thread: the problems of the tests are small, and many threads beside another process take ten times as long."""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
