"""`python -m lib plan`: what the figures on measured data need, of which what is there, and how to get the rest."""

import argparse
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import requests
from tqdm import tqdm

from lib.analysis.encoding import MEMORY_BYTES
from lib.app.parameters import at_least, user_folder
from lib.app.sweep.forecast import SLOWER, Size, decoding_bytes, resident_bytes, speed
from lib.core import choose
from lib.core.disk import check_room
from lib.core.downloads import DATASETS, Download, cache_folder, cached
from lib.core.fetch import TIMEOUT, FetchError, fetch, fetch_file
from lib.core.tables import Table
from lib.data.god import N_SUBJECTS
from lib.data.laion import LAST_SESSION, SUBJECTS
from lib.data.nsd import SESSIONS
from lib.networks import ZOO

_FILE = tomllib.loads(Path(__file__).with_name("plans.toml").read_text(encoding="utf-8"))
PLANS: Mapping[str, dict[str, Any]] = _FILE["datasets"]
_MOST_SESSIONS = {
    "nsd": SESSIONS,
    "laion": dict.fromkeys(SUBJECTS, LAST_SESSION),
    "god": dict.fromkeys(range(1, N_SUBJECTS + 1), 1),
}

_FEATURES, _TEST_SHARE = 20_000, 0.15
_UNITS, _AREAS, _UNIONS, _KEPT = 1000, 7, 3, 500  # of figure 4: per layer; areas, unions of them, voxels kept


@dataclass(frozen=True)
class Part:
    """One kind of file that a figure needs, and how much of it is there.

    Attributes
    ----------
    what, needed_for, source : str
    form : str
        What must be signed first; empty where nothing is.
    paths : tuple of str
        Below the folder of the data; with `*`, one that any file matches will do.
    there : tuple of bool
        Which of them are there.
    least, most : int
        Bytes that each is expected to have; 0 where nobody knows.
    optional : bool
    bucket : str
        Address of a bucket that holds the files; empty where there is none.
    """

    what: str
    needed_for: str
    source: str
    form: str
    paths: tuple[str, ...]
    there: tuple[bool, ...]
    least: int
    most: int
    optional: bool = False
    bucket: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Paths at which there is nothing yet."""
        return tuple(path for path, there in zip(self.paths, self.there, strict=True) if not there)


def parts_of(dataset: str, subject: int, root: Path, sessions: Iterable[int] | None = None) -> list[Part]:
    """List what the figures need of a data set for one participant, published weights included.

    Parameters
    ----------
    dataset : "nsd", "laion" or "god"
    subject : int
    root : Path
        The folder that holds the data, or will.
    sessions : iterable of int, optional
        All of the participant's by default.

    Raises
    ------
    ValueError
        No such data set, participant or session.
    """
    plan = PLANS[choose("dataset", dataset, PLANS)]
    known = _MOST_SESSIONS[dataset]
    if subject not in known:
        raise ValueError(f"{plan['title']} has participants {', '.join(map(str, known))}, found subject {subject}.")
    numbers = list(range(1, known[subject] + 1) if sessions is None else sorted(set(sessions)))
    if outside := [number for number in numbers if not 1 <= number <= known[subject]]:
        raise ValueError(
            f"Participant {subject} of {plan['title']} has sessions 1 to {known[subject]}, not {outside[0]}."
        )
    parts = [_part(entry, subject, root, numbers) for entry in plan["parts"]]
    networks = dict.fromkeys(name for figure in plan["figures"] for name in _FILE["networks"][figure])
    return parts + [_weights(name, plan["figures"]) for name in networks]


def _part(entry: Mapping[str, Any], subject: int, root: Path, sessions: Sequence[int]) -> Part:
    template, size = entry["path"], entry["size"]
    size = size[str(subject)] if isinstance(size, dict) else size
    least, most = size if isinstance(size, list) else (size, size)
    numbers = sessions if "{session" in template else [0]
    paths = tuple(template.format(subject=subject, session=number) for number in numbers)
    there = tuple(any(root.glob(path)) for path in paths)
    about = {name: entry[name] for name in ("what", "needed_for", "source", "optional", "bucket") if name in entry}
    return Part(form=entry.get("form", ""), paths=paths, there=there, least=least, most=most, **about)


def _weights(name: str, figures: Iterable[str]) -> Part:
    (download,) = DATASETS[name]
    size = download.size or _FILE["weights"][name]
    shown = ", ".join(figure[3] for figure in figures if name in _FILE["networks"][figure])
    source = f"python -m lib fetch {name}"
    there = cached(name) is not None
    return Part(f"weights of {name}", f"figure {shown}", source, "", (download.path,), (there,), size, size)


@dataclass(frozen=True)
class Amount:
    """Bytes still to be downloaded, at least and at most; `unknown` files have a size that nobody publishes."""

    least: int
    most: int
    unknown: int

    def __str__(self) -> str:
        numbers = dict.fromkeys(f"{n / 1e9:.1f}" for n in (self.least, self.most))
        more = f" and {self.unknown} of unknown size" if self.unknown else ""
        return f"{' to '.join(numbers)} GB{more}"


def still_missing(parts: Iterable[Part], form: bool | None = None) -> Amount:
    """Add up what is not there yet, what is optional left out.

    Parameters
    ----------
    parts : iterable of Part
    form : bool, optional
        Count only what needs a form (True), or only what needs none (False).
    """
    counted = [part for part in parts if not part.optional and form in (None, bool(part.form))]
    unknown = sum(len(part.missing) for part in counted if not part.most)
    return Amount(
        sum(len(part.missing) * part.least for part in counted),
        sum(len(part.missing) * part.most for part in counted),
        unknown,
    )


def report(dataset: str, subject: int, root: Path, parts: Sequence[Part]) -> str:
    """What is needed, there and missing, and what disk, memory and hours it takes on this machine.

    Parameters
    ----------
    dataset : str
    subject : int
    root : Path
    parts : sequence of Part
    """
    title, missing = PLANS[dataset]["title"], still_missing(parts)
    around = next(folder for folder in (root, *root.parents) if folder.exists())
    free, memory = shutil.disk_usage(around).free, psutil.virtual_memory().total
    fits = "fits" if missing.most <= free else "fits at best" if missing.least <= free else "does not fit"
    lines = [
        f"{title}, participant {subject}, in {root}\n",
        str(Table(("what", "needed for", "GB", "there", "from", "form"), [_row(part) for part in parts])),
        f"\nTo download: {missing}: {still_missing(parts, form=False)} without a form, "
        f"{still_missing(parts, form=True)} after one.",
        f"Disk: {free / 1e9:.0f} GB free in {around}: {fits}.",
        str(Table(("figure", "memory, GB", f"of {memory / 1e9:.0f}", "hours"), list(_costs(dataset, memory)))),
        "Hours are estimated from the speed of matrix products, measured now; showing the photographs comes on top.",
    ]
    return "\n".join([*lines, *_next(dataset, subject, root, parts)])


def _row(part: Part) -> tuple[str, ...]:
    total = [n * len(part.paths) / 1e9 for n in (part.least, part.most)]
    size = " to ".join(dict.fromkeys(f"{gigabytes:.3g}" for gigabytes in total)) if part.most else "?"
    needed = f"({part.needed_for})" if part.optional else part.needed_for
    return part.what, needed, size, f"{sum(part.there)} of {len(part.paths)}", part.source, part.form or "none"


def _costs(dataset: str, memory: int) -> Iterator[tuple[str, str, str, str]]:
    """Memory and hours of each figure, and whether this machine's memory, in bytes, will do."""
    plan = PLANS[dataset]
    for figure in plan["figures"]:
        shown, images, voxels = [ZOO[name] for name in _FILE["networks"][figure]], plan["images"], plan["voxels"]
        if dataset == "god":
            n_bytes, operations = _decoding_cost(images, voxels, sum(len(one.decoding_layers) for one in shown))
        else:
            n_bytes, operations = _encoding_cost(images, voxels, [len(one.layers) for one in shown])
        n_bytes += resident_bytes()
        verdict = "fits" if n_bytes <= memory else "too little"
        yield figure, f"{n_bytes / 1e9:.1f}", verdict, f"{SLOWER * operations / speed() / 3600:.2g}"


def _encoding_cost(n_images: int, voxels: int, layers: Sequence[int]) -> tuple[int, float]:
    """Bytes of the largest moment, and operations in single precision, of encoding by networks of so many layers."""
    m = round(_TEST_SHARE * n_images)
    one, all_layers = (Size(n_images - m, m, voxels, (_FEATURES,) * n) for n in (max(layers), sum(layers)))
    return one.peak(MEMORY_BYTES), all_layers.operations()


def _decoding_cost(n_trials: int, voxels: int, layers: int) -> tuple[int, float]:
    """The same of decoding all areas of one participant by least squares; double precision counts twice."""
    cubes = _AREAS * _KEPT**3 + _UNIONS * (2 * _KEPT) ** 3
    return decoding_bytes(n_trials, voxels, layers * _UNITS), 2 * layers * _UNITS * cubes / 3


def _next(dataset: str, subject: int, root: Path, parts: Sequence[Part]) -> Iterator[str]:
    """The commands that come next."""
    wanted = [part for part in parts if part.missing and not part.optional]
    if any(not part.form for part in wanted):
        yield f"\npython -m lib plan {dataset} --subject {subject} --root {shlex.quote(str(root))} --fetch"
    for source, form in dict.fromkeys((part.source, part.form) for part in wanted if part.form):
        yield f"{form}: {source}"
    yield f"python -m lib check {dataset} {shlex.quote(str(root))} --subject {subject}"


# Downloads


def fetch_free(dataset: str, subject: int, root: Path, parts: Sequence[Part]) -> list[Path]:
    """Download what is missing and needs no form; what was cut off goes on where it stopped.

    Parameters
    ----------
    dataset : str
    subject : int
    root : Path
    parts : sequence of Part

    Returns
    -------
    list of Path

    Raises
    ------
    FetchError
        In one sentence; what arrived stays for the next call.
    OSError
        There is too little room.
    """
    free = [part for part in parts if part.missing and not (part.form or part.optional)]
    downloads = [one for part in free if part.bucket for one in _listed(part, root)]
    for download in DATASETS["god"] if dataset == "god" else ():
        name = Path(download.path).name
        if any(name in part.missing for part in free):
            downloads.append(replace(download, path=str(root / name)))
    root.mkdir(parents=True, exist_ok=True)
    check_room(root, sum(one.size or 0 for one in downloads if not Path(one.path).exists()), "These files")
    weights = [part.what.removeprefix("weights of ") for part in free if part.what.startswith("weights of ")]
    paths = [_whole(one) for one in tqdm(downloads, "files", disable=None)]
    return paths + [path for name in weights for path in fetch(name)]


def _listed(part: Part, root: Path) -> Iterator[Download]:
    """Files of a bucket at the missing paths, with the sizes that it names."""
    for pattern in part.missing:
        listed = _listing(part.bucket, pattern.partition("*")[0])
        found = [(key, size) for key, size in listed if fnmatch(key, pattern) and ".." not in key.split("/")]
        if not found:
            raise FetchError(f"{part.bucket}: expected files such as {pattern}, found none.")
        for key, size in found:
            url = f"{part.bucket}/{requests.utils.quote(key)}"
            yield Download(part.what, url, str(root / key), None, "", size)


def _listing(bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Keys of a bucket of Amazon S3 that begin with a prefix, and their sizes; a thousand on each page."""
    token: str | None = ""
    seen: set[str] = set()
    while token is not None:
        if token in seen:
            raise FetchError(f"{bucket}: its list of files does not end: a page is followed by one already read.")
        seen.add(token)
        asked = {"list-type": "2", "prefix": prefix} | ({"continuation-token": token} if token else {})
        try:
            answer = requests.get(bucket, asked, timeout=TIMEOUT)
            answer.raise_for_status()
            page = ElementTree.fromstring(re.sub(rb'xmlns="[^"]*"', b"", answer.content))
            sizes = [(one.findtext("Key", ""), int(one.findtext("Size", "0"))) for one in page.findall("Contents")]
        except (requests.RequestException, ElementTree.ParseError, ValueError) as error:
            raise FetchError(f"{bucket}: its list of files could not be read ({type(error).__name__}).") from error
        yield from sizes
        token = page.findtext("NextContinuationToken")


def _whole(download: Download) -> Path:
    """Download a file, and compare its size with the one published."""
    path = fetch_file(download)
    if download.size and download.sha256 is None and path.stat().st_size != download.size:
        found = f"expected {download.size:,} bytes as in the bucket, found {path.stat().st_size:,}"
        raise FetchError(f"{path}: {found}: remove it, and fetch it again.")
    return path


# Command line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m lib plan`."""
    parser.add_argument("dataset", help=", ".join(PLANS))
    parser.add_argument("--subject", type=at_least(1), default=1, help="number of the participant")
    parser.add_argument("--sessions", type=at_least(1), nargs="+", help="some of the sessions; all by default")
    parser.add_argument("--root", type=user_folder, help="the folder of the data (default: DATASET in the cache)")
    parser.add_argument("--fetch", action="store_true", help="download what needs no form")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib plan`; return 0, or 1 if a download failed."""
    root = args.root or cache_folder() / args.dataset
    parts = parts_of(args.dataset, args.subject, root, args.sessions)
    if args.fetch:
        try:
            print(*fetch_free(args.dataset, args.subject, root, parts), sep="\n")
        except FetchError as error:
            print(error)
            return 1
        parts = parts_of(args.dataset, args.subject, root, args.sessions)
    print(report(args.dataset, args.subject, root, parts))
    return 0
