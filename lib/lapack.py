"""LAPACK as SciPy ships it, called without Python's global lock, so that two threads factor two matrices at once.

SciPy's and NumPy's own wrappers either hold the lock while they work or copy the matrix first. Here a matrix is worked
on in place: C-contiguous and symmetric, of which only the upper triangle is read.
"""

import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from scipy.linalg import cython_lapack
from threadpoolctl import threadpool_limits

Item, Answer = TypeVar("Item"), TypeVar("Answer")

# A row-major upper triangle is the lower one of the column-major matrix that LAPACK sees.
UPPER = "L"


def in_threads(work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """`[work(item) for item in items]`, on all cores; inside, each call has one core."""
    n_threads = torch.get_num_threads()  # asked first: the limit is PyTorch's, too
    with threadpool_limits(1), ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, items))


def cholesky(matrix: np.ndarray) -> bool:
    """Replace the upper triangle of a positive definite matrix (n, n) by R, R'R = matrix; say whether it was one."""
    n = len(matrix)
    return _call("dpotrf", UPPER, n, matrix, n) == 0


def cholesky_solve(R: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solve R'R x = b, given what `cholesky` left; b (n,) is overwritten by x and returned."""
    n = len(R)
    _call("dpotrs", UPPER, n, 1, R, n, b, n)
    return b


def invert_triangle(R: np.ndarray) -> None:
    """Replace the upper triangle R (n, n) by its inverse."""
    n = len(R)
    _call("dtrtri", UPPER, "N", n, R, n)


def _call(name: str, *arguments: str | int | np.ndarray) -> int:
    """Call a routine whose last argument is `info`, and return that."""
    info = ctypes.c_int()
    _routine(name)(*map(_reference, arguments), ctypes.byref(info))
    return info.value


def _reference(argument: str | int | np.ndarray) -> object:
    """Fortran takes everything by reference."""
    if isinstance(argument, np.ndarray):
        return ctypes.c_void_p(argument.ctypes.data)
    number = ctypes.c_int(argument) if isinstance(argument, int) else ctypes.c_char(argument.encode())
    return ctypes.byref(number)


@cache
def _routine(name: str) -> Callable[..., None]:
    """A routine's address, which SciPy publishes for Cython in a capsule."""
    capsule, api = cython_lapack.__pyx_capi__[name], ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return ctypes.CFUNCTYPE(None)(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))
