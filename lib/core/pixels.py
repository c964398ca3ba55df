"""Pixels of pictures from arrays of any common kind."""

import numpy as np

GROUND = 128  # grey level behind transparent pixels: mid grey, the ground of objects that were cut out


def from_array(values: np.ndarray, name: str = "picture") -> np.ndarray:
    """Make a picture of numbers.

    Parameters
    ----------
    values : array of shape (height, width) or (height, width, 1 to 4)
        Grey, grey and alpha, RGB, or RGB and alpha: booleans, 8 or 16 bits, or floating-point numbers from 0 to 1.
    name : str
        What it is, for the message.

    Returns
    -------
    uint8 array of shape (height, width, 3)
        Transparent pixels show mid grey.

    Raises
    ------
    ValueError
        Another shape, or numbers of unknown range.

    >>> from_array(np.array([[0, 65535]], np.uint16)).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    values = np.asarray(values)
    if values.ndim not in (2, 3) or values.shape[2:] not in ((), (1,), (2,), (3,), (4,)) or not values.size:
        raise ValueError(f"{name}: expected pixels (height, width) or (height, width, 1 to 4), found {values.shape}.")
    levels = _eight_bits(values.reshape(*values.shape[:2], -1), name)
    n_colours = (levels.shape[2] - 1) // 2 * 2 + 1  # 1 or 3; the channel behind them is alpha
    colours = np.broadcast_to(levels[..., :n_colours], (*levels.shape[:2], 3))
    if n_colours == levels.shape[2]:
        return np.ascontiguousarray(colours)
    opacity = levels[..., -1:] / np.float32(255)
    return np.round(colours * opacity + GROUND * (1 - opacity)).astype(np.uint8)


def _eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Scale numbers of a known range to 0..255."""
    form, found = values.dtype.str[1:], str(values.dtype)  # "u2" in either order of the bytes
    if form == "u1":
        return values
    largest = {"b1": 1, "u2": 65535}.get(form)
    if values.dtype.kind in "if":
        low, high = values.min(), values.max()  # NaN if one of them is
        largest = 1 if form[0] == "f" and 0 <= low and high <= 1 else None
        found = f"{values.dtype} from {low} to {high}"
    if largest is None:
        expected = "8 or 16 bits a pixel, or floating-point numbers from 0 to 1"
        raise ValueError(f"{name}: expected {expected}, found {found}, whose range is unknown: save it with 8 bits.")
    return np.round(values * (255 / largest)).astype(np.uint8)
