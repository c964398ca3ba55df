"""Which build of PyTorch to install: prints pip's option, and on standard error which build it is and why.

`make install` runs this file before anything is installed, so it needs Python's standard library only. On Linux,
PyTorch's default build brings several gigabytes of libraries for graphics cards.
"""

import platform
import re
import shutil
import sys
from ctypes.util import find_library
from pathlib import Path
from threading import Thread
from urllib.parse import unquote
from urllib.request import urlopen

_INDEX = "https://download.pytorch.org/whl/cpu"
_CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
_WANTED = ("torch", "torchvision")
_SECONDS = 3.0  # seconds for all answers of the index
_PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"


def needs_graphics_card_libraries() -> str:
    """Say why the default build is the right one; empty if nothing speaks for it."""
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64":
        return f"{machine} has one build only"
    drivers = find_library("cuda"), shutil.which("nvidia-smi"), Path("/proc/driver/nvidia").exists()
    return "there is an NVIDIA driver" if any(drivers) else ""


def lacks(index: str, constraints: Path = _CONSTRAINTS, patience: float = _SECONDS) -> str:
    """Say what an index lacks of the pinned PyTorch for this Python and processor; empty if it has all.

    Parameters
    ----------
    index : str
        Address of a package index with PyTorch's builds for processors.
    constraints : Path
        Names the versions.
    patience : float
        Seconds for all answers together.
    """
    found: dict[str, str] = {}

    def ask() -> None:
        """Note what the index lacks of each package."""
        for package in _WANTED:
            found[package] = _missing(index, package, constraints.read_text(encoding="utf-8"))

    thread = Thread(target=ask, daemon=True)  # a timeout of urlopen would begin again with every byte
    thread.start()
    thread.join(patience)
    return next(filter(None, (found.get(one, f"{index} did not answer in {patience:g} s") for one in _WANTED)), "")


def _missing(index: str, package: str, constraints: str) -> str:
    """What the page of a package lacks, or why it cannot be read."""
    pinned = re.search(rf"^{package}==(\S+)", constraints, re.MULTILINE)
    version = pinned[1] if pinned else "?"
    try:
        with urlopen(f"{index}/{package}/", timeout=_SECONDS) as reply:
            page = unquote(reply.read().decode())
    except (OSError, ValueError) as error:
        return f"{index} cannot be read ({error})"
    wheel = rf"{package}-{re.escape(version)}\+cpu-{_PYTHON}-{_PYTHON}-[\w.]*linux\w*_x86_64\.whl"
    return "" if re.search(wheel, page) else f"{index} has no {package} {version} for {_PYTHON}"


def main(index: str = _INDEX) -> None:
    """Print pip's option for the processor build, or nothing for the default build; say which and why."""
    if reason := needs_graphics_card_libraries() or lacks(index):
        print(f"PyTorch: its default build, since {reason}. TORCH_INDEX=URL chooses another.", file=sys.stderr)
    else:
        print(f"PyTorch: its build for processors, since there is no NVIDIA driver ({index}).", file=sys.stderr)
        print(f"--extra-index-url {index}")


if __name__ == "__main__":
    main()
