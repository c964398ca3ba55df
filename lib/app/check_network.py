"""`python -m lib check NETWORK`: does a published network answer as it should, and how often is it right?

Scenes that this book draws are shown to it, and its output is compared with the recorded one. On pictures of the user's
own it is counted how often it names their class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.core import choose, progress
from lib.core.disk import read_json
from lib.data.files import require_file
from lib.data.pictures import open_picture
from lib.networks import ZOO, Network, extract, load_network
from lib.simulation.scenes import render_many

RECORDED = Path(__file__).with_name("recorded_outputs.json")
_SCENES = (7, range(3))  # world and numbers of the scenes
_TOLERANCE = 1e-3  # of the spread of the outputs: another processor rounds otherwise
_SHOWN = 7 / 8  # of the shorter side of a picture
_BATCH = 32  # pictures


@dataclass(frozen=True)
class OutputSummary:
    """What a network's output is on the scenes, in a few numbers each.

    Attributes
    ----------
    largest : int array of shape (n_scenes,)
        The output that is largest: for a network of classes, the class it names.
    numbers : array of shape (n_scenes, 3)
        Its value, and mean and standard deviation over outputs.
    """

    largest: np.ndarray
    numbers: np.ndarray


def summary(network: Network) -> OutputSummary:
    """Show the scenes to a network."""
    (*_, last), scenes = network.layers, render_many(_SCENES[0], _SCENES[1]).image
    output = extract(network, scenes, [last], preprocessing="as-trained")[last]
    return OutputSummary(output.argmax(1), np.column_stack([output.max(1), output.mean(1), output.std(1)]))


def check_answers(network: Network) -> str:
    """Compare a network's answers with the recorded ones; return what was found, in a sentence.

    Raises
    ------
    ValueError
        They differ, or none is recorded.
    """
    recorded = read_json(RECORDED)
    if network.name not in recorded:
        raise ValueError(f"{network.name}: no output is recorded; recorded are {', '.join(recorded)}.")
    found, expected = summary(network), OutputSummary(*map(np.array, recorded[network.name].values()))
    off = np.abs(found.numbers - expected.numbers).max(1) / expected.numbers[:, 2]
    if (found.largest != expected.largest).any() or off.max() > _TOLERANCE:
        raise ValueError(
            f"{network.name}: expected the largest outputs {expected.largest.tolist()}, found "
            f"{found.largest.tolist()}, and numbers that differ by {off.max():.2g} of their spread: get its file again."
        )
    return f"{network.name} answers to {len(off)} scenes as recorded (difference {off.max():.1g} of the spread)."


def labelled_pictures(place: Path, n_classes: int) -> list[tuple[Path, int]]:
    """Pictures and the numbers of their classes.

    Parameters
    ----------
    place : Path
        A folder with a folder for each class, sorted as the network's outputs are; or a text file, each line of which
        has a picture's path, from the file's folder, and the number of its class from 0.
    n_classes : int

    Raises
    ------
    ValueError, OSError
        Another number of folders, a line that is not as expected, a class that the network does not have; no picture.
    """
    if place.is_dir():
        folders = sorted(path for path in place.iterdir() if path.is_dir())
        if len(folders) != n_classes:
            raise ValueError(
                f"{place}: expected {n_classes} folders, one a class, found {len(folders)}; list pictures."
            )
        found = [(path, i) for i, folder in enumerate(folders) for path in sorted(folder.iterdir())]
    else:
        require_file(place, "a folder of class folders, or a list of pictures")
        lines = place.read_text(encoding="utf-8").splitlines()
        found = [_listed(place, number, line, n_classes) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise ValueError(f"{place}: expected pictures, found none.")
    return found


def _listed(place: Path, number: int, line: str, n_classes: int) -> tuple[Path, int]:
    path, _, label = line.strip().rpartition(" ")
    if not path or not label.isdecimal() or int(label) >= n_classes:
        raise ValueError(
            f"{place}, line {number}: expected a picture and a class from 0 to {n_classes - 1}, found {line!r}."
        )
    return place.parent / path.strip(), int(label)


def count_right(network: Network, pictures: Sequence[tuple[Path, int]]) -> dict[int, float]:
    """Share of pictures whose class is the network's first answer (1), or among its first five (5).

    Parameters
    ----------
    network : Network
    pictures : sequence of (path, number of the class)
    """
    (*_, last), ranks = network.layers, []
    for start in progress(range(0, len(pictures), _BATCH), f"{len(pictures)} pictures, {_BATCH} at a time"):
        batch = pictures[start : start + _BATCH]
        shown = [middle(open_picture(path)) for path, _ in batch]
        output = extract(network, shown, [last], preprocessing="as-trained")[last]
        own = output[range(len(batch)), [label for _, label in batch]]
        ranks += (output > own[:, None]).sum(1).tolist()
    return {n: float(np.mean(np.array(ranks) < n)) for n in (1, 5)}


def middle(picture: np.ndarray) -> np.ndarray:
    """The middle square of a picture, 7/8 of its shorter side, as networks of ImageNet are tested."""
    height, width = picture.shape[:2]
    side = max(1, round(_SHOWN * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def check_published(name: str, pictures: Path | None, others: Sequence[str]) -> int:
    """Carry out `python -m lib check NETWORK`; return 0.

    Parameters
    ----------
    name : str
        A network of the zoo.
    pictures : Path, optional
        As `labelled_pictures` takes them.
    others : sequence of str
        What else could have been named, for the message.
    """
    choose("data set or network", name, [*others, *ZOO])
    network = load_network(name, "published")
    print(check_answers(network))
    if pictures is not None:
        labelled = labelled_pictures(pictures, ZOO[name].n_classes)
        right = count_right(network, labelled)
        print(f"{len(labelled)} pictures: top 1 {right[1]:.1%}, top 5 {right[5]:.1%}.")
    return 0
