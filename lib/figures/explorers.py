"""Figures that answer a pointer and keys, without a kernel: a table for everybody, and numbers for a small script.

Each function writes the HTML of one cell. book/assets/explorer.js draws it in the book; without the script (on paper,
in another viewer) the table stands alone. Plotting libraries that draw in a browser weigh more than a page of this
book may, and their lines cannot be reached by keys or heard.
"""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from IPython.display import HTML

from lib.analysis.encoding_study import EncodingStudy
from lib.core.scores import signed_root
from lib.core.tables import Table
from lib.data import Brain
from lib.data.areas import ROIS
from lib.figures import style
from lib.figures.encoding import data_of

_SHOWN = 30  # voxels of an ROI: an explorer stays small
R_DIGITS = 3  # what a reader can see, and no more: a page is loaded over a network


def explorer(kind: str, data: Mapping[str, object], table: Table, caption: str, warning: str) -> HTML:
    """The HTML of a figure that a script draws.

    Parameters
    ----------
    kind : "voxels", "stacking", "choices", "photographs" or "plant"
        Which part of the script.
    data : mapping
        Numbers and names for the script, as JSON has them.
    table : Table
        Shown where no script runs.
    caption : str
    warning : str
        Words on the data, see `lib.figures.style.data_warning`.
    """
    numbers = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    stamp = f'<p class="explorer-stamp">{escape(warning)}</p>' if warning else ""
    return HTML(
        f'<figure class="explorer" data-explorer="{kind}">{stamp}<div class="explorer-table">{table.html()}</div>'
        f'<script type="application/json">{numbers}</script><figcaption>{escape(caption)}</figcaption></figure>'
    )


def rounded(values: np.ndarray | float, digits: int) -> Any:
    """Numbers as JSON has them: lists of lists, and None for what is not finite."""
    if isinstance(values, np.ndarray):
        return [rounded(value, digits) for value in values]
    return round(float(values), digits) if np.isfinite(values) else None


def voxel_explorer(study: EncodingStudy, selection: str = "test") -> HTML:
    """Every line of the papers' figures by itself: layer profile, stacking weights and noise ceiling of a voxel.

    Parameters
    ----------
    study : EncodingStudy
    selection : "test" or "out-of-fold"
        Which voxels of an ROI, as in `lib.figures.encoding.encoding_figure`.
    """
    best = {name: {roi: study.best(name, roi, selection) for roi in study.rois(ROIS)} for name in study.encoding}
    header = ("network", "ROI", "highest mean R", "largest mean weight", "mean R of the stack", "mean noise ceiling, R")
    rows = [(name, roi, *_summary(study, name, own)) for name, rois in best.items() for roi, own in rois.items()]
    networks = {
        name: {
            "layers": study.encoding[name].layers,
            "rois": {roi: _voxels(study, name, own[:_SHOWN]) for roi, own in rois.items()},
        }
        for name, rois in best.items()
    }
    caption = (
        f"The best voxels of the figure above, at most {_SHOWN} of an area, one at a time. Point at a line, or move "
        "the slider: the dark line is the chosen voxel, the dashed line its noise ceiling."
    )
    table = Table(header, rows, "Means over the voxels of each ROI")
    return explorer("voxels", {"networks": networks}, table, caption, style.data_warning(*data_of(study)))


def _voxels(study: EncodingStudy, network: str, best: np.ndarray) -> dict[str, list]:
    result = study.encoding[network]
    values = {"score": result.score[:, best].T, "weights": result.weights[:, best].T}
    values |= {"stack": result.stacked_score[best], "ceiling": _ceiling(study.participant, best)}
    return {name: rounded(array, R_DIGITS) for name, array in values.items()}


def _ceiling(participant: Brain, voxels: np.ndarray) -> np.ndarray:
    """The largest R that any model could reach; the participant's ceiling is a share of variance."""
    return signed_root(participant.noise_ceiling[voxels])


def _summary(study: EncodingStudy, network: str, best: np.ndarray) -> tuple[object, ...]:
    result = study.encoding[network]
    means = [getattr(result, what)[:, best].mean(1) for what in ("score", "weights")]
    peaks = [f"{result.layers[mean.argmax()]} ({mean.max():.2f})" for mean in means]
    return *peaks, result.stacked_score[best].mean(), np.nanmean(_ceiling(study.participant, best))
