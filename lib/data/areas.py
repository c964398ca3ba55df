"""Visual areas as paper W groups them."""

from collections.abc import Iterable

from lib.core import choose

EARLY = ("V1", "V2", "V3", "V4")
PLACE = ("OPA", "PPA", "RSC")
FACE = ("FFA", "OFA", "aTLfaces")
ROIS = EARLY + PLACE + FACE


def chosen_rois(wanted: Iterable[str] | None, known: Iterable[str]) -> list[str]:
    """ROIs asked for: all that are known by default; a single name will do.

    Raises
    ------
    ValueError
        An unknown one, with the ones there are; or none is asked for.

    >>> chosen_rois("PPA", ROIS)
    ['PPA']
    """
    names = list(known) if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    if not names:
        raise ValueError("rois: expected at least one ROI, found none.")
    return [choose("ROI", roi, known) for roi in names]
