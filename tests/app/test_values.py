"""Parameters are read, checked and shared out before a kernel starts; a wrong one is named in a sentence."""

import os
import subprocess
from pathlib import Path

import pytest

from lib.__main__ import main
from lib.app.notebooks import find_sources, share_out
from lib.app.parameters import Parameter, Value, check_fits, check_values, parse_pairs, parse_value
from lib.core.disk import ROOT

DECLARED = {
    one.name: one
    for one in (
        Parameter("subject", "1", "number of the participant"),
        Parameter("seed", "0"),
        Parameter("shift", "-1"),
        Parameter("share", "0.5", "of the voxels, 0 to 1"),
        Parameter("rate", "1e-3"),
        Parameter("n_images", "1000", "seen, at least 10"),
        Parameter("n_seeds", "None"),
        Parameter("voxels_per_roi", "600"),
        Parameter("world", '"flat"', 'what drives the voxels: "flat", "noise" or "as-published"'),
        Parameter("planted", '"flat"', "a world"),
        Parameter("network", '"alexnet-object"'),
        Parameter("networks", '["alexnet-object"]', "networks to compare"),
        Parameter("weights", '"miniature"', 'of the networks: "miniature" or "untrained"'),
        Parameter("loud", "True"),
        Parameter("title", '"one"'),
        Parameter("depths", "[3, 5]"),
        Parameter("size", "(4, 3)"),
        Parameter("limit", "2 * 3"),
        Parameter("threshold", "None"),
        Parameter("data_root", "None", "folder of the measured data"),
        Parameter("results", "None", "file of a sweep"),
        Parameter("kept", "None", "a new or empty folder in which to keep arrays"),
    )
}


def check(name: str, text: str) -> Value:
    """The value of one parameter of a made-up notebook, from the command line."""
    return check_values("page", DECLARED, {name: parse_value(text)})[name]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("subject", "2", 2),
        ("seed", "0", 0),
        ("shift", "-3", -3),
        ("share", "1", 1),
        ("rate", "0.1", 0.1),
        ("n_images", "10", 10),
        ("n_seeds", "None", None),
        ("n_seeds", "2", 2),
        ("world", "noise", "noise"),
        ("planted", "resnet-brain", "resnet-brain"),
        ("network", "resnet50-place", "resnet50-place"),
        ("networks", '["resnet50-place"]', ["resnet50-place"]),
        ("weights", "untrained-full", "untrained-full"),
        ("loud", "false", False),
        ("title", "two words", "two words"),
        ("title", '"12"', "12"),
        ("depths", "[7]", [7]),
        ("size", "[1, 2]", [1, 2]),
        ("limit", "0.5", 0.5),
        ("threshold", "0.5", 0.5),
        ("threshold", "-7", -7),
        ("data_root", "None", None),
    ],
)
def test_values_that_can_be_are_taken(name: str, text: str, value: Value) -> None:
    assert check(name, text) == value and type(check(name, text)) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("subject", "nine", "subject must be a whole number, such as 1; found 'nine'."),
        ("subject", "1.0", "subject must be a whole number, such as 1; found 1.0."),
        ("subject", "0", "subject must be at least 1; found 0."),
        ("subject", "None", "subject must be a whole number, such as 1; found None."),
        ("subject", "True", "subject must be a whole number, such as 1; found True."),
        ("seed", "-1", "seed must be at least 0; found -1."),
        ("n_images", "abc", "n_images must be a whole number"),
        ("n_images", "1e3", "n_images must be a whole number"),
        ("n_images", "9", "n_images must be at least 10; found 9."),
        ("n_seeds", "0", "n_seeds must be at least 1; found 0."),
        ("n_seeds", "many", "n_seeds must be a whole number; found 'many'."),
        ("voxels_per_roi", "-5", "voxels_per_roi must be at least 1; found -5."),
        ("share", "1.5", "share must be from 0 to 1; found 1.5."),
        ("rate", "nan", "rate must be a number, such as 1e-3; found nan."),
        ("rate", "inf", "rate must be a number"),
        (
            "world",
            "flatt",
            "Unknown value of world 'flatt'; choose one of flat, noise, as-published. Did you mean 'flat'?",
        ),
        ("world", "3", "world must be a text"),
        ("planted", "flatt", "Did you mean 'flat'?"),
        ("network", "alexnet", "Unknown value of network 'alexnet'"),
        ("networks", '["alexnet-object", "resnet"]', "Unknown value of networks 'resnet'"),
        ("networks", "alexnet-object", 'networks must be a list, such as ["alexnet-object"]; found'),
        ("networks", "[]", "networks must be a list, such as"),
        ("networks", "[1]", "networks must be a list, such as"),
        ("weights", "mini", "Did you mean 'miniature'?"),
        ("loud", "1", "loud must be True or False, such as True; found 1."),
        ("title", "12", "title must be a text"),
        ("depths", "[3, 0]", "depths must be at least 1; found 0."),
        ("depths", "[3, 2.5]", "depths must be a list"),
        ("data_root", "3", "data_root must be a text"),
        ("data_root", "", "data_root must be a file or folder; found an empty text."),
        ("threshold", "nan", "threshold must be a number; found nan."),
        ("wrld", "flat", "Unknown parameter of page 'wrld'"),
    ],
)
def test_values_that_cannot_be_are_named(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="page") as caught:
        check(name, text)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_of_weights_is_a_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.safetensors").write_text("")
    assert check("weights", "my.safetensors") == str(tmp_path / "my.safetensors")


@pytest.mark.parametrize(
    "words",
    [
        ["simulate", "FILE", "--layout", "nsd"],
        ["student", "FILE/new"],
        ["slides", "FILE"],
        ["sweep", "FILE", "encoding"],
        ["collect", "FILE"],
        ["plan", "nsd", "--root", "FILE"],
        ["maps", ".", "--output", "FILE"],
        ["run", "--all", "--folder", "FILE"],
    ],
)
def test_a_file_where_a_folder_belongs_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    path = tmp_path / "a file"
    path.write_text("kept")
    with pytest.raises(SystemExit, match="2"):
        main([word.replace("FILE", str(path)) for word in words])
    message = capsys.readouterr().err
    assert f"must be a folder; found the file {path}; " in message and message.count("\n") == 1
    assert path.read_text() == "kept"


@pytest.mark.parametrize("text", ["nan", "inf", "-5", "0"])
def test_seconds_to_wait_are_a_whole_number(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fetch", "--small", text])
    assert f"must be a whole number, at least 1; found {text!r}" in capsys.readouterr().err


def test_unknown_weights_are_refused_before_the_first_simulation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lib.app.claims.simulated_verdicts", None)
    assert main(["claims", "--weights", "/nowhere.pth"]) == 2
    assert "Unknown value of weights '/nowhere.pth'; choose one of miniature, " in capsys.readouterr().err


def test_paths_are_seen_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert check("data_root", "home") == check("data_root", "~") == str(tmp_path / "home")
    for name in ("data_root", "results"):
        with pytest.raises(FileNotFoundError, match=f"there is no file or folder {tmp_path}/home/nsd") as caught:
            check(name, "~/nsd")
        assert str(caught.value) == f"page: {name}: there is no file or folder {tmp_path}/home/nsd."


def test_a_folder_to_be_written_is_new_or_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known before anything is computed, not hours later when it is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    for name in ("new/deep", "empty"):
        assert check("kept", name) == str(tmp_path / name)
    for name in ("full", "full/mine.txt"):
        with pytest.raises(FileExistsError) as caught:
            check("kept", name)
        found = f"page: kept: expected a new or empty folder, found something at {tmp_path / name}; name another."
        assert str(caught.value) == found
    with pytest.raises(ValueError, match="kept must be a new or empty folder; found an empty text"):
        check("kept", '""')


def test_sizes_beyond_this_machine_are_refused_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"voxels_per_roi 10000000000 need at least 1.2e\+06 GB; this machine has"):
        check("voxels_per_roi", "10000000000")
    with pytest.raises(ValueError, match="n_images"):
        check("n_images", "10000000000")
    check_fits({"n_images": 10**10, "voxels_per_roi": 600, "dataset": "nsd"})
    check_fits({"n_images": None, "voxels_per_roi": 600})


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("  world=flat   seed=1 ", [("world", "flat"), ("seed", "1")]),
        ("data_root=/my data/it's seed=1", [("data_root", "/my data/it's"), ("seed", "1")]),
        ("data_root='/my seed=2/x' seed=1", [("data_root", "/my seed=2/x"), ("seed", "1")]),
        ('title="a b" x=', [("title", "a b"), ("x", "")]),
        ('layers=["a", "b"] world=a=b', [("layers", '["a", "b"]'), ("world", "a=b")]),
        ("x=a\nb=2", [("x", "a"), ("b", "2")]),
    ],
)
def test_pairs(text: str, pairs: list[tuple[str, str]]) -> None:
    assert parse_pairs(text) == pairs


@pytest.mark.parametrize("text", ["world", "flat world=flat", "=x"])
def test_what_are_no_pairs(text: str) -> None:
    with pytest.raises(ValueError, match="Parameters must be name=value pairs"):
        parse_pairs(text)


def test_a_choice_of_one_notebook_leaves_the_others_at_their_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, comment in {"a": '"flat" or "noise"', "b": '"flat" or "planted"', "c": ""}.items():
        (tmp_path / f"{name}.py").write_text(f'# %% tags=["parameters"]\nworld = "flat"  # {comment}\n')
    sources = find_sources(tmp_path).values()
    jobs = {source.name: given for source, given in share_out(sources, {"world": "noise"})}
    assert jobs == {"a": {"world": "noise"}, "b": {}, "c": {"world": "noise"}}
    assert capsys.readouterr().err == "b: world stays 'flat', 'noise' is no choice.\n"
    with pytest.raises(ValueError, match="a: Unknown value of world 'nose'"):
        share_out(sources, {"world": "nose"})


def test_the_command_line_takes_both_forms_of_a_parameter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.py").write_text('# %% tags=["parameters"]\nsubject = 1\nseed = 0\n')
    seen = []
    monkeypatch.setattr("lib.app.run.run_notebook", lambda source, given, *_, **__: seen.append(given) or True)
    command = ["run", "x", "--folder", str(tmp_path)]
    for words in (
        ["-p", "subject", "2"],
        ["-p", "subject=2"],
        ["--parameter", "subject=2"],
        ["--parameters", "subject=2"],
    ):
        assert main([*command, *words]) == 0
    assert main(["run", "-p", "subject=2", "x", "-p", "seed", "3", "--folder", str(tmp_path)]) == 0
    assert seen == [{"subject": 2}] * 4 + [{"subject": 2, "seed": 3}]
    for words in (["-p", "subject"], ["--jobs", "two"], ["--nonsense"]):
        with pytest.raises(SystemExit) as caught:
            main([*command, *words])
        assert caught.value.code == 2 and capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["world=flat seed=1", 'data_root=/my data/it\'s "here" seed=1', ""])
def test_make_hands_parameters_on_as_they_are(tmp_path: Path, text: str) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("python", "pip"):
        (tmp_path / "bin" / name).write_text('#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n')
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / ".book").write_text("")
    os.utime(tmp_path / ".book", (2**32, 2**32))
    command = ["make", "-s", "--no-print-directory", "notebooks", f"VENV={tmp_path}", f"PARAMS={text}"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    words = ["-m", "lib", "run", "--all", *(["--parameters", text] if text else [])]
    assert made.stdout.splitlines()[-len(words) :] == [f"<{word}>" for word in words]


def test_defaults_of_the_book_are_values_that_can_be() -> None:
    for source in find_sources().values():
        for name, parameter in source.parameters.items():
            other = Parameter(name, "None" if parameter.default is None else parameter.code, parameter.comment)
            assert source.checked({name: other.default}) == {name: parameter.default}
            if isinstance(parameter.default, int) and parameter.default > 1:
                assert parameter.checked(parameter.default - 1) == parameter.default - 1
