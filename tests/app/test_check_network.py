"""`python -m lib check NETWORK`: a network that was loaded wrongly is told, and what is right is counted."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib.__main__ import main
from lib.app import check_network
from lib.core.disk import read_json
from lib.core.downloads import cached
from lib.networks import ZOO, load_network
from lib.networks.network import Network


@pytest.fixture(scope="module")
def lite0() -> Network:
    return load_network("lite0-object", "published")


@pytest.mark.parametrize("name", sorted(read_json(check_network.RECORDED)))
def test_published_networks_answer_as_recorded(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not ZOO[name].package and not cached(name):
        pytest.skip(f"needs python -m lib fetch {name}")
    assert main(["check", name]) == 0
    assert f"{name} answers to 3 scenes as recorded" in capsys.readouterr().out


def test_other_pixels_and_other_weights_are_told(lite0: Network) -> None:
    with pytest.raises(
        ValueError, match=r"lite0-object: expected the largest outputs .*, found .*: get its file again"
    ):
        check_network.check_answers(dataclasses.replace(lite0, pixels={"as-trained": "imagenet"}))
    other = load_network("lite0-object", "published")
    with torch.no_grad():
        other.module.blocks[7].bn1.weight[0] += 0.3
    with pytest.raises(ValueError, match="get its file again"):
        check_network.check_answers(other)
    with pytest.raises(ValueError, match="no output is recorded; recorded are lite0-object"):
        check_network.check_answers(dataclasses.replace(lite0, name="mine"))


def test_right_answers_are_counted_on_a_list_of_ones_own(
    lite0: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Classes are the network's own answers to the squares, of which one is then taken away, one is put second."""
    rng = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)).resize((300, 200)).save(
            tmp_path / f"{i}.png"
        )
    shown = [check_network.middle(np.asarray(Image.open(tmp_path / f"{i}.png"))) for i in range(4)]
    output = check_network.extract(lite0, shown, ["Output"], preprocessing="as-trained")["Output"]
    order = np.argsort(-output, axis=1)
    labels = [order[0, 0], order[1, 0], order[2, 1], order[3, -1]]
    (tmp_path / "list.txt").write_text("".join(f"{i}.png {label}\n" for i, label in enumerate(labels)))
    assert main(["check", "lite0-object", str(tmp_path / "list.txt")]) == 0
    assert "4 pictures: top 1 50.0%, top 5 75.0%." in capsys.readouterr().out


def test_class_folders_are_numbered_in_their_order(tmp_path: Path) -> None:
    for name in ("n02", "n01", "n10"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").touch()
    found = check_network.labelled_pictures(tmp_path, 3)
    assert [(path.parent.name, label) for path, label in found] == [("n01", 0), ("n02", 1), ("n10", 2)]
    with pytest.raises(ValueError, match="expected 1000 folders, one a class, found 3"):
        check_network.labelled_pictures(tmp_path, 1000)


@pytest.mark.parametrize("line", ["a.jpg", "a.jpg 10", "a.jpg x", "7"])
def test_a_line_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(f"b.jpg 9\n{line}\n")
    with pytest.raises(ValueError, match=r"list\.txt, line 2: expected a picture and a class from 0 to 9, found"):
        check_network.labelled_pictures(tmp_path / "list.txt", 10)


def test_pictures_that_are_not_there_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "lite0-object", str(tmp_path / "no")]) == 2
    assert "expected a folder of class folders, or a list of pictures" in capsys.readouterr().err
    assert main(["check", "nsd"]) == 2 and main(["check", "no-such"]) == 2
    assert "data_root" in (words := capsys.readouterr().err) and "data set or network 'no-such'" in words


def test_the_middle_of_a_picture() -> None:
    picture = np.arange(80 * 160).reshape(80, 160)
    shown = check_network.middle(picture)
    assert shown.shape == (70, 70) and shown[0, 0] == picture[5, 45]
