"""Memory of a process: how much it held, and what it keeps for reuse."""

import ctypes
import mmap
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np


def peak_memory() -> int | None:
    """Most bytes of memory this process has held so far; None where the system does not tell (Windows)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: there, Linux begins with what the parent held when it started this process.
        return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1])
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


# malloc.h: which option of malloc, and its default
TRIM_THRESHOLD, MMAP_MAX = (-1, 128 << 10), (-4, 65536)


@cache
def _gnu_c_library() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") else None


@contextmanager
def keeping_memory() -> Iterator[None]:
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


def release_pages(array: np.ndarray) -> None:
    """Give back the memory that a memory-mapped file's pages took when they were read; they can be read again."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    if array is not None and array.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        array._mmap.madvise(mmap.MADV_DONTNEED)
