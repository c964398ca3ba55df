"""`python -m lib fetch`: data and checkpoints that may not be redistributed, downloaded and checked."""

import argparse
import sys
import threading
from contextlib import suppress

from lib.app.parameters import at_least
from lib.core.downloads import DATASETS, Download, cache_folder, cached, is_good
from lib.core.fetch import FetchError, fetch
from lib.core.tables import Table

_SMALL = ("images92", "kay2017", "squeezenet-object")  # free, 10 MB in all: what the book shows of measured brains


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m lib fetch`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to download; nothing: the list")
    wait = "what is small and free, best effort within so many seconds; without a network the book shows simulations"
    parser.add_argument("--small", type=at_least(1), metavar="SECONDS", help=wait)
    parser.add_argument("--list", action="store_true", help="show what there is, its size and licence")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib fetch`; return 0, or 1 if a download failed."""
    if args.small:
        return _fetch_small(args.small)
    if args.list or not args.names:
        rows = [_row(name, download) for name, downloads in DATASETS.items() for download in downloads]
        print(Table(("name", "file", "size", "licence", "present"), rows))
        print(f"\ncache: {cache_folder()} (COMPANION_DATA names another)")
        return 0
    try:
        for name in args.names:
            print(*fetch(name), sep="\n")
    except (FetchError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _fetch_small(seconds: int) -> int:
    """Fetch `_SMALL` without a word, but for what is missing at the end; return 0."""

    def attempt() -> None:
        """Fetch one after the other; what fails is told at the end."""
        for name in _SMALL:
            with suppress(FetchError, OSError):
                fetch(name)

    worker = threading.Thread(target=attempt, daemon=True)  # what is half there when time is up is no file yet
    worker.start()
    worker.join(seconds)
    if missing := [name for name in _SMALL if cached(name) is None]:
        print(f"Not fetched: {', '.join(missing)}. Pages about measured brains show simulated data and say so.")
    return 0


def _row(name: str, download: Download) -> tuple[str, ...]:
    size = f"{download.size / 1e6:.1f} MB" if download.size else "?"
    return name, download.name, size, download.licence, "yes" if is_good(download) else "no"
