"""Progress bars, all in one style."""

from collections.abc import Iterable

from tqdm import tqdm


def progress(iterable: Iterable, description: str) -> tqdm:
    """Iterate with a progress bar that shows up after two seconds and leaves when done."""
    return tqdm(iterable, desc=description, delay=2, leave=False)
