"""Activations on disk: the same as in memory, whole or absent, resumed after a kill, by one process at a time."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
import zlib
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lib.core import disk
from lib.data.participant import Images, Stimuli
from lib.networks import Network, extract, load_network
from lib.networks import cache as storage
from lib.networks.extraction import name_of
from lib.networks.own import own_network

N, BATCH = 75, 16


class Odd(nn.Module):
    """Its parts have names that are paths."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("/x/y", nn.Identity())
        self.add_module("a", nn.Conv2d(3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(self._modules["/x/y"](x))


def picture(i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def images(n: int = N, key: str = "toys", look: Callable[[int], np.ndarray] = picture) -> Images:
    return Images(Stimuli(key, look), np.arange(n))


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("alexnet-object")


@pytest.fixture(scope="module")
def expected(network: Network) -> dict[str, np.ndarray]:
    return extract(network, images(), batch_size=BATCH)


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return list(found) == list(expected) and all(np.array_equal(found[name], expected[name]) for name in expected)


def files(folder: Path) -> set[str]:
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", "about.json", "progress.json")
    }


def never(_: int) -> np.ndarray:
    pytest.fail("an image was opened")


def test_on_disk_as_in_memory(network: Network, expected: dict, tmp_path: Path) -> None:
    found = extract(network, images(), batch_size=BATCH, cache=tmp_path)
    assert same(found, expected) and all(isinstance(rows, np.memmap) for rows in found.values())
    assert not any(rows.flags.writeable for rows in found.values())
    assert files(tmp_path) == {f"{tap}.npy" for tap in network.layers.values()}
    again = extract(network, images(look=never), ["FC-7", "Conv-2"], cache=tmp_path)
    assert list(again) == ["FC-7", "Conv-2"] and np.array_equal(again["FC-7"], expected["FC-7"])


def test_folder_named_by_the_environment(
    network: Network, expected: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANION_FEATURES", str(tmp_path))
    assert same(extract(network, images(), batch_size=BATCH), expected) and files(tmp_path)


def test_notebooks_share_what_they_keep_without_being_asked(
    network: Network, expected: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANION_RESULTS", str(tmp_path))
    assert same(extract(network, images(), batch_size=BATCH), expected)
    assert same(extract(network, images(look=never), batch_size=BATCH), expected)
    few = extract(network, images(), n_units=3, batch_size=BATCH)  # drawn units are not kept
    own = replace(network, weights="own")  # nor is what one notebook alone can know
    extract(own, images(), batch_size=BATCH)
    assert {rows.shape[1] for rows in few.values()} == {3} and len([*tmp_path.glob("*.npz")]) == 1
    monkeypatch.setattr("lib.networks.extraction.SHARED_BYTES", 10)
    extract(network, images(8), batch_size=BATCH)
    assert len([*tmp_path.glob("*.npz")]) == 1


def test_only_missing_layers_are_computed(network: Network, expected: dict, tmp_path: Path) -> None:
    extract(network, images(), ["FC-6"], batch_size=BATCH, cache=tmp_path)
    written = next(tmp_path.rglob("classifier.1.npy")).stat().st_mtime_ns
    assert same(extract(network, images(), batch_size=BATCH, cache=tmp_path), expected)
    assert next(tmp_path.rglob("classifier.1.npy")).stat().st_mtime_ns == written


def test_the_key_is_all_that_activations_depend_on(network: Network, tmp_path: Path) -> None:
    other_weights = load_network("alexnet-object", "untrained")
    variants = [
        lambda: extract(network, images(8), ["FC-7"], cache=tmp_path),
        lambda: extract(other_weights, images(8), ["FC-7"], cache=tmp_path),
        lambda: extract(replace(network, name="other"), images(8), ["FC-7"], cache=tmp_path),
        lambda: extract(network, images(8, "others"), ["FC-7"], cache=tmp_path),
        lambda: extract(network, images(9), ["FC-7"], cache=tmp_path),
        lambda: extract(network, images(9)[1:], ["FC-7"], cache=tmp_path),
        lambda: extract(network, images(8), ["FC-7"], preprocessing="imagenet", cache=tmp_path),
        lambda: extract(network, images(8), ["FC-7"], pool=False, cache=tmp_path),
        lambda: extract(network, list(images(8)), ["FC-7"], cache=tmp_path),
    ]
    for i, variant in enumerate(variants, 1):
        variant(), variant()
        assert len(list(tmp_path.iterdir())) == i


def test_each_image_is_opened_once_and_the_first_once_more(network: Network) -> None:
    opened = []
    extract(network, images(40, look=lambda i: opened.append(i) or picture(i)), ["FC-7"])
    assert opened == [0, *range(40)]


def test_names_of_images() -> None:
    assert name_of(images(look=never)) == name_of(images()) != name_of(images()[1:])
    stack = np.stack(list(images(4)))
    assert name_of(stack) == name_of(list(stack)) != name_of(stack[::-1])
    assert name_of(stack.reshape(4, 32, 128, 3)) != name_of(stack)


SLOW = """
    import sys, time
    import numpy as np
    from lib.networks import extract, load_network
    from lib.data.participant import Images, Stimuli

    def picture(i):
        time.sleep(float(sys.argv[2]))
        return np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)

    images = Images(Stimuli("toys", picture), np.arange(int(sys.argv[3])))
    extract(load_network("alexnet-object"), images, batch_size=16, cache=sys.argv[1])
"""


def start(cache: Path, seconds: float, n: int = N) -> subprocess.Popen:
    words = [sys.executable, "-c", textwrap.dedent(SLOW), str(cache), str(seconds), str(n)]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL)


def wait_for(there: Callable[[], bool], process: subprocess.Popen) -> None:
    while not there():
        assert process.poll() is None, "ended too early"
        time.sleep(0.01)


@pytest.mark.slow("starts processes that load PyTorch")
def test_killed_and_run_again_gives_the_same_bits(network: Network, expected: dict, tmp_path: Path) -> None:
    process = start(tmp_path, 0.02)
    row = expected["Conv-1"].shape[1] * 4
    wait_for(lambda: any(p.stat().st_size > 20 * row for p in tmp_path.rglob("features.2.npy.part")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert files(tmp_path) == {f"{tap}.npy.part" for tap in network.layers.values()}
    opened = []
    again = images(look=lambda i: opened.append(i) or picture(i))
    assert same(extract(network, again, batch_size=BATCH, cache=tmp_path), expected)
    assert opened[0] == 0 and opened[1] >= BATCH and opened[1:] == list(range(opened[1], N))
    assert files(tmp_path) == {f"{tap}.npy" for tap in network.layers.values()}


@pytest.mark.slow("starts processes that load PyTorch")
def test_several_processes_write_once(expected: dict, tmp_path: Path) -> None:
    processes = [start(tmp_path, 0.001) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    found = extract(load_network("alexnet-object"), images(look=never), cache=tmp_path)
    assert same(found, expected)


PARTS = {
    "nothing but a beginning": lambda whole: whole[:50],
    "half a row": lambda whole: whole[:1000],
    "a batch and a half": lambda whole: whole[: 128 + 24 * 1024],
    "all": lambda whole: whole,
    "more than all": lambda whole: whole + b"x" * 5000,
    "of another shape": lambda whole: whole[:128].replace(b"256", b"128") + whole[128:],
    "something else": lambda whole: b"x" * len(whole),
}


@pytest.mark.parametrize("case", PARTS)
def test_whatever_lies_there_the_end_is_right(network: Network, expected: dict, tmp_path: Path, case: str) -> None:
    extract(network, images(), ["FC-6"], batch_size=BATCH, cache=tmp_path)
    whole = next(tmp_path.rglob("classifier.1.npy"))
    whole.with_name(whole.name + ".part").write_bytes(PARTS[case](whole.read_bytes()))
    whole.unlink()
    opened = []
    again = images(look=lambda i: opened.append(i) or picture(i))
    found = extract(network, again, ["FC-6"], batch_size=BATCH, cache=tmp_path)
    assert all(i % BATCH == 0 for i in opened[1:2])  # the same batches, so the same bits
    assert np.array_equal(found["FC-6"], expected["FC-6"]) and files(tmp_path) == {"classifier.1.npy"}


def flipped(whole: bytes, place: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]


def other(whole: bytes, array: np.ndarray) -> bytes:
    """A proper .npy file of another array, with the right checksum behind it."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue() + zlib.crc32(buffer.getvalue()).to_bytes(4, "little")


DAMAGE = {
    "empty": lambda whole: b"",
    "zeros": lambda whole: bytes(4),
    "cut in the header": lambda whole: whole[:50],
    "cut in the middle": lambda whole: whole[: len(whole) // 2],
    "without its last byte": lambda whole: whole[:-1],
    "without its checksum": lambda whole: whole[:-4],
    "longer": lambda whole: whole + b"x",
    "a bit of the header": lambda whole: flipped(whole, 75),
    "a bit of the first number": lambda whole: flipped(whole, 128),
    "a bit in the middle": lambda whole: flipped(whole, len(whole) // 2),
    "a bit of the checksum": lambda whole: flipped(whole, len(whole) - 2),
    "another file": lambda whole: b"<!DOCTYPE html>" * 1000,
    "fewer images": lambda whole: other(whole, np.zeros((N - 1, 256), np.float32)),
    "double precision": lambda whole: other(whole, np.zeros((N, 256))),
    "integers": lambda whole: other(whole, np.zeros((N, 256), np.int32)),
    "three axes": lambda whole: other(whole, np.zeros((N, 16, 16), np.float32)),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_is_named_and_computed_again(
    network: Network, expected: dict, tmp_path: Path, case: str
) -> None:
    extract(network, images(), ["FC-6", "FC-7"], batch_size=BATCH, cache=tmp_path)
    path = next(tmp_path.rglob("classifier.1.npy"))
    times = path.stat()
    path.write_bytes(DAMAGE[case](path.read_bytes()))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if nothing had happened
    with pytest.warns(UserWarning, match=r"classifier\.1\.npy was not as it had been written, and was computed again"):
        found = extract(network, images(), ["FC-6", "FC-7"], batch_size=BATCH, cache=tmp_path)
    assert np.array_equal(found["FC-6"], expected["FC-6"]) and np.array_equal(found["FC-7"], expected["FC-7"])
    assert files(tmp_path) == {"classifier.1.npy", "classifier.4.npy"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extract(network, images(look=never), ["FC-6", "FC-7"], cache=tmp_path)


def test_another_process_finds_the_damage(network: Network, expected: dict, tmp_path: Path) -> None:
    extract(network, images(), ["FC-6"], batch_size=BATCH, cache=tmp_path)
    path = next(tmp_path.rglob("classifier.1.npy"))
    path.write_bytes(flipped(path.read_bytes(), 5000))
    storage._checked[path] = storage.stamp(path)  # here it counts as checked
    assert not np.array_equal(extract(network, images(look=never), ["FC-6"], cache=tmp_path)["FC-6"], expected["FC-6"])
    storage._checked.clear()
    with pytest.warns(UserWarning, match="computed again"):
        assert np.array_equal(
            extract(network, images(), ["FC-6"], batch_size=BATCH, cache=tmp_path)["FC-6"], expected["FC-6"]
        )


def test_what_an_interrupted_run_left_is_trusted_only_as_it_was_written(
    network: Network, expected: dict, tmp_path: Path
) -> None:
    def stops(i: int) -> np.ndarray:
        if i == 40:
            raise KeyboardInterrupt
        return picture(i)

    for damage in (False, True):
        with pytest.raises(KeyboardInterrupt):
            extract(network, images(look=stops), batch_size=BATCH, cache=tmp_path)
        part = next(tmp_path.rglob("classifier.1.npy.part"))
        if damage:
            part.write_bytes(flipped(part.read_bytes(), 3000))
        opened = []
        again = images(look=lambda i, opened=opened: opened.append(i) or picture(i))
        assert same(extract(network, again, batch_size=BATCH, cache=tmp_path), expected)
        assert opened[1] == (0 if damage else 2 * BATCH)
        shutil.rmtree(part.parent)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"n_rows": "9"}', '{"n_rows": 16, "checksums": null}', "null"])
def test_progress_that_says_nothing_is_not_followed(
    network: Network, expected: dict, tmp_path: Path, content: str
) -> None:
    extract(network, images(BATCH), ["FC-6"], cache=tmp_path)
    whole = next(tmp_path.rglob("classifier.1.npy"))
    os.replace(whole, whole.with_name(whole.name + ".part"))
    (whole.parent / "progress.json").write_text(content)
    found = extract(network, images(BATCH), ["FC-6"], cache=tmp_path)["FC-6"]
    assert np.array_equal(found, expected["FC-6"][:BATCH])


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", "..", "", "x" * 300, 'con:*?<>|"', "é\n\0"])
def test_whatever_a_network_is_called_its_files_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "a" / "b" / "cache"
    network = own_network(name, Odd(), {"x": "/x/y", "z": "a"})
    first = extract(network, images(2), cache=root)
    assert extract(network, images(2, look=never), cache=root)["x"].shape == first["x"].shape
    written = {path.relative_to(tmp_path).parts[:3] for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {("a", "b", "cache")} and len(list(root.iterdir())) == 1


def test_names_that_look_alike_stay_two(tmp_path: Path) -> None:
    taps = ["fc|softmax", "fc-softmax", "fc%7Csoftmax", "a/b", "a_b", "x" * 300, "x" * 301]
    assert len({storage._file_name(tap) for tap in taps}) == len(taps)


def test_layers_that_got_differently_far(network: Network, expected: dict, tmp_path: Path) -> None:
    extract(network, images(), ["FC-6"], batch_size=BATCH, cache=tmp_path)
    whole = next(tmp_path.rglob("classifier.1.npy"))
    os.replace(whole, whole.with_name(whole.name + ".part"))
    assert same(extract(network, images(), batch_size=BATCH, cache=tmp_path), expected)


def test_an_image_that_cannot_be_opened_leaves_no_whole_file(network: Network, expected: dict, tmp_path: Path) -> None:
    def broken(i: int) -> np.ndarray:
        if i == 40:
            raise OSError("image 40 cannot be read")
        return picture(i)

    with pytest.raises(OSError, match="image 40"):
        extract(network, images(look=broken), batch_size=BATCH, cache=tmp_path)
    assert all(name.endswith(".part") for name in files(tmp_path))
    assert same(extract(network, images(), batch_size=BATCH, cache=tmp_path), expected)


def test_too_little_room_is_said_before_anything_is_written(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with pytest.raises(OSError, match=r"Activations need 0\.0 GB more in .*alexnet-object-\w+, where 0\.0 are free\."):
        extract(network, images(), cache=tmp_path)
    assert not files(tmp_path)


def test_disk_that_fills_up(network: Network, expected: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: storage._Part, n_rows: int) -> io.RawIOBase:
        file = opens(self, n_rows)
        self.file = Full()
        return file

    class Full:
        def write(self, content: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    opens = storage._Part.open
    monkeypatch.setattr(storage._Part, "open", full)
    with pytest.raises(OSError, match=r"\.npy\.part cannot be written \(No space left.*the next run goes on from here"):
        extract(network, images(), batch_size=BATCH, cache=tmp_path)
    monkeypatch.undo()
    assert same(extract(network, images(), batch_size=BATCH, cache=tmp_path), expected)


def test_folder_that_cannot_be_made(network: Network, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Activations cannot be kept in .*Not a directory"):
        extract(network, images(), cache=tmp_path / "file")


MEASURE = """
    import sys
    import numpy as np
    from lib.core.memory import peak_memory
    from lib.networks import extract, load_network
    from lib.data.participant import Images, Stimuli

    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    images = Images(Stimuli("one", lambda _: picture), np.arange(int(sys.argv[2])))
    network = load_network("alexnet-object")
    extract(network, images[:64], cache=sys.argv[1])
    before = peak_memory()
    found = extract(network, images, cache=sys.argv[1])
    print(peak_memory() - before, sum(rows.nbytes for rows in found.values()))
"""


@pytest.mark.slow("measures processes that load PyTorch")
@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system does not tell")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    words = [sys.executable, "-c", textwrap.dedent(MEASURE), str(tmp_path), "4000"]
    grown, written = map(int, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    assert written > 200e6 and grown < 30e6
