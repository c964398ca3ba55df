"""Downloads from a loopback server that misbehaves: a file ends whole or absent, and a sentence says why."""

import argparse
import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lib.core import fetch
from lib.core.fetch import DATASETS, Download, FetchError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT in the manner that the address names."""

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range"))
        getattr(self, f"serve_{self.path.strip('/')}")()

    def start(self) -> int:
        asked = self.headers.get("Range") if self.headers.get("If-Range", '"1"') == '"1"' else None
        return int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0

    def send(self, body: bytes, start: int = 0, upto: int | None = None, status: int | None = None) -> None:
        self.send_response(status or (206 if start else 200))
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", '"1"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self.wfile.write(body[start:upto])

    def serve_good(self) -> None:
        if self.start() >= len(CONTENT):
            return self.send_error(416)
        self.send(CONTENT, self.start())

    def serve_cut(self) -> None:
        """Each connection ends after 300 kB."""
        self.send(CONTENT, self.start(), self.start() + 300_000)

    def serve_dead(self) -> None:
        """Each connection ends at the same byte."""
        self.send(CONTENT, self.start(), 300_000)

    def serve_rangeless(self) -> None:
        self.send(CONTENT)

    def serve_rangelesscut(self) -> None:
        """Cut off the first time, and no ranges afterwards."""
        self.send(CONTENT, upto=None if len(self.server.asked) > 1 else 300_000)

    def serve_wrong(self) -> None:
        self.send(CONTENT[::-1])

    def serve_missing(self) -> None:
        self.send_error(404)

    def serve_busy(self) -> None:
        self.send_error(503) if len(self.server.asked) == 1 else self.send(CONTENT)

    def serve_silent(self) -> None:
        """Half of it, then nothing for longer than the client waits."""
        self.send(CONTENT, upto=500_000)
        time.sleep(1.5)

    def serve_slow(self) -> None:
        """A byte now and then is still a transfer."""
        self.send(CONTENT, upto=0)
        for i in range(0, len(CONTENT), 1 << 17):
            time.sleep(0.08)
            self.wfile.write(CONTENT[i : i + (1 << 17)])


class Server(ThreadingHTTPServer):
    """Remembers the ranges it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    def handle_error(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    monkeypatch.setattr(fetch, "TIMEOUT", (0.5, 0.5))
    monkeypatch.setattr(fetch, "PAUSE", 0.01)
    monkeypatch.setattr(fetch, "CHUNK", 1000)
    return tmp_path


@pytest.fixture
def offer(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch):
    """Put one file in the list of downloads, served in some manner; returns where it will lie."""

    def put(manner: str, sha256: str | None = DIGEST, port: int = 0) -> Path:
        url = f"http://127.0.0.1:{port or server.server_port}/{manner}"
        monkeypatch.setitem(DATASETS, "toy", (Download("toy", url, "toys/toy.bin", sha256, "CC0"),))
        return cache / "toys/toy.bin"

    return put


def leftovers(path: Path) -> set[str]:
    return {p.name.removeprefix(path.name) for p in path.parent.iterdir()}


@pytest.mark.parametrize("manner", ["good", "slow", "cut", "rangeless", "rangelesscut", "busy"])
def test_ends_whole(offer, manner: str) -> None:
    path = offer(manner)
    assert fetch.cached("toy") is None
    assert fetch.fetch("toy") == fetch.cached("toy") == [path]
    assert path.read_bytes() == CONTENT
    assert leftovers(path) == {"", ".sha256.json"}


@pytest.mark.parametrize(
    ("manner", "reason", "left"),
    [
        ("dead", "the server cut off 4 times in a row", {".part", ".part.tag"}),
        ("silent", "the server took too long to answer", {".part", ".part.tag"}),
        ("missing", "the server answers 404 Not Found", set()),
        ("wrong", "its bytes are not the published ones, and were removed", set()),
    ],
)
def test_ends_absent_and_says_why(offer, manner: str, reason: str, left: set[str]) -> None:
    path = offer(manner)
    with pytest.raises(FetchError) as error:
        fetch.fetch("toy")
    assert reason in str(error.value)
    assert str(path) in str(error.value) and f"/{manner}" in str(error.value)
    assert str(error.value).count(". ") == 0 and str(error.value).endswith(".")
    assert fetch.cached("toy") is None and leftovers(path) == left


def test_resumes_where_it_was_cut_off(offer, server: Server) -> None:
    offer("cut")
    fetch.fetch("toy")
    assert server.asked == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_next_call_goes_on(offer, server: Server) -> None:
    path = offer("dead")
    with pytest.raises(FetchError):
        fetch.fetch("toy")
    offer("good")
    assert fetch.fetch("toy") == [path] and path.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=300000-"


@pytest.mark.parametrize("size", [1000, len(CONTENT), len(CONTENT) + 7])
def test_a_part_of_something_else_is_given_up(offer, size: int) -> None:
    path = offer("good")
    path.parent.mkdir()
    path.with_name("toy.bin.part").write_bytes(b"x" * size)
    assert fetch.fetch("toy") == [path]
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(("tag", "asked"), [('"1"', "bytes=1000-"), ('"0"', "bytes=1000-"), ("", None)])
def test_without_a_hash_only_the_same_file_is_resumed(offer, server: Server, tag: str, asked: str) -> None:
    path = offer("good", sha256=None)
    path.parent.mkdir()
    path.with_name("toy.bin.part").write_bytes(CONTENT[:1000] if tag == '"1"' else b"x" * 1000)
    path.with_name("toy.bin.part.tag").write_text(tag)
    fetch.fetch("toy")
    assert path.read_bytes() == CONTENT and server.asked == [asked]


def test_nothing_is_downloaded_twice(offer, server: Server) -> None:
    offer("good")
    for _ in range(3):
        fetch.fetch("toy")
    assert len(server.asked) == 1


def test_a_downloaded_file_is_hashed_once(offer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = offer("good")
    fetch.fetch("toy")
    monkeypatch.setattr(fetch, "_sha256", lambda *_: pytest.fail("hashed again"))
    assert fetch.cached("toy") == [path]


@pytest.mark.parametrize("manner", ["good", "missing"])
def test_corrupted_file_is_fetched_again(offer, manner: str) -> None:
    path = offer("good")
    fetch.fetch("toy")
    path.write_bytes(CONTENT[:-1])
    assert fetch.cached("toy") is None
    offer(manner)
    with pytest.warns(UserWarning, match="other bytes than it should"):
        if manner == "missing":
            with pytest.raises(FetchError, match="404"):
                fetch.fetch("toy")
        else:
            fetch.fetch("toy")
    assert (fetch.cached("toy") == [path]) == (manner == "good")


def test_corrupted_file_and_wrong_server_do_not_make_a_good_one(offer) -> None:
    path = offer("wrong")
    path.parent.mkdir()
    path.write_bytes(b"corrupted")
    with pytest.raises(FetchError, match="not the published ones"), pytest.warns(UserWarning):
        fetch.fetch("toy")
    assert fetch.cached("toy") is None


def test_hash_prefix(offer) -> None:
    path = offer("good", sha256=DIGEST[:8])
    assert fetch.fetch("toy") == [path]
    offer("wrong", sha256=DIGEST[:8])
    path.unlink()
    with pytest.raises(FetchError, match="not the published ones"):
        fetch.fetch("toy")


def test_unpublished_hash_is_recorded_and_compared(offer) -> None:
    path = offer("good", sha256=None)
    fetch.fetch("toy")
    path.unlink()
    offer("wrong", sha256=None)
    with pytest.warns(UserWarning, match="other bytes than the first time"):
        fetch.fetch("toy")
    path.write_bytes(b"changed on disk")
    assert fetch.cached("toy") is None


def test_file_put_by_hand_is_taken_and_nothing_is_written(offer, server: Server) -> None:
    for sha256 in (DIGEST, None):
        path = offer("missing", sha256)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(CONTENT)
        assert fetch.fetch("toy") == fetch.cached("toy") == [path]
        assert leftovers(path) == {""} and not server.asked


def test_record_that_cannot_be_written_costs_only_time(offer) -> None:
    path = offer("good")
    path.with_name("toy.bin.sha256.json").mkdir(parents=True)
    assert fetch.fetch("toy") == fetch.cached("toy") == [path]


def test_folder_that_cannot_be_written(offer, cache: Path) -> None:
    path = offer("good")
    (cache / "toys").write_text("a file where the folder should be")
    with pytest.raises(FetchError, match="cannot be written") as error:
        fetch.fetch("toy")
    assert str(path) in str(error.value)


def test_no_network(offer, server: Server) -> None:
    path = offer("good", port=1)
    with pytest.raises(FetchError, match=r"no connection to 127\.0\.0\.1:1;.*COMPANION_DATA"):
        fetch.fetch("toy")
    assert leftovers(path) == set()


def test_unknown_name_lists_the_names() -> None:
    for call in (fetch.fetch, fetch.cached):
        with pytest.raises(ValueError, match="Did you mean 'images92'"):
            call("image92")


def test_relative_cache_starts_at_the_projects_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = Path(fetch.__file__).parents[2]
    monkeypatch.setenv("COMPANION_DATA", "some/cache")
    monkeypatch.chdir(tmp_path)
    assert fetch.cache_folder() == root / "some/cache"
    monkeypatch.delenv("COMPANION_DATA")
    assert fetch.cache_folder().is_absolute()


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    fetch.add_arguments(parser)
    return fetch.main(parser.parse_args(words))


def test_command_line(offer, capsys: pytest.CaptureFixture[str]) -> None:
    path = offer("good")
    assert run("toy") == 0 and capsys.readouterr().out == f"{path}\n"
    assert run("--list") == run() == 0
    assert any(line.split()[-2:] == ["CC0", "yes"] for line in capsys.readouterr().out.splitlines())
    offer("missing")
    path.unlink()
    assert run("toy") == 1 and "404" in capsys.readouterr().err
    assert run("nothing") == 1 and "choose one of" in capsys.readouterr().err


def test_list_is_sound() -> None:
    downloads = [download for group in DATASETS.values() for download in group]
    assert len({d.path for d in downloads}) == len({d.url for d in downloads}) == len(downloads)
    for download in downloads:
        assert download.licence and not Path(download.path).is_absolute()
        assert download.sha256 is None or int(download.sha256, 16) >= 0
