"""A sweep gathered: the table against the results themselves, a picture per network, and the ledger's column."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from measured import write_tiny_laion
from PIL import Image

from lib.__main__ import main
from lib.analysis.encoding import encode
from lib.analysis.encoding_study import encoding_study
from lib.analysis.loading import load_participant
from lib.app.sweep.collect import done_tasks
from lib.app.sweep.command import Sweep
from lib.app.sweep.forecast import encoding_forecast, encoding_size
from lib.app.sweep.store import Store, fingerprint
from lib.app.sweep.tasks import Task, make_grid
from lib.app.sweep.worker import perform
from lib.claims import UNTESTED, evaluate
from lib.claims.rates import ledger, sweep_ledger
from lib.claims.studies import n_best_of
from lib.data import Participant
from lib.networks import load_network

pytestmark = pytest.mark.slow("computes a sweep")

SMALL = {"n_images": [60], "voxels_per_roi": [6], "world": ["flat"]}
PAIR = ("alexnet-object", "alexnet-place")
GOD = {"n_units": [4], "n_voxels": [10], "world": ["noise"], "n_images": [60], "voxels_per_roi": [6]}


def carry_out(grid: list[Task], out: Path) -> None:
    """What the sweep does, without workers."""
    marks = {task.name: fingerprint(task) for task in grid}
    outcomes = {task.name: perform(task, out, marks[task.name], None) for task in grid}
    assert not any(outcome.failure for outcome in outcomes.values())
    Sweep(Store(out), {task: marks[task.name] for task in grid}, {}, outcomes).write_manifest()


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two participants encoded by two networks, and decoded by one."""
    out = tmp_path_factory.mktemp("sweep")
    encoding = make_grid(["encoding"], {"subject": [1, 2], "network": list(PAIR), **SMALL})
    decoding = make_grid(["decoding"], {"subject": [1, 2], "network": ["alexnet-object"], **GOD})
    carry_out([*encoding, *decoding], out)
    assert main(["collect", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def second() -> Participant:
    return load_participant(subject=2, **{name: values[0] for name, values in SMALL.items()})


def test_the_table_holds_the_means_of_single_runs(collected: Path, second: Participant) -> None:
    table = pd.read_parquet(collected / "table.parquet")
    result = encode(second, load_network("alexnet-place"))
    rows = table[(table.what == "encoding") & (table.subject == 2) & (table.network == "alexnet-place")]
    assert len(rows) == 11 * 8  # ten ROIs and all voxels; seven layers and the stack
    ppa = rows[rows.roi == "PPA"].set_index("layer")
    for i, layer in enumerate(result.layers):
        assert ppa.loc[layer, "score"] == result.score[i, second.roi("PPA")].mean()
        assert ppa.loc[layer, "weight"] == result.weights[i, second.roi("PPA")].mean()
    assert ppa.loc["stack", "score"] == result.stacked_score[second.roi("PPA")].mean()
    assert (ppa.n == 6).all() and ppa.simulated.all() and (ppa.world == "flat").all() and (ppa.seed == 0).all()
    everywhere = rows[rows.roi == "all voxels"].set_index("layer")
    assert everywhere.loc["stack", "correlation"] == result.stacked_correlation.mean()
    decoded = table[table.what == "decoding"]
    assert len(decoded) == 2 * 8 * 10 and decoded.score.between(-1, 1).all() and decoded.n.between(1, 4).all()


def test_a_picture_per_network_that_says_simulated(collected: Path) -> None:
    names = sorted(path.name for path in (collected / "figures").iterdir())
    assert names == ["decoding_alexnet-object_2.png", "encoding_alexnet-object_1.png", "encoding_alexnet-place_1.png"]
    pixels = np.asarray(Image.open(collected / "figures" / names[1]).convert("RGB")).reshape(-1, 3)
    assert (pixels == (0xD5, 0x5E, 0x00)).all(1).any()  # the stamp's colour


def test_the_ledger_gets_a_column_with_the_verdicts_of_single_runs(collected: Path, second: Participant) -> None:
    others = sweep_ledger(str(collected))
    assert list(others.simulated) == [
        "sweep: world flat, 2 participants, n_images 60, voxels_per_roi 6",
        "sweep: world flat, 2 participants, n_images 60, voxels_per_roi 6: people in general",
        "sweep: world noise, 2 participants, n_images 60, voxels_per_roi 6, n_units 4, n_voxels 10",
    ]
    assert not others.measured
    column = others.simulated["sweep: world flat, 2 participants, n_images 60, voxels_per_roi 6"]
    study = encoding_study(second, PAIR, n_best=n_best_of(6))
    assert {verdict.claim: column[verdict.claim][1] for verdict in evaluate(study)} == {
        v.claim: v for v in evaluate(study)
    }
    assert column["W3"][0].outcome == UNTESTED  # ResNet50 was not in the sweep
    kept = next(t.brain for t in done_tasks(collected) if (t.what, t.analysis.subject) == ("encoding", 2))
    np.testing.assert_array_equal(kept.coordinates, second.coordinates)  # by which cortex is cut into blocks
    (together,) = others.simulated[list(others.simulated)[1]]["W1"]
    assert together.where.endswith("; holds in 0 of 2 people")
    assert ledger([], [], "miniature", sweep=str(collected)) == others


def test_room_on_the_disk_was_forecast(collected: Path) -> None:
    """Activations of two people's pictures by two networks, and their results."""
    grid = make_grid(["encoding"], {"subject": [1, 2], "network": list(PAIR), **SMALL})
    found = [*(collected / "results").glob("encoding*"), *(collected / "shared/features").rglob("*.npy")]
    decoded = [path for path in found if path.stat().st_size < 4 * 60 * 1000]
    expected = sum(encoding_forecast(task.analysis).kept for task in grid)
    assert expected == pytest.approx(sum(path.stat().st_size for path in found), rel=0.1), (found, decoded)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep over two participants in LAION's layout, the second with the first one's files under another name."""
    folder = tmp_path_factory.mktemp("laion")
    root = write_tiny_laion(folder / "data").root
    for path in [path for path in root.rglob("*") if path.is_file() and "sub-01" in path.name]:
        other = root / str(path.relative_to(root)).replace("sub-01", "sub-03")
        other.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, other)
    axes = {"dataset": ["laion"], "data_root": [str(root)], "subject": [1, 3], "network": list(PAIR)}
    carry_out(make_grid(["encoding"], axes), folder / "out")
    assert main(["collect", str(folder / "out")]) == 0
    return folder / "out"


def test_people_of_laion_end_in_a_column_and_in_a_figure_with_a_line_each(people: Path) -> None:
    others = sweep_ledger(str(people))
    name = "sweep: laion, 2 participants"
    assert list(others.measured) == [name, f"{name}: people in general"] and not others.simulated
    assert len(others.measured[name]["W1"]) == 2 and len(others.measured[f"{name}: people in general"]["W1"]) == 1
    table = pd.read_parquet(people / "table.parquet")
    assert set(table.participant) == {"LAION-fMRI participant 1", "LAION-fMRI participant 3"}
    assert {path.name for path in (people / "figures").iterdir()} == {f"encoding_{network}.png" for network in PAIR}


def test_size_of_a_task_on_laion_is_read_from_its_files(people: Path) -> None:
    (task, *_) = [one.analysis for one in done_tasks(people)]
    person = task.participant(people / "shared")
    size = encoding_size(task)
    assert (size.n, size.m, size.voxels) == (len(person.train), len(person.test), person.n_voxels)


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", str(tmp_path)]) == 2
    assert "manifest.json: expected what `python -m lib sweep` writes" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="python -m lib collect"):
        sweep_ledger(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    ["x", "[]", "{}", '{"tasks": 3}', '{"tasks": [{}]}', '{"tasks": [{"state": "done", "what": "encoding"}]}'],
)
def test_a_list_of_tasks_that_is_none_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / "manifest.json").write_text(content)
    assert main(["collect", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "manifest.json: expected what `python -m lib sweep` writes, found " in message and message.count("\n") == 1


def test_a_result_that_is_cut_off_or_gone_is_named(
    collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(collected, tmp_path / "sweep"))
    path = next((folder / "results").iterdir())
    path.write_bytes(path.read_bytes()[:-100])
    assert main(["collect", str(folder)]) == 2
    assert f"{path}: expected the result as it was written, found another: sweep with" in capsys.readouterr().err
    path.unlink()
    assert main(["collect", str(folder)]) == 2
    assert f"{path}: expected the result of " in capsys.readouterr().err
