"""Devices to compute on, and two operations of linear algebra in the fastest library for each."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import get_lapack_funcs

from lib.core import choose

DEVICES: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}


def find_device(device: str) -> str:
    """Name the device, or the best one for "auto"; one that this machine lacks is refused with the ones it has."""
    there = [name for name, is_there in DEVICES.items() if is_there()]
    if device == "auto":
        return there[0]
    if choose("device", device, DEVICES) not in there:
        raise ValueError(f"This machine has no device {device!r}; it has {', '.join(there)}.")
    return device


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b of two matrices. On a processor by NumPy, whose library is the faster one on AMD's and sees symmetry."""
    on_processor = a.device.type == "cpu"
    c: torch.Tensor = torch.from_numpy(a.numpy() @ b.numpy()) if on_processor else a @ b
    return c


def positive_inverse(a: torch.Tensor) -> torch.Tensor:
    """Inverse of a positive definite matrix (n, n).

    For many right-hand sides, one product with it takes a fraction of the time of Cholesky's two triangles. A matrix
    that rounding has left not quite positive definite is inverted by Gauss's elimination.
    """
    if a.device.type == "cpu":
        potrf, potri = get_lapack_funcs(("potrf", "potri"), (a.numpy(),))
        factor, failed = potrf(a.numpy().T)
        if not failed:
            upper = np.triu(potri(factor)[0])
            return torch.from_numpy(upper + np.triu(upper, 1).T)
    inverse: torch.Tensor = torch.linalg.inv(a)
    return inverse
