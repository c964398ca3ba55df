"""Simulated participants: the trial structure of NSD, the noise measured on it, and no hidden signal."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lib.analysis.loading import load_participant
from lib.core.kept import FOLDER
from lib.data.areas import ROIS
from lib.data.trials import average_repeats, standardise_runs
from lib.simulation import nsd_like
from lib.simulation.nsd_like import NCSNR_EARLY, draw_ncsnr, shown_ids, simulate
from lib.simulation.planting import Layer, LayerAnswers, answers_of
from lib.simulation.worlds import find_world


@pytest.fixture(scope="module")
def participant():
    return simulate(n_images=250, voxels_per_roi=20)


def test_structure(participant):
    assert list(participant.rois) == list(ROIS)
    assert participant.train.responses.shape[1] == participant.n_voxels == 20 * len(ROIS)
    assert sum(mask.sum() for mask in participant.rois.values()) == participant.n_voxels
    assert (participant.train.n_repeats == 3).all()
    assert len(participant.test) == round(0.15 * 250 + 0.5)
    assert not set(participant.train.stimulus_ids) & set(participant.test.stimulus_ids)
    assert participant.source.simulated and "as-published" in participant.source.description
    assert participant.images(participant.test)[0].shape == (64, 64, 3)


@pytest.mark.slow("simulates three participants")
def test_same_numbers_same_participant_other_numbers_another(participant):
    again, other, person = (
        simulate(n_images=250, voxels_per_roi=20, seed=seed, subject=subject)
        for seed, subject in ((0, 1), (1, 1), (0, 2))
    )
    np.testing.assert_array_equal(again.train.responses, participant.train.responses)
    assert abs(np.corrcoef(other.train.responses.ravel(), participant.train.responses.ravel())[0, 1]) < 0.1
    assert abs(np.corrcoef(person.train.responses.ravel(), participant.train.responses.ravel())[0, 1]) < 0.1


def test_participants_share_a_tenth_of_their_images():
    first, second = shown_ids(1, 200), shown_ids(2, 200)
    assert len(set(first) & set(second)) == 20
    assert len(set(first)) == 200


def test_noise_follows_the_measured_quartiles():
    ncsnr = draw_ncsnr(np.random.default_rng(0), ROIS, 5000)
    np.testing.assert_allclose(np.quantile(ncsnr[:5000], (0.25, 0.5, 0.75)), NCSNR_EARLY[1:4], atol=0.02)
    assert ncsnr.max() <= 1.42 and ncsnr.min() >= 0


def test_repeats_agree_as_much_as_the_ceiling_says(participant):
    """The variance of averaged responses splits into signal and noise as `noise_ceiling` claims; in `noise` too."""
    silent = simulate(n_images=250, voxels_per_roi=20, world="noise")
    assert (silent.noise_ceiling == 0).all()
    variance = silent.train.responses.var(0).mean()
    assert variance == pytest.approx(1 / 3, rel=0.1)  # three independent, standardised trials
    assert participant.train.responses.var(0).mean() > 1.3 / 3


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"dataset": "nds"}, "Unknown dataset 'nds'; choose one of .*Did you mean 'nsd'|Unknown dataset 'nds'; choose"),
        ({"world": "noisy"}, "Unknown world 'noisy'; choose one of as-published, .*Did you mean 'noise'"),
        ({"subject": 0}, "subject must be at least 1"),
        ({"seed": -1}, "seed at least 0"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_choices(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        load_participant(**wrong)


def test_unknown_roi_is_refused_with_the_choices(participant):
    with pytest.raises(ValueError, match="Unknown ROI 'V5'; choose one of V1, V2"):
        participant.roi("V5")


def test_unknown_world_names_the_others():
    with pytest.raises(ValueError, match="choose one of as-published"):
        find_world("flatt")


def test_averaging_by_hand():
    betas = np.array([[1.0], [5.0], [3.0], [9.0]])
    averaged = average_repeats(betas, np.array([7, 2, 7, 4]), [7, 4])
    assert averaged.responses.tolist() == [[2.0], [9.0]]
    assert averaged.n_repeats.tolist() == [2, 1]


def test_an_image_never_shown_is_refused():
    with pytest.raises(ValueError, match="1 of 2 images were never shown, the first is 3"):
        average_repeats(np.ones((2, 1)), np.array([1, 2]), [1, 3])


def test_standardising_takes_each_session_by_itself():
    betas = np.array([[0.0, 5], [2, 5], [100, 1], [300, 3]])
    standardised = standardise_runs(betas, np.array([1, 1, 2, 2]))
    np.testing.assert_allclose(standardised[:, 0], [-1, 1, -1, 1])
    assert np.isnan(standardised[:2, 1]).all()  # a voxel silent in a session drops out later


def test_directions_are_kept_for_the_same_profiles_networks_and_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = simulate(n_images=40, voxels_per_roi=3)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    simulate(n_images=40, voxels_per_roi=3)
    n_profiles = len(list(tmp_path.glob("*.npz")))
    assert n_profiles == len(find_world("as-published").profiles)
    simulate(n_images=40, voxels_per_roi=3, seed=1)
    assert len(list(tmp_path.glob("*.npz"))) == 2 * n_profiles
    monkeypatch.setattr(nsd_like, "extract", None)  # nothing is computed again
    again = simulate(n_images=40, voxels_per_roi=3)
    np.testing.assert_array_equal(again.train.responses, fresh.train.responses)


def test_profiles_of_the_same_networks_share_how_their_layers_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(roots: Mapping[Layer, np.ndarray], decoded: bool) -> LayerAnswers:
        """What is computed in its place, noted."""
        asked.append({network for network, _ in roots})
        return answers_of(roots, decoded)

    monkeypatch.setattr(nsd_like, "answers_of", counted)
    world = find_world("as-published")
    found = nsd_like.components_of([world], nsd_like.shown_pictures(1, 0, 20))
    assert len(found) == len(world.profiles) == 3 and asked == [set(world.networks())]
