"""`python -m lib collect`: a sweep as one tidy table, one figure per network, and a column for the ledger of claims.

OUT/table.parquet    a row per task, ROI and layer; the stack is a layer of its own
OUT/figures/*.png    participants as thin lines, their mean and its interval
OUT/verdicts.json    every claim on every participant (or group of them); the page on claims reads it
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.encoding_study import EncodingStudy
from lib.app.sweep.analyses import ANALYSES, decoding_results, encoding_result
from lib.app.sweep.store import Store, read_json, write_aside
from lib.claims import Verdict, evaluate
from lib.claims.rates import VERDICTS
from lib.claims.studies import BEST
from lib.core import progress
from lib.core.scores import bootstrap_mean
from lib.data import Participant, Responses, Source, Stimuli
from lib.figures.style import COLOURS, NORMAL, SMALL, data_warning, label_data, subplots

try:
    import pandas as pd
    import pyarrow  # noqa: F401  pandas writes parquet with it
except ImportError as error:
    raise SystemExit(
        "Collecting needs pandas and pyarrow, which are not installed: pip install -e '.[cluster]'"
    ) from error

STACK, EVERYWHERE = "stack", "all voxels"
N_BEST = 200  # voxels of an ROI that decide, of measured participants
PERSON = ("subject", "network")  # what tasks of one group may differ in
SAID = (*PERSON, "dataset", "data_root", "world")  # by the name of a column, or nobody's concern
MEASURES = {"encoding": {"score": "mean R", "weight": "stacking weight"}, "decoding": {"score": "mean r"}}


@dataclass(frozen=True)
class Done:
    """A task of an analysis that was done.

    Attributes
    ----------
    name, what : str
    parameters : mapping
    path : Path
        Of its arrays.
    """

    name: str
    what: str
    parameters: Mapping[str, object]
    path: Path

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """Its result."""
        with np.load(self.path) as file:
            return dict(file)

    @property
    def group(self) -> str:
        """The same for tasks that differ in nothing but participant and network."""
        return json.dumps([self.what, {n: v for n, v in self.parameters.items() if n not in PERSON}], sort_keys=True)

    @property
    def subject(self) -> int:
        """Number of the participant."""
        return int(self.parameters["subject"])

    @property
    def network(self) -> str:
        """Name of the network."""
        return str(self.parameters["network"])


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
        Done(row["task"], row["what"], row["parameters"], out / "results" / f"{row['task']}.npz")
        for row in manifest["tasks"]
        if row["state"] == "done" and row["what"] in ANALYSES
    ]
    if not found:
        raise FileNotFoundError(f"{out}: no encoding or decoding is done; executed notebooks lie in {out / 'results'}.")
    return found


def tidy(tasks: Sequence[Done]) -> pd.DataFrame:
    """One row per task, ROI and layer.

    Returns
    -------
    DataFrame
        `task`, `what`, all parameters, `participant`, `simulated`, `roi`, `layer`, and means over the ROI's voxels (of
        decoding: over the layer's units): `score` (encoding: signed R; decoding: r), `correlation`, `cv_score`,
        `weight`; `n` is how many are averaged.
    """
    table = pd.DataFrame([row for task in progress(tasks, "reading results") for row in ROWS[task.what](task)])
    mixed = [name for name in table if table[name].dropna().map(type).nunique() > 1]
    return table.astype(dict.fromkeys(mixed, str))


def _about(task: Done) -> dict[str, object]:
    who = {"participant": str(task.arrays["participant"]), "simulated": bool(task.arrays["simulated"])}
    return {"task": task.name, "what": task.what, **task.parameters, **who}


def _encoding_rows(task: Done) -> Iterator[dict[str, object]]:
    result, masks = encoding_result(task.arrays), _masks(task.arrays)
    layers = {name: ("score", "correlation", "cv_score", "weights") for name in result.layers}
    for roi, mask in masks.items():
        voxels = mask & np.isfinite(result.stacked_score)
        for i, (layer, measures) in enumerate(layers.items()):
            means = [getattr(result, name)[i, voxels].mean() if voxels.any() else np.nan for name in measures]
            yield _row(task, roi, layer, voxels.sum(), *means)
        stacked = (result.stacked_score, result.stacked_correlation, result.stacked_cv_score)
        means = [values[voxels].mean() if voxels.any() else np.nan for values in stacked]
        yield _row(task, roi, STACK, voxels.sum(), *means)


def _decoding_rows(task: Done) -> Iterator[dict[str, object]]:
    for result in decoding_results(task.arrays, task.parameters):
        yield _row(task, result.roi, result.layer, len(result.unit_score) - result.n_constant, result.mean)


def _row(task: Done, roi: str, layer: str, n: int, *means: float) -> dict[str, object]:
    measures = dict.fromkeys(("score", "correlation", "cv_score", "weight"), np.nan)
    measures |= dict(zip(measures, map(float, means), strict=False))
    return {**_about(task), "roi": roi, "layer": layer, **measures, "n": int(n)}


ROWS = {"encoding": _encoding_rows, "decoding": _decoding_rows}


def _masks(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """ROIs by name, boolean arrays of shape (n_voxels,), and all voxels."""
    masks = {str(roi): mask for roi, mask in zip(arrays["rois"], arrays["roi_masks"], strict=True)}
    return masks | {EVERYWHERE: np.full(arrays["stacked_score"].shape, True)}


def group_figures(tasks: Sequence[Done], table: pd.DataFrame, folder: Path) -> list[Path]:
    """One picture per network and set of parameters: ROIs side by side, participants as lines."""
    folder.mkdir(exist_ok=True)
    groups: dict[tuple[str, str], list[Done]] = {}
    for task in tasks:
        groups.setdefault((task.group, task.network), []).append(task)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(group for group, _ in groups), start=1)}
    paths = []
    for (group, network), members in groups.items():
        rows = table[table.task.isin([task.name for task in members])]
        number = f"_{numbers[group]}" if len(numbers) > 1 else ""
        paths.append(folder / f"{members[0].what}_{network}{number}.png")
        figure = _group_figure(rows, members[0].what, f"{members[0].what} by {network}; {_column(members)}")
        write_aside(paths[-1], lambda file, figure=figure: figure.savefig(file, format="png"))
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
    return label_data(figure, data_warning(bool(rows.simulated.any())))


def _participants(ax: Axes, lines: np.ndarray) -> None:
    """Thin lines (n_layers, n_participants), their mean, and its interval if there are two or more."""
    x = np.arange(len(lines))
    ax.axhline(0, color="0.8", lw=0.6)
    ax.plot(x, lines, color="0.65", lw=0.7)
    ax.plot(x, np.nanmean(lines, axis=1), color=COLOURS[0], lw=1.8)
    if np.isfinite(lines).sum(1).min() > 1:
        found = [bootstrap_mean(row) for row in lines]
        ax.fill_between(x, [i.low for i in found], [i.high for i in found], color=COLOURS[0], alpha=0.25, lw=0)


def verdicts(tasks: Sequence[Done]) -> dict[str, dict[str, object]]:
    """Claims decided on what the sweep computed, by column of the ledger.

    Encoding claims are decided on each participant by itself, decoding claims on all participants together, as in the
    papers. A claim about networks that the sweep left out cannot be tested.

    Returns
    -------
    dict of column to {"simulated": bool, "verdicts": {claim: list of Verdict}}
    """
    columns: dict[str, dict[str, object]] = {}
    for group in dict.fromkeys(task.group for task in tasks):
        members = [task for task in tasks if task.group == group]
        found = [evaluate(study) for study in STUDIES[members[0].what](members)]
        by_claim: dict[str, list[Verdict]] = {}
        for verdict in (one for of_one in found for one in of_one):
            by_claim.setdefault(verdict.claim, []).append(verdict)
        column = _column(members)
        earlier = columns.get(column, {"verdicts": {}})["verdicts"]
        simulated = bool(members[0].arrays["simulated"])
        columns[column] = {"simulated": simulated, "verdicts": earlier | by_claim}
    return columns


def _column(members: Sequence[Done]) -> str:
    """What a column is called: whose it is, how many, and what of the group is not as usual."""
    first, n_people = members[0], len({task.subject for task in members})
    usual = ANALYSES[first.what].defaults
    own = [f"{name} {value}" for name, value in first.parameters.items() if name not in SAID and value != usual[name]]
    whose = f"world {first.parameters['world']}" if first.arrays["simulated"] else str(first.parameters["dataset"])
    return ", ".join([f"sweep: {whose}", f"{n_people} participants", *own])


def _encoding_studies(members: Sequence[Done]) -> Iterator[EncodingStudy]:
    for subject in dict.fromkeys(task.subject for task in members):
        own = [task for task in members if task.subject == subject]
        person = _person(own[0])
        sizes = [mask.sum() for mask in person.rois.values()]
        n_best = max(2, round(BEST * np.median(sizes))) if person.source.simulated else N_BEST
        encoding = {task.network: encoding_result(task.arrays) for task in own}
        yield EncodingStudy(person, encoding, n_best, str(own[0].parameters["weights"]))


def _decoding_studies(members: Sequence[Done]) -> Iterator[DecodingStudy]:
    """All participants of whom all networks of the sweep were decoded, as one study."""
    networks = list(dict.fromkeys(task.network for task in members))
    by_subject = {
        subject: {task.network: task for task in members if task.subject == subject}
        for subject in dict.fromkeys(task.subject for task in members)
    }
    whole = [own for own in by_subject.values() if set(own) == set(networks)]
    results = [[r for n in networks for r in decoding_results(own[n].arrays, own[n].parameters)] for own in whole]
    if len(whole) > 1:
        people, weights = [_person(own[networks[0]]) for own in whole], str(members[0].parameters["weights"])
        yield DecodingStudy(people, results, results[0][0].choices, weights)


STUDIES = {"encoding": _encoding_studies, "decoding": _decoding_studies}


def _person(task: Done) -> Participant:
    """Whose voxels they are, without their responses, which nobody needs any more."""
    arrays, nothing = task.arrays, Responses(np.empty(0, int), np.empty((0, 0)), np.empty(0, int))
    dataset, description, origin, licence, world = map(str, arrays["source"])
    return Participant(
        name=str(arrays["participant"]),
        train=nothing,
        test=nothing,
        rois={str(roi): mask for roi, mask in zip(arrays["rois"], arrays["roi_masks"], strict=True)},
        noise_ceiling=arrays.get("noise_ceiling", np.empty(0)),
        stimuli=Stimuli("", lambda _: np.empty((0, 0, 3), np.uint8)),
        source=Source(dataset, description, origin, licence, bool(arrays["simulated"]), world or None),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib collect`."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of a sweep")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib collect`; return 0."""
    tasks = done_tasks(args.out)
    table = tidy(tasks)
    write_aside(args.out / "table.parquet", lambda file: table.to_parquet(file))
    figures = group_figures(tasks, table, args.out / "figures")
    found = verdicts(tasks)
    plain = {name: {**column, "verdicts": _plain(column["verdicts"])} for name, column in found.items()}
    write_aside(args.out / VERDICTS, lambda file: file.write((json.dumps(plain, indent=1) + "\n").encode()))
    print(f"{args.out / 'table.parquet'}: {len(table):,} rows of {len(tasks)} tasks")
    print(f"{args.out / 'figures'}: {len(figures)} figures")
    print(f"{args.out / VERDICTS}: {len(found)} columns for the ledger")
    print(f"python -m lib run claims -p sweep {args.out.absolute()}")
    return 0


def _plain(found: Mapping[str, Sequence[Verdict]]) -> dict[str, list[dict[str, object]]]:
    return {claim: [asdict(verdict) for verdict in of_claim] for claim, of_claim in found.items()}
