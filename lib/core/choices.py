"""A choice among names; a wrong one is refused with the valid ones."""

import difflib
from collections.abc import Iterable


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
        Names the valid choices, and the closest one if there is one.

    Examples
    --------
    >>> choose("ROI", "V1", ["V1", "V2"])
    'V1'
    >>> choose("ROI", "v1", ["V1", "LOC"])
    Traceback (most recent call last):
    ValueError: Unknown ROI 'v1'; choose one of V1, LOC. Did you mean 'V1'?
    """
    choices = list(choices)
    if name in choices:
        return name
    by_small_letters = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(str(name).lower(), by_small_letters, n=1)
    hint = f" Did you mean {by_small_letters[close[0]]!r}?" if close else ""
    raise ValueError(f"Unknown {kind} {name!r}; choose one of {', '.join(choices)}.{hint}")
