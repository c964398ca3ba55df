"""A simulated experiment in files, as a lab might keep its own."""

from pathlib import Path

import numpy as np
from PIL import Image

from lib.core.disk import written_aside
from lib.data.trials import random_split
from lib.simulation.nsd_like import Trials


def write_arrays(trials: Trials, folder: Path) -> None:
    """Write a simulated experiment as a lab might keep it: arrays, a table of events, a folder of pictures.

    `betas.npy` (n_trials, n_voxels); `events.tsv`, a line per trial: picture, session, and "train" or "test";
    `masks/AREA.npy`, booleans (n_voxels,); `pictures/*.png`.

    Raises
    ------
    OSError
        The folder holds something already, or cannot be written; nothing is left there.
    """
    test, names = random_split(trials.images)[1], {i: f"picture{i:06}.png" for i in trials.images.tolist()}
    with written_aside(folder) as part:
        for subfolder in ("masks", "pictures"):
            (part / subfolder).mkdir(parents=True)
        np.save(part / "betas.npy", trials.betas)
        for area, mask in trials.rois.items():
            np.save(part / "masks" / f"{area}.npy", mask)
        for picture, name in names.items():
            Image.fromarray(trials.stimuli[picture]).save(part / "pictures" / name)
        parts = np.where(np.isin(trials.shown, test), "test", "train")
        rows = zip((names[i] for i in trials.shown.tolist()), trials.session.tolist(), parts.tolist(), strict=True)
        lines = ["picture\tsession\tpart", *("\t".join(map(str, row)) for row in rows)]
        (part / "events.tsv").write_text("\n".join(lines) + "\n")
