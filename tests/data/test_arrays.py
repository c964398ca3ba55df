"""A lab's own arrays, masks and pictures, made into a participant."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib.analysis.encoding import encode
from lib.analysis.encoding_study import EncodingStudy
from lib.data import Participant, Source
from lib.data.arrays import participant_from_trials
from lib.data.participant import Images
from lib.data.trials import random_split
from lib.figures.encoding import encoding_figure, stack_against_ceiling
from lib.networks import extract, load_network
from lib.simulation.nsd_like import Trials, average_trials, draw_trials

SOURCE = Source("ours", "two lines on a screen", "our lab", "ask us", simulated=False)
N_TRIALS, N_VOXELS = 24, 5


@dataclass
class Lab:
    """What a lab has: eight pictures shown three times, two of them held out."""

    betas: np.ndarray = field(default_factory=lambda: np.random.default_rng(0).normal(size=(N_TRIALS, N_VOXELS)))
    shown: list[str] = field(default_factory=lambda: [f"p{i % 8}" for i in range(N_TRIALS)])
    pictures: dict = field(
        default_factory=lambda: {f"p{i}": np.full((4, 6, 3), 10 * i, np.uint8) for i in reversed(range(8))}
    )
    rois: dict = field(default_factory=lambda: {"V1": np.arange(N_VOXELS) < 3, "LOC": np.arange(N_VOXELS) >= 3})
    test: tuple[str, ...] = ("p6", "p2")
    run: list[int] | None = None

    def participant(self) -> Participant:
        """Made of all this."""
        return participant_from_trials(
            self.betas, self.shown, self.pictures, self.rois, SOURCE, test=self.test, run=self.run
        )


@pytest.fixture(scope="module")
def trials() -> Trials:
    """A simulated experiment."""
    return draw_trials(subject=1, world="unplanted", seed=0, n_images=100, voxels_per_roi=4)


def test_repeats_are_averaged_under_the_pictures_they_belong_to() -> None:
    lab = Lab()
    person = lab.participant()
    for part in (person.train, person.test):
        for picture, answer, image in zip(part.stimulus_ids, part.responses, person.images(part), strict=True):
            name = list(lab.pictures)[picture]
            rows = [i for i, other in enumerate(lab.shown) if other == name]
            np.testing.assert_allclose(answer, lab.betas[rows].mean(0), rtol=1e-5)
            np.testing.assert_array_equal(image, lab.pictures[name])
    assert {list(lab.pictures)[i] for i in person.test.stimulus_ids} == set(lab.test)
    assert person.train.n_repeats.tolist() == [3] * 6
    assert len(person.test_trials) == 6


def test_a_pictures_trials_are_standardised_within_runs_and_the_labs_array_is_left_alone() -> None:
    lab = Lab(run=[0] * 8 + [1] * 16)
    before = lab.betas.copy()
    person = lab.participant()
    first = (before[:8] - before[:8].mean(0)) / before[:8].std(0)
    np.testing.assert_allclose(person.test_trials.responses[:2], first[[2, 6]], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(lab.betas, before)


def test_it_is_the_participant_that_the_simulation_gives(trials: Trials) -> None:
    pictures = {int(i): trials.stimuli[i] for i in trials.images}
    test = random_split(trials.images)[1]
    ours = participant_from_trials(
        trials.betas, trials.shown, pictures, trials.rois, trials.source, test=test, run=trials.session
    )
    theirs = average_trials(replace(trials, betas=trials.betas.copy()))
    for part in ("train", "test"):
        a, b = getattr(ours, part), getattr(theirs, part)
        np.testing.assert_array_equal(trials.images[a.stimulus_ids], b.stimulus_ids)
        np.testing.assert_allclose(a.responses, b.responses, atol=1e-5)
    assert np.corrcoef(ours.noise_ceiling, theirs.noise_ceiling)[0, 1] > 0.3  # estimated from 15 images


def test_noise_ceiling_is_unknown_where_a_test_picture_was_shown_once() -> None:
    lab = Lab()
    assert np.isfinite(lab.participant().noise_ceiling).all()
    once = replace(lab, betas=lab.betas[:8], shown=lab.shown[:8])
    assert np.isnan(once.participant().noise_ceiling).all()


def test_pictures_may_be_files(tmp_path: Path) -> None:
    lab = Lab()
    for name, picture in lab.pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    files = replace(lab, pictures={name: tmp_path / f"{name}.png" for name in lab.pictures})
    ours, theirs = lab.participant(), files.participant()
    for a, b in zip(ours.images(ours.train), theirs.images(theirs.train), strict=True):
        np.testing.assert_array_equal(a, b)
    Image.fromarray(lab.pictures["p0"] + 1).save(tmp_path / "p0.png", compress_level=0)
    assert files.participant().stimuli.key != theirs.stimuli.key, "activations of the old picture are not those of it"


def test_activations_kept_on_disk_are_told_apart(tmp_path: Path) -> None:
    lab = Lab()
    other = replace(lab, pictures={name: 255 - picture for name, picture in lab.pictures.items()})
    network = load_network("alexnet-object")
    found = [
        extract(network, Images(one.participant().stimuli, np.arange(8)), ["FC-7"], cache=tmp_path)["FC-7"]
        for one in (lab, other)
    ]
    assert not np.allclose(*found)


def test_figures_show_areas_of_other_names(trials: Trials) -> None:
    pictures = {int(i): trials.stimuli[i] for i in trials.images}
    masks = {"ours": trials.rois["FFA"] | trials.rois["OFA"], "V1": trials.rois["V1"]}
    person = participant_from_trials(
        trials.betas, trials.shown, pictures, masks, SOURCE, test=random_split(trials.images)[1]
    )
    study = EncodingStudy(person, {"alexnet-object": encode(person, load_network("alexnet-object"))}, n_best=3)
    figure = encoding_figure(study)
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == ["V1", "ours"]
    legend = stack_against_ceiling(study).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["Early visual", "Other", "noise ceiling"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"betas": np.zeros(24)}, r"betas: expected two dimensions \(rows, columns\), found shape \(24,\)"),
        ({"shown": ["p0"] * 3}, "shown: expected one for each of the 24 trials in betas, found 3"),
        ({"run": [1, 2]}, "run: expected one for each of the 24 trials in betas, found 2"),
        ({"shown": ["p9"] * 24}, "shown: 'p9' is none of the 8 pictures, such as 'p7'"),
        ({"test": ("cat",)}, "test: 'cat' is none of the 8 pictures"),
        ({"test": ("p0",)}, "at least 2 pictures to train on and 2 to test, found 7, 1"),
        ({"test": tuple(f"p{i}" for i in range(8))}, "at least 2 pictures to train on and 2 to test, found 0, 8"),
        ({"pictures": {}}, "pictures: expected some, found none"),
        ({"pictures": [np.zeros((4, 4))] * 8}, "pictures: expected a file or an array for each name, found a list"),
        ({"pictures": {f"p{i}": None for i in range(8)}}, "picture 'p0': expected pixels .*, found "),
        ({"rois": np.ones(5, bool)}, "rois: expected a mask by its name, found a ndarray; {'all': np.ones"),
        (
            {"rois": {"V1": np.ones(4, bool)}},
            "ROI V1: expected a boolean mask of 5 voxels, found bool",
        ),
        ({"rois": {"V1": np.arange(5)}}, "ROI V1: expected a boolean mask of 5 voxels, found int64"),
        ({"pictures": {f"p{i}": f"nowhere/{i}.png" for i in range(8)}}, "nowhere/0.png: expected a picture, found no"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_a_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises((ValueError, OSError), match=sentence) as caught:
        replace(Lab(), **change).participant()
    assert "\n" not in str(caught.value)


BOX = np.zeros((2, 3, 4), bool)


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        ([1, 0, 0, 1, 1], r"int64 of shape \(5,\): mask == 1 makes booleans of 0 and 1"),
        ([1.0, 0, 0, 1, 1], r"float64 of shape \(5,\): mask == 1 makes booleans of 0 and 1"),
        ([0, 3], r"int64 of shape \(2,\): np.isin\(np.arange\(5\), indices\) makes a mask of indices"),
        ([0, 1, 2, 3, 4], r"int64 of shape \(5,\): np.isin\(np.arange\(5\), indices\)"),
        (np.ones((5, 1), bool), r"bool of shape \(5, 1\): mask.ravel\(\) gives it the shape"),
        (np.ones((1, 5), np.uint8), r"uint8 of shape \(1, 5\): mask.ravel\(\) gives it the shape"),
        (BOX, r"bool of shape \(2, 3, 4\): take the voxels of betas out of the volume, as in volume\[brain\]"),
        (np.ones(6, bool), r"bool of shape \(6,\): masks and betas must have the same voxels"),
        ("V1", r"<U2 of shape \(\): masks and betas must have the same voxels"),
        (None, r"object of shape \(\): masks and betas"),
    ],
)
def test_masks_of_other_forms_are_refused_with_the_way_out(mask: object, found: str) -> None:
    with pytest.raises(ValueError, match=f"ROI LOC: expected a boolean mask of 5 voxels, found {found}") as caught:
        replace(Lab(), rois={"LOC": mask}).participant()
    assert "\n" not in str(caught.value)


def test_the_ways_out_make_masks() -> None:
    lab, n = Lab(), N_VOXELS
    good = lab.participant().rois["V1"]
    for mask in (np.array([1, 1, 1, 0, 0]) == 1, np.isin(np.arange(n), [0, 1, 2]), good[:, None].ravel(), list(good)):
        np.testing.assert_array_equal(replace(lab, rois={"V1": mask}).participant().rois["V1"], good)


@pytest.mark.parametrize(
    ("rois", "sentence"),
    [
        ({}, r"rois: expected a mask by its name, found none; {'all': np.ones\(5, bool\)} takes every voxel"),
        ({"V1": np.zeros(5, bool)}, "ROI V1: expected at least one voxel, found none: leave it out"),
    ],
)
def test_no_voxels_to_look_at(rois: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(Lab(), rois=rois).participant()


@pytest.mark.parametrize("form", [list, torch.tensor, lambda a: torch.tensor(a, requires_grad=True), np.asfortranarray])
def test_responses_and_labels_of_other_forms(form: Callable[[object], object]) -> None:
    lab = Lab(run=[0] * 12 + [1] * 12)
    ours, theirs = replace(lab, betas=form(lab.betas.tolist())).participant(), lab.participant()
    np.testing.assert_allclose(ours.train.responses, theirs.train.responses, atol=1e-6)
    numbered = replace(lab, shown=[int(name[1:]) for name in lab.shown], test=(6, 2))
    numbered.pictures = {int(name[1:]): picture for name, picture in lab.pictures.items()}
    for labels in (np.array(numbered.shown), torch.tensor(numbered.shown), np.array(numbered.shown)[:, None]):
        again = replace(numbered, shown=labels, run=torch.tensor(lab.run), test=np.array([6, 2])).participant()
        np.testing.assert_array_equal(again.test.responses, theirs.test.responses)


@pytest.mark.parametrize(("given", "kept"), [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i2", "f4"), ("i4", "f8")])
def test_no_digit_is_lost_before_centring(given: str, kept: str) -> None:
    lab = Lab()
    person = replace(lab, betas=np.round(lab.betas * 100).astype(given)).participant()
    assert person.test_trials.responses.dtype == kept


@pytest.mark.parametrize("run", [None, [0] * 12 + [1] * 12])
def test_raw_responses_far_from_zero(run: list[int] | None) -> None:
    lab = Lab(run=run)
    raw, moved = lab.participant(), replace(lab, betas=lab.betas + 1e9).participant()
    shift = 0 if run else 1e9
    np.testing.assert_allclose(moved.train.responses - shift, raw.train.responses, atol=1e-5)
    np.testing.assert_allclose(moved.noise_ceiling, raw.noise_ceiling, atol=1e-5)


BETAS = np.random.default_rng(0).normal(size=(N_TRIALS, N_VOXELS))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"betas": BETAS[:, 0]}, r"betas: .*found shape \(24,\); give one column as values\[:, None\]"),
        ({"betas": BETAS[:, :0]}, r"betas: expected at least 1 rows and 1 column, found shape \(24, 0\)"),
        ({"betas": []}, r"betas: .*found shape \(0,\)"),
        ({"betas": [["a"] * 5] * 24}, "betas: expected numbers, found list of <U1"),
        ({"betas": [[1.0], [1.0, 2.0]]}, "betas: expected numbers in rows of equal length"),
        ({"betas": None}, "betas: expected numbers, found NoneType of object"),
        ({"run": [1] * 23 + [9]}, "at least 2 trials to standardise, found 1 in run 9: leave that trial out"),
        ({"run": [1.0] * 23 + [np.nan]}, "run: expected a label for each trial, found none for 1"),
        ({"test": "p6"}, "at least 2 pictures to train on and 2 to test, found 7, 1"),
        ({"shown": [["p0"]] * 24}, r"shown: \['p0'\] is none of the 8 pictures"),
        ({"shown": [np.nan] * 24}, "shown: nan is none of the 8 pictures"),
    ],
)
def test_responses_and_labels_that_are_none(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        replace(Lab(), **change).participant()
    assert "\n" not in str(caught.value)


def test_arrays_are_read_as_files_are() -> None:
    """Grey, transparent, 16 bits and floats; what is no picture is refused by name, before anything else is done."""
    lab = Lab()
    grey = np.full((4, 6), 90, np.uint8)
    same = {"p0": grey, "p1": grey[..., None], "p2": np.dstack([grey] * 3), "p3": grey.astype(np.uint16) * 257}
    clear = np.dstack([grey, grey, grey, grey * 0])
    lab.pictures |= same | {"p4": grey / 255, "p5": clear}
    person = lab.participant()
    shown = {name: person.stimuli[i] for i, name in enumerate(lab.pictures)}
    assert all(shown[name].shape == (4, 6, 3) and (shown[name] == 90).all() for name in (*same, "p4"))
    assert (shown["p5"] == 128).all()
    lab.pictures["p7"] = np.full((4, 6, 3), 300)
    with pytest.raises(
        ValueError, match=r"picture 'p7': expected 8 or 16 bits a pixel, .*, found int64 from 300 to 300"
    ):
        lab.participant()


def test_a_held_out_picture_that_nobody_saw_is_refused() -> None:
    lab = Lab()
    lab.pictures["p8"] = lab.pictures["p0"]
    with pytest.raises(ValueError, match="test: 'p8' is shown in no trial: leave it out"):
        replace(lab, test=("p6", "p2", "p8")).participant()
