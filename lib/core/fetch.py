"""Pinned, checksummed, resumable downloads into one cache folder.

The cache is the folder named by the environment variable COMPANION_DATA, else the platform's user cache.
The transfer is our own, on requests: the field's downloader, pooch, begins again when a download was cut off, hashes
every file at every call, and cannot compare the hash prefixes that torchvision publishes.

A file in the cache is whole or absent: bytes arrive in `<file>.part`, are hashed, and only then get its name.
"""

import hashlib
import json
import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from platformdirs import user_cache_path
from tqdm import tqdm

from lib.core import choose

TIMEOUT = (10, 60)  # seconds: to connect, and of silence during a transfer
ATTEMPTS = 4  # in a row that bring no new byte
PAUSE = 1.0  # seconds before the second attempt; doubles from there
CHUNK = 1 << 14  # bytes; what arrives of a chunk that is cut off is lost


class FetchError(RuntimeError):
    """A download that failed; the message says what, where from, why and how to go on."""


@dataclass(frozen=True)
class Download:
    """One file that users download themselves.

    Attributes
    ----------
    name : str
        What it is, in a few words.
    url : str
        Pinned address.
    path : str
        Where it lies under the cache folder.
    sha256 : str or None
        SHA-256 or, where only that is published, its first digits; None where nothing is.
    licence : str
    size : int or None
        Bytes, for the list only: the hash is what is checked.
    """

    name: str
    url: str
    path: str
    sha256: str | None
    licence: str
    size: int | None = None


def _torchvision(name: str, file: str, size: int) -> Download:
    digits = Path(file).stem.rsplit("-", 1)[1]
    url = f"https://download.pytorch.org/models/{file}"
    return Download(name, url, f"checkpoints/{file}", digits, "BSD-3-Clause (torchvision)", size)


def _places365(name: str, file: str) -> Download:
    url = f"http://places2.csail.mit.edu/models_places365/{file}"
    return Download(name, url, f"checkpoints/{file}", None, "CC BY (Places365)")


def _taskonomy(name: str, file: str) -> Download:
    digits = Path(file).stem.rsplit("-", 1)[1]
    url = f"https://github.com/alexsax/visual-prior/raw/networks/assets/pytorch/{file}"
    return Download(name, url, f"checkpoints/{file}", digits, "MIT (visual-prior)")


def _god(file: str, number: int) -> Download:
    url = f"https://ndownloader.figshare.com/files/{number}"
    return Download(f"GOD, {file}", url, f"god/{file}", None, "see figshare article 7387130")


_RSATOOLBOX = "https://raw.githubusercontent.com/rsagroup/rsatoolbox/f1f83cadb7243492a1aae7460466e0f0140b20ac"
_ALGONAUTS = "https://raw.githubusercontent.com/dnn-hvs/Algonauts-Challange/9b305ff847973cb71dbcdcb249401fb93aa92ecd"

DATASETS: dict[str, tuple[Download, ...]] = {
    "images92": (
        Download(
            "92 photographs and their categories",
            f"{_RSATOOLBOX}/demos/92imageData/Kriegeskorte_Neuron2008_supplementalData.mat",
            "images92/Kriegeskorte_Neuron2008_supplementalData.mat",
            "06f21214399a5d43dc264eed19a7f4b8daf11c8622a59eec3e106064ce5e3504",
            "MIT (repository)",
            3_603_779,
        ),
        Download(
            "EVC and IT dissimilarities of 15 people",
            f"{_ALGONAUTS}/Testing/92/target_fmri.mat",
            "images92/target_fmri.mat",
            "57f064c7ebc5e6de1c70898166090f5c7b6ffdcfb5b13cb897c6d81a09207e47",
            "none stated",
            1_876_161,
        ),
    ),
    "alexnet-object": (_torchvision("AlexNet, ImageNet", "alexnet-owt-7be5be79.pth", 244_400_000),),
    "resnet50-object": (_torchvision("ResNet50, ImageNet", "resnet50-0676ba61.pth", 102_500_000),),
    "mobilenet-object": (_torchvision("MobileNetV3, ImageNet", "mobilenet_v3_large-8738ca79.pth", 22_100_000),),
    "alexnet-place": (_places365("AlexNet, Places365", "alexnet_places365.pth.tar"),),
    "resnet50-place": (_places365("ResNet50, Places365", "resnet50_places365.pth.tar"),),
    "taskonomy-edge2d": (
        _taskonomy(
            "Taskonomy encoder, 2D edges",
            "edge_texture_encoder-be2d686a6a4dfebe968d16146a17176eba37e29f736d5cd9a714317c93718810.pth",
        ),
    ),
    "taskonomy-edge3d": (
        _taskonomy(
            "Taskonomy encoder, 3D edges",
            "edge_occlusion_encoder-5ac3f3e918131f61e01fe95e49f462ae2fc56aa463f8d353ca84cd4e248b9c08.pth",
        ),
    ),
    "god": (
        _god("Subject1.h5", 15049646),
        _god("Subject2.h5", 15049649),
        _god("Subject3.h5", 15049652),
        _god("Subject4.h5", 15049655),
        _god("Subject5.h5", 15049658),
        _god("ImageFeatures.h5", 15015971),
    ),
}


def cache_folder() -> Path:
    """The folder that holds all downloads: COMPANION_DATA, else the platform's user cache.

    A relative COMPANION_DATA starts at the project's root, where make runs; notebooks run one folder below.
    """
    named = os.environ.get("COMPANION_DATA")
    root = Path(__file__).resolve().parents[2]
    return root / Path(named).expanduser() if named else user_cache_path("brains-and-networks-companion")


def cached(name: str) -> list[Path] | None:
    """Files of a data set if all are in the cache and are what they should be; never touches the network.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.

    Returns
    -------
    list of Path, or None if a file is missing or has other bytes than expected.

    Raises
    ------
    ValueError
        For an unknown name, with the names there are.
    """
    downloads = DATASETS[choose("download", name, DATASETS)]
    return [_place(d) for d in downloads] if all(map(is_good, downloads)) else None


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
    downloads = DATASETS[choose("download", name, DATASETS)]
    for download in downloads:
        if not is_good(download):
            _fetch_one(download)
    return [_place(download) for download in downloads]


def _place(download: Download) -> Path:
    return cache_folder() / download.path


def _part(download: Download) -> Path:
    return _beside(_place(download), ".part")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def is_good(download: Download) -> bool:
    """Whether the file is there with the right hash; not hashed again if untouched since its download."""
    path = _place(download)
    if not path.is_file():
        return False
    record = _record(path)
    if (record.get("size"), record.get("mtime_ns")) == _stamp(path):
        return record["sha256"].startswith(download.sha256 or "")
    expected = download.sha256 or record.get("sha256")
    # A file put there by hand, with nothing to compare it with, is believed.
    return expected is None or _sha256(path).startswith(expected)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _record(path: Path) -> dict:
    """Hash, size and time of a file when it was downloaded; empty if somebody else put it there."""
    try:
        return json.loads(_beside(path, ".sha256.json").read_text())
    except (OSError, ValueError):
        return {}


def _write_record(path: Path, digest: str) -> None:
    """Remember what was downloaded; a folder that does not let us only costs a hash at every call."""
    size, mtime_ns = _stamp(path)
    record = {"sha256": digest, "size": size, "mtime_ns": mtime_ns}
    try:
        _beside(path, ".sha256.json").write_text(json.dumps(record))
    except OSError:
        pass


def _fetch_one(download: Download) -> None:
    path = _place(download)
    if path.exists():
        warnings.warn(f"{path} has other bytes than it should: it is downloaded again.", stacklevel=3)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _arrived(download):
            raise FetchError(_sentence(download, "its bytes are not the published ones, and were removed"))
    except requests.RequestException as error:
        raise FetchError(_sentence(download, _reason(download, error))) from error
    except OSError as error:
        raise FetchError(_sentence(download, f"{path} cannot be written ({error.strerror})")) from error


def _arrived(download: Download) -> bool:
    """Transfer and check; if wrong bytes began with an earlier run's part, once more from the beginning."""
    began_before = _part(download).exists()
    _transfer(download)
    return _accept(download) or (began_before and _arrived(download))


def _accept(download: Download) -> bool:
    """Give the transferred bytes their name if they are the right ones, else remove them."""
    path, part = _place(download), _part(download)
    digest = _sha256(part)
    _beside(part, ".tag").unlink(missing_ok=True)
    if not digest.startswith(download.sha256 or ""):
        part.unlink()
        return False
    _warn_if_changed(download, digest)
    os.replace(part, path)
    _write_record(path, digest)
    return True


def _warn_if_changed(download: Download, digest: str) -> None:
    before = _record(_place(download)).get("sha256", digest)
    if before != digest:
        warnings.warn(
            f"{download.url} gave other bytes than the first time: SHA-256 was {before}, is now {digest}.",
            stacklevel=2,
        )


def _transfer(download: Download) -> None:
    """Bring all bytes into `<file>.part`; when cut off, go on as long as that brings new ones."""
    part = _part(download)
    most, failures = _size(part), 0
    while True:
        try:
            return _receive(download, part)
        except requests.RequestException as error:
            failures = 0 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            if failures >= ATTEMPTS or not _worth_another(error):
                raise
            time.sleep(PAUSE * 2**failures)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _worth_another(error: requests.RequestException) -> bool:
    status = error.response.status_code if error.response is not None else 500
    return status >= 500 or status == 429


def _receive(download: Download, part: Path) -> None:
    """One request: the rest of the file if the server can, else all of it."""
    have, headers = _size(part), _headers(download, part)
    with requests.get(download.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416 and have:  # nothing is missing; the hash decides
            return
        response.raise_for_status()
        go_on = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        _beside(part, ".tag").write_text(response.headers.get("ETag", ""))
        _save(response, part, have if go_on else 0, download.name)


def _headers(download: Download, part: Path) -> dict[str, str]:
    """Ask for the missing bytes; where no hash would notice, only if the server still has the same file."""
    have, tag = _size(part), _beside(part, ".tag")
    headers = {"Accept-Encoding": "identity"}
    if have and download.sha256:
        headers["Range"] = f"bytes={have}-"
    elif have and tag.exists() and tag.read_text():
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text()}
    return headers


def _save(response: requests.Response, part: Path, have: int, name: str) -> None:
    length = have + int(response.headers.get("Content-Length", 0))
    bar = tqdm(total=length or None, initial=have, desc=name, unit="B", unit_scale=True, disable=None)
    with bar, part.open("ab" if have else "wb") as file:
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))


def _reason(download: Download, error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if "timed out" in str(error):
        return "the server took too long to answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"the server cut off {ATTEMPTS} times in a row"
    return f"no connection to {urlsplit(download.url).netloc}"


def _sentence(download: Download, reason: str) -> str:
    path = _place(download)
    return (
        f"Could not download {download.path} from {download.url}: {reason}; try again later, or put the file "
        f"at {path} yourself, or let COMPANION_DATA name a folder that holds {download.path}."
    )
