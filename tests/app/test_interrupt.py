"""`python -m lib run` owns its processes and files: a signal ends all of them; two runs do not disturb each other."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest

pytestmark = pytest.mark.slow("starts commands and kernels, and waits for them")
SECONDS = 20  # for everything to end; a quarter of it on a machine that does nothing else
PATIENCE = 300  # seconds for what is not measured
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
SLOW = """\
# %% tags=["parameters"]
number = 1  # printed

# %%
import subprocess
import time
from pathlib import Path

with Path("executions.log").open("a") as log:
    print({name!r}, file=log)
subprocess.Popen(["sleep", "600"])
subprocess.Popen(["sleep", "600"], start_new_session=True)
subprocess.run("sleep 600 &", shell=True, start_new_session=True)
time.sleep({seconds})

# %%
print({name!r}, number)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three notebooks that take a while and start processes."""
    for i, name in enumerate(("one", "two", "three")):
        (tmp_path / f"{name}.py").write_text(SLOW.format(name=name, seconds=0.5 + i))
    return tmp_path


@pytest.fixture
def token() -> Iterator[str]:
    """A word in the environment of every process that a test starts; none is left after it."""
    token = uuid.uuid4().hex
    yield token
    for process in left(token):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def start(folder: Path, token: str) -> Start:
    """Start `python -m lib run` as a shell would."""

    def started(*words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "COMPANION_DATA": str(folder / "no data"), "COMPANION_TEST": token}
        command = [sys.executable, "-m", "lib", "run", "--folder", str(folder), *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment, start_new_session=True, **pipes)

    return started


def left(token: str) -> list[psutil.Process]:
    """Processes with that word in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("COMPANION_TEST") == token and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Look again and again; fail if it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def printed(folder: Path) -> dict[str, str]:
    """What the executed notebooks of a folder printed."""
    found = {}
    for path in folder.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        found[path.name] = "".join(output.text for cell in cells for output in cell.get("outputs", ()))
    return found


def names(folder: Path) -> set[str]:
    """Files that are neither sources nor executed notebooks."""
    return {path.name for path in folder.iterdir() if path.suffix not in (".py", ".ipynb")} - {"executions.log"}


@pytest.mark.parametrize("number", STATUS)
@pytest.mark.parametrize("seed", range(3))
def test_a_signal_at_any_moment_ends_everything_and_the_next_run_completes(
    folder: Path, start: Start, token: str, number: int, seed: int
) -> None:
    run = start("--all", "--jobs", "2")
    time.sleep(random.Random(f"{seed}{number}").uniform(0.3, 12))
    run.send_signal(number)
    _, err = run.communicate(timeout=SECONDS)
    assert run.returncode in (STATUS[number], -number, 0), err
    wait_until(lambda: not left(token), 2)
    assert names(folder) == set() and not list(folder.glob("*.failed.ipynb"))
    again = start("--all", "--jobs", "2")
    _, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, err
    assert printed(folder) == {f"{name}.ipynb": f"{name} 1\n" for name in ("one", "two", "three")}
    assert not left(token)


@pytest.mark.parametrize("number", STATUS)
def test_a_signal_while_kernels_compute_ends_with_its_status(
    folder: Path, start: Start, token: str, number: int
) -> None:
    run = start("--all", "--jobs", "2")
    wait_until((folder / "executions.log").exists)
    assert len(left(token)) >= 3
    run.send_signal(number)
    _, err = run.communicate(timeout=SECONDS)
    assert run.returncode == STATUS[number] and "Traceback" not in err
    assert not left(token), "kernels and what they started have ended with the command"
    assert (folder / "executions.log").read_text().count("\n") <= 2, "no other notebook was begun"


def test_a_killed_command_leaves_no_kernel_and_no_obstacle(folder: Path, start: Start, token: str) -> None:
    (folder / "one.py").write_text(SLOW.format(name="one", seconds=60).replace("subprocess.Popen", "print"))
    run = start("one")
    wait_until((folder / "executions.log").exists)
    run.kill()
    run.communicate()
    wait_until(lambda: not left(token), SECONDS)
    (folder / "one.py").write_text(SLOW.format(name="one", seconds=0))
    assert start("one").wait(PATIENCE) == 0
    assert names(folder) == set()


def test_two_runs_execute_each_notebook_once(folder: Path, start: Start) -> None:
    runs = [start("--all", "--jobs", "2"), start("--all", "--jobs", "2")]
    said = "".join("".join(run.communicate(timeout=PATIENCE)) for run in runs)
    assert [run.returncode for run in runs] == [0, 0], said
    assert sorted((folder / "executions.log").read_text().split()) == ["one", "three", "two"]
    assert said.count("written:") == 3 and said.count("unchanged:") == 3
    holders = [f"process {run.pid} on {socket.gethostname()} executes it already" for run in runs]
    assert any(holder in said for holder in holders), "who executes it already is said"
    assert names(folder) == set()


def test_two_runs_with_other_parameters_do_not_mix(folder: Path, start: Start) -> None:
    runs = [start("one", "-p", "number", str(number)) for number in (5, 6)]
    assert [run.wait(PATIENCE) for run in runs] == [0, 0]
    assert printed(folder) in ({"one.ipynb": "one 5\n"}, {"one.ipynb": "one 6\n"})


def test_what_a_finished_notebook_started_has_ended(folder: Path, start: Start, token: str) -> None:
    assert start("one").wait(PATIENCE) == 0
    assert not left(token)
