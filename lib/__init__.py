"""Small helpers behind the notebooks: participants and networks in, encoding, decoding and claims out."""

import os

# Threads of PyTorch and NumPy that wait should sleep, not spin: beside one other busy process, an eigendecomposition
# took ten times as long. Read once, when PyTorch and NumPy are first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "10")  # 2^10 cycles
