"""What leaves a notebook is what it held: arrays in NetCDF, maps on mirrored and oblique affines, choices."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from measured import LAION_AFFINE, write_tiny_laion

from lib.analysis.encoding import encode_features, fit_encoding
from lib.analysis.loading import load_participant
from lib.analysis.presets import EncodingRun, analyse, encoding_choices
from lib.analysis.results import voxel_maps, write_map, write_results
from lib.data.embeddings import read_embeddings

TURNED = np.array([[1.2, -0.9, 0.1, 4], [0.9, 1.2, 0.0, -7], [-0.1, 0.0, 1.8, 2], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> EncodingRun:
    """Tiny, with a voxel that could not be fitted."""
    root = write_tiny_laion(tmp_path_factory.mktemp("laion") / "data").root
    choices = encoding_choices("careful", "laion", "miniature")
    person = load_participant("laion", 1, root, **choices.reading)
    return analyse(person, ("alexnet-object", "taskonomy-edge2d"), choices)


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
    result, maps = run.study.encoding["alexnet-object"], voxel_maps(run.study)
    fitted = np.isfinite(result.stacked_score)
    assert (~fitted).sum() == 1 and np.isnan(maps["alexnet-object_preferred_layer"][~fitted]).all()
    np.testing.assert_array_equal(maps["alexnet-object_preferred_layer"][fitted], 1 + result.score[:, fitted].argmax(0))
    depth = (result.weights.T @ np.arange(1, 8))[fitted]
    np.testing.assert_allclose(maps["alexnet-object_depth"][fitted], depth)


READ = """
import json, sys
import numpy as np
from scipy.io import netcdf_file
with netcdf_file(sys.argv[1], mmap=False) as file:
    text = lambda name: ["".join(row.astype(str)).rstrip("\\0") for row in file.variables[name][:]]
    np.savez(sys.argv[2], **{name: file.variables[name][:] for name in ("score", "weights", "stacked_score", "ijk")})
    dimensions = {name: file.variables[name].dimensions for name in ("score", "stacked_score", "in_roi")}
    print(json.dumps([text("layer_network"), text("layer_name"), text("roi"), dimensions, file.choices.decode()]))
"""


def test_a_fresh_process_reads_the_numbers_with_scipy_alone(run: EncodingRun, tmp_path: Path) -> None:
    written = write_results(run, tmp_path / "out")
    assert {path.name for path in written} >= {"results.nc", "choices.csv", "taskonomy-edge2d_depth.nii.gz"}
    words = [sys.executable, "-c", READ, str(tmp_path / "out/results.nc"), str(tmp_path / "read.npz")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    networks, layers, rois, dimensions, choices = json.loads(done.stdout)
    read, results = np.load(tmp_path / "read.npz"), run.study.encoding
    for name, result in results.items():
        rows = [row for row, network in enumerate(networks) if network == name]
        assert [layers[row] for row in rows] == list(result.layers)
        np.testing.assert_array_equal(read["score"][rows], result.score)
        np.testing.assert_array_equal(read["weights"][rows], result.weights)
    np.testing.assert_array_equal(read["stacked_score"], [result.stacked_score for result in results.values()])
    np.testing.assert_array_equal(read["ijk"], run.participant.space.voxels)
    assert rois == list(run.participant.rois) and dimensions["score"] == ["layer", "voxel"]
    assert dimensions["stacked_score"] == ["network", "voxel"] and dimensions["in_roi"] == ["roi", "voxel"]
    assert json.loads(choices)["regression"] == dict(run.table().rows)["regression"]
    rows = list(csv.reader((tmp_path / "out/choices.csv").open(newline="")))
    assert rows == [list(run.table().header), *(list(row) for row in run.table().rows)]


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
