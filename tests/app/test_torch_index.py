"""Which build of PyTorch is installed: indexes on this machine that serve, stall, refuse or lack it."""

import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from browser import ROOT, served

from lib.app import torch_index

PINNED = "torch==2.14.1\ntorchvision==0.29.1\n"
TAG = torch_index._PYTHON
PLATFORM = "manylinux_2_28_x86_64"


def wheel(folder: Path, name: str, version: str, tag: str = f"{TAG}-{TAG}-{PLATFORM}") -> None:
    """Write a stand-in wheel where an index keeps it, and the page that lists it."""
    place, info = folder / name, f"{name}-{version}.dist-info"
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place / f"{name}-{version}-{tag}.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    links = [f'<a href="{path.name.replace("+", "%2B")}">{path.name}</a>' for path in place.glob("*.whl")]
    (place / "index.html").write_text(f"<!DOCTYPE html><body>{' '.join(links)}</body>")


@pytest.fixture
def constraints(tmp_path: Path) -> Path:
    path = tmp_path / "constraints.txt"
    path.write_text(PINNED)
    return path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """An index with the builds for processors."""
    wheel(tmp_path / "processors", "torch", "2.14.1+cpu")
    wheel(tmp_path / "processors", "torchvision", "0.29.1+cpu")
    with served(tmp_path / "processors") as address:
        yield address


def test_an_index_with_the_pinned_versions_lacks_nothing(index: str, constraints: Path) -> None:
    assert torch_index.lacks(index, constraints) == ""


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("torch", "2.14.1%2Bcpu", "2.14.0%2Bcpu"), ("torchvision", "x86_64", "aarch64"), ("torch", TAG, "cp27")],
)
def test_an_index_that_lacks_a_wheel_is_said(
    tmp_path: Path, index: str, constraints: Path, name: str, before: str, after: str
) -> None:
    page = tmp_path / "processors" / name / "index.html"
    page.write_text(page.read_text().replace(before, after).replace(before.replace("%2B", "+"), after))
    version = {"torch": "2.14.1", "torchvision": "0.29.1"}[name]
    assert torch_index.lacks(index, constraints) == f"{index} has no {name} {version} for {TAG}"


def test_an_index_without_the_package_is_said(index: str, constraints: Path) -> None:
    assert f"{index}/nothing cannot be read (HTTP Error 404" in torch_index.lacks(f"{index}/nothing", constraints)


def test_an_index_that_refuses_is_said(constraints: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert f"{address} cannot be read (" in torch_index.lacks(address, constraints)


def test_an_index_that_stalls_is_not_waited_for(constraints: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:  # it takes calls and says nothing
        address, start = f"http://127.0.0.1:{server.getsockname()[1]}", time.monotonic()
        assert torch_index.lacks(address, constraints, 0.2) == f"{address} did not answer in 0.2 s"
        assert time.monotonic() - start < torch_index._SECONDS


@pytest.mark.parametrize(("driver", "lacking", "option"), [("", "", True), ("a driver", "", False), ("", "x", False)])
def test_the_option_is_printed_and_the_reason_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], driver: str, lacking: str, option: bool
) -> None:
    monkeypatch.setattr(torch_index, "needs_graphics_card_libraries", lambda: driver)
    monkeypatch.setattr(torch_index, "lacks", lambda _: lacking)
    torch_index.main("https://index.example")
    told = capsys.readouterr()
    assert told.out == ("--extra-index-url https://index.example\n" if option else "")
    assert (driver or lacking or "its build for processors") in told.err


def test_only_linux_on_x86_64_without_a_driver_has_a_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch_index, "find_library", lambda _: None)
    monkeypatch.setattr(torch_index, "Path", lambda _: tmp_path / "nothing")
    monkeypatch.setattr("shutil.which", lambda _: None)
    for system, machine, free in [("Linux", "x86_64", True), ("Linux", "aarch64", False), ("Darwin", "arm64", False)]:
        monkeypatch.setattr("platform.system", lambda system=system: system)
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        assert (torch_index.needs_graphics_card_libraries() == "") == free
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/nvidia-smi")
    assert torch_index.needs_graphics_card_libraries() == "there is an NVIDIA driver"


def test_the_file_runs_without_any_package(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(ROOT / "lib" / "app" / "torch_index.py")]
    environment = {"PATH": os.defpath, "https_proxy": "http://127.0.0.1:9"}  # nobody answers there
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "" and done.stderr.startswith("PyTorch: its default build, since ")


def made(folder: Path, *words: str) -> str:
    """What `make install` asks of an environment's Python, which prints its arguments here."""
    python = folder / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text('#!/bin/sh\ncase "$1" in *torch_index.py) echo --extra-index-url AUTO;; *) echo "$@";; esac\n')
    python.chmod(0o755)
    python.with_name("pip").touch()
    environment = {name: value for name, value in os.environ.items() if name != "TORCH_INDEX"}
    command = ["make", "-s", "install", f"VENV={folder / 'venv'}", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.partition(" install ")[2].partition("-c ")[0].strip()


def test_make_takes_what_the_index_says_unless_it_is_told(tmp_path: Path) -> None:
    assert made(tmp_path / "unset") == "--extra-index-url AUTO"
    assert made(tmp_path / "given", "TORCH_INDEX=https://x") == "--extra-index-url https://x"
    assert made(tmp_path / "empty", "TORCH_INDEX=") == ""


@pytest.mark.slow("runs pip")
def test_pip_takes_the_build_for_processors_by_that_option(tmp_path: Path, index: str, constraints: Path) -> None:
    wheel(tmp_path / "main", "torch", "2.14.1")
    with served(tmp_path / "main") as main:
        command = [sys.executable, "-m", "pip", "download", "--isolated", "--no-deps", "--no-cache-dir"]
        command += ["--only-binary", ":all:", "--platform", PLATFORM, "-d", str(tmp_path / "out")]
        command += ["--index-url", main, "--extra-index-url", index, "-c", str(constraints), "torch"]
        subprocess.run(command, check=True, capture_output=True)
    assert [path.name.split("-")[1] for path in (tmp_path / "out").iterdir()] == ["2.14.1+cpu"]
