"""Plant it yourself: the script of the page finds what the library finds."""

import base64
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest
from browser import ROOT, chromium, find_chromium
from playwright.sync_api import Error, Page

from lib.claims.claim import HOLDS, UNTESTED
from lib.figures.plant import (
    N_COMPONENTS,
    N_STORED,
    Planting,
    analyse_area,
    claim_of_layer,
    draw_normals,
    plant_area,
    plant_explorer,
    stored_components,
)
from lib.networks import load_network
from lib.simulation.nsd_like import shown_pictures

# What drives the voxels, ncsnr, training images, repeats, seed; and the layer that is claimed to lead.
SETTINGS = [
    (Planting([0, 0, 6, 0, 0, 0, 2, 2]), "Conv-3"),
    (Planting([0, 0, 6, 0, 0, 0, 2, 2], images=60), "Conv-3"),
    (Planting([0, 0, 6, 0, 0, 0, 2, 2], repeats=10, images=300), "Conv-3"),
    (Planting([0, 0, 1, 0, 0, 0, 1, 0], seed=1), "FC-7"),
    (Planting([0, 0, 0, 0, 0, 1, 1, 0], ncsnr=1.5, repeats=10), "Conv-5"),
    (Planting([1, 0, 0, 0, 0, 0, 0, 0], ncsnr=0.1, repeats=1), "Conv-1"),
    (Planting([0, 0, 0, 0, 0, 0, 0, 0], seed=2), "Conv-2"),
    (Planting([0, 0, 0, 0, 0, 0, 0, 1], ncsnr=1.0), "FC-6"),
    (Planting([1, 1, 1, 1, 1, 1, 1, 0], images=240, seed=3), "Conv-4"),
    (Planting([0, 3, 0, 0, 10, 0, 0, 0], ncsnr=0.7, images=120, repeats=2, seed=4), "Conv-5"),
]
READ = """([settings, claimed]) => {
  const data = JSON.parse(document.querySelector("figure script").textContent);
  const layers = plant.layersOf(data), found = plant.analyse(data, layers, settings);
  const all = (what) => found.map((one) => one[what].whole);
  const verdicts = ["weights", "scores"].map((measure) => plant.verdict(data, found, measure, claimed));
  const responses = plant.responses(layers, data.voxels, settings);
  return { responses, scores: all("scores"), weights: all("weights"), verdicts };
}"""


@pytest.fixture(scope="module")
def figure() -> str:
    """The figure of the page."""
    pictures = shown_pictures(1, 0, N_STORED)
    return plant_explorer(
        load_network("alexnet-object"), pictures, {"Conv-3": 6, "FC-7": 2, "no layer": 2}, "Conv-3"
    ).data


@pytest.fixture(scope="module")
def payload(figure: str) -> dict:
    """The numbers that the page stores."""
    return json.loads(re.search(r"<script[^>]*>(.*?)</script>", figure, re.DOTALL)[1])


@pytest.fixture(scope="module")
def features(payload: dict) -> dict[str, np.ndarray]:
    """The stored layers."""
    return {
        layer["name"]: np.frombuffer(base64.b64decode(layer["values"]), np.int8).reshape(-1, N_COMPONENTS)
        * layer["step"]
        for layer in payload["layers"]
    }


@pytest.fixture(scope="module")
def page(figure: str) -> Iterator[Page]:
    """A page that holds the figure and its scripts, and nothing else."""
    try:
        with chromium(find_chromium()) as browser:
            page = browser.new_page()
            page.set_content(f"<main>{figure}</main>")
            for name in ("plant.js", "explorer.js"):
                page.add_script_tag(path=ROOT / "book" / "assets" / name)
            yield page
    except Error as error:
        if "Executable doesn't exist" not in str(error):
            raise
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Chromium")


@pytest.mark.slow("a browser and ten analyses")
@pytest.mark.parametrize(("planting", "claimed"), SETTINGS)
def test_the_script_finds_what_the_library_finds(
    page: Page, features: dict[str, np.ndarray], planting: Planting, claimed: str
) -> None:
    result = analyse_area(features, planting)
    found = page.evaluate(READ, [asdict(planting), result.layer(claimed)])
    np.testing.assert_allclose(found["responses"], plant_area(features, planting), atol=1e-9)
    np.testing.assert_allclose(np.array(found["scores"]).T, [*result.score, result.stacked_score], atol=1e-3)
    np.testing.assert_allclose(np.array(found["weights"]).T, result.weights, atol=1e-3)
    for measure, told in zip(("weights", "score"), found["verdicts"], strict=True):
        lead, outcome = claim_of_layer(result, measure, claimed)
        interval = lead.interval()
        assert told["outcome"] == outcome
        if outcome == UNTESTED:
            continue  # no lead is shown: layers that all predict nothing have no weights of their own
        np.testing.assert_allclose(
            [told["ahead"], told["low"], told["high"]], [interval.estimate, interval.low, interval.high], atol=1e-3
        )


@pytest.mark.slow("a browser")
def test_the_reader_is_told_what_the_library_finds(page: Page, features: dict[str, np.ndarray]) -> None:
    planting, claimed = SETTINGS[0]
    result = analyse_area(features, planting)
    lead, outcome = claim_of_layer(result, "weights", claimed)
    told = page.locator("output").inner_text()
    assert f"the stack reaches R {result.stacked_score.mean():.2f}" in told
    words = f"{claimed} exceeds every other layer in stacking weight\u201d: {outcome}, lead {lead.interval()}; it is"
    assert words.replace("-0.", "\u22120.") in told
    page.get_by_role("slider", name=re.compile("^Conv-3")).fill("0")
    page.get_by_role("slider", name=re.compile("^FC-7")).fill("10")
    assert "FC-7 83\xa0%, no layer 17\xa0%" in page.locator("output").inner_text()


@pytest.mark.slow("simulates and analyses")
def test_planted_layers_are_found_and_noise_is_not(features: dict[str, np.ndarray]) -> None:
    alone = analyse_area(features, SETTINGS[2][0])
    assert alone.layers[alone.weights.mean(1).argmax()] == "Conv-3"
    assert claim_of_layer(alone, "weights", "Conv-3")[1] == HOLDS
    assert claim_of_layer(analyse_area(features, SETTINGS[6][0]), "weights", "Conv-3")[1] == UNTESTED


def test_normals_are_normal_and_differ_between_seeds() -> None:
    one, other = (draw_normals(seed, 500, 20) for seed in (0, 1))
    assert abs(one.mean()) < 0.03 and abs(one.std() - 1) < 0.03
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.03


def test_responses_have_the_signal_to_noise_that_was_set() -> None:
    features = {"layer": draw_normals(7, 400, N_COMPONENTS)}
    repeated = [plant_area(features, Planting([1, 0], ncsnr=0.5, repeats=n)) for n in (1, 10)]
    share = [0.2, 0.2 + 0.8 / 10]  # variance of the signal, and of the noise of ten trials' mean
    np.testing.assert_allclose([y.var(0).mean() for y in repeated], [1.0, share[1]], atol=0.05)


def test_stored_components_keep_the_largest_directions_of_a_layer() -> None:
    activations = np.random.default_rng(0).normal(size=(60, 40)) * np.r_[np.full(3, 10), np.full(37, 0.1)]
    steps, step = stored_components(activations)
    kept = steps * step
    assert steps.dtype == np.int8 and kept.shape == (60, N_COMPONENTS)
    np.testing.assert_allclose(kept[:, :3].var(0).sum(), activations[:, :3].var(0).sum(), rtol=0.02)


def test_another_number_of_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="images: expected 400, which the page stores, found 10"):
        plant_explorer(load_network("alexnet-object"), shown_pictures(1, 0, 10), {}, "FC-7")


@pytest.mark.slow("extracts 400 pictures")
def test_the_figure_stays_small(figure: str) -> None:
    assert len(figure) + (ROOT / "book" / "assets" / "plant.js").stat().st_size < 150_000


@pytest.mark.slow("a browser")
def test_without_a_script_there_is_a_picture_a_table_and_a_verdict(figure: str) -> None:
    still = re.sub(r"<script.*?</script>", "", figure, flags=re.DOTALL)
    heights = [int(height) for height in re.findall(r'<rect[^>]* height="(\d+)"', still)]
    assert len(heights) == 14 and heights[2] == 60 and max(heights[7:]) == heights[9]  # Conv-3, planted and found
    assert "<td>Conv-3</td><td>0.600</td>" in still and "That Conv-3 has the largest weight: undecided" in still
