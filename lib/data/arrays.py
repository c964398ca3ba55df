"""Any lab's data: trials, pictures and masks, as arrays or files, made into a participant."""

import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lib.core.disk import digest_of, stamp
from lib.core.pixels import from_array
from lib.core.validation import matrix
from lib.data.files import require_file
from lib.data.participant import Participant, Responses, Source, Stimuli
from lib.data.pictures import open_picture
from lib.data.trials import as_list, average_repeats, ceiling_of, ncsnr_of_repeats, standardise_runs

Picture = str | os.PathLike | np.ndarray


def participant_from_trials(
    betas: np.ndarray,
    shown: Iterable[Hashable],
    pictures: Mapping[Hashable, Picture],
    rois: Mapping[str, np.ndarray],
    source: Source,
    *,
    test: Iterable[Hashable],
    run: Iterable[Hashable] | None = None,
    name: str = "participant 1",
) -> Participant:
    """Make a participant of an experiment with pictures and one estimated response per trial and voxel.

    Repeats of a picture are averaged. The noise ceiling is estimated from the repeats of the test pictures; it is NaN
    where one of them was shown only once.

    Parameters
    ----------
    betas : array of shape (n_trials, n_voxels)
        Responses, such as percent signal change; a list of lists or a tensor will do. Single precision stays single.
    shown : n_trials names
        Which picture each trial showed, by its name in `pictures`.
    pictures : mapping of name to path, or to array of shape (height, width, 3)
        Files are opened when they are needed, by `lib.data.pictures.open_picture`; arrays as its `from_array` takes.
    rois : mapping of str to boolean array of shape (n_voxels,)
    source : Source
        What the data are, where they come from, and whether they were measured.
    test : names
        Pictures that are held out; all others that were shown are for training.
    run : n_trials labels, optional
        Run or session of each trial. Given, each voxel is standardised within each.
    name : str

    Raises
    ------
    ValueError
        Lengths that do not match, a mask that is none, an unknown picture, too few for training or test, a trial
        without a run, a run of a single trial.
    """
    if not isinstance(pictures, Mapping):
        raise ValueError(f"pictures: expected a file or an array for each name, found a {type(pictures).__name__}.")
    responses, names, shown = np.array(matrix("betas", betas, finite=False)), list(pictures), as_list(shown)
    masks = _checked_masks(rois, responses.shape[1])
    if not names:
        raise ValueError("pictures: expected some, found none; does the pattern that lists the files match any?")
    if len(shown) != len(responses):
        raise ValueError(f"shown: expected one for each of the {len(responses)} trials in betas, found {len(shown)}.")
    trial = _positions("shown", shown, names)
    held_out = np.unique(_positions("test", [test] if isinstance(test, str) else as_list(test), names))
    if len(absent := np.setdiff1d(held_out, trial)):
        raise ValueError(f"test: {names[absent[0]]!r} is shown in no trial: leave it out.")
    train = np.setdiff1d(trial, held_out)
    if len(train) < 2 or len(held_out) < 2:
        raise ValueError(f"Needed: at least 2 pictures to train on and 2 to test, found {len(train)}, {len(held_out)}.")
    stimuli = _stimuli(pictures)
    if run is not None:
        standardise_runs(responses, run)
    kept = np.isin(trial, held_out)
    repeats = Responses(trial[kept], responses[kept], np.ones(kept.sum(), int))
    return Participant(
        name=name,
        rois=masks,
        noise_ceiling=_ceiling(repeats),
        source=source,
        train=average_repeats(responses, trial, train),
        test=average_repeats(responses, trial, held_out),
        stimuli=stimuli,
        test_trials=repeats,
    )


def _checked_masks(rois: Mapping[str, Any], n_voxels: int) -> dict[str, np.ndarray]:
    if not isinstance(rois, Mapping) or not rois:
        found = "none" if rois is None or isinstance(rois, Mapping) else f"a {type(rois).__name__}"
        way_out = f"{{'all': np.ones({n_voxels}, bool)}} takes every voxel"
        raise ValueError(f"rois: expected a mask by its name, found {found}; {way_out}.")
    masks = {roi: np.asarray(mask) for roi, mask in rois.items()}
    for roi, mask in masks.items():
        if mask.dtype != bool or mask.shape != (n_voxels,):
            found = f"{mask.dtype} of shape {mask.shape}: {_way_out(mask, n_voxels)}"
            raise ValueError(f"ROI {roi}: expected a boolean mask of {n_voxels} voxels, found {found}.")
        if not mask.any():
            raise ValueError(f"ROI {roi}: expected at least one voxel, found none: leave it out.")
    return masks


def _way_out(mask: np.ndarray, n_voxels: int) -> str:
    """How what was given for a mask becomes one."""
    if mask.size == n_voxels and mask.ndim != 1:
        return "mask.ravel() gives it the shape"
    if mask.ndim > 1:
        return "take the voxels of betas out of the volume, as in volume[brain]"
    if mask.size == n_voxels and np.isin(mask, (0, 1)).all():
        return "mask == 1 makes booleans of 0 and 1"
    if mask.dtype.kind in "iu":
        return f"np.isin(np.arange({n_voxels}), indices) makes a mask of indices"
    return "masks and betas must have the same voxels"


def _positions(what: str, wanted: Sequence[Hashable], names: Sequence[Hashable]) -> np.ndarray:
    """Where each of the wanted names stands among all: a stimulus id is a picture's position."""
    positions = {name: i for i, name in enumerate(names)}
    unknown = [name for name in wanted if not isinstance(name, Hashable) or name not in positions]
    if unknown:
        raise ValueError(f"{what}: {unknown[0]!r} is none of the {len(names)} pictures, such as {names[0]!r}.")
    return np.array([positions[name] for name in wanted], int)


def _ceiling(repeats: Responses) -> np.ndarray:
    """Noise ceiling of the averaged test responses, array of shape (n_voxels,)."""
    counts = np.unique(repeats.stimulus_ids, return_counts=True)[1]
    if counts.min() < 2:
        return np.full(repeats.responses.shape[1], np.nan)
    return ceiling_of(ncsnr_of_repeats(repeats), counts)


def _stimuli(pictures: Mapping[Hashable, Picture]) -> Stimuli:
    """The pictures in their order; arrays are checked now, files when they are opened."""
    opened = [
        Path(picture) if isinstance(picture, str | os.PathLike) else from_array(picture, f"picture {name!r}")
        for name, picture in pictures.items()
    ]
    return Stimuli(digest_of(*map(_mark, opened)), partial(_open, opened))


def _mark(picture: Path | np.ndarray) -> tuple[object, ...]:
    """What tells a picture from others: its pixels, or its file's path, size and time."""
    if isinstance(picture, np.ndarray):
        return picture.shape, picture
    path = require_file(picture, "a picture").absolute()
    return str(path), *stamp(path)


def _open(pictures: Sequence[Path | np.ndarray], position: int) -> np.ndarray:
    picture = pictures[position]
    return picture if isinstance(picture, np.ndarray) else open_picture(picture)
