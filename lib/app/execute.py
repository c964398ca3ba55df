"""Executes notebooks through papermill, each in a kernel that ends when its notebook or this process does.

`notebooks/x.py` becomes a notebook in memory, papermill executes it with the chosen parameters, and the result is
`notebooks/x.ipynb`, which git ignores and the book shows.
"""

import errno
import logging
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import ClassVar

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
from lib.core.code import versions
from lib.core.disk import ROOT, read_json, written_aside
from lib.core.kept import FOLDER

_START_SECONDS = 120  # for a kernel to answer; a machine that computes is slow
_LOOK_SECONDS = 0.1  # between two looks whether to stop
MARK = "COMPANION_KERNEL"  # an environment variable by which a kernel's processes are known
# quit() must end a notebook as sys.exit() does; the kernel would go on with the next cells for a while.
_QUIT = "--IPKernelApp.exec_lines=get_ipython().ask_exit = lambda: (_ for _ in ()).throw(SystemExit)"
logging.getLogger("papermill").addHandler(logging.NullHandler())  # of kernels that die we speak ourselves


class NotebookFailed(RuntimeError):
    """A notebook stopped before its end; the message names the notebook, the cell and the error."""


class ThisPython(AsyncKernelManager):
    """Starts kernels in the Python that runs this command, whatever kernels its user has registered."""

    transport_encryption = "auto"  # without it, each kernel warns that others on this machine could listen
    environment: ClassVar[Mapping[str, str]] = {}  # what the kernel gets beside this process' variables

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel of this environment, without progress bars and warnings about Python's frozen modules."""
        quiet = {"TQDM_DISABLE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        return KernelSpec(**get_kernel_dict([_QUIT]), env={**self.environment, **quiet})


def run_notebook(
    source: NotebookSource,
    given: Mapping[str, Value],
    output: Path | None = None,
    *,
    force: bool = False,
    threads: int | None = None,
    row: int = 0,
    stop: Event | None = None,
) -> bool:
    """Execute one notebook, unless nothing it depends on has changed since its output was written.

    Whatever happens, an interrupt too, its kernel and all that it started have ended when this returns.

    Parameters
    ----------
    source : NotebookSource
    given : mapping
        Parameters that replace defaults.
    output : Path, optional
        The executed notebook, `x.ipynb` beside `x.py` by default. It is written only when every cell has run.
    force : bool
        Execute even if nothing has changed.
    threads : int, optional
        For the kernel to compute with, unless OMP_NUM_THREADS says how many.
    row : int
        Of the terminal, for the progress bar.
    stop : Event, optional
        Once another thread sets it, this raises KeyboardInterrupt.

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
    """
    given, output, stop = source.checked(given), (output or source.output).absolute(), stop or Event()
    failed = output.with_suffix(".failed.ipynb")
    if any("\udc80" <= letter <= "\udcff" for letter in str(output)):  # bytes that are no text
        raise ValueError(f"{str(output)!a} is not UTF-8 text, as the path of a notebook must be: rename the folder.")
    try:
        with _alone(source, output, stop):
            mark = notebook_fingerprint(source, given)
            if not force and _mark_of(output) == mark:
                return False
            cores = os.environ.get("OMP_NUM_THREADS") or str(threads or os.cpu_count() or 1)
            environment = {"OMP_NUM_THREADS": cores} if threads else {}
            notebook = _executed(source, given, failed, environment, row, stop)
            _write(_tidied(source, notebook, failed, mark, int(cores)), output)
            failed.unlink(missing_ok=True)
    except OSError as error:
        raise NotebookFailed(f"{source.name} failed: {error}") from error
    return True


@contextmanager
def _alone(source: NotebookSource, output: Path, stop: Event) -> Iterator[None]:
    """Keep other runs from writing `output` meanwhile; wait for one that does."""
    output.parent.mkdir(parents=True, exist_ok=True)
    path, said = output.with_name(f".{output.name}.lock"), False
    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not said:
                tqdm.write(f"{source.name}: {_holder(path)} executes it already; waiting.")
            said = True
            _pause(stop)
    try:
        with suppress(OSError):  # a full disk: only others miss the name
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def _holder(lock: Path) -> str:
    with suppress(OSError):
        return lock.read_text() or "another run"
    return "another run"


def _pause(stop: Event) -> None:
    if stop.wait(_LOOK_SECONDS):
        raise KeyboardInterrupt


def _mark_of(path: Path) -> str | None:
    """The fingerprint an executed notebook carries, if it is there and can be read."""
    with suppress(TypeError, KeyError):
        return read_json(path)["metadata"]["companion"]["fingerprint"]
    return None


def _write(notebook: NotebookNode, path: Path) -> None:
    with written_aside(path) as part:
        part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def _executed(
    source: NotebookSource,
    given: Mapping[str, Value],
    failed: Path,
    environment: Mapping[str, str],
    row: int,
    stop: Event,
) -> NotebookNode:
    """The notebook as papermill executes it; what has run is kept as `failed`."""
    token, path = uuid.uuid4().hex, [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {FOLDER: os.environ.get(FOLDER, str(ROOT / "_build" / "results")), **environment, MARK: token}
    variables["PYTHONPATH"] = os.pathsep.join(path)
    thread = ThreadPoolExecutor(1).submit(  # in the main thread, nbclient would take over the process' signals
        papermill.execute_notebook,
        _with_measure(source.notebook),
        str(failed).replace("{", "{{").replace("}", "}}"),  # papermill would put parameters there
        dict(given),
        kernel_manager_class=type("Kernel", (ThisPython,), {"environment": variables}),
        resources={"metadata": {"path": str(source.path.parent.absolute())}},  # not cwd: that is the process' own
        progress_bar={"desc": source.name, "position": row, "leave": not row},
        start_timeout=_START_SECONDS,
        record_timing=False,
    )
    try:
        while not thread.done():
            _pause(stop)
    except BaseException:
        _end(thread, token)
        failed.unlink(missing_ok=True)
        raise
    _end(thread, token)
    try:
        return thread.result()
    except (PapermillExecutionError, DeadKernelError) as error:
        raise NotebookFailed(_failure(source, failed, error)) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        failed.unlink(missing_ok=True)
        raise OSError(f"{error.filename or failed} could not be written ({error.strerror}).") from error


def _end(thread: Future[NotebookNode], token: str) -> None:
    """Kill the processes that inherited a kernel's mark until nothing could start more."""
    for _ in range(100):
        left = kill_marked(MARK, token)
        if thread.done() and not left:
            break
        wait([thread], _LOOK_SECONDS)


def kill_marked(variable: str, token: str) -> bool:
    """Kill the processes that inherited an environment variable, however they were started.

    Returns
    -------
    bool
        Whether there were any.
    """
    found = False
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(variable) == token:
                process.kill()
                found = True
    return found


def _with_measure(notebook: NotebookNode) -> NotebookNode:
    copy = deepcopy(notebook)
    copy.cells.append(new_code_cell(MEASURE))
    return copy


def _tidied(source: NotebookSource, notebook: NotebookNode, failed: Path, mark: str, cores: int) -> NotebookNode:
    """Keep what a reader needs: no clock times, no folders of this machine, no injected cell on the page."""
    measured = notebook.cells[-1].outputs
    if not measured:  # papermill takes sys.exit(0) for success
        raise NotebookFailed(_failure(source, failed, None))
    notebook.cells.pop()
    record = notebook.metadata.pop("papermill")
    notebook.metadata.companion = {
        "fingerprint": mark,
        "parameters": record["parameters"],
        "seconds": round(record["duration"], 1),
        "cores": cores,
        "memory": literal(measured[0].text),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "versions": versions(),
    }
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.tags:
            cell.metadata.tags.append("remove-cell")
    _keep_what_holds(notebook)
    return notebook


def _commit() -> str | None:
    """The commit whose files these are; None if they were changed since, or Git cannot say."""
    git = ["git", "-C", str(ROOT)]
    asked = ([*git, "status", "--porcelain", "--untracked-files=no"], [*git, "rev-parse", "HEAD"])
    with suppress(OSError, subprocess.CalledProcessError):
        changed, commit = (subprocess.run(words, capture_output=True, text=True, check=True).stdout for words in asked)
        return None if changed else commit.strip()
    return None


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
