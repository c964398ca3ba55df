"""A lab's own arrays, masks and pictures, made into a participant."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.analysis.encoding import encode
from lib.analysis.encoding_study import EncodingStudy
from lib.data import Participant, Source
from lib.data.arrays import participant_from_trials
from lib.data.participant import Images
from lib.data.trials import random_split
from lib.figures.encoding import encoding_figure, stack_against_ceiling
from lib.networks import extract, load_network
from lib.simulation.nsd_like import Trials, averaged, draw_trials

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
    theirs = averaged(replace(trials, betas=trials.betas.copy()))
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
    assert [text.get_text() for text in legend.get_texts()] == ["Early visual", "Other"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"betas": np.zeros(24)}, r"betas: expected an array of shape \(n_trials, n_voxels\), found \(24,\)"),
        ({"shown": ["p0"] * 3}, "shown: expected one for each of the 24 trials in betas, found 3"),
        ({"run": [1, 2]}, "run: expected one for each of the 24 trials in betas, found 2"),
        ({"shown": ["p9"] * 24}, "shown: 'p9' is none of the 8 pictures, such as 'p7'"),
        ({"test": ("cat",)}, "test: 'cat' is none of the 8 pictures"),
        ({"test": ("p0",)}, "at least 2 pictures to train on and 2 to test, found 7, 1"),
        ({"test": tuple(f"p{i}" for i in range(8))}, "at least 2 pictures to train on and 2 to test, found 0, 8"),
        ({"pictures": {}}, "pictures: expected some, found none"),
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


def test_a_held_out_picture_that_nobody_saw_is_refused() -> None:
    lab = Lab()
    lab.pictures["p8"] = lab.pictures["p0"]
    with pytest.raises(ValueError, match="1 of 3 images were never shown, the first is 8"):
        replace(lab, test=("p6", "p2", "p8")).participant()
