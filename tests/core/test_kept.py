"""Results kept on disk are those that would be computed, or are computed again."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from lib.core import kept as module
from lib.core.kept import FOLDER, Arrays, kept

MODULE = "lib.core.scores"
Keep = Callable[..., Arrays]


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Keeps {"x": ...} in a folder; returns it, and counts in `calls` how often it was computed."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "results"))

    def run(calls: list[int], *inputs: object, x: object = 1.5, of: str = MODULE) -> Arrays:
        def compute() -> Arrays:
            calls.append(1)
            return {"x": np.asarray(x), "names": np.array(["a", "é"])}

        return kept(of, lambda: inputs, compute)

    return run


def files(folder: Path) -> list[Path]:
    """The results that are kept."""
    return sorted((folder / "results").glob("*.npz"))


@pytest.mark.parametrize("x", [np.float32([[1, np.nan], [np.inf, -0.0]]), np.arange(3), np.zeros((0, 2)), 2.5])
def test_what_is_kept_is_what_was_computed_to_the_bit(keep: Keep, x: np.ndarray) -> None:
    calls: list[int] = []
    first, second = keep(calls, 1, x=x), keep(calls, 1, x=x)
    assert len(calls) == 1 and first.keys() == second.keys()
    for name in first:
        assert (first[name].dtype, first[name].shape) == (second[name].dtype, second[name].shape)
        assert first[name].tobytes() == second[name].tobytes()


def test_another_input_module_or_version_is_another_result(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    X = np.eye(2)
    for inputs in ((), (1,), (X,), (X.astype(np.float32),), (X[:1],), ("a", "b"), (["a", "b"],)):
        keep(calls, *inputs)
    assert len(calls) == 7
    keep(calls, of="lib.core.tables")
    monkeypatch.setattr(module, "versions", lambda: ["numpy 0"])
    keep(calls)
    assert len(calls) == 9


def test_another_line_of_code_is_another_result(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    keep(calls)
    asked = []
    monkeypatch.setattr(module, "code_lines", lambda names: asked.append(names) or ["lib/core/scores.py changed"])
    keep(calls)
    assert len(calls) == 2 and asked == [[MODULE]]


@pytest.mark.parametrize("damage", [b"", b"PK", None])
def test_a_damaged_file_is_computed_again(keep: Keep, tmp_path: Path, damage: bytes | None) -> None:
    calls: list[int] = []
    x = np.arange(1000.0)
    keep(calls, x=x)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes(changed if damage is None else damage)
    np.testing.assert_array_equal(keep(calls, x=x)["x"], x)
    assert len(calls) == 2 and path.read_bytes() == whole


def test_nothing_is_kept_without_a_folder_a_name_or_room(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def no_name() -> list[object]:
        raise ValueError("no name for this")

    with pytest.warns(UserWarning, match="not kept in .*: no name for this"):
        kept(MODULE, no_name, lambda: {"x": np.zeros(1)})
    (tmp_path / "results").write_text("a file")
    with pytest.warns(UserWarning, match="not kept in"):
        keep(calls)
    monkeypatch.setenv(FOLDER, "")
    keep(calls)
    keep(calls)
    assert len(calls) == 3


def test_two_that_need_the_same_compute_it_once(keep: Keep, tmp_path: Path) -> None:
    calls: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Arrays:
        calls.append(1)
        begun.set()
        go_on.wait(10)
        return {"x": np.ones(1)}

    threads = [threading.Thread(target=lambda: kept(MODULE, lambda: [7], slow)) for _ in range(2)]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(calls) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_failed_or_was_interrupted_can_be_computed_again(
    keep: Keep, tmp_path: Path, error: type[BaseException]
) -> None:
    """Jupyter keeps the last exception, and with it all that the functions held in which it was raised."""

    def fail() -> Arrays:
        raise error

    with pytest.raises(error) as held:
        kept(MODULE, lambda: [7], fail)
    (lock,) = (tmp_path / "results").glob("*.lock")
    with FileLock(lock, timeout=0):
        assert held.tb
    kept(MODULE, lambda: [7], lambda: {"x": np.ones(1)})


def test_what_was_used_longest_ago_makes_room(keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    for i in range(3):
        keep(calls, i, x=np.zeros(100))
    assert len(files(tmp_path)) == 3
    import os

    for i, path in enumerate(files(tmp_path)):
        os.utime(path, (i + 1, i + 1))
    oldest = files(tmp_path)[0]
    monkeypatch.setattr(module, "KEPT_BYTES", 3 * oldest.stat().st_size)
    gone = tmp_path / "gone.npz"
    gone.symlink_to("what another process has just removed")
    keep(calls, 3, x=np.zeros(100))
    assert oldest not in files(tmp_path) and len({*files(tmp_path)} - {gone}) == 3
