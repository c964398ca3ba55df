"""Memory of this process: the most it held, what it keeps for reuse, what it frees."""

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
    """Return the most bytes that this process has held so far; None where the system does not tell (Windows)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: there, Linux begins with what the parent held when it started this process.
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        return 1024 * int(found[1]) if found else None
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
    """Keep freed memory for reuse within the block; give it back to the system at the end.

    By default the GNU C library returns every freed block of 32 MB or more at once and requests a new one a moment
    later. Feature maps of a batch of images and responses of many voxels are such blocks, and a tenth or more of the
    time was spent on page faults. Elsewhere than with the GNU C library, this does nothing.
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
    """Free the memory that holds what was read of a memory-mapped file; it is read from the file again when needed.

    Parameters
    ----------
    array : array
        A read-only memory map, or a view of one. With any other array nothing is done.
    """
    owner: object = array
    while owner is not None and not isinstance(owner, np.memmap):
        owner = getattr(owner, "base", None)
    mapped = getattr(owner, "_mmap", None)
    if mapped is not None and getattr(owner, "mode", None) == "r" and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
