"""Keep freed memory while images run through a network.

The GNU C library gives every block of 32 MB or more back to the system when it is freed, and asks for a new one a
moment later. The maps of a batch are such blocks: for ResNet50, a tenth and more of the processor's time went into
page faults.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

# malloc.h: which option of malloc, and its default
TRIM_THRESHOLD, MMAP_MAX = (-1, 128 << 10), (-4, 65536)


@cache
def _gnu_c_library() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") else None


@contextmanager
def kept() -> Iterator[None]:
    """Freed blocks, of any size, wait for their next use; at the end what is free goes back to the system."""
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
