"""What a process holds in memory, as its system tells it."""

import re
import sys
from pathlib import Path


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
