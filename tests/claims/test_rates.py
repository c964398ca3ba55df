"""How often claims hold, over seeds and worlds: counted by hand, and from the command line at a tiny size."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from lib.__main__ import main
from lib.claims import CLAIMS, CONTRADICTED, HOLDS, UNDECIDED, UNTESTED, Verdict
from lib.claims.claim import ClaimPart, Power
from lib.claims.counted import CountedStudy, planted_power, recorded_studies, share
from lib.claims.rates import VERDICTS, Rate, ledger, networks_of, simulated_verdicts, sweep_ledger
from lib.claims.studies import STUDY_KINDS
from lib.core.scores import Interval

TINY = {"n_images": 60, "voxels_per_roi": 4}
OPTIONS = ["--n-images", "60", "--voxels-per-roi", "4"]


def verdict(outcome: str, effect: float = 0.0) -> Verdict:
    return Verdict("W1", outcome, None if outcome == UNTESTED else Interval(effect, effect - 1, effect + 1), "V1")


def test_rate_by_hand_counts_every_study() -> None:
    found = [verdict(HOLDS, 0.3), verdict(CONTRADICTED, -0.1), verdict(UNTESTED), verdict(UNDECIDED, 0.1)]
    assert Rate.of(found, 200) == Rate(0.25, 0.25, 0.25, 4, 200, pytest.approx(0.1))
    assert Rate.of([verdict(UNTESTED)]) == Rate(0, 0, 0, 1, None, None)


def study(n_images: int, outcome: str) -> CountedStudy:
    return CountedStudy.of({"W1": [verdict(outcome, 0.2)]}, "as-published", "as-published", n_images, 300)


def test_images_are_needed_from_which_on_a_claim_is_found_as_a_rule() -> None:
    found = {500: 1, 1000: 4, 2000: 3, 4000: 4, 8000: 5}  # of five studies
    studies = [study(n, HOLDS if i < k else UNDECIDED) for n, k in found.items() for i in range(5)]
    power = planted_power(studies, "W1")
    assert [power.images_needed(level) for level in (0.8, 0.6, 0.2)] == [4000, 1000, 500]
    assert power.share(1000) == 0.8 and power.share(1000, UNDECIDED) == pytest.approx(0.2)
    assert planted_power(studies[:15], "W1").images_needed() is None
    assert share(studies, "W1", UNDECIDED) == pytest.approx(8 / 25) and np.isnan(share(studies, "W2"))
    assert str(planted_power(studies, "W2")) == "not counted" and Power().images_needed() is None
    elsewhere = [replace(studies[0], world="flat"), replace(studies[0], analysis="matched")]
    assert planted_power([*studies, *elsewhere], "W1") == power


def test_claims_know_the_power_that_was_recorded() -> None:
    studies = recorded_studies()
    assert {name: claim.power for name, claim in CLAIMS.items()} == {
        name: planted_power(studies, name) for name in CLAIMS
    }
    assert all(claim.power.outcomes for claim in CLAIMS.values())
    for n, found in CLAIMS["W1"].power.outcomes.items():
        same = [
            one for one in studies if (one.world, one.analysis, one.n_images) == ("as-published", "as-published", n)
        ]
        assert list(found) == [one.outcomes["W1"] for one in same if "W1" in one.outcomes]


def test_a_counted_study_keeps_outcome_and_effect() -> None:
    found = {"W1": [verdict(HOLDS, 0.2)], "W2": [verdict(UNTESTED)]}
    kept = CountedStudy.of(found, "flat", "matched", 60, 3)
    assert kept == CountedStudy("flat", "matched", 60, 3, {"W1": HOLDS, "W2": UNTESTED}, {"W1": 0.2, "W2": None})


@pytest.mark.slow("encodes participants")
def test_voxels_that_no_claim_looks_at_are_not_fitted_where_they_are_most() -> None:
    asked = {"worlds": ["as-published", "noise"], "seed": 3, "networks": ["taskonomy-edge2d"], "weights": "untrained"}
    found = STUDY_KINDS["encoding"].simulate(**asked, analysis="", n_images=80, voxels_per_roi=40)
    fitted = {world: np.isfinite(one.encoding["taskonomy-edge2d"].stacked_score) for world, one in found.items()}
    assert fitted["noise"].sum() == 1 and not any(found["noise"].reliable(roi).any() for roi in found["noise"].rois())
    assert fitted["as-published"].all() and any(not found["as-published"].reliable(roi).all() for roi in ("V1", "FFA"))


def test_claims_need_the_networks_they_speak_about() -> None:
    assert networks_of(["W1", "W2"]) == ["alexnet-object", "alexnet-place"]
    assert set(networks_of(CLAIMS)) >= {"resnet50-place", "taskonomy-edge3d"}


def test_command_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "--world", "noise", "--claims", "W1", "W2", "--seeds", "2", "--json", *OPTIONS]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["W1", "W2"]
    for one in found.values():
        assert set(one) == {"holds", "contradicted", "undecided", "n", "n_best", "effect"}
        assert one["n"] == 2 and one["n_best"] == 2 and one["holds"] == one["contradicted"] == 0


def test_command_counts_from_the_first_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    monkeypatch.setattr(
        "lib.app.claims.simulated_verdicts", lambda c, w, seeds, *a, **k: asked.append(seeds) or {w[0]: {}}
    )
    main(["claims", "--claims", "W1", "--seeds", "3", "--first-seed", "200"])
    assert asked == [range(200, 203)]


def test_command_without_json_is_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    main(["claims", "--world", "noise", "--claims", "W1", "--seeds", "1", *OPTIONS])
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["claim", HOLDS, CONTRADICTED, UNDECIDED, "seeds", "effect"]
    assert line.split() == ["W1", "0%", "0%", "0%", "1"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seeds", "0"], "--seeds: must be a whole number, at least 1; found '0'"),
        (["--n-images", "1.5"], "--n-images: must be a whole number"),
        (["--voxels-per-roi", "-3"], "--voxels-per-roi: must be a whole number"),
        (["--voxels-per-roi", "1000000000"], "this machine has"),
        (["--weights", "none"], "none"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["claims", "--claims", "W1", *OPTIONS, *options])
    except SystemExit as refused:
        status = refused.code
    message = capsys.readouterr().err
    assert status == 2 and sentence in message and message.count("\n") == 1


@pytest.mark.slow("simulates several worlds")
def test_worlds_of_one_seed_are_decided_together_as_each_alone() -> None:
    size = {"n_images": 60, "voxels_per_roi": 40}
    together = simulated_verdicts(["W8"], ["noise", "flat"], [3], "untrained", **size)
    alone = simulated_verdicts(["W8"], ["flat"], [3], "untrained", **size)
    assert together["flat"]["W8"] == alone["flat"]["W8"] and together["noise"]["W8"][0].outcome == UNTESTED


def test_claims_are_left_out_of_worlds_that_are_not_theirs() -> None:
    assert simulated_verdicts(["W1"], ["resnet-brain"], [0], **TINY) == {"resnet-brain": {}}
    assert simulated_verdicts(["W1"], ["noise"], [0], analysis="matched", **TINY) == {"noise": {}}


def test_measured_data_add_their_column(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = {name for name, claim in CLAIMS.items() if claim.kind == "encoding"}
    fake = STUDY_KINDS["encoding"].simulate(
        worlds=["flat"], seed=0, networks=["alexnet-object"], weights="untrained", analysis="", **TINY
    )
    kind = replace(STUDY_KINDS["encoding"], measure=lambda **_: fake["flat"])
    monkeypatch.setitem(STUDY_KINDS, "encoding", kind)
    found = ledger([], [], "untrained", dataset="nsd", subject=2)
    assert list(found.measured) == ["nsd, participant 2, untrained networks"] and not found.simulated
    (column,) = found.columns.values()
    assert set(column) == claims and column["W7"][0].outcome == UNTESTED


def test_verdicts_of_several_people_in_a_file_are_read_back_and_judged_together(tmp_path: Path) -> None:
    parts = [ClaimPart(Interval(effect, effect - 0.1, effect + 0.1), "score") for effect in (0.3, 0.35, 0.4)]
    people = [Verdict("W1", HOLDS, one.effect, "V1", {"V1": one}) for one in parts]
    of_all = replace(people[0], claim="Y1")  # already about all people
    column = {"simulated": False, "verdicts": {"W1": [asdict(one) for one in people], "Y1": [asdict(of_all)]}}
    (tmp_path / VERDICTS).write_text(json.dumps({"three": column}))
    found = sweep_ledger(str(tmp_path)).measured
    assert found["three"]["W1"] == people
    assert found["three"]["Y1"] == [of_all] and list(found["three: people in general"]) == ["W1"]
    (together,) = found["three: people in general"]["W1"]
    assert (together.outcome, together.where) == (HOLDS, "V1; holds in 3 of 3 people")
    half = 4.302653 * np.std([0.3, 0.35, 0.4], ddof=1) / np.sqrt(3)
    assert together.effect.low == pytest.approx(0.35 - half) and together.effect.high == pytest.approx(0.35 + half)


def test_a_page_takes_fewer_images_than_the_command_and_both_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def simulate(worlds: list[str], n_images: int, **_: object) -> dict[str, object]:
        asked.append(n_images)
        return dict.fromkeys(worlds)

    monkeypatch.setitem(STUDY_KINDS, "encoding", replace(STUDY_KINDS["encoding"], simulate=simulate))
    monkeypatch.setattr("lib.claims.rates.evaluate", lambda study, claims: [verdict(HOLDS)] * len(claims))
    ledger(["flat"], [0], "miniature")
    simulated_verdicts(["W1"], ["flat"], [0])
    simulated_verdicts(["W1"], ["flat"], [0], n_images=7)
    sizes = STUDY_KINDS["encoding"].sizes
    assert asked == [sizes.page.n_images, sizes.claims.n_images, 7] and asked[0] < asked[1]
