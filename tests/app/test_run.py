"""Notebooks executed: parameters, failures, and executing only what changed."""

import os
import sys
from pathlib import Path

import nbformat
import pytest

from lib.__main__ import main
from lib.app.execute import run_notebook
from lib.app.fingerprint import notebook_fingerprint
from lib.app.notebooks import NotebookSource
from lib.app.parameters import Value, parse_value

GOOD = """\
# %% tags=["parameters"]
subject = 1  # whose brain
world = "flat"

# %%
import os
import sys

print(subject, world, os.getcwd(), sys.executable)
"""
BAD = """\
# %% tags=["parameters"]
subject = 1

# %%
fine = subject

# %%
layers = ["conv1"]
raise ValueError("no layer fc9")
"""
DEADLY = """\
# %%
import os

os._exit(9)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two notebooks, and a data cache that is empty."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    return tmp_path


def command(folder: Path, *words: str) -> int:
    """The exit status of `python -m lib run`."""
    return main(["run", "--folder", str(folder), *words])


def printed(path: Path) -> str:
    """Everything an executed notebook printed."""
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.text for cell in cells for output in cell.get("outputs", ()))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-2", -2),
        ("0.5", 0.5),
        ("1e-6", 1e-6),
        ("True", True),
        ("false", False),
        ("None", None),
        ("flat", "flat"),
        ("[flat", "[flat"),
        ("[{[]: 1}]", "[{[]: 1}]"),
        ("[" + 9000 * "-" + "1]", "[" + 9000 * "-" + "1]"),
        ('["flat", 1]', ["flat", 1]),
        ("", ""),
    ],
)
def test_values_are_read_as_papermill_reads_them(text: str, value: Value) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@pytest.mark.slow("starts Jupyter kernels")
def test_parameters_reach_the_notebook_and_nothing_else_is_left(folder: Path) -> None:
    assert command(folder, "good", "-p", "subject", "2") == 0
    assert printed(folder / "good.ipynb").split() == ["2", "flat", str(folder), sys.executable]
    assert sorted(path.name for path in folder.iterdir()) == ["bad.py", "good.ipynb", "good.py"]


@pytest.mark.slow("starts Jupyter kernels")
def test_kernel_is_this_python_even_if_another_is_registered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
    assert command(folder, "good") == 0


@pytest.mark.slow("starts Jupyter kernels")
def test_injected_parameters_are_not_on_the_page(folder: Path) -> None:
    command(folder, "good", "-p", "subject", "2")
    notebook = nbformat.read(folder / "good.ipynb", as_version=4)
    injected = [cell for cell in notebook.cells if "injected-parameters" in cell.metadata.tags]
    assert [("remove-cell" in cell.metadata.tags) for cell in injected] == [True]
    assert str(folder) not in str(notebook.metadata)


@pytest.mark.slow("starts Jupyter kernels")
def test_what_a_notebook_cost_is_recorded(folder: Path) -> None:
    (folder / "big.py").write_text("# %%\nblock = bytearray(300_000_000)\n")
    command(folder, "--all", "--jobs", "1", "-p", "world", "noise")
    small, big = (nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in ("good", "big"))
    taken = big.metadata.companion.memory - small.metadata.companion.memory
    assert taken == pytest.approx(300e6, rel=0.1)
    assert 0 < big.metadata.companion.seconds < 600
    assert 1 <= big.metadata.companion.cores <= (os.cpu_count() or 1)
    assert [cell.source for cell in big.cells] == ["block = bytearray(300_000_000)"], "nothing is left of measuring"
    assert "raise" in nbformat.read(folder / "bad.failed.ipynb", as_version=4).cells[-1].source


@pytest.mark.slow("starts Jupyter kernels")
def test_output_may_go_elsewhere(folder: Path) -> None:
    assert command(folder, "good", "--output", str(folder / "new" / "out.ipynb")) == 0
    assert "1 flat" in printed(folder / "new" / "out.ipynb")
    assert not (folder / "good.ipynb").exists()


@pytest.mark.slow("starts Jupyter kernels")
def test_a_notebook_outside_the_folder_runs_by_its_path(folder: Path) -> None:
    elsewhere = folder / "empty"
    elsewhere.mkdir()
    assert command(elsewhere, str(folder / "good.py")) == 0
    assert (folder / "good.ipynb").exists()


@pytest.mark.slow("starts Jupyter kernels")
def test_only_what_changed_is_executed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(folder, "good")
    before = (folder / "good.ipynb").stat().st_mtime_ns
    assert command(folder, "good", "-p", "subject", "1") == 0, "the default, said aloud"
    assert "unchanged" in capsys.readouterr().out
    assert (folder / "good.ipynb").stat().st_mtime_ns == before


@pytest.mark.slow("starts Jupyter kernels")
def test_force_executes_all_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(folder, "good")
    command(folder, "good", "--force")
    assert "unchanged" not in capsys.readouterr().out


def test_fingerprint_follows_source_parameters_and_data(folder: Path) -> None:
    def mark(**given: Value) -> str:
        return notebook_fingerprint(NotebookSource(folder / "good.py"), given)

    marks = [mark(), mark(subject=2), mark(world=str(folder / "mine"))]
    (folder / "data" / "images92").mkdir(parents=True)
    (folder / "data" / "images92" / "target.mat").write_text("bytes")
    marks.append(mark())
    (folder / "mine").mkdir()
    (folder / "mine" / "betas.hdf5").write_text("more bytes")
    marks.append(mark(world=str(folder / "mine")))
    marks.append(mark(world=str(folder / "mine" / "betas.hdf5")))
    (folder / "mine" / "betas.hdf5").write_text("even more bytes")
    marks.append(mark(world=str(folder / "mine" / "betas.hdf5")))
    (folder / "good.py").write_text(GOOD + "# changed\n")
    marks.append(mark())
    assert len(set(marks)) == len(marks)
    assert mark() == mark()


@pytest.mark.slow("starts Jupyter kernels")
def test_damaged_output_is_executed_again(folder: Path) -> None:
    (folder / "good.ipynb").write_text('{"cells": [')
    assert command(folder, "good") == 0
    assert "1 flat" in printed(folder / "good.ipynb")


@pytest.mark.slow("starts Jupyter kernels")
def test_failing_notebook_names_itself_its_cell_and_its_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "bad", "-p", "subject", "7") == 1
    message = capsys.readouterr().err
    assert 'bad failed in code cell 3 (layers = ["conv1"]): ValueError: no layer fc9' in message
    assert str(folder / "bad.failed.ipynb") in message
    assert "Traceback" not in message


@pytest.mark.slow("starts Jupyter kernels")
def test_failing_notebook_leaves_no_output_and_keeps_the_last_good_one(folder: Path) -> None:
    command(folder, "bad")
    assert sorted(path.name for path in folder.glob("bad*")) == ["bad.failed.ipynb", "bad.py"]
    (folder / "bad.py").write_text(GOOD)
    command(folder, "bad")
    assert sorted(path.name for path in folder.glob("bad*")) == ["bad.ipynb", "bad.py"]
    good = (folder / "bad.ipynb").read_bytes()
    (folder / "bad.py").write_text(BAD)
    assert command(folder, "bad") == 1
    assert (folder / "bad.ipynb").read_bytes() == good


@pytest.mark.slow("starts Jupyter kernels")
def test_dead_kernel_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "deadly.py").write_text(DEADLY)
    assert command(folder, "deadly") == 1
    assert "deadly failed in code cell 1 (import os): the kernel died" in capsys.readouterr().err
    assert not (folder / "deadly.ipynb").exists()


@pytest.mark.slow("starts Jupyter kernels")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_all_goes_on_after_a_failure_and_fails(folder: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    assert command(folder, "--all", "--jobs", jobs, "-p", "world", "noise") == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [f"good: written: {folder / 'good.ipynb'}"]
    assert "bad failed in code cell 3" in told.err
    assert "1 noise" in printed(folder / "good.ipynb")


@pytest.mark.slow("starts Jupyter kernels")
def test_notebooks_side_by_side_share_the_cores(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    (folder / "bad.py").write_text("# %%\nimport os\n\nprint(os.environ['OMP_NUM_THREADS'])\n")
    assert command(folder, "--all", "--jobs", "2") == 0
    assert printed(folder / "bad.ipynb") == "4\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["good", "-p", "wrld", "flat"], "choose one of subject, world. Did you mean 'world'?"),
        (["--all", "-p", "wrld", "flat"], "choose one of subject, world. Did you mean 'world'?"),
        (["godo"], "Unknown notebook 'godo'; choose one of bad, good. Did you mean 'good'?"),
        (["nowhere/mine.py"], f"There is no notebook {Path('nowhere/mine.py').absolute()}."),
        ([], "Name one notebook or say --all; there are bad, good."),
        (["good", "--all"], "Name one notebook or say --all; there are bad, good."),
        (["--all", "--jobs", "0"], "--jobs must be at least 1, found 0."),
        (["--all", "--output", "out.ipynb"], "--output goes with one notebook, not with --all."),
        (["good", "--output", "/"], "--output must be a file that ends in .ipynb; found the folder /."),
        (["good", "--output", "/tmp/x.py"], "--output must be a file that ends in .ipynb; found /tmp/x.py."),
        (["good", "--output", "/dev/null/x.ipynb"], "/dev/null is no folder to write in."),
        (["good", "-p", "subject", "nine"], "good: subject must be a whole number, such as 1; found 'nine'."),
        (
            ["good", "-p", "subject", "1", "-p", "subject", "2"],
            "subject is given twice, as '1' and as '2': give it once.",
        ),
        (["good", "--parameters", "subject=1", "-p", "subject=2"], "subject is given twice, as '1' and as '2'"),
        (["--all", "-p", "subject", "0"], "subject must be at least 1; found 0."),
        (["good", "--parameters", "subject"], "Parameters must be name=value pairs"),
    ],
)
def test_input_that_cannot_be_used_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert command(folder, *words) == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert message.count("\n") == 1
    assert not list(folder.glob("*.ipynb")), "nothing ran"


@pytest.mark.parametrize("header", ["kernelspec:\n#     name: python3", "kernelspec: ["])
def test_a_header_that_cannot_be_read_is_named(folder: Path, capsys: pytest.CaptureFixture[str], header: str) -> None:
    (folder / "bad.py").write_text(f"# ---\n# jupyter:\n#   {header}\n# ---\n# %%\n1\n")
    assert command(folder, "bad") == 2
    message = capsys.readouterr().err
    assert f"{folder / 'bad.py'}: expected a notebook that jupytext can read, found " in message
    assert message.count("\n") == 1


def test_a_folder_without_notebooks_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "nowhere", "--all") == 2
    assert f"There are no notebooks in {tmp_path}/nowhere." in capsys.readouterr().err


@pytest.mark.parametrize("code", ["import sys\nsys.exit(0)", "exit()", "quit()", "import os\nos._exit(0)"])
def test_a_notebook_that_leaves_half_way_failed(folder: Path, capsys: pytest.CaptureFixture[str], code: str) -> None:
    (folder / "leaves.py").write_text(f"# %%\n{code}\n\n# %%\nprint('on')\n")
    assert command(folder, "leaves") == 1
    assert "leaves failed in code cell" in capsys.readouterr().err
    assert not (folder / "leaves.ipynb").exists()


def test_odd_files_are_skipped_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.py").unlink()
    (folder / ".#good.py").symlink_to("nobody@nowhere.123")
    (folder / "._good.py").write_bytes(b"\0\5\x16\7")
    (folder / os.fsdecode(b"caf\xe9.py")).write_text("print(1)")
    (folder / "latin.py").write_bytes(b"# caf\xe9")
    (folder / "folder.py").mkdir()
    (folder / "dangling.py").symlink_to(folder / "nothing.py")
    (folder / "data").mkdir()
    (folder / "data" / os.fsdecode(b"caf\xe9")).symlink_to("nowhere")
    (folder / "data" / os.fsdecode(b"th\xe9")).write_text("")
    assert command(folder, "--all") == 0
    told = capsys.readouterr()
    assert told.out == f"good: written: {folder}/good.ipynb\n"
    skipped = [line for line in told.err.splitlines() if line.startswith("Skipped")]
    for line in (
        "'.#good.py' in {}: it is hidden.",
        "'._good.py' in {}: it is hidden.",
        "latin.py is not UTF-8 text",
        "'folder.py' in {}: [Errno 21] Is a directory",
        "'dangling.py' in {}: [Errno 2] No such file",
        r"'caf\udce9.py' in {}: ",
    ):
        assert sum(line.format(folder) in one for one in skipped) == 1, line
    assert len(skipped) == 6 and all("\n" not in line for line in skipped)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_stops_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.py").chmod(0)
    (folder / "data").mkdir(mode=0)
    (folder / "good.ipynb").write_text("{}")
    (folder / "good.ipynb").chmod(0)
    assert command(folder, "--all") == 0
    assert "'bad.py'" in capsys.readouterr().err


def test_a_byte_order_mark_is_no_part_of_a_source(folder: Path) -> None:
    (folder / "good.py").write_text(GOOD.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    assert command(folder, "good", "-p", "subject", "2") == 0
    assert printed(folder / "good.ipynb").startswith("2 flat")


@pytest.mark.parametrize("name", ["it's {x} & 100 %.py", "größe.py"])
def test_names_of_folders_and_notebooks_are_free(folder: Path, name: str) -> None:
    odd = folder / "a {subject} folder's"
    odd.mkdir()
    (odd / name).write_text(GOOD)
    assert command(odd, "--all", "-p", "subject", "2") == 0
    assert printed((odd / name).with_suffix(".ipynb")).startswith("2 flat")


@pytest.mark.parametrize("where", ["lib.app.execute._write", "papermill.execute_notebook"])
def test_a_full_disk_is_named_with_file_and_notebook(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(folder / "good.ipynb"))

    monkeypatch.setattr(where, full)
    assert command(folder, "good") == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("good failed: ") and "No space left on device" in message
    assert str(folder / "good.ipynb") in message
    assert {path.name for path in folder.iterdir()} <= {"bad.py", "good.py", "good.failed.ipynb"}


def test_a_disk_that_fills_up_while_a_notebook_runs_leaves_no_half_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, path: str, *__: object, **___: object) -> None:
        Path(path).write_text("{")
        raise OSError(28, "No space left on device")  # as an open file says it, without its name

    monkeypatch.setattr("papermill.execute_notebook", full)
    assert command(folder, "good") == 1
    failed = folder / "good.failed.ipynb"
    assert f"good failed: {failed} could not be written (No space left on device)." in capsys.readouterr().err
    assert not failed.exists()


def test_a_folder_whose_name_is_no_text_is_said_before_anything_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = folder / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    (odd / "good.py").write_text(GOOD)
    assert command(odd, "good") == 2
    assert "is not UTF-8 text, as the path of a notebook must be: rename the folder." in capsys.readouterr().err
    assert [path.name for path in odd.iterdir()] == ["good.py"]


def test_debug_shows_the_traceback(folder: Path) -> None:
    with pytest.raises(ValueError, match="Unknown notebook"):
        command(folder, "godo", "--debug")


def test_list_shows_parameters_defaults_and_meaning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "--list") == 0
    listing = capsys.readouterr().out
    assert listing == 'bad\n  subject = 1\n\ngood\n  subject = 1     # whose brain\n  world = "flat"\n'


def test_no_command_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "python -m lib run --all" in capsys.readouterr().out


@pytest.mark.slow("starts kernels that draw")
@pytest.mark.parametrize("simulated", [True, False])
def test_a_page_keeps_the_words_that_hold_for_its_data(tmp_path: Path, simulated: bool) -> None:
    path = tmp_path / "page.py"
    path.write_text(
        '# %% [markdown] tags=["if-measured"]\n# # Measured\n\n'
        '# %% [markdown] tags=["if-simulated"]\n# # Simulated\n\n'
        '# %% mystnb={"figure": {"caption": "People."}} if-simulated={"caption": "Nobody."}\n'
        "from lib.data import Source\nfrom lib.figures.style import notice\n\n"
        f'notice(Source("x", "data", "here", "none", {simulated}))\n'
    )
    run_notebook(NotebookSource(path), {})
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    title = "# Simulated" if simulated else "# Measured"
    assert [cell.source for cell in notebook.cells if cell.cell_type == "markdown"] == [title]
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert code.metadata.mystnb.figure.caption == ("Nobody." if simulated else "People.")
    assert "if-simulated" not in code.metadata
