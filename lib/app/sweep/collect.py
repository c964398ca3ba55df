"""`python -m lib collect`: a sweep as one tidy table, one figure per network, and a column for the ledger of claims.

OUT/table.parquet    a row per task, ROI and layer; the stack is a layer of its own
OUT/figures/*.png    participants as thin lines, their mean and its interval
OUT/verdicts.json    every claim on every participant (or group of them); the page on claims reads it
"""

import argparse
import json
import shlex
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from lib.analysis.decoding import DecodingResult
from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.encoding import EncodingResult, result_of
from lib.analysis.encoding_study import EncodingStudy
from lib.app.parameters import user_folder
from lib.app.sweep.analyses import ANALYSIS_TYPES, Decoding, Encoding, decoding_results, stored_brain
from lib.app.sweep.store import Store
from lib.claims import Verdict, evaluate
from lib.claims.rates import VERDICTS
from lib.claims.studies import n_best_of
from lib.core import progress
from lib.core.disk import sha256_of_file, write_json, written_aside
from lib.data import Brain
from lib.data.files import read_file, require_file
from lib.figures.style import label_data
from lib.figures.sweeps import profiles

STACK, EVERYWHERE = "stack", "all voxels"
N_BEST = 200  # voxels of an ROI that decide, of measured participants
NAMED = ("subject", "network", "dataset", "data_root", "world")  # by the rest of a column's name, or not at all
MEASURES = {"encoding": {"score": "mean R", "weight": "stacking weight"}, "decoding": {"score": "mean r"}}

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Done:
    """A task of an analysis that was done.

    Attributes
    ----------
    name, what : str
    analysis : Encoding or Decoding
    path : Path
        Of its arrays.
    """

    name: str
    what: str
    analysis: Encoding | Decoding
    path: Path

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """What it has computed."""
        with np.load(self.path) as file:
            return dict(file)

    @cached_property
    def brain(self) -> Brain:
        """Whose voxels they are."""
        return stored_brain(self.arrays)

    @property
    def encoding(self) -> EncodingResult:
        """The result of an encoding."""
        return result_of(self.arrays)

    @property
    def decoding(self) -> list[DecodingResult]:
        """The results of a decoding, empty for an encoding."""
        return decoding_results(self.arrays, self.analysis) if isinstance(self.analysis, Decoding) else []

    @property
    def group(self) -> Encoding | Decoding:
        """The same for tasks that differ in nothing but participant and network."""
        return replace(self.analysis, subject=0, network="")


def done_tasks(out: Path) -> list[Done]:
    """Analyses of a sweep that are done, in the order in which they were asked for.

    Raises
    ------
    FileNotFoundError
        The folder holds no sweep, or one in which no analysis is done.
    ValueError
        The list of tasks, or a result, is not as it was written.
    """
    found = read_file(Store(out).manifest, "what `python -m lib sweep` writes", _listed)
    if not found:
        raise FileNotFoundError(f"{out}: no encoding or decoding is done; executed notebooks lie in {out / 'results'}.")
    for task, digest in found:
        if sha256_of_file(require_file(task.path, f"the result of {task.name}")) != digest:
            raise ValueError(f"{task.path}: expected the result as it was written, found another: sweep with --resume.")
    return [task for task, _ in found]


def _listed(manifest: Path) -> list[tuple[Done, str]]:
    """Analyses that are done, and the SHA-256 of their results."""
    results = manifest.parent / "results"
    return [
        (
            Done(row["task"], what, ANALYSIS_TYPES[what](**row["parameters"]), results / f"{row['task']}.npz"),
            row["record"]["sha256"],
        )
        for row in json.loads(manifest.read_text(encoding="utf-8"))["tasks"]
        if row["state"] == "done" and (what := row["what"]) in ANALYSIS_TYPES
    ]


def _grouped(tasks: Sequence[Done], key: Callable[[Done], Key]) -> dict[Key, list[Done]]:
    groups: dict[Key, list[Done]] = {}
    for task in tasks:
        groups.setdefault(key(task), []).append(task)
    return groups


def tidy(tasks: Sequence[Done]) -> pd.DataFrame:
    """One row per task, ROI and layer.

    Returns
    -------
    DataFrame
        `task`, `what`, all parameters, `participant`, `simulated`, `roi`, `layer`, and means over the ROI's voxels (of
        decoding: over the layer's units): `score` (encoding: signed R; decoding: r), `correlation`, `cv_score`,
        `weight`; `n` is how many are averaged.
    """
    rows: list[dict[str, Any]] = []
    for task in progress(tasks, "reading results"):
        whose = {"participant": task.brain.name, "simulated": task.brain.source.simulated}
        about = {"task": task.name, "what": task.what, **asdict(task.analysis), **whose}
        rows += [about | row for row in (_encoding_rows if task.what == "encoding" else _decoding_rows)(task)]
    table = pd.DataFrame(rows)
    mixed = [name for name in table if table[name].dropna().map(type).nunique() > 1]
    return table.astype(dict.fromkeys(mixed, str))


def _encoding_rows(task: Done) -> Iterator[dict[str, Any]]:
    result = task.encoding
    measures = {
        "score": [*result.score, result.stacked_score],
        "correlation": [*result.correlation, result.stacked_correlation],
        "cv_score": [*result.cv_score, result.stacked_cv_score],
        "weight": [*result.weights, np.full_like(result.stacked_score, np.nan)],
    }
    fitted = np.isfinite(result.stacked_score)
    for roi, mask in {**task.brain.rois, EVERYWHERE: np.ones_like(fitted)}.items():
        voxels = mask & fitted
        for i, layer in enumerate((*result.layers, STACK)):
            means = {name: _mean(values[i][voxels]) for name, values in measures.items()}
            yield {"roi": roi, "layer": layer, **means, "n": int(voxels.sum())}


def _decoding_rows(task: Done) -> Iterator[dict[str, Any]]:
    for result in task.decoding:
        means = {"score": result.mean, **dict.fromkeys(("correlation", "cv_score", "weight"), np.nan)}
        yield {"roi": result.roi, "layer": result.layer, **means, "n": len(result.unit_score) - result.n_constant}


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def draw(tasks: Sequence[Done], table: pd.DataFrame, folder: Path) -> int:
    """Draw one figure per network and set of parameters: ROIs side by side, participants as lines.

    Parameters
    ----------
    tasks : sequence of Done
    table : DataFrame
        As `tidy` gives it.
    folder : Path

    Returns
    -------
    int
        How many.
    """
    groups, pictures = list(_grouped(tasks, lambda task: task.group)), 0
    for (group, network), members in _grouped(tasks, lambda task: (task.group, task.analysis.network)).items():
        what, names = members[0].what, [task.name for task in members]
        rows = table[table.task.isin(names) & (table.layer != STACK) & (table.roi != EVERYWHERE)]
        order = [rows[name].unique() for name in ("roi", "layer", "subject")]
        index = pd.MultiIndex.from_product(order, names=["roi", "layer", "subject"])
        wide = rows.set_index(["roi", "layer", "subject"]).reindex(index)
        values = {label: wide[name].to_numpy(float).reshape(*map(len, order)) for name, label in MEASURES[what].items()}
        figure = profiles(values, order[0], order[1], f"{what} by {network}; {_column(members)}")
        label_data(figure, members[0].brain.source.simulated, members[0].analysis.weights)
        number = f"_{groups.index(group) + 1}" if len(groups) > 1 else ""
        with written_aside(folder / f"{what}_{network}{number}.png") as part:
            figure.savefig(part, format="png")
        pictures += 1
    return pictures


@dataclass(frozen=True)
class Column:
    """A column of the ledger of claims.

    Attributes
    ----------
    simulated : bool
        Whether its participants are.
    verdicts : dict of claim to a list of Verdict, one per study
    """

    simulated: bool
    verdicts: dict[str, list[Verdict]]


def verdicts(tasks: Sequence[Done]) -> dict[str, Column]:
    """Claims decided on what the sweep computed, by name of the ledger's column.

    Encoding claims are decided on each participant by itself, decoding claims on all participants together, as in the
    papers. A claim about networks that the sweep left out cannot be asked.
    """
    columns: dict[str, Column] = {}
    for members in _grouped(tasks, lambda task: task.group).values():
        column = columns.setdefault(_column(members), Column(members[0].brain.source.simulated, {}))
        for study in (_encoding_studies if members[0].what == "encoding" else _decoding_studies)(members):
            for verdict in evaluate(study):
                column.verdicts.setdefault(verdict.claim, []).append(verdict)
    return columns


def _column(members: Sequence[Done]) -> str:
    """What a column is called: whose it is, how many, and what of the group is not as usual."""
    first, n_people = members[0].analysis, len({task.analysis.subject for task in members})
    values = {one.name: getattr(first, one.name) for one in fields(first) if one.name not in NAMED}
    usual = {one.name: one.default for one in fields(first)}
    changed = [f"{name} {value}" for name, value in values.items() if value != usual[name]]
    whose = f"world {first.world}" if members[0].brain.source.simulated else first.dataset
    return ", ".join([f"sweep: {whose}", f"{n_people} participants", *changed])


def _encoding_studies(members: Sequence[Done]) -> Iterator[EncodingStudy]:
    for own in _grouped(members, lambda task: task.analysis.subject).values():
        brain, encoding = own[0].brain, {task.analysis.network: task.encoding for task in own}
        size = np.median([mask.sum() for mask in brain.rois.values()])
        n_best = n_best_of(size) if brain.source.simulated else N_BEST
        yield EncodingStudy(brain, encoding, n_best, own[0].analysis.weights)


def _decoding_studies(members: Sequence[Done]) -> Iterator[DecodingStudy]:
    """All participants of whom all networks of the sweep were decoded, as one study."""
    networks = list(dict.fromkeys(task.analysis.network for task in members))
    people = _grouped(members, lambda task: task.analysis.subject).values()
    by_network = [{task.analysis.network: task.decoding for task in own} for own in people]
    whole = [[r for name in networks for r in own[name]] for own in by_network if set(own) == set(networks)]
    if len(whole) > 1:
        yield DecodingStudy((), whole, whole[0][0].choices, members[0].analysis.weights)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib collect`."""
    parser.add_argument("out", type=user_folder, metavar="OUT", help="folder of a sweep")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib collect`; return 0."""
    out, tasks = args.out.absolute(), done_tasks(args.out)
    table, found = tidy(tasks), verdicts(tasks)
    with written_aside(out / "table.parquet") as part:
        table.to_parquet(part)
    n_figures = draw(tasks, table, out / "figures")
    write_json(out / VERDICTS, {name: asdict(column) for name, column in found.items()})
    print(f"{out / 'table.parquet'}: {len(table):,} rows of {len(tasks)} tasks")
    print(f"{out / 'figures'}: {n_figures} figures")
    print(f"{out / VERDICTS}: {len(found)} columns for the ledger")
    print(f"python -m lib run claims -p sweep {shlex.quote(str(out))}")
    return 0
