"""Tasks on Dask's workers: of this machine, of SLURM, or of a scheduler that is running somewhere."""

import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from lib.app.execute import kill_marked
from lib.app.sweep.store import Store
from lib.app.sweep.tasks import Task
from lib.app.sweep.worker import Outcome, perform
from lib.core.disk import read_json, remove

try:
    import dask
    from dask.utils import parse_bytes
    from dask_jobqueue import SLURMCluster
    from dask_jobqueue.slurm import SLURMJob
    from distributed import Client, Future, LocalCluster, SpecCluster, Status
except ImportError as error:
    raise SystemExit("Sweeps need Dask, which is not installed: pip install -e '.[cluster]'") from error

__all__ = ["Workers", "connected", "parse_bytes", "run_all"]

ALLOWED_FAILURES = 5  # workers that may die under one task, before it counts as failed
# Results are files: Dask has nothing to spill, and on Linux the limit is on the task itself (`lib.app.sweep.worker`).
DASK: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False if sys.platform == "linux" else 0.95,
    "distributed.comm.timeouts.connect": "60s",  # a machine that computes answers late
    "distributed.deploy.lost-worker-timeout": "60s",  # and starts a process late
    "distributed.worker.profile.enabled": False,  # a hundred samples a second that nobody looks at
}
POLL_SECONDS = 0.2  # between two looks at the tasks
LOOKS = 20  # at the tasks before one whether workers are missing
START_SECONDS = 300  # for a scheduler that was named to answer
KILL_SECONDS = 1  # of looking for processes, since Dask starts workers anew as fast as they are killed
CANCEL_SECONDS = 3  # for scancel to answer when a sweep is interrupted
ENCRYPTED_OR_HERE = ("tls://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:")
EXPOSED = "whoever can reach the ports of its scheduler and workers can run code as you."
_REQUIRED = "distributed.comm.require-encryption"
_MARK, _TOKEN = "COMPANION_SWEEP", uuid.uuid4().hex  # a variable by which the processes of this sweep are known
DASHBOARD = "127.0.0.1:0"  # any free port, for nobody on another machine


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
        return SLURMJob("SCHEDULER", "WORKER", **_job_options(self, DASK)).job_script()


@contextmanager
def connected(workers: Workers) -> Iterator[tuple[Client, SpecCluster | None]]:
    """A client and the cluster that was started for it; None if somebody else had started the workers.

    Raises
    ------
    OSError
        The scheduler does not answer, or this machine has no SLURM.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of workers that die is said at the end
    if workers.scheduler not in CLUSTERS:
        if not workers.scheduler.startswith(ENCRYPTED_OR_HERE):
            print(f"{workers.scheduler} is not encrypted: {EXPOSED}", file=sys.stderr)
        with dask.config.set(DASK), Client(workers.scheduler, timeout=START_SECONDS) as client:
            yield client, None
        return
    keys = workers.logs.parent / ".tls"
    settings = DASK | _encryption(keys)
    # Dask's own variables allow one thread whatever `cores` says, and give back memory that is needed a moment later.
    environment = {"distributed.nanny.pre-spawn-environ": {**workers.environment, _MARK: _TOKEN}}
    with dask.config.set(settings | environment), CLUSTERS[workers.scheduler](workers, settings) as cluster:
        with Client(cluster) as client:
            yield client, cluster
    remove(keys)


@contextmanager
def killed_by_signals(tell: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM kill all processes that this one has started, tell, and end it with status 130 or 143.

    Nothing is wound up: a result is a file, whole or absent, so a sweep that is killed at any moment can go on. A
    worker that is only being started reads from this process, and ends with it.
    """

    def stop(number: int, _: object) -> None:
        """End all that this process has started, and then itself."""
        end = time.monotonic() + KILL_SECONDS
        while kill_marked(_MARK, _TOKEN) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        try:
            if _Job.submitted:
                subprocess.run(["scancel", *_Job.submitted], capture_output=True, timeout=CANCEL_SECONDS)
            tell()
        finally:
            kill_marked(_MARK, _TOKEN)
            os._exit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _encryption(folder: Path) -> dict[str, Any]:
    """Dask's settings for TLS, with a key made for this sweep that only its owner can read; none without openssl."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "100", "-subj", "/CN=companion"]
    try:
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"Without openssl, this sweep is not encrypted: {EXPOSED}", file=sys.stderr)
        return {}
    roles = ("scheduler", "worker", "client")
    tls = {
        "ca-file": certificate,
        **{f"{role}.cert": certificate for role in roles},
        **{f"{r}.key": key for r in roles},
    }
    return {_REQUIRED: True, **{f"distributed.comm.tls.{k}": str(v) for k, v in tls.items()}}


def _local(workers: Workers, _: Mapping[str, Any]) -> LocalCluster:
    options = {"memory_limit": workers.memory, "env": workers.environment, "dashboard_address": DASHBOARD}
    return LocalCluster(n_workers=workers.n, threads_per_worker=1, silence_logs=logging.CRITICAL, **options)


def _slurm(workers: Workers, settings: Mapping[str, Any]) -> SLURMCluster:
    """As many jobs as there is work for, at most n; one that ends, by its wall time say, is replaced."""
    if not shutil.which("sbatch"):
        raise OSError("--scheduler slurm needs the command sbatch, which is not on this machine's PATH.")
    options: dict[str, Any] = {"job_cls": _Job, "scheduler_options": {"dashboard_address": DASHBOARD}}
    if _REQUIRED in settings:
        options["protocol"] = "tls://"  # dask-jobqueue does not infer it, as LocalCluster does
    cluster = SLURMCluster(silence_logs=logging.CRITICAL, **options, **_job_options(workers, settings))
    cluster.adapt(minimum_jobs=0, maximum_jobs=workers.n, target_duration="100ms", interval="2s")
    return cluster


CLUSTERS = {"local": _local, "slurm": _slurm}


class _Job(SLURMJob):
    """A job that keeps what sbatch said when it refused it."""

    submitted: ClassVar[set[str]] = set()
    refusal = ""

    async def start(self) -> None:
        """Submit the job, and remember its number or why it was refused."""
        try:
            await super().start()
            self.submitted.add(self.job_id)
        except (OSError, RuntimeError, ValueError) as error:
            self.refusal = str(error).partition("stderr:\n")[2].strip() or str(error)
            self.status = Status.running  # else Dask raises an error that nobody sees

    async def close(self) -> None:
        """End the job, which then counts as closed."""
        await super().close()
        self.status = Status.closed


def _job_options(workers: Workers, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a job asks for; paths are quoted for sbatch and for the shell."""
    quote, ours = shlex.quote, partial(dask.config.get, default=None)
    variables = {f"DASK_{key.upper().replace('.', '__').replace('-', '_')}": value for key, value in settings.items()}
    exports = [f"export {name}={quote(str(value))}" for name, value in {**workers.environment, **variables}.items()]
    log = f"{workers.logs}/".replace("%", "%%") + "slurm-%J.out"
    directives = [*(ours("jobqueue.slurm.job-extra-directives") or ()), f"-o {quote(log)}"]
    prologue = [*(ours("jobqueue.slurm.job-script-prologue") or ()), *exports, f"cd {quote(os.getcwd())}"]
    return {
        "cores": 1, "processes": 1, "job_cpu": workers.cores, "memory": f"{workers.memory}B", "walltime": workers.time,
        "python": quote(sys.executable), "job_extra_directives": directives, "job_script_prologue": prologue,
    }  # fmt: skip


def keep_workers(cluster: SpecCluster) -> None:
    """Ask again for workers that are lost or were refused.

    A worker whose job has ended, or that was killed while it started, Dask strikes off; it would not ask for another
    until the number of workers changes.

    Raises
    ------
    OSError
        SLURM refuses jobs and there is no other worker; in sbatch's own words.
    """
    refused = {name: job.refusal for name, job in dict(cluster.workers).items() if getattr(job, "refusal", "")}
    if refused and len(refused) == len(cluster.workers):
        raise OSError(f"SLURM takes no job; sbatch says: {next(iter(refused.values()))}")
    for name in refused:
        del cluster.workers[name]
    cluster.scale(len(cluster.plan))


def run_all(workers: Workers, fingerprints: Mapping[Task, str], store: Store) -> Iterator[Outcome]:
    """The outcome of every task, as it ends.

    Parameters
    ----------
    workers : Workers
    fingerprints : mapping of each task to its fingerprint
    store : Store
        Its manifest holds the token by which workers know the folder.
    """
    token = read_json(store.manifest)["token"]
    with connected(workers) as (client, cluster):
        submit = partial(client.submit, perform, pure=False)
        futures = {
            submit(task, store.folder, mark, workers.memory, token, key=task.name): task
            for task, mark in fingerprints.items()
        }
        for look in count():
            for future in [future for future in futures if future.done()]:
                yield _outcome(future, futures.pop(future))
            if not futures:
                return
            if cluster and look % LOOKS == LOOKS - 1:
                keep_workers(cluster)
            time.sleep(POLL_SECONDS)


def _outcome(future: Future, task: Task) -> Outcome:
    if future.status == "finished":
        return future.result()
    if future.status == "error":
        error = future.exception()
        died = type(error).__name__ == "KilledWorker"
        reason = f"{ALLOWED_FAILURES + 1} workers died under it" if died else f"{type(error).__name__}: {error}"
        return Outcome(task.name, reason.partition("\n")[0])
    return Outcome(task.name, "the scheduler went away")
