"""Visual areas as boxes on a drawn sheet, coloured by preferred layer. Nothing anatomical is claimed."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.analysis.encoding_study import EncodingStudy
from lib.data.areas import EARLY, FACE, PLACE
from lib.figures.encoding import label_studies
from lib.figures.narrow import NARROW_WIDTH
from lib.figures.style import NORMAL, SMALL, NumberedFigure, subplots

# Left, bottom and height of each area: early ones from left to right, place areas above, face areas below.
_BOXES = {roi: (i, 0.0, 2.0) for i, roi in enumerate(EARLY)}
_BOXES |= {
    roi: (len(EARLY) + i, bottom, 1.0) for bottom, group in ((1.0, PLACE), (0.0, FACE)) for i, roi in enumerate(group)
}


def area_schematic(study: EncodingStudy, selection: str = "out-of-fold") -> Figure:
    """Each area's layer: the median over its best voxels of the layer that predicts best on test images.

    Parameters
    ----------
    study : EncodingStudy
        Areas that the papers do not name are left out.
    selection : "test" or "out-of-fold"
        Which voxels of an area, as in `lib.figures.encoding.encoding_figure`.
    """
    figure = _schematic(study, selection, 2, 8.5)
    figure.narrow = _schematic(study, selection, 1, NARROW_WIDTH)
    return figure


def _schematic(study: EncodingStudy, selection: str, n_columns: int, width: float) -> NumberedFigure:
    n_rows = -(-len(study.encoding) // n_columns)
    figure, axes = subplots(n_rows, n_columns, (width, 1.9 * n_rows + 0.4))
    for ax in axes.flat:
        ax.set(xlim=(-0.05, 7.05), ylim=(-0.05, 2.05), aspect="equal")
        ax.axis("off")
    for ax, (name, result) in zip(axes.flat, study.encoding.items(), strict=False):
        ax.set_title(name, fontsize=NORMAL)
        for roi in [roi for roi in study.rois() if roi in _BOXES]:
            preferred = result.score[:, study.best(name, roi, selection)].argmax(0)
            median = int(np.quantile(preferred, 0.5, method="lower"))
            depth, (x, y, height) = median / (len(result.layers) - 1), _BOXES[roi]
            ax.add_patch(Rectangle((x, y), 1, height, color=plt.get_cmap("Blues")(0.1 + 0.8 * depth), ec="white"))
            ink = "white" if depth > 0.6 else "black"
            words = f"{roi}\n{result.layers[median]}"
            ax.text(x + 0.5, y + height / 2, words, ha="center", va="center", fontsize=SMALL, color=ink)
    label_studies(figure, study)
    return figure
