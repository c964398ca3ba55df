"""Choosing the voxels that a figure shows, and what the choice does to the numbers it shows.

The best of many noisy scores are the lucky ones. Shown by the very scores they were chosen by, they look better than
they are (Kriegeskorte, Simmons, Bellgowan & Baker 2009); shown by other scores of the same voxels, they do not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lib.analysis.encoding import encode_parts
from lib.analysis.encoding_study import EncodingStudy
from lib.data import Participant, Responses
from lib.networks import load_network

SHARES = np.linspace(0.02, 1, 50)


@dataclass(frozen=True)
class Choice:
    """How voxels are chosen, and by which images' score they are shown.

    Attributes
    ----------
    selection : "out-of-fold" or "test"
        As in `EncodingStudy.best`.
    fresh : bool
        Whether they are shown by their score on images that had no part in the choice.
    """

    selection: str
    fresh: bool


CHOICES = {
    "by test score, as published": Choice("test", fresh=False),
    "out of fold": Choice("out-of-fold", fresh=False),
    "by test score, on fresh images": Choice("test", fresh=True),
}


@dataclass(frozen=True)
class Retest:
    """The same fits, scored twice.

    Attributes
    ----------
    test, fresh : EncodingStudy
        Scored on the test images, and on others that were set aside. All else is the same in both.
    """

    test: EncodingStudy
    fresh: EncodingStudy

    def shown(self, choice: Choice) -> EncodingStudy:
        """The study whose scores a choice shows."""
        return self.fresh if choice.fresh else self.test


def set_aside(participant: Participant, n_images: int, seed: int = 0) -> tuple[Participant, Responses]:
    """Take images out of the training set.

    Parameters
    ----------
    participant : Participant
    n_images : int
        How many, drawn at random.
    seed : int

    Returns
    -------
    Participant, Responses
        The participant with the other training images, in their order; and the images set aside.

    Raises
    ------
    ValueError
        None, or too many to leave two for training.
    """
    n = len(participant.train)
    if not 0 < n_images <= n - 2:
        raise ValueError(f"Between 1 and {n - 2} of the {n} training images can be set aside, not {n_images}.")
    aside = np.isin(np.arange(n), np.random.default_rng(seed).permutation(n)[:n_images])
    return replace(participant, train=_part(participant.train, ~aside)), _part(participant.train, aside)


def _part(responses: Responses, rows: np.ndarray | slice) -> Responses:
    return Responses(responses.stimulus_ids[rows], responses.responses[rows], responses.n_repeats[rows])


def thinned(participant: Participant, share: float) -> Participant:
    """The same participant with the first `share` of the test images only."""
    return replace(participant, test=_part(participant.test, slice(round(share * len(participant.test)))))


def retest(
    participants: Mapping[str, Participant],
    networks: Iterable[str],
    n_fresh: int,
    weights: str = "miniature",
    n_best: int = 200,
) -> dict[str, Retest]:
    """Encode participants who saw the same images, and score the fits on test and on fresh images.

    Parameters
    ----------
    participants : mapping of name to Participant
    networks : names
    n_fresh : int
        Training images to set aside.
    weights : str
    n_best : int
        As in `EncodingStudy`.
    """
    names, people = list(networks), {name: set_aside(one, n_fresh) for name, one in participants.items()}
    both = [replace(one, test=_joined(one.test, fresh)) for one, fresh in people.values()]
    n_test = len(next(iter(participants.values())).test)
    parts = [slice(0, n_test), slice(n_test, None)]
    found = {name: encode_parts(both, load_network(name, weights), parts) for name in names}

    def study(i: int, part: int, person: Participant) -> EncodingStudy:
        """Of the i-th participant, scored on one part of the images."""
        return EncodingStudy(person, {name: of_all[i][part] for name, of_all in found.items()}, n_best, weights)

    return {
        name: Retest(study(i, 0, person), study(i, 1, replace(person, test=fresh)))
        for i, (name, (person, fresh)) in enumerate(people.items())
    }


def _joined(one: Responses, other: Responses) -> Responses:
    ids, responses, n_repeats = (
        np.concatenate([getattr(part, name) for part in (one, other)])
        for name in ("stimulus_ids", "responses", "n_repeats")
    )
    return Responses(ids, responses, n_repeats)


def mean_of_best(study: Retest, choice: Choice, network: str, roi: str) -> np.ndarray:
    """Mean R of the stack over the best voxels of an ROI, for every share of the ROI that may be called best.

    Parameters
    ----------
    study : Retest
    choice : Choice
    network, roi : str

    Returns
    -------
    array of shape (n_shares,)
        One mean for each of `SHARES`; the last is the mean over all voxels, whatever the choice.
    """
    best = replace(study.test, n_best=study.test.participant.n_voxels).best(network, roi, choice.selection)
    scores = study.shown(choice).encoding[network].stacked_score[best]
    means: np.ndarray = np.cumsum(scores) / np.arange(1, len(scores) + 1)
    return np.asarray(means[np.ceil(SHARES * len(scores)).astype(int) - 1])


def stack_of_best(study: Retest, choice: Choice, network: str, roi: str) -> float:
    """Mean R of the stack over the best voxels of an ROI.

    Parameters
    ----------
    study : Retest
    choice : Choice
    network, roi : str
    """
    best = study.test.best(network, roi, choice.selection)
    return float(study.shown(choice).encoding[network].stacked_score[best].mean())


def profile(study: Retest, choice: Choice, network: str, roi: str) -> np.ndarray:
    """Mean R of every layer over the best voxels of an ROI, array of shape (n_layers,).

    Parameters
    ----------
    study : Retest
    choice : Choice
    network, roi : str
    """
    best = study.test.best(network, roi, choice.selection)
    return np.asarray(study.shown(choice).encoding[network].score[:, best].mean(1))


def circular(study: EncodingStudy) -> EncodingStudy:
    """The same study, its voxels chosen by the test score wherever it would be the out-of-fold score."""
    results = {name: replace(r, stacked_cv_score=r.stacked_score) for name, r in study.encoding.items()}
    return replace(study, encoding=results)
