"""What a sweep consists of: a grid of notebooks and analyses, participants, networks and parameters."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from lib.app.notebooks import NOTEBOOKS, NotebookSource, find_sources, named_source
from lib.app.parameters import Value
from lib.app.sweep.analyses import ANALYSES
from lib.core import choose
from lib.networks import ZOO

FOLDERS = ("data_root",)  # parameters that name a folder: seen from where the command runs, not from a worker


@dataclass(frozen=True)
class Task:
    """One cell of the grid.

    Attributes
    ----------
    what : str
        An analysis, or a notebook's name.
    parameters : mapping
        All of them, those left at their default too.
    source : str
        Path of the notebook; empty for an analysis.
    """

    what: str
    parameters: Mapping[str, Value]
    source: str = ""

    @property
    def name(self) -> str:
        """A name to read and to find files by; tasks that share it are the same."""
        said = [self.parameters.get("network"), f"subject-{self.parameters.get('subject', '')}"]
        words = [str(word) for word in said if word and word != "subject-"]
        return "_".join([self.what, *words, self._digest[:8]])

    @property
    def _digest(self) -> str:
        return hashlib.sha256(json.dumps([self.what, dict(self.parameters)], sort_keys=True).encode()).hexdigest()

    @property
    def suffix(self) -> str:
        """Of the result's file."""
        return ".ipynb" if self.source else ".npz"


def make_grid(what: Iterable[str], axes: Mapping[str, Sequence[Value]], folder: Path = NOTEBOOKS) -> list[Task]:
    """Every combination of what is to be done and of the parameters it knows.

    Parameters
    ----------
    what : iterable of str
        "encoding", "decoding", names of notebooks in `folder`, or paths of notebooks.
    axes : mapping of parameter to its values

    Raises
    ------
    ValueError
        An analysis, notebook, or parameter that nobody knows.
    """
    sources = find_sources(folder)
    kinds = {name: _source(name, sources) for name in dict.fromkeys(what)}
    defaults = {name: source.defaults if source else ANALYSES[name].defaults for name, source in kinds.items()}
    known = sorted({parameter for of_one in defaults.values() for parameter in of_one})
    for network in axes.get("network", ()):
        choose("network", str(network), ZOO)
    axes = {choose("parameter", axis, known): [_absolute(axis, value) for value in axes[axis]] for axis in axes}
    tasks = [
        Task(source.name, {**source.defaults, **source.checked(chosen)}, str(source.path.absolute()))
        if source
        else Task(name, {**defaults[name], **chosen})
        for name, source in kinds.items()
        for chosen in _combinations({axis: values for axis, values in axes.items() if axis in defaults[name]})
    ]
    return list({task.name: task for task in tasks}.values())


def _source(name: str, sources: Mapping[str, NotebookSource]) -> NotebookSource | None:
    if name in ANALYSES:
        return None
    if not name.endswith(".py"):
        choose("analysis or notebook", name, [*ANALYSES, *sources])
    return named_source(name, sources)


def _absolute(axis: str, value: Value) -> Value:
    return str(Path(value).expanduser().absolute()) if axis in FOLDERS and isinstance(value, str) else value


def _combinations(axes: Mapping[str, Sequence[Value]]) -> Iterable[dict[str, Value]]:
    return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
