"""Small helpers behind the notebooks: participants and networks in, encoding, decoding and claims out."""

import difflib
import os
from collections.abc import Iterable

from tqdm import tqdm

# Threads of PyTorch and NumPy that wait should sleep, not spin: beside one other busy process, an eigendecomposition
# took ten times as long. Read once, when PyTorch and NumPy are first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "10")  # 2^10 cycles


def choose(kind: str, name: str, choices: Iterable[str]) -> str:
    """Return `name` if it is one of `choices`, else say which there are.

    Parameters
    ----------
    kind : str
        What is being chosen, for the message: "network", "ROI", ...
    name : str
    choices : iterable of str

    Raises
    ------
    ValueError
        Names the valid choices, and the closest one first if there is one.
    """
    choices = list(choices)
    if name in choices:
        return name
    close = difflib.get_close_matches(str(name), choices, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"Unknown {kind} {name!r}; choose one of {', '.join(choices)}.{hint}")


def progress(iterable: Iterable, description: str) -> tqdm:
    """Iterate with a progress bar that shows up after two seconds and leaves when done."""
    return tqdm(iterable, desc=description, delay=2, leave=False)
