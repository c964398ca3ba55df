"""Executes notebooks: each in a kernel of its own, which ends when its notebook or this process does.

`notebooks/x.py` becomes a notebook in memory, papermill executes it with the chosen parameters in a thread, and the
result is `notebooks/x.ipynb`, which git ignores and the book shows.
"""

import asyncio
import logging
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import nbformat
import papermill
import psutil
from filelock import FileLock, Timeout
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from lib.app.fingerprint import notebook_fingerprint
from lib.app.notebooks import MEASURE, NotebookSource
from lib.app.parameters import Value, literal
from lib.core.disk import ROOT, read_json, written_aside

_START_SECONDS = 120  # for a kernel to answer; a machine that computes is slow
LOOK_SECONDS = 0.2  # between two looks whether another run has finished a notebook
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MARK = "COMPANION_KERNEL"  # an environment variable by which a kernel's processes are known

Result = TypeVar("Result")
logging.getLogger("papermill").addHandler(logging.NullHandler())  # of kernels that die we speak ourselves


class NotebookFailed(RuntimeError):
    """A notebook stopped before its end; the message names the notebook, the cell and the error."""


class ThisPython(AsyncKernelManager):
    """Starts kernels in the Python that runs this command, whatever kernels its user has registered."""

    # Without it, each kernel warns that others on this machine could listen.
    transport_encryption = "auto"

    environment: ClassVar[Mapping[str, str]] = {}  # what the kernel gets beside this process' variables

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel of this environment, without progress bars and warnings about Python's frozen modules."""
        quiet = {"TQDM_DISABLE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        return KernelSpec(**get_kernel_dict(), env={**self.environment, **quiet})


def run_notebook(
    source: NotebookSource, given: Mapping[str, Value], output: Path | None = None, *, force: bool = False
) -> bool:
    """Execute one notebook, unless nothing it depends on has changed since its output was written.

    Parameters
    ----------
    source : NotebookSource
    given : mapping
        Parameters that replace defaults.
    output : Path, optional
        The executed notebook, `x.ipynb` beside `x.py` by default. It is written only when every cell has run.
    force : bool
        Execute even if nothing has changed.

    Returns
    -------
    bool
        Whether the notebook was executed.

    Raises
    ------
    ValueError, FileNotFoundError
        A parameter is unknown, or its value cannot be.
    NotebookFailed
        A cell raised, the kernel died, or the output could not be written. What ran is kept as `x.failed.ipynb`.
    KeyboardInterrupt, SystemExit
        SIGINT or SIGTERM came; the kernel has ended.
    """
    return run_until_done(execute_beside(source, given, output, force=force))


def run_until_done(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work`; SIGINT and SIGTERM cancel it, and are raised when all that it started has ended.

    In a thread that is not the main one, signals are left alone.
    """

    async def supervised() -> Result:
        task, loop, received = asyncio.ensure_future(work), asyncio.get_running_loop(), []

        def stop(number: int) -> None:
            received.append(number)
            task.cancel()

        for number in SIGNALS:
            with suppress(RuntimeError):
                loop.add_signal_handler(number, stop, number)
        try:
            return await task
        except asyncio.CancelledError:
            if signal.SIGTERM in received:
                raise SystemExit(128 + signal.SIGTERM) from None
            raise KeyboardInterrupt from None

    return asyncio.run(supervised())


async def execute_beside(
    source: NotebookSource,
    given: Mapping[str, Value],
    output: Path | None = None,
    *,
    force: bool = False,
    threads: int | None = None,
    row: int = 0,
) -> bool:
    """Execute one notebook as `run_notebook` does, beside others.

    Parameters
    ----------
    source, given, output, force
        As for `run_notebook`.
    threads : int, optional
        For the kernel to compute with, unless OMP_NUM_THREADS says how many.
    row : int
        Of the terminal, for the progress bar.
    """
    given, output = source.checked(given), (output or source.output).absolute()
    try:
        async with _alone(source, output):
            mark = notebook_fingerprint(source, given)
            if not force and _mark_of(output) == mark:
                return False
            notebook = await _executed(source, given, output.with_suffix(".failed.ipynb"), threads, row)
            notebook.metadata.companion["fingerprint"] = mark
            _write(notebook, output)
            output.with_suffix(".failed.ipynb").unlink(missing_ok=True)
    except OSError as error:
        raise NotebookFailed(f"{source.name} failed: {error}") from error
    return True


@asynccontextmanager
async def _alone(source: NotebookSource, output: Path) -> AsyncIterator[None]:
    """Keep other runs from writing `output` meanwhile; wait for one that does."""
    output.parent.mkdir(parents=True, exist_ok=True)
    path, waiting = output.with_name(f".{output.name}.lock"), False
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if not waiting:
                tqdm.write(f"{source.name}: {_holder(path)} executes it already; waiting.")
            waiting = True
            await asyncio.sleep(LOOK_SECONDS)
    try:
        with suppress(OSError):
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def _holder(lock: Path) -> str:
    try:
        return lock.read_text() or "another run"
    except OSError:
        return "another run"


def _mark_of(path: Path) -> str | None:
    """The fingerprint an executed notebook carries, if it is there and can be read."""
    try:
        return read_json(path)["metadata"]["companion"]["fingerprint"]
    except (TypeError, KeyError):
        return None


def _write(notebook: NotebookNode, path: Path) -> None:
    with written_aside(path) as part:
        part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


async def _executed(
    source: NotebookSource, given: Mapping[str, Value], failed: Path, threads: int | None, row: int
) -> NotebookNode:
    """The executed notebook, and what executing it took; what ran of one that fails is kept as `failed`."""
    token, cores = uuid.uuid4().hex, os.environ.get("OMP_NUM_THREADS") or str(threads or os.cpu_count() or 1)
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {MARK: token, "PYTHONPATH": path, **({"OMP_NUM_THREADS": cores} if threads else {})}
    run = asyncio.to_thread(
        papermill.execute_notebook,
        _with_measure(source.notebook),
        str(failed).replace("{", "{{").replace("}", "}}"),  # papermill would put parameters there
        dict(given),
        kernel_manager_class=type("Kernel", (ThisPython,), {"environment": environment}),
        resources={"metadata": {"path": str(source.path.parent.absolute())}},  # not cwd: that is the process' own
        progress_bar={"desc": source.name, "position": row, "leave": not row},
        start_timeout=_START_SECONDS,
        record_timing=False,
    )
    thread = asyncio.ensure_future(run)
    try:
        await asyncio.wait([thread])
        notebook = thread.result()
    except asyncio.CancelledError:
        while not thread.done():  # it ends when its kernel is dead
            _kill_marked(token)
            await asyncio.wait([thread], timeout=LOOK_SECONDS)
        thread.exception()  # is that its kernel died
        failed.unlink(missing_ok=True)
        raise
    except (PapermillExecutionError, DeadKernelError) as error:
        raise NotebookFailed(_failure(source, failed, error)) from error
    finally:
        for _ in range(100):  # until nothing is left that could start more
            if not _kill_marked(token):
                break
    return _tidied(source, notebook, failed, int(cores))


def _with_measure(notebook: NotebookNode) -> NotebookNode:
    """A copy with a last cell that measures memory: nobody else can say what the kernel took."""
    copy = deepcopy(notebook)
    copy.cells.append(new_code_cell(MEASURE))
    return copy


def _tidied(source: NotebookSource, notebook: NotebookNode, failed: Path, cores: int) -> NotebookNode:
    """Keep what a reader needs: no clock times, no folders of this machine, no injected cell on the page."""
    measured = notebook.cells[-1].outputs
    if not measured:  # papermill takes sys.exit(0) for success
        raise NotebookFailed(_failure(source, failed, None))
    notebook.cells.pop()
    record = notebook.metadata.pop("papermill")
    notebook.metadata.companion = {
        "parameters": record["parameters"],
        "seconds": round(record["duration"], 1),
        "cores": cores,
        "memory": literal(measured[0].text),
    }
    _keep_what_holds(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.tags:
            cell.metadata.tags.append("remove-cell")
    return notebook


def _kill_marked(token: str) -> bool:
    """Kill the processes that inherited a kernel's mark, however they were started; return whether there were any."""
    found = False
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == token:
                process.kill()
                found = True
    return found


def _keep_what_holds(notebook: NotebookNode) -> None:
    """Drop cells about data that the page did not show; figures of simulated data get their own captions.

    A cell tagged `if-measured` or `if-simulated` stays if the box about the data (`lib.figures.style.notice`) says so.
    A cell's metadata `if-simulated` replaces parts of its figure's metadata.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    notices = [output.get("metadata", {}).get("text/markdown", {}) for output in outputs]
    simulated = any(notice.get("simulated") for notice in notices)
    other = "if-measured" if simulated else "if-simulated"
    notebook.cells = [cell for cell in notebook.cells if other not in cell.metadata.get("tags", ())]
    for cell in notebook.cells:
        words = cell.metadata.pop("if-simulated", {})
        if simulated and words:
            cell.metadata["mystnb"]["figure"].update(words)


def _failure(source: NotebookSource, failed: Path, error: PapermillExecutionError | DeadKernelError | None) -> str:
    """Say in which cell a notebook stopped, counted from 1 as in the source, and why; `failed` holds what ran."""
    notebook = nbformat.read(failed, as_version=4)
    notebook.cells.pop()  # it measures
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells = [cell for cell in code if "injected-parameters" not in cell.metadata.tags]
    started = [i for i, cell in enumerate(cells) if cell.metadata.papermill.get("start_time")]
    number = started[-1] if started else 0
    if isinstance(error, DeadKernelError):
        reason = "the kernel died; most often the machine had no memory left"
    else:
        reason = f"{error.ename}: {error.evalue}" if error else "it ended the kernel before the notebook's end"
    _write(notebook, failed)
    line = cells[number].source.strip().split("\n")[0]
    return f"{source.name} failed in code cell {number + 1} ({line}): {reason}\nWhat ran is kept in {failed}"
