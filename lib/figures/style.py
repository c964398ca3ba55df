"""What all figures share: colours, axes, error bars, legends, and the words that say whose data a figure shows."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgb, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from lib.core.scores import Interval
from lib.core.tables import plain
from lib.data import Source
from lib.figures.narrow import narrowed
from lib.figures.numbers import figure_csv

# Okabe & Ito's colours, told apart by colour-blind readers too; yellow is left out, too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vP*"
SMALL, NORMAL = 8, 9  # points
NARROW = "application/vnd.companion.narrow+png"  # the kind of output that a phone is shown instead
plt.rcParams["text.parse_math"] = False  # a dollar sign in the name of an area or a network is one
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PAPER_N_BEST = 200  # voxels per ROI in the figures of paper W


def data_warning(simulated: bool, weights: str = "", n_best: int = PAPER_N_BEST) -> str:
    """Words that a figure must show about its data; none for a full analysis of measured data.

    Parameters
    ----------
    simulated : bool
        Whether the participants are.
    weights : str
        Of the networks, as for `lib.networks.load_network`.
    n_best : int
        Voxels per ROI that the analysis looks at.
    """
    if simulated:
        return "SIMULATED DATA: nobody was scanned"
    small = {"miniature networks": weights == "miniature", f"{n_best} best voxels per ROI": n_best < PAPER_N_BEST}
    reasons = [reason for reason, found in small.items() if found]
    return f"TOY ANALYSIS: {', '.join(reasons)}" if reasons else ""


def label_data(
    figure: Figure, simulated: bool, weights: str = "", n_best: int = PAPER_N_BEST, *, note: str = ""
) -> Figure:
    """Write the warning about its data above the panels of a figure, and return the figure.

    Parameters
    ----------
    figure : Figure
    simulated, weights, n_best
        As for `data_warning`.
    note : str
        What else must be known about the data.
    """
    if words := "; ".join(filter(None, (data_warning(simulated, weights, n_best), note))):
        figure.suptitle(words, color=COLOURS[1], fontsize=NORMAL, weight="bold")
    return figure


def notice(source: Source) -> Markdown:
    """A box that says whether anybody was scanned, where the data come from and how they may be used."""
    kind, title = ("warning", "Simulated data") if source.simulated else ("note", "Measured data")
    body = f"{plain(source.description)}.\n\n- Origin: {plain(source.origin)}.\n- Licence: {plain(source.licence)}."
    text = f"```{{admonition}} {title}\n:class: {kind}\n\n{body}\n```"
    return Markdown(text, metadata={"simulated": source.simulated})  # which chooses among the page's cells, see execute


class NumberedFigure(Figure):
    """A figure that a notebook keeps with its numbers, and with another drawing for narrow screens.

    The other drawing is `narrow`, or else the figure's own panels below each other.
    """

    narrow: "NumberedFigure | None" = None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        numbers, narrow = figure_csv(self), self.narrow or narrowed(self)
        return ({"text/csv": numbers} if numbers else {}) | ({NARROW: _png(narrow)} if narrow else {})


def _png(figure: Figure) -> str:
    """A picture as a notebook keeps it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    return base64.b64encode(file.getvalue()).decode()


def subplots(
    n_rows: int, n_columns: int, size: tuple[float, float], **options: Any
) -> tuple[NumberedFigure, np.ndarray]:
    """A white figure and its axes, array of shape (n_rows, n_columns); a notebook shows it once.

    It is closed for pyplot, so only the cell that returns it shows it.

    Parameters
    ----------
    n_rows, n_columns : int
    size : (width, height) in inches
    **options
        Of `matplotlib.pyplot.subplots`.
    """
    usual: dict[str, Any] = {"dpi": 150, "layout": "constrained", "facecolor": "white", "FigureClass": NumberedFigure}
    figure, axes = plt.subplots(n_rows, n_columns, squeeze=False, figsize=size, **(usual | options))
    plt.close(figure)
    return cast("NumberedFigure", figure), axes


def restyled(
    figure: Figure,
    *,
    title: str = "",
    size: tuple[float, float] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Give a figure another look and the same numbers; return it.

    Parameters
    ----------
    figure : Figure
    title : str
        Written below the warning about the data, which stays.
    size : (width, height) in inches, optional
    colours : mapping of a colour in the figure, such as one of `COLOURS`, to another, optional

    Raises
    ------
    ValueError
        What should be a colour is none.
    """
    if size:
        figure.set_size_inches(size)
    if title:
        figure.suptitle("\n".join(filter(None, (figure.get_suptitle(), title))))
    new = {to_hex(old): to_rgb(colour) for old, colour in (colours or {}).items()}
    for artist in figure.findobj(include_self=False):
        for kind in ("color", "facecolor", "edgecolor"):
            _recolour(artist, kind, new)
    return figure


def _recolour(artist: Artist, kind: str, new: Mapping[str, tuple[float, float, float]]) -> None:
    """Replace an artist's colours of one kind, and keep how far one sees through them."""
    if not (hasattr(artist, f"get_{kind}") and hasattr(artist, f"set_{kind}")):
        return
    old = to_rgba_array(getattr(artist, f"get_{kind}")())  # (n_colours, 4)
    changed = np.array([[*new.get(to_hex(one), one[:3]), one[3]] for one in old]).reshape(old.shape)
    if (changed != old).any():
        getattr(artist, f"set_{kind}")(changed if isinstance(artist, Collection) else changed[0])


def ink_on(ground: Iterable[float]) -> str:
    """Black or white, whichever can be read better on a colour (red, green, blue, from 0 to 1): WCAG 2's contrast."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in islice(ground, 3))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "white" if (luminance + 0.05) ** 2 < 0.05 * 1.05 else "black"


def errorbar(ax: Axes, x: np.ndarray, found: Sequence[Interval], i: int, **style: Any) -> None:
    """Draw estimates and their intervals with the i-th colour and marker.

    Resampling can only add to a size (a share that moves, say), so a whole interval may lie above its estimate.

    Parameters
    ----------
    ax : Axes
    x : array of shape (n,)
    found : n intervals
    i : int
    **style
        Of `Axes.errorbar`, instead of the usual one.
    """
    y, low, high = np.array([(one.estimate, one.low, one.high) for one in found]).T
    usual: dict[str, Any] = {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "ms": 4,
        "capsize": 2,
    }
    ax.errorbar(x, y, np.maximum(0, (y - low, high - y)), **(usual | style))


def label_axes(ax: Axes, title: str, x: str = "", y: str = "") -> None:
    """Write small labels, and leave the frame on two sides only.

    Parameters
    ----------
    ax : Axes
    title, x, y : str
        Above the panel and along its axes.
    """
    ax.set_title(title, fontsize=NORMAL)
    ax.set_xlabel(x, fontsize=SMALL)
    ax.set_ylabel(y, fontsize=SMALL)
    ax.tick_params(labelsize=SMALL)
    ax.spines[["top", "right"]].set_visible(False)


def label_layers(ax: Axes, layers: Sequence[str], rotation: float = 60, **style: Any) -> None:
    """Name the layers at 0, 1, ... along the horizontal axis.

    Parameters
    ----------
    ax : Axes
    layers : names
    rotation : float
        Degrees.
    **style
        Of `Axes.set_xticks`.
    """
    ax.set_xticks(range(len(layers)), layers, rotation=rotation, fontsize=SMALL, **style)


def label_powers(*axes: Axis) -> None:
    """Write powers of ten along logarithmic axes as text, since no text of a figure is read as TeX."""
    for axis in axes:
        axis.set_major_formatter(FuncFormatter(_power_of_ten))
        axis.set_minor_formatter(NullFormatter())


def _power_of_ten(value: float, _: object = None) -> str:
    """A number, as a power of ten where that is shorter."""
    if value == 0 or 0.01 <= abs(value) <= 1000:
        return f"{value:g}"
    return f"{'-' if value < 0 else ''}10{str(round(np.log10(abs(value)))).translate(_SUPERSCRIPT)}"


def small_legend(ax: Axes, **style: Any) -> None:
    """A legend in small letters, without a frame; `style` is that of `Axes.legend`."""
    ax.legend(**({"fontsize": SMALL, "frameon": False} | style))


def legend_below(figure: Figure, *axes: Axes, **style: Any) -> None:
    """One legend below all panels; equal labels are shown once.

    Parameters
    ----------
    figure : Figure
    *axes : Axes
        Whose lines it explains.
    **style
        Of `Figure.legend`.
    """
    lines = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    usual: dict[str, Any] = {"loc": "outside lower center", "fontsize": SMALL, "frameon": False}
    figure.legend(lines.values(), lines.keys(), **(usual | style))


def montage(images: np.ndarray, n_columns: int) -> np.ndarray:
    """Images (n, h, w, 3) side by side in rows of `n_columns`, white where there are none left."""
    n, height, width, _ = images.shape
    n_rows = -(-n // n_columns)
    full = np.full((n_rows * n_columns, height, width, 3), 255, np.uint8)
    full[:n] = images
    grid = full.reshape(n_rows, n_columns, height, width, 3).swapaxes(1, 2)
    return grid.reshape(n_rows * height, n_columns * width, 3)
