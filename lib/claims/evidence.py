"""What others measured and published, beside the claims it bears on: read from evidence.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Evidence:
    """Published numbers.

    Attributes
    ----------
    claims : list of str
        Ids of the claims they bear on.
    what : str
        What was measured on which data.
    measures : list of str
        What the numbers of a row are.
    unit : str
        What they are measured in.
    values : mapping of row to list of float
        A network, an area or a layer, and its numbers as published.
    source : str
        Key in the bibliography.
    """

    claims: list[str]
    what: str
    measures: list[str]
    unit: str
    values: Mapping[str, list[float]]
    source: str


_ENTRIES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["evidence"]
EVIDENCE = tuple(Evidence(**entry) for entry in _ENTRIES)
