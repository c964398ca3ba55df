"""`python -m lib check`: what of a measured data set is there, what is missing, what for, and where to get it.

With the name of a network: whether it answers as it should (`lib.app.check_network`).
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from lib.app.parameters import user_path
from lib.core import choose
from lib.core.tables import Table
from lib.data import Participant, god, laion, nsd
from lib.data.embeddings import EMBEDDINGS
from lib.data.files import require_equal, require_file
from lib.data.volumes import read_volume

NSD_SITE = "naturalscenesdataset.org, after its data use agreement"
GOD_SITE = "python -m lib fetch god, or figshare article 7387130"
LAION_SITE = "https://laion-fmri.s3.amazonaws.com, without a form"
USABLE = ("ok", "not here")  # status of what does not keep the figures from running
Look = Callable[[], str]  # returns what is there, or raises an error that names what is wrong


@dataclass(frozen=True)
class _Item:
    """One line of the table.

    Attributes
    ----------
    name : str
    needed_for : str
    source : str
        Where to get it.
    look : callable
    required : bool
        Whether the figures need it.
    """

    name: str
    needed_for: str
    source: str
    look: Look
    required: bool = True


@dataclass(frozen=True)
class Finding:
    """What was found of an item: "ok", "MISSING", "not here" (and not required) or "WRONG"."""

    item: _Item
    status: str
    text: str

    @property
    def good(self) -> bool:
        """Whether it is there and as expected."""
        return self.status == "ok"


def check(dataset: str, root: str | Path, subject: int) -> list[Finding]:
    """Look at every file a participant needs; betas are opened, not read.

    Parameters
    ----------
    dataset : "nsd", "god" or "laion"
    root : path
    subject : int

    Raises
    ------
    ValueError, OSError
        No such data set, participant or folder.
    """
    return [_look(item) for item in _ITEMS[choose("dataset", dataset, _ITEMS)](root, subject)]


def _look(item: _Item) -> Finding:
    try:
        return Finding(item, "ok", item.look())
    except FileNotFoundError as error:
        return Finding(item, "MISSING" if item.required else "not here", str(error))
    except (ValueError, OSError) as error:
        return Finding(item, "WRONG", str(error))


def _nsd_items(root: str | Path, subject: int) -> Iterator[_Item]:
    files = nsd.nsd_files(subject, root)
    yield _Item("betas", "responses of every figure", NSD_SITE, lambda: _sessions(files))
    yield _Item("design", "which image was shown when", NSD_SITE, lambda: _design(files))
    yield _Item("images' table", "checks the design", NSD_SITE, lambda: _table(files), required=False)
    yield _Item("images", "what the networks look at", NSD_SITE, lambda: _stimuli(files))
    yield _Item("ncsnr", "noise ceilings", NSD_SITE, lambda: _median(files.path("ncsnr"), files.volume))
    for name in nsd.ROI_LABELS:
        rois = [roi for roi, (file, _) in nsd.ROI_PARTS.items() if file == name]
        yield _Item(name, f"ROIs {', '.join(rois)}", NSD_SITE, partial(_nsd_voxels, files, rois))


def _sessions(files: nsd.NsdFiles) -> str:
    numbers = nsd.nsd_sessions(files)
    for number in numbers:
        nsd.check_session(files, number)
    return _of_all(numbers, nsd.SESSIONS[files.subject])


def _of_all(numbers: tuple[int, ...], last: int) -> str:
    """How many sessions of all, and which are not there."""
    absent = sorted({*range(1, last + 1)} - {*numbers})
    return f"{len(numbers)} of {last} sessions" + (f", without {_ranges(absent)}" if absent else "")


def _ranges(numbers: list[int]) -> str:
    """Whole numbers as "1-3, 7"."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _design(files: nsd.NsdFiles) -> str:
    return f"{len(np.unique(nsd.read_design(files).image))} images in {nsd.N_TRIALS} trials"


def _table(files: nsd.NsdFiles) -> str:
    require_file(files.path("table"), "what is known of each image")
    nsd.read_design(files)
    return "agrees with the design"


def _stimuli(files: nsd.NsdFiles) -> str:
    nsd.read_stimuli(files)
    return f"{nsd.N_STIMULI} images" + (", SIMULATED" if nsd.planted_in(files.path("stimuli")) else "")


def _voxels(masks: dict[str, np.ndarray]) -> str:
    counts = {roi: int(mask.sum()) for roi, mask in masks.items()}
    return ", ".join(f"{roi} {count or 'none in this participant'}" for roi, count in counts.items())


def _nsd_voxels(files: nsd.NsdFiles, rois: list[str]) -> str:
    return _voxels(nsd.read_rois(files, rois))


def _god_items(root: str | Path, subject: int) -> Iterator[_Item]:
    files = god.god_files(subject, root)
    on_request = "the authors of Horikawa & Kamitani 2017, on request"
    features = files.path("features")
    published = features.exists()
    shown_to = "ResNet-50" if published else "AlexNet and ResNet-50"
    participant = cache(lambda: god.load_god(subject=subject, data_root=root))
    yield _Item(files.path("responses").name, "responses of every figure", GOD_SITE, lambda: _trials(participant()))
    yield _Item("images", f"units of {shown_to}", on_request, lambda: _photographs(participant()), not published)
    yield _Item(features.name, "units of AlexNet", GOD_SITE, lambda: _features(features, participant()), False)


def _trials(participant: Participant) -> str:
    kinds = {"training": participant.train, "test": participant.test_trials, "imagery": participant.imagery}
    counts = ", ".join(f"{len(part)} {kind}" for kind, part in kinds.items() if part is not None)
    return f"{counts} trials, {participant.n_voxels} voxels" + (", SIMULATED" if participant.source.simulated else "")


def _photographs(participant: Participant) -> str:
    if participant.stimuli.absent:
        raise FileNotFoundError(participant.stimuli.absent)
    return f"{len(_shown(participant))} images"


def _features(path: Path, participant: Participant) -> str:
    features = god.read_image_features(path)
    shown = _shown(participant)
    known = int(np.isin(shown, features.stimulus_ids).sum())
    require_equal(path, "the number of images shown that it has features of", len(shown), known)
    return f"{', '.join(features.layers)} of {len(features.stimulus_ids)} images"


def _shown(participant: Participant) -> np.ndarray:
    return np.union1d(participant.train.stimulus_ids, participant.test.stimulus_ids)


def _laion_items(root: str | Path, subject: int) -> Iterator[_Item]:
    files = laion.laion_files(subject, root)
    grid = cache(lambda: laion.read_grid(files.session(laion.released_sessions(files)[0])))
    embedded = [model for model in EMBEDDINGS if files.path("embedding", model=model).exists()]
    yield _Item("betas", "responses of every figure", LAION_SITE, lambda: _laion_sessions(files, grid()))
    yield _Item("R2", "which voxels lie in the brain", LAION_SITE, lambda: _median(files.path("rsquare"), *grid()))
    yield _Item("noise ceiling", "noise ceilings", LAION_SITE, lambda: _median(files.ceiling[0], *grid()))
    yield _Item("masks", "ROIs", LAION_SITE, lambda: _voxels(laion.read_masks(files, grid())))
    yield _Item("pictures", "what the networks look at", laion.FORM, lambda: _pictures(files, grid()), not embedded)
    yield _Item("embeddings", "in place of a network", LAION_SITE, lambda: _embeddings(embedded), False)


def _laion_sessions(files: laion.LaionFiles, grid: laion.Grid) -> str:
    numbers = laion.released_sessions(files)
    n_trials = sum(laion.check_trials(files, number, grid) for number in numbers)
    simulated = ", SIMULATED" if laion.planted_in_betas(files.session(numbers[0])) else ""
    return f"{_of_all(numbers, laion.LAST_SESSION)}, {n_trials} trials{simulated}"


def _median(path: Path, shape: tuple[int, ...], affine: np.ndarray | None = None) -> str:
    values = read_volume(path, shape, affine)
    above = values[values > 0]
    if not len(above):
        raise ValueError(f"{path}: expected values above 0, found none.")
    return f"median {np.median(above):.2f} where above 0"


def _pictures(files: laion.LaionFiles, grid: laion.Grid) -> str:
    trials = [laion.read_trials(files, number, grid) for number in laion.released_sessions(files)]
    shown = np.unique(np.concatenate([one.images for one in trials]))
    if why := laion.read_pictures(files, shown).absent:
        raise FileNotFoundError(why)
    return f"{len(shown)} pictures shown"


def _embeddings(models: list[str]) -> str:
    if not models:
        raise FileNotFoundError(f"Expected embeddings of {', '.join(EMBEDDINGS)}, at least one, found none.")
    return ", ".join(models)


_Items = Callable[[str | Path, int], Iterator[_Item]]
_ITEMS: dict[str, _Items] = {"nsd": _nsd_items, "god": _god_items, "laion": _laion_items}


def _report(findings: list[Finding]) -> str:
    """Findings as text: what, whether it is there, what for; below it, every sentence of what is wrong."""
    rows = [(f.item.name, f.status, f.text if f.good else "-", f.item.needed_for) for f in findings]
    wrong = [f"\n{f.item.name}: {f.text}\n  Get it from: {f.item.source}." for f in findings if not f.good]
    return "\n".join([str(Table(("what", "", "found", "needed for"), rows)), *wrong])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m lib check`."""
    parser.add_argument("dataset", help="nsd, god or laion, or a network with published weights, lite0-object say")
    words = "the folder that holds it; of a network, pictures of known classes, which may be left out"
    parser.add_argument("root", type=user_path, nargs="?", help=words)
    parser.add_argument("--subject", type=int, default=1, help="number of the participant")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib check`; return 0 if the figures can run, else 1."""
    if args.dataset not in _ITEMS:
        from lib.app.check_network import check_published  # slow to import

        return check_published(args.dataset, args.root, list(_ITEMS))
    try:
        findings = check(args.dataset, args.root, args.subject)
    except OSError as error:  # no such folder: nothing can run
        print(error)
        return 1
    ready = all(finding.status in USABLE for finding in findings)
    print(_report(findings))
    print(f"\nThe figures {'can' if ready else 'cannot'} run on participant {args.subject} of {args.dataset}.")
    return 0 if ready else 1
