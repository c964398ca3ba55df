"""The HTML of the figures that answer a pointer: what a script will draw, and what stands there without one."""

from dataclasses import replace

import numpy as np
import pytest
from made import FEW, MEASURED, make_study, payload

from lib.analysis.encoding import encode
from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.presets import analyse, encoding_choices
from lib.core.tables import Table
from lib.figures.explorers import explorer, picture_explorer, rounded, voxel_explorer
from lib.networks import load_network
from lib.simulation.nsd_like import simulate


@pytest.mark.parametrize("selection", ["test", "out-of-fold"])
def test_voxels_are_those_of_the_figure_with_their_numbers(study: EncodingStudy, selection: str) -> None:
    found = payload(voxel_explorer(study, selection))["networks"]
    assert list(found) == list(study.encoding)
    for name, result in study.encoding.items():
        assert found[name]["layers"] == list(result.layers) and list(found[name]["rois"]) == list(FEW)
        for roi, shown in found[name]["rois"].items():
            best = study.best(name, roi, selection)
            np.testing.assert_allclose(shown["score"], result.score[:, best].T, atol=6e-4)
            np.testing.assert_allclose(shown["weights"], result.weights[:, best].T, atol=6e-4)
            np.testing.assert_allclose(shown["stack"], result.stacked_score[best], atol=6e-4)
            assert study.participant.noise_ceiling[best].min() > 0.05  # a root is not the number itself
            np.testing.assert_allclose(shown["ceiling"], np.sqrt(study.participant.noise_ceiling[best]), atol=6e-4)


def test_every_roi_stands_in_the_table_with_its_means(study: EncodingStudy) -> None:
    html = voxel_explorer(study).data
    for name, result in study.encoding.items():
        assert html.count(f"<tr><td>{name}</td>") == len(FEW)
        for roi in FEW:
            best = study.best(name, roi, "test")
            score, weights = result.score[:, best].mean(1), result.weights[:, best].mean(1)
            peaks = [f"{result.layers[mean.argmax()]} ({mean.max():.2f})" for mean in (score, weights)]
            ceiling = np.sqrt(study.participant.noise_ceiling[best]).mean()
            cells = (name, roi, *peaks, f"{result.stacked_score[best].mean():.3f}", f"{ceiling:.3f}")
            assert f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" in html


def test_simulated_toy_and_measured_are_told_apart() -> None:
    measured = make_study(source=MEASURED, weights="published", n_best=200)
    assert "SIMULATED DATA" in voxel_explorer(make_study()).data
    assert "explorer-stamp" not in voxel_explorer(measured).data
    toy = voxel_explorer(replace(measured, weights="miniature", n_best=5)).data
    assert '<p class="explorer-stamp">TOY ANALYSIS: miniature networks, 5 best voxels per ROI</p>' in toy


def test_an_unknown_noise_ceiling_is_no_number(study: EncodingStudy) -> None:
    unknown = replace(study.participant, noise_ceiling=np.full(study.participant.n_voxels, np.nan))
    with pytest.warns(RuntimeWarning, match="empty slice"):
        html = voxel_explorer(replace(study, participant=unknown))
    assert payload(html)["networks"]["alexnet-object"]["rois"]["V1"]["ceiling"] == [None] * 4


def test_text_cannot_leave_the_script() -> None:
    html = explorer("voxels", {"name": "</script><b>"}, Table(("<i>",), (("<u>",),), "<s>"), "a < b", "<em>")
    assert html.data.count("</script>") == 1
    assert payload(html) == {"name": "</script><b>"}
    assert "a &lt; b" in html.data and not any(f"<{tag}>" in html.data for tag in ("b", "i", "u", "s", "em"))
    assert 'data-explorer="voxels"' in html.data


def test_numbers_are_rounded_as_deep_as_they_are_nested() -> None:
    assert rounded(np.array([[0.12345, np.nan], [np.inf, 2]]), 3) == [[0.123, None], [None, 2.0]]
    assert rounded(0.12345, 2) == 0.12 and rounded(np.float32("nan"), 2) is None


@pytest.mark.slow("extracts and fits")
def test_picture_explorer_shows_the_clearest_voxel_and_what_the_stack_predicts_of_it() -> None:
    participant, network = simulate(n_images=200, voxels_per_roi=4), load_network("alexnet-object")
    html = picture_explorer(participant, [network])
    shown = payload(html)
    voxel = int(np.flatnonzero(participant.roi("PPA"))[participant.noise_ceiling[participant.roi("PPA")].argmax()])
    train, test = (part.responses[:, voxel] for part in (participant.train, participant.test))
    np.testing.assert_allclose(shown["areas"]["PPA"], (test - train.mean()) / train.std(), atol=6e-4)
    result = encode(participant, network)
    r = np.corrcoef(shown["areas"]["PPA"], shown["predicted"]["alexnet-object"]["PPA"])[0, 1]
    assert r == pytest.approx(result.stacked_correlation[voxel], abs=0.01)
    assert shown["categories"] == [f"image {name}" for name in participant.test.stimulus_ids]
    assert shown["response"] == "simulated response" and "nobody was scanned" in html.data
    assert len(html.data) < 150_000


@pytest.mark.slow("extracts and fits twice")
def test_a_voxels_responses_stand_beside_the_pictures_that_caused_them() -> None:
    person = simulate(n_images=80, voxels_per_roi=40)  # so many that some are predicted well, by few images
    run = analyse(person, ["alexnet-object"], encoding_choices("careful", n_best=4))
    shown = payload(voxel_explorer(run.study, run=run))
    assert shown["pictures"]["n"] == len(person.test) == 12 and shown["pictures"]["response"] == "simulated"
    for roi in ("V1", "FFA"):
        found, best = shown["networks"]["alexnet-object"]["rois"][roi], run.study.best("alexnet-object", roi, "test")
        train, test = (part.responses[:, best] for part in (person.train, person.test))
        np.testing.assert_allclose(found["response"], ((test - train.mean(0)) / train.std(0)).T, atol=6e-3)
        r = [np.corrcoef(*pair)[0, 1] for pair in zip(found["response"], found["predicted"], strict=True)]
        np.testing.assert_allclose(r, run.study.encoding["alexnet-object"].stacked_correlation[best], atol=0.02)
    assert "pictures" not in payload(voxel_explorer(run.study))
