"""Responses of a face and a word area to the 92 photographs: experiment 2 of Kay & Yeatman (2017), measured and free.

Whether the responses are one person's or a mean over people is not stated. The labels of the photographs, NIKO01 to
NIKO92, were written in the order of their numbers beside pictures and responses that lie in the order of the numbers as
text (1, 10, 11, .., 19, 2, 20, ..). Whoever matches by label gets 3 of 92 silhouettes right; by text order, 87 match
best, and the others are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from lib.core import choose
from lib.core.pixels import from_array
from lib.data.files import read_file, require_equal
from lib.data.layouts import source_of
from lib.data.participant import Source

N_PHOTOGRAPHS = 92
PREFIX = "NIKO"  # of the photographs' labels
CROP = slice(255, 495)  # rows and columns of the frame in which the photographs lie
SHAPES = {
    "stimuli": (115, 1, 750, 750), "stimlabels": (115, 1), "roilabels": (2, 1),
    "subjectbeta": (115, 2, 1), "subjectbetase": (115, 2, 1), "subjectbetaboot": (100, 115, 2, 1),
}  # fmt: skip

ARRAYS = {"betas": "subjectbeta", "standard_errors": "subjectbetase", "bootstraps": "subjectbetaboot"}


@dataclass(frozen=True)
class Kay2017:
    """Photographs, and the responses of areas to them; photograph i is image i of `lib.data.images92`.

    Attributes
    ----------
    images : uint8 array of shape (92, 240, 240, 3)
        Grey, on a grey ground.
    betas, standard_errors : mapping of "FFA" and "VWFA" to float arrays of shape (92,)
        Percent signal change.
    bootstraps : mapping of "FFA" and "VWFA" to float arrays of shape (100, 92)
        Betas of resampled runs.
    source : Source
    """

    images: np.ndarray
    betas: Mapping[str, np.ndarray]
    standard_errors: Mapping[str, np.ndarray]
    bootstraps: Mapping[str, np.ndarray]
    source: Source

    def ceiling(self, area: str, chosen: np.ndarray | slice = slice(None)) -> float:
        """Largest correlation with an area's betas that any model can expect, given their standard errors.

        The betas' variance less the mean squared standard error is the signal's; its share of the whole is r squared.

        Parameters
        ----------
        area : "FFA" or "VWFA"
        chosen : boolean array of shape (92,), optional
            Photographs that are compared; all by default.
        """
        betas, errors = (part[choose("area", area, part)][chosen] for part in (self.betas, self.standard_errors))
        return float(np.sqrt(max(0.0, 1 - np.mean(errors**2) / betas.var(ddof=1))))


def read_kay2017(path: Path) -> Kay2017:
    """Read experiment2.mat (MATLAB 7.3, so HDF5).

    Raises
    ------
    ValueError, OSError
        In one sentence: the file, what was expected and what was found.
    """
    return read_file(path, f"MATLAB 7.3 arrays {', '.join(SHAPES)}", _read_experiment)


def _read_experiment(path: Path) -> Kay2017:
    with h5py.File(path) as file:
        for name, shape in SHAPES.items():
            require_equal(path, f"the shape of {name}", shape, file[name].shape)
        areas, rows = _texts(file, "roilabels"), _rows(path, _texts(file, "stimlabels"))
        require_equal(path, "roilabels", ["FFA", "VWFA"], sorted(areas))
        frames = file["stimuli"][:, 0, CROP, CROP][rows].swapaxes(1, 2)  # MATLAB's columns are h5py's rows
        measures = {name: _of_areas(path, file, key, areas, rows) for name, key in ARRAYS.items()}
    images = np.stack([from_array(frame, str(path)) for frame in frames])
    return Kay2017(images, **measures, source=source_of("kay2017"))


def _of_areas(path: Path, file: h5py.File, name: str, areas: list[str], rows: list[int]) -> dict[str, np.ndarray]:
    values = np.take(file[name][..., 0], rows, axis=-2).astype(np.float64)
    require_equal(path, f"the number of values in {name} that are not finite", 0, int((~np.isfinite(values)).sum()))
    return {area: values[..., areas.index(area)] for area in sorted(areas)}


def _texts(file: h5py.File, name: str) -> list[str]:
    """A MATLAB cell array of texts: references to arrays of characters' numbers."""
    return ["".join(map(chr, file[cell][()].ravel())) for cell in file[name][()].ravel()]


def _rows(path: Path, labels: list[str]) -> list[int]:
    """The row of each photograph in the order of their numbers."""
    rows = [row for row, label in enumerate(labels) if label.startswith(PREFIX)]
    numbers = [labels[row].removeprefix(PREFIX) for row in rows]
    if any(number.startswith("0") for number in numbers):  # as published, see above
        numbers = sorted(number.lstrip("0") for number in numbers)
    wanted = [str(number) for number in range(1, N_PHOTOGRAPHS + 1)]
    require_equal(path, "the number of photographs", N_PHOTOGRAPHS, len(numbers))
    require_equal(
        path, f"missing numbers of {PREFIX}1 to {PREFIX}{N_PHOTOGRAPHS}", [], sorted({*wanted} - {*numbers})[:3]
    )
    return [rows[numbers.index(number)] for number in wanted]
