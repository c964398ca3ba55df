"""LAPACK as SciPy ships it, called without Python's global lock, so that two threads factor two matrices at once.

SciPy's and NumPy's own wrappers either hold the lock while they work or copy the matrix first. Here a matrix is worked
on in place: float32 or float64, C-contiguous and symmetric, of which only the upper triangle is read.
"""

import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from scipy.linalg import cython_blas, cython_lapack
from threadpoolctl import ThreadpoolController

Item, Answer = TypeVar("Item"), TypeVar("Answer")

# A row-major upper triangle is the lower one of the column-major matrix that LAPACK sees.
UPPER = "L"


def in_threads(work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """`[work(item) for item in items]`, on all cores; inside, each call has one core."""
    n_threads = torch.get_num_threads()  # asked first: the limit is PyTorch's, too
    with _libraries().limit(limits=1), ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, items))


@cache
def _libraries() -> ThreadpoolController:
    """Those that have threads of their own; to find them takes milliseconds."""
    return ThreadpoolController()


def cholesky(matrix: np.ndarray) -> bool:
    """Replace the upper triangle of a positive definite matrix (n, n) by R, R'R = matrix; say whether it was one."""
    n, info = len(matrix), ctypes.c_int()
    _call("potrf", UPPER, n, matrix, n, info)
    return info.value == 0


def cholesky_solve(R: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solve R'R x = b, given what `cholesky` left; b (n,), of the same type, is overwritten by x and returned."""
    n = len(R)
    for transposed in "NT":
        _call("trsv", UPPER, transposed, "N", n, R, n, b, 1)
    return b


def invert_triangle(R: np.ndarray) -> None:
    """Replace the upper triangle R (n, n) by its inverse."""
    n = len(R)
    _call("trtri", UPPER, "N", n, R, n, ctypes.c_int())


def _call(name: str, *arguments: str | int | np.ndarray | ctypes.c_int) -> None:
    """Call a routine, in the precision of the arrays among its arguments."""
    precision = next("s" if each.dtype == np.float32 else "d" for each in arguments if isinstance(each, np.ndarray))
    _routine(precision + name)(*map(_reference, arguments))


def _reference(argument: str | int | np.ndarray | ctypes.c_int) -> object:
    """Fortran takes everything by reference."""
    if isinstance(argument, np.ndarray):
        return ctypes.c_void_p(argument.ctypes.data)
    if isinstance(argument, str):
        argument = ctypes.c_char(argument.encode())
    return ctypes.byref(ctypes.c_int(argument) if isinstance(argument, int) else argument)


@cache
def _routine(name: str) -> Callable[..., None]:
    """A routine's address, which SciPy publishes for Cython in a capsule."""
    capsule, api = (cython_lapack.__pyx_capi__ | cython_blas.__pyx_capi__)[name], ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return ctypes.CFUNCTYPE(None)(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))
