"""Exercises and what a class gets of them: solutions are gated, executed, and gone from the student's notebooks."""

import re
from pathlib import Path

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from lib.__main__ import main
from lib.app.execute import ThisPython, run_notebook
from lib.app.notebooks import NotebookSource, find_sources
from lib.app.student import student_notebook
from lib.figures.benchmarks import benchmark

SOURCES = find_sources()
TINY = """\
# %% [markdown]
# # Sums

# %%
a = 1

# %% [markdown]
# ## Exercises
#
# ```{exercise} Two
# :label: ex-two
#
# Add one.
# ```

# %% [markdown]
# ```{solution-start} ex-two
# :class: dropdown
# ```
# The secret before.

# %%
b = a + 1

# %% [markdown]
# The secret after.
# ```{solution-end}
# ```
# Words between.
#
# ```{exercise}
# :label: ex-print
#
# Print.
# ```
#
# ```{solution-start} ex-print
# ```

# %%
print("the sum is", b)

# %% [markdown]
# ```{solution-end}
# ```

# %%
c = b
"""
SMALL = {"n_images": 120, "voxels_per_roi": 8}


@pytest.fixture
def tiny(tmp_path: Path) -> NotebookSource:
    """A notebook of two exercises."""
    (tmp_path / "tiny.py").write_text(TINY)
    return NotebookSource(tmp_path / "tiny.py")


def solutions(source: NotebookSource) -> dict[str, list[tuple[str, str]]]:
    """Label of each gated solution -> the (kind, text) of every cell or part of one between start and end."""
    found, label = {}, None
    for cell in source.notebook.cells:
        text = cell.source
        if cell.cell_type == "markdown" and (start := re.search(r"```\{solution-start\} (\S+)\n(.*\n)*?```", text)):
            label, text = start[1], text[start.end() :]
            found[label] = []
        if label:
            found[label].append((cell.cell_type, text.split("```{solution-end}")[0].strip()))
        if label and cell.cell_type == "markdown" and "```{solution-end}" in text:
            label = None
    return found


def exercises(source: NotebookSource) -> list[str]:
    """Labels of a notebook's exercises."""
    texts = "\n\n".join(cell.source for cell in source.notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^`{3,}\{exercise\}.*\n:label: (\S+)$", texts, re.MULTILINE)


def execute(notebook: nbformat.NotebookNode, path: Path, **parameters: object) -> nbformat.NotebookNode:
    """Through papermill, as a student's machine would."""
    manager = {"kernel_manager_class": ThisPython}
    return papermill.execute_notebook(notebook, path, parameters, cwd=path.parent, progress_bar=False, **manager)


@pytest.mark.parametrize("name", SOURCES)
def test_every_notebook_has_two_exercises_with_executed_solutions(name: str) -> None:
    labels, found = exercises(SOURCES[name]), solutions(SOURCES[name])
    assert len(labels) >= 2
    assert sorted(found) == sorted(labels), "each exercise has one gated solution"
    assert [label for label in labels if "code" not in dict(found[label])] == [], "solutions that execute nothing"
    text = SOURCES[name].path.read_text()
    assert "{solution}" not in text, "a solution without gates is not executed"


@pytest.mark.parametrize("name", SOURCES)
def test_every_exercise_tells_its_level_time_and_misconception_and_has_a_hint(name: str) -> None:
    words = "\n".join(cell.source for cell in SOURCES[name].notebook.cells if cell.cell_type == "markdown")
    one = re.compile(
        r"^```\{exercise\}.*\n:label: (\S+)\n\n\*Level [123] of 3, (?:5|10|15|20) minutes\. Against the belief that "
        r"[^*]+\.\*\n\n(?:.+\n|\n)+?```\n\n```\{hint\}\n:class: dropdown\n\n(?:.+\n)+```$",
        re.MULTILINE,
    )
    assert one.findall(words) == exercises(SOURCES[name])


def test_labels_of_exercises_are_unique_in_the_book() -> None:
    labels = [label for source in SOURCES.values() for label in exercises(source)]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("name", SOURCES)
def test_no_solution_is_left_for_students_and_all_else_is(name: str) -> None:
    source, student = SOURCES[name], student_notebook(SOURCES[name])
    texts = [cell.source for cell in student.cells]
    hidden = {text for parts in solutions(source).values() for _, text in parts if text}
    assert [text for text in hidden if any(text in other for other in texts)] == []
    assert not any(re.search(r"\{solution", text) for text in texts)
    kept = [cell.source for cell in source.notebook.cells if cell.cell_type == "code" and cell.source not in hidden]
    assert [t for c, t in zip(student.cells, texts, strict=True) if c.cell_type == "code" and not unsolved(t)] == kept
    assert sum(map(unsolved, texts)) == len(exercises(source)) == len(exercises(_Student(student)))
    nbformat.validate(student)


def unsolved(text: str) -> bool:
    """Whether a cell waits for an answer."""
    return bool(re.fullmatch(r'raise NotImplementedError\("Exercise \S+: replace this cell by your answer"\)', text))


class _Student:
    """Stands in for a source where only the notebook is asked for."""

    def __init__(self, notebook: nbformat.NotebookNode) -> None:
        self.notebook = notebook


def test_what_stands_around_a_solution_stays(tiny: NotebookSource) -> None:
    cells = [(cell.cell_type, cell.source) for cell in student_notebook(tiny).cells]
    assert [kind for kind, _ in cells] == ["markdown", "code", "markdown", "code", "markdown", "code", "code"]
    assert cells[1][1] == "a = 1" and cells[-1][1] == "c = b"
    assert "Words between." in cells[4][1] and "secret" not in str(cells)
    assert [text for _, text in cells if unsolved(text)] == [cells[3][1], cells[5][1]]
    assert "ex-two" in cells[3][1] and "ex-print" in cells[5][1]


@pytest.mark.slow("runs notebooks")
def test_unsolved_cells_fail_one_by_one_and_the_solved_notebook_passes(tiny: NotebookSource, tmp_path: Path) -> None:
    assert main(["student", str(tmp_path / "out"), "--folder", str(tmp_path)]) == 0
    student = nbformat.read(tmp_path / "out" / "tiny.ipynb", as_version=4)
    with pytest.raises(PapermillExecutionError, match="Exercise ex-two: replace this cell by your answer") as caught:
        execute(student, tmp_path / "unsolved.ipynb")
    assert caught.value.ename == "NotImplementedError"
    student.cells[4].source = "b = a + 1"
    with pytest.raises(PapermillExecutionError, match="Exercise ex-print: replace this cell by your answer"):
        execute(student, tmp_path / "unsolved.ipynb")
    student.cells[6].source = "print(b)"
    execute(student, tmp_path / "solved.ipynb")
    assert run_notebook(tiny, {}, tmp_path / "book.ipynb")


@pytest.mark.slow("runs a notebook")
def test_a_page_of_the_book_fails_unsolved_and_passes_solved(tmp_path: Path) -> None:
    source = SOURCES["simulated_participant"]
    with pytest.raises(PapermillExecutionError, match="Exercise simulated-sessions: replace this cell"):
        execute(student_notebook(source), tmp_path / "student.ipynb", **SMALL)
    assert run_notebook(source, SMALL, tmp_path / "book.ipynb")


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("# ```{solution-end}\n# ```\n# Words", "# Words", "each solution to end before the next, found ex-two"),
        ("# ```{solution-start} ex-two\n# :class: dropdown\n# ```\n", "", "end before the next, found no start"),
        ("# ```{solution-end}\n# ```\n\n# %%\nc", "# %%\nc", "the solution ex-print to end, found no end"),
    ],
)
def test_markers_that_do_not_pair_are_refused(tiny: NotebookSource, before: str, after: str, sentence: str) -> None:
    tiny.path.write_text(TINY.replace(before, after))
    with pytest.raises(ValueError, match=sentence):
        student_notebook(NotebookSource(tiny.path))


def test_the_command_writes_named_notebooks_and_knows_no_others(
    tiny: NotebookSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out"
    assert main(["student", str(out), "tiny", "--folder", str(tmp_path)]) == 0
    assert "install" in nbformat.read(out / "tiny.ipynb", as_version=4).cells[1].metadata.tags
    assert f"{out / 'tiny'}.ipynb: 2 exercises to solve" in capsys.readouterr().out
    assert main(["student", str(out), "tinny", "--folder", str(tmp_path)]) == 2
    assert "Unknown notebook 'tinny'; choose one of tiny. Did you mean 'tiny'?" in capsys.readouterr().err


def test_what_is_interrupted_leaves_no_half_notebook(
    tiny: NotebookSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object, path: Path) -> None:
        Path(path).write_text("{")
        raise KeyboardInterrupt

    monkeypatch.setattr("nbformat.write", interrupted)
    assert main(["student", str(tmp_path / "out"), "tiny", "--folder", str(tmp_path)]) == 130
    assert not list((tmp_path / "out").iterdir())


def test_a_students_copy_elsewhere_finds_the_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert benchmark("ridge")["rows"]
    (tmp_path / "mine.json").write_text('{"ridge": {"rows": [1]}}')
    assert benchmark("ridge", tmp_path / "mine.json")["rows"] == [1]


FENCES = {
    "colons": (":::{solution-start} ex-two\n:class: dropdown\n:::", ":::{solution-end}\n:::"),
    "four backticks": ("````{solution-start} ex-two\n````", "````{solution-end}\n````"),
    "tildes": ("~~~{solution-start} ex-two\n~~~", "~~~~{solution-end}\n~~~~"),
    "capitals": ("```{Solution-Start} ex-two\n```", "```{SOLUTION-END}\n```"),
    "spaces": ("  ``` {solution-start}   ex-two  \n  ```", " ```{solution-end}  \n ```"),
}


def with_solution(folder: Path, start: str, end: str, inside: str = "", tags: str = "") -> NotebookSource:
    """A notebook with one solution between other markers."""
    parts = ["# %% [markdown]", *(f"# {line}" for line in "```{exercise} Two\n:label: ex-two\n\nAdd.\n```".split("\n"))]
    parts += ["#", *(f"# {line}" for line in start.split("\n")), "# The secret before.", inside]
    parts += ["", f"# %% {tags}", "secret = 2", "", "# %% [markdown]", "# The secret after."]
    parts += [*(f"# {line}" for line in end.split("\n")), "#", "# Words between."]
    (folder / "other.py").write_text("\n".join(parts))
    return NotebookSource(folder / "other.py")


@pytest.mark.parametrize("kind", FENCES)
def test_a_solution_behind_other_fences_is_cut(tmp_path: Path, kind: str) -> None:
    cells = [cell.source for cell in student_notebook(with_solution(tmp_path, *FENCES[kind])).cells]
    assert not any("secret" in text for text in cells)
    assert [unsolved(text) for text in cells] == [False, True, False] and cells[-1] == "Words between."
    assert "Add." in cells[0] and "ex-two" in cells[1]


@pytest.mark.parametrize("fence", ["````", ":::", "~~~"])
def test_a_solution_that_is_one_block_is_cut(tmp_path: Path, fence: str) -> None:
    block = f"{fence}{{solution}} ex-two\n:class: dropdown\n\nThe secret.\n```python\nsecret = 3\n```\n{fence}"
    block = block.replace("```python", "~~~python").replace("\n```\n", "\n~~~\n") if fence == "````" else block
    (tmp_path / "one.py").write_text(
        "# %% [markdown]\n" + "".join(f"# {line}\n" for line in block.split("\n")) + "# End.\n"
    )
    cells = [cell.source for cell in student_notebook(NotebookSource(tmp_path / "one.py")).cells]
    assert [unsolved(text) for text in cells] == [True, False] and cells[1] == "End."


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("> ```{solution-start} ex-two\n> ```", "> ```{solution-end}\n> ```"),
        ("- ```{solution-start} ex-two\n  ```", "- ```{solution-end}\n  ```"),
        ("    ```{solution-start} ex-two\n    ```", "    ```{solution-end}\n    ```"),
        ("````{note}\n```{solution-start} ex-two\n```", "```{solution-end}\n```\n````"),
        ("```{solution-start} ex-two", "```{solution-end}\n```"),
        (":::{solution} ex-two\n:::{note}\nx\n:::", ":::"),
        ("```{solution-begin} ex-two\n```", "```{solution-end}\n```"),
        ("```{dropdown} Solution", "```"),
        ("````{admonition} The answer to exercise two\n:class: dropdown", "````"),
        ("<details><summary>Solution</summary>", "</details>"),
        ("<details><summary>Click me</summary>", "</details>"),
        ('<div class="solution">', "</div>"),
        ("<!-- solution", "-->"),
        ("```{toggle}", "```"),
        ("```{admonition} Click me\n:class: dropdown", "```"),
        ("```solution", "```"),
        ("::: {.solution}", ":::"),
        ("### Solution", ""),
        ("**Solution:** it is this.", ""),
        ("Solution\n--------", ""),
        ("(solution)=", ""),
    ],
)
def test_what_may_be_a_solution_and_cannot_be_cut_is_refused(tmp_path: Path, start: str, end: str) -> None:
    with pytest.raises(ValueError, match=r"^other: .*solution") as caught:
        student_notebook(with_solution(tmp_path, start, end))
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("comment", ["### BEGIN SOLUTION", "# solution", "# Answer:"])
def test_code_that_calls_itself_a_solution_is_refused(tmp_path: Path, comment: str) -> None:
    with pytest.raises(ValueError, match="may be a solution that is not known as one"):
        student_notebook(with_solution(tmp_path, "Think.", "", inside=f"\n# %%\n{comment}\nsecret = 1\n"))


def test_hidden_source_among_exercises_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="among the exercises is tagged source_hidden"):
        student_notebook(with_solution(tmp_path, "Think.", "", tags='jupyter={"source_hidden": true}'))


@pytest.mark.parametrize("tag", ["hide-cell", "hide-input", "remove-cell", "solution", "My-Answer"])
def test_a_hidden_cell_among_exercises_is_refused(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ValueError, match=f"'secret = 2' among the exercises is tagged {tag}"):
        student_notebook(with_solution(tmp_path, "Think.", "", tags=f'tags=["{tag}"]'))


@pytest.mark.parametrize(
    "words",
    [
        "Answer with a number.",
        "Solutions differ.",
        "```{hint}\n:class: dropdown\n\nLook.\n```",
        "The solution of $x_{solution}$ is in \\mathrm{solution}.",
        "```python\nx\n```",
        "~~~\n```\n~~~",
        "```{hint}\n:class: dropdown\n\nThink.\n```",
    ],
)
def test_words_about_solutions_are_no_solutions(tmp_path: Path, words: str) -> None:
    source = with_solution(tmp_path, f"{words}\n\n{FENCES['colons'][0]}", FENCES["colons"][1])
    assert words in student_notebook(source).cells[0].source


def test_folded_questions_of_the_next_section_stay(tmp_path: Path) -> None:
    source, questions = with_solution(tmp_path, *FENCES["colons"]), "## Questions\n\n```{dropdown} Why?\nBecause.\n```"
    lines = [f"# {line}" for line in ("%% [markdown]", *questions.split("\n"))]
    source.path.write_text("\n".join([source.path.read_text(), "", *lines]) + "\n")
    assert student_notebook(NotebookSource(source.path)).cells[-1].source == questions
