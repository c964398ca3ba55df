"""Any lab's data: trials, pictures and masks, as arrays or files, made into a participant."""

import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from lib.core.disk import digest_of
from lib.core.scores import noise_ceiling
from lib.data.files import existing, open_picture, stamp_of
from lib.data.participant import Participant, Responses, Source, Stimuli
from lib.data.trials import average_repeats, ncsnr_of_repeats, standardise_runs

Picture = str | os.PathLike | np.ndarray


def participant_from_trials(
    betas: np.ndarray,
    shown: Sequence[Hashable],
    pictures: Mapping[Hashable, Picture],
    rois: Mapping[str, np.ndarray],
    source: Source,
    *,
    test: Iterable[Hashable],
    run: Sequence[Hashable] | None = None,
    name: str = "participant 1",
) -> Participant:
    """Make a participant of what any experiment with pictures has: an estimated response per trial and voxel.

    Repeats of a picture are averaged. The noise ceiling is estimated from the repeats of the test pictures; it is NaN
    where one of them was shown once only, since then nobody knows it.

    Parameters
    ----------
    betas : array of shape (n_trials, n_voxels)
        Responses, such as percent signal change.
    shown : n_trials names
        Which picture each trial showed, by its name in `pictures`.
    pictures : mapping of name to path, or to uint8 array of shape (height, width, 3)
        Files are opened when they are needed.
    rois : mapping of str to boolean array of shape (n_voxels,)
    source : Source
        What the data are, where from, and whether anybody was scanned.
    test : names
        Pictures that are held out; all others that were shown are for training.
    run : n_trials labels, optional
        Run or session of each trial. Given, each voxel is standardised within each.
    name : str

    Raises
    ------
    ValueError
        Lengths that do not match, a mask that is none, an unknown picture, too few for training or test.
    """
    betas, names = np.array(betas, np.float32), list(pictures)  # a copy, for it is standardised in place
    _check(betas, shown, names, rois, run)
    trial, held_out = _positions("shown", shown, names), np.unique(_positions("test", test, names))
    train = np.setdiff1d(trial, held_out)
    if len(train) < 2 or len(held_out) < 2:
        raise ValueError(f"Needed: at least 2 pictures to train on and 2 to test, found {len(train)}, {len(held_out)}.")
    if run is not None:
        standardise_runs(betas, np.asarray(run))
    kept = np.isin(trial, held_out)
    repeats = Responses(trial[kept], betas[kept], np.ones(kept.sum(), int))
    return Participant(
        name=name,
        train=average_repeats(betas, trial, train),
        test=average_repeats(betas, trial, held_out),
        rois={roi: np.asarray(mask) for roi, mask in rois.items()},
        noise_ceiling=_ceiling(repeats),
        stimuli=Stimuli(_key(pictures), partial(_open, list(pictures.values()))),
        source=source,
        test_trials=repeats,
    )


def _check(
    betas: np.ndarray,
    shown: Sequence[Hashable],
    names: Sequence[Hashable],
    rois: Mapping[str, np.ndarray],
    run: Sequence[Hashable] | None,
) -> None:
    """Refuse arrays that do not belong together."""
    if not names:
        raise ValueError("pictures: expected some, found none; does the pattern that lists the files match any?")
    if betas.ndim != 2:
        raise ValueError(f"betas: expected an array of shape (n_trials, n_voxels), found {betas.shape}.")
    for what, labels in {"shown": shown, "run": run}.items():
        if labels is not None and len(labels) != len(betas):
            raise ValueError(f"{what}: expected one for each of the {len(betas)} trials in betas, found {len(labels)}.")
    for roi, mask in rois.items():
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != betas.shape[1:]:
            found = f"{mask.dtype} of shape {mask.shape}"
            raise ValueError(f"ROI {roi}: expected a boolean mask of {betas.shape[1]} voxels, found {found}.")


def _positions(what: str, wanted: Iterable[Hashable], names: Sequence[Hashable]) -> np.ndarray:
    """Where each of the wanted names stands among all: a stimulus id is a picture's position."""
    positions, wanted = {name: i for i, name in enumerate(names)}, list(wanted)
    unknown = [name for name in wanted if name not in positions]
    if unknown:
        raise ValueError(f"{what}: {unknown[0]!r} is none of the {len(names)} pictures, such as {names[0]!r}.")
    return np.array([positions[name] for name in wanted], int)


def _ceiling(repeats: Responses) -> np.ndarray:
    """Noise ceiling of the averaged test responses, array of shape (n_voxels,)."""
    counts = np.unique(repeats.stimulus_ids, return_counts=True)[1]
    if counts.min() < 2:
        return np.full(repeats.responses.shape[1], np.nan)
    return noise_ceiling(ncsnr_of_repeats(repeats), 1 / np.mean(1 / counts))


def _key(pictures: Mapping[Hashable, Picture]) -> str:
    """Names the set of pictures."""
    return digest_of(*(_mark(picture) for picture in pictures.values()))


def _mark(picture: Picture) -> tuple[object, ...]:
    """What tells a picture from others: its pixels, or its file's path, size and time."""
    if isinstance(picture, np.ndarray):
        return picture.shape, picture
    path = existing(Path(picture), "a picture").absolute()
    return str(path), *stamp_of(path)


def _open(pictures: Sequence[Picture], position: int) -> np.ndarray:
    picture = pictures[position]
    return picture if isinstance(picture, np.ndarray) else open_picture(picture)
