"""Data sets with trials in sessions: which images there are, and their responses, averaged one session at a time."""

import operator
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lib.core import progress
from lib.data.features import rows_of
from lib.data.files import require_file, require_folder
from lib.data.layouts import Files
from lib.data.participant import Responses
from lib.data.trials import standardise_runs, sum_repeats

ZSCORES = ("session", "run", "none")


@dataclass(frozen=True)
class Session:
    """Trials of one session, in the order of its betas.

    Attributes
    ----------
    number : int
    images : int array of shape (n_trials,)
        Stimulus ids.
    run : sequence of n_trials labels
    read : callable
        Maps a mask, boolean array of shape (X, Y, Z), to betas of its voxels, float32 array (n_trials, n_voxels).
    """

    number: int
    images: np.ndarray
    run: Sequence[Hashable]
    read: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Split:
    """Stimulus ids of training and test images, each ascending, and in words how they were divided."""

    train: np.ndarray
    test: np.ndarray
    text: str


@dataclass(frozen=True)
class Layout:
    """Rows and columns of averaged responses: rows are images, training images first; columns are voxels.

    Attributes
    ----------
    sessions : sequence of Session
    split : Split
        Images of it that were never shown are none of its; others may be left out.
    zscore : "session", "run" or "none"
        Within what each voxel is standardised, if at all.
    inside : boolean array of shape (X, Y, Z)
        The voxels.
    """

    sessions: Sequence[Session]
    split: Split
    zscore: str
    inside: np.ndarray

    @cached_property
    def images(self) -> np.ndarray:
        """Stimulus ids of all rows, int array of shape (n_images,)."""
        return np.r_[self.split.train, self.split.test]

    @cached_property
    def repeats(self) -> np.ndarray:
        """Trials of each image, int array of shape (n_images,)."""
        shown, counts = np.unique(np.concatenate([one.images for one in self.sessions]), return_counts=True)
        return counts[rows_of(self.images, shown, "trials")]

    @property
    def test_repeats(self) -> np.ndarray:
        """Trials of each test image."""
        return self.repeats[len(self.split.train) :]

    @property
    def shape(self) -> tuple[int, int]:
        """Images and voxels."""
        return len(self.images), int(self.inside.sum())

    def sums(self, blocks: Sequence[slice] = (slice(None),)) -> Iterator[tuple[np.ndarray, slice, np.ndarray]]:
        """Standardise the responses of one session after the other, and add up the repeats of each image in it.

        Parameters
        ----------
        blocks : sequence of slice
            Voxels to take at once.

        Yields
        ------
        rows : int array of shape (n_images_of_session,)
            Rows that the sums belong to.
        block : slice
        sums : float32 array of shape (n_images_of_session, n_voxels_of_block)
        """
        for session in progress(self.sessions, "reading sessions"):
            betas = session.read(self.inside)
            run = session.run if self.zscore == "run" else [session.number] * len(betas)
            for block in blocks:
                some = betas[:, block] if self.zscore == "none" else standardise_runs(betas[:, block], run)
                ids, sums, _ = sum_repeats(some, session.images)
                kept = np.isin(ids, self.images)
                yield rows_of(ids[kept], self.images, "responses"), block, sums[kept]

    def averages(self) -> np.ndarray:
        """Responses averaged over repeats, float32 array of shape (n_images, n_voxels)."""
        total = np.zeros(self.shape, np.float32)
        for rows, block, sums in self.sums():
            total[rows, block] += sums
        return np.divide(total, self.repeats[:, None], out=total, dtype=np.float32, casting="same_kind")

    def parts(self, responses: np.ndarray) -> tuple[Responses, Responses]:
        """Training and test part of responses of this shape."""
        n, split = len(self.split.train), self.split
        train = Responses(split.train, responses[:n], self.repeats[:n])
        return train, Responses(split.test, responses[n:], self.repeats[n:])

    def describe(self, last_session: int, lacking: Sequence[str]) -> str:
        """Say what was read; `lacking` names ROIs without voxels."""
        sessions = f"{len(self.sessions)} of {last_session} sessions"
        standardised = "not z-scored" if self.zscore == "none" else f"z-scored within {self.zscore}"
        without = f"; no voxels of {', '.join(lacking)} in this participant" if lacking else ""
        return f"{sessions}, {standardised}, split {self.split.text}{without}"


def chosen_sessions(files: Files, wanted: Iterable[int] | None, last: int, whose: str) -> tuple[int, ...]:
    """Check the sessions wanted, by default all that are there; returns their numbers in order.

    Parameters
    ----------
    files : Files
    wanted : iterable of int, optional
        From 1.
    last : int
        The largest number there is.
    whose : str
        For the message: "LAION-fMRI has released".
    """
    folder, there = files.path("betas"), (n for n in range(1, last + 1) if files.session(n).exists())
    try:
        numbers = tuple(sorted({operator.index(number) for number in (there if wanted is None else wanted)}))
    except TypeError as error:
        raise ValueError(f"sessions: expected whole numbers such as [1, 2], found {wanted!r}.") from error
    if outside := [number for number in numbers if not 1 <= number <= last]:
        raise ValueError(f"{whose} sessions 1 to {last}, not {outside[0]}.")
    require_folder(folder, "the sessions")
    if not numbers:
        example = files.session(1).relative_to(folder)
        raise FileNotFoundError(f"{folder}: expected betas of at least one session, such as {example}, found none.")
    for number in numbers:
        require_file(files.session(number), f"the betas of session {number}")
    return numbers
