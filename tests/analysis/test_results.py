"""What leaves a notebook is what it held: arrays in NetCDF, tables, maps on mirrored and oblique affines."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from measured import LAION_AFFINE, write_tiny_laion

from lib.analysis.encoding import encode_features, fit_encoding
from lib.analysis.loading import load_participant
from lib.analysis.presets import EncodingRun, analyse, encoding_choices
from lib.analysis.results import MAPS, result_arrays, voxel_maps, write_map, write_results
from lib.analysis.variance import feature_spaces, joint_models, standardised_responses
from lib.data.embeddings import read_embeddings

TURNED = np.array([[1.2, -0.9, 0.1, 4], [0.9, 1.2, 0.0, -7], [-0.1, 0.0, 1.8, 2], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> EncodingRun:
    """Tiny, with a voxel that could not be fitted."""
    root = write_tiny_laion(tmp_path_factory.mktemp("laion") / "data").root
    choices = encoding_choices("careful", "laion", "miniature")
    person = load_participant("laion", 1, root, **choices.reading)
    return analyse(person, ("alexnet-object", "taskonomy-edge2d"), choices)


@pytest.fixture(scope="module")
def written(run: EncodingRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "out"
    files = write_results(run, folder, unique=True)
    assert {file.name for file in files} >= {"results.nc", "areas.parquet", "choices.csv"}
    return folder


@pytest.mark.parametrize("affine", [LAION_AFFINE, TURNED], ids=["mirrored", "oblique"])
def test_map_comes_back_as_it_was_written(affine: np.ndarray, run: EncodingRun, tmp_path: Path) -> None:
    space = replace(run.participant.space, affine=affine)
    values = np.arange(run.participant.n_voxels, dtype=np.float32)
    write_map(tmp_path / "map.nii.gz", values, replace(run.participant, space=space))
    image = nibabel.load(tmp_path / "map.nii.gz")
    volume = np.asarray(image.dataobj)
    np.testing.assert_array_equal(volume[tuple(space.voxels.T)], values)
    assert np.isfinite(volume).sum() == len(values)
    np.testing.assert_allclose(image.affine, affine, atol=1e-6)
    if affine is LAION_AFFINE:
        millimetres = nibabel.affines.apply_affine(image.affine, space.voxels)
        np.testing.assert_allclose(millimetres, run.participant.coordinates, atol=1e-4)


def test_maps_say_which_layer(run: EncodingRun) -> None:
    result, maps = run.study.encoding["alexnet-object"], voxel_maps(result_arrays(run))
    fitted = np.isfinite(result.stacked_score)
    assert (~fitted).sum() == 1 and np.isnan(maps["alexnet-object_preferred_layer"][~fitted]).all()
    np.testing.assert_array_equal(maps["alexnet-object_preferred_layer"][fitted], 1 + result.score[:, fitted].argmax(0))
    depth = (result.weights.T @ np.arange(1, 8))[fitted]
    np.testing.assert_allclose(maps["alexnet-object_depth"][fitted], depth)


READ = """
import json, sys
import xarray
found = xarray.open_dataset(sys.argv[1]).isel(participant=0)
lines = {}
for network in found.network.values:
    own = found.sel(network=network)
    own = own.isel(layer=own.layer_name.values != "")
    for roi in found.roi.values:
        inside = own.isel(voxel=found.in_roi.sel(roi=roi).values).dropna("voxel", subset=["stacked_score"])
        best = inside.isel(voxel=(-inside.stacked_score).argsort(kind="stable").values[:3])
        lines[f"{network} {roi}"] = [best.score.values.tolist(), best.weights.values.tolist()]
names = {network: found.sel(network=network).layer_name.values.tolist() for network in found.network.values}
print(json.dumps([lines, names, found.ijk.values.tolist(), dict(found.attrs), "torch" in sys.modules]))
"""


def test_a_fresh_process_draws_figure_1_with_xarray_alone(run: EncodingRun, written: Path, tmp_path: Path) -> None:
    """The lines of the figure: R and weights of each layer for an area's best voxels by test score."""
    words = [sys.executable, "-c", READ, str(written / "results.nc")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    lines, names, ijk, about, torch_loaded = json.loads(done.stdout)
    study = replace(run.study, n_best=3)
    assert not torch_loaded and len(lines) == 2 * len(study.rois())
    for line, (score, weights) in lines.items():
        network, roi = line.split()
        best, result = study.best(network, roi, "test"), study.encoding[network]
        np.testing.assert_array_equal(score, result.score[:, best])
        np.testing.assert_array_equal(weights, result.weights[:, best])
    assert names["alexnet-object"] == list(run.study.encoding["alexnet-object"].layers)
    assert names["taskonomy-edge2d"][3:] == ["Conv-5", "", "", ""]
    np.testing.assert_array_equal(ijk, run.participant.space.voxels)
    assert about["Conventions"] == "CF-1.11" and about["simulated"] == "False"
    assert json.loads(about["choices"]) == dict(run.table().rows)
    assert json.loads(about["versions"])["numpy"] == np.__version__


def test_dimensions_are_those_of_the_field_and_people_can_be_joined(run: EncodingRun, written: Path) -> None:
    with xr.open_dataset(written / "results.nc") as found:
        assert found.score.dims == ("participant", "network", "layer", "voxel")
        assert {"in_roi", "ijk", "noise_ceiling", "position", "affine"} <= set(found.coords)
        assert all("long_name" in found[name].attrs for name in found.data_vars)
        both = xr.concat([found, found.assign_coords(participant=["another"])], "participant")
        assert both.score.shape == (2, 2, 7, run.participant.n_voxels)
        inside = run.participant.roi("V1")
        expected = np.nanmean(run.study.encoding["alexnet-object"].score[2, inside])
        np.testing.assert_allclose(found.score.sel(network="alexnet-object", layer=3)[:, inside].mean(), expected)


@pytest.mark.parametrize("name", ["choices", "areas"])
def test_tables_are_the_same_as_csv_and_parquet(name: str, run: EncodingRun, written: Path) -> None:
    text, binary = pd.read_csv(written / f"{name}.csv"), pd.read_parquet(written / f"{name}.parquet")
    pd.testing.assert_frame_equal(text, binary, check_dtype=False)
    if name == "choices":
        assert dict(text.values) == dict(run.table().rows)
    else:
        row = text[(text.network == "alexnet-object") & (text.roi == "FFA") & (text.layer == 2)]
        scores = run.study.encoding["alexnet-object"].score[1, run.participant.roi("FFA")]
        assert row.score.item() == pytest.approx(np.nanmean(scores)) and row.layer_name.item() == "Conv-2"


def test_maps_are_written_with_their_layers(run: EncodingRun, written: Path) -> None:
    names = {f"{network}_{what}.nii.gz" for network in run.networks for what in MAPS}
    assert {path.name for path in (written / "maps").iterdir()} == names
    volume = np.asarray(nibabel.load(written / "maps/taskonomy-edge2d_score.nii.gz").dataobj)
    found = volume[tuple(run.participant.space.voxels.T)].T
    np.testing.assert_array_equal(found, run.study.encoding["taskonomy-edge2d"].score.astype(np.float32))


def test_unique_variance_is_what_is_lost_without_the_network(run: EncodingRun, written: Path) -> None:
    """Of a voxel that could not be fitted, nobody knows; the rest is that of a joint regression done here by hand."""
    with xr.open_dataset(written / "results.nc") as found:
        unique = found.unique_variance.sel(network="alexnet-object").values.ravel()
    person = run.participant
    spaces = feature_spaces(person, run.networks.values(), run.preprocessing)
    voxels = np.flatnonzero(np.isfinite(run.study.encoding["alexnet-object"].stacked_score))
    own, other = spaces.of("alexnet-object"), spaces.of("taskonomy-edge2d")
    targets = standardised_responses(person, voxels)
    joint = joint_models(spaces, targets, [[*own, *other], other, own])
    np.testing.assert_allclose(unique[voxels], joint.r2([*own, *other]) - joint.r2(other), atol=1e-5)
    assert np.isnan(np.delete(unique, voxels)).all() and len(voxels) == person.n_voxels - 1


def test_nothing_is_written_over(run: EncodingRun, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="expected a new or empty folder"):
        write_results(run, tmp_path / "out")


def test_map_without_a_place_or_with_other_values_is_refused(run: EncodingRun, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nobody knows where its voxels lie"):
        write_map(tmp_path / "map.nii", np.zeros(run.participant.n_voxels), replace(run.participant, space=None))
    with pytest.raises(ValueError, match=r"one for each of the 63 voxels, found \(3,\)"):
        write_map(tmp_path / "map.nii", np.zeros(3), run.participant)


def test_embeddings_stand_in_for_a_network(run: EncodingRun) -> None:
    person = run.participant
    root = Path(person.stimuli.key.rsplit(":", 2)[0]).parents[1]
    features = read_embeddings(root, np.r_[person.train.stimulus_ids, person.test.stimulus_ids])
    found = encode_features(person, features)
    X, n = features.layers["CLIP"], len(person.train)
    expected = fit_encoding({"CLIP": X[:n]}, person.train.responses, {"CLIP": X[n:]}, person.test.responses)
    np.testing.assert_array_equal(found.score, expected.score)
