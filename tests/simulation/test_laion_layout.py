"""A participant written in the layout of LAION-fMRI and read back is the one simulated in memory, less aTLfaces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lib.__main__ import main
from lib.analysis.loading import load_participant
from lib.data import Participant
from lib.data.laion import stimulus_ids
from lib.simulation.laion_layout import picture_name

SIZE = {"n_images": 60, "voxels_per_roi": 8}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Participant, Participant]:
    """In memory, and from a disk that holds another participant, too."""
    root = tmp_path_factory.mktemp("simulated") / "laion"
    words = ["--subject", "1", "3", "--images", "60", "--voxels", "8", "--world", "flat"]
    assert main(["simulate", str(root), "--layout", "laion", *words]) == 0
    assert all(main(["check", "laion", str(root), "--subject", subject]) == 0 for subject in "13")
    return load_participant("simulated", 3, world="flat", **SIZE), load_participant("laion", 3, root)


def test_same_responses_masks_and_pictures(pair: tuple[Participant, Participant]) -> None:
    memory, disk = pair
    assert [*disk.rois, "aTLfaces"] == [roi for roi in memory.rois if roi != "aTLfaces"] + ["aTLfaces"]
    in_a_mask = np.any([memory.rois[roi] for roi in disk.rois], axis=0)
    for roi, mask in disk.rois.items():
        np.testing.assert_array_equal(mask, memory.rois[roi][in_a_mask])
    named = {picture_name(i, 3): i for i in np.r_[memory.train.stimulus_ids, memory.test.stimulus_ids].tolist()}
    own = dict(zip(stimulus_ids(named).tolist(), named.values(), strict=True))
    everything = dict(zip(memory.train.stimulus_ids.tolist(), memory.train.responses, strict=True))
    everything |= dict(zip(memory.test.stimulus_ids.tolist(), memory.test.responses, strict=True))
    for part in (disk.train, disk.test):
        for i, responses in zip(part.stimulus_ids.tolist(), part.responses, strict=True):
            np.testing.assert_allclose(responses, everything[own[i]][in_a_mask], atol=1e-5)
    first = int(disk.test.stimulus_ids[0])
    np.testing.assert_array_equal(disk.stimuli[first], memory.stimuli[own[first]])
    np.testing.assert_allclose(disk.noise_ceiling, memory.noise_ceiling[in_a_mask], rtol=1e-4)


def test_people_share_pictures_and_have_others_of_their_own(pair: tuple[Participant, Participant]) -> None:
    folder = Path(pair[1].stimuli.key.split(":")[0]).parents[1]
    first = load_participant("laion", 1, folder)
    theirs = [set(np.r_[one.train.stimulus_ids, one.test.stimulus_ids].tolist()) for one in (first, pair[1])]
    assert [len(ids) for ids in theirs] == [60, 60] and 0 < len(theirs[0] & theirs[1]) < 60
    for image in [min(theirs[0] & theirs[1]), min(theirs[0] - theirs[1])]:
        assert first.stimuli[image].any()


def test_it_is_said_to_be_simulated(pair: tuple[Participant, Participant]) -> None:
    source = pair[1].source
    assert source.simulated and source.world == "flat" and source.dataset == "laion"
    assert "simulated, in LAION's layout, world 'flat'" in source.description and "aTLfaces" in source.description
    assert replace(source, description="") != pair[0].source


def test_official_split_of_the_folder(pair: tuple[Participant, Participant]) -> None:
    folder = Path(pair[1].stimuli.key.split(":")[0]).parents[1]
    found = load_participant("laion", 3, folder, split="random_0")
    assert (found.test.stimulus_ids % 5 == 0).all() and (found.train.stimulus_ids % 5 != 0).all()
    assert len(found.train) + len(found.test) == 60
