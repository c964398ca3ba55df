"""The teacher's guide: its courses last 90 minutes, its questions are answered where it says, its example is drawn."""

import math
import re

import pytest
import yaml
from browser import ROOT
from layout import WORDS_PER_MINUTE, reading_minutes

from lib.app.notebooks import NotebookSource
from lib.figures import encoding, style

GUIDE = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
COURSES = re.findall(r"^\(course-(\w+)\)=\n(.*?)(?=^\(|^## )", GUIDE, re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (\d+) \| (Read|Solve|Talk)(?: \{\w+\}`(?:[^`<]*<)?([^`>]+)>?`)? \|", re.MULTILINE)
QUESTION = re.compile(r'^\| [^|]+\? \| \{doc\}`([^`]+)` \| "([^"]+)" \|$', re.MULTILINE)
STORY = [
    page["file"]
    for part in yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    for page in part["chapters"]
    if part["caption"] != "Reference" or page["file"].startswith("notebooks/")
]


def words(page: str) -> str:
    """The words of a page that is named as the guide names it, on one line."""
    name = f"book/{page}.md" if "/" not in page else f"{page.removeprefix('../')}.py"
    return " ".join(re.sub(r"^# ?", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE).split())


def stated(kind: str, target: str) -> int:
    """The minutes that a page or an exercise states; of a page of prose, those of its words."""
    if kind == "Solve":
        texts = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("*.py"))
        return int(re.search(rf"^# :label: {target}\n#\n# \*Level . of 3, (\d+) minutes", texts, re.MULTILINE)[1])
    if target.startswith("../notebooks/"):
        return reading_minutes(NotebookSource(ROOT / f"{target.removeprefix('../')}.py").notebook)
    return math.ceil(len(words(target).split()) / WORDS_PER_MINUTE)


def test_there_are_three_courses() -> None:
    assert [name for name, _ in COURSES] == ["encoding", "decoding", "verdicts"]


@pytest.mark.parametrize(("name", "text"), COURSES)
def test_a_course_lasts_ninety_minutes_and_leaves_time_to_talk(name: str, text: str) -> None:
    rows = [(int(minutes), kind, target) for minutes, kind, target in ROW.findall(text)]
    assert sum(minutes for minutes, _, _ in rows) == 90
    assert len(rows) == len(re.findall(r"^\| \d+ ", text, re.MULTILINE))
    assert [minutes >= 10 for minutes, kind, _ in rows if kind == "Talk"] == [True]
    short = [(row, stated(*row[1:])) for row in rows if row[1] != "Talk" and row[0] < stated(*row[1:])]
    assert short == [], "less time than the page or the exercise states"
    assert all(minutes == stated(kind, target) for minutes, kind, target in rows if kind == "Solve")


def test_five_questions_for_each_reader_are_answered_on_the_first_three_pages() -> None:
    parts = re.search(r"^\(five-questions\)=\n(.*?)^\(", GUIDE, re.MULTILINE | re.DOTALL)[1].split("**For those")[1:]
    first_three = {"index", "idea", f"../{next(page for page in STORY if page.startswith('notebooks/'))}"}
    for part in parts:
        found = QUESTION.findall(part)
        assert len(found) == 5 and {page for page, _ in found} <= first_three
        assert [(page, quote) for page, quote in found if quote not in words(page)] == []
    assert len(parts) == 2


def test_the_path_of_the_idea_page_visits_every_page_of_the_story_once() -> None:
    path = (ROOT / "book" / "idea.md").read_text(encoding="utf-8").partition("(path)=")[2].partition("In a hurry")[0]
    visited = re.findall(r"\{doc\}`(?:\.\./(notebooks/\w+)|(\w+))`", path)
    named = [notebook or f"book/{page}" for notebook, page in visited if page != "symbols"]
    assert sorted([*named, "book/idea", "book/teaching"]) == sorted(STORY)


def test_the_example_of_a_style_of_ones_own_names_what_exists() -> None:
    code = re.search(r"^\(restyle\)=.*?```python\n(.*?)```", GUIDE, re.MULTILINE | re.DOTALL)[1]
    compile(code, "teaching.md", "exec")
    assert set(re.findall(r"(\w+)=", code.partition("figure = restyled(")[2])) <= set(
        style.restyled.__kwdefaults__
    ) and hasattr(encoding, "encoding_figure")
