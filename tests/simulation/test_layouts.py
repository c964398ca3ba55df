"""Participants written in the layouts of measured data, and read back: the same, up to int16 and (NSD) JPEG."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from torch import from_numpy
from torch.nn.functional import interpolate

from lib.__main__ import main
from lib.analysis.decoding import Choices
from lib.analysis.decoding_study import decoding_study, units_to_decode
from lib.analysis.encoding import encode
from lib.analysis.loading import load_everybody, load_participant
from lib.app import simulate as layouts
from lib.app.simulate import write_layout
from lib.data import Participant
from lib.data.participant import Stimuli
from lib.figures.decoding import pictures_shown
from lib.networks import load_network
from lib.simulation.god_like import simulate_god_worlds
from lib.simulation.nsd_layout import nsd_ids

SIZE = {"n_images": 500, "voxels_per_roi": 40}  # so many that the best layer does not hang on the last digit
GOD_SIZE = {"n_images": 64, "voxels_per_roi": 11}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices are small here; more threads only get in each other's way."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Participant, Participant]:
    """The participant simulated in memory, and the same one from disk."""
    root = tmp_path_factory.mktemp("simulated") / "nsd"
    write_layout("nsd", root, [2], **SIZE)
    return load_participant("simulated", 2, **SIZE), load_participant("nsd", 2, root)


@pytest.mark.slow("writes and reads hundreds of pictures of NSD's size")
def test_nsd_layout_gives_the_same_participant(pair: tuple[Participant, Participant]) -> None:
    memory, disk = pair
    for part in ("train", "test"):
        a, b = getattr(memory, part), getattr(disk, part)
        np.testing.assert_array_equal(nsd_ids(a.stimulus_ids, 2), b.stimulus_ids)
        np.testing.assert_allclose(a.responses, b.responses, atol=0.003)
        np.testing.assert_array_equal(a.n_repeats, b.n_repeats)
    for roi, mask in memory.rois.items():
        np.testing.assert_array_equal(mask, disk.rois[roi])
    np.testing.assert_allclose(memory.noise_ceiling, disk.noise_ceiling, rtol=1e-5)
    np.testing.assert_allclose(np.diff(memory.coordinates, axis=0), np.diff(disk.coordinates, axis=0))


@pytest.mark.slow("writes and reads hundreds of pictures of NSD's size")
def test_nsd_layout_says_that_it_is_simulated(pair: tuple[Participant, Participant]) -> None:
    source = pair[1].source
    assert pair[1].name == pair[0].name == "simulated participant 2"
    assert source.simulated and source.world == "as-published" and source.description.startswith("simulated")


@pytest.mark.slow("writes and reads hundreds of pictures of NSD's size")
def test_nsd_layout_shows_the_same_pictures(pair: tuple[Participant, Participant]) -> None:
    memory, disk = pair
    for a, b in zip(memory.images(memory.test)[:10], disk.images(disk.test)[:10], strict=True):
        assert b.shape == (425, 425, 3)
        large = from_numpy(b.copy()).permute(2, 0, 1)[None].float()
        small = interpolate(large, (64, 64), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
        assert np.sqrt(np.mean((small - a) ** 2)) < 5  # grey levels; without sharpening it is about 10


@pytest.mark.slow("writes and reads hundreds of pictures of NSD's size")
def test_nsd_layout_gives_the_same_figure(pair: tuple[Participant, Participant]) -> None:
    network = load_network("alexnet-object")
    memory, disk = (encode(participant, network) for participant in pair)
    for mask in (pair[0].roi("V1") | pair[0].roi("V2") | pair[0].roi("V3"), pair[0].roi("FFA") | pair[0].roi("PPA")):
        a, b = (result.score[:, mask].mean(1) for result in (memory, disk))
        assert a.argmax() == b.argmax()
        assert np.abs(a - b).max() < 0.03  # .01 at the default size; 40 voxels and 75 test images are fewer


@pytest.fixture(scope="module")
def god_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Participants 1 and 3 on disk."""
    root = tmp_path_factory.mktemp("simulated") / "god"
    write_layout("god", root, [1, 3], world="noise", seed=4, **GOD_SIZE)
    written = ["ImageFeatures.h5", "Subject1.h5", "Subject3.h5", "images"]
    assert sorted(path.name for path in root.iterdir()) == written
    return root


@pytest.fixture(scope="module")
def god_pair(god_root: Path) -> tuple[Participant, Participant]:
    memory = load_participant("simulated", 3, world="noise", seed=4, layout="god", **GOD_SIZE)
    return memory, load_participant("god", 3, god_root)


def test_god_layout_gives_the_same_participant(god_pair: tuple[Participant, Participant]) -> None:
    memory, disk = god_pair
    assert (len(disk.train), len(disk.test_trials), len(disk.imagery)) == (64, 50 * 35, 50 * 10)
    for part in ("train", "test", "test_trials", "imagery"):
        np.testing.assert_array_equal(getattr(memory, part).stimulus_ids, getattr(disk, part).stimulus_ids)
        np.testing.assert_allclose(getattr(memory, part).responses, getattr(disk, part).responses, atol=1e-6)
    for roi, mask in memory.rois.items():
        np.testing.assert_array_equal(mask, disk.rois[roi])
    np.testing.assert_allclose(memory.noise_ceiling, disk.noise_ceiling, atol=1e-6)
    np.testing.assert_array_equal(memory.coordinates, disk.coordinates)
    assert disk.source.simulated and disk.source.world == "noise"
    assert (disk.rois["HVC"] & ~disk.rois["LOC"] & ~disk.rois["FFA"] & ~disk.rois["PPA"]).any()
    for a, b in zip(memory.images(memory.test)[:5], disk.images(disk.test)[:5], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow("decodes two networks from two participants twice")
def test_god_layout_gives_the_same_decoding(god_root: Path) -> None:
    memory = simulate_god_worlds(["noise"], subjects=(1, 3), seed=4, **GOD_SIZE)["noise"]
    networks, choices = ("alexnet-object", "resnet50-object"), Choices(n_voxels=8)
    a = decoding_study(memory, networks, choices=choices)
    b = decoding_study(load_everybody("god", god_root), networks, choices=choices, data_root=str(god_root))
    assert list(a.networks) == list(b.networks) == list(networks)
    for network in networks:
        assert a.layers(network) == b.layers(network)
        for layer in a.layers(network):
            np.testing.assert_allclose(a.scores(network, layer), b.scores(network, layer), atol=1e-5)


def test_as_many_units_are_kept_of_published_features_as_of_any_network(god_root: Path) -> None:
    participant = load_participant("god", 1, god_root)
    units = units_to_decode(participant, ["alexnet-object", "resnet50-object"], n_units=5, data_root=str(god_root))
    assert {values.shape[1] for one in units.values() for values in one.layers.values()} == {5}


@pytest.mark.parametrize("kept", [0, 0.67, 1])
def test_networks_are_left_out_whose_photographs_are_missing(god_root: Path, tmp_path: Path, kept: float) -> None:
    shutil.copytree(god_root, tmp_path / "god")
    pictures = sorted((tmp_path / "god" / "images").rglob("*.png"))
    for picture in pictures[round(kept * len(pictures)) :]:
        picture.unlink()
    participant, networks = load_participant("god", 1, tmp_path / "god"), ["alexnet-object", "resnet50-object"]
    words = f"expected 114 images, found {round(kept * 114)}" if kept < 1 else ""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        units = units_to_decode(participant, networks, n_units=5, data_root=str(tmp_path / "god"))
    assert list(units) == (networks if kept == 1 else networks[:1])
    assert [str(one.message).startswith("Left out: resnet50-object. ") for one in said] == [True] * (kept < 1)
    assert words in participant.stimuli.absent and (participant.stimuli.absent == "") == (kept == 1)
    if kept < 1:
        with pytest.raises(FileNotFoundError, match=words):  # nothing is published for it
            units_to_decode(participant, networks[1:], n_units=5, data_root=str(tmp_path / "god"))


def test_pictures_are_shown_by_category_or_said_to_be_missing(god_pair: tuple[Participant, Participant]) -> None:
    for participant in god_pair:
        axes = pictures_shown(participant, n_categories=2).axes
        assert [ax.get_ylabel() for ax in axes[::8]] == ["training,\ncategory 1", "training,\ncategory 2", "test"]
        for ax, image_id in zip(axes[8:16], np.unique(participant.train.stimulus_ids)[8:16], strict=True):
            np.testing.assert_array_equal(ax.images[0].get_array(), participant.stimuli[int(image_id)])

    def missing(_: int) -> np.ndarray:
        raise FileNotFoundError("no such picture")

    assert "no such picture" in pictures_shown(replace(god_pair[1], stimuli=Stimuli("none", missing))).data


def test_god_layout_is_read_by_bdpy(god_pair: tuple[Participant, Participant], tmp_path: Path) -> None:
    bdpy = pytest.importorskip("bdpy", reason="bdpy needs Python < 3.12")
    write_layout("god", tmp_path / "god", [2], world="noise", n_images=16, voxels_per_roi=7)
    bdata, ours = bdpy.BData(str(tmp_path / "god" / "Subject2.h5")), load_participant("god", 2, tmp_path / "god")
    kind = bdata.select("DataType")[:, 0]
    for roi, mask in ours.rois.items():
        theirs = bdata.select(f"ROI_{roi} = 1")
        np.testing.assert_array_equal(theirs[kind == 1], ours.train.responses[:, mask])
        np.testing.assert_array_equal(theirs[kind == 2], ours.test_trials.responses[:, mask])
    labels = bdata.select("stimulus_id")[:, 0]
    np.testing.assert_array_equal(np.rint(labels[kind == 3] * 1e6), ours.imagery.stimulus_ids)
    np.testing.assert_array_equal(bdata.get_metadata("voxel_y", where="VoxelData"), ours.coordinates[:, 1])


def test_god_plants_what_its_world_says() -> None:
    participant = load_participant("simulated", 1, layout="god", n_images=96, voxels_per_roi=10)
    noise = load_participant("simulated", 1, layout="god", world="noise", n_images=96, voxels_per_roi=10)
    assert participant.noise_ceiling.mean() > 0.6 > 0.3 > noise.noise_ceiling.mean()


def command(out: Path, *more: str) -> list[str]:
    options = ["--layout", "nsd", "--world", "noise", "--images", "250", "--voxels", "4", *more]
    return [sys.executable, "-m", "lib", "simulate", str(out), *options]


def no_more_than_100_kilobytes() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.slow("starts a process that loads PyTorch")
def test_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path / "out"), preexec_fn=no_more_than_100_kilobytes, capture_output=True, text=True, timeout=120
    )
    lines = [line for line in done.stderr.splitlines() if "simulate:" in line]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert "out: could not be written (" in lines[0] and lines[0].endswith(").")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow("starts processes that load PyTorch")
def test_killed_run_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(command(out, "--voxels", "40"), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("nsd_stimuli.hdf5")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list(tmp_path.rglob("nsd_stimuli.hdf5")) and not out.exists()
    write_layout("god", out, [1], world="noise", n_images=8, voxels_per_roi=4)
    assert load_participant("god", 1, out).n_voxels == 32


def test_error_inside_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layouts, "write_images", full)
    with pytest.raises(OSError, match=r"out: could not be written \(No space left on device\)\.$"):
        write_layout("god", tmp_path / "out", [1], world="noise", n_images=8, voxels_per_roi=4)
    assert list(tmp_path.iterdir()) == []


def test_command_line_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["simulate", "--layout", "god", out, "--world", "noise", "--images", "8", "--voxels", "4"]) == 0
    assert "simulated, world 'noise'" in capsys.readouterr().out
    assert main(["simulate", "--layout", "god", out, "--world", "noise"]) == 2
    assert "expected a new or empty folder" in capsys.readouterr().err
