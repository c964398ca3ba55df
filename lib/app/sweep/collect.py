"""`python -m lib collect`: a sweep as one tidy table, one figure per network, and a column for the ledger of claims.

OUT/table.parquet    a row per task, ROI and layer; the stack is a layer of its own
OUT/figures/*.png    participants as thin lines, their mean and its interval
OUT/verdicts.json    every claim on every participant (or group of them); the page on claims reads it
"""

import argparse
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.decoding import DecodingResult
from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.encoding_study import EncodingStudy
from lib.app.sweep.analyses import (
    ANALYSIS_TYPES,
    Decoding,
    Encoding,
    decoding_results,
    encoding_result,
    stored_brain,
)
from lib.app.sweep.store import Store
from lib.claims import Verdict, evaluate
from lib.claims.rates import VERDICTS
from lib.claims.studies import BEST
from lib.core import progress
from lib.core.disk import read_json, write_json, written_aside
from lib.core.scores import bootstrap_mean
from lib.data import Brain
from lib.figures.style import COLOURS, NORMAL, SMALL, label_data, subplots

try:
    import pandas as pd
    import pyarrow  # noqa: F401  pandas writes parquet with it
except ImportError as error:
    raise SystemExit(
        "Collecting needs pandas and pyarrow, which are not installed: pip install -e '.[cluster]'"
    ) from error

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
        """Its result."""
        with np.load(self.path) as file:
            return dict(file)

    @cached_property
    def brain(self) -> Brain:
        """Whose voxels they are."""
        return stored_brain(self.arrays)

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
    """
    manifest = read_json(Store(out).manifest)
    if manifest is None:
        raise FileNotFoundError(
            f"{Store(out).manifest}: expected what `python -m lib sweep` writes, found no such file."
        )
    found = [
        Done(row["task"], what, ANALYSIS_TYPES[what](**row["parameters"]), out / "results" / f"{row['task']}.npz")
        for row in manifest["tasks"]
        if row["state"] == "done" and (what := row["what"]) in ANALYSIS_TYPES
    ]
    if not found:
        raise FileNotFoundError(f"{out}: no encoding or decoding is done; executed notebooks lie in {out / 'results'}.")
    return found


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
        brain = task.brain
        whose = {"participant": brain.name, "simulated": brain.source.simulated}
        about = {"task": task.name, "what": task.what, **asdict(task.analysis), **whose}
        rows += [about | row for row in (_encoding_rows if task.what == "encoding" else _decoding_rows)(task)]
    table = pd.DataFrame(rows)
    mixed = [name for name in table if table[name].dropna().map(type).nunique() > 1]
    return table.astype(dict.fromkeys(mixed, str))


def _encoding_rows(task: Done) -> Iterator[dict[str, Any]]:
    result = encoding_result(task.arrays)
    measures = {
        "score": np.vstack([result.score, result.stacked_score]),
        "correlation": np.vstack([result.correlation, result.stacked_correlation]),
        "cv_score": np.vstack([result.cv_score, result.stacked_cv_score]),
        "weight": np.vstack([result.weights, np.full_like(result.weights[0], np.nan)]),
    }
    fitted = np.isfinite(result.stacked_score)
    for roi, mask in {**task.brain.rois, EVERYWHERE: np.ones_like(fitted)}.items():
        voxels = mask & fitted
        for i, layer in enumerate((*result.layers, STACK)):
            means = {name: _mean(values[i, voxels]) for name, values in measures.items()}
            yield {"roi": roi, "layer": layer, **means, "n": int(voxels.sum())}


def _decoding_rows(task: Done) -> Iterator[dict[str, Any]]:
    for result in _decoded(task):
        nothing = dict.fromkeys(("correlation", "cv_score", "weight"), np.nan)
        n = len(result.unit_score) - result.n_constant
        yield {"roi": result.roi, "layer": result.layer, "score": result.mean, **nothing, "n": n}


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def group_figures(tasks: Sequence[Done], table: pd.DataFrame, folder: Path) -> list[Path]:
    """One picture per network and set of parameters: ROIs side by side, participants as lines.

    Parameters
    ----------
    tasks : sequence of Done
    table : DataFrame
        As `tidy` makes it of these tasks.
    folder : Path
        Where the pictures are written.
    """
    groups = list(dict.fromkeys(task.group for task in tasks))
    paths = []
    for (group, network), members in _grouped(tasks, lambda task: (task.group, task.analysis.network)).items():
        rows, what = table[table.task.isin([task.name for task in members])], members[0].what
        number = f"_{groups.index(group) + 1}" if len(groups) > 1 else ""
        paths.append(folder / f"{what}_{network}{number}.png")
        figure = _group_figure(rows, what, f"{what} by {network}; {_column(members)}")
        label_data(figure, bool(rows.simulated.any()), members[0].analysis.weights)
        with written_aside(paths[-1]) as part:
            figure.savefig(part, format="png")
    return paths


def _group_figure(rows: pd.DataFrame, what: str, title: str) -> Figure:
    rois = [roi for roi in rows.roi.unique() if roi != EVERYWHERE]
    layers = [layer for layer in rows.layer.unique() if layer != STACK]
    measures = MEASURES[what]
    figure, axes = subplots(
        len(measures), len(rois), (max(3.0, 1.3 * len(rois)), 1.9 * len(measures) + 0.8), sharex=True, sharey="row"
    )
    for line, (measure, label) in zip(axes, measures.items(), strict=True):
        for ax, roi in zip(line, rois, strict=True):
            of_roi = rows[(rows.roi == roi) & rows.layer.isin(layers)]
            lines = of_roi.pivot_table(index="layer", columns="subject", values=measure, dropna=False).loc[layers]
            _participants(ax, lines.to_numpy())
            ax.set_xticks(range(len(layers)), layers, rotation=90, fontsize=SMALL)
            ax.tick_params(axis="y", labelsize=SMALL)
        line[0].set_ylabel(label, fontsize=NORMAL)
    for ax, roi in zip(axes[0], rois, strict=True):
        ax.set_title(roi, fontsize=NORMAL)
    key = "grey: participants; blue: their mean and its 95 % bootstrap interval"
    figure.supxlabel(f"{title}\n{key}", fontsize=SMALL)
    return figure


def _participants(ax: Axes, lines: np.ndarray) -> None:
    """Thin lines (n_layers, n_participants), their mean, and its interval if there are two or more."""
    x = np.arange(len(lines))
    ax.axhline(0, color="0.8", lw=0.6)
    ax.plot(x, lines, color="0.65", lw=0.7)
    ax.plot(x, np.nanmean(lines, axis=1), color=COLOURS[0], lw=1.8)
    if np.isfinite(lines).sum(1).min() > 1:
        found = [bootstrap_mean(row) for row in lines]
        ax.fill_between(x, [i.low for i in found], [i.high for i in found], color=COLOURS[0], alpha=0.25, lw=0)


@dataclass
class Column:
    """A column of the ledger of claims.

    Attributes
    ----------
    simulated : bool
        Whether its participants are.
    verdicts : mapping of claim to a list of Verdict, one per study
    """

    simulated: bool
    verdicts: dict[str, list[Verdict]]


def verdicts(tasks: Sequence[Done]) -> dict[str, Column]:
    """Claims decided on what the sweep computed, by name of the ledger's column.

    Encoding claims are decided on each participant by itself, decoding claims on all participants together, as in the
    papers. A claim about networks that the sweep left out cannot be tested.
    """
    columns: dict[str, Column] = {}
    for members in _grouped(tasks, lambda task: task.group).values():
        column = columns.setdefault(_column(members), Column(members[0].brain.source.simulated, {}))
        found: dict[str, list[Verdict]] = {}
        for study in (_encoding_studies if members[0].what == "encoding" else _decoding_studies)(members):
            for verdict in evaluate(study):
                found.setdefault(verdict.claim, []).append(verdict)
        column.verdicts |= found
    return columns


def _column(members: Sequence[Done]) -> str:
    """What a column is called: whose it is, how many, and what of the group is not as usual."""
    first, n_people = members[0].analysis, len({task.analysis.subject for task in members})
    own = [field.name for field in fields(first) if getattr(first, field.name) != field.default]
    whose = f"world {first.world}" if members[0].brain.source.simulated else first.dataset
    changed = [f"{name} {getattr(first, name)}" for name in own if name not in NAMED]
    return ", ".join([f"sweep: {whose}", f"{n_people} participants", *changed])


def _encoding_studies(members: Sequence[Done]) -> Iterator[EncodingStudy]:
    for own in _grouped(members, lambda task: task.analysis.subject).values():
        brain, weights = own[0].brain, own[0].analysis.weights
        sizes = [mask.sum() for mask in brain.rois.values()]
        n_best = max(2, round(BEST * np.median(sizes))) if brain.source.simulated else N_BEST
        yield EncodingStudy(
            brain, {task.analysis.network: encoding_result(task.arrays) for task in own}, n_best, weights
        )


def _decoding_studies(members: Sequence[Done]) -> Iterator[DecodingStudy]:
    """All participants of whom all networks of the sweep were decoded, as one study."""
    networks = list(dict.fromkeys(task.analysis.network for task in members))
    people = [
        {task.analysis.network: list(_decoded(task)) for task in own}
        for own in _grouped(members, lambda task: task.analysis.subject).values()
    ]
    whole = [[r for name in networks for r in own[name]] for own in people if set(own) == set(networks)]
    if len(whole) > 1:
        yield DecodingStudy((), whole, whole[0][0].choices, members[0].analysis.weights)


def _decoded(task: Done) -> Iterator[DecodingResult]:
    assert isinstance(task.analysis, Decoding)
    return decoding_results(task.arrays, task.analysis)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib collect`."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of a sweep")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib collect`; return 0."""
    tasks = done_tasks(args.out)
    table = tidy(tasks)
    with written_aside(args.out / "table.parquet") as part:
        table.to_parquet(part)
    figures = group_figures(tasks, table, args.out / "figures")
    found = verdicts(tasks)
    write_json(args.out / VERDICTS, {name: asdict(column) for name, column in found.items()})
    print(f"{args.out / 'table.parquet'}: {len(table):,} rows of {len(tasks)} tasks")
    print(f"{args.out / 'figures'}: {len(figures)} figures")
    print(f"{args.out / VERDICTS}: {len(found)} columns for the ledger")
    print(f"python -m lib run claims -p sweep {args.out.absolute()}")
    return 0
