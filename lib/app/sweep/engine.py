"""Tasks on Dask's workers: of this machine, of SLURM, or of a scheduler that is running somewhere."""

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.app.sweep.tasks import Task
from lib.app.sweep.worker import Outcome, perform

try:
    import dask
    from dask.utils import parse_bytes
    from dask_jobqueue import SLURMCluster
    from distributed import Client, LocalCluster, SpecCluster, as_completed
except ImportError as error:
    raise SystemExit("Sweeps need Dask, which is not installed: pip install -e '.[cluster]'") from error

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["Workers", "connected", "parse_bytes", "run_all"]

ALLOWED_FAILURES = 5  # workers that may die under one task, before it counts as failed
# Results are files: Dask has nothing to spill, and on Linux the limit is on the task itself (`lib.app.sweep.worker`).
DASK = {
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False if sys.platform == "linux" else 0.95,
    "distributed.comm.timeouts.connect": "60s",  # a machine that computes answers late
    "distributed.deploy.lost-worker-timeout": "60s",  # and starts a process late
    "distributed.worker.profile.enabled": False,  # a hundred samples a second that nobody looks at
}
ASK_SECONDS = 5  # between two looks whether workers are missing
START_SECONDS = 300  # for a scheduler that was named to answer


@dataclass(frozen=True)
class Workers:
    """What is asked for.

    Attributes
    ----------
    scheduler : str
        "local", "slurm", or the address of a scheduler, tcp://host:port.
    n : int
        Workers at once; each does one task at a time.
    cores : int
        Of each worker.
    memory : int
        Bytes of each worker.
    time : str
        Wall time of a SLURM job, hours:minutes:seconds.
    logs : Path
        Where SLURM's own logs go.
    """

    scheduler: str
    n: int
    cores: int
    memory: int
    time: str
    logs: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a worker's process: threads of the libraries that compute, and bars that suit a log."""
        libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return {**dict.fromkeys(libraries, str(self.cores)), "TQDM_MININTERVAL": "30"}

    def script(self) -> str:
        """The batch script that asks SLURM for one worker."""
        with dask.config.set(DASK), _slurm(self) as cluster:
            return cluster.job_script()


@contextmanager
def connected(workers: Workers) -> Iterator[Client]:
    """A client of the workers, which end with the block unless somebody else had started them."""
    # Dask's own variables allow one thread whatever `cores` says, and give back memory that is needed a moment later.
    with dask.config.set(DASK | {"distributed.nanny.pre-spawn-environ": workers.environment}), _quiet():
        if workers.scheduler not in CLUSTERS:
            with Client(workers.scheduler, timeout=START_SECONDS) as client:
                yield client
            return
        with CLUSTERS[workers.scheduler](workers) as cluster, Client(cluster) as client, _replaced(cluster):
            yield client


@contextmanager
def _replaced(cluster: SpecCluster) -> Iterator[None]:
    """Ask again and again for as many workers as there are to be.

    A worker whose job has ended, or that was killed while it started, Dask strikes off; it would not ask for another
    until the number of workers changes.
    """
    over = threading.Event()

    def ask() -> None:
        while not over.wait(ASK_SECONDS):
            cluster.scale(len(cluster.plan))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask tells of every worker that dies, at length; what matters of it is said at the end."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _local(workers: Workers) -> LocalCluster:
    return LocalCluster(
        n_workers=workers.n,
        threads_per_worker=1,
        memory_limit=workers.memory,
        env=workers.environment,
        dashboard_address=":0",  # any port that is free
        silence_logs=logging.CRITICAL,
    )


def _slurm(workers: Workers) -> SLURMCluster:
    """No job yet."""
    settings = {f"DASK_{key.upper().replace('.', '__').replace('-', '_')}": value for key, value in DASK.items()}
    exports = [f"export {name}={value}" for name, value in {**workers.environment, **settings}.items()]
    return SLURMCluster(
        cores=1,
        job_cpu=workers.cores,
        processes=1,
        memory=f"{workers.memory}B",
        walltime=workers.time,
        python=sys.executable,
        log_directory=str(workers.logs),
        job_script_prologue=[*exports, f"cd {os.getcwd()}"],
        scheduler_options={"dashboard_address": ":0"},
        silence_logs=logging.CRITICAL,
    )


def _slurm_adapting(workers: Workers) -> SLURMCluster:
    """As many jobs as there is work for, at most n; one that ends, by its wall time say, is replaced."""
    cluster = _slurm(workers)
    cluster.adapt(minimum_jobs=0, maximum_jobs=workers.n, target_duration="100ms", interval="2s")
    return cluster


CLUSTERS = {"local": _local, "slurm": _slurm_adapting}


def run_all(
    client: Client, tasks: Sequence[Task], folder: Path, fingerprints: Mapping[str, str], memory: int
) -> Iterator[Outcome]:
    """The outcome of every task, as it ends."""
    futures = {
        client.submit(perform, task, folder, fingerprints[task.name], memory, key=task.name, pure=False): task
        for task in tasks
    }
    for future in as_completed(futures):
        yield _outcome(future, futures[future])


def _outcome(future: "Future", task: Task) -> Outcome:
    if future.status == "finished":
        return future.result()
    if future.status == "error":
        error = future.exception()
        died = type(error).__name__ == "KilledWorker"
        reason = f"{ALLOWED_FAILURES + 1} workers died under it" if died else f"{type(error).__name__}: {error}"
        return Outcome(task.name, reason.splitlines()[0], 0, 0, "")
    return Outcome(task.name, "the scheduler went away", 0, 0, "")
