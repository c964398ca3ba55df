"""What a sweep consists of: a grid of notebooks and analyses, participants, networks and parameters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from lib.app.notebooks import NOTEBOOKS, NotebookSource, find_sources, named_source
from lib.app.parameters import Parameter, Value, check_values
from lib.app.sweep.analyses import ANALYSIS_TYPES, Decoding, Encoding
from lib.core import choose
from lib.core.disk import digest_of


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
    parameters: Mapping[str, Any]
    source: str = ""

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def name(self) -> str:
        """A name to read and to find files by; tasks that share it are the same."""
        subject, network = (self.parameters.get(name, "") for name in ("subject", "network"))
        digest = digest_of([self.what, dict(sorted(self.parameters.items()))])
        words = [self.what, network, f"subject-{subject}" if subject else "", digest[:8]]
        return "_".join(str(word) for word in words if word)

    @cached_property
    def notebook(self) -> NotebookSource | None:
        """The notebook that is executed; None for an analysis."""
        return NotebookSource(Path(self.source)) if self.source else None

    @property
    def declared(self) -> Mapping[str, Parameter]:
        """What values its parameters may have."""
        return self.notebook.parameters if self.notebook else ANALYSIS_TYPES[self.what].declared()

    @property
    def analysis(self) -> Encoding | Decoding:
        """The analysis with its parameters."""
        return ANALYSIS_TYPES[self.what](**self.parameters)


def make_grid(what: Iterable[str], axes: Mapping[str, Sequence[Value]], folder: Path = NOTEBOOKS) -> list[Task]:
    """Every combination of what is to be done and of the parameters it knows.

    Parameters
    ----------
    what : iterable of str
        "encoding", "decoding", names of notebooks in `folder`, or paths of notebooks.
    axes : mapping of parameter to its values
    folder : Path
        Of the notebooks.

    Raises
    ------
    ValueError, FileNotFoundError
        An unknown analysis, notebook or parameter, or a value that cannot be.
    """
    sources = find_sources(folder)
    defaults = [_with_defaults(name, sources) for name in dict.fromkeys(what)]
    known = sorted({parameter for task in defaults for parameter in task.parameters})
    for axis in axes:
        choose("parameter", axis, known)
    tasks: dict[str, Task] = {}
    for task in defaults:
        own = {axis: values for axis, values in axes.items() if axis in task.parameters}
        for values in product(*own.values()):
            chosen = check_values(task.what, task.declared, dict(zip(own, values, strict=True)))
            one = replace(task, parameters={**task.parameters, **chosen})
            tasks.setdefault(one.name, one)
    return list(tasks.values())


def _with_defaults(name: str, sources: Mapping[str, NotebookSource]) -> Task:
    """The analysis or notebook of that name, all parameters at their defaults."""
    if name in ANALYSIS_TYPES:
        return Task(name, asdict(ANALYSIS_TYPES[name]()))
    if not name.endswith(".py"):
        choose("analysis or notebook", name, [*ANALYSIS_TYPES, *sources])
    source = named_source(name, sources)
    return Task(source.name, source.defaults, str(source.path.absolute()))
