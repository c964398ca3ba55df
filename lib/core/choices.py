"""A choice among names: the valid ones are told when it fails."""

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
        Names the valid choices, and the closest one first if there is one.
    """
    choices = list(choices)
    if name in choices:
        return name
    close = difflib.get_close_matches(str(name), choices, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"Unknown {kind} {name!r}; choose one of {', '.join(choices)}.{hint}")
