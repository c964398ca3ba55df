"""Pictures of every mode, as a viewer shows them; what has no known range, no end or no bounds is refused."""

import re
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.core.pixels import from_array
from lib.data.pictures import open_picture

H, W = 32, 64
GREY = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))  # dark on the left, bright on the right
RGB = np.stack([GREY, GREY[:, ::-1], np.full_like(GREY, 7)], axis=2)
LEVELS = np.repeat(GREY[..., None], 3, axis=2)
ALPHA = np.zeros((H, W), np.uint8)
ALPHA[8:24, 20:40], ALPHA[:, 50:] = 255, 51


def shown(colours: np.ndarray, alpha: np.ndarray = ALPHA) -> np.ndarray:
    """Over mid grey."""
    opacity = alpha[..., None] / 255
    return colours * opacity + 128 * (1 - opacity)


def saved(path: Path, image: Image.Image, **options: object) -> np.ndarray:
    image.save(path, **options)
    picture = open_picture(path)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    return picture.astype(int)


rgba = np.dstack([RGB, ALPHA])
sixteen = Image.fromarray(GREY.astype(np.uint16) * 257)
palette = Image.fromarray(np.arange(H * W, dtype=np.uint8).reshape(H, W) % 4, "P")
palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
PALETTE = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]])[np.asarray(palette)]

MODES: dict[str, tuple[str, Image.Image, dict[str, object], np.ndarray, float]] = {
    "L": ("png", Image.fromarray(GREY), {}, LEVELS, 0),
    "RGB": ("png", Image.fromarray(RGB), {}, RGB, 0),
    "1": ("png", Image.fromarray(GREY > 100), {}, (LEVELS > 100) * 255, 0),
    "P": ("png", palette, {}, PALETTE, 0),
    "P in a GIF": ("gif", palette, {}, PALETTE, 0),
    "I;16": ("png", sixteen, {}, LEVELS, 0),
    "I;16 in a TIFF": ("tif", sixteen, {}, LEVELS, 0),
    "I;16 in a PGM": ("pgm", sixteen, {}, LEVELS, 0),
    "I;16B": ("tif", Image.fromarray((GREY.astype(np.uint16) * 257).astype(">u2")), {}, LEVELS, 0),
    "F of 0..1": ("tif", Image.fromarray(GREY.astype(np.float32) / 255), {}, LEVELS, 0),
    "RGBA": ("png", Image.fromarray(rgba), {}, shown(RGB), 0.51),
    "RGBA in a WebP": ("webp", Image.fromarray(rgba), {"lossless": True, "exact": True}, shown(RGB), 0.51),
    "LA": ("png", Image.fromarray(np.dstack([GREY, ALPHA]), "LA"), {}, shown(LEVELS), 0.51),
    "palette with a transparent colour": ("png", palette, {"transparency": 1}, None, 0),
    "palette with alpha": ("png", palette, {"transparency": bytes([255, 0, 51, 255])}, None, 0.51),
    "GIF with a transparent colour": ("gif", palette, {"transparency": 1}, None, 0),
    "RGB with a transparent colour": ("png", palette.convert("RGB"), {"transparency": (0, 255, 0)}, None, 0),
    "L with a transparent level": ("png", Image.fromarray(GREY), {"transparency": 255}, None, 0),
    "I;16 with a transparent level": ("png", sixteen, {"transparency": 65535}, None, 0),
    "CMYK": ("jpg", Image.fromarray(LEVELS).convert("CMYK"), {"quality": 98}, LEVELS, 3),
    "CMYK in a TIFF": ("tif", Image.fromarray(RGB).convert("CMYK"), {}, RGB, 2),
    "YCbCr": ("tif", Image.fromarray(RGB).convert("YCbCr"), {}, RGB, 3),
    "JPEG": ("jpg", Image.fromarray(LEVELS), {"quality": 98}, LEVELS, 3),
    "BMP": ("bmp", Image.fromarray(RGB), {}, RGB, 0),
}
CLEAR = np.asarray(palette) == 1
MODES["palette with a transparent colour"] = (
    *MODES["palette with a transparent colour"][:3],
    np.where(CLEAR[..., None], 128, PALETTE),
    0,
)
for name in ("GIF with a transparent colour", "RGB with a transparent colour"):
    MODES[name] = (*MODES[name][:3], np.where(CLEAR[..., None], 128, PALETTE), 0)
MODES["palette with alpha"] = (
    *MODES["palette with alpha"][:3],
    shown(PALETTE, np.array([255, 0, 51, 255])[np.asarray(palette)]),
    0.51,
)
for name in ("L with a transparent level", "I;16 with a transparent level"):
    MODES[name] = (*MODES[name][:3], np.where(LEVELS == 255, 128, LEVELS), 0)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read_as_it_is_seen(tmp_path: Path, mode: str) -> None:
    suffix, image, options, expected, tolerance = MODES[mode]
    found = saved(tmp_path / f"x.{suffix}", image, **options)
    np.testing.assert_allclose(found, expected, atol=max(tolerance, 1e-9))


@pytest.mark.parametrize("hidden", [0, 255])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_the_colour_under_transparent_pixels_is_never_seen(tmp_path: Path, mode: str, hidden: int) -> None:
    colours = np.where(ALPHA[..., None] == 0, hidden, RGB).astype(np.uint8)
    found = saved(tmp_path / "x.png", Image.fromarray(np.dstack([colours, ALPHA])).convert(mode))
    assert (found[ALPHA == 0] == 128).all()


TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, -1), 7: lambda x: np.rot90(x, -1)[::-1],
    8: lambda x: np.rot90(x),
}  # fmt: skip


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_turned_as_exif_says_and_once_only(tmp_path: Path, suffix: str, orientation: int) -> None:
    corner = RGB.copy()
    corner[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {"quality": 98, "subsampling": 0} if suffix == "jpg" else {}
    found = saved(tmp_path / f"x.{suffix}", Image.fromarray(corner), exif=exif, **options)
    np.testing.assert_allclose(found, TURNED[orientation](corner), atol=12)


def test_first_picture_of_several(tmp_path: Path) -> None:
    frames = [Image.fromarray(values) for values in (LEVELS, 255 - LEVELS)]
    for suffix in ("gif", "tif", "png", "webp"):
        more = {"lossless": True} if suffix == "webp" else {}
        found = saved(tmp_path / f"x.{suffix}", frames[0], save_all=True, append_images=frames[1:], **more)
        np.testing.assert_allclose(found, LEVELS, atol=2)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (Image.fromarray(GREY.astype(np.int32) * 257), r"found int32 from 0 to 65535"),
        (Image.fromarray(GREY.astype(np.float32)), r"found float32 from 0\.0 to 255\.0"),
        (Image.fromarray(GREY.astype(np.float32) / 255 - 0.5), r"found float32 from -0\.5 to 0\.5"),
        (Image.fromarray(np.where(GREY < 3, np.nan, 0.5).astype(np.float32)), r"found float32 from nan to nan"),
    ],
)
def test_numbers_of_unknown_range_are_refused(tmp_path: Path, image: Image.Image, found: str) -> None:
    image.save(tmp_path / "x.tif")
    expected = r"x\.tif: expected 8 or 16 bits a pixel, or floating-point numbers from 0 to 1, "
    with pytest.raises(ValueError, match=f"{expected}{found}, whose range is unknown: save it with 8 bits"):
        open_picture(tmp_path / "x.tif")


@pytest.mark.parametrize("size", [(12_000, 10_000), (9_500, 9_500), (20_000, 20_000)])
def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path, size: tuple[int, int]) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (8, 8)).save(bomb)
    whole = bytearray(bomb.read_bytes())
    whole[16:24] = b"".join(edge.to_bytes(4, "big") for edge in size)  # the header alone claims the size
    whole[29:33] = zlib.crc32(bytes(whole[12:29])).to_bytes(4, "big")
    bomb.write_bytes(whole)
    with warnings.catch_warnings(record=True) as told, pytest.raises(ValueError) as error:
        warnings.simplefilter("always")
        open_picture(bomb)
    assert not told
    assert str(error.value) == f"{bomb}: expected a picture of at most 89 million pixels, found more: scale it down."


def noise(suffix: str, path: Path) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path / f"whole.{suffix}")
    return (path / f"whole.{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "tif", "webp"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_a_picture_cut_short_is_one_sentence(tmp_path: Path, suffix: str, share: float) -> None:
    whole = noise(suffix, tmp_path)
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=re.escape(f"{path}: expected a picture, found ")) as error:
        open_picture(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_a_page_a_folder_and_nothing_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("page.jpg", "folder.jpg"):
        with pytest.raises((ValueError, OSError), match=f"{name}: expected a picture, found "):
            open_picture(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"none\.jpg: expected a picture, found no such file"):
        open_picture(tmp_path / "none.jpg")


ARRAYS = {
    "grey": (GREY, LEVELS),
    "grey, one channel": (GREY[..., None], LEVELS),
    "grey and alpha": (np.dstack([GREY, ALPHA]), shown(LEVELS)),
    "RGB": (RGB, RGB),
    "RGBA": (rgba, shown(RGB)),
    "16 bits": (RGB.astype(np.uint16) * 257, RGB),
    "16 bits, other order": ((RGB.astype(np.uint16) * 257).astype(">u2"), RGB),
    "16 bits with alpha": (rgba.astype(np.uint16) * 257, shown(RGB)),
    "floats": (RGB / 255, RGB),
    "half floats with alpha": ((rgba / 255).astype(np.float32), shown(RGB)),
    "booleans": (GREY > 9, (LEVELS > 9) * 255),
    "list": (GREY.tolist() and RGB[:1].astype(np.uint8), RGB[:1]),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_of_pixels(case: str) -> None:
    values, expected = ARRAYS[case]
    found = from_array(values)
    assert found.dtype == np.uint8 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=0.51)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (RGB.astype(int), r"found int64 from 0 to 255, whose range is unknown"),
        (RGB.astype(float), r"found float64 from 0\.0 to 255\.0"),
        (
            np.zeros((3, 4, 5), np.uint8),
            r"pixels \(height, width\) or \(height, width, 1 to 4\), found \(3, 4, 5\)",
        ),
        (np.zeros((0, 4, 3), np.uint8), r"found \(0, 4, 3\)"),
        (np.zeros(7, np.uint8), r"found \(7,\)"),
        (np.zeros((2, 2), complex), r"found complex128"),
        (np.array([["a"]]), r"found <U1"),
        (None, r"found \(\)"),
    ],
)
def test_arrays_that_are_no_pictures(values: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"cat: expected .*{sentence}"):
        from_array(values, "cat")


@pytest.mark.parametrize("levels", [GREY, GREY.astype(np.uint16) * 257, GREY / np.float32(255)])
def test_a_tiff_file_may_say_that_zero_is_white(tmp_path: Path, levels: np.ndarray) -> None:
    Image.fromarray(levels).save(tmp_path / "x.tif")
    black_is_zero = struct.pack("<HHIH", 262, 3, 1, 1)
    content = (tmp_path / "x.tif").read_bytes()
    assert content.count(black_is_zero) == 1
    (tmp_path / "x.tif").write_bytes(content.replace(black_is_zero, struct.pack("<HHIH", 262, 3, 1, 0)))
    np.testing.assert_array_equal(open_picture(tmp_path / "x.tif"), 255 - LEVELS)
