"""The files that other machines read: workflows, Binder, conda, citations."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from browser import ROOT

from lib.app.copies import PACKAGE

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONSTRAINTS = (ROOT / "constraints.txt").read_text().splitlines()
EXECUTED = "_build/executed"


def tool(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of this environment, carried out."""
    command = [str(Path(sys.executable).with_name(str(words[0]))), *map(str, words[1:])]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def workflow(name: str) -> dict:
    """One workflow, as GitHub reads it."""
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


def steps(name: str) -> list[dict]:
    """All steps of a workflow."""
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.dependabot", [ROOT / ".github" / "dependabot.yml"]),
        ("vendor.citation-file-format", [ROOT / "CITATION.cff"]),
    ],
)
def test_files_follow_their_schema(schema: str, files: list[Path]) -> None:
    done = tool("check-jsonschema", "--builtin-schema", schema, *files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_are_safe() -> None:
    done = tool("zizmor", "--offline", "--no-progress", "--persona=pedantic", ROOT / ".github")
    assert done.returncode == 0, done.stdout + done.stderr


def test_linter_sees_what_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "unsafe.yml").write_text(re.sub("@[0-9a-f]{40} # ", "@", WORKFLOWS[0].read_text()))
    done = tool("zizmor", "--offline", "--no-progress", tmp_path / "unsafe.yml")
    assert done.returncode
    assert "unpinned-uses" in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_commands_exist(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []
    commands = [step["run"] for step in steps(path.stem) if step.get("run", "").startswith("make ")]
    targets = re.findall(r"^([.$()\w/-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = [word for command in commands for word in command.split()[1:]]
    assert {word.replace(".venv", "$(VENV)") for word in made} <= set(targets)
    tests = [word for step in steps(path.stem) for word in step.get("run", "").split() if word.startswith("tests/")]
    assert [name for name in tests if not (ROOT / name).exists()] == []


def test_pull_requests_pass_the_commands_of_the_readme() -> None:
    found = workflow("test")
    assert "pull_request" in found[True], "YAML reads the key `on` as true"
    in_readme = re.findall(r"^make \w+$", (ROOT / "README.md").read_text(), re.MULTILINE)
    commands = [step["run"] for step in steps("test") if "run" in step]
    assert commands == ["make check", "make book", "make test"]
    assert set(commands) <= set(in_readme)


def test_only_jobs_that_publish_may_write() -> None:
    writing = {
        (name.stem, job): {key for key, value in found["permissions"].items() if value == "write"}
        for name in WORKFLOWS
        for job, found in workflow(name.stem)["jobs"].items()
    }
    assert {key: value for key, value in writing.items() if value} == {
        ("book", "pages"): {"pages", "id-token"},
        ("book", "executed"): {"contents"},
        ("weekly", "tell"): {"issues"},
    }


def test_workflow_publishes_what_colab_opens() -> None:
    """`test_launch_links_name_files` checks that each Colab link names a file of this folder and branch."""
    jobs = workflow("book")["jobs"]
    uploads = [step["with"] for step in jobs["build"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert [(upload["name"], upload["path"]) for upload in uploads] == [("executed", EXECUTED)]
    download, push = jobs["executed"]["steps"]
    assert download["with"] == {"name": "executed", "path": push["working-directory"]}
    assert "--initial-branch=executed" in push["run"]
    assert push["run"].split()[-1] == "executed"


def test_notebooks_are_published_by_a_push_of_one_commit(tmp_path: Path) -> None:
    """The workflow's own commands, twice, with a folder in GitHub's place."""
    script = workflow("book")["jobs"]["executed"]["steps"][1]["run"]
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "gh").chmod(0o755)
    bare = tmp_path / "owner" / "book"
    subprocess.run(["git", "init", "--quiet", "--bare", bare], check=True)
    address = {"GITHUB_SERVER_URL": str(tmp_path), "GITHUB_REPOSITORY": "owner/book", "GITHUB_SHA": "abc"}
    environment = {**os.environ, **git, **address, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    for text in ("old", "new"):
        folder = tmp_path / text
        (folder / "notebooks").mkdir(parents=True)
        (folder / "notebooks" / "ridge.ipynb").write_text(text)
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, check=True)

    def ask(*words: str) -> str:
        return subprocess.run(["git", "-C", bare, *words], check=True, capture_output=True, text=True).stdout.strip()

    assert ask("show", "executed:notebooks/ridge.ipynb") == "new"
    assert ask("rev-list", "--count", "executed") == "1"


def test_conda_installs_what_make_installs() -> None:
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert conda == [f"python{PROJECT['project']['requires-python']}", "pip"]
    constraint, editable = (line.split() for line in pip["pip"])
    assert constraint == ["-c", "constraints.txt"]
    assert editable == ["-e", ".[book]"]
    assert f"$(PIP_INSTALL) {editable[0]} '{editable[1]}'" in (ROOT / "Makefile").read_text()
    assert "book" in PROJECT["project"]["optional-dependencies"]


def test_binder_installs_the_package_with_the_pinned_versions() -> None:
    index, constraint, editable = [
        line.split() for line in (ROOT / "binder" / "requirements.txt").read_text().splitlines() if line[0] != "#"
    ]
    assert index[0] == "--extra-index-url"
    assert index[1] in (ROOT / "README.md").read_text()
    assert constraint[0] == "-c"
    assert (ROOT / "binder" / constraint[1]).resolve() == ROOT / "constraints.txt", "relative to the file itself"
    assert editable == ["-e", "."], "relative to the repository, where repo2docker runs pip"
    language, version = (ROOT / "binder" / "runtime.txt").read_text().strip().split("-")
    assert language == "python"
    assert tuple(map(int, version.split("."))) >= (3, 11)
    assert version == steps("test")[1]["with"]["python-version"]


def test_binder_opens_sources_as_notebooks(tmp_path: Path) -> None:
    script = ROOT / "binder" / "postBuild"
    assert os.access(script, os.X_OK)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "JUPYTER_CONFIG_DIR": str(tmp_path)}
    subprocess.run([script], env=environment, check=True)
    settings = yaml.safe_load((tmp_path / "labconfig" / "default_setting_overrides.json").read_text())
    assert settings["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]["python"] == "Jupytext Notebook"


def test_everything_that_is_installed_by_name_is_pinned() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(requirement for extra in extras for requirement in extra)]
    names = {re.split(r"[\[=;<>~ ]", requirement)[0] for requirement in wanted} - {PACKAGE}

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    pinned = {plain(line.split("==")[0]) for line in CONSTRAINTS if "==" in line}
    assert {plain(name) for name in names} - pinned == set()
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+( ; .+)?", line) for line in CONSTRAINTS[1:])


def test_the_package_holds_every_module() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "lib").rglob("__init__.py")}
    packages = set(PROJECT["tool"]["setuptools"]["packages"])
    assert {".".join(folder.parts) for folder in folders} == packages
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        assert all(any((ROOT / package.replace(".", "/")).glob(pattern)) for pattern in patterns)
