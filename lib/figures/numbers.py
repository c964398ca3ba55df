"""The numbers of a figure as CSV, read from what was drawn: a figure function need not hand them over."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, repeat
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FuncFormatter

CSV_COLUMNS = ("panel", "series", "x", "y", "low", "high", "value")
_MANY = 24  # lines without a name in one panel: more of them are told by their quartiles
_PICTURE = 4_000  # cells: a larger image is looked at, not read
_UNNAMED = re.compile(r"^_(?:child|container|nolegend).*|^None$")  # names that matplotlib gives
_SIDEWAYS = {"left": "low", "right": "high"}  # ends of an interval along x

_Row = dict[str, Any]


def figure_csv(figure: Figure) -> str:
    """A row for each point, bar or cell of a figure; empty if it shows nothing but pictures.

    Columns are those of `CSV_COLUMNS` that the figure needs. `x` and `y` are numbers or names at the axis, `low` and
    `high` the ends of an interval or band, `value` the shade of a cell. Of more than 24 lines without a name, one for
    each voxel, say, a panel tells the median (`y`) and the quartiles (`low`, `high`). Numbers have four digits.
    """
    rows = [row for ax in figure.axes if not hasattr(ax, "_colorbar") for row in _panel_rows(ax)]
    used = [name for name in CSV_COLUMNS if any(name in row for row in rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, used, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _digits(value) for name, value in row.items()} for row in rows)
    return text.getvalue() if rows else ""


def _digits(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _panel_rows(ax: Axes) -> Iterator[_Row]:
    inside = {part for container in ax.containers for part in container.get_children()}
    rows = [
        *(row for one in ax.containers for row in _container_rows(one)),
        *_line_rows(line for line in ax.lines if line not in inside and line.get_transform() is ax.transData),
        *(row for one in ax.collections if one not in inside for row in _collection_rows(one)),
        *(row for one in ax.images for row in _cell_rows(one)),
    ]
    x, y, panel = _namer(ax.xaxis), _namer(ax.yaxis), _panel(ax)
    named = {"x": x, "y": y, "low": y, "high": y, "left": x, "right": x}
    for row in rows:
        told = {_SIDEWAYS.get(key, key): named[key](value) if key in named else value for key, value in row.items()}
        yield {"panel": panel, **told}


def _panel(ax: Axes) -> str:
    """A panel's title and vertical label, or those of the panels above and to the left of it."""
    here: Any = ax.get_subplotspec()
    others: list[tuple[Axes, Any]] = [(one, one.get_subplotspec()) for one in ax.figure.axes if one.get_subplotspec()]
    above = [one.get_title() for one, place in others if here and place.colspan == here.colspan]
    left = [one.get_ylabel() for one, place in others if here and place.rowspan == here.rowspan]
    words = [next(filter(None, (own, *outer)), "") for own, outer in ((ax.get_title(), above), (ax.get_ylabel(), left))]
    return " | ".join(" ".join(text.split()) for text in words if text)


def _namer(axis: Axis) -> Callable[[float], float | str]:
    """What to write for a place along an axis: the name of the nearest tick, if names stand there, else the number."""
    formatter, ticks = axis.get_major_formatter(), np.asarray(axis.get_majorticklocs(), dtype=float)
    written = isinstance(formatter, FixedFormatter | FuncFormatter | StrCategoryFormatter)  # not made of the numbers
    names = [" ".join(name.split()) for name in formatter.format_ticks(ticks.tolist())] if written else []
    if axis.get_scale() == "log" or not any(character.isalpha() for name in names for character in name):
        return lambda place: place
    return lambda place: names[int(np.abs(ticks - place).argmin())]


def _label(artist: Any) -> str:
    """An artist's name; an underscore before it keeps it out of the legend."""
    return _UNNAMED.sub("", str(artist.get_label())).removeprefix("_")


def _container_rows(container: Any) -> Iterator[_Row]:
    if isinstance(container, BarContainer):
        flat = container.orientation == "horizontal"
        for bar in container:
            (x, y), width, height = bar.get_xy(), bar.get_width(), bar.get_height()
            place = {"x": width, "y": y + height / 2} if flat else {"x": x + width / 2, "y": height}
            yield {"series": _label(container), **place}
    elif isinstance(container, ErrorbarContainer) and container.lines[0] is not None:
        line, _, bars = container.lines
        segments = bars[0].get_segments() if bars else []
        along, names = (0, ("left", "right")) if container.has_xerr else (1, ("low", "high"))
        for (x, y), segment in zip(np.asarray(line.get_xydata()), segments or repeat([]), strict=False):
            ends = sorted(np.asarray(segment, dtype=float).reshape(-1, 2)[:, along])  # none where a point is missing
            yield {"series": _label(container), "x": x, "y": y, **dict(zip(names, ends, strict=False))}


def _line_rows(lines: Iterable[Line2D]) -> Iterator[_Row]:
    def alike(line: Line2D) -> tuple[str, tuple[float, ...]]:
        """What lines share that are summed up together: label and places."""
        return _label(line), tuple(np.asarray(line.get_xdata(orig=False), dtype=float))

    for (label, x), same in groupby(lines, alike):
        y = np.array([line.get_ydata(orig=False) for line in same], dtype=float)  # (n_lines, n_points)
        if not label and len(y) > _MANY:
            low, middle, high = np.nanquantile(y, (0.25, 0.5, 0.75), axis=0)
            label = f"median and quartiles of {len(y)} lines"
            yield from (
                {"series": label, "x": x[i], "y": middle[i], "low": low[i], "high": high[i]} for i in range(len(x))
            )
        else:
            yield from ({"series": label, "x": a, "y": b} for one in y for a, b in zip(x, one, strict=True))


def _collection_rows(collection: Any) -> Iterator[_Row]:
    """Points, or the cells of a density with how many they hold; or a band."""
    offsets, values = np.asarray(collection.get_offsets()), collection.get_array()
    if isinstance(collection, PolyCollection) and values is None:
        corners = np.vstack([path.vertices for path in collection.get_paths()])
        for x in np.unique(corners[:, 0]):
            y = corners[corners[:, 0] == x, 1]
            yield {"series": _label(collection) or "band", "x": x, "low": y.min(), "high": y.max()}
    elif isinstance(collection, PathCollection | PolyCollection):
        for i, (x, y) in enumerate(offsets):
            yield {
                "series": _label(collection),
                "x": x,
                "y": y,
                **({} if values is None else {"value": float(values[i])}),
            }


def _cell_rows(image: AxesImage) -> Iterator[_Row]:
    cells = image.get_array()
    if cells is None or cells.ndim != 2 or cells.size > _PICTURE:
        return
    left, right, bottom, top = image.get_extent()
    first, last = (top, bottom) if image.origin == "upper" else (bottom, top)
    for (row, column), value in np.ndenumerate(np.ma.filled(cells.astype(float), np.nan)):
        x = left + (column + 0.5) * (right - left) / cells.shape[1]
        yield {"x": x, "y": first + (row + 0.5) * (last - first) / cells.shape[0], "value": value}
