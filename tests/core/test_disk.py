"""Files are whole or absent: whatever goes wrong while one is written, its name holds what it held before."""

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lib.core.disk import (
    ROOT,
    check_room,
    digest_of,
    read_json,
    remove,
    sha256_of_file,
    stamp,
    write_json,
    written_aside,
)

WRITER = """
import sys, time
from pathlib import Path
from lib.core.disk import written_aside

with written_aside(Path(sys.argv[1])) as part:
    with part.open("w") as file:
        for _ in range(200):
            file.write(sys.argv[2] * 1000)
        file.flush()
        print("half", flush=True)
        sys.stdin.readline()
        for _ in range(200):
            file.write(sys.argv[2] * 1000)
"""


def writer(target: Path, letter: str) -> subprocess.Popen[str]:
    """Another process that has written half, and goes on when it is told to."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITER, str(target), letter]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout and process.stdout.readline() == "half\n"
    return process


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("before", [None, "old"])
def test_a_writer_that_is_stopped_leaves_what_was_there(tmp_path: Path, sign: int, before: str | None) -> None:
    target = tmp_path / "deep" / "x.txt"
    target.parent.mkdir()
    if before:
        target.write_text(before)
    process = writer(target, "a")
    assert (target.read_text() if target.exists() else None) == before
    process.send_signal(sign)
    process.communicate()
    assert process.returncode != 0
    assert (target.read_text() if target.exists() else None) == before
    if sign == signal.SIGINT:
        assert [path.name for path in target.parent.iterdir()] == (["x.txt"] if before else [])
    with written_aside(target) as part:  # and the next one is not disturbed
        part.write_text("new")
    assert target.read_text() == "new"


def test_two_processes_do_not_mix_their_bytes(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    one, other = writer(target, "a"), writer(target, "b")
    for process, letter in ((one, "a"), (other, "b")):
        process.communicate("\n")
        assert process.returncode == 0 and target.read_text() == letter * 400_000
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_two_threads_do_not_mix_their_bytes(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"

    def write(letter: str) -> None:
        with written_aside(target) as part, part.open("w") as file:
            for _ in range(50):
                file.write(letter * 1000)
                file.flush()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, "abcdefgh" * 4))
    assert len(target.read_text()) == 50_000 and len(set(target.read_text())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_an_error_leaves_nothing_and_is_passed_on(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), written_aside(tmp_path / "x") as part:
        part.mkdir()
        (part / "inside").write_text("half")
        raise error
    assert not list(tmp_path.iterdir())


FULL = """
import resource, signal, sys
from pathlib import Path
from lib.core.disk import write_json

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_json(Path(sys.argv[1]), "x" * 5000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_file_that_does_not_fit_is_named(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    write_json(target, "old")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FULL, str(target)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    last = found.stderr.strip().splitlines()[-1]
    assert found.returncode == 1 and last == f"OSError: {target}: could not be written (File too large)."
    assert read_json(target) == "old" and [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_full_disk_is_told_with_the_file_and_the_reason(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with pytest.raises(OSError, match="could not be written") as told, written_aside(target) as part:
        part.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part))
    assert str(told.value) == f"{target}: could not be written (No space left on device)."
    assert told.value.errno == errno.ENOSPC and not list(tmp_path.iterdir())


def test_odd_errors_of_other_libraries_are_told_too(tmp_path: Path) -> None:
    class OddError(OSError):
        def __init__(self, one: str, two: str) -> None:
            super().__init__(f"{one} {two}")

    with pytest.raises(OSError, match=r"x: could not be written \(this that\)\."), written_aside(tmp_path / "x"):
        raise OddError("this", "that")


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"x: could not be written \(No such file"), written_aside(tmp_path / "x"):
        pass


def test_folder_takes_the_place_of_an_empty_one_only(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.mkdir()
    with written_aside(target) as part:
        part.mkdir()
        (part / "a").write_text("1")
    assert (target / "a").read_text() == "1"
    with pytest.raises(FileExistsError, match="expected a new or empty folder"), written_aside(target):
        pass
    assert (target / "a").read_text() == "1"


def test_remove_takes_files_folders_and_links_but_not_what_they_point_to(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "file").write_text("")
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "link", "lost", "never there"):
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1', b"\xff\xfe\x00", b"\x89PNG"])
def test_what_is_no_json_is_as_if_it_were_not_there(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert read_json(tmp_path / "x.json") is None
    assert read_json(tmp_path / "missing") is None and read_json(tmp_path) is None


def test_json_comes_back(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "x.json", {"ä": [1, None, "€"]})
    assert read_json(tmp_path / "new" / "x.json") == {"ä": [1, None, "€"]}


def test_stamp_and_hash_follow_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    first = stamp(path), sha256_of_file(path)
    assert first[1] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    os.utime(path, ns=(1, 1))
    assert stamp(path)[:2] == (3, 1) and sha256_of_file(path) == first[1]


VALUES = [
    ("a", "b"), ("ab",), ("a", "b", ""), (1, 23), (12, 3), (1,), ("1",), (1.0,), (True,), (None,),
    ([1, 2],), ([1], [2]),
    (np.zeros(4),), (np.zeros((2, 2)),), (np.zeros(4, "f4"),), (np.zeros(8, "f4"),), (np.zeros(2), np.zeros(2)),
    (np.zeros(4, "i8"),), (np.zeros((0, 3)),), (np.zeros((3, 0)),), ({"a": 1},), ({"a": 2},),
]  # fmt: skip


def test_digests_of_different_values_differ() -> None:
    assert len({digest_of(*values) for values in VALUES}) == len(VALUES)


def test_digest_does_not_depend_on_how_an_array_lies_in_memory() -> None:
    values = np.arange(12.0).reshape(3, 4)
    assert digest_of(values) == digest_of(np.asfortranarray(values)) == digest_of(values[::-1][::-1].copy())
    assert digest_of((values, "a")) == digest_of(values, "a")  # members of a tuple count one by one


def test_room_is_checked(tmp_path: Path) -> None:
    check_room(tmp_path, 1, "Activations")
    with pytest.raises(OSError, match=r"Activations need 1000000000\.0 GB more in .*, where .* are free"):
        check_room(tmp_path, 10**18, "Activations")
