"""What the machine offers: a device to compute on, and memory that is kept from one product to the next."""

import ctypes
import mmap
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from scipy.linalg import get_lapack_funcs

from lib import choose

DEVICES: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}

# malloc.h: which option of malloc, and its default
TRIM_THRESHOLD, MMAP_MAX = (-1, 128 << 10), (-4, 65536)


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


@cache
def _gnu_c_library() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") else None


@contextmanager
def kept_memory() -> Iterator[None]:
    """Freed blocks, of any size, wait for their next use; at the end what is free goes back to the system.

    The GNU C library gives every block of 32 MB or more back at once, and asks for a new one a moment later. The maps
    of a batch of images and the responses of a block of voxels are such blocks: a tenth and more of the processor's
    time went into page faults.
    """
    library = _gnu_c_library()
    if library is None:
        yield
        return
    library.mallopt(MMAP_MAX[0], 0)
    library.mallopt(TRIM_THRESHOLD[0], 2**31 - 1)
    try:
        yield
    finally:
        library.mallopt(*MMAP_MAX)
        library.mallopt(*TRIM_THRESHOLD)
        library.malloc_trim(0)


def let_go(array: np.ndarray) -> None:
    """Give back the memory that a memory-mapped file's pages took when they were read; they can be read again."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    if array is not None and array.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        array._mmap.madvise(mmap.MADV_DONTNEED)
