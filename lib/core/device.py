"""What the machine offers: a device to compute on, and memory that is kept from one product to the next."""

from collections.abc import Callable

import torch
from scipy.linalg import get_lapack_funcs

from lib.core import choose

DEVICES: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}


def find_device(device: str) -> str:
    """The device of that name, or the best one for "auto"; one that this machine lacks is refused."""
    there = [name for name, is_there in DEVICES.items() if is_there()]
    if device == "auto":
        return there[0]
    if choose("device", device, DEVICES) not in there:
        raise ValueError(f"This machine has no device {device!r}; it has {', '.join(there)}.")
    return device


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b of two matrices. On a processor by NumPy, whose library is the faster one on AMD's and sees symmetry."""
    return torch.from_numpy(a.numpy() @ b.numpy()) if a.device.type == "cpu" else a @ b


def solve_positive(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The x of a x = b, a (n, n) positive definite, b (n, k): by Cholesky's factors, which cost a third of an inverse.

    A matrix that rounding has left not quite positive definite is solved by Gauss's elimination.
    """
    if a.device.type == "cpu":
        _, x, failed = get_lapack_funcs("posv", (a.numpy(), b.numpy()))(a.numpy(), b.numpy())
        if not failed:
            return torch.from_numpy(x)
    return torch.linalg.solve(a, b)
