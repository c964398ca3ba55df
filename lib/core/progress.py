"""Progress bars, all in one style."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

_Item = TypeVar("_Item")


def progress(iterable: Iterable[_Item], description: str) -> "tqdm[_Item]":
    """Iterate with a progress bar that appears after two seconds and disappears at the end."""
    return tqdm(iterable, desc=description, delay=2, leave=False)
