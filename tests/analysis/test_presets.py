"""Analyses by one word: what they choose is what is done, and the table of a run is read from what was done."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from measured import write_laion_split, write_tiny_laion

from lib.analysis import presets
from lib.analysis.decoding import PUBLISHED
from lib.analysis.decoding_study import study_units, units_to_decode
from lib.analysis.encoding import encode
from lib.analysis.loading import load_participant
from lib.analysis.presets import ANALYSES, analyse, decoding_preset, decoding_table, encoding_choices
from lib.data import Participant
from lib.data.participant import Stimuli
from lib.networks import load_network

NETWORKS = ("alexnet-object",)


@pytest.fixture(scope="module")
def participant() -> Participant:
    """A simulated one, whose pictures are larger than miniatures take."""
    one = load_participant("simulated", n_images=60, voxels_per_roi=3)
    larger = Stimuli(f"{one.stimuli.key}-larger", lambda i: np.kron(one.stimuli[i], np.ones((2, 2, 1), np.uint8)))
    return replace(one, stimuli=larger)


def rows(run: presets.EncodingRun) -> dict[str, str]:
    return {str(name): str(value) for name, value in run.table().rows}


@pytest.fixture(scope="module")
def careful(participant: Participant) -> presets.EncodingRun:
    return analyse(participant, NETWORKS, encoding_choices("careful"))


def test_careful_is_what_a_simulation_did_before(participant: Participant, careful: presets.EncodingRun) -> None:
    before = encode(participant, load_network(*NETWORKS))
    np.testing.assert_array_equal(careful.study.encoding["alexnet-object"].score, before.score)
    assert careful.study.n_best == 200 and careful.study.weights == "miniature"


def test_what_comes_from_files_is_shown_letter_by_letter(careful: presets.EncodingRun) -> None:
    told = "`a` [b](javascript:c) ![d](//e) $f$ {role}`g`"
    source = replace(careful.participant.source, description=told)
    table = replace(careful, participant=replace(careful.participant, source=source)).table()
    html = MarkdownIt().enable("table").render(table._repr_markdown_())
    assert f": {told}</td>" in html and "<a" not in html and "<img" not in html and "<code" not in html


@pytest.mark.slow("fits the reference protocol to pictures of NSD's size")
def test_as_coded_shows_whole_pictures_and_fits_as_the_package_does(
    participant: Participant, careful: presets.EncodingRun
) -> None:
    coded = analyse(participant, NETWORKS, encoding_choices("as-coded"))
    assert coded.networks["alexnet-object"].input_size == 128
    own = replace(load_network("alexnet-object"), input_size=128)
    expected = encode(participant, own, preprocessing="as-published", protocol="reference")
    np.testing.assert_array_equal(coded.study.encoding["alexnet-object"].score, expected.score)
    ours, theirs = rows(coded), rows(careful)
    assert ours["size of pictures"] == "128 x 128, shown as 128 x 128"
    assert theirs["size of pictures"] == "128 x 128, shown as 64 x 64"
    assert ours["regression"] == "reference" and theirs["regression"] in ("dual", "primal", "dual, primal")
    assert "best 200" in ours["voxels shown per area"] and "V1 3" in ours["voxels shown per area"]


CHANGES: dict[str, tuple[dict[str, object], str, str]] = {
    "size": ({"own_size": True}, "size of pictures", "shown as 128 x 128"),
    "pixels": ({"preprocessing": "imagenet"}, "scale of pixels", "minus (0.485"),
    "protocol": ({"protocol": "reference"}, "regression", "reference"),
    "weights": ({"weights": "untrained"}, "weights", "untrained"),
    "voxels": ({"n_best": 2}, "voxels shown per area", "the best 2 by test score"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_changed_choice_changes_the_table(case: str, participant: Participant, careful: presets.EncodingRun) -> None:
    change, row, expected = CHANGES[case]
    changed = rows(analyse(participant, NETWORKS, replace(encoding_choices("careful"), **change)))
    before = rows(careful)
    assert expected in changed[row] and expected not in before[row]
    derived = {"penalties chosen", "regression", "voxels shown per area"}  # follow from what the networks say
    assert {name for name in before if before[name] != changed[name]} <= {row} | derived


@pytest.fixture(scope="module")
def laion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_laion(tmp_path_factory.mktemp("laion") / "data").root


STANDARDISED = {"as-published": "not z-scored", "as-coded": "z-scored within run", "careful": "z-scored within session"}


@pytest.mark.parametrize("analysis", ANALYSES)
def test_measured_responses_are_standardised_as_chosen(analysis: str, laion: Path) -> None:
    choices = encoding_choices(analysis, "laion", "miniature")
    found = load_participant("laion", 1, laion, **choices.reading)
    assert STANDARDISED[analysis] in found.source.description
    assert choices.n_best == 200 and choices.zscore in ("none", "run", "session")


def test_split_is_passed_on_and_told(laion: Path) -> None:
    names = [line.split(",")[0] for line in (laion / "stimuli/task-images_metadata.csv").read_text().splitlines()[1:]]
    write_laion_split(laion, names[4:], names[:4])
    choices = encoding_choices("careful", "laion", "miniature", split="ood")
    found = load_participant("laion", 1, laion, **choices.reading)
    assert len(found.test) == 4 and "split ood of pool sub-01" in found.source.description
    with pytest.raises(ValueError, match=r"simulated images in memory are split at random, found 'ood'"):
        encoding_choices("careful", split="ood")


def test_not_standardised_responses_are_averaged_as_they_are(laion: Path) -> None:
    found = load_participant("laion", 1, laion, sessions=[1], zscore="none")
    same = load_participant("laion", 1, laion, sessions=[1])
    assert abs(found.train.responses.std() - same.train.responses.std()) > 1e-3
    correlation = np.corrcoef(found.train.responses[:, 0], same.train.responses[:, 0])[0, 1]
    assert correlation == pytest.approx(1, abs=1e-5)  # within one session they differ by a scale and an offset


@pytest.mark.parametrize("analysis", ANALYSES)
def test_published_weights_are_asked_for_before_anything_is_read(
    analysis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    sentence = r"published weights of alexnet-object, resnet50-place .*run: python -m lib fetch alexnet-object resnet50"
    with pytest.raises(FileNotFoundError, match=sentence):
        encoding_choices(analysis, "nsd", networks=("alexnet-object", "resnet50-place"))
    with pytest.raises(FileNotFoundError, match="python -m lib fetch resnet50-object"):
        decoding_preset(analysis, "god", networks=("resnet50-object",))
    assert encoding_choices(analysis, networks=NETWORKS).weights == "miniature"


@pytest.mark.parametrize("make", [encoding_choices, decoding_preset])
def test_unknown_analysis(make: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"Unknown analysis 'as_coded'; .*Did you mean 'as-coded'\?"):
        make("as_coded")


# Decoding


@pytest.fixture(scope="module")
def god() -> Participant:
    return load_participant("simulated", layout="god", n_images=24, voxels_per_roi=6)


def decoded(preset: presets.DecodingPreset, god: Participant) -> dict[str, str]:
    people = preset.with_areas([god])
    units = units_to_decode(god, ["resnet50-object"], "miniature", preset.choices, n_units=4)
    table = decoding_table(preset, study_units(people, units, preset.choices))
    return {str(name): str(value) for name, value in table.rows}


def test_decoding_choices_are_in_the_table(god: Participant) -> None:
    published, coded, careful = (decoded(decoding_preset(name, n_voxels=5), god) for name in ANALYSES)
    assert published["HVC"] == "V4, LOC, FFA, PPA together" and coded["HVC"] == "a mask of its own"
    assert coded["regression"] == "least squares" and careful["regression"] == "ridge, penalty 100"
    assert coded["units of resnet50-object"].endswith("fc|softmax")
    assert careful["units of resnet50-object"].endswith("fc")
    assert coded["voxels kept per unit"].endswith("FFA 5, PPA 5, LVC 10, HVC 10, VC 10")
    assert published["areas"].endswith("LVC 18, HVC 24, VC 42") and coded["areas"].endswith("LVC 18, HVC 24, VC 48")


def test_default_of_a_simulation_is_what_the_page_showed(god: Participant) -> None:
    assert decoding_preset().choices == PUBLISHED and decoding_preset().with_areas([god]) == [god]
    assert decoding_preset(dataset="god", weights="miniature").analysis == "careful"
