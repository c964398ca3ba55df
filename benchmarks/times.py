"""How long the commands of CONTRIBUTING.md take in a fresh clone: `make times` writes the table there.

Run it on a machine that does nothing else.

Install, first figure, book, check and tests, and what is to be waited for after an edit.
"""

import argparse
import os
import re
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import psutil

from lib.core.disk import ROOT

PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- times: written by `make times` -->", "<!-- end of times -->"
STEPS = {
    "make install": "make install",
    "make first": "make first",
    "make book": "make book",
    "make book again": "make book",
    "make check": "make check",
    "make check again": "make check",
    "make test": "make test",
    "make book after a change of one figure": "echo '# changed' >> lib/figures/follow_ups.py && make book",
    "make book after a change of one page's prose": "echo 'Changed.' >> book/idea.md && make book",
}
_LOOK_SECONDS = 0.5
# Of this process, and not for the commands: where modules and results are, and what make hands on.
_OURS = ("PYTHONPATH", "COMPANION_RESULTS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")


@dataclass(frozen=True)
class Step:
    """A command, its seconds on the wall and on processors, and the most bytes that its processes held together.

    A command that failed has an exit status other than 0, and its times are those until then.
    """

    name: str
    seconds: float
    processor_seconds: float
    peak_bytes: float
    status: int = 0


def measure(name: str, command: str, folder: Path) -> Step:
    """Run a shell command in a folder."""
    environment = {key: value for key, value in os.environ.items() if key not in _OURS}
    before, start, ended, peak = os.times(), time.perf_counter(), Event(), [0]
    process = subprocess.Popen(command, shell=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
    watch = Thread(target=_watch, args=(process.pid, ended, peak))
    watch.start()
    status = process.wait()
    ended.set()
    watch.join()
    seconds, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Step(name, seconds, used, peak[0], status)


def _watch(pid: int, ended: Event, peak: list[int]) -> None:
    """Note the most bytes that a process and its descendants hold together."""
    while True:
        with suppress(psutil.NoSuchProcess):  # it just ended
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            peak[0] = max(peak[0], sum(map(_held, family)))
        if ended.wait(_LOOK_SECONDS):
            return


def _held(process: psutil.Process) -> int:
    """Bytes of memory of a process, 0 if it just ended; of shared pages its share, or none where no share is known.

    A process that keeps that to itself, as a browser's may, counts with all it has in memory.
    """
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.uss))
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def write(steps: Iterable[Step], page: Path = PAGE) -> None:
    """Put the table between its marks; ValueError if the page has none."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page}: expected the marks {BEGIN!r} and {END!r}, found none or one.")
    head = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores:\n\n"
    head += "| | minutes | processor minutes | GB of memory |\n|---|---|---|---|\n"
    rows = [
        f"| {one.name}{', until it failed' if one.status else ''} "
        f"| {one.seconds / 60:.1f} | {one.processor_seconds / 60:.1f} | {one.peak_bytes / 1e9:.1f} |\n"
        for one in steps
    ]
    between = re.escape(BEGIN) + ".*" + re.escape(END)
    table = "".join([BEGIN, "\n", head, *rows, END])
    page.write_text(re.sub(between, lambda _: table, text, flags=re.DOTALL), encoding="utf-8")


def main() -> None:
    """Clone this repository, run every step there, and write the table anew after each; exit if one failed."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        steps = []
        for name, command in STEPS.items():
            steps.append(measure(name, command, clone))
            write(steps)
    if failed := [f"{one.name} (exit status {one.status})" for one in steps if one.status]:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
