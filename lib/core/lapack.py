"""LAPACK as SciPy ships it, called without Python's global lock, so that two threads factor two matrices at once.

SciPy's and NumPy's own wrappers either hold the lock while they work or copy the matrix first. Here a matrix is worked
on in place: float64, C-contiguous and symmetric, of which only the upper triangle is read.
"""

import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import TypeVar

import numpy as np
import torch
from scipy.linalg import cython_blas, cython_lapack
from threadpoolctl import ThreadpoolController

_Item = TypeVar("_Item")
Answer = TypeVar("Answer")
Argument = str | int | float | np.ndarray | ctypes.c_int

# A row-major upper triangle is the lower one of the column-major matrix that LAPACK sees.
UPPER = "L"
_SMALL = 64  # rows of a triangle that LAPACK inverts itself


def in_threads(work: Callable[[_Item], Answer], items: Iterable[_Item]) -> list[Answer]:
    """`[work(item) for item in items]`, on all cores; inside, each call has one core.

    >>> in_threads(len, ["a", "bcd"])
    [1, 3]
    """
    n_threads = torch.get_num_threads()  # asked first: the limit is PyTorch's, too
    with _libraries().limit(limits=1), ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, items))


def shares(n: int, at_most: int) -> list[np.ndarray]:
    """Split 0 to n - 1 into runs of at most `at_most`, and into as many runs for every thread."""
    n_threads = torch.get_num_threads()
    return np.array_split(np.arange(n), n_threads * -(-n // (n_threads * at_most)))


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
    """Solve R'R x = b, given what `cholesky` left; b (n,) is overwritten by x and returned."""
    n = len(R)
    for transposed in "NT":
        _call("trsv", UPPER, transposed, "N", n, R, n, b, 1)
    return b


def invert_triangle(R: np.ndarray) -> None:
    """Replace the upper triangle R (n, n) by its inverse.

    By halves, [[A, B], [0, D]] becomes [[A^-1, -A^-1 B D^-1], [0, D^-1]]: most of the work is then in
    products of matrices, which LAPACK's own routine leaves to slower ones.
    """
    n, row = len(R), R.strides[0] // R.itemsize
    if n <= _SMALL:
        _call("trtri", UPPER, "N", n, R, row, ctypes.c_int())
        return
    half = n // 2
    A, B, D = R[:half, :half], R[:half, half:], R[half:, half:]
    invert_triangle(A)
    invert_triangle(D)
    for side, triangle, factor in (("L", D, -1.0), ("R", A, 1.0)):
        _call("trmm", side, UPPER, "N", "N", n - half, half, factor, triangle, row, B, row)


def _call(name: str, *arguments: Argument) -> None:
    """Call a routine for double precision."""
    _routine("d" + name)(*map(_reference, arguments))


def _reference(argument: Argument) -> object:
    """Fortran takes everything by reference."""
    if isinstance(argument, np.ndarray):
        if argument.dtype != np.float64:
            raise TypeError(f"LAPACK is called for float64, found an array of {argument.dtype}.")
        return ctypes.c_void_p(argument.ctypes.data)
    return ctypes.byref(argument) if isinstance(argument, ctypes.c_int) else _constant(argument)


@lru_cache(typed=True)
def _constant(argument: str | float) -> object:
    """A reference to what Fortran only reads."""
    if isinstance(argument, str):
        return ctypes.byref(ctypes.c_char(argument.encode()))
    return ctypes.byref(ctypes.c_int(argument) if isinstance(argument, int) else ctypes.c_double(argument))


@cache
def _routine(name: str) -> Callable[..., None]:
    """A routine's address, which SciPy publishes for Cython in a capsule."""
    capsule, api = (cython_lapack.__pyx_capi__ | cython_blas.__pyx_capi__)[name], ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return ctypes.CFUNCTYPE(None)(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))
