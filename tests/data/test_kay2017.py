"""The reader of Kay & Yeatman's second experiment on files of the published form, and on the file itself."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from lib.analysis.images92 import require_same_photographs
from lib.core import downloads
from lib.data.images92 import read_images92
from lib.data.kay2017 import CROP, Kay2017, read_kay2017
from lib.data.layouts import source_of

KAY2017 = source_of("kay2017")

AS_TEXT = sorted(range(1, 93), key=str)  # 1, 10, 11, ...
OTHERS = [f"OTHER{i}" for i in range(23)]
ORDERS = {
    "as published": ([f"NIKO{i:02}" for i in range(1, 93)], AS_TEXT),
    "labels as text": ([f"NIKO{i}" for i in AS_TEXT], AS_TEXT),
    "labels as numbers": ([f"NIKO{i}" for i in range(1, 93)], list(range(1, 93))),
    "backwards": ([f"NIKO{i}" for i in range(92, 0, -1)], list(range(92, 0, -1))),
}
Content = dict[str, np.ndarray | list[str]]


def content(order: str = "as published") -> Content:
    """Photograph i has grey level i, beta i / 100 in VWFA and i in FFA; a bright pixel marks row 2, column 5."""
    labels, numbers = ORDERS[order]
    frames = np.full((115, 240, 240), 200, np.uint8)
    betas = np.full((115, 2, 1), -9, np.float32)
    for row, number in enumerate(numbers, start=23):
        frames[row] = number
        frames[row, 5, 2] = 255  # MATLAB's rows are h5py's columns
        betas[row, :, 0] = number / 100, number
    return {
        "stimuli": frames, "stimlabels": OTHERS + labels, "roilabels": ["VWFA", "FFA"], "subjectbeta": betas,
        "subjectbetase": betas / 1000, "subjectbetaboot": np.arange(100, dtype=np.float32)[:, None, None, None] + betas,
    }  # fmt: skip


def write(path: Path, what: Content) -> Path:
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in what.items():
            if isinstance(values, np.ndarray):
                in_frame = values.shape == (115, 240, 240)  # the rest of the frame takes no room
                shape = (115, 1, 750, 750) if in_frame else values.shape
                options = {"fillvalue": 9, "chunks": (1, 1, 250, 250)} if in_frame else {}
                dataset = file.create_dataset(name, shape, values.dtype, **options)
                dataset[(slice(None), 0, CROP, CROP) if in_frame else ...] = values
                continue
            cells = file.create_dataset(name, (len(values), 1), h5py.ref_dtype)
            for i, text in enumerate(values):
                letters = file.create_dataset(f"#refs#/{name}{i}", data=np.array([list(map(ord, text))], np.uint16).T)
                cells[i, 0] = letters.ref
    return path


@pytest.mark.parametrize("order", ORDERS)
def test_photographs_are_found_by_number(tmp_path: Path, order: str) -> None:
    data = read_kay2017(write(tmp_path / "experiment2.mat", content(order)))
    numbers = np.arange(1, 93)
    assert data.images.shape == (92, 240, 240, 3) and data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images[:, 100, 100, 1], numbers)
    assert (data.images[:, 2, 5] == 255).all() and (data.images[:, 5, 2, 0] == numbers).all(), "not transposed"
    np.testing.assert_allclose(data.betas["FFA"], numbers)
    np.testing.assert_allclose(data.betas["VWFA"], numbers / 100, rtol=1e-6)
    np.testing.assert_allclose(data.standard_errors["FFA"], numbers / 1000, rtol=1e-6)
    assert data.bootstraps["FFA"].shape == (100, 92)
    np.testing.assert_allclose(data.bootstraps["FFA"], np.arange(100)[:, None] + numbers)
    assert not data.source.simulated and "CC BY" in data.source.licence


def test_ceiling_is_the_share_of_the_signal() -> None:
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=(2000, 92)), rng.normal(size=(2000, 92)) * 0.75
    reached = np.mean([np.corrcoef(a, a + b)[0, 1] for a, b in zip(signal, noise, strict=True)])
    errors = {"FFA": np.full(92, 0.75)}
    ceilings = [
        Kay2017(np.empty(0), {"FFA": a + b}, errors, {}, KAY2017).ceiling("FFA")
        for a, b in zip(signal, noise, strict=True)
    ]
    assert np.mean(ceilings) == pytest.approx(reached, abs=0.01)  # .8
    silent = Kay2017(np.empty(0), {"FFA": noise[0]}, {"FFA": np.full(92, 2.0)}, {}, KAY2017)
    assert silent.ceiling("FFA") == 0
    with pytest.raises(ValueError, match="Unknown area 'V1'; choose one of FFA"):
        silent.ceiling("V1")


def other(**changes: object) -> Callable[[Content], Content]:
    return lambda what: {**what, **changes}


def without(name: str) -> Callable[[Content], Content]:
    return lambda what: {key: values for key, values in what.items() if key != name}


def one_nan(what: Content) -> Content:
    what["subjectbetase"][40, 1, 0] = np.nan
    return what


NAMES = OTHERS + [f"NIKO{i}" for i in range(1, 93)]
BAD: dict[str, tuple[Callable[[Content], Content], str]] = {
    "an array gone": (without("subjectbetaboot"), r"expected MATLAB 7.3 arrays stimuli, .*, found KeyError"),
    "two people": (other(subjectbeta=np.zeros((115, 2, 2))), r"subjectbeta to be \(115, 2, 1\), found \(115, 2, 2\)"),
    "other frame": (
        other(stimuli=np.zeros((115, 1, 7, 750), np.uint8)),
        r"stimuli to be \(115, 1, 750, 750\), found \(115, 1, 7, 750\)",
    ),
    "pixels of floats": (other(stimuli=np.full((115, 240, 240), 7.0)), r"found float64 from 7.0 to 7.0"),
    "a photograph gone": (other(stimlabels=[*NAMES[:-1], "OTHER"]), "number of photographs to be 92, found 91"),
    "a photograph twice": (other(stimlabels=[*NAMES[:-1], "NIKO7"]), r"NIKO1 to NIKO92 to be \[\], found \['92'\]"),
    "no number": (other(stimlabels=[*NAMES[:-1], "NIKOX"]), r"NIKO1 to NIKO92 to be \[\], found \['92'\]"),
    "another area": (other(roilabels=["VWFA", "PPA"]), r"roilabels to be \['FFA', 'VWFA'\], found \['PPA', 'VWFA'\]"),
    "not a number": (one_nan, "values in subjectbetase that are not finite to be 0, found 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_says_what_was_expected_and_found(tmp_path: Path, case: str) -> None:
    spoil, sentence = BAD[case]
    path = write(tmp_path / "experiment2.mat", spoil(content("labels as numbers")))
    with pytest.raises(ValueError, match=sentence) as error:
        read_kay2017(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value) and len(str(error.value)) < 600


@pytest.mark.parametrize("bytes_", [b"", b"no such file\n" * 99])
def test_file_that_is_none(tmp_path: Path, bytes_: bytes) -> None:
    path = tmp_path / "experiment2.mat"
    with pytest.raises(FileNotFoundError, match=r"experiment2.mat: expected MATLAB 7.3 arrays .*, found no such file"):
        read_kay2017(path)
    path.write_bytes(bytes_)
    with pytest.raises(ValueError, match=r"experiment2.mat: expected MATLAB 7.3 arrays .*, found OSError"):
        read_kay2017(path)


def test_photographs_in_another_order_are_refused() -> None:
    """A box of its own for each, in two sizes and on two grounds."""
    rng, small, large = (
        np.random.default_rng(0),
        np.full((20, 80, 80, 3), 128, np.uint8),
        np.full((20, 160, 160, 3), 127, np.uint8),
    )
    for i, (top, left, height, width) in enumerate(rng.integers(8, 36, (20, 4))):
        small[i, top : top + height, left : left + width] = 30
        large[i, 2 * top : 2 * (top + height), 2 * left : 2 * (left + width)] = 30
    require_same_photographs(small, large)
    with pytest.raises(ValueError, match="expected the photographs of both in the same order, found 0 of 20"):
        require_same_photographs(small, np.roll(large, 1, axis=0))


@pytest.fixture(scope="module")
def measured() -> Kay2017:
    paths = downloads.cached("kay2017")
    if not paths:
        pytest.skip("the measured data are not in COMPANION_DATA: python -m lib fetch kay2017")
    return read_kay2017(*paths)


def test_measured_ceilings(measured: Kay2017) -> None:
    """Known for the published file: .97 over all photographs, .73 within those that show no face."""
    paths = downloads.cached("images92")
    if not paths:
        pytest.skip("the photographs are not in COMPANION_DATA: python -m lib fetch images92")
    data = read_images92(*paths)
    assert measured.ceiling("FFA") == pytest.approx(0.97, abs=0.005)
    assert measured.ceiling("FFA", ~data.face) == pytest.approx(0.73, abs=0.005) and (~data.face).sum() == 68
    assert measured.ceiling("VWFA") == pytest.approx(0.46, abs=0.005)
    betas = measured.betas["FFA"]
    assert np.median(betas[data.face]) > betas[~data.face].max()


def test_measured_photographs_are_those_of_images92(measured: Kay2017) -> None:
    paths = downloads.cached("images92")
    if not paths:
        pytest.skip("the photographs are not in COMPANION_DATA: python -m lib fetch images92")
    photographs = read_images92(*paths).images
    require_same_photographs(photographs, measured.images)
    with pytest.raises(ValueError, match=r"in the same order, found \d+ of 92 that look alike"):
        require_same_photographs(photographs, measured.images[np.array(AS_TEXT) - 1])
    boots = measured.bootstraps["FFA"].std(0, ddof=1)
    assert np.corrcoef(boots, measured.standard_errors["FFA"])[0, 1] > 0.5
