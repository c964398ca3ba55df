"""Devices to compute on, and two products of linear algebra in the fastest library for each."""

from collections.abc import Callable
from functools import partial

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


def positive_solver(a: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Factor a positive definite matrix (n, n) once; the function returned maps b (n, k) to the x of a x = b.

    Cholesky's factors cost a third of an inverse. A matrix that rounding has left not quite positive definite is solved
    by Gauss's elimination.
    """
    if a.device.type == "cpu":
        potrf, potrs = get_lapack_funcs(("potrf", "potrs"), (a.numpy(),))
        factors, failed = potrf(a.numpy().T)
        if not failed:
            return lambda b: torch.from_numpy(potrs(factors, b.numpy())[0])
    return partial(torch.linalg.solve, a)
