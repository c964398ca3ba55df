"""Sweeps: the same numbers as single runs, whatever is killed, full, unreadable or too large on the way."""

import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import dask
import numpy as np
import psutil
import pytest
from distributed import Client, LocalCluster, SpecCluster

from lib.__main__ import main
from lib.analysis.encoding import EncodingResult, encode, result_of
from lib.analysis.loading import load_participant
from lib.app.sweep import engine, store, tasks, worker
from lib.app.sweep.analyses import Encoding, decoding_results
from lib.app.sweep.forecast import encoding_forecast
from lib.app.sweep.store import Store, fingerprint
from lib.app.sweep.tasks import make_grid
from lib.core.code import LIB, modules_used
from lib.networks import load_network
from lib.networks.zoo import PAPER_W

pytestmark = pytest.mark.slow("starts workers of a cluster on this machine")

SMALL = {"n_images": [60], "voxels_per_roi": [4], "world": ["noise"]}
WORDS = [word for name, values in SMALL.items() for word in ("-p", name, str(values[0]))]
NETWORKS = ("alexnet-object", "alexnet-place", "taskonomy-edge2d")
NOTEBOOK = """\
# %% tags=["parameters"]
subject = 1  # whose
gigabytes = 0.001  # how much to hold

# %%
import numpy as np

held = np.ones(int(gigabytes * 1e9 / 8))
print(subject * held.sum())
"""


WAITING = """\
# %%
import time
from pathlib import Path

while Path("wait").exists():
    time.sleep(0.1)
"""
REQUIRED = "distributed.comm.require-encryption"
N_SEEDS = int(os.environ.get("COMPANION_SEEDS", 1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one notebook; the data cache is empty."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
    (tmp_path / "held.py").write_text(NOTEBOOK)
    return tmp_path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpecCluster]:
    """One worker of this machine that several tests share, started as a sweep starts its own."""
    logs = tmp_path_factory.mktemp("cluster") / "logs"
    with engine.connected(engine.Workers("local", 1, 1, 3 * 10**9, "", logs)) as (_, cluster):
        yield cluster


def sweep(folder: Path, *words: str) -> int:
    """The exit status of `python -m lib sweep`."""
    return main(["sweep", str(folder / "out"), *words, "--folder", str(folder)])


def at(cluster: SpecCluster) -> list[str]:
    """The options that name a cluster's workers."""
    return ["--scheduler", cluster.scheduler_address, "--memory", "3GB"]


def states(folder: Path, what: str = "encoding") -> dict[str, str]:
    """Name of each task of a kind and its state, from the manifest."""
    found = json.loads((folder / "out" / "manifest.json").read_text())
    return {row["task"]: row["state"] for row in found["tasks"] if row["what"] == what}


def leftovers(folder: Path) -> list[str]:
    """Files that only an interrupted write leaves."""
    paths = (path for path in (folder / "out").rglob("*") if path.is_file())
    return [str(path) for path in paths if path.name.endswith(".part") or "running" in path.name]


def same(a: EncodingResult, b: EncodingResult) -> bool:
    """Whether two results agree to the last bit."""
    pairs = [
        (np.asarray(getattr(a, field.name)), np.asarray(getattr(b, field.name))) for field in fields(EncodingResult)
    ]
    return all(one.dtype == other.dtype and one.tobytes() == other.tobytes() for one, other in pairs)


@cache
def alone(subject: int, network: str) -> EncodingResult:
    """The single run that a task of the small grid must equal."""
    options = {name: values[0] for name, values in SMALL.items()}
    return encode(load_participant(subject=subject, **options), load_network(network))


def found(folder: Path, task: tasks.Task) -> EncodingResult:
    with np.load(Store(folder / "out").result(task)) as arrays:
        return result_of(arrays)


def test_the_grid_holds_every_combination_once_and_each_takes_what_it_knows(folder: Path) -> None:
    axes = {"subject": [1, 2], "network": list(NETWORKS), "gigabytes": [0.1]}
    grid = make_grid(["encoding", "held"], axes, folder)
    assert sorted(task.what for task in grid) == ["encoding"] * 6 + ["held"] * 2
    assert len({task.name for task in grid}) == len(grid)
    assert all(task.parameters["seed"] == 0 for task in grid if task.what == "encoding")  # defaults are written out
    assert [task.parameters["gigabytes"] for task in grid if task.source] == [0.1, 0.1]


def test_saying_a_default_makes_no_other_task() -> None:
    assert make_grid(["encoding"], {"seed": [0]})[0].name == make_grid(["encoding"], {})[0].name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["encodign"], "Did you mean 'encoding'?"),
        (["encoding", "-p", "voxel", "rois"], "Did you mean 'voxels'?"),
        (["encoding", "-p", "seed"], "-p seed names no value"),
        (["encoding", "-p", "seed", "1", "-p", "seed", "2"], "seed is given twice: write all its values once, -p seed"),
        (["encoding", "--subject", "1", "-p", "subject", "2"], "subject is given twice"),
        (["encoding", "-p", "n_images", "abc"], "n_images must be a whole number; found 'abc'"),
        (["encoding", "-p", "n_folds", "1"], "n_folds must be at least 2; found 1"),
        (["decoding", "-p", "alpha", "-1"], "alpha must be at least 0; found -1"),
        (["encoding", "-p", "world", "flatt"], "Did you mean 'flat'?"),
        (["encoding", "-p", "protocol", "gvc"], "Did you mean 'gcv'?"),
        (["encoding", "-p", "voxels", "cortex"], "voxels = 'cortex' needs dataset = 'nsd'"),
        (["encoding", "-p", "data_root=nowhere"], "there is no file or folder /"),
        (["held", "-p", "gigabytes", "many"], "gigabytes must be a number, such as 0.001; found 'many'"),
        (["encoding", "--network", "alexnet-objects"], "Did you mean 'alexnet-object'?"),
        (["encoding", "--scheduler", "slurm"], "--memory is missing: say what each worker of slurm may hold"),
        (["encoding", "--memory", "lots"], "--memory must be a size such as 8GB, found 'lots'"),
        (["encoding", "--workers", "0"], "at least 1, found 0 and 1"),
        (["encoding", "--scheduler", "pbs"], "local, slurm or an address"),
        (["encoding", "--scheduler", "slurm", "--time", "2 days"], "hours:minutes:seconds, found '2 days'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(folder, *words) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_a_line_break_in_a_path_reaches_no_batch_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["encoding", "--scheduler", "slurm", "--memory", "1GB", "--dry-run"]
    assert main(["sweep", str(tmp_path / "a\ntouch b"), *words]) == 2
    assert "OUT must be a path without a line break" in capsys.readouterr().err


def test_a_dry_run_shows_tasks_needs_and_the_batch_script_and_does_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--scheduler", "slurm", "--cores", "3", "--memory", "5GiB", "--time", "02:30:00", "--dry-run"]
    assert sweep(folder, "encoding", "held", "--subject", "1", "2", *WORDS, *words) == 0
    said = capsys.readouterr().out
    assert "51 + 9 images, 40 voxels, 7 layers" in said and "a notebook tells after its first run" in said
    assert "4 of 4 tasks to do" in said
    assert all(line in said for line in ("--cpus-per-task=3", "--mem=5G", "-t 02:30:00", "OMP_NUM_THREADS=3"))
    assert not [path for path in (folder / "out").rglob("*") if path.is_file()]


def test_eight_people_by_six_networks_are_planned_before_they_start(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NSD's, without any of its files: 8,500 training images, ten areas of 1,000 voxels."""
    monkeypatch.setattr("lib.app.sweep.forecast.speed", lambda n_threads: 1e10)
    people = ["--subject", *"12345678", "--network", *PAPER_W, "-p", "dataset", "nsd", "--memory", "64GB"]
    assert sweep(folder, "encoding", *people, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "48 of 48 tasks to do; 48 of these" in said and said.count("8,500 + 1,500 images, 10,000 voxels") == 48
    each = encoding_forecast(Encoding(dataset="nsd", network="taskonomy-edge2d"))
    cubes = 4 * 14 / 3 * 8500**3  # the decompositions of four layers alone
    assert cubes < each.operations < 5 * cubes
    hours, gigabytes = map(float, re.search(r"([\d.e+]+) core hours for the fits, at most ([\d.]+) GB", said).groups())
    every = [encoding_forecast(Encoding(dataset="nsd", network=network)) for network in PAPER_W]
    assert hours == pytest.approx(8 * sum(1.7 * one.operations / 1e10 / 3600 for one in every), rel=0.05)
    assert gigabytes == pytest.approx(8 * sum(one.kept for one in every) / 1e9, abs=0.01)
    assert not (folder / "out").exists()


def test_what_cannot_fit_is_refused_with_the_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(folder, "encoding", "-p", "n_images", "60", "10000", "--memory", "3GB") == 2
    said = capsys.readouterr().err
    assert "1 of 2 tasks do not fit into the 3.00 GB of a worker" in said
    assert "8,500 + 1,500 images, 3,000 voxels" in said and "--memory" in said
    assert not (folder / "out").exists()


def test_participants_by_networks_equal_single_runs(folder: Path, cluster: SpecCluster) -> None:
    grid = make_grid(["encoding"], {"subject": [1, 2], "network": list(NETWORKS[1:]), **SMALL})
    words = ["--subject", "1", "2", "--network", *NETWORKS[1:], *WORDS]
    assert sweep(folder, "encoding", *words, *at(cluster)) == 0
    assert states(folder) == {task.name: "done" for task in grid}
    for task in grid:
        assert same(found(folder, task), alone(task.parameters["subject"], task.parameters["network"]))
    assert not leftovers(folder)


def test_decoding_equals_the_single_run_and_comes_back_as_it_was(folder: Path) -> None:
    axes = {"n_images": [60], "voxels_per_roi": [6], "world": ["noise"], "n_units": [5], "n_voxels": [10]}
    (task,) = make_grid(["decoding"], axes)
    assert worker.perform(task, folder / "out", "mark", None).failure == ""
    with np.load(Store(folder / "out").result(task)) as arrays:
        results = list(decoding_results(arrays, task.analysis))
    again = task.analysis.run(folder / "shared")
    assert [(r.layer, r.roi) for r in results] == list(zip(again["layers"], again["of_roi"], strict=True))
    assert all(r.unit_score.tobytes() == again[f"scores_{i}"].tobytes() for i, r in enumerate(results))
    assert len(results) == 8 * 10


def test_failures_are_named_at_the_end_and_the_others_are_done(
    folder: Path, cluster: SpecCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unreadable input, too little memory, a result the disk will not take; then all but the first are put right."""
    (folder / "god").mkdir()
    (folder / "god" / "Subject1.h5").write_bytes(b"not HDF5")
    where = at(cluster)
    broken = ["-p", "dataset", "god", "-p", "data_root", str(folder / "god")]
    assert sweep(folder, "decoding", *broken, *where) == 1
    said = capsys.readouterr().err
    assert "Subject1.h5: expected BData" in said and "log: " in said

    assert sweep(folder, "held", "-p", "gigabytes", "0.001", "8", *where, "--resume") == 1
    said = capsys.readouterr().err
    assert said.count("FAILED") == 1 and "wants more memory than the 3.00 GB it was given" in said
    assert sorted(states(folder, "held").values()) == ["done", "failed"]
    assert list(states(folder, "decoding").values()) == ["failed"]  # tasks of an earlier command stay in the list

    with Client(cluster) as client:
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        client.run(resource.setrlimit, resource.RLIMIT_FSIZE, (1_500_000, unlimited[1]))
        many = ["-p", "voxels_per_roi", "4", "800", "-p", "n_images", "60", "-p", "world", "noise"]
        assert sweep(folder, "encoding", *many, *where, "--resume") == 1
        said = capsys.readouterr().err
        assert said.count("FAILED") == 1 and "could not be written (File too large)" in said
        assert sorted(states(folder).values()) == ["done", "failed"]
        assert not leftovers(folder)
        client.run(resource.setrlimit, resource.RLIMIT_FSIZE, unlimited)
    assert sweep(folder, "encoding", *many, *where, "--resume") == 0
    assert "1 of 2 tasks to do" in capsys.readouterr().out


def test_a_worker_killed_in_the_middle_of_a_task_costs_only_time(folder: Path) -> None:
    grid = make_grid(["encoding"], {"subject": [1, 2, 3], **SMALL})
    logs, killed, others = [Store(folder / "out").log(task) for task in grid], [], workers_of(os.getpid())

    def kill() -> None:
        """The worker of the second task, as soon as it has begun."""
        while not logs[1].exists():
            time.sleep(0.01)
        killed.extend([one for one in workers_of(os.getpid()) if one not in others][:1])
        killed[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    assert sweep(folder, "encoding", "--subject", "1", "2", "3", *WORDS, "--workers", "1") == 0
    killer.join()
    assert len(killed) == 1 and not killed[0].is_running()
    assert all(same(found(folder, task), alone(task.parameters["subject"], "alexnet-object")) for task in grid)
    assert not leftovers(folder)


def workers_of(process: int) -> list[psutil.Process]:
    """Processes that Dask started to compute."""
    children = psutil.Process(process).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def processes(words: list[str]) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    """A sweep that runs by itself, and a list for the processes that it starts."""
    return subprocess.Popen([sys.executable, "-m", "lib", "sweep", *words], start_new_session=True), []


def wait_for(happened: Callable[[], object], process: subprocess.Popen[bytes], seen: list[psutil.Process]) -> None:
    """Until something has happened; the processes that were started meanwhile are remembered."""
    while not happened():
        assert process.poll() is None, "the sweep ended"
        seen[:] = {*seen, *psutil.Process(process.pid).children(recursive=True)}
        time.sleep(0.05)


@pytest.mark.parametrize("seed", range(N_SEEDS))
def test_a_sweep_ended_at_any_moment_leaves_nothing_and_resume_completes_it(
    folder: Path, cluster: SpecCluster, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C, SIGTERM and SIGKILL, after workers began to start, in a notebook, and after a result."""
    draw = random.Random(seed)
    (folder / "wait").touch()
    (folder / "waiting.py").write_text(WAITING)
    out, subjects = folder / "out", ["--subject", "1", "2", "3"]
    words = ["waiting", "encoding", *subjects, *WORDS]
    began = {
        "manifest.json": lambda: (out / "manifest.json").exists(),
        "a kernel": lambda: any("ipykernel_launcher" in " ".join(one.cmdline()) for one in seen if one.is_running()),
        "a result": lambda: any((out / "records").glob("encoding*.json")),
    }
    signals = draw.sample([signal.SIGINT, signal.SIGTERM, signal.SIGKILL], 3)
    for i, (number, moment) in enumerate(zip(signals, began.values(), strict=True)):
        resume = ["--resume"] if i else []
        process, seen = processes([str(out), *words, "--folder", str(folder), "--workers", "2", *resume])
        wait_for(moment, process, seen)
        time.sleep(draw.uniform(0, 1))
        seen[:] = {*seen, *psutil.Process(process.pid).children(recursive=True)}
        start = time.monotonic()
        to_all = number == signal.SIGINT and draw.random() < 0.5  # as a terminal does
        (os.killpg if to_all else os.kill)(process.pid, number)
        assert process.wait(60) == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
        alive = psutil.wait_procs(seen, timeout=5)[1]
        assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]  # process 1 may not collect its dead
        assert time.monotonic() - start < (5 if number != signal.SIGKILL else 10)

    grid = make_grid(["encoding"], {"subject": [1, 2, 3], **SMALL})
    kept = [task for task in grid if Store(out).record(task)]
    assert kept and all(Store(out).done(task, fingerprint(task)) for task in kept)  # what there is is whole
    assert sweep(folder, *words) == 2
    assert "say --resume" in capsys.readouterr().err
    (folder / "wait").unlink()
    assert sweep(folder, *words, "--resume", *at(cluster)) == 0
    assert f"{4 - len(kept)} of 4 tasks to do" in capsys.readouterr().out
    assert set(states(folder).values()) == set(states(folder, "waiting").values()) == {"done"}
    assert all(same(found(folder, task), alone(task.parameters["subject"], "alexnet-object")) for task in grid)
    assert not leftovers(folder)


RESTARTING = """
import os, signal, subprocess, threading, time
from lib.app.sweep import engine

silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

def start_anew():
    while True:
        subprocess.Popen(["sleep", "30"], env={**os.environ, engine._MARK: engine._TOKEN}, **silent).wait()

threading.Thread(target=start_anew, daemon=True).start()
with engine.killed_by_signals(lambda: print("told", flush=True)):
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)
"""


def test_a_sweep_ends_although_its_workers_are_started_anew_as_fast_as_they_are_killed() -> None:
    ended = subprocess.run([sys.executable, "-c", RESTARTING], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (143, "told\n")


def test_ports_are_open_to_this_machine_only_and_to_those_who_have_the_key(cluster: SpecCluster) -> None:
    here = psutil.Process()
    family = [here, *here.children(recursive=True)]
    listening = [
        one.laddr.ip for process in family for one in process.net_connections("inet") if one.status == "LISTEN"
    ]
    assert set(listening) == {"127.0.0.1"} and len(listening) > 2
    assert cluster.scheduler_address.startswith("tls://")
    key = Path(dask.config.get("distributed.comm.tls.worker.key"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    with dask.config.set({REQUIRED: None}), pytest.raises(OSError):
        Client(cluster.scheduler_address.replace("tls", "tcp"), timeout=2)


def test_an_open_scheduler_on_the_network_and_a_missing_openssl_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "START_SECONDS", 0.1)
    workers = engine.Workers("tcp://192.0.2.1:8786", 1, 1, 1, "", tmp_path)
    plain = dask.config.set({"distributed.comm.require-encryption": False})  # which the other tests' cluster set
    with plain, pytest.raises(OSError), engine.connected(workers):
        pass
    assert "tcp://192.0.2.1:8786 is not encrypted: whoever can reach" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine._encryption(tmp_path / ".tls") == {}
    assert "Without openssl" in capsys.readouterr().err


def test_resume_does_again_what_is_damaged_or_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = make_grid(["encoding"], SMALL)
    kept, mark = Store(folder / "out"), fingerprint(task)
    assert not kept.done(task, mark)
    worker.perform(task, kept.folder, mark, None)
    assert kept.done(task, mark)
    record = kept.record(task)
    assert record["parameters"]["seed"] == 0 and record["seconds"] > 0 and record["peak_bytes"] > 1e8
    assert any(line.startswith("numpy ") for line in record["versions"])

    monkeypatch.setattr(store, "versions", lambda: ["numpy 99"])
    assert not kept.done(task, fingerprint(task))
    whole = kept.result(task).read_bytes()
    kept.result(task).write_bytes(whole[:-1])
    assert not kept.done(task, mark)
    kept.result(task).write_bytes(whole)
    assert kept.done(task, mark)


def test_the_fingerprint_looks_at_the_code_an_analysis_uses_and_at_no_other() -> None:
    used = {path.relative_to(LIB).as_posix() for path in modules_used(["lib.app.sweep.analyses"])}
    assert {"analysis/encoding.py", "solvers/ridge.py", "networks/zoo.py", "__init__.py"} <= used
    assert not used & {"figures/papers.py", "analysis/rsa.py", "__main__.py", "app/sweep/worker.py"}


def test_the_fingerprint_looks_at_this_participants_files(folder: Path) -> None:
    root = folder / "subj02"  # a folder of that name above all says nothing
    for name in ("ppdata/subj01/a.hdf5", "ppdata/subj02/a.hdf5", "design.mat"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    first, second = make_grid(["encoding"], {"dataset": ["nsd"], "subject": [1, 2], "data_root": [str(root)]})
    names = [
        [Path(line.split()[0]).relative_to(root).as_posix() for line in store._data(task)] for task in (first, second)
    ]
    assert names == [["design.mat", "ppdata/subj01/a.hdf5"], ["design.mat", "ppdata/subj02/a.hdf5"]]


def test_the_fingerprint_notices_other_weights_and_data_behind_links(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, data, link = folder / "w.pt", folder / "data", folder / "link"
    data.mkdir()
    weights.write_text("one")
    (folder / "elsewhere").write_text("one")
    (data / "design.mat").symlink_to(folder / "elsewhere")
    link.symlink_to(data)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    axes = {"weights": ["w.pt"], "dataset": ["nsd"]}
    ((task,), (same_task,)) = (make_grid(["encoding"], axes | {"data_root": [root]}) for root in ("~/link", "link"))
    assert task.name == same_task.name and task.parameters["weights"] == str(weights)  # seen from any worker
    marks = [fingerprint(task)]
    for file in (weights, folder / "elsewhere"):
        before = file.stat().st_mtime_ns
        file.write_text("two")
        os.utime(file, ns=(before + 10**9, before + 10**9))
        marks.append(fingerprint(task))
    assert len(set(marks)) == 3 and fingerprint(task) == marks[-1]


def test_a_second_sweep_into_the_same_folder_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(folder / "out").alone():
        assert sweep(folder, "held") == 2
    assert "Another sweep is writing" in capsys.readouterr().err


def test_a_scheduler_that_went_away_is_said() -> None:
    class Lost:
        status = "cancelled"

    (task,) = make_grid(["encoding"], {})
    assert engine._outcome(Lost(), task).failure == "the scheduler went away"


def test_a_worker_that_is_lost_for_good_is_replaced() -> None:
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": engine.DASHBOARD}
    soon = {"distributed.deploy.lost-worker-timeout": "200ms"}
    with dask.config.set(soon), LocalCluster(**options) as cluster, Client(cluster) as client:
        before = set(client.scheduler_info()["workers"])
        client.retire_workers(list(before))
        until = time.time() + 60
        while not set(client.scheduler_info()["workers"]) - before and time.time() < until:
            engine.keep_workers(cluster)
            time.sleep(0.2)
        assert set(client.scheduler_info()["workers"]) - before


def install(folder: Path, name: str, script: str) -> None:
    """A program of that name, in `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


SLURM = ["--scheduler", "slurm", "--memory", "3GB", "--workers", "1"]


def test_a_sweep_goes_through_slurm_in_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sbatch is played by a script that runs the job in the background, as SLURM would."""
    folder = tmp_path / "it's a sweep & (1); 100 %"
    folder.mkdir()
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    install(
        tmp_path / "bin",
        "sbatch",
        # Dask deletes the script when sbatch returns
        f'cp "$1" "{tmp_path}/job.sh"\n'
        f'setsid sh "{tmp_path}/job.sh" >"{tmp_path}/log" 2>&1 &\n'
        "echo Submitted batch job $!",
    )
    install(tmp_path / "bin", "scancel", 'for job; do kill -- "-$job"; done')
    with dask.config.set({"jobqueue.slurm.job-script-prologue": ["export FIRST=1"]}):
        assert sweep(folder, "encoding", *WORDS, *SLURM) == 0
    assert list(states(folder).values()) == ["done"]
    script = (tmp_path / "job.sh").read_text()
    directives = [
        shlex.split(line.removeprefix("#SBATCH ")) for line in script.splitlines() if line.startswith("#SBATCH")
    ]
    assert ["-o", str(folder / "out" / "logs" / "slurm-%J.out").replace("100 %", "100 %%")] in directives
    assert script.index("export FIRST=1") < script.index("tls://")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo sbatch: error: Invalid account or partition >&2; exit 1", "sbatch: error: Invalid account or partition"),
        ("echo Good morning.", "Good morning."),
        (None, "needs the command sbatch"),
    ],
)
def test_what_sbatch_refuses_is_said_at_once_in_its_own_words(
    folder: Path, script: str | None, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "LOOKS", 2)
    openssl = Path(str(shutil.which("openssl"))).parent
    if script:
        install(folder / "bin", "sbatch", script)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{openssl}" if script else str(folder))
    start = time.monotonic()
    assert sweep(folder, "held", *SLURM) == 2
    assert said in capsys.readouterr().err and time.monotonic() - start < 20


def test_a_worker_that_does_not_see_the_folder_computes_nothing(folder: Path) -> None:
    (task,) = make_grid(["encoding"], SMALL)
    outcome = worker.perform(task, folder / "elsewhere", "mark", None, "token")
    assert outcome.failure == f"{socket.gethostname()} does not see {folder / 'elsewhere'}: " + (
        "all workers need the same folder at this path."
    )
    assert not (folder / "elsewhere").exists()
