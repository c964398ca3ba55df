"""Memory: the peak is measured, pages of files are freed, freed blocks are kept inside a block of code only."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.core.disk import ROOT
from lib.core.memory import keeping_memory, peak_memory, release_pages

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def python(code: str) -> str:
    """What a fresh process prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@LINUX
def test_peak_rises_with_what_was_held_and_does_not_fall() -> None:
    code = """
import numpy as np
from lib.core.memory import peak_memory
before = peak_memory()
held = np.ones(10**8 // 8)
during = peak_memory()
del held
print(during - before, peak_memory() - during)"""
    grown, later = map(int, python(code).split())
    assert 0.9e8 < grown < 1.5e8 and later > -1e7  # the kernel counts in batches


def test_peak_is_unknown_where_nobody_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert peak_memory() is None


def resident() -> int:
    """Bytes of this process in memory."""
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


@LINUX
@pytest.mark.parametrize("view", [lambda X: X, lambda X: X[100:, 1:], np.asarray, lambda X: np.asarray(X)[5:].T])
def test_pages_of_a_file_are_freed_and_can_be_read_again(tmp_path: Path, view) -> None:
    np.save(tmp_path / "X.npy", np.ones((1000, 10_000)))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert X.sum() == 1e7
    before = resident()
    release_pages(view(X))
    assert before - resident() > 0.9 * X.nbytes
    assert X.sum() == 1e7


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_what_was_changed_in_memory_is_not_lost(tmp_path: Path, mode: str) -> None:
    np.save(tmp_path / "X.npy", np.zeros(100_000))
    X = np.load(tmp_path / "X.npy", mmap_mode=mode)
    X[:] = 1
    release_pages(X[10:])
    assert (X == 1).all()


@pytest.mark.parametrize("array", [np.ones(3), np.ones((2, 2))[::-1], np.float64(1), [1, 2]], ids=str)
def test_other_arrays_are_left_alone(array: object) -> None:
    release_pages(array)


@LINUX
def test_freed_blocks_are_kept_inside_and_given_back_at_the_end() -> None:
    code = """
import numpy as np
from lib.core.memory import keeping_memory
def resident(): return 4096 * int(open("/proc/self/statm").read().split()[1])
block = np.ones(10**7)
del block
before = resident()
with keeping_memory():
    block = np.ones(10**7)
    del block
    inside = resident()
try:
    with keeping_memory():
        block = np.ones(10**7)
        del block
        raise ValueError
except ValueError:
    pass
print(inside - before, resident() - before)"""
    inside, after = map(int, python(code).split())
    assert inside > 0.9 * 8e7 and after < 0.1 * 8e7


def test_elsewhere_than_on_linux_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.core.memory._gnu_c_library", lambda: None)
    with keeping_memory():
        pass
