"""The reader of the 92 photographs on files of the published form, good and bad; the stand-in; the page."""

from collections.abc import Callable
from pathlib import Path

import h5py
import nbformat
import numpy as np
import pytest
from scipy.io import savemat

from lib.__main__ import main
from lib.analysis import rsa
from lib.analysis.images92 import load_images92
from lib.core import downloads
from lib.data import images92
from lib.data.images92 import Images92, read_images92
from lib.data.layouts import source_of
from lib.figures import rsa as figures
from lib.figures.style import notice
from lib.simulation.images92_like import simulate_images92

RNG = np.random.default_rng(0)
FIELDS = {"category": "human face", "human": 1, "face": 1, "animal": 1, "natural": 1}
PHOTOGRAPHS, RESPONSES = (Path(download.path).name for download in downloads.DATASETS["images92"])


def entries(n: int = 92, size: int = 175, dtype: type = np.uint8, drop: str = "") -> np.ndarray:
    """A 1 x n MATLAB struct array as the published file has it; image i is filled with i."""
    names = [name for name in (*FIELDS, "image") if name != drop]
    array = np.empty((1, n), dtype=[(name, object) for name in names])
    for i in range(n):
        values = {**FIELDS, "face": i % 2, "image": np.full((size, size, 3), i, dtype)}
        array[0, i] = tuple(values[name] for name in names)
    return array


def two_flags() -> np.ndarray:
    array = entries()
    array[0, 5]["face"] = np.array([1, 0])
    return array


def matrices(n: int = 92, people: int = 15) -> np.ndarray:
    """What h5py shows: (n, n, people), symmetric, zero on the diagonal; person p is p + 1 times the first."""
    upper = np.triu(RNG.uniform(0.1, 0.13, (n, n)), 1)
    return (upper + upper.T)[..., None] * np.arange(1, people + 1)


def write(folder: Path, photographs: np.ndarray, responses: dict[str, np.ndarray]) -> tuple[Path, Path]:
    savemat(folder / PHOTOGRAPHS, {"stimuli_92objs": photographs}, do_compression=True)
    # MATLAB 7.3 is HDF5 behind a block of 512 bytes that says so, and each array names its class.
    with h5py.File(folder / RESPONSES, "w", userblock_size=512) as file:
        for name, values in responses.items():
            file.create_dataset(name, data=values).attrs["MATLAB_class"] = np.bytes_("double")
    with (folder / RESPONSES).open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(116))
    return folder / PHOTOGRAPHS, folder / RESPONSES


@pytest.fixture(scope="module")
def good() -> dict[str, np.ndarray]:
    return {"EVC_RDMs": matrices(), "IT_RDMs": matrices()}


def test_reads_what_was_published(tmp_path: Path, good: dict[str, np.ndarray]) -> None:
    data = read_images92(*write(tmp_path, entries(), good))
    assert data.images.shape == (92, 175, 175, 3) and data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images[:, 0, 0, 0], np.arange(92))
    assert set(data.category) == {"human face"} and data.human.all()
    np.testing.assert_array_equal(data.face, np.arange(92) % 2 == 1)
    assert not data.source.simulated
    for roi in ("EVC", "IT"):
        assert data.rdms[roi].shape == (15, 92, 92)
        np.testing.assert_array_equal(data.rdms[roi][4], good[f"{roi}_RDMs"][:, :, 4])


def spoiled(values: np.ndarray, *index: int, by: float) -> np.ndarray:
    values = values.copy()
    values[index] = by
    return values


BAD: dict[str, tuple[Callable[[], np.ndarray], Callable[[np.ndarray], np.ndarray], str]] = {
    "too few images": (lambda: entries(91), lambda m: m, r"stimuli_92objs to be \(92,\), found \(91,\)"),
    "other size": (
        lambda: entries(size=64),
        lambda m: m,
        r"each image to be {'uint8 \(175, 175, 3\)'}, found {'uint8 \(64, 64, 3\)'}",
    ),
    "other type": (lambda: entries(dtype=np.float64), lambda m: m, r"found {'float64 \(175, 175, 3\)'}"),
    "field gone": (lambda: entries(drop="animal"), lambda m: m, "found KeyError: 'no field animal'"),
    "two flags": (two_flags, lambda m: m, "found ValueError: The truth value of an array"),
    "other layout": (entries, lambda m: np.moveaxis(m, -1, 0), r"\(92, 92, 15\), found \(15, 92, 92\)"),
    "person gone": (entries, lambda m: m[..., 1:], r"\(92, 92, 15\), found \(92, 92, 14\)"),
    "not a number": (entries, lambda m: spoiled(m, 3, 4, 5, by=np.nan), "not finite to be 0, found 1"),
    "asymmetric": (entries, lambda m: spoiled(m, 3, 4, 5, by=9.0), "largest asymmetry of IT_RDMs to be 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_says_what_was_expected_and_found(tmp_path: Path, good: dict[str, np.ndarray], case: str) -> None:
    photographs, spoil, sentence = BAD[case]
    paths = write(tmp_path, photographs(), good | {"IT_RDMs": spoil(good["IT_RDMs"])})
    with pytest.raises(ValueError, match=sentence) as error:
        read_images92(*paths)
    assert str(error.value).startswith(str(tmp_path)) and "\n" not in str(error.value)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("content", ["missing", "empty", "text", "truncated", "the other file"])
def test_file_that_is_none(tmp_path: Path, good: dict[str, np.ndarray], which: int, content: str) -> None:
    paths = write(tmp_path, entries(), good)
    whole = paths[which].read_bytes()
    new = {"empty": b"", "text": b"no such file\n" * 99, "truncated": whole[: len(whole) // 2]}
    new["the other file"] = paths[1 - which].read_bytes()
    paths[which].unlink()
    if content in new:
        paths[which].write_bytes(new[content])
    with pytest.raises((ValueError, FileNotFoundError), match=r"expected MATLAB .*, found (\w+: |no such)") as error:
        read_images92(*paths)
    assert str(paths[which]) in str(error.value) and "\n" not in str(error.value)


def test_array_gone(tmp_path: Path, good: dict[str, np.ndarray]) -> None:
    paths = write(tmp_path, entries(), {"EVC_RDMs": good["EVC_RDMs"]})
    with pytest.raises(ValueError, match=r"expected MATLAB 7.3 arrays EVC_RDMs and IT_RDMs, found KeyError"):
        read_images92(*paths)


@pytest.fixture(scope="module")
def stand_in() -> Images92:
    return simulate_images92()


def test_without_files_a_stand_in_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: Images92
) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    data = load_images92()
    assert data.source.simulated and "python -m lib fetch images92" in data.source.origin
    for name in ("images", "category", "human", "face", "animal", "natural"):
        np.testing.assert_array_equal(getattr(data, name), getattr(stand_in, name))
    assert list(tmp_path.iterdir()) == []


def test_stand_in_has_the_measured_form_and_noise(stand_in: Images92) -> None:
    assert len(stand_in.images) == len(stand_in.category) == 92
    for roi, lower in (("EVC", 0.242), ("IT", 0.453)):
        rdms = stand_in.rdms[roi]
        images92._check_rdms(Path("stand-in"), roi, np.moveaxis(rdms, 0, -1))
        assert rdms.min() >= 0 and rdms.max() <= 2 and not rdms[:, range(92), range(92)].any()
        assert rsa.rdm_noise_ceiling(rdms).lower_r == pytest.approx(lower, abs=0.08)


def test_stand_in_holds_what_was_planted(stand_in: Images92) -> None:
    pixels = rsa.rdm(stand_in.images.reshape(92, -1))
    animal = np.not_equal.outer(stand_in.animal, stand_in.animal)
    for roi, planted, other in (("EVC", pixels, animal), ("IT", animal, pixels)):
        rdms = stand_in.rdms[roi]
        assert rsa.compare(planted, rdms).mean() > rsa.compare(other, rdms).mean() + 0.1


def test_pictures_say_that_they_are_simulated(stand_in: Images92) -> None:
    assert "Simulated data" in notice(stand_in.source).data
    assert "Measured data" in notice(source_of("images92")).data
    for figure in (figures.contact_sheet(stand_in), figures.mean_rdms(stand_in)):
        assert "SIMULATED" in figure.get_suptitle()


def run_notebook(output: Path) -> str:
    """Everything the notebook printed or drew, drawings as the word PNG."""
    few = ["-p", "networks", '["alexnet-object"]', "-p", "n_folds", "2", "-p", "n_orders", "1", "-p", "n_halves", "1"]
    assert main(["run", "images92", *few, "--output", str(output)]) == 0
    outputs = [o for cell in nbformat.read(output, 4).cells for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "error"]
    shown = [o.get("text") or o["data"].get("text/markdown") or "PNG" * ("image/png" in o["data"]) for o in outputs]
    return "\n".join(shown)


@pytest.mark.slow("runs a notebook")
def test_notebook_without_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "nothing"))
    shown = run_notebook(tmp_path / "out.ipynb")
    assert "Simulated data" in shown and "python -m lib fetch kay2017" in shown
    assert shown.count("PNG") == 6


@pytest.mark.slow("runs a notebook")
def test_notebook_with_the_data(tmp_path: Path) -> None:
    if not (downloads.cached("images92") and downloads.cached("kay2017")):
        pytest.skip("the measured data are not in COMPANION_DATA: python -m lib fetch images92 kay2017")
    shown = run_notebook(tmp_path / "out.ipynb")
    assert "Measured data" in shown and shown.count("PNG") == 6
    for number in ("0.1638", "0.3155", "0.242", "0.453"):
        assert number in shown
