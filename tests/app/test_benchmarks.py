"""The benchmarks run, agree with their peers, and are shown as recorded."""

import argparse
import json
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks import choices, gpu, harness, rehearsal, resampling, ridge, shapes, stacking, times, verdicts
from benchmarks.__main__ import BENCHMARKS
from benchmarks.sweep import PROMISES
from lib.analysis.presets import ANALYSES
from lib.claims import HOLDS, UNDECIDED, Verdict
from lib.claims.counted import planted_power, share
from lib.claims.rates import JUDGING_SEEDS, POWER_SEEDS, counted_studies
from lib.core.scores import Interval
from lib.figures.benchmarks import benchmark, benchmark_table, machine_note
from lib.simulation.worlds import PLANTING_SEEDS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def results(monkeypatch, tmp_path):
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(harness, "machine", lambda: harness.Machine("test", 2, 1e11, 5e10, 1e10))
    return tmp_path / "results.json"


def test_one_layer_gives_what_the_peers_give():
    data = ridge.simulate(150, 400, 60, n_latent=20)
    ours, k_fold = ridge.ours(data), ridge.ours(data, k_fold=True)
    theirs = {name: peer(data) for name, peer in ridge.PEERS.items()}
    for name, answer in theirs.items():
        assert np.corrcoef(answer.predictions.ravel(), ours.predictions.ravel())[0, 1] > 0.95, name
        assert np.corrcoef(answer.out_of_fold.ravel(), ours.out_of_fold.ravel())[0, 1] > 0.95, name
    exact = theirs["himalaya, torch"]
    same = np.isclose(exact.alphas, k_fold.alphas, rtol=1e-3)
    assert same.mean() > 0.99
    np.testing.assert_allclose(k_fold.predictions[:, same], exact.predictions[:, same], atol=1e-3)


def test_the_peer_of_the_stacking_weights_finds_the_same():
    row = stacking.compare(3, 40, 1)
    assert row["KKT residual"] < 1e-8
    assert row["objective lower by at least"] > -1e-12


@pytest.mark.slow("starts processes that load PyTorch")
def test_jobs_take_turns_and_their_memory_is_seen():
    order = []
    jobs = {name: (lambda name=name: order.append(name) or np.ones(20_000_000).sum()) for name in "ab"}
    runs = harness.in_turns(jobs, 2)
    assert order == ["a", "b", "a", "b"]
    assert all(run.answer == 20_000_000 for run in runs["a"] + runs["b"])
    if harness.CLEAR.exists():
        assert all(run.peak_bytes > 150e6 for run in runs["a"])


def test_phases_are_timed_and_put_back():
    original = ridge.simulate
    with harness.phases({"simulate": (ridge, "simulate")}) as spent:
        ridge.simulate(20, 10, 5)
    assert spent["simulate"]["seconds"] > 0
    assert ridge.simulate is original


def test_rehearsal_in_small_is_recorded(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rehearsal, "machine", harness.machine)
    sizes = ["--images", "120", "--test", "30", "--features", "200", "--layers", "2", "--voxels", "40"]
    rehearsal.main([*sizes, "--folder", str(tmp_path / "data")])
    assert "arithmetic limit" in capsys.readouterr().out
    shown = benchmark("rehearsal", results)
    assert shown["rows"]["size"]["voxels"] == 40
    assert [row["phase"] for row in shown["rows"]["phases"]][-1] == "whole"
    assert "cores of an test" in machine_note(shown).data


@pytest.mark.slow("encodes a participant")
def test_resampling_is_a_part_of_a_studys_time(results, monkeypatch, capsys):
    small = resampling.measure(["alexnet-object"], n_images=80, voxels_per_roi=12)
    monkeypatch.setattr(resampling, "measure", lambda **size: small)
    resampling.main([])
    rows = benchmark("resampling", results)["rows"]["parts"]
    *parts, whole = [row["share"] for row in rows]
    assert "the whole study" in capsys.readouterr().out
    assert whole == 1 and all(0 < share < 1 for share in parts) and sum(parts) < 1


def test_work_of_the_rehearsal_is_counted():
    """Everything but stacking is linear in the number of layers, and the Gram product in that of features."""
    size = {"images": 100, "test": 10, "features": 1000, "layers": 2, "voxels": 30}
    one, two = (rehearsal.work(argparse.Namespace(**size | {"layers": k}), 3) for k in (1, 2))
    assert two.flops32 == 2 * one.flops32
    more = rehearsal.work(argparse.Namespace(**size | {"features": 2000, "layers": 1}), 3)
    assert more.flops32 - one.flops32 == 100**2 * 1000 + 2 * 10 * 100 * 1000


def counted(monkeypatch, path, outcome=HOLDS):
    """Answer every question about simulated studies with one outcome; the list of what was asked."""
    asked = []

    def simulate(claims, worlds, seeds, *, analysis, **size):
        asked.append((analysis, size["n_images"], *seeds, *worlds))
        decided = Verdict("", outcome, Interval(0.1, 0.0, 0.2), "")
        return {world: {name: [decided] for name in claims} for world in worlds}

    monkeypatch.setattr(verdicts, "simulated_verdicts", simulate)
    monkeypatch.setattr(verdicts, "COUNTED", path)
    return asked


def test_verdicts_are_counted_per_world_and_analysis_and_once_only(results, monkeypatch, capsys):
    asked = counted(monkeypatch, results)
    verdicts.main(["decoding", "--seeds", "3"])
    seeds = [JUDGING_SEEDS[i] for i in (0, 0, 1, 1, 2, 2)]
    assert [one[:3] for one in asked] == [
        (("as-published", "matched")[i % 2], 1200, seed) for i, seed in enumerate(seeds)
    ]
    assert capsys.readouterr().out.count("resnet-brain") == 2
    verdicts.main(["decoding", "--seeds", "4"])
    assert len(asked) == 8 and asked[-1][2] == JUDGING_SEEDS[3]
    studies = counted_studies("decoding", JUDGING_SEEDS, results)
    assert len(studies) == 4 * 2 * 4 and share(studies, "Y1") == 1
    assert not counted_studies("encoding", JUDGING_SEEDS, results)


def test_a_study_that_lacks_a_world_is_completed(results, monkeypatch):
    asked = counted(monkeypatch, results)
    for worlds in (["flat"], ["flat", "noise"]):
        found = verdicts.count("encoding", worlds, "as-published", 300, 500)
    assert asked == [("as-published", 500, 300, "flat"), ("as-published", 500, 300, "noise")]
    assert [one.world for one in found] == ["flat", "noise"]


def test_power_is_counted_by_the_number_of_images_on_seeds_of_its_own(results, monkeypatch):
    asked = counted(monkeypatch, results, UNDECIDED)
    verdicts.main(["power", "--seeds", "2", "--images", "50", "60"])
    assert [one[1:] for one in asked] == [(n, seed, "as-published") for seed in (300, 301) for n in (50, 60, 50, 60)]
    planted = counted_studies("encoding", POWER_SEEDS, results)
    assert planted_power(planted, "W1").outcomes == {50: [UNDECIDED] * 2, 60: [UNDECIDED] * 2}


def test_seeds_on_which_worlds_were_chosen_count_for_nothing(results, monkeypatch):
    asked = counted(monkeypatch, results)
    with pytest.raises(ValueError, match="seed 119: expected none of 100 to 119"):
        verdicts.main(["encoding", "--first-seed", "119", "--seeds", "1"])
    assert not asked and not {*JUDGING_SEEDS, *POWER_SEEDS} & {*PLANTING_SEEDS} | {*JUDGING_SEEDS} & {*POWER_SEEDS}


def test_the_page_about_scaling_tells_what_was_recorded():
    recorded = {name: entry["rows"] for name, entry in json.loads(harness.RESULTS.read_text()).items()}
    encode, decode = recorded["sweep workers"]
    cortex = recorded["cortex"]
    forecast, peak = (cortex[key] / 1e9 for key in ("forecast bytes", "peak bytes"))
    told = [
        f"took {decode['one worker']:.0f} seconds on one worker and {decode['two workers']:.0f} on two",
        f"{decode['speedup']:.2f} times as fast",
        f"took {encode['one worker']:.0f} seconds and {encode['two workers']:.0f}, {encode['speedup']:.2f} times",
        f"{forecast:.2f} GB were forecast, {peak:.2f} GB were held",
        f"It took {cortex['seconds'] / 60:.1f} minutes",
        *(
            f"| {row['voxels in a block']:,} | {row['seconds']:.1f} | {row['peak GB']:.2f} GB |"
            for row in recorded["sweep blocks"]
        ),
    ]
    page = " ".join((ROOT / "book" / "scaling.md").read_text().split())
    assert [words for words in told if words not in page] == []


def test_the_page_about_choices_tells_what_was_recorded():
    recorded = json.loads(harness.RESULTS.read_text())["choices"]["rows"]
    page = (ROOT / "book" / "choices.md").read_text()
    rows = [f"| {row['analysis']} | {row['R']:.3f} | {row['deeper']:.3f} |" for row in recorded["specifications"]]
    assert [row for row in rows if not row.startswith("|  |") and row not in page] == []
    for row in recorded["effects"]:
        told = (f"{row[f'{what}, mean']:+.3f} ({row[f'{what}, least']:+.3f} to" for what in ("R", "deeper"))
        assert all(words in page for words in told), row["choice"]
    assert {row["analysis"] for row in recorded["specifications"]} == {"", *ANALYSES}
    assert len(recorded["specifications"]) == np.prod([len(values) for values in choices.CHOICES.values()])


def test_recorded_benchmarks_are_those_that_can_be_run():
    recorded = json.loads(harness.RESULTS.read_text())
    can_be_run = {
        *(*BENCHMARKS, "rehearsal", "cortex", "resampling"),
        *(f"sweep {promise}" for promise in PROMISES),
        verdicts.CALIBRATION,
        verdicts.PHOTOGRAPHS,
    }
    assert set(recorded) <= can_be_run
    assert can_be_run - set(recorded) <= {"extraction", "gpu"}  # pages do without them


def test_shapes_are_drawn_within_their_ranges_and_the_same_again():
    drawn = list(shapes.draw_shapes())
    assert drawn == list(shapes.draw_shapes()) != list(shapes.draw_shapes(seed=1))
    assert len({(one.images, one.features, one.voxels) for one in drawn}) == shapes.N_SHAPES
    assert [one.spectrum for one in drawn[:2]] == ["decaying", "flat"] and len({one.seed for one in drawn}) == 12
    for name, (least, most) in shapes.RANGES.items():
        assert all(least <= getattr(one, name) <= most for one in drawn)


@pytest.mark.parametrize("spectrum", ["decaying", "flat"])
def test_himalaya_given_kernels_finds_what_it_finds_in_features(spectrum):
    data = shapes.LayerShape(100, 150, 20, spectrum, 3).data()
    given, alone = shapes.given_kernels(data), ridge.himalaya(data, "torch")
    np.testing.assert_allclose(given.alphas, alone.alphas)
    np.testing.assert_allclose(given.predictions, alone.predictions, atol=1e-3)
    np.testing.assert_allclose(given.out_of_fold, alone.out_of_fold, atol=1e-3)
    eigenvalues = np.linalg.svd(data.X, compute_uv=False) ** 2
    assert (eigenvalues[0] > 20 * np.median(eigenvalues)) == (spectrum == "decaying")


def test_the_distribution_over_shapes_is_recorded(results, monkeypatch):
    monkeypatch.setattr(shapes, "machine", harness.machine)
    drawn = [shapes.LayerShape(40, 60, 9, "flat", seed) for seed in (1, 2)]
    monkeypatch.setattr(shapes, "draw_shapes", lambda *_, **__: drawn)
    monkeypatch.setattr(shapes, "compare", _compared)
    shapes.main(quick=True)
    (ratio, k_fold, limit) = benchmark("shapes", results)["rows"]["summary"]
    assert ratio == {"over shapes": "ours is faster by", "least": 10.0, "median": 15.0, "most": 20.0}
    assert (k_fold["most"], limit["most"]) == (2.0, 1.5)


def _compared(shape: shapes.LayerShape) -> dict[str, object]:
    ratio = 10.0 * max(1, shape.seed)
    return {"ours is faster by": ratio, "K-fold is faster by": 2.0, "times the limit": 1.5}


def test_without_a_graphics_card_nothing_is_measured_and_that_is_said(results, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    gpu.main()
    assert capsys.readouterr().out == "not measured: this machine has no CUDA device\n" and not results.exists()


def test_effect_of_a_choice_is_its_mean_change_over_all_others():
    """R falls by .1 without z-scoring, and by another .05 where the protocol is the reference."""
    rows = [
        dict(zip(choices.CHOICES, values, strict=True))
        | {"R": 0.5 - (0.1 + 0.05 * (values[2] == "reference")) * (values[0] == "none")}
        | {"deeper": 2.0 + values[1]}
        for values in product(*choices.CHOICES.values())
    ]
    found = {row["is"]: row for row in choices.effects(rows)}
    assert list(found) == ["run", "none", "True", "reference"]
    assert [found["none"][f"R, {what}"] for what in ("mean", "least", "most")] == pytest.approx([-0.125, -0.15, -0.1])
    assert found["True"]["deeper, mean"] == 1 and found["True"]["R, mean"] == 0 == found["run"]["R, mean"]


def test_a_benchmark_that_was_not_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no benchmark 'ridge': run make bench"):
        benchmark("ridge", tmp_path / "results.json")


def test_table_shows_the_columns_asked_for():
    rows = [{"job": "ours", "seconds": 1.23456, "n": 20_000, "limit": None}]
    shown = benchmark_table(rows, {"job": "Job", "seconds": "s", "n": "voxels", "limit": "limit"})._repr_markdown_()
    assert shown.splitlines() == [
        "| Job | s | voxels | limit |",
        "| --- | --- | --- | --- |",
        "| ours | 1.23 | 20,000 |  |",
    ]


def test_timed_commands_know_nothing_of_the_make_that_times_them(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "w")
    monkeypatch.setenv("MAKELEVEL", "1")
    assert times.measure("a command", 'test -z "$MAKEFLAGS$MAKELEVEL"', tmp_path).status == 0


def test_times_stand_between_their_marks_and_nothing_else_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{times.BEGIN}\nold\n{times.END}\n\nafter\n")
    times.write([times.Step("make book", 299.6, 412.2, 3.14e9)], page)
    text = page.read_text()
    assert text.startswith("before\n\n") and text.endswith("\n\nafter\n") and "old" not in text
    assert "| make book | 5.0 | 6.9 | 3.1 |" in text
    times.write([], page)
    assert text.count(times.BEGIN) == page.read_text().count(times.BEGIN) == 1
    page.write_text("no marks")
    with pytest.raises(ValueError, match=r"page.md: expected .* found none"):
        times.write([], page)
    assert times.BEGIN in (ROOT / "CONTRIBUTING.md").read_text()


def test_a_step_tells_the_time_and_memory_of_all_its_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(times, "_LOOK_SECONDS", 0.01)
    code = "x = b'1' * 300_000_000; s = sum(range(6_000_000))"
    step = times.measure("a step", f'{sys.executable} -c "{code}" & wait', tmp_path)
    assert step.peak_bytes > 3e8 and step.processor_seconds > 0.02
    assert step.status == 0


def test_memory_that_processes_share_is_counted_once(tmp_path, monkeypatch):
    monkeypatch.setattr(times, "_LOOK_SECONDS", 0.01)
    code = "import os, time; x = b'1' * 300_000_000; os.fork(); time.sleep(0.5)"
    assert times.measure("a fork", f'{sys.executable} -c "{code}"', tmp_path).peak_bytes < 4e8


def test_a_step_that_fails_is_called_so_and_the_later_ones_are_timed(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"{times.BEGIN}\n{times.END}\n")
    monkeypatch.setattr(times, "STEPS", {"first": "exit 3", "second": "true"})
    monkeypatch.setattr(times, "ROOT", _repository(tmp_path / "original"))
    monkeypatch.setattr(times, "write", partial(times.write, page=page))
    monkeypatch.setattr(sys, "argv", ["times"])
    with pytest.raises(SystemExit, match=r"Failed: first \(exit status 3\)\.$"):
        times.main()
    rows = page.read_text().splitlines()
    assert any(row.startswith("| first, until it failed |") for row in rows)
    assert any(row.startswith("| second |") for row in rows)


def _repository(folder):
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder
