"""One thread: the problems of the tests are small, and beside another busy process many threads take ten times as long."""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
