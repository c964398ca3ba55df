"""What each choice of the analyses of paper W does to the result: every combination, on a simulated NSD folder.

The page on choices shows the table. Voxels are simulated and networks miniature, so signs may differ in a brain. How
pixels are scaled is no row: miniatures were trained on pixels from 0 to 1, as paper W's code shows them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness import record, table
from lib.analysis.loading import load_participant
from lib.analysis.presets import ANALYSES, EncodingChoices, analyse, encoding_choices
from lib.app.simulate import write_layout
from lib.core.progress import progress
from lib.data.areas import EARLY, PLACE

NETWORK = "alexnet-object"
CHOICES: Mapping[str, Sequence[Any]] = {  # that of "careful" first
    "zscore": ("session", "run", "none"),
    "own_size": (False, True),
    "protocol": ("fast", "reference"),
}


def specifications(root: Path, options: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """A row for every combination of choices: mean R of the stack, and by how many layers place areas lie deeper."""
    careful = encoding_choices("careful", "nsd", "miniature")
    named = {name: encoding_choices(name, "nsd", "miniature") for name in ANALYSES}
    for values in progress(list(product(*options.values())), "specifications"):
        chosen = replace(careful, **dict(zip(options, values, strict=True)))
        person = load_participant("nsd", 1, root, **chosen.reading)
        result = analyse(person, [NETWORK], chosen).study.encoding[NETWORK]
        depth = np.arange(1, len(result.layers) + 1) @ result.weights
        early, place = (np.any([person.roi(roi) for roi in rois], axis=0) for rois in (EARLY, PLACE))
        found = {"R": np.nanmean(result.stacked_score), "deeper": np.nanmean(depth[place]) - np.nanmean(depth[early])}
        which = [name for name, preset in named.items() if _same(preset, chosen, options)]
        yield dict(zip(options, values, strict=True)) | found | {"analysis": ", ".join(which)}


def _same(one: EncodingChoices, other: EncodingChoices, names: Mapping[str, object]) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in names)


def effects(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a choice other than that of "careful" changes, all else equal: mean, least and largest."""
    for name, (usual, *others) in CHOICES.items():
        for other in others:
            rest = [key for key in CHOICES if key != name]
            before = {tuple(row[key] for key in rest): row for row in rows if row[name] == usual}
            after = {tuple(row[key] for key in rest): row for row in rows if row[name] == other}
            row: dict[str, Any] = {"choice": name, "instead of": str(usual), "is": str(other)}
            for what in ("R", "deeper"):
                change = [after[key][what] - before[key][what] for key in before]
                row |= {f"{what}, mean": np.mean(change), f"{what}, least": min(change), f"{what}, most": max(change)}
            yield row


def main(quick: bool = False) -> None:
    """Print the curve, lowest first, and what each choice does; record both."""
    options = {name: values[:1] if quick and name != "zscore" else values for name, values in CHOICES.items()}
    with TemporaryDirectory() as folder:
        root = Path(folder) / "nsd"
        size = {"n_images": 250, "voxels_per_roi": 10} if quick else {"n_images": 500, "voxels_per_roi": 40}
        write_layout("nsd", root, [1], **size)  # a session for every 250 images
        rows = sorted(specifications(root, options), key=lambda row: row["R"])
    print(table(rows))
    if not quick:
        changes = list(effects(rows))
        print(table(changes))
        record("choices", {"network": NETWORK, "specifications": rows, "effects": changes})


if __name__ == "__main__":
    main()
