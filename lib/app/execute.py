"""Executes a notebook through papermill, the only executor of the book.

`notebooks/x.py` becomes a notebook in memory, papermill executes it with the chosen parameters, and the result is
`notebooks/x.ipynb`, which git ignores and the book shows.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from lib.app.fingerprint import notebook_fingerprint
from lib.app.notebooks import NotebookSource, check_known
from lib.app.parameters import Value, literal

# The last cell of every notebook while it is executed; nobody else can say what the kernel took.
MEASURE = "from lib.core.memory import peak_memory\n\nprint(peak_memory())"


class NotebookFailed(RuntimeError):
    """A notebook stopped before its end; the message names the notebook, the cell and the error."""


class ThisPython(AsyncKernelManager):
    """Starts kernels in the Python that runs this command, whatever kernels its user has registered."""

    # Without it, each kernel warns that others on this machine could listen.
    transport_encryption = "auto"

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel of this environment; papermill's bar shows the progress, a page should not."""
        return KernelSpec(**get_kernel_dict(), env={"TQDM_DISABLE": "1"})


def run_notebook(
    source: NotebookSource,
    given: Mapping[str, Value],
    output: Path | None = None,
    *,
    force: bool = False,
    row: int | None = None,
) -> bool:
    """Execute one notebook, unless nothing it depends on has changed since its output was written.

    Parameters
    ----------
    source : NotebookSource
    given : mapping
        Parameters that replace defaults; all of them known to the notebook.
    output : Path, optional
        The executed notebook, `x.ipynb` beside `x.py` by default. It is written only when every cell has run.
    force : bool
        Execute even if nothing has changed.
    row : int, optional
        Of the terminal, for the progress bar of one of several notebooks.

    Returns
    -------
    bool
        Whether the notebook was executed.

    Raises
    ------
    ValueError
        A parameter is unknown.
    NotebookFailed
        A cell raised, or the kernel died. What ran is kept as `x.failed.ipynb`.
    """
    check_known(source, given)
    output = (output or source.output).absolute()
    mark = notebook_fingerprint(source, given)
    if not force and _mark_of(output) == mark:
        return False
    output.parent.mkdir(parents=True, exist_ok=True)
    _execute_aside(source, given, output, mark, {} if row is None else {"position": row, "leave": False})
    return True


def _execute_aside(
    source: NotebookSource, given: Mapping[str, Value], output: Path, mark: str, bar: Mapping[str, object]
) -> None:
    """Execute into a file beside `output`; only a complete notebook takes its place."""
    aside = output.with_name(f".{output.stem}.running.ipynb")
    failed = output.with_suffix(".failed.ipynb")
    try:
        _execute(source, given, aside, bar)
        nbformat.write(_tidy(nbformat.read(aside, as_version=4), mark), aside)
        aside.replace(output)
        failed.unlink(missing_ok=True)
    except (PapermillExecutionError, DeadKernelError) as error:
        kept = nbformat.read(aside, as_version=4)
        _pop_measure(kept)
        nbformat.write(kept, failed)
        raise NotebookFailed(_failure(source, failed, error)) from error
    finally:
        aside.unlink(missing_ok=True)


def _execute(source: NotebookSource, given: Mapping[str, Value], path: Path, bar: Mapping[str, object]) -> None:
    # The kernel inherits it; otherwise each one warns about Python's frozen modules.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    papermill.execute_notebook(
        _with_measure(source.notebook),
        path,
        dict(given),
        cwd=source.path.parent.absolute(),
        progress_bar={"desc": source.name, **bar},
        kernel_manager_class=ThisPython,
        record_timing=False,
    )


def _with_measure(notebook: NotebookNode) -> NotebookNode:
    cell = nbformat.v4.new_code_cell(MEASURE)
    return NotebookNode({**notebook, "cells": [*notebook.cells, cell]})


def _pop_measure(notebook: NotebookNode) -> int | None:
    """Take off the last cell and return the bytes it measured, if it was executed."""
    outputs = notebook.cells.pop().outputs
    return literal(outputs[0].text) if outputs else None


def _tidy(notebook: NotebookNode, mark: str) -> NotebookNode:
    """Keep what a reader needs: no clock times, no folders of this machine, no injected cell on the page."""
    record = notebook.metadata.pop("papermill")
    notebook.metadata.companion = {
        "fingerprint": mark,
        "parameters": record["parameters"],
        "seconds": round(record["duration"], 1),
        "memory": _pop_measure(notebook),
        "cores": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
    }
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.tags:
            cell.metadata.tags.append("remove-cell")
    return notebook


def _failure(source: NotebookSource, failed: Path, error: PapermillExecutionError | DeadKernelError) -> str:
    number, line = _last_started_cell(nbformat.read(failed, as_version=4))
    if isinstance(error, PapermillExecutionError):
        reason = f"{error.ename}: {error.evalue}"
    else:
        reason = "the kernel died; most often the machine had no memory left"
    return f"{source.name} failed in code cell {number} ({line}): {reason}\nWhat ran is kept in {failed}"


def _last_started_cell(notebook: NotebookNode) -> tuple[int, str]:
    """Number (from 1, as in the source) and first line of the code cell where the execution stopped."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells = [cell for cell in code if "injected-parameters" not in cell.metadata.tags]
    started = [i for i, cell in enumerate(cells) if cell.metadata.papermill.get("start_time")]
    last = started[-1] if started else 0
    return last + 1, cells[last].source.strip().split("\n")[0]


def _mark_of(path: Path) -> str | None:
    """The fingerprint an executed notebook carries, if it is there and can be read."""
    try:
        return nbformat.read(path, as_version=4).metadata.companion.fingerprint
    except (OSError, ValueError, AttributeError):
        return None
